/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_run.c - core/run.c and request.c on one hart: which vcpu is loaded, entered and put, where
 * it goes when it leaves, and what is done of what is asked of it. The interleavings of two harts
 * are test_run_model.c's.
 */
#include "run_test.h"

static void test_leave(void **state)
{
    static const struct {
        enum run_leave leave;
        bool spins;
        const char *log;
    } row[] = {
        {RUN_YIELD, false, "NLEx"},  {RUN_PREEMPT, false, "NLEX"}, {RUN_PREEMPT, true, "NLEx"},
        {RUN_BLOCK, false, "NLEtB"}, {RUN_STOP, false, "NLEUS"},   {RUN_PARK, false, "NLEUK"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        (void)up(state);
        leaves[0] = row[i].leave;
        spins = row[i].spins;
        RUN(&v);
        assert_string_equal(calls, row[i].log);
    }
}

static void work_becomes_due(void)
{
    fake_this_hart->work_due = 1;
}

/* Work that has become due while a vcpu ran comes before the next one. */
static void test_work_becomes_due(void **state)
{
    (void)state;
    on_enter = work_becomes_due;
    leaves[0] = RUN_PREEMPT;
    exchanged = &other; /* not asked */
    RUN(&v);
    assert_string_equal(calls, "NLEQW");
    spins = true;
    leaves[0] = RUN_PREEMPT;
    RUN(&v);
    assert_string_equal(calls, "NCEqW");
}

static void external_comes(void)
{
    v.virq_dirty = v.virq_pending = EXT;
}

/* What ends a sleep before it has begun. */
static void test_block(void **state)
{
    (void)state;
    leaves[0] = RUN_BLOCK;
    woken_meanwhile = true;
    RUN(&v);
    assert_string_equal(calls, "NLEtbQ");
    woken_meanwhile = false;
    irq_pending = true;
    RUN(&v);
    assert_string_equal(calls, "NCEtQ");
    irq_pending = false;
    vm.wake_lines = 1;
    RUN(&v);
    assert_string_equal(calls, "NCEtB");
    vm.asleep = 1;
    RUN(&v);
    assert_string_equal(calls, "NCEtQ");
    vm.wake_lines = vm.asleep = 0;
    /* An IPI ends a suspend, though not enabled; a WFI it does not, nor the system's sleep. */
    v.ipi_came = soft_pending = true;
    RUN(&v);
    assert_string_equal(calls, "NCEtB");
    on_enter = external_comes; /* hvip learns of it before it sleeps */
    RUN(&v);
    assert_string_equal(calls, "NCEtB");
    assert_int_equal(fake_csr[CSR_HVIP], EXT);
}

static void it_suspends(void)
{
    v.hsm_state = SBI_HSM_STATE_SUSPENDED;
}

static void test_suspend(void **state)
{
    static const struct {
        bool irq, ipi, soft, asleep, wake;
        bool over;
    } row[] = {
        {false, false, false, false, false, false}, {true, false, false, false, false, true},
        {false, true, true, false, false, true},    {false, true, false, false, false, false},
        {false, false, true, false, false, false},  {false, true, true, true, false, false},
        {false, false, false, true, true, true},    {false, false, false, false, true, false},
        {true, false, false, true, false, true},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        (void)up(state);
        v.ipi_came = row[i].ipi;
        soft_pending = row[i].soft;
        vm.asleep = row[i].asleep;
        vm.wake_lines = row[i].wake;
        irq_pending = row[i].irq;
        leaves[0] = RUN_BLOCK;
        leaves[1] = RUN_YIELD;
        on_enter = it_suspends;
        RUN(&v); /* on its way into the suspend */
        assert_string_equal(calls, row[i].over ? "NLEtQ" : "NLEtB");
        leaves[0] = RUN_YIELD;
        on_enter = NULL;
        RUN(&v); /* woken, for whatever reason */
        assert_string_equal(calls, row[i].over ? "NCHEx" : "NCtB");
        if (!row[i].over)
            assert_int_equal(v.in_guest, 0);
    }
}

static void test_stays_loaded(void **state)
{
    (void)state;
    leaves[0] = leaves[1] = RUN_BLOCK;
    RUN(&v, NULL, &v);
    assert_string_equal(calls, "NLEtB-INCEtB"); /* no put, no load */
    must_unload = true;
    RUN(NULL);
    assert_string_equal(calls, "-UI");
    RUN(NULL);
    assert_string_equal(calls, "-I");
    leaves[0] = leaves[1] = leaves[2] = RUN_BLOCK;
    RUN(&v, &other, &other);
    assert_string_equal(calls, "NLEtBNULEtBNCEtB");
}

static void test_exchange(void **state)
{
    (void)state;
    exchanged = &other;
    leaves[0] = RUN_PREEMPT;
    leaves[1] = RUN_BLOCK;
    RUN(&v);
    assert_string_equal(calls, "NLEXULEtB"); /* the scheduler is not asked again */
    exchanged = &v;
    leaves[1] = RUN_STOP;
    RUN(&v);
    assert_string_equal(calls, "NULEXCEUS"); /* the same one goes on */
}

/* A VM's work runs without registers of a guest in the hart. */
static void test_worker(void **state)
{
    (void)state;
    leaves[0] = RUN_BLOCK;
    RUN(&v, &worker, &worker);
    assert_string_equal(calls, "NLEtBNUMNM");
    assert_ptr_not_equal(worker.hart, fake_this_hart);
}

static void test_arrive(void **state)
{
    (void)state;
    v.hsm_state = SBI_HSM_STATE_START_PENDING;
    v.hsm_pc = 0x1234;
    v.hsm_opaque = 0x5678;
    leaves[0] = leaves[1] = RUN_BLOCK;
    RUN(&v, &v);
    assert_string_equal(calls, "NRLEtBNCEtB");
    assert_int_equal(v.hsm_state, SBI_HSM_STATE_STARTED);
}

static void test_timer_of_a_blocked_vcpu(void **state)
{
    (void)state;
    v.timer.hart = fake_this_hart;
    leaves[0] = RUN_YIELD;
    RUN(&v);
    assert_string_equal(calls, "NLuEx");
}

static void others_first(void)
{
    fake_this_hart->resched = 1;
    on_irq = NULL;
}

static void others_are_there(void)
{
    fake_this_hart->resched = 1;
    fake_this_hart->timer_programmed = UINT64_MAX;
}

static void raise_ipi(void)
{
    fake_csr[CSR_SIP] = BIT(IRQ_S_SOFT);
}

/* Somebody else is to have the hart: noticed before the vcpu is loaded, while the loaded one stays.
 */
static void test_overtaken(void **state)
{
    (void)state;
    raise_ipi();
    on_irq = others_first;
    RUN(&v);
    assert_string_equal(calls, "NiQ");
    assert_int_equal(fake_this_hart->resched, 1);
    fake_this_hart->resched = 0;
    fake_this_hart->timer_programmed = TIMER_PUT_OFF;
    on_timers = others_are_there;
    RUN(&v);
    assert_string_equal(calls, "NPQ");
    fake_this_hart->resched = 0;
    leaves[0] = RUN_BLOCK;
    RUN(&v);
    assert_string_equal(calls, "NLEtB");
    fake_this_hart->timer_programmed = TIMER_PUT_OFF;
    RUN(&other);
    assert_string_equal(calls, "NPQ");
    assert_ptr_equal(fake_this_hart->current, &v);
}

static void test_idle(void **state)
{
    (void)state;
    RUN(NULL);
    assert_string_equal(calls, "-I");
    work_waits = true; /* though not due: there is nothing better to do */
    RUN(NULL);
    assert_string_equal(calls, "-W");
    raise_ipi();
    RUN(NULL);
    assert_string_equal(calls, "-Ii");
    /* Interrupts that came while the guest ran are looked at before the next choice. */
    on_enter = raise_ipi;
    leaves[0] = RUN_BLOCK;
    RUN(&v);
    assert_string_equal(calls, "NLEitB");
}

/* ---- what is asked of a vcpu that is about to run */

static void test_requests(void **state)
{
    static const struct {
        uint32_t bits;
        const char *log;
        unsigned fences, vvma;
    } row[] = {
        {VCPU_REQ_STOP, "NLUS", 0, 0},
        {VCPU_REQ_PAUSE, "NLUK", 0, 0},
        {VCPU_REQ_STOP | VCPU_REQ_PAUSE, "NLUS", 0, 0},
        {VCPU_REQ_FENCE_I, "NLEtB", 1, 0},
        {VCPU_REQ_VVMA, "NLEtB", 1, 1},
        {VCPU_REQ_VVMA | VCPU_REQ_FENCE_I, "NLEtB", 1, 1},
        {VCPU_REQ_COMPONENTS, "NLrEtB", 0, 0},
        {VCPU_REQ_TIMER, "NLmEtB", 0, 0},
        {VCPU_REQ_COMPONENTS | VCPU_REQ_TIMER | VCPU_REQ_VVMA, "NLrmEtB", 1, 1},
        {VCPU_REQ_COMPONENTS | VCPU_REQ_VVMA | VCPU_REQ_STOP, "NLrUS", 1, 1},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        (void)up(state);
        v.requests = row[i].bits;
        leaves[0] = RUN_BLOCK;
        RUN(&v);
        assert_string_equal(calls, row[i].log);
        assert_int_equal(v.requests, 0);
        assert_int_equal(v.in_guest, 0);
        assert_int_equal(fake_this_hart->stats.fences, row[i].fences);
        assert_int_equal(fake_fences.vvma_all, row[i].vvma);
    }
}

static void ask_again(void)
{
    v.requests |= VCPU_REQ_COMPONENTS;
}

/* Siblings that never stop asking do not keep the hart from its own interrupts. */
static void test_rounds_are_bounded(void **state)
{
    unsigned rounds;

    (void)state;
    on_request = ask_again;
    v.requests = VCPU_REQ_COMPONENTS;
    RUN(&v);
    assert_null(strchr(calls, 'E'));
    rounds = (unsigned)strspn(calls + 2, "r");
    assert_true(rounds > 1 && rounds <= 64);
    assert_string_equal(calls + 2 + rounds, "X");
    assert_int_equal(v.in_guest, 0); /* nobody need kick it */
    on_request = NULL;
    leaves[0] = RUN_BLOCK;
    RUN(&v);
    assert_string_equal(calls, "NCrEtB");
}

static void it_must_go(void)
{
    fake_this_hart->resched = 1;
}

static void test_preempted_before_entry(void **state)
{
    (void)state;
    v.requests = VCPU_REQ_COMPONENTS;
    on_request = it_must_go;
    RUN(&v);
    assert_string_equal(calls, "NLrX");
    assert_int_equal(v.in_guest, 0);
}

/* ---- asking */

static void test_kick(void **state)
{
    (void)state;
    v.hart = &fake_harts[5];
    vcpu_kick(&v);
    assert_int_equal(kicked, 0); /* not in its guest: it will look */
    v.in_guest = 1;
    vcpu_kick(&v);
    assert_int_equal(kicked, BIT(5));
    kicked = 0;
    v.hart = fake_this_hart; /* its exit is where we are */
    vcpu_kick(&v);
    v.hart = NULL;
    vcpu_kick(&v);
    assert_int_equal(kicked, 0);
}

static void test_request_wakes(void **state)
{
    static const struct {
        uint32_t bit;
        bool wakes;
    } row[] = {{VCPU_REQ_STOP, true},  {VCPU_REQ_PAUSE, true},       {VCPU_REQ_FENCE_I, false},
               {VCPU_REQ_VVMA, false}, {VCPU_REQ_COMPONENTS, false}, {VCPU_REQ_TIMER, false}};

    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        (void)up(state);
        v.requests = VCPU_REQ_VVMA;
        vcpu_request(&v, row[i].bit);
        assert_int_equal(v.requests, VCPU_REQ_VVMA | row[i].bit);
        assert_int_equal(woken, row[i].wakes ? BIT(0) : 0);
    }
}

