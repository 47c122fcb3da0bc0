/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sse - SBI SSE: events of one hart and of all, with every error. Handlers begin in sse_entry with
 * a7 = their struct event, which holds a stack and what the handler saw; they print nothing.
 */
#include "guest.h"

#define LOW    SBI_SSE_LOCAL_LOW_RAS
#define HIGH   SBI_SSE_LOCAL_HIGH_RAS
#define SOFT   SBI_SSE_LOCAL_SOFTWARE
#define GLOBAL SBI_SSE_GLOBAL_SOFTWARE

#define SSTATUS_SPIE (1ul << 5)
#define SSTATUS_SPP  (1ul << 8)

struct event {
    uint64_t gpr[32], stack_top; /* sse_entry knows these */
    uint64_t hart, sepc, sstatus, begun, ended, count;
    uint64_t attr[SBI_SSE_ATTR_COUNT];
    uint32_t id;
    void (*fn)(struct event *e);
    struct event *other;
    char stack[2048] __attribute__((aligned(16)));
};

static struct event low, high, soft, global, peers[HARTS];
static uint64_t clock; /* order of begins and ends */
static uint64_t shared[16] __attribute__((aligned(64)));

void sse_entry(void);
void sse_handler(struct event *e, uint64_t hart);
void user_by_event(uint64_t id, uint64_t hart, struct hart *self);
void u_leave(void);
void u_spin(void);

_Static_assert(offsetof(struct event, stack_top) == 256, "sse_entry");
_Static_assert(offsetof(struct hart, user) == 32, "user_by_event");

/* clang-format off */
__asm__(
    ".text\n.balign 4\nsse_entry:\n"
    "  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  sd x\\r, 8*\\r(a7)\n"
    "  .endr\n"
    "  ld sp, 256(a7)\n  mv s0, a7\n  mv a0, a7\n  mv a1, a6\n  call sse_handler\n  mv a7, s0\n"
    "  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "  ld x\\r, 8*\\r(a7)\n"
    "  .endr\n"
    "  li a6, 6\n  li a7, 0x535345\n  ecall\n  unimp\n"
    /* As user_enter in start.S; but an event's handler makes the way to U-mode. */
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

static int64_t sse(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    return sbi(SBI_EXT_SSE, fid, a0, a1, a2, a3, a4).error;
}

/* Memory of the caller's own: handlers and harts do this at the same time. */
static uint64_t attr(uint32_t id, uint64_t which)
{
    uint64_t value = 0xbad;

    return sse(SBI_SSE_READ_ATTRS, id, which, 1, (uint64_t)&value, 0) == 0 ? value : 0xbad0bad;
}

static int64_t set(uint32_t id, uint64_t which, uint64_t value)
{
    return sse(SBI_SSE_WRITE_ATTRS, id, which, 1, (uint64_t)&value, 0);
}

static uint64_t state(uint32_t id)
{
    return attr(id, SBI_SSE_ATTR_STATUS) & ~SBI_SSE_STATUS_INJECT;
}

static int64_t inject(uint32_t id, uint64_t hart)
{
    return sse(SBI_SSE_INJECT, id, hart, 0, 0, 0);
}

void sse_handler(struct event *e, uint64_t hart)
{
    e->begun = __atomic_add_fetch(&clock, 1, __ATOMIC_SEQ_CST);
    e->hart = hart;
    e->sepc = csr_read(sepc);
    e->sstatus = csr_read(sstatus);
    sse(SBI_SSE_READ_ATTRS, e->id, 0, SBI_SSE_ATTR_COUNT, (uint64_t)e->attr, 0);
    if (e->fn)
        e->fn(e);
    e->ended = __atomic_add_fetch(&clock, 1, __ATOMIC_SEQ_CST);
    store(&e->count, e->count + 1);
}

static int64_t enable(struct event *e, uint32_t id, void (*fn)(struct event *), uint32_t priority)
{
    int64_t error;

    e->id = id;
    e->fn = fn;
    e->count = 0;
    e->stack_top = (uint64_t)e->stack + sizeof(e->stack);
    error = sse(SBI_SSE_REGISTER, id, (uint64_t)sse_entry, (uint64_t)e, 0, 0);
    if (error == 0)
        error = set(id, SBI_SSE_ATTR_PRIORITY, priority);
    return error == 0 ? sse(SBI_SSE_ENABLE, id, 0, 0, 0, 0) : error;
}

static void disable(uint32_t id)
{
    sse(SBI_SSE_DISABLE, id, 0, 0, 0, 0);
    sse(SBI_SSE_UNREGISTER, id, 0, 0, 0, 0);
    set(id, SBI_SSE_ATTR_PRIORITY, 0);
    set(id, SBI_SSE_ATTR_CONFIG, 0);
}

static void is_error(int64_t got, int64_t want, const char *name)
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
            bad += sse(fids[f], id, 0, 0, 0, 0) != want;
        bad += sse(SBI_SSE_READ_ATTRS, id, 1, 1, at, 0) != want;
        bad += sse(SBI_SSE_WRITE_ATTRS, id, 1, 1, at, 0) != want;
    }
    is(bad, 0, "reserved and unsupported events");
    is_error(sse(SBI_SSE_REGISTER, SOFT, (uint64_t)sse_entry + 1, 0, 0, 0), SBI_ERR_INVALID_PARAM,
             "odd entry");
    is_error(inject(SOFT, hart_count()), SBI_ERR_INVALID_PARAM, "inject: no hart");
    is_error(inject(SOFT, ~0ul), SBI_ERR_INVALID_PARAM, "inject: hart -1");
    is_error(sse(SBI_SSE_HART_MASK + 1, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, "no function 10");
    is_error(sse(SBI_SSE_COMPLETE, 0, 0, 0, 0, 0), SBI_SUCCESS, "complete: nothing runs");
    is_error(sse(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0), SBI_ERR_ALREADY_STOPPED, "masked at boot");
    is_error(sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0), SBI_SUCCESS, "unmask");
    is_error(sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0), SBI_ERR_ALREADY_STARTED, "unmask again");
    is_error(sse(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0), SBI_SUCCESS, "mask");
}

