/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse - SBI SSE: local and global events, with every error. A handler begins in sse_entry with
 * a7 = its struct event, which holds the handler's stack and its observations. Handlers print
 * nothing. Events are tested in sse/one_hart.c and sse/others.c, errors in this file.
 */
#include "sse/sse.h"

static uint64_t clock; /* order of begins and ends */
static uint64_t shared[16] __attribute__((aligned(64)));

_Static_assert(offsetof(struct event, stack_top) == 256, "sse_entry");
_Static_assert(offsetof(struct hart, user) == 32, "user_by_event");

/* clang-format off */
__asm__(
    ".globl sse_entry, user_by_event, u_leave, u_spin\n"
    ".text\n.balign 4\nsse_entry:\n"
    "  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  sd x\\r, 8*\\r(a7)\n"
    "  .endr\n"
    "  ld sp, 256(a7)\n  mv s0, a7\n  mv a0, a7\n  mv a1, a6\n  call sse_handler\n  mv a7, s0\n"
    "  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  ld x\\r, 8*\\r(a7)\n"
    "  .endr\n"
    "  li a6, 6\n  li a7, 0x535345\n  ecall\n  unimp\n"
    /* Saves registers as user_enter in start.S does; the event's handler enters U-mode. */
    "user_by_event:\n"
    "  addi t0, a2, 32\n  sd ra, 0(t0)\n  sd sp, 8(t0)\n  sd s0, 16(t0)\n  sd s1, 24(t0)\n"
    "  sd s2, 32(t0)\n  sd s3, 40(t0)\n  sd s4, 48(t0)\n  sd s5, 56(t0)\n  sd s6, 64(t0)\n"
    "  sd s7, 72(t0)\n  sd s8, 80(t0)\n  sd s9, 88(t0)\n  sd s10, 96(t0)\n  sd s11, 104(t0)\n"
    "  li a6, 7\n  li a7, 0x535345\n  ecall\n  unimp\n"
    ".pushsection .user, \"ax\"\n.balign 4\n"
    "u_leave: li a0, 0x600d\n  ecall\n"
    "u_spin: sd zero, 8(a0)\n  li a1, 1\n  sd a1, 0(a0)\n1: ld a1, 8(a0)\n  beqz a1, 1b\n"
    "  mv a0, a1\n  ecall\n"
    ".popsection\n");
/* clang-format on */

int64_t sse_call(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    return sbi(SBI_EXT_SSE, fid, a0, a1, a2, a3, a4).error;
}

uint64_t sse_attr(uint32_t id, uint64_t which)
{
    uint64_t value = 0xbad;

    return sse_call(SBI_SSE_READ_ATTRS, id, which, 1, (uint64_t)&value, 0) == 0 ? value : 0xbad0bad;
}

int64_t sse_set(uint32_t id, uint64_t which, uint64_t value)
{
    return sse_call(SBI_SSE_WRITE_ATTRS, id, which, 1, (uint64_t)&value, 0);
}

uint64_t sse_state(uint32_t id)
{
    return sse_attr(id, SBI_SSE_ATTR_STATUS) & ~SBI_SSE_STATUS_INJECT;
}

int64_t sse_inject(uint32_t id, uint64_t hart)
{
    return sse_call(SBI_SSE_INJECT, id, hart, 0, 0, 0);
}

void sse_handler(struct event *e, uint64_t hart)
{
    e->begun = __atomic_add_fetch(&clock, 1, __ATOMIC_SEQ_CST);
    e->hart = hart;
    e->sepc = csr_read(sepc);
    e->sstatus = csr_read(sstatus);
    sse_call(SBI_SSE_READ_ATTRS, e->id, 0, SBI_SSE_ATTR_COUNT, (uint64_t)e->attr, 0);
    if (e->fn)
        e->fn(e);
    e->ended = __atomic_add_fetch(&clock, 1, __ATOMIC_SEQ_CST);
    store(&e->count, e->count + 1);
}

int64_t sse_enable(struct event *e, uint32_t id, void (*fn)(struct event *), uint32_t priority)
{
    int64_t error;

    e->id = id;
    e->fn = fn;
    e->count = 0;
    e->stack_top = (uint64_t)e->stack + sizeof(e->stack);
    error = sse_call(SBI_SSE_REGISTER, id, (uint64_t)sse_entry, (uint64_t)e, 0, 0);
    if (error == 0)
        error = sse_set(id, SBI_SSE_ATTR_PRIORITY, priority);
    return error == 0 ? sse_call(SBI_SSE_ENABLE, id, 0, 0, 0, 0) : error;
}

