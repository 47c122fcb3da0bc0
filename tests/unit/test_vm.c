/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vm.c - core/vm.c: creation with each step failing, the table of VMs, the order in which a
 * VM's parts come and go.
 */
#include "vm_test.h"

static struct vm_config config(const char *name, uint32_t vcpus)
{
    struct vm_config c = {.vcpus = vcpus, .memory = 64 * MIB};

    snprintf(c.name, sizeof(c.name), "%s", name);
    return c;
}

static struct vm *create(const char *name, uint32_t vcpus)
{
    const struct vm_config c = config(name, vcpus);
    struct vm *vm = NULL;

    assert_int_equal(vm_create(&c, &vm), 0);
    assert_non_null(vm);
    assert_ptr_equal(vm_get(vm->id), vm);
    assert_ptr_equal(vm_find(name), vm);
    return vm;
}

static void destroy(struct vm *vm)
{
    const unsigned id = vm->id;

    vm_unlist(vm);
    assert_null(vm_get(id));
    vm_free(vm);
}

/* The tables outlive a test: each leaves none of its VMs in them. */
static int up(void **state)
{
    (void)fake_reset(state);
    host_isa = (struct host_isa){.gstage_modes = BIT(3) | BIT(4)};
    parts[0] = '\0';
    chosen_levels = 3;
    slot_count = 2;
    parts_left = 0;
    fake_pages_fail = fake_pages_fail_after = 0;
    fpu_detached = woken = 0;
    listed_last = unlisted_last = NULL;
    step = NULL;
    return 0;
}

static int down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < vm_count(); i++)
        assert_null(vm_get(i));
    assert_int_equal(fake_pages_out, 0);
    assert_int_equal(workers, 0);
    return 0;
}

/* Each part that came has gone, later ones first; vcpus, among themselves, in any order. */
static void expect_undone(void)
{
    char there[64];
    unsigned n = 0;

    for (const char *p = parts; *p != '\0'; p++) {
        if (isupper((unsigned char)*p)) {
            assert_true(n < sizeof(there));
            there[n++] = *p;
        } else {
            assert_true(n > 0);
            assert_int_equal(there[--n], toupper((unsigned char)*p));
        }
    }
    assert_int_equal(n, 0);
    assert_int_equal(fake_pages_out, 0);
    assert_null(listed_last);
}

static void test_create_fails_at_each_step(void **state)
{
    const struct vm_config c = config("fails", 3);
    struct vm *vm = NULL;
    unsigned failures = 0;

    (void)state;
    for (unsigned at = 1;; at++) {
        int err;

        parts[0] = '\0';
        parts_left = at;
        fake_log_lines = 0;
        err = vm_create(&c, &vm);
        if (err == 0)
            break;
        failures++;
        assert_int_equal(err, -HV_ENOMEM);
        assert_null(vm);
        assert_null(vm_find("fails"));
        expect_undone();
        assert_int_equal(fake_log_lines, 1);
        assert_non_null(strstr(fake_log_text, "fails: not enough memory for its "));
        assert_non_null(strstr(fake_log_text, at == 1    ? "RAM ("
                                              : at == 9  ? "one ("
                                              : at == 10 ? "two ("
                                                         : "tables ("));
        assert_non_null(strstr(fake_log_text, "64 MiB asked for, 17 MiB free"));
    }
    /* RAM, G-stage, two mappings, console, three vcpus, two components. */
    assert_int_equal(failures, 10);
    assert_string_equal(parts, "RGOVVVWAB");
    destroy(vm);
    assert_string_equal(parts, "RGOVVVWABbawvvvogr");
}

/* A component's error is said as it is. */
static void test_create_fails_otherwise(void **state)
{
    static const struct {
        int err;
        const char *text;
    } errors[] = {
        {-HV_EINVAL, "fails: its one cannot be created: a value is invalid"},
        {-HV_ERANGE, "fails: its one cannot be created: a value is out of range"},
        {-HV_EEXIST, "fails: its one cannot be created: an address or a number is used twice"},
        {-HV_ENOSPC, "fails: its one cannot be created: a table is full"},
        {-HV_EIO, "fails: its one cannot be created: a device or the firmware failed"},
    };
    const struct vm_config c = config("fails", 3);
    struct vm *vm = NULL;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        parts[0] = '\0';
        parts_left = 9;
        create_one_error = errors[i].err;
        assert_int_equal(vm_create(&c, &vm), errors[i].err);
        assert_non_null(strstr(fake_log_text, errors[i].text));
        assert_null(vm);
        expect_undone();
    }
    create_one_error = -HV_ENOMEM;
}