static void states(uint32_t id) /* 10 tests */
{
    const uint64_t e = (uint64_t)sse_entry;

    is_error(sse(SBI_SSE_UNREGISTER, id, 0, 0, 0, 0), SBI_ERR_INVALID_STATE, "unused: unregister");
    is_error(sse(SBI_SSE_ENABLE, id, 0, 0, 0, 0), SBI_ERR_INVALID_STATE, "unused: enable");
    is_error(sse(SBI_SSE_DISABLE, id, 0, 0, 0, 0), SBI_ERR_INVALID_STATE, "unused: disable");
    is_error(sse(SBI_SSE_REGISTER, id, e, 77, 0, 0), SBI_SUCCESS, "register");
    is_error(sse(SBI_SSE_REGISTER, id, e, 77, 0, 0), SBI_ERR_INVALID_STATE, "register again");
    ok(attr(id, SBI_SSE_ATTR_ENTRY_PC) == e && attr(id, SBI_SSE_ATTR_ENTRY_ARG) == 77,
       "entry and argument");
    is_error(sse(SBI_SSE_ENABLE, id, 0, 0, 0, 0), SBI_SUCCESS, "enable");
    ok(sse(SBI_SSE_ENABLE, id, 0, 0, 0, 0) == SBI_ERR_INVALID_STATE &&
           sse(SBI_SSE_UNREGISTER, id, 0, 0, 0, 0) == SBI_ERR_INVALID_STATE &&
           set(id, SBI_SSE_ATTR_PRIORITY, 0) == SBI_ERR_INVALID_STATE &&
           set(id, SBI_SSE_ATTR_CONFIG, 0) == SBI_ERR_INVALID_STATE,
       "enabled: enable, unregister, PRIORITY, CONFIG");
    is(state(id), SBI_SSE_STATE_ENABLED, "STATUS");
    disable(id);
    is(state(id), SBI_SSE_STATE_UNUSED, "and back");
}

