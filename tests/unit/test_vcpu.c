/* SPDX-License-Identifier: Apache-2.0 */
/* test_vcpu.c - core/vcpu.c: creation with each step failing, reset, load and put, parking. */
#include "vcpu_test.h"

static void expect_nothing_left(const char *log)
{
    assert_string_equal(hooks, log);
    assert_int_equal(fake_pages_out, 0);
    assert_int_equal(homes, 0);
    hooks[0] = '\0';
}

static void test_create_fails(void **state)
{
    (void)state;
    for (unsigned pages = 0; pages < 2; pages++) {
        fake_pages_fail_after = pages + 1;
        assert_null(vcpu_create(&vm, 0));
        expect_nothing_left("");
    }
    fake_pages_fail_after = 0;
    failing = 'a';
    assert_null(vcpu_create(&vm, 0));
    expect_nothing_left("");
    failing = 'b';
    assert_null(vcpu_create(&vm, 0));
    expect_nothing_left("+a-a");
    failing = 'c';
    assert_null(vcpu_create(&vm, 0));
    expect_nothing_left("+a+b-b-a");
}

static void test_create(void **state)
{
    struct vcpu *made = vcpu_create(&vm, 7);

    (void)state;
    assert_non_null(made);
    assert_ptr_equal(made->vm, &vm);
    assert_int_equal(made->id, 7);
    assert_int_equal(made->hsm_state, SBI_HSM_STATE_STOPPED);
    assert_int_equal(made->timer_deadline, UINT64_MAX);
    assert_int_equal(made->timer.deadline, UINT64_MAX);
    assert_ptr_equal(made->timer.fn, vtimer_expired);
    assert_ptr_equal(made->stats.reason, &made->stats.by_reason[EXIT_REASON_NOTHING]);
    assert_false(made->worker);
    assert_int_equal(homes, 1);
    /* The open registers: behind the FP state, aligned, and within what was allocated (ASan). */
    assert_true((uintptr_t)made->csrs.open - (uintptr_t)made->fpu.regs >= FPU_SIZE);
    assert_int_equal((uintptr_t)made->csrs.open % sizeof(uint64_t), 0);
    memset(made->fpu.regs, 1, FPU_SIZE);
    memset(made->csrs.open, 1, OPEN_STATE_MAX * sizeof(uint64_t));
    vcpu_destroy(made);
    expect_nothing_left("+a+b+c-c-b-a");
}

static void expect_registers(void)
{
    for (unsigned r = 0; r < 32; r++)
        assert_int_equal(v.ctx.gpr[r], r == GPR_A0 ? 3 : r == GPR_A1 ? OPAQUE : 0);
    assert_int_equal(v.ctx.pc, PC);
    assert_int_equal(v.ctx.sstatus, SSTATUS_SPP | SSTATUS_UXL_64);
    assert_int_equal(v.ctx.hstatus, HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_VSXL_64);
    assert_int_equal(v.csrs.vsstatus, SSTATUS_UXL_64 | SSTATUS_FS_INITIAL | SSTATUS_VS_INITIAL);
    assert_int_equal(v.csrs.scounteren, 7);
    assert_int_equal(v.csrs.vstvec | v.csrs.vsscratch | v.csrs.vsepc | v.csrs.vscause |
                         v.csrs.vstval | v.csrs.vsatp | v.csrs.senvcfg | v.csrs.ssp,
                     0);
    assert_int_equal(fpu_resets, 1);
    assert_int_equal(open_resets, 1);
}

static void fill_registers(void)
{
    uint64_t *open = v.csrs.open;

    memset(&v.ctx, 0xa5, sizeof(v.ctx));
    memset(&v.csrs, 0xa5, sizeof(v.csrs));
    v.csrs.open = open;
}