static void test_create_refused_before_all(void **state)
{
    struct vm_config c = config("nowhere", 1);
    struct vm *vm = NULL;

    (void)state;
    assert_int_equal(vm_create(&c, &vm), -HV_EINVAL);
    assert_non_null(strstr(fake_log_text, "affinity"));
    expect_undone();
    c = config("big", 1);
    fake_pages_fail = 1;
    assert_int_equal(vm_create(&c, &vm), -HV_ENOMEM);
    assert_non_null(strstr(fake_log_text, "big: not enough memory for the VM"));
    fake_pages_fail = 0;
    expect_undone();
    chosen_levels = 0; /* no mode of the host reaches so far */
    assert_int_equal(vm_create(&c, &vm), -HV_ERANGE);
    assert_non_null(strstr(fake_log_text, "its tables cannot be created: a value is out of range"));
    expect_undone();
    assert_string_equal(parts, "Rr");
    assert_null(vm);
}

static void test_created(void **state)
{
    struct vm_config c = config("made", 2);
    struct vm *vm;

    (void)state;
    c.policy.console_buffered = true;
    c.memory = 3 * GIB;
    assert_int_equal(vm_create(&c, &vm), 0);
    assert_memory_equal(&vm->config, &c, sizeof(c));
    assert_int_equal(vm->state, VM_DEFINED);
    assert_string_equal(vm->stop_reason, "never started");
    assert_int_equal(vm->vcpus_active, 0);
    assert_ptr_equal(vm_vcpu(vm, 1), vm->vcpus[1]);
    assert_null(vm_vcpu(vm, 2));
    assert_null(vm_vcpu(vm, UINT64_MAX));
    assert_ptr_equal(listed_last, vm);
    assert_int_equal(named_id, vm->id);
    assert_string_equal(vm->console->name, "made");
    assert_int_equal(vm->console->number, vm->id);
    assert_true(vm->console->buffered);
    /* All of its RAM, and the shallowest table that reaches the end of it. */
    assert_int_equal(chosen_end, VM_RAM_BASE + 3 * GIB);
    assert_int_equal(mapped_count, 2);
    assert_memory_equal(mapped, vm->memslots.slot, 2 * sizeof(mapped[0]));
    vm_unlist(vm);
    assert_ptr_equal(unlisted_last, vm);
    assert_false(vm->console->listed);
    assert_null(vm_find("made"));
    vm_free(vm);
    /* The windows of its channels lie above its RAM, or its RAM reaches higher. */
    c.channel_count = 3;
    assert_int_equal(vm_create(&c, NULL), 0);
    assert_int_equal(chosen_end, VM_CHANNEL_BASE + 3 * VM_CHANNEL_SIZE);
    destroy(vm_find("made"));
    c.memory = VM_CHANNEL_BASE + 4 * VM_CHANNEL_SIZE;
    assert_int_equal(vm_create(&c, NULL), 0);
    assert_int_equal(chosen_end, VM_RAM_BASE + c.memory);
    destroy(vm_find("made"));
}

static void test_table(void **state)
{
    const struct vm_config twin = config("vm-1", 1), more = config("more", 1);
    struct vm *vm[VMS_MAX], *out = NULL;
    char name[VM_NAME_MAX + 1];

    (void)state;
    assert_null(vm_find("vm-0"));
    for (unsigned i = 0; i < VMS_MAX; i++) {
        snprintf(name, sizeof(name), "vm-%u", i);
        vm[i] = create(name, 1);
        assert_int_equal(vm[i]->id, i);
        assert_true(vm_count() > i);
        parts[0] = '\0';
    }
    assert_int_equal(vm_count(), VMS_MAX);
    assert_null(vm_get(VMS_MAX));
    assert_null(vm_get(UINT_MAX));
    listed_last = NULL;
    assert_int_equal(vm_create(&twin, &out), -HV_EEXIST);
    assert_non_null(strstr(fake_log_text, "vm-1: a VM of this name exists"));
    assert_string_equal(parts, "");
    assert_int_equal(vm_create(&more, &out), -HV_ENOSPC);
    assert_non_null(strstr(fake_log_text, "more: no more VMs: the table is full"));
    assert_null(out);
    assert_null(listed_last);
    assert_string_equal(parts, "RGOVWABbawvogr");
    /* Holes are filled, the lowest first; the others keep their places; names are free again. */
    destroy(vm[3]);
    destroy(vm[1]);
    assert_int_equal(vm_count(), VMS_MAX);
    assert_null(vm_find("vm-1"));
    for (unsigned i = 0; i < VMS_MAX; i++)
        if (i != 1 && i != 3)
            assert_ptr_equal(vm_get(i), vm[i]);
    vm[1] = create("vm-1", 1);
    assert_int_equal(vm[1]->id, 1);
    vm[3] = create("more", 1);
    assert_int_equal(vm[3]->id, 3);
    for (unsigned i = 0; i < VMS_MAX; i++) {
        parts[0] = '\0';
        destroy(vm[i]);
    }
}

