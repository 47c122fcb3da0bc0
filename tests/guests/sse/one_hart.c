/* SPDX-License-Identifier: Apache-2.0 */
/* one_hart.c - SSE events that a hart injects to itself. */
#include "sse.h"

static struct event low, high, soft, global;

static void self_inject(void) /* 10 tests */
{
    uint64_t out[32], bad = 0;

    sse_enable(&soft, SOFT, NULL, 0);
    is(sse_state(SOFT), SBI_SSE_STATE_ENABLED, "enabled");
    is_error(sse_inject(SOFT, boot_hart), SBI_SUCCESS, "inject while masked");
    is(sse_state(SOFT), SBI_SSE_STATE_ENABLED | SBI_SSE_STATUS_PENDING, "pending");
    is(soft.count, 0, "not taken");
    is_error(sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0), SBI_SUCCESS, "unmask");
    is(soft.count, 1, "taken at once");
    ok(soft.attr[SBI_SSE_ATTR_INTERRUPTED_A6] == SBI_SSE_HART_UNMASK &&
           soft.attr[SBI_SSE_ATTR_INTERRUPTED_A7] == SBI_EXT_SSE,
       "interrupted a6 and a7");
    is(soft.hart, boot_hart, "a6: the hart");
    is(soft.attr[SBI_SSE_ATTR_STATUS] & 7, SBI_SSE_STATE_RUNNING, "running, not pending");

    /* a1 is no hart id: it is ignored for a global event. */
    sse_enable(&global, GLOBAL, NULL, 0);
    registers_over_ecall(GLOBAL, SBI_EXT_SSE, SBI_SSE_INJECT, out);
    for (unsigned i = 1; i < 32; i++)
        bad += i != 10 && i != 11 && i != 16 && i != 17 && out[i] != REG(i);
    ok(bad == 0 && out[10] == 0 && out[11] == 0 && out[16] == SBI_SSE_INJECT &&
           out[17] == SBI_EXT_SSE && global.count == 1,
       "no register is changed by a call that an event interrupts");
    sse_disable(GLOBAL);
}

/* sstatus and sepc are restored. The handler's values follow the specification. */
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
        sse_inject(SOFT, boot_hart);
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
    sse_disable(SOFT);
}

static void inject_other(struct event *e)
{
    if (e->other)
        sse_inject(e->other->id, boot_hart);
    e->other = NULL;
}

/* `first` runs and injects `second`. True if `second` runs at once, inside of `first`. */
static bool nested(struct event *first, struct event *second)
{
    first->count = second->count = 0;
    first->other = second;
    sse_inject(first->id, boot_hart);
    return first->count == 1 && second->count == 1 && second->begun > first->begun &&
           second->ended < first->ended;
}

static bool afterwards(struct event *first, struct event *second)
{
    first->count = second->count = 0;
    first->other = second;
    sse_inject(first->id, boot_hart);
    return first->count == 1 && second->count == 1 && second->begun > first->ended;
}