/* Nothing of an earlier life is left. */
static void test_reset(void **state)
{
    (void)state;
    fill_registers();
    v.last_hart = 1;
    v.ipi_came = true;
    v.switched = BIT(2);
    v.virq_pending = BIT(IRQ_VS_EXT) | BIT(IRQ_VS_SOFT) | BIT(IRQ_VS_TIMER);
    vcpu_reset(&v, PC, OPAQUE);
    expect_registers();
    assert_int_equal(v.csrs.henvcfg, 0xe5);
    assert_int_equal(v.csrs.vstimecmp, UINT64_MAX);
    assert_int_equal(v.csrs.vsie | v.csrs.hvip, 0);
    /* The PLIC's level stays, and an IPI that came since its start: hvip is to learn both. */
    assert_int_equal(v.virq_pending, BIT(IRQ_VS_EXT) | BIT(IRQ_VS_SOFT));
    assert_int_equal(v.virq_dirty, BIT(IRQ_VS_EXT) | BIT(IRQ_VS_SOFT));
    assert_false(v.ipi_came);
    assert_int_equal(v.last_hart, 0);
    assert_int_equal(v.switched, 0);
    assert_int_equal(timer_resets, 1);
    assert_string_equal(hooks, "rarbrc");
    host_isa.f = host_isa.v = false;
    vcpu_reset(&v, PC, OPAQUE);
    assert_int_equal(v.csrs.vsstatus, SSTATUS_UXL_64);
}

/* The interrupts that the guest enabled, and those that are pending, will end its sleep. */
static void test_reset_suspended(void **state)
{
    (void)state;
    v.hart = fake_this_hart;
    fill_registers();
    fake_csr[CSR_VSIE] = BIT(IRQ_S_TIMER);
    fake_csr[CSR_HVIP] = BIT(IRQ_VS_EXT);
    fake_csr[CSR_VSATP] = 77;
    v.switched = BIT(2);
    v.last_hart = 1;
    v.virq_pending = BIT(IRQ_VS_TIMER);
    vcpu_reset_suspended(&v, PC, OPAQUE);
    expect_registers();
    assert_int_equal(fake_csr[CSR_VSIE], BIT(IRQ_S_TIMER));
    assert_int_equal(fake_csr[CSR_HVIP], BIT(IRQ_VS_EXT));
    assert_int_equal(fake_csr[CSR_VSATP], 0);
    assert_int_equal(v.csrs.henvcfg, 0xa5a5a5a5a5a5a5a5);
    assert_int_equal(v.csrs.vstimecmp, 0xa5a5a5a5a5a5a5a5);
    assert_int_equal(v.virq_pending, BIT(IRQ_VS_TIMER));
    assert_int_equal(v.switched, BIT(2));
    assert_int_equal(v.last_hart, 1);
    assert_int_equal(fake_fences.vvma_all, 1);
    assert_ptr_equal(fake_this_hart->fpu.owner, &v.fpu);
    assert_int_equal(timer_resets, 0);
    assert_string_equal(hooks, "");
}

static void load_and_put(struct vcpu *vcpu, unsigned hart, unsigned gvma, unsigned vvma)
{
    struct hart *h = &fake_harts[hart];

    fake_this_hart = h;
    memset(&fake_fences, 0, sizeof(fake_fences));
    vcpu_load(vcpu, h);
    assert_int_equal(fake_fences.gvma_all, gvma);
    assert_int_equal(fake_fences.vvma_all, vvma);
    assert_ptr_equal(h->current, vcpu);
    assert_ptr_equal(vcpu->hart, h);
    assert_int_equal(fake_csr[CSR_HTIMEDELTA], vm.time_delta);
    assert_int_equal(fake_csr[CSR_HGATP], gstage_hgatp(&vm.gstage, VMID));
    vcpu_put(vcpu);
}

