/* SPDX-License-Identifier: Apache-2.0 */
/* test_work.c - kernel/work.c: work items that a hart runs beside its vcpus. */
#include "fakes/fakes.h"

#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/work.h>

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h wants the above */
#include <cmocka.h>
#include <string.h>

#define SLICE (WORK_SLICE_US * 10ull)
#define GAP   (WORK_GAP_US * 10ull)

static struct hart other;
static struct hart *h;
static unsigned ipis;
static struct piece {
    struct work work;
    unsigned left, done;
    uint64_t ticks; /* duration of each part */
} pieces[3];
static unsigned order[16], parts;

void ipi_send(unsigned hart)
{
    assert_int_equal(hart, 1);
    ipis++;
}

static bool part(struct work *w)
{
    struct piece *p = container_of(w, struct piece, work);

    assert_int_equal(fake_locks_held, 0);
    order[parts++] = (unsigned)(p - pieces);
    fake_timer_now += p->ticks;
    p->done++;
    return --p->left > 0;
}

static int up(void **state)
{
    (void)state;
    harts[1] = &other;
    h = harts[0];
    memset(h, 0, sizeof(*h));
    memset(&other, 0, sizeof(other));
    other.index = 1;
    fake_this_hart = h;
    fake_timer_reset();
    fake_timer_now = 7000;
    work_init_hart(h);
    work_init_hart(&other);
    ipis = parts = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++)
        pieces[i] = (struct piece){.work.fn = part, .left = 1};
    return 0;
}

static void test_in_order(void **state)
{
    (void)state;
    assert_false(work_pending(h));
    work_run(h); /* there is none */
    pieces[0].left = 2;
    for (unsigned i = 0; i < 3; i++)
        work_queue(h, &pieces[i].work);
    assert_true(work_pending(h));
    assert_int_equal(h->work_due, 1);
    assert_int_equal(h->resched, 1);
    assert_int_equal(ipis, 0);
    work_run(h);
    assert_int_equal(parts, 4);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 1);
    assert_int_equal(order[2], 2);
    assert_int_equal(order[3], 0); /* its second part comes behind the others */
    assert_false(work_pending(h));
    assert_int_equal(h->work_due, 0);
    assert_int_equal(fake_timer_next(0), UINT64_MAX);
    /* The queue is empty, and usable. */
    pieces[1].left = 1;
    work_queue(h, &pieces[1].work);
    work_run(h);
    assert_int_equal(parts, 5);
}

static void test_slice_and_gap(void **state)
{
    (void)state;
    pieces[0].left = pieces[1].left = 100;
    pieces[0].ticks = pieces[1].ticks = SLICE / 4;
    work_queue(h, &pieces[0].work);
    work_queue(h, &pieces[1].work);
    h->resched = 0;
    work_run(h);
    assert_int_equal(parts, 4); /* one slice, in turns */
    assert_int_equal(pieces[0].done, 2);
    assert_true(work_pending(h));
    assert_int_equal(h->work_due, 0);
    assert_int_equal(fake_timer_next(0), fake_timer_now + GAP);
    /* It is queued behind the other work. */
    work_queue(h, &pieces[2].work);
    assert_int_equal(h->work_due, 0);
    assert_int_equal(h->resched, 0);
    fake_timer_now += GAP;
    fake_timer_run(0);
    assert_int_equal(h->work_due, 1);
    assert_int_equal(h->resched, 1);
    work_run(h);
    assert_int_equal(pieces[2].done, 1);
    /* An idle hart runs the work before the gap is over: resched is not set again. */
    pieces[0].left = pieces[1].left = 1;
    work_run(h);
    assert_false(work_pending(h));
    assert_int_equal(fake_timer_next(0), UINT64_MAX);
}

static void test_for_another_hart(void **state)
{
    (void)state;
    work_queue(&other, &pieces[0].work);
    assert_int_equal(ipis, 1);
    assert_int_equal(other.work_due, 1);
    assert_int_equal(h->work_due, 0);
    assert_int_equal(h->resched, 0);
    work_queue(&other, &pieces[1].work);
    assert_int_equal(ipis, 1);
    /* sched_next() has cleared resched; the interrupt sets it again while work is due. */
    other.resched = 0;
    fake_this_hart = &other;
    work_interrupted();
    assert_int_equal(other.resched, 1);
    work_run(&other);
    other.resched = 0;
    work_interrupted();
    assert_int_equal(other.resched, 0);
    assert_int_equal(parts, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_in_order, up),
        cmocka_unit_test_setup(test_slice_and_gap, up),
        cmocka_unit_test_setup(test_for_another_hart, up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
