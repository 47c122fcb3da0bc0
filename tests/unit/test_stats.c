/* SPDX-License-Identifier: Apache-2.0 */
/* test_stats.c - core/stats.c: the times of vcpus and harts, read while they change. */
#include "fakes/fakes.h"

#include <hearth/kernel/hart.h>
#include <hearth/core/stats.h>
#include <hearth/arch/trap.h>

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h wants the above */
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

static struct vcpu v;
static struct stats_vcpu s;

static int fresh(void **state)
{
    (void)state;
    fake_timer_reset();
    fake_timer_now = 1000;
    memset(&v, 0, sizeof(v));
    memset(&harts[0]->stats, 0, sizeof(harts[0]->stats));
    v.run_state = VCPU_STOPPED;
    return 0;
}

static void times(uint64_t run, uint64_t wait, uint64_t steal, uint64_t idle)
{
    stats_vcpu_read(&v, &s);
    assert_int_equal(s.run, run);
    assert_int_equal(s.wait, wait);
    assert_int_equal(s.steal, steal);
    assert_int_equal(s.idle, idle);
}

static void test_vcpu_times(void **state)
{
    (void)state;
    times(0, 0, 0, 0);
    stats_vcpu_moves(&v, VCPU_RUNNABLE, 1000, 0);
    fake_timer_now = 1030; /* the wait so far is counted */
    times(0, 30, 0, 0);
    assert_int_equal(s.state, VCPU_RUNNABLE);
    stats_vcpu_moves(&v, VCPU_RUNNING, 1040, 25);
    fake_timer_now = 1050;
    times(10, 40, 25, 0);
    stats_vcpu_moves(&v, VCPU_BLOCKED, 1100, 0);
    fake_timer_now = 1107;
    times(60, 40, 25, 7);
    stats_vcpu_moves(&v, VCPU_RUNNABLE, 1200, 0);
    stats_vcpu_moves(&v, VCPU_RUNNING, 1200, 0);
    stats_vcpu_moves(&v, VCPU_STOPPED, 1205, 0);
    fake_timer_now = 99999;
    times(65, 40, 25, 100);
    assert_int_equal(s.state, VCPU_STOPPED);
    stats_vcpu_moves(&v, VCPU_RUNNABLE, 100000, 0); /* time in STOPPED is not counted */
    fake_timer_now = 100001;
    times(65, 41, 25, 100);
}

static void test_clocks_of_harts_differ(void **state)
{
    (void)state;
    stats_vcpu_moves(&v, VCPU_RUNNABLE, 1000, 0);
    stats_vcpu_moves(&v, VCPU_RUNNING, 990, 0);
    times(10, 0, 0, 0);
    stats_vcpu_moves(&v, VCPU_BLOCKED, 1010, 0);
    times(20, 0, 0, 0);
}

static void test_vcpu_exits(void **state)
{
    (void)state;
    v.stats.exits = 100;
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
        v.stats.by_reason[i] = i + 1;
    stats_vcpu_read(&v, &s);
    assert_int_equal(s.exits, 100);
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
        assert_int_equal(s.by_reason[i], i + 1);
}

static void latency(uint64_t ticks, unsigned bucket)
{
    uint64_t before[STATS_BUCKETS], after[STATS_BUCKETS], others[STATS_BUCKETS];

    stats_latency_read(&v, EXIT_REASON_HALT, before);
    v.stats.reason = &v.stats.by_reason[EXIT_REASON_HALT];
    stats_latency_add(&v, ticks);
    stats_latency_read(&v, EXIT_REASON_HALT, after);
    before[bucket]++;
    assert_memory_equal(before, after, sizeof(before));
    stats_latency_read(&v, EXIT_REASON_TIMER, others);
    for (unsigned i = 0; i < STATS_BUCKETS; i++)
        assert_int_equal(others[i], 0);
}

static void test_latency_buckets(void **state)
{
    (void)state;
    latency(0, 0);
    for (unsigned i = 1; i < STATS_BUCKETS - 1; i++) {
        latency(1ull << (i - 1), i);
        latency((1ull << i) - 1, i);
    }
    latency(1ull << (STATS_BUCKETS - 2), STATS_BUCKETS - 1);
    latency(1ull << 40, STATS_BUCKETS - 1);
    latency(UINT64_MAX, STATS_BUCKETS - 1); /* as after a clock that goes back */
}

static void test_hart(void **state)
{
    struct hart *h = harts[0];
    struct stats_hart out;

    (void)state;
    h->stats.switches = 3;
    h->stats.fences = 4;
    h->stats.irqs[IRQ_S_SOFT] = 5;
    h->stats.irqs[IRQ_S_TIMER] = 6;
    h->stats.irqs[IRQ_S_EXT] = 7;
    stats_hart_idles(h, true);
    fake_timer_now += 11;
    stats_hart_read(0, &out);
    assert_int_equal(out.idle, 11);
    stats_hart_idles(h, false);
    fake_timer_now += 100;
    stats_hart_read(0, &out);
    assert_int_equal(out.idle, 11);
    assert_int_equal(out.switches, 3);
    assert_int_equal(out.fences, 4);
    assert_int_equal(out.irq_software, 5);
    assert_int_equal(out.irq_timer, 6);
    assert_int_equal(out.irq_external, 7);
    stats_hart_idles(h, true);
    fake_timer_now += 4;
    stats_hart_idles(h, false);
    stats_hart_read(0, &out);
    assert_int_equal(out.idle, 15);
}

enum { WAIT = 5, RUN = 3, IDLE = 7, ROUNDS = 300000 };

static void *mover(void *done)
{
    uint64_t now = 1000;

    for (unsigned i = 0; i < ROUNDS; i++) {
        stats_vcpu_moves(&v, VCPU_RUNNING, now += WAIT, 2);
        stats_vcpu_moves(&v, VCPU_BLOCKED, now += RUN, 0);
        stats_vcpu_moves(&v, VCPU_RUNNABLE, now += IDLE, 0);
    }
    __atomic_store_n((int *)done, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Another hart changes the state all the time: the values of one read belong together. */
static void test_read_while_it_moves(void **state)
{
    pthread_t thread;
    int done = 0;

    (void)state;
    fake_timer_now = 0; /* adds nothing for the present state */
    stats_vcpu_moves(&v, VCPU_RUNNABLE, 1000, 0);
    assert_int_equal(pthread_create(&thread, NULL, mover, &done), 0);
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        stats_vcpu_read(&v, &s);
        assert_in_range(s.wait / WAIT, s.run / RUN, s.run / RUN + 1);
        assert_in_range(s.run / RUN, s.idle / IDLE, s.idle / IDLE + 1);
        assert_in_range(s.wait / WAIT, s.idle / IDLE, s.idle / IDLE + 1);
        assert_int_equal(s.steal, s.wait / WAIT * 2);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    times((uint64_t)RUN * ROUNDS, (uint64_t)WAIT * ROUNDS, 2 * ROUNDS, (uint64_t)IDLE * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_vcpu_times, fresh),
        cmocka_unit_test_setup(test_clocks_of_harts_differ, fresh),
        cmocka_unit_test_setup(test_vcpu_exits, fresh),
        cmocka_unit_test_setup(test_latency_buckets, fresh),
        cmocka_unit_test_setup(test_hart, fresh),
        cmocka_unit_test_setup(test_read_while_it_moves, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
