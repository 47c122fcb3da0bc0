/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_guest_mem.c - mm/guest_mem.c with fake leaf functions, which check the CSRs: restored on
 * every path, the guest's privilege, the causes reported to the guest. (The real leaf functions run
 * in tests/guests.)
 */
#include "fakes/fake.h"

#include <arch/guest_access.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/core/vcpu.h>

#define VSATP   (ATP_MODE_SV39 << ATP_MODE_SHIFT | 0x12345)
#define HSTATUS (HSTATUS_VSXL_64 | HSTATUS_VTW | HSTATUS_SPV)
#define SSTATUS (SSTATUS_SPP | SSTATUS_FS_INITIAL | SSTATUS_UXL_64)

static struct vcpu vcpu;

/* The guest's memory: bytes [start, start + size) are readable; accesses beyond them fault with
 * `cause`. */
static uint64_t start, size, cause;
static uint64_t load_cause; /* if not 0: HLV's cause where HLVX has `cause` */
static uint8_t memory[64];
static uint64_t expected_vsatp, expected_spvp;
static unsigned leaf_calls;

static bool accessible(uint64_t addr)
{
    return addr - start < size;
}

static void check_csrs(void)
{
    assert_int_equal(fake_csr[CSR_VSATP], expected_vsatp);
    assert_int_equal(fake_csr[CSR_HSTATUS] & HSTATUS_SPVP, expected_spvp);
    /* An earlier fault has set GVA and SPV; the other bits are unchanged. */
    assert_int_equal(
        (fake_csr[CSR_HSTATUS] ^ HSTATUS) & ~(HSTATUS_SPVP | HSTATUS_GVA | HSTATUS_SPV), 0);
    assert_int_equal(fake_csr[CSR_SSTATUS] & SSTATUS_MXR, 0);
    leaf_calls++;
}

/* The effect of a trap in HS-mode and of the return from it. */
static void fault(void)
{
    fake_csr[CSR_HSTATUS] |= HSTATUS_GVA;
    fake_csr[CSR_HSTATUS] &= ~HSTATUS_SPV;
    fake_csr[CSR_SSTATUS] &= ~SSTATUS_SPP;
    fake_csr[CSR_SSTATUS] |= SSTATUS_SPIE;
}

static struct guest_copied leaf(uint8_t *to, const uint8_t *from, uint64_t addr, uint64_t len)
{
    check_csrs();
    for (uint64_t i = 0; i < len; i++) {
        if (!accessible(addr + i)) {
            fault();
            return (struct guest_copied){.left = len - i, .cause = load_cause ? load_cause : cause};
        }
        if (to != NULL)
            to[i] = memory[(addr + i - start)];
        else
            memory[(addr + i - start)] = from[i];
    }
    return (struct guest_copied){.left = 0, .cause = 0xbad};
}

struct guest_copied guest_load(void *dst, uint64_t guest_src, uint64_t len)
{
    return leaf(dst, NULL, guest_src, len);
}

struct guest_copied guest_store(uint64_t guest_dst, const void *src, uint64_t len)
{
    return leaf(NULL, src, guest_dst, len);
}

static uint64_t fetch(uint64_t addr, unsigned bytes)
{
    uint64_t value = 0;

    check_csrs();
    assert_int_equal(addr % bytes, 0);
    for (unsigned i = 0; i < bytes; i++) {
        if (!accessible(addr + i)) {
            fault();
            return GUEST_FETCH_FAULT | cause;
        }
        value |= (uint64_t)memory[addr + i - start] << (8 * i);
    }
    return value;
}

uint64_t guest_fetch_half(uint64_t addr)
{
    return fetch(addr, 2);
}

uint64_t guest_fetch_word(uint64_t addr)
{
    return fetch(addr, 4);
}

static void check_restored(void)
{
    assert_int_equal(fake_csr[CSR_VSATP], VSATP);
    assert_int_equal(fake_csr[CSR_SSTATUS], SSTATUS);
}

/* guest_spvp: the guest's mode at the exit; hart_spvp: the hart's value, which may be stale. */
static void begin(uint64_t guest_spvp, uint64_t hart_spvp)
{
    (void)fake_reset(NULL);
    memset(&vcpu, 0, sizeof(vcpu));
    vcpu.ctx.hstatus = HSTATUS | guest_spvp;
    fake_csr[CSR_HSTATUS] = HSTATUS | hart_spvp;
    fake_csr[CSR_SSTATUS] = SSTATUS;
    fake_csr[CSR_VSATP] = VSATP;
    start = 0x80000000;
    size = sizeof(memory);
    cause = CAUSE_LOAD_GUEST_PAGE;
    load_cause = 0;
    leaf_calls = 0;
    for (unsigned i = 0; i < sizeof(memory); i++)
        memory[i] = (uint8_t)(i * 7 + 1);
}

