/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle_test.h - the world around a VM's life, for test_lifecycle*.c: vcpus that do what is
 * asked of them, a loader, the work lists, components that check what they are told. One test
 * program a .c file, so the definitions are static.
 */
#pragma once

#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <abi/sbi.h>
#include <arch/step.h>
#include <hearth/console/console.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/pause.h>
#include <hearth/core/sched.h>
#include <hearth/core/teardown.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>
#include <hearth/lib/errno.h>

#include <limits.h>

#define TEST static __attribute__((unused))

#define VCPUS  2
#define CHUNKS 3 /* that the loader takes */
#define HARTS  3 /* online, of four: hart 1 is not */
#define ENTRY  0x80200000ul
#define FDT    0x83e00000ul

static struct vm vm;
static struct vcpu vcpus[VCPUS];
static bool ready[VCPUS]; /* the scheduler has it: it will have its turn */

static struct life {
    bool listed, freed, terminal; /* in the table; freed; its console may be attached */
    bool started, held;           /* between vm_started and vm_ended; vm_held's answer */
    unsigned resets, ends, stoppings, settled, loaders, frees;
    uint64_t detached;             /* harts */
    struct work *item;             /* queued, or NULL */
    unsigned item_hart;            /* HARTS_MAX: the VM's own list */
    int begin_answer, step_answer; /* of the loader; 0: it works */
    unsigned chunks;
    bool guest_runs_into; /* a vcpu that has its turn starts the other one */
} life;

static void (*step)(void); /* done before each atomic operation, as by another hart */

void fake_step_hook(void)
{
    if (step != NULL)
        step();
}

TEST bool vm_lock_is_free(void)
{
    return vm.lock.raw.next == vm.lock.raw.owner;
}

/* ---- work */

static void queue(struct work *work, unsigned hart)
{
    assert_ptr_equal(work, &vm.work);
    assert_null(life.item); /* never twice at once */
    assert_false(life.freed);
    life.item = work;
    life.item_hart = hart;
}

void work_queue(struct hart *hart, struct work *work)
{
    assert_true(hart->online);
    queue(work, hart->index);
}

void vm_work_queue(struct vm *of, struct work *work)
{
    assert_ptr_equal(of, &vm);
    queue(work, HARTS_MAX);
}

/* The item's turn. False: there is none. */
TEST bool work_turn(void)
{
    struct work *w = life.item;

    if (w == NULL)
        return false;
    life.item = NULL;
    if (life.item_hart != HARTS_MAX)
        fake_this_hart = &fake_harts[life.item_hart];
    if (w->fn(w))
        life.item = w;
    fake_this_hart = &fake_harts[0];
    return true;
}

/* ---- the loader */

struct loader {
    unsigned left;
};
static struct loader loader;

int loader_begin(const struct vm *of, struct loader **out, const char **why)
{
    assert_ptr_equal(of, &vm);
    assert_int_equal(life.loaders, 0);
    assert_int_equal(of->vcpus_active, 0); /* memory that no vcpu uses */
    assert_false(life.held);
    if (life.begin_answer < 0) {
        *why = "damaged header";
        return life.begin_answer;
    }
    life.loaders++;
    loader.left = life.chunks;
    *out = &loader;
    return 0;
}

int loader_step(struct loader *l, uint64_t most, struct loader_result *out, const char **why)
{
    assert_ptr_equal(l, &loader);
    assert_true(most > 0);
    if (--l->left > 0)
        return LOADER_MORE;
    if (life.step_answer < 0) {
        *why = "does not fit";
        return life.step_answer;
    }
    *out = (struct loader_result){.entry = ENTRY, .fdt = FDT};
    return 0;
}

void loader_end(struct loader *l)
{
    assert_ptr_equal(l, &loader);
    assert_int_equal(life.loaders, 1);
    life.loaders--;
}

/* ---- vm.c, vcpu.c, console, scheduler */

void vm_unlist(struct vm *of)
{
    assert_ptr_equal(of, &vm);
    assert_true(life.listed);
    life.listed = false;
}

void vm_detach(struct vm *of)
{
    assert_ptr_equal(of, &vm);
    assert_false(life.listed);
    assert_int_equal(life.detached & BIT(fake_this_hart->index), 0);
    life.detached |= BIT(fake_this_hart->index);
}

