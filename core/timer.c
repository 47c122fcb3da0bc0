/*
 * timer.c - one-shot events of each hart, kept sorted by deadline; the first one is what the
 * comparator holds. Hart-local: no lock. Few events exist at a time (a slice, sleeping vcpus of the
 * hart), so a list serves.
 */
#include <arch/csr.h>
#include <hearth/hart.h>
#include <hearth/isa.h>
#include <hearth/platform.h>
#include <hearth/sbi_client.h>
#include <hearth/timer.h>
#include <hearth/trap.h>

uint64_t timer_now(void)
{
    return csr_read(CSR_TIME);
}

uint64_t timer_ticks_from_us(uint64_t us)
{
    return us * (host_platform.timebase_hz / 1000) / 1000;
}

uint64_t timer_us_from_ticks(uint64_t ticks)
{
    uint64_t hz = host_platform.timebase_hz;

    return ticks / hz * 1000000 + ticks % hz * 1000000 / hz;
}

uint64_t timer_ns_from_ticks(uint64_t ticks)
{
    uint64_t hz = host_platform.timebase_hz;

    return ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz;
}

static void timer_program(struct hart *h)
{
    uint64_t deadline = h->timers != NULL ? h->timers->deadline : UINT64_MAX;

    if (deadline == h->timer_programmed)
        return;
    h->timer_programmed = deadline;
    if (host_isa.sstc)
        csr_write(CSR_STIMECMP, deadline);
    else
        sbi_client_set_timer(deadline);
}

static void timer_unlink(struct hart *h, struct timer_event *ev)
{
    for (struct timer_event **p = &h->timers; *p != NULL; p = &(*p)->next)
        if (*p == ev) {
            *p = ev->next;
            break;
        }
    ev->deadline = UINT64_MAX;
    ev->next = NULL;
}

void timer_arm(struct timer_event *ev, uint64_t deadline)
{
    struct hart *h = this_hart();
    struct timer_event **p = &h->timers;

    if (ev->deadline != UINT64_MAX)
        timer_unlink(h, ev);
    if (deadline == UINT64_MAX) {
        timer_program(h);
        return;
    }
    while (*p != NULL && (*p)->deadline <= deadline)
        p = &(*p)->next;
    ev->deadline = deadline;
    ev->next = *p;
    *p = ev;
    timer_program(h);
}

void timer_cancel(struct timer_event *ev)
{
    struct hart *h = this_hart();

    if (ev->deadline == UINT64_MAX)
        return;
    timer_unlink(h, ev);
    timer_program(h);
}

void timer_interrupt(void)
{
    struct hart *h = this_hart();
    uint64_t now = timer_now();

    /* Bounded: an event is unlinked before it runs, and one that re-arms itself is not due again by
     * `now`. */
    while (h->timers != NULL && h->timers->deadline <= now) {
        struct timer_event *ev = h->timers;

        timer_unlink(h, ev);
        ev->fn(ev);
    }
    /* The firmware's comparator must be moved on even when the deadline is what it was. */
    h->timer_programmed = 0;
    timer_program(h);
}

void timer_init_hart(void)
{
    struct hart *h = this_hart();

    h->timer_programmed = 0;
    timer_program(h);
    csr_set(CSR_SIE, BIT(IRQ_S_TIMER));
}