static void test_door_one(void **state)
{
    uint8_t buf[100];

    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        uint64_t hart_spvp = round & 1 ? HSTATUS_SPVP : 0;

        /* an access of VS-mode in both modes of the guest */
        begin(round & 2 ? HSTATUS_SPVP : 0, hart_spvp);
        expected_vsatp = 0;
        expected_spvp = HSTATUS_SPVP;
        memset(buf, 0, sizeof(buf));
        assert_int_equal(copy_from_guest(&vcpu, buf, start + 3, 40), 40);
        assert_memory_equal(buf, memory + 3, 40);
        assert_int_equal(fake_csr[CSR_HSTATUS], HSTATUS | hart_spvp);
        check_restored();
        assert_int_equal(copy_from_guest(&vcpu, buf, start + 60, 40),
                         4); /* the fault is after 4 bytes */
        assert_int_equal(fake_csr[CSR_HSTATUS], HSTATUS | hart_spvp);
        check_restored();
        assert_int_equal(copy_from_guest(&vcpu, buf, start - 1, 40), 0);
        check_restored();
        memset(buf, 0x5a, sizeof(buf));
        assert_int_equal(copy_to_guest(&vcpu, start + 1, buf, 5), 5);
        assert_int_equal(memory[0], 1);
        assert_int_equal(memory[5], 0x5a);
        assert_int_equal(memory[6], 43);
        cause = CAUSE_STORE_GUEST_PAGE;
        assert_int_equal(copy_to_guest(&vcpu, start + 60, buf, 100), 4);
        assert_int_equal(copy_to_guest(&vcpu, start + 64, buf, 1), 0);
        assert_int_equal(fake_csr[CSR_HSTATUS], HSTATUS | hart_spvp);
        check_restored();
        assert_int_equal(leaf_calls, 6);
    }
}

static void test_door_one_at_the_top(void **state)
{
    uint8_t buf[64] = {0};

    (void)state;
    begin(0, 0);
    expected_vsatp = 0;
    expected_spvp = HSTATUS_SPVP;
    start = BIT(48) - 16; /* no guest memory is above */
    size = 64;
    assert_int_equal(copy_from_guest(&vcpu, buf, start + 6, 30), 10);
    assert_int_equal(copy_to_guest(&vcpu, start + 6, buf, 30), 10);
    assert_int_equal(copy_from_guest(&vcpu, buf, BIT(48) - 1, UINT64_MAX), 1);
    assert_int_equal(copy_from_guest(&vcpu, buf, start, 16), 16);
    assert_int_equal(copy_from_guest(&vcpu, buf, BIT(48), 8), 0);
    assert_int_equal(copy_to_guest(&vcpu, BIT(48) + 8, buf, 8), 0);
    size = UINT64_MAX - start;
    assert_int_equal(copy_from_guest(&vcpu, buf, UINT64_MAX, UINT64_MAX), 0);
    assert_int_equal(copy_to_guest(&vcpu, BIT(63) | start, buf, 8), 0);
    check_restored();
}

static void put_insn(unsigned at, uint32_t insn)
{
    for (unsigned i = 0; i < 4; i++)
        memory[at + i] = (uint8_t)(insn >> 8 * i);
}

static void test_fetch(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        uint64_t guest_spvp = round & 1 ? HSTATUS_SPVP : 0,
                 hart_spvp = round & 2 ? HSTATUS_SPVP : 0;
        struct guest_trap trap = {.cause = 99, .tval = 99};
        uint32_t insn = 0;

        begin(guest_spvp, hart_spvp);
        expected_vsatp = VSATP;
        expected_spvp = guest_spvp;
        put_insn(4, 0x12345673);
        assert_true(fetch_guest_instruction(&vcpu, start + 4, &insn, &trap));
        assert_int_equal(insn, 0x12345673);
        put_insn(62 - 2, 0x4102ffff);
        assert_true(
            fetch_guest_instruction(&vcpu, start + 62, &insn, &trap)); /* no access after it */
        assert_int_equal(insn, 0x4102);
        put_insn(60, 0x0003ffff);
        assert_int_equal(leaf_calls, 2);
        put_insn(8, 0x12345672); /* a 16-bit instruction and the following bytes */
        assert_true(fetch_guest_instruction(&vcpu, start + 8, &insn, &trap));
        assert_int_equal(insn, 0x5672);
        put_insn(6, 0x12345673); /* two halves */
        assert_true(fetch_guest_instruction(&vcpu, start + 6, &insn, &trap));
        assert_int_equal(insn, 0x12345673);
        assert_int_equal(leaf_calls, 5);
        assert_int_equal(trap.cause, 99);
        assert_int_equal(fake_csr[CSR_HSTATUS], HSTATUS | hart_spvp);
        check_restored();

        /* a fault of the second half has its own address */
        assert_false(fetch_guest_instruction(&vcpu, start + 62, &insn, &trap));
        assert_int_equal(trap.cause, CAUSE_INSN_ACCESS);
        assert_int_equal(trap.tval, start + 64);
        assert_int_equal(fake_csr[CSR_HSTATUS], HSTATUS | hart_spvp);
        check_restored();
        assert_false(fetch_guest_instruction(&vcpu, start + 64, &insn, &trap));
        assert_int_equal(trap.tval, start + 64);
        leaf_calls = 0;
        assert_false(fetch_guest_instruction(&vcpu, start + 5, &insn, &trap));
        assert_int_equal(trap.cause, CAUSE_INSN_MISALIGNED);
        assert_int_equal(trap.tval, start + 5);
        assert_int_equal(leaf_calls, 0);
        check_restored();
    }
}

