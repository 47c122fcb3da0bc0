/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lifecycle.c - core/lifecycle.c, pause.c, teardown.c: every operation in every state of a VM,
 * what the description says of its end, limits of restarts, the guest's clock over a pause.
 */
#include "lifecycle_test.h"

/* ---- every state against every operation */

static void expect_consistent(void)
{
    const bool runs = vm.state == VM_RUNNING || vm.state == VM_PAUSED || vm.state == VM_STOPPING;

    assert_true(vm_lock_is_free());
    if (life.freed) {
        assert_int_equal(life.frees, 1);
        assert_int_equal(vm_leaving(), 0);
        assert_null(life.item);
        return;
    }
    assert_int_equal(vm.vcpus_active != 0, runs);
    assert_true(vm.vcpus_parked <= vm.vcpus_active);
    assert_int_equal(life.started, runs);
    assert_int_equal(life.loaders, vm.loader != NULL);
    assert_int_equal(life.terminal, !vm_is_inactive(vm.state) || vm.state == VM_PRESERVED);
    assert_int_equal(life.item != NULL, vm.state == VM_STARTING || vm_leaving() != 0);
    if (vm.state == VM_RUNNING || vm.state == VM_PAUSED)
        assert_null(vm.stop_reason);
    else if (vm.state != VM_STARTING)
        assert_non_null(vm.stop_reason);
}

static void test_every_operation_in_every_state(void **state)
{
    static const struct {
        const char *name;
        operation *call;
        /* By the letters of `letters`: the state at once, and when all has come to its end. '-':
         * refused, -HV_EBUSY, and no difference; '.': no difference. */
        const char *now, *then;
    } row[] = {
        /* states:              DSRPTOCNV    DSRPTOCNV */
        {"start", vm_start, "S----SSSS", "R----RRRR"},
        {"pause", vm_pause, "--P------", "--P------"},
        {"resume", vm_resume, "---R-----", "---R-----"},
        {"stop", vm_stop, "-STTT---O", "-OOOO---O"},
        {"reset", vm_reset, "--TT----S", "--RR----R"},
        {"destroy", vm_destroy, "DSTTTOCNV", "XXXXXXXXX"},
        {"poweroff", poweroff, "..TT.....", "..OO....."},
        {"reboot", reboot, "..TT.....", "..RR....."},
        {"crash", crash, "..TT.....", "..CC....."},
    };
    static const char alone[] = "DRRPOOCNV"; /* without an operation */

    (void)state;
    for (unsigned s = 0; s < ARRAY_SIZE(states); s++) {
        bring_to(states[s]);
        assert_int_equal(letter(), letters[s]);
        expect_consistent();
        settle();
        assert_int_equal(letter(), alone[s]);
        for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
            const char now = row[i].now[s], then = row[i].then[s];

            bring_to(states[s]);
            assert_int_equal(row[i].call(&vm), now == '-' ? -HV_EBUSY : 0);
            if (letter() != (now == '-' || now == '.' ? letters[s] : now))
                fail_msg("%s in state %c: now %c", row[i].name, letters[s], letter());
            expect_consistent();
            settle();
            if (letter() != (now == '-' || now == '.' ? alone[s] : then))
                fail_msg("%s in state %c: then %c", row[i].name, letters[s], letter());
            expect_consistent();
        }
    }
}

/* Nothing is done any more to a VM that is to be freed, and the guest's own end keeps it from
 * nothing. */
