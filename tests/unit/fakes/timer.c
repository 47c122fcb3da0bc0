/* SPDX-License-Identifier: Apache-2.0 */
/* timer.c - fake: events on a clock that the test sets. Each hart's events are in a list, linked by
 * node.parent. */
#include <hearth/kernel/hart.h>

#include "fakes.h"

#include <stdlib.h>

uint64_t fake_timer_now;
uint64_t fake_timer_step;
struct timer_event *fake_timer_armed[HARTS_MAX];

uint64_t clock_read(void)
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

/* Like the real function: an event is on at most one hart's list. */
void timer_cancel(struct timer_event *ev)
{
    for (unsigned h = 0; h < HARTS_MAX; h++) {
        struct timer_event **p = &fake_timer_armed[h];

        while (*p && *p != ev)
            p = (struct timer_event **)(void *)&(*p)->node.parent;
        if (*p)
            *p = (void *)ev->node.parent;
    }
    ev->node.parent = NULL;
    ev->deadline = UINT64_MAX;
}

void timer_arm(struct timer_event *ev, uint64_t deadline)
{
    timer_cancel(ev);
    if (deadline == UINT64_MAX)
        return;
    ev->deadline = deadline;
    ev->node.parent = (void *)fake_timer_armed[this_hart()->index];
    fake_timer_armed[this_hart()->index] = ev;
}

void timer_set_slice(uint64_t deadline)
{
    this_hart()->slice = deadline;
}

uint64_t fake_timer_next(unsigned hart)
{
    uint64_t next = harts[hart]->slice;

    for (const struct timer_event *ev = fake_timer_armed[hart]; ev; ev = (void *)ev->node.parent)
        if (ev->deadline < next)
            next = ev->deadline;
    return next;
}

void fake_timer_run(unsigned hart)
{
    struct timer_event *ev = fake_timer_armed[hart];

    if (this_hart()->index != hart)
        abort();
    if (this_hart()->slice <= fake_timer_now) {
        this_hart()->slice = UINT64_MAX;
        this_hart()->resched = 1;
    }
    while (ev) {
        if (ev->deadline <= fake_timer_now) {
            timer_cancel(ev);
            ev->fn(ev);
            ev = fake_timer_armed[hart];
        } else {
            ev = (void *)ev->node.parent;
        }
    }
}

void fake_timer_reset(void)
{
    fake_timer_now = 0;
    fake_timer_step = 0;
    for (unsigned h = 0; h < HARTS_MAX; h++) {
        fake_timer_armed[h] = NULL;
        if (harts[h])
            harts[h]->slice = UINT64_MAX;
    }
}