static struct vcpu *leaving_guest;
static unsigned looks;

/* The other hart needs a while until it leaves its guest, or has done it while in it. */
static void other_hart(void)
{
    if (++looks < 40)
        return;
    leaving_guest->in_guest = 0;
}

static void other_hart_fences(void)
{
    if (++looks < 40)
        return;
    leaving_guest->requests = 0;
}

static void test_fence(void **state)
{
    (void)state;
    vcpu_request_fence(&v, BIT(0), VCPU_REQ_FENCE_I);
    assert_int_equal(fake_this_hart->stats.fences, 1);
    assert_int_equal(fake_fences.vvma_all, 0);
    vcpu_request_fence(&v, BIT(0), VCPU_REQ_VVMA);
    assert_int_equal(fake_fences.vvma_all, 1);
    assert_int_equal(v.requests, 0);
    /* Those outside their guests do it before they enter: nobody waits. */
    vcpu_request_fence(&v, BIT(1), VCPU_REQ_VVMA);
    assert_int_equal(other.requests, VCPU_REQ_VVMA);
    assert_int_equal(fake_fences.vvma_all, 1);
    assert_int_equal(kicked, 0);
    /* One in its guest is kicked and waited for. */
    for (unsigned way = 0; way < 2; way++) {
        other.requests = 0;
        other.in_guest = 1;
        other.hart = &fake_harts[3];
        leaving_guest = &other;
        looks = 0;
        kicked = 0;
        step = way == 0 ? other_hart : other_hart_fences;
        vcpu_request_fence(&v, BIT(0) | BIT(1), VCPU_REQ_VVMA);
        step = NULL;
        assert_int_equal(kicked, BIT(3));
        assert_true(looks >= 40);
        assert_int_equal(fake_fences.vvma_all, 2 + way);
    }
}

