/* SPDX-License-Identifier: Apache-2.0 */
/* test_sched.c - core/sched/: order, waking and blocking, the accounting of run and steal time,
 * changes of parameters; on one or two harts, step by step. test_sched_sim.c has random workloads.
 */
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <hearth/core/hart_sched.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/core/sched.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define SLICE 30000 /* ticks */

static struct vm vm;
static struct vcpu a, b, c;
static struct hart *h;
static unsigned ipis;

void ipi_send(unsigned index)
{
    assert_ptr_not_equal(harts[index], this_hart());
    ipis++;
}

static int fresh(void **state)
{
    int err = fake_reset(state);

    fake_timer_reset();
    fake_timer_now = 1000;
    h = harts[0];
    harts_count = 2;
    for (unsigned i = 0; i < 2; i++)
        sched_init_hart(harts[i]);
    sched_hart_online(h); /* hart 1 comes online when a test needs it */
    memset(&vm, 0, sizeof(vm));
    vm.config.vcpus = 3;
    assert_int_equal(sched_vm_init(&vm), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct vcpu *v = (struct vcpu *[]){&a, &b, &c}[i];

        *v = (struct vcpu){.vm = &vm, .id = i};
        vm.vcpus[i] = v;
        sched_vcpu_init(v);
    }
    ipis = 0;
    return err;
}

static void pass(uint64_t ticks)
{
    fake_timer_now += ticks;
}

/* As if it had used up its slice: all vcpus that wait are before it. */
static void turn_over(struct vcpu *v)
{
    v->sched.deadline = v->sched.vruntime;
    sched_requeue(v, false);
}

static void times(const struct vcpu *v, uint64_t run, uint64_t steal)
{
    assert_int_equal(v->stats.run_ticks, run);
    assert_int_equal(v->stats.steal_ticks, steal);
}

static void test_round_robin(void **state)
{
    (void)state;
    assert_null(sched_next(h));
    sched_start(&a);
    sched_start(&b);
    sched_start(&c);
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(sched_next(h), &a);
        assert_int_equal(a.run_state, VCPU_RUNNING);
        turn_over(&a);
        assert_int_equal(a.run_state, VCPU_RUNNABLE);
        assert_ptr_equal(sched_next(h), &b);
        turn_over(&b);
        assert_ptr_equal(sched_next(h), &c);
        turn_over(&c);
    }
    assert_int_equal(ipis, 0);
}

static void test_block_and_wake(void **state)
{
    (void)state;
    sched_start(&a);
    sched_wake(&a); /* it is queued already: no effect */
    assert_ptr_equal(sched_next(h), &a);
    assert_true(sched_block(&a));
    assert_null(sched_next(h));
    sched_wake(&a);
    sched_wake(&a);
    assert_ptr_equal(sched_next(h), &a);
    assert_null(sched_next(h));
    sched_wake(&a); /* while it runs */
    assert_false(sched_block(&a));
    assert_int_equal(a.run_state, VCPU_RUNNING);
    assert_true(sched_block(&a)); /* both wakes together count once */

    fake_this_hart = harts[1];
    sched_wake(&a);
    assert_int_equal(ipis, 1);
    fake_this_hart = h;
    assert_ptr_equal(sched_next(h), &a);
    sched_stop(&a);
    sched_wake(&a);
    assert_null(sched_next(h));
    assert_int_equal(a.run_state, VCPU_STOPPED);
}

/* No time is stolen from a vcpu that is alone. */
static void test_alone(void **state)
{
    (void)state;
    sched_start(&a);
    pass(7); /* the hart reacts late */
    assert_ptr_equal(sched_next(h), &a);
    times(&a, 0, 0);
    pass(10);
    turn_over(&a);
    times(&a, 10, 0);
    pass(5);
    assert_ptr_equal(sched_next(h), &a);
    pass(20);
    assert_true(sched_block(&a));
    times(&a, 30, 0);
    pass(1000);
    assert_null(sched_next(h));
    sched_wake(&a);
    pass(50);
    assert_ptr_equal(sched_next(h), &a);
    pass(1);
    sched_wake(&a);
    assert_false(sched_block(&a));
    pass(1);
    turn_over(&a);
    assert_ptr_equal(sched_next(h), &a);
    sched_stop(&a);
    times(&a, 32, 0);
}