void vm_free(struct vm *of)
{
    assert_ptr_equal(of, &vm);
    assert_int_equal(life.detached, BIT(0) | BIT(2) | BIT(3)); /* each hart that is online */
    assert_int_equal(of->vcpus_active, 0);
    assert_int_equal(life.loaders, 0);
    assert_false(life.held);
    assert_false(life.started);
    life.freed = true;
    life.frees++;
}

void console_client_started(struct console_client *c)
{
    (void)c;
    life.terminal = true;
}

void console_client_ended(struct console_client *c)
{
    (void)c;
    life.terminal = false;
}

void vcpu_hsm_prepare(struct vcpu *v, uint64_t pc, uint64_t opaque)
{
    assert_false(vm_lock_is_free());
    assert_int_equal(v->hsm_state, SBI_HSM_STATE_STOPPED);
    assert_int_equal(v->requests, 0); /* nothing of an earlier life */
    v->hsm_pc = pc;
    v->hsm_opaque = opaque;
    v->hsm_state = SBI_HSM_STATE_START_PENDING;
    v->vm->vcpus_active++;
}

void sched_start(struct vcpu *v)
{
    assert_false(ready[v->id]);
    assert_int_not_equal(v->hsm_state, SBI_HSM_STATE_STOPPED);
    assert_false(v->parked);
    ready[v->id] = true;
}

void trace_vm(const struct vm *of, unsigned state)
{
    (void)of;
    (void)state;
}

/* A vcpu leaves for good, as vcpu_hsm_stopped() has it. */
TEST void vcpu_leaves(struct vcpu *v)
{
    bool last;

    ready[v->id] = false;
    lock_acquire(&vm.lock);
    v->requests &= ~(uint32_t)(VCPU_REQ_STOP | VCPU_REQ_PAUSE);
    v->hsm_state = SBI_HSM_STATE_STOPPED;
    last = --vm.vcpus_active == 0;
    if (vm.state == VM_PAUSED)
        vm_note_parked(&vm);
    if (last && (vm.state == VM_RUNNING || vm.state == VM_PAUSED)) {
        vm.state = VM_STOPPING;
        vm.stop = VM_STOP_POWEROFF;
        vm.stop_reason = "last hart stopped";
    }
    lock_release(&vm.lock);
    if (last)
        vm_finish_stop(&vm);
}

/* A vcpu has left because of VCPU_REQ_PAUSE, as vcpu_park() has it. */
static void vcpu_parks(struct vcpu *v)
{
    ready[v->id] = false;
    if (!vm_vcpu_parked(v))
        sched_start(v);
}

/* The vcpu's turn: it does what is asked of it. False: it has not the hart, or runs in its guest,
 * where nothing is asked of it. */
TEST bool vcpu_turn(struct vcpu *v)
{
    const uint32_t asked = v->requests;

    if (!ready[v->id])
        return false;
    v->requests = 0;
    v->hsm_state = SBI_HSM_STATE_STARTED;
    if (asked & VCPU_REQ_STOP)
        vcpu_leaves(v);
    else if (asked & VCPU_REQ_PAUSE)
        vcpu_parks(v);
    return asked != 0;
}

/* The guest starts its second hart. */
TEST void vcpu_is_started(struct vcpu *v)
{
    lock_acquire(&vm.lock);
    if (vm.state == VM_RUNNING && v->hsm_state == SBI_HSM_STATE_STOPPED) {
        vcpu_hsm_prepare(v, ENTRY + 4, 0);
        sched_start(v);
    }
    lock_release(&vm.lock);
}

/* ---- components */

static void on_reset(struct vm *of)
{
    assert_int_equal(of->vcpus_active, 0);
    assert_false(life.started);
    assert_false(life.held);
    life.resets++;
}

static void on_started(struct vm *of)
{
    assert_int_equal(of->vcpus_active, 0);
    assert_int_equal(life.loaders, 0); /* all is loaded */
    assert_false(life.started);
    life.started = true;
}

static void on_stopping(struct vm *of)
{
    assert_false(vm_lock_is_free());
    assert_int_equal(of->state, VM_STOPPING);
    life.stoppings++;
}

static void on_ended(struct vm *of)
{
    assert_true(vm_lock_is_free());
    assert_int_equal(of->vcpus_active, 0);
    assert_true(life.started);
    life.started = false;
    life.ends++;
}

