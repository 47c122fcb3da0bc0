/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_input.c - received bytes: delivering them to the attached client or the shell, and
 * Ctrl-].
 *
 * While the reader's ring is full the device is not read (input_held): its receive interrupt is
 * disabled, and the sender waits if the line has flow control. Reading resumes when the reader has
 * freed a part of the ring. If the reader has read nothing for HOLD_US, it has stopped or ignores
 * input: then reading resumes, and all bytes but Ctrl-] and the reader's cancel key are dropped.
 *
 * Locking: con.lock. console_interrupt(), console_attach() and the timers run on the hart that has
 * the device's interrupt.
 */
#include "console_internal.h"

#include <arch/atomic.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/platform/hostirq.h>
#include <hearth/kernel/log.h>
#include <hearth/platform/platform.h>
#include <hearth/kernel/timer.h>

#include <stdio.h>

#define INPUT_MAX    128u /* bytes per interrupt */
#define REFUSED_MAX  4u   /* calls of ops->room() per interrupt */
#define KEY_DETACH   0x1d /* Ctrl-] */
#define HOLD_US      2000000u
#define REPORT_US    1000000u
#define POLL_US      10000u
#define POLL_MORE_US 1000u

uint32_t input_held;

static void input_hold_timeout(struct timer_event *ev);
static void input_report_timeout(struct timer_event *ev);

static struct {
    bool dropping;       /* the ring is still full, and the device is read */
    uint32_t tail;       /* the reader's tail when the hold timer was armed */
    uint64_t unreported; /* dropped bytes not reported yet */
    /* Input typed at the shell behind the command that attached the client: delivered before the
     * device's. */
    char ahead[RX_SIZE];
    size_t ahead_at, ahead_end;
    struct timer_event hold, poll, report;
    bool reporting; /* the timer is armed */
} input = {
    .hold = {.deadline = UINT64_MAX, .fn = input_hold_timeout},
    .report = {.deadline = UINT64_MAX, .fn = input_report_timeout},
};

/* State of one call of console_interrupt(). */
struct input_round {
    struct console_client *woken; /* has new input; its ops->input() has to be called */
    bool hold;                    /* the hold timer has to be armed */
};

static void input_report(void) __must_hold(&con.lock)
{
    const struct console_client *c = input_reader();
    char text[80 + CONSOLE_NAME_MAX];

    if (input.unreported == 0)
        return;
    (void)snprintf(text, sizeof(text), "hearth: console: %lu bytes of input%s%s dropped\n",
                   input.unreported, c != NULL && c->name != NULL ? " for " : "",
                   c != NULL && c->name != NULL ? c->name : "");
    input.unreported = 0;
    line_host_say(text);
}

static void input_dropped(struct console_client *c) __must_hold(&con.lock)
{
    input.unreported++;
    atomic_store_relaxed(&con.counts.input_dropped, con.counts.input_dropped + 1);
    if (c == NULL)
        return;
    atomic_store_relaxed(&c->counts.input_dropped, c->counts.input_dropped + 1);
    if (c->ops->has_lost_mark)
        client_replace_input(c, c->ops->lost_mark);
}

/* Resumes reading the device, from the interrupt. */
static void input_release(void)
{
    if (!input_held)
        return;
    atomic_store_relaxed(&input_held, 0);
    input.dropping = false;
    con.attention |= input_waits_ahead();
    out_set_irqs(con.irqs | CONSOLE_IRQ_RX);
}

void input_change_reader(void)
{
    input_report();
    input_release();
}

bool input_waits_ahead(void)
{
    return input.ahead_at != input.ahead_end && (!input_held || input.dropping);
}

void input_consumed(struct console_client *c)
{
    console_acquire();
    if (c == input_reader() && (input.dropping || client_input_room(c) >= RX_SIZE / 4)) {
        input_report();
        input_release();
    }
    console_release();
}

/* Stops reading the device because the reader's ring is full. False: it has room again. */
static bool input_hold(struct console_client *c, struct input_round *round)
{
    if (!input_held) {
        atomic_store_relaxed(&input_held, 1);
        atomic_fence_seq(); /* client_move_tail() sets the tail before it checks input_held */
        if (client_input_room(c) != 0) {
            atomic_store_relaxed(&input_held, 0);
            return false;
        }
        round->hold = true;
        input.tail = atomic_load_relaxed(&c->rx_tail);
    }
    out_set_irqs(con.irqs & ~CONSOLE_IRQ_RX);
    return true;
}

static void input_hold_timeout(struct timer_event *ev)
{
    struct console_client *c;
    bool rearm = false;

    console_acquire();
    c = input_reader();
    if (input_held && c != NULL && !input.dropping) {
        const uint32_t tail = atomic_load_relaxed(&c->rx_tail);

        rearm = tail != input.tail;
        input.tail = tail;
        if (!rearm) {
            input.dropping = true;
            con.attention |= input.ahead_at != input.ahead_end;
            out_set_irqs(con.irqs | CONSOLE_IRQ_RX);
        }
    }
    console_release();
    if (rearm)
        timer_arm(ev, timer_now() + timer_ticks_from_us(HOLD_US));
}