static void test_steal(void **state)
{
    (void)state;
    sched_start(&a);
    assert_ptr_equal(sched_next(h), &a);
    pass(30);
    sched_start(&b); /* in the middle of a's slice */
    pass(70);
    times(&b, 0, 0); /* counted when the wait is over */
    turn_over(&a);
    pass(3); /* charged to no vcpu */
    assert_ptr_equal(sched_next(h), &b);
    times(&a, 100, 0);
    times(&b, 0, 70);
    pass(40);
    assert_true(sched_block(&b));
    pass(2);
    assert_ptr_equal(sched_next(h), &a);
    times(&a, 100, 40);
    times(&b, 40, 70);
    pass(500); /* b is idle: nothing is stolen from it */
    turn_over(&a);
    assert_ptr_equal(sched_next(h), &a);
    times(&a, 600, 40);
    times(&b, 40, 70);
    sched_wake(&b);
    pass(11);
    turn_over(&a);
    assert_ptr_equal(sched_next(h), &b);
    times(&b, 40, 81);
}

/* Three share a hart: each waits for the other two. */
static void test_three(void **state)
{
    struct vcpu *const all[] = {&a, &b, &c};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        sched_start(all[i]);
    for (unsigned i = 0; i < 300; i++) {
        struct vcpu *v = sched_next(h);

        assert_ptr_equal(v, all[i % 3]);
        pass(10);
        turn_over(v);
    }
    times(&a, 1000, 99 * 20);
    times(&b, 1000, 99 * 20 + 10);
    times(&c, 1000, 99 * 20 + 20);
}

/* The time of a VM's end is stolen time of the vcpus that wait. */
static void test_stop_keeps_the_hart(void **state)
{
    (void)state;
    sched_start(&a);
    sched_start(&b);
    assert_ptr_equal(sched_next(h), &a);
    pass(10);
    sched_stop(&a);
    times(&a, 10, 0);
    pass(100);
    sched_start(&a);
    pass(1);
    assert_ptr_equal(sched_next(h), &b);
    times(&b, 0, 111);
    assert_true(sched_block(&b));
    assert_ptr_equal(sched_next(h), &a);
    times(&a, 10, 1);
    sched_stop(&a);
    pass(100);
    assert_null(sched_next(h)); /* none is left */
    sched_wake(&b);
    pass(100);
    assert_ptr_equal(sched_next(h), &b);
    times(&b, 0, 111);
}

/* A long exit followed by a restart: others get as much time before the vcpu runs again. */
static void test_restart_forgives_nothing(void **state)
{
    static struct vm other_vm;
    struct vcpu other = {.vm = &other_vm};

    (void)state;
    memset(&other_vm, 0, sizeof(other_vm));
    other_vm.config.vcpus = 1;
    other_vm.vcpus[0] = &other;
    assert_int_equal(sched_vm_init(&other_vm), 0);
    sched_vcpu_init(&other);
    sched_start(&other);
    sched_start(&a);
    for (unsigned i = 0; i < 200; i++) {
        struct vcpu *v = sched_next(h);

        assert_non_null(v);
        if (v == &other) {
            pass(SLICE);
            sched_requeue(v, false);
        } else {
            pass(10 * SLICE);
            sched_stop(v);
            sched_start(v);
        }
    }
    assert_in_range(a.stats.run_ticks, other.stats.run_ticks - 12 * SLICE,
                    other.stats.run_ticks + 12 * SLICE);
}

/* Another hart's clock is a little ahead of or behind this one's. */
static void test_clocks(void **state)
{
    (void)state;
    sched_start(&a);
    assert_ptr_equal(sched_next(h), &a);
    fake_timer_now -= 5;
    sched_start(&b); /* before a got the hart, by its clock */
    fake_timer_now += 25;
    turn_over(&a);
    assert_ptr_equal(sched_next(h), &b);
    times(&a, 20, 0);
    times(&b, 0, 20);

    fake_timer_now += 10;
    sched_start(&c);
    fake_timer_now -= 5;
    turn_over(&b);
    for (unsigned i = 0; i < 3 && c.run_state != VCPU_RUNNING; i++) {
        struct vcpu *v = sched_next(h);

        if (v != &c)
            sched_stop(v);
    }
    assert_int_equal(c.run_state, VCPU_RUNNING);
    times(&c, 0, 0); /* queued after b was done, by its clock */
}

/* A higher priority preempts at once; equals take turns. */
static void test_priority(void **state)
{
    (void)state;
    assert_int_equal(sched_set_priority(&vm, 1, 5), 0);
    assert_int_equal(sched_set_priority(&vm, 2, 5), 0);
    sched_start(&a);
    assert_ptr_equal(sched_next(h), &a);
    sched_start(&b);
    assert_int_equal(h->resched, 1);
    sched_requeue(&a, false);
    assert_ptr_equal(sched_next(h), &b);
    sched_start(&c);
    assert_int_equal(h->resched, 0);
    pass(SLICE / 2);
    assert_int_equal(sched_set_priority(&vm, 0, 6), 0);
    assert_int_equal(h->resched, 1);
    sched_requeue(&b, false);
    assert_ptr_equal(sched_next(h), &a);
    assert_true(sched_block(&a));
    assert_ptr_equal(sched_next(h), &b); /* preempted: still before its equal */
    sched_requeue(&b, true);
    assert_ptr_equal(sched_next(h), &c); /* yielded */
    assert_false(sched_slice_is_over(h));
    pass(SLICE);
    assert_true(sched_slice_is_over(h));
    sched_requeue(&c, false);
    assert_ptr_equal(sched_next(h), &b); /* used up its slice */
}

