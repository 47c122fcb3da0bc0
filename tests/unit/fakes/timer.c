/* timer.c - fake: hart-local events on a clock that the test moves. Misuse aborts. */
#include <hearth/hart.h>

#include "fakes.h"

#include <stdlib.h>

uint64_t fake_timer_now;
uint64_t fake_timer_step;
struct timer_event *fake_timer_armed[HARTS_MAX];

uint64_t timer_now(void)
{
    fake_timer_now += fake_timer_step;
    return fake_timer_now;
}

uint64_t timer_ticks_from_us(uint64_t us)
{
    return us * 10;
}

uint64_t timer_us_from_ticks(uint64_t ticks)
{
    return ticks / 10;
}

uint64_t timer_ns_from_ticks(uint64_t ticks)
{
    return ticks * 100;
}

static bool unlink_from(unsigned hart, struct timer_event *ev)
{
    struct timer_event **p = &fake_timer_armed[hart];

    while (*p && *p != ev)
        p = &(*p)->next;
    if (!*p)
        return false;
    *p = ev->next;
    return true;
}

void timer_cancel(struct timer_event *ev)
{
    for (unsigned h = 0; h < HARTS_MAX; h++)
        if (unlink_from(h, ev) && h != this_hart()->index)
            abort(); /* armed on another hart: not ours to touch */
    ev->deadline = UINT64_MAX;
}

void timer_arm(struct timer_event *ev, uint64_t deadline)
{
    timer_cancel(ev);
    ev->deadline = deadline;
    ev->next = fake_timer_armed[this_hart()->index];
    fake_timer_armed[this_hart()->index] = ev;
}

void fake_timer_run(unsigned hart)
{
    struct timer_event *ev = fake_timer_armed[hart];

    if (this_hart()->index != hart)
        abort();
    while (ev) {
        if (ev->deadline <= fake_timer_now) {
            timer_cancel(ev);
            ev->fn(ev);
            ev = fake_timer_armed[hart];
        } else {
            ev = ev->next;
        }
    }
}

void fake_timer_reset(void)
{
    fake_timer_now = 0;
    fake_timer_step = 0;
    for (unsigned h = 0; h < HARTS_MAX; h++)
        fake_timer_armed[h] = NULL;
}
