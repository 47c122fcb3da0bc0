/*
 * console_device.c - which device is the host's console, and how its input arrives: by interrupt,
 * or by polling with a timer. Boot only; what stays is the poll event, touched by the boot hart
 * alone.
 */
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/platform/hostirq.h>
#include <hearth/kernel/log.h>
#include <hearth/platform/platform.h>
#include <hearth/kernel/timer.h>

#define POLL_US 10000

static const struct console_ops *console_device;
static struct timer_event poll_event;

static const struct {
    enum uart_kind kind;
    const struct console_ops *(*probe)(const struct platform *p);
} uart_drivers[] = {
    {UART_NS16550, ns16550_probe},
};

void console_init_device(const struct platform *p)
{
    console_device = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(uart_drivers) && console_device == NULL; i++) {
        if (uart_drivers[i].kind == p->uart.kind)
            console_device = uart_drivers[i].probe(p);
    }
    if (console_device == NULL)
        console_device = &sbi_console_ops;
    console_set_device(console_device);
}

static void console_irq(void *arg)
{
    (void)arg;
    console_input();
}

static void console_poll(struct timer_event *ev)
{
    console_input();
    timer_arm(ev, timer_now() + timer_ticks_from_us(POLL_US));
}

void console_start_input(const struct platform *p)
{
    int err = -HV_ENODEV;

    if (console_device->irq_enable != NULL && p->uart.irq != 0)
        err = hostirq_request(p->uart.irq, this_hart()->index, console_irq, NULL);
    if (err == 0) {
        console_device->irq_enable();
        log_info("console: %s, interrupt %u", console_device->name, p->uart.irq);
        return;
    }
    poll_event.deadline = UINT64_MAX;
    poll_event.fn = console_poll;
    timer_arm(&poll_event, timer_now() + timer_ticks_from_us(POLL_US));
    log_info("console: %s, polled", console_device->name);
}