static void attributes(uint32_t id) /* 9 tests */
{
    const uint64_t at = (uint64_t)shared;
    unsigned bad = 0;

    for (uint64_t fid = SBI_SSE_READ_ATTRS; fid <= SBI_SSE_WRITE_ATTRS; fid++) {
        bad += sse(fid, id, 1, 0, at, 0) != SBI_ERR_INVALID_PARAM;
        bad += sse(fid, id, 0, 11, at, 0) != SBI_ERR_BAD_RANGE;
        bad += sse(fid, id, 10, 1, at, 0) != SBI_ERR_BAD_RANGE;
        bad += sse(fid, id, 1, ~0ul, at, 0) != SBI_ERR_BAD_RANGE;
        bad += sse(fid, id, ~0ul, 2, at, 0) != SBI_ERR_BAD_RANGE;
        bad += sse(fid, id, 1, 1, at + 4, 0) != SBI_ERR_INVALID_ADDRESS;
        bad += sse(fid, id, 1, 1, at, 1) != SBI_ERR_INVALID_ADDRESS;
        bad += sse(fid, id, 1, 1, HOLE, 0) != SBI_ERR_INVALID_ADDRESS;
        bad += sse(fid, id, 1, 1, UART_BASE, 0) != SBI_ERR_INVALID_ADDRESS;
        bad += sse(fid, id, 1, 2, ~7ul, 0) != SBI_ERR_INVALID_ADDRESS;
    }
    is(bad, 0, "attributes: ranges and addresses");
    ok(set(id, SBI_SSE_ATTR_STATUS, 0) == SBI_ERR_DENIED &&
           set(id, SBI_SSE_ATTR_ENTRY_PC, 0) == SBI_ERR_DENIED &&
           set(id, SBI_SSE_ATTR_ENTRY_ARG, 0) == SBI_ERR_DENIED,
       "read-only attributes");
    bad = 0;
    for (uint64_t a = SBI_SSE_ATTR_INTERRUPTED_SEPC; a < SBI_SSE_ATTR_COUNT; a++)
        bad += set(id, a, 0) != SBI_ERR_INVALID_STATE;
    is(bad, 0, "INTERRUPTED_* of what does not run");
    ok(set(id, SBI_SSE_ATTR_PRIORITY, BIT(32)) == SBI_ERR_INVALID_PARAM &&
           set(id, SBI_SSE_ATTR_CONFIG, 2) == SBI_ERR_INVALID_PARAM,
       "PRIORITY and CONFIG: illegal values");
    for (unsigned i = 0; i < ARRAY_SIZE(shared); i++)
        shared[i] = ~0ul;
    is_error(sse(SBI_SSE_READ_ATTRS, id, 1, 3, at + 8, 0), SBI_SUCCESS, "read three");
    ok(shared[0] == ~0ul && shared[1] == 0 && shared[2] == 0 && shared[4] == ~0ul,
       "three and no more");
    shared[0] = 5;
    shared[1] = 1;
    shared[2] = 99; /* no hart; read-only for a local event */
    is_error(sse(SBI_SSE_WRITE_ATTRS, id, 1, 3, at, 0),
             (id & SBI_SSE_GLOBAL) ? SBI_ERR_INVALID_PARAM : SBI_ERR_DENIED, "write three");
    is(attr(id, SBI_SSE_ATTR_PRIORITY), 0, "all or nothing");
    ok(sse(SBI_SSE_WRITE_ATTRS, id, 1, 2, at, 0) == 0 && attr(id, SBI_SSE_ATTR_PRIORITY) == 5 &&
           attr(id, SBI_SSE_ATTR_CONFIG) == 1,
       "write two");
    disable(id);
}

/* ---- one hart */