static void test_destroying(void **state)
{
    static operation *const by_operator[] = {vm_start, vm_pause, vm_resume,
                                             vm_stop,  vm_reset, vm_destroy};
    static operation *const by_guest[] = {poweroff, reboot, crash};

    (void)state;
    for (unsigned s = 0; s < ARRAY_SIZE(states); s++) {
        bring_to(states[s]);
        life.settled = 0;
        assert_int_equal(vm_destroy(&vm), 0);
        assert_true(vm.destroying);
        assert_int_equal(vm_leaving(), vm_is_inactive(states[s]));
        assert_int_equal(life.listed, !vm_is_inactive(states[s]));
        for (unsigned i = 0; i < ARRAY_SIZE(by_operator); i++)
            assert_int_equal(by_operator[i](&vm), -HV_EBUSY);
        for (unsigned i = 0; i < ARRAY_SIZE(by_guest); i++)
            (void)by_guest[i](&vm);
        settle();
        assert_int_equal(letter(), 'X');
        assert_int_equal(life.settled, 1); /* once its memory is back */
        expect_consistent();
    }
}

/* ---- the end, as described */

static void test_policies(void **state)
{
    static const struct {
        operation *end;
        char ended;
    } row[] = {{poweroff, 'O'}, {reboot, 'O'}, {crash, 'C'}};
    static const char *const reasons[] = {"power-off", "reboot", "crash"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        for (unsigned action = VM_ACTION_DESTROY; action <= VM_ACTION_PAUSE; action++) {
            struct vm_policy *p = &vm.config.policy;

            for (unsigned from = VM_RUNNING; from <= VM_PAUSED; from++) {
                bring_to(from);
                /* The others' actions are different. */
                p->on_poweroff = p->on_reboot = p->on_crash =
                    action == VM_ACTION_DESTROY ? VM_ACTION_PAUSE : VM_ACTION_DESTROY;
                *(i == 0 ? &p->on_poweroff : i == 1 ? &p->on_reboot : &p->on_crash) = action;
                life.resets = life.ends = life.settled = 0;
                (void)row[i].end(&vm);
                assert_int_equal(life.stoppings, 1);
                assert_string_equal(vm.stop_reason, reasons[i]);
                (void)row[(i + 1) % 3].end(&vm); /* the first one counts */
                settle();
                assert_int_equal(letter(), action == VM_ACTION_RESTART ? 'R'
                                           : action == VM_ACTION_PAUSE ? 'V'
                                                                       : row[i].ended);
                assert_int_equal(vm.restarts, action == VM_ACTION_RESTART);
                assert_int_equal(life.ends, 1);
                assert_int_equal(life.resets, action == VM_ACTION_RESTART);
                assert_int_equal(life.settled, action != VM_ACTION_RESTART);
                assert_non_null(strstr(fake_log_text, reasons[i]));
                if (action != VM_ACTION_RESTART) {
                    assert_string_equal(vm.stop_reason, reasons[i]);
                    assert_int_equal(vm.ended_at, fake_timer_now);
                }
                expect_consistent();
            }
        }
    }
}

/* What becomes of a preserved one says how it had ended. */
static void test_preserved(void **state)
{
    (void)state;
    for (unsigned crashes = 0; crashes < 2; crashes++) {
        bring_to(VM_RUNNING);
        vm.config.policy.on_poweroff = vm.config.policy.on_crash = VM_ACTION_PAUSE;
        (void)(crashes ? crash : poweroff)(&vm);
        settle();
        assert_int_equal(letter(), 'V');
        assert_true(life.terminal); /* its console is still to be looked at */
        assert_true(vm_is_parked(&vm));
        assert_int_equal(vm_stop(&vm), 0);
        assert_int_equal(letter(), crashes ? 'C' : 'O');
        assert_false(life.terminal);
        assert_int_equal(vm_reset(&vm), -HV_EBUSY);
    }
    bring_to(VM_PRESERVED);
    assert_int_equal(vm_reset(&vm), 0);
    settle();
    assert_int_equal(letter(), 'R');
    assert_int_equal(vm.restarts, 1);
}

/* The operator's word goes before the guest's: an end that is under way, and whatever is described
 * to follow it. */