static void test_virtual_interrupt_of_its_own(void **state)
{
    (void)state;
    v.run_state = VCPU_RUNNING;
    v.hart = fake_this_hart;
    fake_this_hart->current = &v;
    virq_set(&v, IRQ_VS_EXT);
    assert_int_equal(v.virq_pending, EXT);
    assert_int_equal(v.virq_dirty, EXT);
    assert_int_equal(woken, 0); /* it sees it before its next entry */
    v.run_state = VCPU_BLOCKED; /* loaded still */
    virq_set(&v, IRQ_VS_SOFT);
    assert_int_equal(woken, BIT(0));
    v.run_state = VCPU_RUNNING;
    woken = 0;
    fake_this_hart->current = &other;
    virq_set(&v, IRQ_VS_SOFT);
    assert_int_equal(woken, BIT(0));
    fake_csr[CSR_HVIP] = 0;
    v.virq_dirty = 0;
    virq_set_own(&v, IRQ_VS_TIMER);
    assert_int_equal(fake_csr[CSR_HVIP], BIT(IRQ_VS_TIMER));
    assert_int_equal(v.virq_dirty, 0);
    assert_int_equal(v.virq_pending, EXT | SOFT | BIT(IRQ_VS_TIMER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leave),
        cmocka_unit_test_setup(test_work_becomes_due, up),
        cmocka_unit_test_setup(test_block, up),
        cmocka_unit_test(test_suspend),
        cmocka_unit_test_setup(test_stays_loaded, up),
        cmocka_unit_test_setup(test_exchange, up),
        cmocka_unit_test_setup(test_worker, up),
        cmocka_unit_test_setup(test_arrive, up),
        cmocka_unit_test_setup(test_timer_of_a_blocked_vcpu, up),
        cmocka_unit_test_setup(test_overtaken, up),
        cmocka_unit_test_setup(test_idle, up),
        cmocka_unit_test(test_requests),
        cmocka_unit_test_setup(test_rounds_are_bounded, up),
        cmocka_unit_test_setup(test_preempted_before_entry, up),
        cmocka_unit_test_setup(test_kick, up),
        cmocka_unit_test(test_request_wakes),
        cmocka_unit_test_setup(test_fence, up),
        cmocka_unit_test_setup(test_virtual_interrupt_of_its_own, up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