static void test_causes(void **state)
{
    static const struct {
        uint64_t scause, fetch, load;
    } rows[] = {
        {CAUSE_LOAD_PAGE, CAUSE_INSN_PAGE, CAUSE_LOAD_PAGE},
        {CAUSE_LOAD_ACCESS, CAUSE_INSN_ACCESS, CAUSE_LOAD_ACCESS},
        {CAUSE_LOAD_GUEST_PAGE, CAUSE_INSN_ACCESS, CAUSE_LOAD_ACCESS},
        {CAUSE_INSN_PAGE, CAUSE_INSN_PAGE, CAUSE_LOAD_ACCESS},
        {CAUSE_INSN_ACCESS, CAUSE_INSN_ACCESS, CAUSE_LOAD_ACCESS},
        {CAUSE_INSN_GUEST_PAGE, CAUSE_INSN_ACCESS, CAUSE_LOAD_ACCESS},
        {CAUSE_ILLEGAL_INSN, CAUSE_INSN_ACCESS, CAUSE_LOAD_ACCESS},
        {0, CAUSE_INSN_ACCESS, CAUSE_LOAD_ACCESS},
    };
    struct guest_trap trap;
    uint8_t buf[16];
    uint32_t insn;

    (void)state;
    begin(0, HSTATUS_SPVP);
    expected_vsatp = VSATP;
    expected_spvp = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        cause = rows[i].scause;
        assert_false(fetch_guest_instruction(&vcpu, start - 2, &insn, &trap));
        assert_int_equal(trap.cause, rows[i].fetch);
        assert_int_equal(trap.tval, start - 2);
        assert_false(guest_read_gva(&vcpu, start + 60, buf, 16, &trap));
        assert_int_equal(trap.cause, rows[i].load);
        assert_int_equal(trap.tval, start + 64);
        assert_memory_equal(buf, memory + 60, 4);
        assert_int_equal(fake_csr[CSR_HSTATUS], HSTATUS | HSTATUS_SPVP);
        check_restored();
    }
}

/* HLVX that reports page faults of both stages as a fetch's page fault, as QEMU does: an HLV tells
 * them apart. */
static void test_ambiguous_fetch(void **state)
{
    struct guest_trap trap;
    uint32_t insn;

    (void)state;
    begin(0, HSTATUS_SPVP);
    expected_vsatp = VSATP;
    expected_spvp = 0;
    cause = CAUSE_INSN_PAGE;
    load_cause = CAUSE_LOAD_GUEST_PAGE;
    put_insn(60, 0x0003ffff);
    assert_false(fetch_guest_instruction(&vcpu, start + 62, &insn, &trap));
    assert_int_equal(trap.cause, CAUSE_INSN_ACCESS);
    assert_int_equal(trap.tval, start + 64);
    load_cause = CAUSE_LOAD_PAGE;
    assert_false(fetch_guest_instruction(&vcpu, start + 64, &insn, &trap));
    assert_int_equal(trap.cause, CAUSE_INSN_PAGE);
    assert_int_equal(fake_csr[CSR_HSTATUS], HSTATUS | HSTATUS_SPVP);
    check_restored();
}

static void test_read_gva(void **state)
{
    struct guest_trap trap = {.cause = 99};
    uint8_t buf[64];

    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        uint64_t guest_spvp = round & 1 ? HSTATUS_SPVP : 0,
                 hart_spvp = round & 2 ? HSTATUS_SPVP : 0;

        begin(guest_spvp, hart_spvp);
        expected_vsatp = VSATP;
        expected_spvp = guest_spvp;
        assert_true(guest_read_gva(&vcpu, start + 8, buf, 9, &trap));
        assert_memory_equal(buf, memory + 8, 9);
        assert_true(guest_read_gva(&vcpu, 5, buf, 0, &trap));
        assert_int_equal(trap.cause, 99);
        assert_int_equal(fake_csr[CSR_HSTATUS], HSTATUS | hart_spvp);
        check_restored();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_door_one),        cmocka_unit_test(test_door_one_at_the_top),
        cmocka_unit_test(test_fetch),           cmocka_unit_test(test_causes),
        cmocka_unit_test(test_ambiguous_fetch), cmocka_unit_test(test_read_gva),
    };

    return cmocka_run_group_tests_name("guest_mem", tests, NULL, NULL);
}
