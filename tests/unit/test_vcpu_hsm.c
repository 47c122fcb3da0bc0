/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vcpu_hsm.c - core/vcpu.c: the HSM states of a vcpu. Every state against every operation, and
 * two harts that start and stop at once.
 */
#include "vcpu_test.h"

static const uint32_t hsm_states[] = {SBI_HSM_STATE_STARTED,       SBI_HSM_STATE_STOPPED,
                                      SBI_HSM_STATE_START_PENDING, SBI_HSM_STATE_STOP_PENDING,
                                      SBI_HSM_STATE_SUSPENDED,     SBI_HSM_STATE_SUSPEND_PENDING,
                                      SBI_HSM_STATE_RESUME_PENDING};

static const enum vm_state vm_states[] = {VM_DEFINED, VM_STARTING,    VM_RUNNING,
                                          VM_PAUSED,  VM_STOPPING,    VM_OFF,
                                          VM_CRASHED, VM_NOT_STARTED, VM_PRESERVED};

/* Of a stopped vcpu in a VM that runs or is paused, and of no other. */
static void test_start_in_each_state(void **state)
{
    for (unsigned i = 0; i < ARRAY_SIZE(vm_states); i++) {
        for (unsigned k = 0; k < ARRAY_SIZE(hsm_states); k++) {
            const bool legal = (vm_states[i] == VM_RUNNING || vm_states[i] == VM_PAUSED) &&
                               hsm_states[k] == SBI_HSM_STATE_STOPPED;

            (void)up(state);
            vm.state = vm_states[i];
            v.hsm_state = hsm_states[k];
            vm.vcpus_active = 1;
            v.virq_pending = BIT(IRQ_VS_SOFT) | BIT(IRQ_VS_EXT);
            assert_int_equal(vcpu_hsm_start(&v, PC, OPAQUE), legal ? 0 : -HV_EBUSY);
            assert_int_equal(v.hsm_state, legal ? SBI_HSM_STATE_START_PENDING : hsm_states[k]);
            assert_int_equal(v.hsm_pc, legal ? PC : 0);
            assert_int_equal(v.hsm_opaque, legal ? OPAQUE : 0);
            assert_int_equal(vcpu_hsm_active(&vm), legal ? 2 : 1);
            assert_int_equal(started, legal);
            /* An IPI to the earlier life is not one to this one; a line's level stays. */
            assert_int_equal(v.virq_pending, BIT(IRQ_VS_EXT) | (legal ? 0 : BIT(IRQ_VS_SOFT)));
            assert_int_equal(v.requests, legal && vm.state == VM_PAUSED ? VCPU_REQ_PAUSE : 0);
            assert_true(vm_lock_is_free());
            assert_int_equal(vm.state, vm_states[i]);
        }
    }
}

/* Only SUSPENDED resumes; the system wakes with it. */
static void test_resume_in_each_state(void **state)
{
    for (unsigned k = 0; k < ARRAY_SIZE(hsm_states); k++) {
        const bool suspended = hsm_states[k] == SBI_HSM_STATE_SUSPENDED;

        (void)up(state);
        v.hsm_state = hsm_states[k];
        v.ipi_came = true;
        vm.asleep = 1;
        vcpu_hsm_resume(&v);
        assert_int_equal(v.hsm_state, suspended ? SBI_HSM_STATE_STARTED : hsm_states[k]);
        assert_int_equal(vm.asleep, !suspended);
        assert_int_equal(v.ipi_came, !suspended);
    }
}

static void start_two(void)
{
    assert_int_equal(vcpu_hsm_start(&v, PC, OPAQUE), 0);
    assert_int_equal(vcpu_hsm_start(&sibling, PC, OPAQUE), 0);
}

/* The last one to leave a VM that runs or is paused ends it; one that stops already has its reason.
 */
static void test_stopped_in_each_vm_state(void **state)
{
    for (unsigned i = 0; i < ARRAY_SIZE(vm_states); i++) {
        const bool lives = vm_states[i] == VM_RUNNING || vm_states[i] == VM_PAUSED;

        (void)up(state);
        start_two();
        vm.state = vm_states[i];
        vm.stop = VM_STOP_CRASH;
        vm.stop_reason = "said before";
        v.requests = VCPU_REQ_STOP | VCPU_REQ_PAUSE | VCPU_REQ_VVMA;
        vcpu_hsm_stopped(&v);
        assert_int_equal(v.hsm_state, SBI_HSM_STATE_STOPPED);
        assert_int_equal(v.requests, VCPU_REQ_VVMA); /* these two were for this life */
        assert_int_equal(vm.vcpus_active, 1);
        assert_int_equal(vm.state, vm_states[i]);
        assert_int_equal(vm.paused_at, vm_states[i] == VM_PAUSED); /* perhaps all are parked now */
        assert_int_equal(ended, 0);
        assert_int_equal(charged, 0);
        vcpu_hsm_stopped(&sibling);
        assert_int_equal(ended, 1);
        assert_int_equal(charged, 70); /* finishing takes time, which is the VM's */
        assert_int_equal(vm.state, lives ? VM_STOPPING : vm_states[i]);
        assert_int_equal(vm.stop, lives ? VM_STOP_POWEROFF : VM_STOP_CRASH);
        assert_string_equal(vm.stop_reason, lives ? "last hart stopped" : "said before");
        assert_int_equal(stopped, 2);
        assert_int_equal(timer_resets, 2);
        assert_string_equal(hooks, "sasbscsasbsc");
    }
}