static void test_operator_stops_an_end(void **state)
{
    static operation *const end[] = {poweroff, reboot, crash, vm_reset};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(end); i++) {
        for (unsigned action = VM_ACTION_DESTROY; action <= VM_ACTION_PAUSE; action++) {
            struct vm_policy *p = &vm.config.policy;

            bring_to(VM_RUNNING);
            p->on_poweroff = p->on_reboot = p->on_crash = action;
            assert_int_equal(end[i](&vm), 0);
            assert_int_equal(vm_stop(&vm), 0);
            settle();
            assert_int_equal(letter(), end[i] == crash ? 'C' : 'O');
            assert_string_equal(vm.stop_reason,
                                end[i] == crash ? "crash" : "stopped by the operator");
            assert_int_equal(vm.restarts, 0);
        }
    }
}

static void test_restart_limit(void **state)
{
    (void)state;
    bring_to(VM_RUNNING);
    vm.config.policy.restart_limit = 2;
    vm.config.policy.restart_period = 10;
    for (unsigned i = 0; i < 2; i++) {
        (void)reboot(&vm);
        settle();
        assert_int_equal(letter(), 'R');
    }
    /* The operator's are not the guest's. */
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(vm_reset(&vm), 0);
        settle();
        assert_int_equal(letter(), 'R');
    }
    assert_int_equal(vm.restarts, 7);
    (void)reboot(&vm);
    settle();
    assert_int_equal(letter(), 'O');
    assert_int_equal(vm.restarts, 7);
    assert_string_equal(vm.stop_reason, "reboot");
    /* A crash that may not restart has crashed. The period of 10 s is over for the first two. */
    assert_int_equal(vm_start(&vm), 0);
    settle();
    vm.config.policy.on_crash = VM_ACTION_RESTART;
    fake_timer_now += 100 * 1000 * 1000;
    for (unsigned i = 0; i < 2; i++) {
        (void)crash(&vm);
        settle();
        assert_int_equal(letter(), 'R');
    }
    (void)crash(&vm);
    settle();
    assert_int_equal(letter(), 'C');
}

static void test_no_restart_limit(void **state)
{
    (void)state;
    bring_to(VM_RUNNING);
    for (unsigned i = 0; i < 100; i++) {
        (void)reboot(&vm);
        settle();
    }
    assert_int_equal(letter(), 'R');
    assert_int_equal(vm.restarts, 100);
}

/* ---- starting */

static void test_start(void **state)
{
    (void)state;
    new_vm();
    vm.last_vcpu[2] = 77;
    vm.asleep = 1;
    assert_int_equal(vm_start(&vm), 0);
    assert_true(life.terminal);
    for (unsigned i = 0; i < CHUNKS; i++) {
        assert_true(work_turn());
        assert_int_equal(letter(), 'S');
        assert_false(ready[0]);
    }
    fake_timer_now = 5000;
    assert_true(work_turn());
    assert_int_equal(letter(), 'R');
    assert_null(life.item);
    assert_true(ready[0]);
    assert_false(ready[1]);
    assert_int_equal(vcpus[0].hsm_pc, ENTRY);
    assert_int_equal(vcpus[0].hsm_opaque, FDT);
    assert_int_equal(vm.entry, ENTRY);
    assert_int_equal(vm.time_delta, (uint64_t)-5000);
    assert_int_equal(vm.started_at, 5000);
    assert_int_equal(vm.asleep, 0);
    /* Where it ever ran, nothing that was fetched is used. */
    assert_int_equal(vm.last_vcpu[2], LAST_VCPU_NONE);
    assert_int_equal(vm.last_vcpu[0], 0);
    fake_timer_now = 9000;
    (void)reboot(&vm);
    settle();
    assert_int_equal(vm.started_at, 5000); /* the first start */
    assert_int_equal(vm.time_delta, (uint64_t)-9000);
}