static int input_next(void) __must_hold(&con.lock)
{
    if (unlikely(input.ahead_at != input.ahead_end))
        return (uint8_t)input.ahead[input.ahead_at++];
    return con.device->read();
}

/* Tells the client that has new input, before another client gets the round's further input. */
static void input_wake(struct input_round *round) __must_hold(&con.lock)
{
    struct console_client *c = round->woken;

    if (c == NULL)
        return;
    round->woken = NULL;
    console_release();
    c->ops->input(c->owner);
    console_acquire();
}

/* Delivers a received byte. */
static void input_deliver(char byte, struct input_round *round) __must_hold(&con.lock)
{
    struct console_client *c;

    if (byte == KEY_DETACH && !con.shell) {
        input_wake(round);
        if (con.shell_client != NULL)
            attach_shell();
        else
            attach_next();
        if (con.shell)
            round->woken = con.shell_client;
        return;
    }
    c = input_reader();
    if (c != round->woken)
        input_wake(round);
    c = input_reader();
    if (c == NULL) {
        input_dropped(NULL);
    } else if (client_put_input(c, byte)) {
        round->woken = c;
    } else if (c->ops->cancel_key != 0 && byte == c->ops->cancel_key) {
        client_replace_input(c, byte);
        round->woken = c;
    } else {
        input_dropped(c);
    }
}

/* Reads a bounded number of bytes. True: there may be more. */
static bool input_read(struct input_round *round) __must_hold(&con.lock)
{
    for (unsigned i = 0; i < INPUT_MAX; i++) {
        struct console_client *c = input_reader();
        int byte;

        if (c != NULL && !input.dropping && client_input_room(c) == 0 && input_hold(c, round))
            return false;
        byte = input_next();
        if (byte == CONSOLE_READ_NONE)
            return false;
        if (byte == CONSOLE_READ_LOST)
            input_dropped(c);
        else
            input_deliver((char)byte, round);
    }
    return true;
}

bool console_interrupt(void)
{
    struct input_round round = {0};
    struct console_client *c;
    bool more, report;

    console_acquire();
    more = input_read(&round);
    if (!input_held && input_reader() != NULL)
        input_report();
    input_wake(&round);
    out_move();
    for (unsigned i = 0; i < REFUSED_MAX && (c = client_next_refused()) != NULL; i++) {
        console_release();
        c->ops->room(c->owner);
        console_acquire();
    }
    more |= (con.irqs & CONSOLE_IRQ_TX) != 0;
    report = con.report_due && !input.reporting;
    input.reporting |= report;
    console_release();
    if (report)
        timer_arm(&input.report, timer_now() + timer_ticks_from_us(REPORT_US));
    if (round.hold)
        timer_arm(&input.hold, timer_now() + timer_ticks_from_us(HOLD_US));
    return more;
}

static void input_report_timeout(struct timer_event *ev)
{
    (void)ev;
    input.reporting = false;
    (void)console_interrupt();
}

/* Moves input that the shell has not read to the front of `ahead`; it came from there if `ahead` is
 * not empty, so there is room. No other hart changes either of them. */
static void input_return_to_ahead(struct console_client *shell)
{
    const uint32_t n = RX_SIZE - client_input_room(shell);

    if (input.ahead_at == input.ahead_end)
        input.ahead_at = input.ahead_end = n;
    input.ahead_at -= n;
    (void)console_client_read(shell, input.ahead + input.ahead_at, n);
}

void console_attach(struct console_client *c)
{
    if (con.shell_client != NULL)
        input_return_to_ahead(con.shell_client);
    console_acquire();
    attach_client(c, true);
    console_release();
    (void)console_interrupt();
}

/* ---- boot ---- */

static void console_irq(void *arg)
{
    (void)arg;
    (void)console_interrupt();
}

static void console_poll(struct timer_event *ev)
{
    const bool more = console_interrupt();

    timer_arm(ev, timer_now() + timer_ticks_from_us(more ? POLL_MORE_US : POLL_US));
}

void console_init(void)
{
    log_set_sink(&console_log_sink);
}

void console_init_device(void)
{
    out_set_device(console_device_get());
}

void console_start(const struct platform *p)
{
    int err = -HV_ENODEV;

    if (con.device->set_irqs != NULL && p->uart.irq != 0)
        err = hostirq_request(p->uart.irq, this_hart()->index, console_irq, NULL);
    if (err == 0) {
        log_info("console: %s, interrupt %u", con.device->name, p->uart.irq);
    } else {
        log_info("console: %s, polled", con.device->name);
        input.poll = (struct timer_event){.deadline = UINT64_MAX, .fn = console_poll};
        timer_arm(&input.poll, timer_now() + timer_ticks_from_us(POLL_US));
    }
    out_end_waiting(err != 0);
}

void console_set_shell(struct console_client *shell)
{
    con.shell_client = shell;
}