/* A vcpu in a waiting loop has short slices, and gives up the rest of a whole slice. */
static void test_spins(void **state)
{
    (void)state;
    sched_start(&a);
    sched_start(&b);
    a.sched.spins = 1;
    for (unsigned i = 0; i < 4; i++) {
        struct vcpu *v = sched_next(h);

        if (v != &a) {
            sched_contention_changed(h);
            assert_ptr_equal(v, &b);
            pass(SLICE);
            assert_true(sched_slice_is_over(h));
            sched_requeue(v, false);
            v = sched_next(h);
        }
        assert_ptr_equal(v, &a);
        assert_false(sched_slice_is_over(h));
        pass(SLICE / 30);
        assert_true(sched_slice_is_over(h));
        sched_requeue(v, true);
    }
    assert_true(b.stats.run_ticks >= 3 * SLICE);
    assert_int_equal(a.stats.run_ticks, 4 * (SLICE / 30));
}

/* Its slice does not end while only lower priorities wait; it ends once an equal waits. */
static void test_priority_turns(void **state)
{
    (void)state;
    assert_int_equal(sched_set_priority(&vm, 0, 5), 0);
    assert_int_equal(sched_set_priority(&vm, 2, 5), 0);
    sched_start(&a);
    assert_ptr_equal(sched_next(h), &a);
    a.hart = h;
    h->current = &a;
    sched_contention_changed(h);
    sched_start(&b);
    assert_int_equal(h->slice, UINT64_MAX);
    assert_true(a.ctx.hstatus & HSTATUS_VTW);
    sched_start(&c);
    assert_int_equal(h->resched, 0);
    assert_int_equal(h->slice, fake_timer_now + SLICE);
}

static void test_bad_values(void **state)
{
    struct sched_params p;

    (void)state;
    assert_int_equal(sched_set_weight(&vm, 3, 100), -HV_ENOENT);
    assert_int_equal(sched_set_weight(&vm, 0, 0), -HV_ERANGE);
    assert_int_equal(sched_set_weight(&vm, SCHED_ALL, 10001), -HV_ERANGE);
    assert_int_equal(sched_set_priority(&vm, 0, 100), -HV_ERANGE);
    assert_int_equal(sched_set_cap(&vm, 0, 101), -HV_ERANGE);
    assert_int_equal(sched_set_cap(&vm, SCHED_ALL, 301), -HV_ERANGE);
    assert_int_equal(sched_set_affinity(&vm, 0, 2), -HV_EINVAL); /* hart 1 is not online */
    assert_int_equal(sched_set_affinity(&vm, 7, 1), -HV_ENOENT);
    assert_int_equal(sched_get_params(&vm, 3, &p), -HV_ENOENT);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(sched_get_params(&vm, i, &p), 0);
        assert_int_equal(p.weight, 100);
        assert_int_equal(p.priority + p.cap, 0);
        assert_int_equal(p.affinity, UINT64_MAX);
    }
    assert_int_equal(sched_vm_cap(&vm), 0);
    assert_int_equal(sched_set_cap(&vm, SCHED_ALL, 300), 0);
    assert_int_equal(sched_vm_cap(&vm), 300);
}

/* The affinity of a loaded vcpu excludes its hart, and allows it again before the unload. */
static void test_affinity_restored(void **state)
{
    (void)state;
    sched_hart_online(harts[1]);
    assert_int_equal(sched_set_affinity(&vm, 0, 1), 0);
    sched_start(&a);
    assert_ptr_equal(sched_next(h), &a);
    a.hart = h;
    h->current = &a;
    assert_int_equal(sched_set_affinity(&vm, 0, 2), 0);
    assert_int_equal(h->resched, 1);
    sched_requeue(&a, false);
    assert_null(sched_next(h));
    assert_int_equal(sched_set_affinity(&vm, 0, 3), 0);
    if (sched_must_unload(h, &a))
        sched_unloaded(h, &a);
    assert_ptr_equal(sched_next(h), &a);
}

