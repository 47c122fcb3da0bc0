/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_page_fault.c - guest-page faults and virtual instructions, as the vcpu sees them. The board
 * is real; the test provides instruction fetches and the guest's RAM.
 */
#include <hearth/guest/upcalls.h>
#include <hearth/core/upcalls.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/mm/memslot.h>

#include <arch/csr.h>

#include "device_test.h"

#define PC  0x80001234ull
#define LSR (BOARD_UART_BASE + 5)
#define SCR (BOARD_UART_BASE + 7)

#define LBU_A0  0x0005c503u /* lbu a0, 0(a1) */
#define LB_A0   0x00058503u
#define LW_A0   0x0005a503u
#define LD_A0   0x0005b503u
#define LBU_X0  0x0005c003u
#define SB_A0   0x00a58023u /* sb a0, 0(a1) */
#define SB_X0   0x00058023u
#define C_LW_A0 0x4188u /* c.lw a0, 0(a1) */
#define C_SW_A0 0xc188u
#define AMOADD  0x00c5a52fu /* amoadd.w a0, a2, (a1) */
#define LR_W    0x1005a52fu
#define FLW     0x0005a507u
#define WFI     0x10500073u
#define WRS_NTO 0x00d00073u
#define WRS_STO 0x01d00073u
#define HFENCE  0x62000073u

static uint32_t memory_insn;
static bool fetch_fails;
static unsigned fetches;

bool fetch_guest_instruction(struct vcpu *vcpu, gva_t gva, uint32_t *insn, struct guest_trap *trap)
{
    (void)vcpu;
    assert_true(gva == PC);
    fetches++;
    if (fetch_fails) {
        *trap = (struct guest_trap){.cause = CAUSE_INSN_PAGE, .tval = gva};
        return false;
    }
    *insn = memory_insn;
    return true;
}

/* CSR cycle is emulated, in VS-mode only. */
static bool read_cycle(const struct vcpu *vcpu, uint32_t csr, bool user, uint64_t *value)
{
    assert_ptr_equal(vcpu, &vcpus[0]);
    *value = 0x123456789abcdef0;
    return csr == CSR_CYCLE && !user;
}

const struct emulated_csr emulated_csrs[] = {
    {CSR_CYCLE, CSR_CYCLE + 1, read_cycle},
    {.read = NULL},
};

/* RAM of one page-table page at 0x80000000. */
static uint64_t table[512];

uint64_t memslot_read(const struct memslots *s, gpa_t gpa, void *buf, uint64_t len)
{
    (void)s;
    if (!range_within(gpa, len, VM_RAM_BASE, sizeof(table)))
        return 0;
    memcpy(buf, (const char *)table + (gpa - VM_RAM_BASE), len);
    return len;
}

static int up(void **state)
{
    fetch_fails = false;
    fetches = 0;
    memset(table, 0, sizeof(table));
    fake_csr[CSR_VSATP] = 0;
    return board_up(state);
}

static uint64_t *gpr(unsigned n)
{
    return &vcpus[0].ctx.gpr[n];
}

static struct vcpu_exit fault(uint64_t cause, gpa_t gpa, uint64_t tinst)
{
    *gpr(11) = gpa;
    return (struct vcpu_exit){.cause = cause,
                              .pc = PC,
                              .tval = gpa,
                              .gpa = gpa,
                              .tinst = tinst,
                              .gpa_valid = true,
                              .from_vs = true};
}

static void expect_next(const struct vcpu_exit *e, unsigned len)
{
    struct exit_result r = exit_guest_page_fault(&vcpus[0], e);

    assert_int_equal(exit_action(r), EXIT_NEXT);
    assert_int_equal(r.insn_len, len);
}

static void expect_fault(const struct vcpu_exit *e, uint64_t cause)
{
    struct vcpu_ctx before = vcpus[0].ctx;
    struct vcpu_stats stats = vcpus[0].stats;
    struct exit_result r = exit_guest_page_fault(&vcpus[0], e);

    assert_int_equal(exit_action(r), EXIT_INJECT);
    assert_int_equal(exit_cause(r), cause);
    assert_true(r.tval == e->tval);
    assert_memory_equal(&before, &vcpus[0].ctx, sizeof(before));
    stats.by_reason[EXIT_REASON_NESTED_PAGE_FAULT]++;
    stats.reason = &vcpus[0].stats.by_reason[EXIT_REASON_NESTED_PAGE_FAULT];
    assert_memory_equal(&stats, &vcpus[0].stats, sizeof(stats));
}

/* The transformed form: offsets are 0 and rs1 is cleared; bit 1 is clear for a compressed
 * instruction. */
static uint64_t transformed(uint32_t insn, bool compressed)
{
    return (insn & ~(31u << 15)) & ~(compressed ? 2u : 0u);
}

