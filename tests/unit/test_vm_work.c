/* SPDX-License-Identifier: Apache-2.0 */
/* test_vm_work.c - core/vm_work.c with the real scheduler: when a VM's worker keeps its hart, and
 * when it is in a queue. */
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <hearth/core/hart_sched.h>
#include <hearth/core/sched.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vm_work.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/irq.h>

#include <stdarg.h>
#include <setjmp.h>
/* cmocka.h wants the above */
#include <cmocka.h>
#include <string.h>

static struct vm vm;
static struct vcpu vcpu, worker;
static struct hart *h;
static unsigned chunks_left, chunks_run;
static bool resched_in_chunk;

void ipi_send(unsigned hart)
{
    (void)hart;
}

void irq_poll_pending(uint64_t pending)
{
    (void)pending;
}

static bool chunk(struct work *w)
{
    (void)w;
    chunks_run++;
    if (resched_in_chunk)
        h->resched = 1;
    return --chunks_left != 0;
}

static struct work item = {.fn = chunk};

static int up(void **state)
{
    (void)fake_reset(state);
    fake_timer_reset();
    harts_count = 1;
    h = fake_this_hart = harts[0];
    sched_init_hart(h);
    sched_hart_online(h);
    memset(&vm, 0, sizeof(vm));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(&worker, 0, sizeof(worker));
    vm.config.vcpus = 1;
    assert_int_equal(sched_vm_init(&vm), 0);
    vcpu.vm = &vm;
    vm.vcpus[0] = &vcpu;
    sched_vcpu_init(&vcpu);
    vm_work_create(&vm, &worker);
    chunks_run = 0;
    resched_in_chunk = true;
    return 0;
}

static void run_worker(unsigned chunks)
{
    chunks_left = chunks;
    vm_work_queue(&vm, &item);
    assert_ptr_equal(sched_next(h), &worker);
    vm_work_run(&worker);
    assert_null(worker.hart);
}

/* The item may have ended the VM, whose memory is freed next: the worker is in no queue, although
 * its hart was needed just then. */
static void test_last_item(void **state)
{
    (void)state;
    run_worker(1);
    assert_int_equal(chunks_run, 1);
    assert_int_equal(worker.run_state, VCPU_BLOCKED);
    assert_false(worker.sched.queued);
    assert_int_equal(hart_sched(h)->queued, 0);
    vm_work_destroy(&vm);
    assert_null(sched_next(h));
}

static void test_leaves_between_chunks(void **state)
{
    (void)state;
    run_worker(3);
    assert_int_equal(chunks_run, 1);
    assert_int_equal(worker.run_state, VCPU_RUNNABLE);
    assert_true(worker.sched.queued);
}

static void test_keeps_the_hart(void **state)
{
    (void)state;
    resched_in_chunk = false;
    run_worker(3);
    assert_int_equal(chunks_run, 3);
    assert_int_equal(worker.run_state, VCPU_BLOCKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_last_item, up),
        cmocka_unit_test_setup(test_leaves_between_chunks, up),
        cmocka_unit_test_setup(test_keeps_the_hart, up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