/* Another hart creates a VM of the same name before the n-th step of a creation. */
static unsigned step_left;
static int other_answer;

static void other_creates(void)
{
    const struct vm_config c = config("same", 1);

    step = NULL;
    if (list_is_locked() || --step_left != 0)
        step = other_creates;
    else
        other_answer = vm_create(&c, NULL);
}

static void test_two_of_a_name_at_once(void **state)
{
    const struct vm_config c = config("same", 1);
    unsigned late = 0;

    for (unsigned at = 1;; at++) {
        struct vm *vm = NULL;
        int own;

        (void)up(state);
        other_answer = 1;
        step_left = at;
        step = other_creates;
        own = vm_create(&c, &vm);
        step = NULL;
        if (other_answer == 1) {
            destroy(vm);
            break;
        }
        assert_true((own == 0) != (other_answer == 0));
        assert_int_equal(own != 0 ? own : other_answer, -HV_EEXIST);
        late += own != 0 && strchr(parts, 'r') != NULL; /* found in the table only */
        if (own == 0)
            assert_ptr_equal(vm_find("same"), vm);
        destroy(vm_find("same"));
        assert_int_equal(fake_pages_out, 0);
        assert_int_equal(workers, 0);
    }
    assert_true(late > 0);
}

static void test_detach(void **state)
{
    struct vm *vm = create("gone", 3);

    (void)state;
    vm_unlist(vm);
    parts[0] = '\0';
    fake_csr[CSR_HGATP] = 0x1234;
    fake_this_hart->current = vm->vcpus[0]; /* some vcpu: its hgatp stays */
    vm_detach(vm);
    assert_string_equal(parts, "DE");
    assert_int_equal(fpu_detached, 7);
    assert_int_equal(fake_csr[CSR_HGATP], 0x1234);
    assert_int_equal(fake_fences.gvma_all, 0);
    fake_this_hart->current = NULL;
    vm_detach(vm);
    assert_int_equal(fake_csr[CSR_HGATP], 0);
    assert_int_equal(fake_fences.gvma_all, 1);
    parts[0] = '\0';
    vm_free(vm);
    assert_string_equal(parts, "bawvvvogr");
}

static struct vm *sleeper;
static bool saw_level;

/* The suspend of another hart: the state first, then the look. */
static void other_suspends(void)
{
    if (--step_left != 0)
        return;
    step = NULL;
    sleeper->vcpus[1]->hsm_state = SBI_HSM_STATE_SUSPENDED;
    saw_level = vm_wake_pending(sleeper);
}

static void test_wake_line(void **state)
{
    static const uint32_t states[] = {SBI_HSM_STATE_STARTED, SBI_HSM_STATE_STOPPED,
                                      SBI_HSM_STATE_SUSPENDED, SBI_HSM_STATE_START_PENDING,
                                      SBI_HSM_STATE_SUSPENDED};
    struct vm *vm = create("sleeps", 5);
    unsigned at;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        vm->vcpus[i]->hsm_state = states[i];
    vm->asleep = 1;
    assert_false(vm_wake_pending(vm));
    vm_set_wake(vm, true);
    assert_int_equal(woken, BIT(2) | BIT(4));
    assert_true(vm_wake_pending(vm));
    vm->asleep = 0;
    assert_false(vm_wake_pending(vm));
    vm->asleep = 1;
    /* While the line of any device is high, the VM does not sleep. */
    vm_set_wake(vm, true);
    vm_set_wake(vm, false);
    assert_true(vm_wake_pending(vm));
    woken = 0;
    vm_set_wake(vm, false);
    assert_false(vm_wake_pending(vm));
    assert_int_equal(woken, 0);
    /* A suspend at any moment is woken or sees the level. */
    sleeper = vm;
    for (at = 1;; at++) {
        woken = 0;
        saw_level = false;
        vm->wake_lines = 0;
        vm->vcpus[1]->hsm_state = SBI_HSM_STATE_STARTED;
        step_left = at;
        step = other_suspends;
        vm_set_wake(vm, true);
        if (step != NULL)
            break;
        assert_true(saw_level || (woken & BIT(1)));
    }
    step = NULL;
    assert_true(at > 5);
    destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create_fails_at_each_step, up, down),
        cmocka_unit_test_setup_teardown(test_create_fails_otherwise, up, down),
        cmocka_unit_test_setup_teardown(test_create_refused_before_all, up, down),
        cmocka_unit_test_setup_teardown(test_created, up, down),
        cmocka_unit_test_setup_teardown(test_table, up, down),
        cmocka_unit_test_setup_teardown(test_two_of_a_name_at_once, up, down),
        cmocka_unit_test_setup_teardown(test_detach, up, down),
        cmocka_unit_test_setup_teardown(test_wake_line, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