static void test_load(void **state)
{
    struct vcpu_exit e = fault(21, LSR, transformed(LBU_A0, false));

    (void)state;
    expect_next(&e, 4);
    assert_int_equal(*gpr(10), 0x60);
    assert_int_equal(fetches, 0);
    assert_int_equal(vcpus[0].stats.by_reason[EXIT_REASON_MMIO_READ], 1);

    e.tinst = 0; /* the same with a fetch */
    memory_insn = LBU_A0;
    *gpr(10) = 0;
    expect_next(&e, 4);
    assert_int_equal(*gpr(10), 0x60);
    assert_int_equal(fetches, 1);
    assert_int_equal(vcpus[0].stats.by_reason[EXIT_REASON_MMIO_READ], 2);
    assert_int_equal(vcpus[0].stats.by_reason[EXIT_REASON_NESTED_PAGE_FAULT], 0);
}

static void test_load_extension_and_x0(void **state)
{
    struct vcpu_exit e = fault(21, SCR, transformed(LB_A0, false));

    (void)state;
    mmio_ok_write(SCR, 1, 0x80);
    expect_next(&e, 4);
    assert_true(*gpr(10) == 0xffffffffffffff80);
    e.tinst = transformed(LBU_A0, false);
    expect_next(&e, 4);
    assert_true(*gpr(10) == 0x80);
    e.tinst = transformed(LBU_X0, false);
    expect_next(&e, 4);
    assert_true(*gpr(0) == 0);
}

static void test_store(void **state)
{
    struct vcpu_exit e = fault(23, SCR, transformed(SB_A0, false));

    (void)state;
    *gpr(10) = 0xffffffffffff125a;
    expect_next(&e, 4);
    assert_int_equal(mmio_ok_read(SCR, 1), 0x5a);
    assert_int_equal(vcpus[0].stats.by_reason[EXIT_REASON_MMIO_WRITE], 1);
    *gpr(0) = 0xbad; /* the world switch may leave any value there */
    e.tinst = 0;
    memory_insn = SB_X0;
    expect_next(&e, 4);
    assert_int_equal(mmio_ok_read(SCR, 1), 0);
}

static void test_compressed(void **state)
{
    gpa_t priority = BOARD_PLIC_BASE + 4 * 5;
    struct vcpu_exit e = fault(23, priority, transformed(0x00a5a023, true)); /* sw a0, 0(a1) */

    (void)state;
    *gpr(10) = 6;
    expect_next(&e, 2);
    assert_int_equal(mmio_ok_read(priority, 4), 6);
    e = fault(21, priority, transformed(LW_A0, true));
    *gpr(10) = 0;
    expect_next(&e, 2);
    assert_int_equal(*gpr(10), 6);
    e.tinst = 0;
    memory_insn = C_LW_A0;
    *gpr(10) = 0;
    expect_next(&e, 2);
    assert_int_equal(*gpr(10), 6);
    e.cause = 23;
    memory_insn = C_SW_A0;
    *gpr(10) = 3;
    expect_next(&e, 2);
    assert_int_equal(mmio_ok_read(priority, 4), 3);
}

static void test_nothing_there(void **state)
{
    static const gpa_t nowhere[] = {0, 0x2000000, 0x10000100, 0xf0000000, 1ull << 55};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
        struct vcpu_exit e = fault(21, nowhere[i], transformed(LW_A0, false));

        expect_fault(&e, CAUSE_LOAD_ACCESS);
        e.cause = 23;
        e.tinst = transformed(SB_A0, false);
        expect_fault(&e, CAUSE_STORE_ACCESS);
        e.cause = 20;
        e.tinst = 0;
        expect_fault(&e, CAUSE_INSN_ACCESS);
    }
    assert_int_equal(fetches, 0);
}

static void test_jump_into_a_device(void **state)
{
    struct vcpu_exit e = fault(20, BOARD_UART_BASE, 0);

    (void)state;
    e.pc = BOARD_UART_BASE;
    e.tval = BOARD_UART_BASE;
    expect_fault(&e, CAUSE_INSN_ACCESS);
}