/* A hart is fenced where it may hold stale translations, and nowhere else. */
static void test_stale_translations(void **state)
{
    (void)state;
    vm.time_delta = 0x1234;
    v.id = 0;
    sibling.id = 1;
    (void)vmid_renew(&vm.vmid);
    fake_harts[0].vmid_generation = fake_harts[1].vmid_generation = 1;
    load_and_put(&v, 0, 1, 1); /* the VM's first time there */
    load_and_put(&v, 0, 0, 0);
    load_and_put(&sibling, 0, 0, 1);
    load_and_put(&v, 0, 0, 1);
    load_and_put(&v, 1, 1, 1);
    load_and_put(&v, 0, 0, 1);        /* it may have fenced elsewhere */
    vm.last_vcpu[0] = LAST_VCPU_NONE; /* a new life of the VM */
    load_and_put(&v, 0, 0, 1);
    vmid_generation = 2; /* the VMIDs have run out, and begin anew */
    load_and_put(&v, 0, 1, 1);
    load_and_put(&v, 0, 0, 0);
    load_and_put(&v, 1, 1, 1);
    assert_int_equal(fake_harts[0].stats.switches, 8);
    assert_int_equal(fake_harts[1].stats.switches, 2);
}

static uint64_t hgatp_at_note; /* hgatp when last_vcpu[] was written */

static void watch_note(void)
{
    if (hgatp_at_note == UINT64_MAX && vm.last_vcpu[0] != 0)
        hgatp_at_note = fake_csr[CSR_HGATP];
}

/* core/remap.c reads the note and relies on it: the tables may be walked from hgatp's write on. */
static void test_note_before_hgatp(void **state)
{
    (void)state;
    fake_csr[CSR_HGATP] = 0x1111;
    hgatp_at_note = UINT64_MAX;
    step = watch_note;
    vcpu_load(&v, fake_this_hart);
    step = NULL;
    assert_int_equal(hgatp_at_note, 0x1111);
    assert_int_not_equal(fake_csr[CSR_HGATP], 0x1111);
}

static void test_put(void **state)
{
    struct hart *h = fake_this_hart;

    (void)state;
    vcpu_load(&v, h);
    fake_csr[CSR_VSIE] = 0x1e;
    fake_csr[CSR_HVIP] = BIT(IRQ_VS_SOFT);
    fake_csr[CSR_VSATP] = 99;
    vcpu_put(&v);
    assert_string_equal(hooks, ""); /* no slot has anything to switch */
    assert_int_equal(v.csrs.vsie, 0x1e);
    assert_int_equal(v.csrs.hvip, BIT(IRQ_VS_SOFT));
    assert_int_equal(v.csrs.vsatp, 99);
    assert_int_equal(fake_csr[CSR_HVIP], 0);
    assert_int_equal(fake_csr[CSR_VSATP], 0);
    assert_int_equal(fake_csr[CSR_HGATP], gstage_hgatp(&vm.gstage, VMID)); /* never Bare */
    assert_null(h->current);
    assert_null(v.hart);
    vcpu_switches(&v, 2, true);
    vcpu_load(&v, h);
    vcpu_put(&v);
    assert_string_equal(hooks, "l1p1");
    vcpu_switches(&v, 2, false);
    vcpu_load(&v, h);
    vcpu_put(&v);
    assert_string_equal(hooks, "l1p1");
}

static void test_park(void **state)
{
    (void)state;
    v.hsm_state = SBI_HSM_STATE_STARTED;
    v.timer = (struct timer_event){.deadline = UINT64_MAX};
    timer_arm(&v.timer, 500);
    v.timer_deadline = 500;
    pause_holds = true;
    vcpu_park(&v);
    assert_int_equal(fake_timer_next(0), UINT64_MAX);
    assert_int_equal(v.timer_deadline, 500);
    assert_int_equal(stopped, 1);
    assert_int_equal(started, 0);
    assert_int_equal(v.requests, 0);
    /* The pause is over already: it goes on, and its timer is armed where it runs. */
    pause_holds = false;
    stopped = 0;
    vcpu_park(&v);
    assert_int_equal(started, 1);
    assert_int_equal(v.requests, VCPU_REQ_TIMER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_create_fails, up),
        cmocka_unit_test_setup(test_create, up),
        cmocka_unit_test_setup(test_reset, up),
        cmocka_unit_test_setup(test_reset_suspended, up),
        cmocka_unit_test_setup(test_stale_translations, up),
        cmocka_unit_test_setup(test_note_before_hgatp, up),
        cmocka_unit_test_setup(test_put, up),
        cmocka_unit_test_setup(test_park, up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
