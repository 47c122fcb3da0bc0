/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_sse.c - SBI SSE: errors of each function, and the registers at a handler's begin and
 * end. */
#include "sse_test.h"

#define RAM_END (SBI_RAM_BASE + SBI_RAM_SIZE)

static uint64_t attr(uint32_t id, uint32_t a)
{
    assert_sse(0, SBI_SSE_READ_ATTRS, id, a, 1, SBI_RAM_BASE, 0);
    return *shared();
}

static int64_t set(uint32_t id, uint32_t a, uint64_t value)
{
    *shared() = value;
    return sse(SBI_SSE_WRITE_ATTRS, id, a, 1, SBI_RAM_BASE, 0).a0;
}

/* ---- errors */

static void test_event_ids(void **state)
{
    static const struct {
        uint32_t id;
        int64_t error;
    } rows[] = {
        {0x00000001, SBI_ERR_NOT_SUPPORTED}, /* double trap: no source */
        {0x00000002, SBI_ERR_INVALID_PARAM}, {0x00003fff, SBI_ERR_INVALID_PARAM},
        {0x00004000, SBI_ERR_NOT_SUPPORTED}, {0x00007fff, SBI_ERR_NOT_SUPPORTED},
        {0x00008000, SBI_ERR_NOT_SUPPORTED}, {0x00008001, SBI_ERR_INVALID_PARAM},
        {0x0000c000, SBI_ERR_NOT_SUPPORTED}, {0x00010000, SBI_ERR_NOT_SUPPORTED}, /* PMU overflow */
        {0x00010001, SBI_ERR_INVALID_PARAM}, {0x00018000, SBI_ERR_INVALID_PARAM},
        {0x00020000, SBI_ERR_INVALID_PARAM}, {0x00100001, SBI_ERR_INVALID_PARAM},
        {0x00108000, SBI_ERR_NOT_SUPPORTED}, {0xffff0001, SBI_ERR_INVALID_PARAM},
        {0xffff8001, SBI_ERR_INVALID_PARAM}, {0xffffffff, SBI_ERR_NOT_SUPPORTED},
        {0x00000000, SBI_SUCCESS},           {0x00100000, SBI_SUCCESS},
        {0xffff0000, SBI_SUCCESS},           {0xffff8000, SBI_SUCCESS},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const int64_t e = rows[i].error;
        const int64_t in_state = e != SBI_SUCCESS ? e : SBI_ERR_INVALID_STATE;
        /* A uint32_t: the upper half of the register is ignored. */
        const uint64_t id = rows[i].id | (i % 2 ? 0xffffffff00000000 : 0);

        assert_sse(e, SBI_SSE_READ_ATTRS, id, 0, 1, SBI_RAM_BASE, 0);
        assert_sse(e, SBI_SSE_WRITE_ATTRS, id, 1, 1, SBI_RAM_BASE + 64, 0);
        assert_sse(in_state, SBI_SSE_UNREGISTER, id, 0, 0, 0, 0);
        assert_sse(in_state, SBI_SSE_ENABLE, id, 0, 0, 0, 0);
        assert_sse(in_state, SBI_SSE_DISABLE, id, 0, 0, 0, 0);
        assert_sse(e, SBI_SSE_REGISTER, id, ENTRY, 0, 0, 0);
        assert_sse(in_state, SBI_SSE_REGISTER, id, ENTRY, 0, 0, 0);
        assert_sse(e, SBI_SSE_INJECT, id, 0, 0, 0, 0);
    }
    for (uint64_t fid = SBI_SSE_HART_MASK + 1; fid != 0; fid *= 16)
        assert_sse(SBI_ERR_NOT_SUPPORTED, fid, 0, 0, 0, 0, 0);
}