void sse_disable(uint32_t id)
{
    sse_call(SBI_SSE_DISABLE, id, 0, 0, 0, 0);
    sse_call(SBI_SSE_UNREGISTER, id, 0, 0, 0, 0);
    sse_set(id, SBI_SSE_ATTR_PRIORITY, 0);
    sse_set(id, SBI_SSE_ATTR_CONFIG, 0);
}

void is_error(int64_t got, int64_t want, const char *name)
{
    is((uint64_t)got, (uint64_t)want, "%s", name);
}

/* ---- errors */

static void ids(void) /* 10 tests */
{
    static const uint32_t invalid[] = {2,        0x3fff,     0x8001,     0xbfff,
                                       0x10001,  0x18000,    0x20000,    0x100001,
                                       0x108001, 0xffff0001, 0xffff3fff, 0xffff8001};
    static const uint32_t unsupported[] = {0x4000, 0x7fff, 0xc000, 0x14000, 0xffff4000, 0xffffffff};
    static const uint64_t fids[] = {SBI_SSE_REGISTER, SBI_SSE_UNREGISTER, SBI_SSE_ENABLE,
                                    SBI_SSE_DISABLE, SBI_SSE_INJECT};
    const uint64_t at = (uint64_t)shared;
    unsigned bad = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(invalid) + ARRAY_SIZE(unsupported); i++) {
        const bool first = i < ARRAY_SIZE(invalid);
        const uint32_t id = first ? invalid[i] : unsupported[i - ARRAY_SIZE(invalid)];
        const int64_t want = first ? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED;

        for (unsigned f = 0; f < ARRAY_SIZE(fids); f++)
            bad += sse_call(fids[f], id, 0, 0, 0, 0) != want;
        bad += sse_call(SBI_SSE_READ_ATTRS, id, 1, 1, at, 0) != want;
        bad += sse_call(SBI_SSE_WRITE_ATTRS, id, 1, 1, at, 0) != want;
    }
    is(bad, 0, "reserved and unsupported events");
    is_error(sse_call(SBI_SSE_REGISTER, SOFT, (uint64_t)sse_entry + 1, 0, 0, 0),
             SBI_ERR_INVALID_PARAM, "odd entry");
    is_error(sse_inject(SOFT, hart_count()), SBI_ERR_INVALID_PARAM, "inject: no hart");
    is_error(sse_inject(SOFT, ~0ul), SBI_ERR_INVALID_PARAM, "inject: hart -1");
    is_error(sse_call(SBI_SSE_HART_MASK + 1, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED,
             "no function 10");
    is_error(sse_call(SBI_SSE_COMPLETE, 0, 0, 0, 0, 0), SBI_SUCCESS, "complete: nothing runs");
    is_error(sse_call(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0), SBI_ERR_ALREADY_STOPPED, "masked at boot");
    is_error(sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0), SBI_SUCCESS, "unmask");
    is_error(sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0), SBI_ERR_ALREADY_STARTED, "unmask again");
    is_error(sse_call(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0), SBI_SUCCESS, "mask");
}

static void states(uint32_t id) /* 10 tests */
{
    const uint64_t e = (uint64_t)sse_entry;

    is_error(sse_call(SBI_SSE_UNREGISTER, id, 0, 0, 0, 0), SBI_ERR_INVALID_STATE,
             "unused: unregister");
    is_error(sse_call(SBI_SSE_ENABLE, id, 0, 0, 0, 0), SBI_ERR_INVALID_STATE, "unused: enable");
    is_error(sse_call(SBI_SSE_DISABLE, id, 0, 0, 0, 0), SBI_ERR_INVALID_STATE, "unused: disable");
    is_error(sse_call(SBI_SSE_REGISTER, id, e, 77, 0, 0), SBI_SUCCESS, "register");
    is_error(sse_call(SBI_SSE_REGISTER, id, e, 77, 0, 0), SBI_ERR_INVALID_STATE, "register again");
    ok(sse_attr(id, SBI_SSE_ATTR_ENTRY_PC) == e && sse_attr(id, SBI_SSE_ATTR_ENTRY_ARG) == 77,
       "entry and argument");
    is_error(sse_call(SBI_SSE_ENABLE, id, 0, 0, 0, 0), SBI_SUCCESS, "enable");
    ok(sse_call(SBI_SSE_ENABLE, id, 0, 0, 0, 0) == SBI_ERR_INVALID_STATE &&
           sse_call(SBI_SSE_UNREGISTER, id, 0, 0, 0, 0) == SBI_ERR_INVALID_STATE &&
           sse_set(id, SBI_SSE_ATTR_PRIORITY, 0) == SBI_ERR_INVALID_STATE &&
           sse_set(id, SBI_SSE_ATTR_CONFIG, 0) == SBI_ERR_INVALID_STATE,
       "enabled: enable, unregister, PRIORITY, CONFIG");
    is(sse_state(id), SBI_SSE_STATE_ENABLED, "STATUS");
    sse_disable(id);
    is(sse_state(id), SBI_SSE_STATE_UNUSED, "disabled and unregistered");
}