static void self_inject(void) /* 10 tests */
{
    uint64_t out[32], bad = 0;

    enable(&soft, SOFT, NULL, 0);
    is(state(SOFT), SBI_SSE_STATE_ENABLED, "enabled");
    is_error(inject(SOFT, boot_hart), SBI_SUCCESS, "inject while masked");
    is(state(SOFT), SBI_SSE_STATE_ENABLED | SBI_SSE_STATUS_PENDING, "pending");
    is(soft.count, 0, "not taken");
    is_error(sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0), SBI_SUCCESS, "unmask");
    is(soft.count, 1, "taken at once");
    ok(soft.attr[SBI_SSE_ATTR_INTERRUPTED_A6] == SBI_SSE_HART_UNMASK &&
           soft.attr[SBI_SSE_ATTR_INTERRUPTED_A7] == SBI_EXT_SSE,
       "interrupted a6 and a7");
    is(soft.hart, boot_hart, "a6: the hart");
    is(soft.attr[SBI_SSE_ATTR_STATUS] & 7, SBI_SSE_STATE_RUNNING, "running, not pending");

    /* a1 names no hart, which for a global event does not count. */
    enable(&global, GLOBAL, NULL, 0);
    registers_over_ecall(GLOBAL, SBI_EXT_SSE, SBI_SSE_INJECT, out);
    for (unsigned i = 1; i < 32; i++)
        bad += i != 10 && i != 11 && i != 16 && i != 17 && out[i] != REG(i);
    ok(bad == 0 && out[10] == 0 && out[11] == 0 && out[16] == SBI_SSE_INJECT &&
           out[17] == SBI_EXT_SSE && global.count == 1,
       "no register is changed by a call that an event interrupts");
    disable(GLOBAL);
}

/* sstatus and sepc come back as they were; the handler sees what the specification says. */
static void restoration(void) /* 2 tests */
{
    const uint64_t bits = SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE;
    unsigned restored = 0, seen = 0;

    csr_write(sie, 0);
    for (unsigned i = 0; i < 8; i++) {
        const uint64_t want =
            (i & 1 ? SSTATUS_SPP : 0) | (i & 2 ? SSTATUS_SPIE : 0) | (i & 4 ? SSTATUS_SIE : 0);
        uint64_t before, after;

        csr_clear(sstatus, bits);
        csr_set(sstatus, want);
        before = csr_read(sstatus);
        csr_write(sepc, 0x123456780u + 2 * i);
        inject(SOFT, boot_hart);
        after = csr_read(sstatus);
        restored += before == after && csr_read(sepc) == 0x123456780u + 2 * i;
        seen += (soft.sstatus & bits) == (SSTATUS_SPP | (i & 4 ? SSTATUS_SPIE : 0)) &&
                soft.attr[SBI_SSE_ATTR_INTERRUPTED_FLAGS] == (i & 3) &&
                soft.attr[SBI_SSE_ATTR_INTERRUPTED_SEPC] == 0x123456780u + 2 * i &&
                (*(uint32_t *)(soft.sepc - 4) == 0x73);
        irq_disable();
    }
    is(restored, 8, "sstatus and sepc are restored");
    is(seen, 8, "sstatus, sepc and the attributes in the handler");
    disable(SOFT);
}

static void inject_other(struct event *e)
{
    if (e->other)
        inject(e->other->id, boot_hart);
    e->other = NULL;
}

/* `first` runs and injects `second`: does it come at once, or afterwards? */
static bool nested(struct event *first, struct event *second)
{
    first->count = second->count = 0;
    first->other = second;
    inject(first->id, boot_hart);
    return first->count == 1 && second->count == 1 && second->begun > first->begun &&
           second->ended < first->ended;
}

static bool afterwards(struct event *first, struct event *second)
{
    first->count = second->count = 0;
    first->other = second;
    inject(first->id, boot_hart);
    return first->count == 1 && second->count == 1 && second->begun > first->ended;
}