static void test_shared_memory(void **state)
{
    static const uint64_t bad[][2] = {
        {SBI_RAM_BASE + 1, 0}, {SBI_RAM_BASE + 4, 0}, {SBI_RAM_BASE - 8, 0},
        {RAM_END, 0},          {RAM_END - 8, 0},      {SBI_RAM_BASE, 1},
        {0x10000000, 0},       {UINT64_MAX - 7, 0},   {UINT64_MAX, UINT64_MAX}};
    static const uint32_t ranges[][2] = {{0, 11},         {10, 1},         {9, 2},
                                         {UINT32_MAX, 1}, {UINT32_MAX, 2}, {1, UINT32_MAX},
                                         {0, UINT32_MAX}};

    (void)state;
    for (uint64_t fid = SBI_SSE_READ_ATTRS; fid <= SBI_SSE_WRITE_ATTRS; fid++) {
        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
            assert_sse(SBI_ERR_INVALID_ADDRESS, fid, ids[0], 1, 2, bad[i][0], bad[i][1]);
        for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++)
            assert_sse(SBI_ERR_BAD_RANGE, fid, ids[0], ranges[i][0], ranges[i][1], SBI_RAM_BASE, 0);
        assert_sse(SBI_ERR_INVALID_PARAM, fid, ids[0], 0, 0, SBI_RAM_BASE, 0);
        assert_sse(0, fid, ids[0], 1, 2, RAM_END - 16, 0);
        rec.copy_limit = 15;
        assert_sse(SBI_ERR_FAILED, fid, ids[0], 1, 2, RAM_END - 16, 0);
        rec.copy_limit = UINT64_MAX;
    }
    /* Only the requested attributes are written. */
    memset(sbi_ram, 0xa5, SBI_RAM_SIZE);
    assert_sse(0, SBI_SSE_READ_ATTRS, ids[0], 1, 2, SBI_RAM_BASE + 8, 0);
    assert_int_equal(shared()[0], 0xa5a5a5a5a5a5a5a5);
    assert_int_equal(shared()[1], 0);
    assert_int_equal(shared()[2], 0);
    assert_int_equal(shared()[3], 0xa5a5a5a5a5a5a5a5);
    /* A write changes all attributes or none; the first error in order is returned. */
    shared()[0] = 7;
    shared()[1] = 2; /* no CONFIG */
    shared()[2] = 0;
    assert_sse(SBI_ERR_INVALID_PARAM, SBI_SSE_WRITE_ATTRS, ids[0], 1, 3, SBI_RAM_BASE, 0);
    assert_int_equal(attr(ids[0], SBI_SSE_ATTR_PRIORITY), 0);
    shared()[1] = 1;
    assert_sse(SBI_ERR_DENIED, SBI_SSE_WRITE_ATTRS, ids[0], 1, 3, SBI_RAM_BASE, 0);
    assert_int_equal(attr(ids[0], SBI_SSE_ATTR_CONFIG), 0);
}

static void test_attributes(void **state)
{
    (void)state;
    run_as(2);
    for (unsigned i = 0; i < EVENTS; i++) {
        for (uint32_t a = 0; a < SBI_SSE_ATTR_COUNT; a++) {
            const uint64_t want = a == SBI_SSE_ATTR_STATUS                             ? BIT(3)
                                  : a == SBI_SSE_ATTR_PREFERRED_HART && i < EVENTS - 1 ? 2
                                                                                       : 0;

            assert_int_equal(attr(ids[i], a), want);
        }
        assert_int_equal(set(ids[i], SBI_SSE_ATTR_STATUS, 0), SBI_ERR_DENIED);
        assert_int_equal(set(ids[i], SBI_SSE_ATTR_ENTRY_PC, 0), SBI_ERR_DENIED);
        assert_int_equal(set(ids[i], SBI_SSE_ATTR_ENTRY_ARG, 0), SBI_ERR_DENIED);
        assert_int_equal(set(ids[i], SBI_SSE_ATTR_PRIORITY, BIT(32)), SBI_ERR_INVALID_PARAM);
        assert_int_equal(set(ids[i], SBI_SSE_ATTR_PRIORITY, UINT32_MAX), 0);
        assert_int_equal(attr(ids[i], SBI_SSE_ATTR_PRIORITY), UINT32_MAX);
        assert_int_equal(set(ids[i], SBI_SSE_ATTR_CONFIG, 3), SBI_ERR_INVALID_PARAM);
        assert_int_equal(set(ids[i], SBI_SSE_ATTR_CONFIG, BIT(63)), SBI_ERR_INVALID_PARAM);
        assert_int_equal(set(ids[i], SBI_SSE_ATTR_CONFIG, 1), 0);
        for (uint32_t a = SBI_SSE_ATTR_INTERRUPTED_SEPC; a < SBI_SSE_ATTR_COUNT; a++)
            assert_int_equal(set(ids[i], a, 0), SBI_ERR_INVALID_STATE);
    }
    assert_int_equal(set(ids[2], SBI_SSE_ATTR_PREFERRED_HART, 2), SBI_ERR_DENIED);
    assert_int_equal(set(ids[3], SBI_SSE_ATTR_PREFERRED_HART, HARTS), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(ids[3], SBI_SSE_ATTR_PREFERRED_HART, BIT(32)), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(ids[3], SBI_SSE_ATTR_PREFERRED_HART, UINT64_MAX), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(ids[3], SBI_SSE_ATTR_PREFERRED_HART, 3), 0);
    run_as(1); /* local events are per hart, global ones are shared */
    assert_int_equal(attr(ids[0], SBI_SSE_ATTR_PRIORITY), 0);
    assert_int_equal(attr(ids[3], SBI_SSE_ATTR_PREFERRED_HART), 3);
}