static void attributes(uint32_t id) /* 9 tests */
{
    const uint64_t at = (uint64_t)shared;
    unsigned bad = 0;

    for (uint64_t fid = SBI_SSE_READ_ATTRS; fid <= SBI_SSE_WRITE_ATTRS; fid++) {
        bad += sse_call(fid, id, 1, 0, at, 0) != SBI_ERR_INVALID_PARAM;
        bad += sse_call(fid, id, 0, 11, at, 0) != SBI_ERR_BAD_RANGE;
        bad += sse_call(fid, id, 10, 1, at, 0) != SBI_ERR_BAD_RANGE;
        bad += sse_call(fid, id, 1, ~0ul, at, 0) != SBI_ERR_BAD_RANGE;
        bad += sse_call(fid, id, ~0ul, 2, at, 0) != SBI_ERR_BAD_RANGE;
        bad += sse_call(fid, id, 1, 1, at + 4, 0) != SBI_ERR_INVALID_ADDRESS;
        bad += sse_call(fid, id, 1, 1, at, 1) != SBI_ERR_INVALID_ADDRESS;
        bad += sse_call(fid, id, 1, 1, HOLE, 0) != SBI_ERR_INVALID_ADDRESS;
        bad += sse_call(fid, id, 1, 1, UART_BASE, 0) != SBI_ERR_INVALID_ADDRESS;
        bad += sse_call(fid, id, 1, 2, ~7ul, 0) != SBI_ERR_INVALID_ADDRESS;
    }
    is(bad, 0, "attributes: ranges and addresses");
    ok(sse_set(id, SBI_SSE_ATTR_STATUS, 0) == SBI_ERR_DENIED &&
           sse_set(id, SBI_SSE_ATTR_ENTRY_PC, 0) == SBI_ERR_DENIED &&
           sse_set(id, SBI_SSE_ATTR_ENTRY_ARG, 0) == SBI_ERR_DENIED,
       "read-only attributes");
    bad = 0;
    for (uint64_t a = SBI_SSE_ATTR_INTERRUPTED_SEPC; a < SBI_SSE_ATTR_COUNT; a++)
        bad += sse_set(id, a, 0) != SBI_ERR_INVALID_STATE;
    is(bad, 0, "INTERRUPTED_* of an event that does not run");
    ok(sse_set(id, SBI_SSE_ATTR_PRIORITY, BIT(32)) == SBI_ERR_INVALID_PARAM &&
           sse_set(id, SBI_SSE_ATTR_CONFIG, 2) == SBI_ERR_INVALID_PARAM,
       "PRIORITY and CONFIG: illegal values");
    for (unsigned i = 0; i < ARRAY_SIZE(shared); i++)
        shared[i] = ~0ul;
    is_error(sse_call(SBI_SSE_READ_ATTRS, id, 1, 3, at + 8, 0), SBI_SUCCESS, "read three");
    ok(shared[0] == ~0ul && shared[1] == 0 && shared[2] == 0 && shared[4] == ~0ul,
       "exactly three are written");
    shared[0] = 5;
    shared[1] = 1;
    shared[2] = 99; /* no hart; read-only for a local event */
    is_error(sse_call(SBI_SSE_WRITE_ATTRS, id, 1, 3, at, 0),
             (id & SBI_SSE_GLOBAL) ? SBI_ERR_INVALID_PARAM : SBI_ERR_DENIED, "write three");
    is(sse_attr(id, SBI_SSE_ATTR_PRIORITY), 0, "all or nothing");
    ok(sse_call(SBI_SSE_WRITE_ATTRS, id, 1, 2, at, 0) == 0 &&
           sse_attr(id, SBI_SSE_ATTR_PRIORITY) == 5 && sse_attr(id, SBI_SSE_ATTR_CONFIG) == 1,
       "write two");
    sse_disable(id);
}

#define ERROR_TESTS (3 * 10 + 2 * 9 + 10)
#define ALL_TESTS   (ERROR_TESTS + ONE_HART_TESTS + OTHERS_TESTS)

void test_main(void)
{
    const unsigned harts = hart_count();

    tap_plan(ALL_TESTS);
    if (!on_hearth()) {
        tap_skip(ALL_TESTS, "OpenSBI serves SSE from 1.7 on, and other events");
        return;
    }
    irq_disable();
    ids();
    states(SOFT);
    states(HIGH);
    states(GLOBAL);
    attributes(SOFT);
    attributes(GLOBAL);
    sse_one_hart();
    if (harts > 1)
        sse_others(harts);
    else
        tap_skip(OTHERS_TESTS, "one hart");
}