/* ---- two harts at once: the other one acts before the n-th atomic operation of the first, unless
 * it would have to wait for the lock then ---- */

static unsigned step_left;
static int other_answer; /* 1: it has not acted */
static struct vcpu *other_target;

static void other_starts(void)
{
    if (step_left == 0 || !vm_lock_is_free() || --step_left != 0)
        return;
    fake_this_hart = &fake_harts[1];
    other_answer = vcpu_hsm_start(other_target, PC + 4, OPAQUE + 1);
    fake_this_hart = &fake_harts[0];
}

static void arm_other(struct vcpu *target, unsigned at)
{
    other_target = target;
    other_answer = 1;
    step_left = at;
    step = other_starts;
}

/* Exactly one of two starters wins, with its own arguments. */
static void test_two_starters(void **state)
{
    unsigned at, other_won = 0;

    for (at = 1;; at++) {
        int own;

        (void)up(state);
        arm_other(&v, at);
        own = vcpu_hsm_start(&v, PC, OPAQUE);
        step = NULL;
        if (other_answer == 1)
            break;
        assert_true((own == 0) != (other_answer == 0));
        other_won += other_answer == 0;
        assert_int_equal(v.hsm_pc, own == 0 ? PC : PC + 4);
        assert_int_equal(v.hsm_opaque, own == 0 ? OPAQUE : OPAQUE + 1);
        assert_int_equal(vm.vcpus_active, 1);
        assert_int_equal(started, 1);
    }
    assert_true(at > 2);
    assert_true(other_won > 0 && other_won < at - 1);
}

/* A sibling starts the vcpu while it stops: refused until it has left, and then a whole new life;
 * what was asked of the old one does not reach it, and what is asked of the new one is not lost. */
static void race_stop_and_start(enum vm_state vm_state, void **state)
{
    unsigned at, won = 0, refused = 0;

    for (at = 1;; at++) {
        (void)up(state);
        start_two();
        vm.state = vm_state;
        v.hsm_state = SBI_HSM_STATE_STOP_PENDING;
        v.requests = VCPU_REQ_STOP | VCPU_REQ_PAUSE;
        arm_other(&v, at);
        vcpu_hsm_stopped(&v);
        step = NULL;
        if (other_answer == 1)
            break;
        won += other_answer == 0;
        refused += other_answer != 0;
        assert_int_equal(v.hsm_state,
                         other_answer == 0 ? SBI_HSM_STATE_START_PENDING : SBI_HSM_STATE_STOPPED);
        assert_int_equal(vm.vcpus_active, other_answer == 0 ? 2 : 1);
        assert_int_equal(started, other_answer == 0 ? 3 : 2);
        assert_int_equal(stopped, 1);
        assert_int_equal(v.requests,
                         other_answer == 0 && vm_state == VM_PAUSED ? VCPU_REQ_PAUSE : 0);
        assert_int_equal(ended, 0);
    }
    assert_true(won > 0 && refused > 0);
}

static void test_race_stop_and_start(void **state)
{
    race_stop_and_start(VM_RUNNING, state);
    race_stop_and_start(VM_PAUSED, state);
}

/* The last vcpu stops while another hart starts its sibling: the VM ends, or the sibling lives. */
static void test_race_last_stop_and_start(void **state)
{
    unsigned at, lived = 0, died = 0;

    for (at = 1;; at++) {
        (void)up(state);
        assert_int_equal(vcpu_hsm_start(&v, PC, OPAQUE), 0);
        arm_other(&sibling, at);
        vcpu_hsm_stopped(&v);
        step = NULL;
        if (other_answer == 1)
            break;
        assert_int_equal(ended, other_answer != 0);
        assert_int_equal(vm.state, other_answer == 0 ? VM_RUNNING : VM_STOPPING);
        assert_int_equal(vm.vcpus_active, other_answer == 0);
        lived += other_answer == 0;
        died += other_answer != 0;
    }
    assert_true(lived > 0 && died > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_in_each_state),
        cmocka_unit_test(test_resume_in_each_state),
        cmocka_unit_test(test_stopped_in_each_vm_state),
        cmocka_unit_test(test_two_starters),
        cmocka_unit_test(test_race_stop_and_start),
        cmocka_unit_test(test_race_last_stop_and_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