static void test_load_fails(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 2; way++) {
        new_vm();
        *(way == 0 ? &life.begin_answer : &life.step_answer) = -HV_EINVAL;
        assert_int_equal(vm_start(&vm), 0);
        settle();
        assert_int_equal(letter(), 'N');
        assert_string_equal(vm.stop_reason, way == 0 ? "damaged header" : "does not fit");
        assert_int_equal(life.settled, 1);
        assert_false(life.started);
        expect_consistent();
        life.begin_answer = life.step_answer = 0;
        assert_int_equal(vm_start(&vm), 0);
        settle();
        assert_int_equal(letter(), 'R');
    }
}

/* Stopped or destroyed between any two chunks of loading: no vcpu has run. */
static void test_stop_while_starting(void **state)
{
    (void)state;
    for (unsigned chunks = 0; chunks <= CHUNKS; chunks++) {
        for (unsigned destroys = 0; destroys < 2; destroys++) {
            new_vm();
            assert_int_equal(vm_start(&vm), 0);
            for (unsigned i = 0; i < chunks; i++)
                assert_true(work_turn());
            assert_int_equal((destroys ? vm_destroy : vm_stop)(&vm), 0);
            settle();
            assert_int_equal(letter(), destroys ? 'X' : 'O');
            assert_int_equal(life.resets, chunks > 0);
            assert_int_equal(vcpus[0].hsm_state, SBI_HSM_STATE_STOPPED);
            assert_false(ready[0]);
            expect_consistent();
        }
    }
}

