/*
 * console_device.c - chooses the host's console device from the device tree. Boot only; no state.
 */
#include <hearth/drivers/console_device.h>
#include <hearth/platform/platform.h>

static const struct {
    enum uart_kind kind;
    const struct console_ops *(*probe)(const struct platform *p);
} uart_drivers[] = {
    {UART_NS16550, ns16550_probe},
};

const struct console_ops *console_device_find(const struct platform *p)
{
    const struct console_ops *device = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(uart_drivers) && device == NULL; i++) {
        if (uart_drivers[i].kind == p->uart.kind)
            device = uart_drivers[i].probe(p);
    }
    return device != NULL ? device : &sbi_console_ops;
}