/* A throttled vcpu is unloaded, so that its guest learns of the stolen time at the next load. */
static void test_throttled_is_unloaded(void **state)
{
    const struct timer_event *refill = &a.sched.cap_timer;

    (void)state;
    assert_int_equal(sched_set_cap(&vm, 0, 50), 0);
    sched_start(&a);
    assert_ptr_equal(sched_next(h), &a);
    a.hart = h;
    h->current = &a;
    pass(100000); /* half of the 20 ms period */
    sched_requeue(&a, false);
    assert_null(sched_next(h));
    assert_int_not_equal(refill->deadline, UINT64_MAX);
    assert_true(sched_must_unload(h, &a));
    sched_unloaded(h, &a);
    assert_null(sched_next(h));
    fake_timer_now = refill->deadline;
    fake_timer_run(0);
    assert_ptr_equal(sched_next(h), &a);
    assert_false(sched_must_unload(h, &a));
    assert_int_equal(a.stats.steal_ticks, 100000);
}

/* ---- sched_exchange() ---- */

#define CROWD 8

/* The state after one step of a run. */
struct step {
    unsigned who;
    uint64_t vruntime, deadline, slice_end, run, wait, stolen, recent;
};

static unsigned shortcuts;

static struct vcpu *give_way(struct vcpu *v, bool yields, bool shortcut)
{
    struct vcpu *next = NULL;

    if (shortcut)
        next = sched_exchange(v, yields);
    else
        sched_requeue(v, yields);
    shortcuts += next != NULL;
    return next != NULL ? next : sched_next(h);
}

/* Ends of slices, yields, sleeps and wake-ups, with and without priorities and caps: the results of
 * sched_exchange() are those of sched_requeue() and sched_next(). */
static void crowd_runs(uint64_t seed, bool shortcut, struct step *out, unsigned steps)
{
    static struct vcpu crowd[CROWD];
    const bool equal = seed % 2, plain = seed % 3, calm = seed % 6 == 1;
    struct vcpu *v;

    (void)fresh(NULL);
    memset(crowd, 0, sizeof(crowd));
    vm.config.vcpus = CROWD;
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i] = (struct vcpu){.vm = &vm, .id = i};
        vm.vcpus[i] = &crowd[i];
        sched_vcpu_init(&crowd[i]);
        if (!equal)
            assert_int_equal(sched_set_weight(&vm, i, 1 + (uint32_t)(fake_random(&seed) % 1000)),
                             0);
        if (!plain && fake_random(&seed) % 4 == 0)
            assert_int_equal(sched_set_priority(&vm, i, 1 + (uint32_t)(fake_random(&seed) % 2)), 0);
        if (!plain && fake_random(&seed) % 4 == 0)
            assert_int_equal(sched_set_cap(&vm, i, 20), 0);
        sched_start(&crowd[i]);
    }
    v = sched_next(h);
    for (unsigned n = 0; n < steps; n++) {
        const uint64_t dice = fake_random(&seed) >> 32;
        struct vcpu *other = &crowd[fake_random(&seed) % CROWD];

        pass(calm       ? (dice % 2 ? dice % SLICE : SLICE)
             : dice % 5 ? dice % SLICE
                        : dice % 20 * SLICE);
        fake_timer_run(0);
        sched_wake(other);
        if (v == NULL)
            v = sched_next(h);
        else if (!calm && dice % 7 == 0 && sched_block(v))
            v = sched_next(h);
        else
            v = give_way(v, dice % 2, shortcut);
        out[n] = (struct step){.who = CROWD};
        if (v != NULL)
            out[n] = (struct step){v->id,
                                   v->sched.vruntime,
                                   v->sched.deadline,
                                   hart_sched(h)->slice_end,
                                   v->stats.run_ticks,
                                   v->stats.wait_ticks,
                                   v->stats.steal_ticks,
                                   v->sched.recent};
    }
}

static void test_shortcut(void **state)
{
    static struct step one[1000], other[1000];

    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        shortcuts = 0;
        crowd_runs(seed, true, one, ARRAY_SIZE(one));
        if (seed % 6 == 1)
            assert_true(shortcuts > ARRAY_SIZE(one) * 9 / 10);
        crowd_runs(seed, false, other, ARRAY_SIZE(other));
        assert_memory_equal(one, other, sizeof(one));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_round_robin, fresh),
        cmocka_unit_test_setup(test_block_and_wake, fresh),
        cmocka_unit_test_setup(test_alone, fresh),
        cmocka_unit_test_setup(test_steal, fresh),
        cmocka_unit_test_setup(test_three, fresh),
        cmocka_unit_test_setup(test_stop_keeps_the_hart, fresh),
        cmocka_unit_test_setup(test_restart_forgives_nothing, fresh),
        cmocka_unit_test_setup(test_clocks, fresh),
        cmocka_unit_test_setup(test_priority, fresh),
        cmocka_unit_test_setup(test_spins, fresh),
        cmocka_unit_test_setup(test_priority_turns, fresh),
        cmocka_unit_test_setup(test_bad_values, fresh),
        cmocka_unit_test_setup(test_affinity_restored, fresh),
        cmocka_unit_test_setup(test_throttled_is_unloaded, fresh),
        cmocka_unit_test_setup(test_shortcut, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