/* AMO, LR, SC and FP, reported by htinst or fetched from memory. */
static void test_not_loads_or_stores(void **state)
{
    static const struct {
        uint64_t cause;
        uint32_t insn;
        uint64_t want;
    } cases[] = {
        {21, LR_W, CAUSE_LOAD_ACCESS},        {21, FLW, CAUSE_LOAD_ACCESS},
        {23, AMOADD, CAUSE_STORE_ACCESS},     {23, 0x18c5a52f, CAUSE_STORE_ACCESS}, /* sc.w */
        {23, 0x00a5b027, CAUSE_STORE_ACCESS},                                       /* fsd */
        {21, 0x0205f507, CAUSE_LOAD_ACCESS},                                        /* vle64.v */
        {21, 0, CAUSE_LOAD_ACCESS},           {23, 0xffffffff, CAUSE_STORE_ACCESS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct vcpu_exit e =
            fault(cases[i].cause, BOARD_PLIC_BASE + 4, cases[i].insn & ~(31u << 15));

        memory_insn = cases[i].insn;
        expect_fault(&e, cases[i].want);
        e.tinst = 0;
        expect_fault(&e, cases[i].want);
    }
}

/* The instruction in memory is not the one that trapped. */
static void test_instruction_changed_meanwhile(void **state)
{
    struct vcpu_exit e = fault(21, SCR, 0);

    (void)state;
    mmio_ok_write(SCR, 1, 0x77);
    memory_insn = SB_A0; /* a store for a load fault, and the reverse */
    expect_fault(&e, CAUSE_LOAD_ACCESS);
    assert_int_equal(mmio_ok_read(SCR, 1), 0x77);
    e.cause = 23;
    memory_insn = LBU_A0;
    expect_fault(&e, CAUSE_STORE_ACCESS);
    memory_insn = 0x13; /* nop */
    expect_fault(&e, CAUSE_STORE_ACCESS);
    e.tinst = transformed(LBU_A0, false); /* a wrong htinst changes nothing */
    expect_fault(&e, CAUSE_STORE_ACCESS);
    e.tinst = 0;
    fetch_fails = true;
    expect_fault(&e, CAUSE_STORE_ACCESS);
}

static void test_misaligned(void **state)
{
    struct vcpu_exit e = fault(21, BOARD_PLIC_BASE + 2, transformed(LW_A0, false));

    (void)state;
    expect_fault(&e, CAUSE_LOAD_ACCESS);
    e = fault(21, BOARD_UART_BASE, transformed(LD_A0, false)); /* too wide */
    expect_fault(&e, CAUSE_LOAD_ACCESS);
    /* the second half of an access that begins in the page before the device */
    e = fault(21, BOARD_PLIC_BASE, transformed(LW_A0, false) | 2u << 15);
    expect_fault(&e, CAUSE_LOAD_ACCESS);
    e.tinst = 0;
    memory_insn = LW_A0;
    *gpr(11) = BOARD_PLIC_BASE - 2;
    expect_fault(&e, CAUSE_LOAD_ACCESS);
    *gpr(11) = BOARD_PLIC_BASE;
    expect_next(&e, 4);
}

static void test_page_table_walk(void **state)
{
    static const uint64_t pseudo[] = {0x2000, 0x2020, 0x3000, 0x3020};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++) {
        struct vcpu_exit e = fault(21, BOARD_PLIC_BASE + 8, pseudo[i]);

        memory_insn = LW_A0;
        e.tval = 0x4008;
        expect_fault(&e, CAUSE_LOAD_ACCESS);
        e.cause = 23;
        expect_fault(&e, CAUSE_STORE_ACCESS);
        e.cause = 20;
        expect_fault(&e, CAUSE_INSN_ACCESS);
    }
    assert_int_equal(fetches, 0);
    /* only the page offset shows it */
    {
        struct vcpu_exit e = fault(21, BOARD_PLIC_BASE + 8, 0);

        e.tval = 0x5010;
        *gpr(11) = 0x5010;
        expect_fault(&e, CAUSE_LOAD_ACCESS);
    }
}

static void test_gpa_unknown_bare(void **state)
{
    struct vcpu_exit e = fault(21, LSR, 0);

    (void)state;
    e.gpa = 0;
    e.gpa_valid = false;
    memory_insn = LBU_A0;
    expect_next(&e, 4);
    assert_int_equal(*gpr(10), 0x60);
    e.tinst = transformed(LBU_A0, false);
    *gpr(10) = 0;
    expect_next(&e, 4);
    assert_int_equal(*gpr(10), 0x60);
}

static void test_gpa_unknown_sv39(void **state)
{
    gva_t gva = 0xffffffc000000000 | LSR; /* entry 256: 1 GiB leaf to gpa 0 */
    struct vcpu_exit e = fault(21, gva, 0);

    (void)state;
    e.gpa = 0;
    e.gpa_valid = false;
    memory_insn = LBU_A0;
    fake_csr[CSR_VSATP] = ATP_MODE_SV39 << ATP_MODE_SHIFT | VM_RAM_BASE >> PAGE_SHIFT;
    table[256] = 0xcf;
    expect_next(&e, 4);
    assert_int_equal(*gpr(10), 0x60);
    table[256] = 0;
    expect_fault(&e, CAUSE_LOAD_ACCESS);
    fake_csr[CSR_VSATP] = ATP_MODE_SV39 << ATP_MODE_SHIFT | 5; /* the table is outside RAM */
    expect_fault(&e, CAUSE_LOAD_ACCESS);
    e.cause = 23;
    memory_insn = SB_A0;
    expect_fault(&e, CAUSE_STORE_ACCESS);
}