static void priorities(void) /* 8 tests */
{
    enable(&low, LOW, inject_other, 7);
    enable(&high, SOFT, inject_other, 3);
    ok(nested(&low, &high), "higher priority preempts");
    high.other = &low;
    ok(afterwards(&high, &low), "lower priority waits");
    disable(LOW);
    enable(&low, LOW, inject_other, 3);
    ok(nested(&high, &low), "same priority: the lower number preempts");
    ok(afterwards(&low, &high), "same priority: the higher number waits");
    ok(afterwards(&low, &low) == false && low.count == 2, "an event during its own handler");
    disable(LOW);
    disable(SOFT);

    /* Both wait at the unmasking: the better one is first. */
    enable(&low, LOW, NULL, 9);
    enable(&high, GLOBAL, NULL, 8);
    sse(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
    inject(LOW, boot_hart);
    inject(GLOBAL, 0);
    sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    ok(low.count == 1 && high.count == 1 && high.ended < low.begun,
       "two at once, the better first");
    disable(LOW);
    disable(GLOBAL);

    /* One shot: ends disabled, and what came meanwhile stays. */
    set(LOW, SBI_SSE_ATTR_CONFIG, SBI_SSE_CONFIG_ONE_SHOT);
    enable(&low, LOW, inject_other, 0);
    low.other = &low;
    inject(LOW, boot_hart);
    ok(low.count == 1 && state(LOW) == (SBI_SSE_STATE_REGISTERED | SBI_SSE_STATUS_PENDING),
       "one-shot: disabled by its completion");
    low.fn = NULL;
    sse(SBI_SSE_ENABLE, LOW, 0, 0, 0, 0);
    is(low.count, 2, "what waited comes when it is enabled");
    disable(LOW);
}

static uint64_t resumed[3];

static void change_interrupted(struct event *e)
{
    e->gpr[0] = 0;
    e->gpr[0] += set(e->id, SBI_SSE_ATTR_INTERRUPTED_SEPC, 0x4444) != 0;
    e->gpr[0] += set(e->id, SBI_SSE_ATTR_INTERRUPTED_FLAGS, SBI_SSE_FLAG_SPIE) != 0;
    e->gpr[0] += set(e->id, SBI_SSE_ATTR_INTERRUPTED_FLAGS, 0x40) != SBI_ERR_INVALID_PARAM;
    e->gpr[0] += set(e->id, SBI_SSE_ATTR_INTERRUPTED_A6, 0x6666) != 0;
    e->gpr[0] += set(e->id, SBI_SSE_ATTR_INTERRUPTED_A7, 0x7777) != 0;
    e->gpr[0] += set(e->id, SBI_SSE_ATTR_PRIORITY, 0) != SBI_ERR_INVALID_STATE;
    e->gpr[0] += attr(e->id, SBI_SSE_ATTR_INTERRUPTED_A7) != 0x7777;
    e->gpr[0] += sse(SBI_SSE_DISABLE, e->id, 0, 0, 0, 0) != SBI_ERR_INVALID_STATE;
    e->gpr[0] += sse(SBI_SSE_UNREGISTER, e->id, 0, 0, 0, 0) != SBI_ERR_INVALID_STATE;
}

static void interrupted(void) /* 3 tests */
{
    uint64_t out[32];

    enable(&global, GLOBAL, change_interrupted, 0);
    csr_set(sstatus, SSTATUS_SPP);
    csr_clear(sstatus, SSTATUS_SPIE);
    registers_over_ecall(GLOBAL, SBI_EXT_SSE, SBI_SSE_INJECT, out);
    resumed[0] = csr_read(sepc);
    resumed[1] = csr_read(sstatus);
    is(global.gpr[0], 0, "INTERRUPTED_* are written while the event runs");
    ok(out[16] == 0x6666 && out[17] == 0x7777, "changed a6 and a7");
    ok(resumed[0] == 0x4444 && (resumed[1] & (SSTATUS_SPP | SSTATUS_SPIE)) == SSTATUS_SPIE,
       "changed sepc and sstatus");
    disable(GLOBAL);
}

/* ---- U-mode */

static void into_user(struct event *e)
{
    inject(e->other->id, boot_hart); /* waits for this handler's end */
    csr_write(sepc, (uint64_t)u_leave);
    csr_clear(sstatus, SSTATUS_SPP);
}

static void user(void) /* 3 tests */
{
    struct hart *h = this_hart();

    enable(&high, HIGH, into_user, 0);
    enable(&low, LOW, NULL, 1);
    high.other = &low;
    h->user_trap = (struct trap){0};
    user_by_event(HIGH, boot_hart, h);
    ok(high.count == 1 && low.count == 1, "completed into U-mode, interrupted there");
    ok((low.sstatus & SSTATUS_SPP) == 0 && low.sepc == (uint64_t)u_leave, "SPP and sepc");
    ok(h->user_trap.cause == CAUSE_ECALL_U && h->user_a0 == 0x600d, "U-mode goes on");
    disable(HIGH);
    disable(LOW);
}

/* ---- several harts */

static bool up[HARTS], go[HARTS];
static int64_t answers[HARTS];

/* What each other hart does: takes events until it is told to stop. */
static void peer(void *arg)
{
    const uint64_t id = this_hart()->id;

    (void)arg;
    answers[id] = enable(&peers[id], SOFT, NULL, 0) | sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    store(&up[id], true);
    while (!load(&go[id]))
        ;
    store(&go[id], false);
}

static void peer_start(uint64_t id)
{
    store(&up[id], false);
    hart_start(id, peer, NULL);
    wait_for(load(&up[id]), SOON);
}

static void peer_stop(uint64_t id)
{
    store(&go[id], true);
    hart_wait_state(id, SBI_HSM_STATE_STOPPED, SOON);
}

static uint64_t spun[2];

static void in_user(void *arg)
{
    const uint64_t id = this_hart()->id;
    struct trap t;

    (void)arg;
    answers[id] = enable(&peers[id], SOFT, NULL, 0) | sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    t = user_run((uint64_t)u_spin, (uint64_t)spun);
    answers[id] |= t.cause != CAUSE_ECALL_U;
    store(&up[id], true);
}

static void sleeper(void *arg)
{
    const uint64_t id = this_hart()->id;

    csr_write(sie, 0);
    answers[id] = enable(&peers[id], SOFT, NULL, 0) | sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    answers[id] |= sbi(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0).error;
    store((bool *)arg, true);
}

static void others_local(unsigned harts) /* 8 tests */
{
    unsigned good = 0;

    for (unsigned n = 0; n + 1 < harts; n++)
        peer_start(other_hart(n));
    for (unsigned n = 0; n + 1 < harts; n++) {
        const uint64_t id = other_hart(n);

        for (unsigned i = 1; i <= 20; i++)
            good += inject(SOFT, id) == 0 && wait_for(load(&peers[id].count) >= i, SOON) &&
                    peers[id].hart == id && answers[id] == 0;
    }
    is(good, 20 * (harts - 1), "injected to other harts");
    is(state(SOFT), SBI_SSE_STATE_UNUSED, "a local event is each hart's own");
    for (unsigned n = 0; n + 1 < harts; n++)
        peer_stop(other_hart(n));
    is_error(inject(SOFT, other_hart(0)), SBI_SUCCESS, "injected to a stopped hart");
    peer_start(other_hart(0));
    ok(answers[other_hart(0)] == 0 && load(&peers[other_hart(0)].count) == 0,
       "a hart starts masked, its events unused, none pending");
    peer_stop(other_hart(0));

    store(&up[other_hart(0)], false);
    spun[0] = 0;
    hart_start(other_hart(0), in_user, NULL);
    wait_for(load(&spun[0]), SOON);
    inject(SOFT, other_hart(0));
    ok(wait_for(load(&peers[other_hart(0)].count) == 1, SOON), "taken in U-mode");
    ok((peers[other_hart(0)].sstatus & SSTATUS_SPP) == 0 &&
           peers[other_hart(0)].sepc >= (uint64_t)u_spin &&
           peers[other_hart(0)].sepc < (uint64_t)user_end,
       "SPP and sepc in U-mode");
    store(&spun[1], 1);
    ok(wait_for(load(&up[other_hart(0)]), SOON) && answers[other_hart(0)] == 0, "and back there");
    hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON);

    store(&up[0], false);
    hart_start(other_hart(0), sleeper, &up[0]);
    hart_wait_state(other_hart(0), SBI_HSM_STATE_SUSPENDED, SOON);
    inject(SOFT, other_hart(0));
    ok(wait_for(load(&up[0]), SOON) && peers[other_hart(0)].count == 1 &&
           answers[other_hart(0)] == 0,
       "an event ends a suspend");
    hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON);
}