static void priorities(void) /* 8 tests */
{
    sse_enable(&low, LOW, inject_other, 7);
    sse_enable(&high, SOFT, inject_other, 3);
    ok(nested(&low, &high), "higher priority preempts");
    high.other = &low;
    ok(afterwards(&high, &low), "lower priority waits");
    sse_disable(LOW);
    sse_enable(&low, LOW, inject_other, 3);
    ok(nested(&high, &low), "same priority: the lower number preempts");
    ok(afterwards(&low, &high), "same priority: the higher number waits");
    ok(afterwards(&low, &low) == false && low.count == 2, "an event during its own handler");
    sse_disable(LOW);
    sse_disable(SOFT);

    /* Both are pending when the hart unmasks: the one of higher priority is first. */
    sse_enable(&low, LOW, NULL, 9);
    sse_enable(&high, GLOBAL, NULL, 8);
    sse_call(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
    sse_inject(LOW, boot_hart);
    sse_inject(GLOBAL, 0);
    sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    ok(low.count == 1 && high.count == 1 && high.ended < low.begun,
       "two at once, the higher priority first");
    sse_disable(LOW);
    sse_disable(GLOBAL);

    /* A one-shot event is disabled by its completion. An injection meanwhile stays pending. */
    sse_set(LOW, SBI_SSE_ATTR_CONFIG, SBI_SSE_CONFIG_ONE_SHOT);
    sse_enable(&low, LOW, inject_other, 0);
    low.other = &low;
    sse_inject(LOW, boot_hart);
    ok(low.count == 1 && sse_state(LOW) == (SBI_SSE_STATE_REGISTERED | SBI_SSE_STATUS_PENDING),
       "one-shot: disabled by its completion");
    low.fn = NULL;
    sse_call(SBI_SSE_ENABLE, LOW, 0, 0, 0, 0);
    is(low.count, 2, "a pending event runs when it is enabled");
    sse_disable(LOW);
}

static uint64_t resumed[3];

static void change_interrupted(struct event *e)
{
    e->gpr[0] = 0;
    e->gpr[0] += sse_set(e->id, SBI_SSE_ATTR_INTERRUPTED_SEPC, 0x4444) != 0;
    e->gpr[0] += sse_set(e->id, SBI_SSE_ATTR_INTERRUPTED_FLAGS, SBI_SSE_FLAG_SPIE) != 0;
    e->gpr[0] += sse_set(e->id, SBI_SSE_ATTR_INTERRUPTED_FLAGS, 0x40) != SBI_ERR_INVALID_PARAM;
    e->gpr[0] += sse_set(e->id, SBI_SSE_ATTR_INTERRUPTED_A6, 0x6666) != 0;
    e->gpr[0] += sse_set(e->id, SBI_SSE_ATTR_INTERRUPTED_A7, 0x7777) != 0;
    e->gpr[0] += sse_set(e->id, SBI_SSE_ATTR_PRIORITY, 0) != SBI_ERR_INVALID_STATE;
    e->gpr[0] += sse_attr(e->id, SBI_SSE_ATTR_INTERRUPTED_A7) != 0x7777;
    e->gpr[0] += sse_call(SBI_SSE_DISABLE, e->id, 0, 0, 0, 0) != SBI_ERR_INVALID_STATE;
    e->gpr[0] += sse_call(SBI_SSE_UNREGISTER, e->id, 0, 0, 0, 0) != SBI_ERR_INVALID_STATE;
}

static void interrupted(void) /* 3 tests */
{
    uint64_t out[32];

    sse_enable(&global, GLOBAL, change_interrupted, 0);
    csr_set(sstatus, SSTATUS_SPP);
    csr_clear(sstatus, SSTATUS_SPIE);
    registers_over_ecall(GLOBAL, SBI_EXT_SSE, SBI_SSE_INJECT, out);
    resumed[0] = csr_read(sepc);
    resumed[1] = csr_read(sstatus);
    is(global.gpr[0], 0, "INTERRUPTED_* are written while the event runs");
    ok(out[16] == 0x6666 && out[17] == 0x7777, "changed a6 and a7");
    ok(resumed[0] == 0x4444 && (resumed[1] & (SSTATUS_SPP | SSTATUS_SPIE)) == SSTATUS_SPIE,
       "changed sepc and sstatus");
    sse_disable(GLOBAL);
}

/* ---- U-mode */

static void complete_to_user(struct event *e)
{
    sse_inject(e->other->id, boot_hart); /* pending until this handler ends */
    csr_write(sepc, (uint64_t)u_leave);
    csr_clear(sstatus, SSTATUS_SPP);
}

static void user_mode(void) /* 3 tests */
{
    struct hart *h = this_hart();

    sse_enable(&high, HIGH, complete_to_user, 0);
    sse_enable(&low, LOW, NULL, 1);
    high.other = &low;
    h->user_trap = (struct trap){0};
    user_by_event(HIGH, boot_hart, h);
    ok(high.count == 1 && low.count == 1, "completed into U-mode, interrupted there");
    ok((low.sstatus & SSTATUS_SPP) == 0 && low.sepc == (uint64_t)u_leave, "SPP and sepc");
    ok(h->user_trap.cause == CAUSE_ECALL_U && h->user_a0 == 0x600d, "U-mode continues");
    sse_disable(HIGH);
    sse_disable(LOW);
}

void sse_one_hart(void)
{
    self_inject();
    restoration();
    priorities();
    interrupted();
    user_mode();
}