static struct exit_result virtual_insn(uint64_t tval, bool from_vs)
{
    struct vcpu_exit e = {.cause = 22, .pc = PC, .tval = tval, .from_vs = from_vs};

    return exit_virtual_insn(&vcpus[0], &e);
}

static void expect_illegal(struct exit_result r, uint32_t insn)
{
    assert_int_equal(exit_action(r), EXIT_INJECT);
    assert_int_equal(exit_cause(r), CAUSE_ILLEGAL_INSN);
    assert_true(r.tval == insn);
}

static void test_virtual_insn(void **state)
{
    /* hfence.vvma, sfence.vma, csrr a0, hpmcounter3; WFI and WRS with one bit more */
    static const uint32_t illegal[] = {HFENCE,     0x12000073, 0xc0302573, 0x10500173,
                                       0x105000f3, 0x10508073, 0x02d00073, 0x00d00173,
                                       0x01d08073, 0x00f00073, 0x00500073};
    struct exit_result r;

    (void)state;
    for (int fetched = 0; fetched < 2; fetched++) {
        memory_insn = WFI;
        r = virtual_insn(fetched ? 0 : WFI, true);
        assert_int_equal(exit_action(r), EXIT_BLOCK);
        assert_int_equal(r.insn_len, 4);
        expect_illegal(virtual_insn(fetched ? 0 : WFI, false), WFI);
        memory_insn = WRS_NTO;
        r = virtual_insn(fetched ? 0 : WRS_NTO, false);
        assert_int_equal(exit_action(r), EXIT_YIELD);
        assert_int_equal(r.insn_len, 4);
        memory_insn = WRS_STO;
        r = virtual_insn(fetched ? 0 : WRS_STO, true);
        assert_int_equal(exit_action(r), EXIT_YIELD);
        for (unsigned i = 0; i < ARRAY_SIZE(illegal); i++) {
            memory_insn = illegal[i];
            expect_illegal(virtual_insn(fetched ? 0 : illegal[i], true), illegal[i]);
            expect_illegal(virtual_insn(fetched ? 0 : illegal[i], false), illegal[i]);
        }
    }
    assert_int_equal(fetches, 4 + 2 * ARRAY_SIZE(illegal));
    fetch_fails = true;
    r = virtual_insn(0, true);
    assert_int_equal(exit_action(r), EXIT_INJECT);
    assert_int_equal(exit_cause(r), CAUSE_INSN_PAGE);
    assert_true(r.tval == PC);
}

static void test_counter_read(void **state)
{
    /* Forms of csrr that do not write: csrrs, csrrc, csrrsi, csrrci. */
    static const uint32_t reads[] = {0xc0002573, 0xc0003573, 0xc0006573, 0xc0007573};
    /* csrrw; with rs1; another CSR; another opcode; csrrwi; funct3 4 */
    static const uint32_t others[] = {0xc0001573, 0xc005a573, 0xc005f573, 0xc0302573,
                                      0xc0002513, 0xc0005573, 0xc0004573};
    struct exit_result r;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(reads); i++) {
        *gpr(10) = 1;
        r = virtual_insn(reads[i], true);
        assert_int_equal(exit_action(r), EXIT_NEXT);
        assert_int_equal(r.insn_len, 4);
        assert_true(*gpr(10) == 0x123456789abcdef0);
        expect_illegal(virtual_insn(reads[i], false), reads[i]);
    }
    *gpr(10) = 1;
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
        expect_illegal(virtual_insn(others[i], true), others[i]);
    assert_int_equal(*gpr(10), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_load, up, board_down),
        cmocka_unit_test_setup_teardown(test_load_extension_and_x0, up, board_down),
        cmocka_unit_test_setup_teardown(test_store, up, board_down),
        cmocka_unit_test_setup_teardown(test_compressed, up, board_down),
        cmocka_unit_test_setup_teardown(test_nothing_there, up, board_down),
        cmocka_unit_test_setup_teardown(test_jump_into_a_device, up, board_down),
        cmocka_unit_test_setup_teardown(test_not_loads_or_stores, up, board_down),
        cmocka_unit_test_setup_teardown(test_instruction_changed_meanwhile, up, board_down),
        cmocka_unit_test_setup_teardown(test_misaligned, up, board_down),
        cmocka_unit_test_setup_teardown(test_page_table_walk, up, board_down),
        cmocka_unit_test_setup_teardown(test_gpa_unknown_bare, up, board_down),
        cmocka_unit_test_setup_teardown(test_gpa_unknown_sv39, up, board_down),
        cmocka_unit_test_setup_teardown(test_virtual_insn, up, board_down),
        cmocka_unit_test_setup_teardown(test_counter_read, up, board_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