static void others_global(unsigned harts) /* 7 tests */
{
    unsigned good = 0;
    uint64_t count = 0;

    for (unsigned n = 0; n + 1 < harts; n++)
        peer_start(other_hart(n));
    enable(&global, GLOBAL, NULL, 0);
    for (unsigned i = 0; i < 5 * harts; i++) {
        sse(SBI_SSE_DISABLE, GLOBAL, 0, 0, 0, 0);
        good += set(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, i % harts) == 0;
        sse(SBI_SSE_ENABLE, GLOBAL, 0, 0, 0, 0);
        good += inject(GLOBAL, ~0ul) == 0;
        good += wait_for(load(&global.count) == i + 1, SOON) && global.hart == i % harts &&
                wait_for(state(GLOBAL) == SBI_SSE_STATE_ENABLED, SOON);
    }
    is(good, 3 * 5 * harts, "a global event goes to the preferred hart");
    ok(set(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, 0) == SBI_ERR_INVALID_STATE,
       "PREFERRED_HART of an enabled event");
    /* Preferred, but masked: it waits, until that hart unmasks or is no more. */
    sse(SBI_SSE_DISABLE, GLOBAL, 0, 0, 0, 0);
    set(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, boot_hart);
    sse(SBI_SSE_ENABLE, GLOBAL, 0, 0, 0, 0);
    count = load(&global.count);
    sse(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
    inject(GLOBAL, boot_hart);
    /* The others take what is theirs meanwhile, and look for more. */
    for (unsigned i = 0; i < 2 * (harts - 1); i++) {
        const uint64_t id = other_hart(i % (harts - 1));
        const uint64_t before = load(&peers[id].count);

        inject(SOFT, id);
        wait_for(load(&peers[id].count) == before + 1, SOON);
    }
    is(state(GLOBAL), SBI_SSE_STATE_ENABLED | SBI_SSE_STATUS_PENDING, "it waits for a masked one");
    sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    ok(load(&global.count) == count + 1 && global.hart == boot_hart, "which takes it unmasking");
    sse(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
    sse(SBI_SSE_DISABLE, GLOBAL, 0, 0, 0, 0);
    set(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, other_hart(0));
    sse(SBI_SSE_ENABLE, GLOBAL, 0, 0, 0, 0);
    for (unsigned n = 0; n + 1 < harts; n++)
        peer_stop(other_hart(n));
    inject(GLOBAL, boot_hart);
    is(state(GLOBAL), SBI_SSE_STATE_ENABLED | SBI_SSE_STATUS_PENDING, "all masked or stopped");
    peer_start(other_hart(0));
    ok(wait_for(load(&global.count) == count + 2, SOON) && global.hart == other_hart(0),
       "the first that unmasks takes it");
    wait_for(state(GLOBAL) == SBI_SSE_STATE_ENABLED, SOON);
    peer_stop(other_hart(0));
    sse(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    inject(GLOBAL, 0);
    ok(load(&global.count) == count + 3 && global.hart == boot_hart,
       "a stopped preferred hart: another takes it");
    disable(GLOBAL);
}

#define ONE_HART (10 + 3 * 10 + 2 * 9 + 10 + 2 + 8 + 3 + 3)
#define MORE     (8 + 7)

void test_main(void)
{
    const unsigned harts = hart_count();

    tap_plan(ONE_HART + MORE);
    if (!on_hearth()) {
        tap_skip(ONE_HART + MORE, "OpenSBI serves SSE from 1.7 on, and other events");
        return;
    }
    irq_disable();
    ids();
    states(SOFT);
    states(HIGH);
    states(GLOBAL);
    attributes(SOFT);
    attributes(GLOBAL);
    self_inject();
    restoration();
    priorities();
    interrupted();
    user();
    if (harts > 1) {
        others_local(harts);
        others_global(harts);
    } else {
        tap_skip(MORE, "one hart");
    }
}