static bool is_held(const struct vm *of)
{
    assert_int_equal(of->vcpus_active, 0);
    return life.held;
}

static void on_settled(void)
{
    assert_true(vm_lock_is_free());
    life.settled++;
}

static const struct vm_component one = {.name = "one",
                                        .vm_reset = on_reset,
                                        .vm_started = on_started,
                                        .vm_stopping = on_stopping,
                                        .vm_ended = on_ended};
static const struct vm_component two = {
    .name = "two", .vm_held = is_held, .vms_settled = on_settled};
const struct vm_component *const vm_components[] = {&one, &two, NULL};

/* ---- */

/* A VM as vm_create() leaves it. */
TEST void new_vm(void)
{
    step = NULL;
    (void)fake_reset(NULL);
    fake_timer_reset();
    fake_timer_now = 1000;
    harts_count = HARTS + 1;
    for (unsigned h = 0; h < harts_count; h++)
        fake_harts[h].online = h != 1;
    memset(&vm, 0, sizeof(vm));
    memset(vcpus, 0, sizeof(vcpus));
    memset(ready, 0, sizeof(ready));
    life = (struct life){.listed = true, .chunks = CHUNKS};
    lock_init(&vm.lock, RANK_VM);
    vm.config.vcpus = VCPUS;
    vm.config.policy = (struct vm_policy){.on_poweroff = VM_ACTION_DESTROY,
                                          .on_reboot = VM_ACTION_RESTART,
                                          .on_crash = VM_ACTION_DESTROY};
    vm.stop_reason = "never started";
    for (unsigned i = 0; i < VCPUS; i++) {
        vm.vcpus[i] = &vcpus[i];
        vcpus[i].vm = &vm;
        vcpus[i].id = i;
        vcpus[i].hsm_state = SBI_HSM_STATE_STOPPED;
        vcpus[i].timer_deadline = UINT64_MAX;
    }
}

/* Everything that is under way comes to its end. */
TEST void settle(void)
{
    for (unsigned round = 0; round < 1000; round++) {
        bool more = work_turn();

        for (unsigned i = 0; i < VCPUS; i++)
            more = vcpu_turn(&vcpus[i]) || more;
        if (!more)
            return;
    }
    fail_msg("it does not come to an end");
}

/* ---- states and operations */

/* The states' letters, in the order of `states`. X: freed. */
TEST const char letters[] = "DSRPTOCNV";
static const enum vm_state states[] = {VM_DEFINED, VM_STARTING,    VM_RUNNING,
                                       VM_PAUSED,  VM_STOPPING,    VM_OFF,
                                       VM_CRASHED, VM_NOT_STARTED, VM_PRESERVED};

TEST char letter(void)
{
    if (life.freed)
        return 'X';
    for (unsigned i = 0; i < ARRAY_SIZE(states); i++)
        if (vm.state == states[i])
            return letters[i];
    return '?';
}

typedef int operation(struct vm *vm);

TEST int poweroff(struct vm *of)
{
    vm_request_stop(of, VM_STOP_POWEROFF, "power-off");
    return 0;
}

TEST int reboot(struct vm *of)
{
    vm_request_stop(of, VM_STOP_REBOOT, "reboot");
    return 0;
}

TEST int crash(struct vm *of)
{
    vm_request_stop(of, VM_STOP_CRASH, "crash");
    return 0;
}

/* By the operations that lead there. */
TEST void bring_to(enum vm_state state)
{
    new_vm();
    if (state == VM_DEFINED)
        return;
    if (state == VM_NOT_STARTED)
        life.begin_answer = -HV_EINVAL;
    if (state == VM_PRESERVED)
        vm.config.policy.on_poweroff = VM_ACTION_PAUSE;
    assert_int_equal(vm_start(&vm), 0);
    if (state == VM_STARTING) {
        assert_true(work_turn());
        return;
    }
    settle();
    life.begin_answer = 0;
    if (state == VM_NOT_STARTED)
        return;
    vcpu_is_started(&vcpus[1]);
    settle();
    if (state == VM_PAUSED) {
        assert_int_equal(vm_pause(&vm), 0);
        settle();
    } else if (state == VM_CRASHED) {
        (void)crash(&vm);
        settle();
    } else if (state != VM_RUNNING) {
        (void)poweroff(&vm);
        if (state != VM_STOPPING)
            settle();
    }
}
