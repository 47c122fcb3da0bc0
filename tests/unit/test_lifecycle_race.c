/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lifecycle_race.c - two harts at a VM's life at once: one operation comes before any step of
 * another one, or of the VM's own way through its states. Both then end as one of the two orders
 * would have had it, or one of them was refused and the other one ends as if alone.
 */
#include "lifecycle_test.h"

static operation *const operations[] = {vm_start,   vm_pause, vm_resume, vm_stop, vm_reset,
                                        vm_destroy, poweroff, reboot,    crash};
static const char *const names[] = {"start",   "pause",     "resume", "stop", "reset",
                                    "destroy", "power-off", "reboot", "crash"};

struct outcome {
    int first, second; /* what they answered */
    char end;
};

/* The other hart's: before the n-th step at which it need not wait for the lock. */
static operation *other;
static unsigned other_at;
static int other_answer;

static void other_acts(void)
{
    struct hart *before = fake_this_hart;

    if (!vm_lock_is_free() || life.freed || --other_at != 0)
        return;
    step = NULL;
    fake_this_hart = &fake_harts[2];
    other_answer = other(&vm);
    fake_this_hart = before;
}

/* False: it has not come to it. */
static bool with_other(operation *second, unsigned at, void (*what)(void))
{
    other = second;
    other_at = at;
    step = other_acts;
    what();
    return other_at == 0;
}

static void prepare(enum vm_state from, enum vm_action then)
{
    struct vm_policy *p = &vm.config.policy;

    bring_to(from);
    p->on_poweroff = p->on_reboot = p->on_crash = then;
}

/* `turns` of what is under way; false: there were not so many. */
static bool go_on(unsigned turns)
{
    for (unsigned n = 0; n < turns;) {
        bool more = false;

        for (unsigned i = 0; i <= VCPUS && n < turns; i++) {
            const bool done = i == 0 ? work_turn() : vcpu_turn(&vcpus[i - 1]);

            more |= done;
            n += done;
        }
        if (!more)
            return false;
    }
    return true;
}

static void finish(void)
{
    settle();
    step = NULL;
}

static bool is_one_of(struct outcome o, const struct outcome *allowed, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (o.first == allowed[i].first && o.second == allowed[i].second && o.end == allowed[i].end)
            return true;
    return false;
}

/* ---- an operation within an operation */

static operation *first_op;
static int first_answer;

static void call_first(void)
{
    first_answer = first_op(&vm);
    step = NULL;
}

/* at 0: second, first; UINT_MAX: first, second. */
static bool run_pair(enum vm_state from, enum vm_action then, unsigned a, unsigned b, unsigned at,
                     struct outcome *out)
{
    bool came = true;

    prepare(from, then);
    first_op = operations[a];
    if (at == 0)
        other_answer = operations[b](&vm);
    if (at == 0 || at == UINT_MAX)
        call_first();
    else
        came = with_other(operations[b], at, call_first);
    if (at == UINT_MAX && !life.freed)
        other_answer = operations[b](&vm);
    finish();
    *out = (struct outcome){.first = first_answer, .second = other_answer, .end = letter()};
    return came;
}

static char run_alone(enum vm_state from, enum vm_action then, unsigned a)
{
    prepare(from, then);
    (void)operations[a](&vm);
    finish();
    return letter();
}

static void check_pair(enum vm_state from, enum vm_action then, unsigned a, unsigned b)
{
    struct outcome allowed[5], o;

    (void)run_pair(from, then, a, b, 0, &allowed[0]);
    (void)run_pair(from, then, a, b, UINT_MAX, &allowed[1]);
    allowed[2] = (struct outcome){0, -HV_EBUSY, run_alone(from, then, a)};
    allowed[3] = (struct outcome){-HV_EBUSY, 0, run_alone(from, then, b)};
    /* Two of the operator's stops may both find something to stop. */
    allowed[4] = allowed[2];
    if (operations[a] == vm_stop && operations[b] == vm_stop)
        allowed[4].second = 0;
    for (unsigned at = 1; run_pair(from, then, a, b, at, &o); at++)
        if (!is_one_of(o, allowed, ARRAY_SIZE(allowed)))
            fail_msg("state %s, then %u: %s (%d) and, at step %u, %s (%d): %c", vm_state_name(from),
                     then, names[a], o.first, at, names[b], o.second, o.end);
}

static void test_two_operations(void **state)
{
    (void)state;
    for (unsigned s = 0; s < ARRAY_SIZE(states); s++)
        for (unsigned then = VM_ACTION_DESTROY; then <= VM_ACTION_PAUSE; then++)
            for (unsigned a = 0; a < ARRAY_SIZE(operations); a++)
                for (unsigned b = 0; b < ARRAY_SIZE(operations); b++)
                    check_pair(states[s], then, a, b);
}

/* ---- an operation within what is under way */

/* begun: the operation that has begun it. */
static void begin(enum vm_state from, enum vm_action then, unsigned begun)
{
    prepare(from, then);
    first_answer = operations[begun](&vm);
}

static unsigned check_progress(enum vm_state from, enum vm_action then, unsigned a, unsigned b)
{
    struct outcome allowed[64], o;
    unsigned count = 0, at;

    /* Between any two turns of what is under way. */
    for (unsigned turns = 0;; turns++) {
        begin(from, then, a);
        if (!go_on(turns) || life.freed)
            break;
        assert_true(count < ARRAY_SIZE(allowed));
        other_answer = operations[b](&vm);
        finish();
        allowed[count++] = (struct outcome){0, other_answer, letter()};
    }
    for (at = 1;; at++) {
        begin(from, then, a);
        if (!with_other(operations[b], at, finish))
            break;
        o = (struct outcome){0, other_answer, letter()};
        if (!is_one_of(o, allowed, count) &&
            !(o.second == -HV_EBUSY && o.end == run_alone(from, then, a)))
            fail_msg("state %s, then %u: after %s, at step %u: %s (%d): %c", vm_state_name(from),
                     then, names[a], at, names[b], o.second, o.end);
        /* A stop that has begun is not forgotten. */
        if (operations[b] == vm_stop && o.second == 0 && strchr("OCNX", o.end) == NULL)
            fail_msg("state %s, then %u: after %s, at step %u: stopped, and %c",
                     vm_state_name(from), then, names[a], at, o.end);
        if (operations[b] == vm_destroy && o.second == 0)
            assert_int_equal(o.end, 'X');
    }
    return at;
}

static void test_operation_and_progress(void **state)
{
    unsigned steps = 0;

    (void)state;
    for (unsigned s = 0; s < ARRAY_SIZE(states); s++)
        for (unsigned then = VM_ACTION_DESTROY; then <= VM_ACTION_PAUSE; then++)
            for (unsigned a = 0; a < ARRAY_SIZE(operations); a++)
                for (unsigned b = 0; b < ARRAY_SIZE(operations); b++)
                    steps += check_progress(states[s], then, a, b);
    assert_true(steps > 10000); /* it is no test of nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_operations),
        cmocka_unit_test(test_operation_and_progress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