/* Others may still reach its memory: it is neither loaded nor freed until they let go. */
static void test_held(void **state)
{
    (void)state;
    new_vm();
    life.held = true;
    assert_int_equal(vm_start(&vm), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_true(work_turn());
    assert_int_equal(life.resets, 0);
    assert_int_equal(letter(), 'S');
    assert_int_equal(vm_stop(&vm), 0);
    assert_true(work_turn()); /* it need not be loaded any more */
    assert_int_equal(letter(), 'O');
    assert_int_equal(vm_destroy(&vm), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_true(work_turn());
    assert_int_equal(life.detached, 0);
    assert_int_equal(vm_leaving(), 1);
    life.held = false;
    settle();
    assert_int_equal(letter(), 'X');
    assert_int_equal(vm_leaving(), 0);
}

/* ---- pause */

static void test_pause_stops_the_clock(void **state)
{
    uint64_t delta;

    (void)state;
    bring_to(VM_RUNNING);
    vcpus[0].timer_deadline = 10000;
    vcpus[1].timer_deadline = UINT64_MAX - 5;
    delta = vm.time_delta;
    assert_int_equal(vm_pause(&vm), 0);
    assert_false(vm_is_parked(&vm));
    fake_timer_now = 2000;
    assert_true(vcpu_turn(&vcpus[0]));
    assert_false(vm_is_parked(&vm));
    assert_int_equal(vm.paused_at, 0);
    fake_timer_now = 3000; /* from the last one on it stands */
    assert_true(vcpu_turn(&vcpus[1]));
    assert_true(vm_is_parked(&vm));
    assert_false(ready[0] || ready[1]);
    fake_timer_now = 3700;
    assert_int_equal(vm_resume(&vm), 0);
    assert_true(ready[0] && ready[1]);
    assert_int_equal(vm.time_delta, delta - 700);
    assert_int_equal(vcpus[0].timer_deadline, 10700);
    assert_int_equal(vcpus[1].timer_deadline, UINT64_MAX);
    assert_int_equal(vcpus[0].requests, VCPU_REQ_TIMER);
    assert_int_equal(vcpus[1].requests, VCPU_REQ_TIMER);
    assert_int_equal(vm.vcpus_parked, 0);
    assert_int_equal(vm.paused_at, 0);
}

static void test_pause_and_a_clock_that_runs(void **state)
{
    uint64_t delta;

    (void)state;
    bring_to(VM_PAUSED);
    vm.config.policy.time_runs = true;
    vcpus[0].timer_deadline = 10000;
    delta = vm.time_delta;
    fake_timer_now += 700;
    assert_int_equal(vm_resume(&vm), 0);
    assert_int_equal(vm.time_delta, delta);
    assert_int_equal(vcpus[0].timer_deadline, 10000);
}

/* Resumed before all have left: its clock never stood, and those on their way out come back. */
static void test_resume_too_early(void **state)
{
    uint64_t delta;

    (void)state;
    bring_to(VM_RUNNING);
    delta = vm.time_delta;
    assert_int_equal(vm_pause(&vm), 0);
    fake_timer_now = 2000;
    assert_true(vcpu_turn(&vcpus[0]));
    fake_timer_now = 3000;
    assert_int_equal(vm_resume(&vm), 0);
    assert_int_equal(vm.time_delta, delta);
    assert_int_equal(vcpus[1].requests, 0);
    ready[1] = false; /* it had seen the request before */
    assert_false(vm_vcpu_parked(&vcpus[1]));
    assert_int_equal(vm.vcpus_parked, 0);
    sched_start(&vcpus[1]);
    settle();
    assert_int_equal(letter(), 'R');
}

/* The last vcpu that is not parked stops instead: from then on all are. */
static void test_stop_of_a_vcpu_while_paused(void **state)
{
    (void)state;
    bring_to(VM_RUNNING);
    assert_int_equal(vm_pause(&vm), 0);
    assert_true(vcpu_turn(&vcpus[0]));
    fake_timer_now = 4000;
    vcpu_leaves(&vcpus[1]);
    assert_int_equal(letter(), 'P');
    assert_true(vm_is_parked(&vm));
    assert_int_equal(vm.paused_at, 4000);
    assert_int_equal(vm_resume(&vm), 0);
    settle();
    assert_int_equal(vm.vcpus_active, 1);
    assert_int_equal(vcpus[1].hsm_state, SBI_HSM_STATE_STOPPED);
}

static void test_last_vcpu_stops(void **state)
{
    (void)state;
    bring_to(VM_RUNNING);
    vcpu_leaves(&vcpus[0]);
    assert_int_equal(letter(), 'R');
    vcpu_leaves(&vcpus[1]);
    assert_int_equal(letter(), 'O');
    assert_string_equal(vm.stop_reason, "last hart stopped");
    expect_consistent();
    /* The operator's stop of an earlier life is over. */
    vm.config.policy.on_poweroff = VM_ACTION_RESTART;
    assert_int_equal(vm_start(&vm), 0);
    settle();
    assert_int_equal(vm_stop(&vm), 0);
    settle();
    assert_int_equal(vm_start(&vm), 0);
    settle();
    vcpu_leaves(&vcpus[0]);
    assert_int_equal(letter(), 'S');
}

static void test_names(void **state)
{
    static const char *const names[] = {"defined", "starting",    "running",
                                        "paused",  "stopping",    "shut off",
                                        "crashed", "not started", "preserved"};

    (void)state;
    for (unsigned s = 0; s < ARRAY_SIZE(states); s++) {
        const char c = letters[s];

        assert_string_equal(vm_state_name(states[s]), names[s]);
        assert_int_equal(vm_has_ended(states[s]), c == 'O' || c == 'C' || c == 'N');
        assert_int_equal(vm_is_inactive(states[s]),
                         vm_has_ended(states[s]) || c == 'D' || c == 'V');
    }
    assert_string_equal(vm_state_name((enum vm_state)ARRAY_SIZE(states)), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operation_in_every_state),
        cmocka_unit_test(test_destroying),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_preserved),
        cmocka_unit_test(test_operator_stops_an_end),
        cmocka_unit_test(test_restart_limit),
        cmocka_unit_test(test_no_restart_limit),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_load_fails),
        cmocka_unit_test(test_stop_while_starting),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_pause_stops_the_clock),
        cmocka_unit_test(test_pause_and_a_clock_that_runs),
        cmocka_unit_test(test_resume_too_early),
        cmocka_unit_test(test_stop_of_a_vcpu_while_paused),
        cmocka_unit_test(test_last_vcpu_stops),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