static void enable(uint32_t id, uint64_t entry, uint64_t arg)
{
    assert_sse(0, SBI_SSE_REGISTER, id, entry, arg, 0, 0);
    assert_sse(0, SBI_SSE_ENABLE, id, 0, 0, 0, 0);
}

static void test_calls(void **state)
{
    (void)state;
    assert_sse(SBI_ERR_INVALID_PARAM, SBI_SSE_REGISTER, ids[2], ENTRY + 1, 0, 0, 0);
    assert_sse(SBI_ERR_INVALID_PARAM, SBI_SSE_INJECT, ids[2], HARTS, 0, 0, 0);
    assert_sse(SBI_ERR_INVALID_PARAM, SBI_SSE_INJECT, ids[2], UINT64_MAX, 0, 0, 0);
    assert_sse(0, SBI_SSE_INJECT, ids[3], UINT64_MAX, 0, 0, 0); /* ignored */
    assert_sse(SBI_ERR_ALREADY_STOPPED, SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
    assert_sse(0, SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    assert_sse(SBI_ERR_ALREADY_STARTED, SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    assert_sse(0, SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
    assert_sse(0, SBI_SSE_COMPLETE, 0, 0, 0, 0, 0); /* no event runs */
    assert_sse(0, SBI_SSE_REGISTER, ids[2], ENTRY + 2, 5, 0, 0);
    assert_int_equal(attr(ids[2], SBI_SSE_ATTR_ENTRY_PC), ENTRY + 2);
    assert_int_equal(attr(ids[2], SBI_SSE_ATTR_ENTRY_ARG), 5);
    assert_sse(0, SBI_SSE_UNREGISTER, ids[2], 0, 0, 0, 0);
    assert_int_equal(attr(ids[2], SBI_SSE_ATTR_ENTRY_PC), 0);
    assert_int_equal(attr(ids[2], SBI_SSE_ATTR_ENTRY_ARG), 0);
    run_requests();
}

/* ---- registers */

static void check_context(uint64_t vsstatus, bool user, uint64_t env, uint64_t flags,
                          uint64_t inside)
{
    struct vcpu *v = sbi_self;
    const uint64_t mode = user ? 0 : SSTATUS_SPP;
    const uint64_t elp = env & HENVCFG_LPE ? SSTATUS_SPELP : 0;
    struct vcpu_ctx before;

    fake_csr[CSR_VSSTATUS] = vsstatus;
    fake_csr[CSR_VSEPC] = 0x1234;
    fake_csr[CSR_HENVCFG] = env;
    host_isa.henvcfg_exists = env != 0;
    for (unsigned i = 1; i < 32; i++)
        v->ctx.gpr[i] = i * 0x0101010101010101;
    v->ctx.pc = 0xfffffffffffffff0;
    v->ctx.sstatus = mode | elp | SSTATUS_FS;
    v->ctx.hstatus = HSTATUS_SPV | (user ? 0 : HSTATUS_SPVP);
    before = v->ctx;
    assert_int_equal(sse_raise(v, ids[0]), 0);
    run_requests();

    assert_int_equal(v->ctx.pc, ENTRY);
    assert_int_equal(v->ctx.sstatus, SSTATUS_SPP | SSTATUS_FS);
    assert_int_equal(v->ctx.hstatus, HSTATUS_SPV | HSTATUS_SPVP);
    assert_int_equal(fake_csr[CSR_VSEPC], before.pc);
    assert_int_equal(fake_csr[CSR_VSSTATUS], inside);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(v->ctx.gpr[i], i == GPR_A6   ? v->id
                                        : i == GPR_A7 ? UINT64_MAX
                                                      : before.gpr[i]);
    assert_int_equal(attr(ids[0], SBI_SSE_ATTR_INTERRUPTED_SEPC), 0x1234);
    assert_int_equal(attr(ids[0], SBI_SSE_ATTR_INTERRUPTED_FLAGS), flags);
    assert_int_equal(attr(ids[0], SBI_SSE_ATTR_INTERRUPTED_A6), before.gpr[GPR_A6]);
    assert_int_equal(attr(ids[0], SBI_SSE_ATTR_INTERRUPTED_A7), before.gpr[GPR_A7]);
    assert_int_equal(sse(SBI_SSE_COMPLETE, 0x11, 0x22, 2, 3, 4).a0, 0x11);
    assert_int_equal(v->ctx.gpr[GPR_A1], 0x22);
    for (unsigned i = GPR_A0; i <= GPR_A4; i++) /* the handler restores these */
        v->ctx.gpr[i] = before.gpr[i];
    assert_memory_equal(&v->ctx, &before, sizeof(before));
    assert_int_equal(fake_csr[CSR_VSEPC], 0x1234);
    assert_int_equal(fake_csr[CSR_VSSTATUS], vsstatus);
}

static void test_context(void **state)
{
    const uint64_t other = SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | SSTATUS_UXL_64;
    const uint64_t optional = SSTATUS_SPELP | SSTATUS_SDT;

    (void)state;
    run_as(3);
    enable(ids[0], ENTRY, UINT64_MAX);
    assert_sse(0, SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    for (unsigned i = 0; i < 16; i++) {
        const uint64_t sie = i & 1 ? SSTATUS_SIE : 0, spie = i & 2 ? SSTATUS_SPIE : 0;
        const uint64_t spp = i & 4 ? SSTATUS_SPP : 0;
        const bool user = i & 8;
        const uint64_t in = other | (sie ? SSTATUS_SPIE : 0) | (user ? 0 : SSTATUS_SPP);
        const uint64_t flags = (spp ? 1 : 0) | (spie ? 2 : 0);

        check_context(other | sie | spie | spp, user, 0, flags, in);
        check_context(other | sie | spie | spp, user, HENVCFG_DTE | HENVCFG_LPE, flags,
                      in | optional);
        /* SDT clears SIE. */
        check_context(other | spie | spp | optional, user, HENVCFG_DTE | HENVCFG_LPE, flags | 0x30,
                      other | (user ? 0 : SSTATUS_SPP) | optional);
    }
    /* Flags of state that the guest does not have are kept and have no effect. */
    host_isa.henvcfg_exists = false;
    fake_csr[CSR_VSSTATUS] = other;
    assert_int_equal(sse_raise(sbi_self, ids[0]), 0);
    run_requests();
    assert_int_equal(set(ids[0], SBI_SSE_ATTR_INTERRUPTED_FLAGS, 0x40), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(ids[0], SBI_SSE_ATTR_INTERRUPTED_FLAGS, 0x3f), 0);
    assert_int_equal(attr(ids[0], SBI_SSE_ATTR_INTERRUPTED_FLAGS), 0x3f);
    (void)sse(SBI_SSE_COMPLETE, 0, 0, 0, 0, 0);
    assert_int_equal(fake_csr[CSR_VSSTATUS], other | SSTATUS_SPP | SSTATUS_SPIE);
}

static void test_raise(void **state)
{
    struct vcpu *v = sbi_vm.vcpus[1];

    (void)state;
    run_as(1);
    assert_int_equal(sse_raise(v, SBI_SSE_LOCAL_DOUBLE_TRAP), -HV_ENOTSUP);
    assert_int_equal(sse_raise(v, 0x1234), -HV_ENOTSUP);
    assert_int_equal(sse_raise(v, ids[1]), -HV_ENOENT);
    assert_sse(0, SBI_SSE_REGISTER, ids[1], ENTRY, 0, 0, 0);
    assert_int_equal(sse_raise(v, ids[1]), -HV_ENOENT);
    assert_int_equal(attr(ids[1], 0), SBI_SSE_STATE_REGISTERED | SBI_SSE_STATUS_INJECT);
    assert_sse(0, SBI_SSE_ENABLE, ids[1], 0, 0, 0, 0);
    assert_int_equal(sse_raise(v, ids[1]), 0); /* masked: pending */
    run_requests();
    assert_int_equal(attr(ids[1], 0),
                     SBI_SSE_STATE_ENABLED | SBI_SSE_STATUS_PENDING | SBI_SSE_STATUS_INJECT);
    assert_sse(0, SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    run_requests();
    assert_int_equal(v->ctx.pc, ENTRY);
    assert_int_equal(sse_raise(v, ids[1]), 0); /* again while it runs: pending until it completes */
    run_requests();
    v->ctx.pc = ENTRY + 8;
    (void)sse(SBI_SSE_COMPLETE, 0, 0, 0, 0, 0);
    assert_int_not_equal(v->ctx.pc, ENTRY + 8);
    run_requests();
    assert_int_equal(v->ctx.pc, ENTRY);
}

/* Events without which a vcpu cannot continue: taken at once or not recorded. */
static void test_raise_at_once(void **state)
{
    const uint32_t id = SBI_SSE_LOCAL_DOUBLE_TRAP;
    const uint64_t enabled = SBI_SSE_STATE_ENABLED | SBI_SSE_STATUS_INJECT;
    struct vcpu *v = sbi_vm.vcpus[1];

    (void)state;
    run_as(1);
    assert_sse(SBI_ERR_NOT_SUPPORTED, SBI_SSE_REGISTER, id, ENTRY, 0, 0, 0);
    assert_int_equal(sse_raise_at_once(v, id), -HV_ENOTSUP);
    host_isa.double_trap = true;
    assert_int_equal(sse_raise_at_once(v, id), -HV_ENOENT);
    assert_sse(0, SBI_SSE_REGISTER, id, ENTRY, 0, 0, 0);
    assert_int_equal(sse_raise_at_once(v, id), -HV_ENOENT);
    assert_sse(0, SBI_SSE_ENABLE, id, 0, 0, 0, 0);
    assert_int_equal(sse_raise_at_once(v, id), -HV_EBUSY); /* masked: not recorded */
    assert_int_equal(attr(id, 0), enabled);
    assert_sse(0, SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    run_requests();
    assert_int_not_equal(v->ctx.pc, ENTRY);
    assert_int_equal(sse_raise_at_once(v, id), 0);
    run_requests();
    assert_int_equal(v->ctx.pc, ENTRY);
    assert_int_equal(sse_raise_at_once(v, id), -HV_EBUSY); /* in its own handler */
    v->ctx.pc = ENTRY + 8;
    (void)sse(SBI_SSE_COMPLETE, 0, 0, 0, 0, 0);
    run_requests();
    assert_int_not_equal(v->ctx.pc, ENTRY);
    assert_int_equal(attr(id, 0), enabled);
    /* Refused in the handler of an event of higher priority, too, but not in that of one of lower
     * priority. */
    for (unsigned i = 0; i < 2; i++) {
        const uint32_t other = i == 0 ? SBI_SSE_LOCAL_HIGH_RAS : SBI_SSE_LOCAL_LOW_RAS;

        assert_sse(0, SBI_SSE_REGISTER, other, ENTRY + 64, 0, 0, 0);
        assert_sse(0, SBI_SSE_ENABLE, other, 0, 0, 0, 0);
        assert_int_equal(sse_raise_at_once(v, other), 0);
        run_requests();
        assert_int_equal(v->ctx.pc, ENTRY + 64);
        assert_int_equal(sse_raise_at_once(v, id), i == 0 ? -HV_EBUSY : 0);
        run_requests();
        assert_int_equal(v->ctx.pc, i == 0 ? ENTRY + 64 : ENTRY);
        (void)sse(SBI_SSE_COMPLETE, 0, 0, 0, 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_event_ids, fresh),
        cmocka_unit_test_setup(test_shared_memory, fresh),
        cmocka_unit_test_setup(test_attributes, fresh),
        cmocka_unit_test_setup(test_calls, fresh),
        cmocka_unit_test_setup(test_context, fresh),
        cmocka_unit_test_setup(test_raise, fresh),
        cmocka_unit_test_setup(test_raise_at_once, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
