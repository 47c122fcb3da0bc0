/* SPDX-License-Identifier: Apache-2.0 */
/* others.c - SSE events between harts: local ones injected to others, and the global one. */
#include "sse.h"

static struct event global, peers[HARTS];
static bool up[HARTS], go[HARTS];
static int64_t answers[HARTS];

/* Other harts take events until the boot hart sets `go`. */
static void peer(void *arg)
{
    const uint64_t id = this_hart()->id;

    (void)arg;
    answers[id] =
        sse_enable(&peers[id], SOFT, NULL, 0) | sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
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

static void peer_in_user(void *arg)
{
    const uint64_t id = this_hart()->id;
    struct trap t;

    (void)arg;
    answers[id] =
        sse_enable(&peers[id], SOFT, NULL, 0) | sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    t = user_run((uint64_t)u_spin, (uint64_t)spun);
    answers[id] |= t.cause != CAUSE_ECALL_U;
    store(&up[id], true);
}

static void peer_suspended(void *arg)
{
    const uint64_t id = this_hart()->id;

    csr_write(sie, 0);
    answers[id] =
        sse_enable(&peers[id], SOFT, NULL, 0) | sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
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
            good += sse_inject(SOFT, id) == 0 && wait_for(load(&peers[id].count) >= i, SOON) &&
                    peers[id].hart == id && answers[id] == 0;
    }
    is(good, 20 * (harts - 1), "injected to other harts");
    is(sse_state(SOFT), SBI_SSE_STATE_UNUSED, "a local event is separate for each hart");
    for (unsigned n = 0; n + 1 < harts; n++)
        peer_stop(other_hart(n));
    is_error(sse_inject(SOFT, other_hart(0)), SBI_SUCCESS, "injected to a stopped hart");
    peer_start(other_hart(0));
    ok(answers[other_hart(0)] == 0 && load(&peers[other_hart(0)].count) == 0,
       "a hart starts masked, its events unused, none pending");
    peer_stop(other_hart(0));

    store(&up[other_hart(0)], false);
    spun[0] = 0;
    hart_start(other_hart(0), peer_in_user, NULL);
    wait_for(load(&spun[0]), SOON);
    sse_inject(SOFT, other_hart(0));
    ok(wait_for(load(&peers[other_hart(0)].count) == 1, SOON), "taken in U-mode");
    ok((peers[other_hart(0)].sstatus & SSTATUS_SPP) == 0 &&
           peers[other_hart(0)].sepc >= (uint64_t)u_spin &&
           peers[other_hart(0)].sepc < (uint64_t)user_end,
       "SPP and sepc in U-mode");
    store(&spun[1], 1);
    ok(wait_for(load(&up[other_hart(0)]), SOON) && answers[other_hart(0)] == 0, "U-mode continues");
    hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON);

    store(&up[0], false);
    hart_start(other_hart(0), peer_suspended, &up[0]);
    hart_wait_state(other_hart(0), SBI_HSM_STATE_SUSPENDED, SOON);
    sse_inject(SOFT, other_hart(0));
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
    sse_enable(&global, GLOBAL, NULL, 0);
    for (unsigned i = 0; i < 5 * harts; i++) {
        sse_call(SBI_SSE_DISABLE, GLOBAL, 0, 0, 0, 0);
        good += sse_set(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, i % harts) == 0;
        sse_call(SBI_SSE_ENABLE, GLOBAL, 0, 0, 0, 0);
        good += sse_inject(GLOBAL, ~0ul) == 0;
        good += wait_for(load(&global.count) == i + 1, SOON) && global.hart == i % harts &&
                wait_for(sse_state(GLOBAL) == SBI_SSE_STATE_ENABLED, SOON);
    }
    is(good, 3 * 5 * harts, "a global event goes to the preferred hart");
    ok(sse_set(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, 0) == SBI_ERR_INVALID_STATE,
       "PREFERRED_HART of an enabled event");
    /* The preferred hart is masked: the event is pending until that hart unmasks or stops. */
    sse_call(SBI_SSE_DISABLE, GLOBAL, 0, 0, 0, 0);
    sse_set(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, boot_hart);
    sse_call(SBI_SSE_ENABLE, GLOBAL, 0, 0, 0, 0);
    count = load(&global.count);
    sse_call(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
    sse_inject(GLOBAL, boot_hart);
    /* Meanwhile other harts take their own events, and must not take this one. */
    for (unsigned i = 0; i < 2 * (harts - 1); i++) {
        const uint64_t id = other_hart(i % (harts - 1));
        const uint64_t before = load(&peers[id].count);

        sse_inject(SOFT, id);
        wait_for(load(&peers[id].count) == before + 1, SOON);
    }
    is(sse_state(GLOBAL), SBI_SSE_STATE_ENABLED | SBI_SSE_STATUS_PENDING,
       "pending while the preferred hart is masked");
    sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    ok(load(&global.count) == count + 1 && global.hart == boot_hart,
       "taken when the preferred hart unmasks");
    sse_call(SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
    sse_call(SBI_SSE_DISABLE, GLOBAL, 0, 0, 0, 0);
    sse_set(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, other_hart(0));
    sse_call(SBI_SSE_ENABLE, GLOBAL, 0, 0, 0, 0);
    for (unsigned n = 0; n + 1 < harts; n++)
        peer_stop(other_hart(n));
    sse_inject(GLOBAL, boot_hart);
    is(sse_state(GLOBAL), SBI_SSE_STATE_ENABLED | SBI_SSE_STATUS_PENDING, "all masked or stopped");
    peer_start(other_hart(0));
    ok(wait_for(load(&global.count) == count + 2, SOON) && global.hart == other_hart(0),
       "the first hart that unmasks takes it");
    wait_for(sse_state(GLOBAL) == SBI_SSE_STATE_ENABLED, SOON);
    peer_stop(other_hart(0));
    sse_call(SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
    sse_inject(GLOBAL, 0);
    ok(load(&global.count) == count + 3 && global.hart == boot_hart,
       "a stopped preferred hart: another hart takes it");
    sse_disable(GLOBAL);
}

void sse_others(unsigned harts)
{
    others_local(harts);
    others_global(harts);
}
