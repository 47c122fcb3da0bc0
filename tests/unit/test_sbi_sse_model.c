/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sbi_sse_model.c - SBI SSE: random calls, stops and sleeps of several harts compared with a
 * naive model. In the model each hart has a stack of running events, and all harts look for events
 * after each step, while Hearth notifies only the hart concerned.
 */
#include "sse_test.h"

struct model_event {
    uint64_t attr[SBI_SSE_ATTR_COUNT];
    int hart;
};

struct model_hart {
    struct model_event local[EVENTS - 1];
    bool unmasked, up, asleep;
    unsigned depth, stack[EVENTS]; /* event numbers */
    uint64_t pc, a6, a7, sepc;
    bool user, spp, spie, sie;
};

static struct model_hart mh[HARTS];
static struct model_event mglobal;

static struct model_event *model(unsigned hart, unsigned n)
{
    return n == EVENTS - 1 ? &mglobal : &mh[hart].local[n];
}

static unsigned mstate(const struct model_event *e)
{
    return e->attr[0] & 3;
}

static void mset_state(struct model_event *e, uint64_t state)
{
    e->attr[0] = (e->attr[0] & ~3ull) | state;
}

/* Numbers ascend with ids. */
static bool mless(unsigned hart, unsigned a, unsigned b)
{
    const uint64_t pa = model(hart, a)->attr[1], pb = model(hart, b)->attr[1];

    return pa < pb || (pa == pb && a < b);
}

static bool mready(unsigned hart, unsigned n)
{
    const struct model_hart *h = &mh[hart];

    return (model(hart, n)->attr[0] & 7) == (4 | SBI_SSE_STATE_ENABLED) && h->unmasked && h->up &&
           (h->depth == 0 || mless(hart, n, h->stack[h->depth - 1]));
}

static bool mbound;   /* the guest has set the preferred hart */
static bool may_bind; /* allowed in this run */

/* The preferred hart, and no other if it was set and is active; else the first idle hart, else the
 * first. */
static int mroute(void)
{
    const unsigned preferred = (unsigned)mglobal.attr[3];

    if (mready(preferred, EVENTS - 1))
        return (int)preferred;
    if (mbound && mh[preferred].up)
        return -1;
    for (unsigned idle = 1; idle < 2; idle--)
        for (unsigned i = 0; i < HARTS; i++)
            if (mready(i, EVENTS - 1) && (mh[i].depth == 0 || !idle))
                return (int)i;
    return -1;
}

static void mbegin(unsigned hart, unsigned n)
{
    struct model_hart *h = &mh[hart];
    struct model_event *e = model(hart, n);

    h->stack[h->depth++] = n;
    e->attr[0] = 8 | SBI_SSE_STATE_RUNNING;
    e->hart = (int)hart;
    e->attr[6] = h->sepc;
    e->attr[7] = (h->spp ? 1 : 0) | (h->spie ? 2 : 0);
    e->attr[8] = h->a6;
    e->attr[9] = h->a7;
    h->sepc = h->pc;
    h->spp = !h->user;
    h->spie = h->sie;
    h->sie = h->user = false;
    h->a6 = hart;
    h->a7 = e->attr[5];
    h->pc = e->attr[4];
    h->asleep = false;
}

static void mend(struct model_event *e)
{
    mset_state(e, e->attr[2] ? SBI_SSE_STATE_REGISTERED : SBI_SSE_STATE_ENABLED);
    e->hart = -1;
}

static void mcomplete(unsigned hart)
{
    struct model_hart *h = &mh[hart];
    struct model_event *e = model(hart, h->stack[--h->depth]);

    h->pc = h->sepc;
    h->user = !h->spp;
    h->sie = h->spie;
    h->spie = e->attr[7] & 2;
    h->spp = e->attr[7] & 1;
    h->a6 = e->attr[8];
    h->a7 = e->attr[9];
    h->sepc = e->attr[6];
    mend(e);
}

static void msettle(uint64_t harts)
{
    bool again;

    do {
        again = false;
        for (unsigned i = 0; i < HARTS; i++) {
            int best = -1;

            if (!(harts & BIT(i)))
                continue;

            for (unsigned n = 0; n < EVENTS; n++)
                if (mready(i, n) && (n < EVENTS - 1 || mroute() == (int)i) &&
                    (best < 0 || mless(i, n, (unsigned)best)))
                    best = (int)n;
            if (best >= 0) {
                mbegin(i, (unsigned)best);
                again = true;
            }
        }
    } while (again);
}

static void mreset(unsigned hart)
{
    struct model_hart *h = &mh[hart];

    for (unsigned n = 0; n < EVENTS - 1; n++)
        h->local[n] = (struct model_event){.attr = {8, 0, 0, hart}, .hart = -1};
    h->unmasked = false;
    h->depth = 0;
    h->asleep = false;
}

static int64_t mwrite(unsigned hart, unsigned n, unsigned a, uint64_t value)
{
    struct model_event *e = model(hart, n);
    const bool idle = mstate(e) <= SBI_SSE_STATE_REGISTERED;

    if (a == 0 || a == 4 || a == 5 || (a == 3 && n < EVENTS - 1))
        return SBI_ERR_DENIED;
    if (a <= 3 ? !idle : mstate(e) != SBI_SSE_STATE_RUNNING)
        return SBI_ERR_INVALID_STATE;
    if (a >= 6 && e->hart != (int)hart)
        return SBI_ERR_DENIED;
    if ((a == 1 && value >> 32) || (a == 2 && value > 1) || (a == 3 && value >= HARTS) ||
        (a == 7 && value >= 64))
        return SBI_ERR_INVALID_PARAM;
    e->attr[a] = value;
    mbound |= a == SBI_SSE_ATTR_PREFERRED_HART;
    return SBI_SUCCESS;
}

static uint64_t random_bits(void)
{
    static uint64_t x = 0x9e3779b97f4a7c15;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static unsigned random_below(unsigned n)
{
    return (unsigned)(random_bits() >> 20) % n;
}

static int64_t mchange(unsigned hart, unsigned n, unsigned fid, uint64_t pc, uint64_t arg)
{
    static const unsigned from[] = {[SBI_SSE_REGISTER] = 0, 1, 1, 2};
    static const unsigned to[] = {[SBI_SSE_REGISTER] = 1, 0, 2, 1};
    struct model_event *e = model(hart, n);

    if (fid == SBI_SSE_REGISTER && pc % 2)
        return SBI_ERR_INVALID_PARAM;
    if (mstate(e) != from[fid])
        return SBI_ERR_INVALID_STATE;
    mset_state(e, to[fid]);
    if (fid <= SBI_SSE_UNREGISTER) {
        e->attr[4] = fid == SBI_SSE_REGISTER ? pc : 0;
        e->attr[5] = fid == SBI_SSE_REGISTER ? arg : 0;
    }
    return SBI_SUCCESS;
}

static int64_t mmask(unsigned hart, bool unmask)
{
    if (mh[hart].unmasked == unmask)
        return unmask ? SBI_ERR_ALREADY_STARTED : SBI_ERR_ALREADY_STOPPED;
    mh[hart].unmasked = unmask;
    return SBI_SUCCESS;
}

/* One random call by a hart that runs in VS-mode, in Hearth and in the model. */
static void random_call(unsigned hart)
{
    struct model_hart *h = &mh[hart];
    static const uint8_t fids[] = {
        SBI_SSE_READ_ATTRS, SBI_SSE_WRITE_ATTRS, SBI_SSE_WRITE_ATTRS, SBI_SSE_WRITE_ATTRS,
        SBI_SSE_REGISTER,   SBI_SSE_REGISTER,    SBI_SSE_UNREGISTER,  SBI_SSE_ENABLE,
        SBI_SSE_ENABLE,     SBI_SSE_ENABLE,      SBI_SSE_DISABLE,     SBI_SSE_DISABLE,
        SBI_SSE_COMPLETE,   SBI_SSE_COMPLETE,    SBI_SSE_INJECT,      SBI_SSE_INJECT,
        SBI_SSE_INJECT,     SBI_SSE_HART_UNMASK, SBI_SSE_HART_UNMASK, SBI_SSE_HART_MASK,
    };
    const unsigned fid = fids[random_below(ARRAY_SIZE(fids))];
    const unsigned n = random_below(EVENTS), other = random_below(HARTS + 1);
    const uint64_t pc = ENTRY + random_below(64), arg = random_bits();
    const unsigned any = random_below(2) ? SBI_SSE_ATTR_PRIORITY : random_below(SBI_SSE_ATTR_COUNT);
    const unsigned a = any == SBI_SSE_ATTR_PREFERRED_HART && !may_bind ? SBI_SSE_ATTR_CONFIG : any;
    const uint64_t value = random_below(4) ? random_below(4) : random_bits();
    struct sbi_answer answer;
    int64_t want = SBI_SUCCESS;

    h->pc = sbi_self->ctx.pc = random_bits() & ~1ull;
    h->a6 = fid;
    h->a7 = SBI_EXT_SSE;
    h->pc += 4;
    switch (fid) {
    case SBI_SSE_WRITE_ATTRS:
        *shared() = value;
        want = mwrite(hart, n, a, value);
        answer = sse(fid, ids[n], a, 1, SBI_RAM_BASE, 0);
        break;
    case SBI_SSE_READ_ATTRS:
        answer = sse(fid, ids[n], a, 1, SBI_RAM_BASE, 0);
        assert_int_equal(*shared(), model(hart, n)->attr[a]);
        break;
    case SBI_SSE_INJECT:
        if (other == HARTS && n < EVENTS - 1)
            want = SBI_ERR_INVALID_PARAM;
        else
            model(other % HARTS, n)->attr[0] |= SBI_SSE_STATUS_PENDING;
        answer = sse(fid, ids[n], other, 0, 0, 0);
        break;
    case SBI_SSE_COMPLETE:
        answer = sse(fid, h->depth ? 77 : 0, 0, 0, 0, 0);
        want = h->depth ? 77 : 0;
        if (h->depth)
            mcomplete(hart);
        break;
    case SBI_SSE_HART_UNMASK:
    case SBI_SSE_HART_MASK:
        want = mmask(hart, fid == SBI_SSE_HART_UNMASK);
        answer = sse(fid, 0, 0, 0, 0, 0);
        break;
    default:
        want = mchange(hart, n, fid, pc, arg);
        answer = sse(fid, ids[n], pc, arg, 0, 0);
        break;
    }
    assert_int_equal(answer.a0, want);
    assert_int_equal(answer.a1, 0);
}

static void random_hsm(unsigned hart)
{
    struct vcpu *v = sbi_vm.vcpus[hart];

    if (!mh[hart].up) {
        sbi_ext_sse.vcpu_reset(v, sbi_vcpu_state(v, SBI_SLOT_SSE));
        v->hsm_state = SBI_HSM_STATE_STARTED;
        mreset(hart);
        mh[hart].up = true;
    } else if (random_below(10)) {
        v->hsm_state = SBI_HSM_STATE_SUSPENDED;
        mh[hart].asleep = true;
    } else {
        v->hsm_state = SBI_HSM_STATE_STOP_PENDING;
        if (mglobal.hart == (int)hart)
            mend(&mglobal);
        mreset(hart);
        mh[hart].up = false;
        sbi_ext_sse.vcpu_stopped(v, sbi_vcpu_state(v, SBI_SLOT_SSE));
        v->hsm_state = SBI_HSM_STATE_STOPPED;
    }
}

/* Steps of the guest alone: into user mode and back, its own CSRs. */
static void random_guest(unsigned hart)
{
    struct model_hart *h = &mh[hart];
    const uint64_t bits = random_bits();

    h->user = bits & 1;
    h->spp = bits & 2;
    h->spie = bits & 4;
    h->sie = bits & 8;
    h->sepc = random_bits() & ~1ull;
    h->pc = random_bits() & ~1ull;
    fake_csr[CSR_VSSTATUS] = (h->spp ? SSTATUS_SPP : 0) | (h->spie ? SSTATUS_SPIE : 0) |
                             (h->sie ? SSTATUS_SIE : 0) | SSTATUS_FS;
    fake_csr[CSR_VSEPC] = h->sepc;
    sbi_self->ctx.sstatus = h->user ? 0 : SSTATUS_SPP;
    sbi_self->ctx.pc = h->pc;
}

static void compare(unsigned hart)
{
    const struct model_hart *h = &mh[hart];
    const struct vcpu_ctx before = sbi_self->ctx;
    const uint64_t s = fake_csr[CSR_VSSTATUS];

    assert_int_equal(sbi_self->hsm_state, !h->up      ? SBI_HSM_STATE_STOPPED
                                          : h->asleep ? SBI_HSM_STATE_SUSPENDED
                                                      : SBI_HSM_STATE_STARTED);
    assert_int_equal(before.pc, h->pc);
    assert_int_equal(before.gpr[GPR_A6], h->a6);
    assert_int_equal(before.gpr[GPR_A7], h->a7);
    assert_int_equal(before.sstatus & SSTATUS_SPP, h->user ? 0 : SSTATUS_SPP);
    assert_int_equal(fake_csr[CSR_VSEPC], h->sepc);
    assert_int_equal(s, (h->spp ? SSTATUS_SPP : 0) | (h->spie ? SSTATUS_SPIE : 0) |
                            (h->sie ? SSTATUS_SIE : 0) | SSTATUS_FS);
    for (unsigned n = 0; n < EVENTS; n++) {
        assert_sse(0, SBI_SSE_READ_ATTRS, ids[n], 0, SBI_SSE_ATTR_COUNT, SBI_RAM_BASE, 0);
        assert_memory_equal(sbi_ram, model(hart, n)->attr, sizeof(mglobal.attr));
    }
    sbi_self->ctx = before;
}

/* These harts look for events, or enter; the others are still in the hypervisor. */
static void look(uint64_t harts)
{
    msettle(harts);
    run_requests_of(harts);
}

static void run_random(void)
{
    unsigned deepest = 0, begun = 0;

    mglobal = (struct model_event){.attr = {8}, .hart = -1};
    mbound = false;
    memset(mh, 0, sizeof(mh));
    for (unsigned i = 0; i < HARTS; i++) {
        mreset(i);
        mh[i].up = true;
        run_as(i);
        random_guest(i);
    }
    for (unsigned step = 0; step < 100000; step++) {
        const unsigned hart = random_below(HARTS), what = random_below(40);

        run_as(hart);
        look(BIT(hart));
        if (what == 0) {
            random_hsm(hart);
        } else if (mh[hart].up && sbi_self->hsm_state == SBI_HSM_STATE_STARTED) {
            if (what < 6 || mh[hart].user)
                random_guest(hart);
            else
                random_call(hart);
        } else if (mh[hart].up && what < 20) {
            sbi_self->hsm_state = SBI_HSM_STATE_STARTED; /* an interrupt */
            mh[hart].asleep = false;
        }
        look(random_below(3) ? BIT(hart) : random_bits());
        for (unsigned i = 0; i < HARTS; i++) {
            run_as(i);
            compare(i);
            deepest = MAX(deepest, mh[i].depth);
            begun += mh[i].depth != 0;
        }
    }
    assert_int_equal(deepest, EVENTS);
    assert_in_range(begun, 1000, 4 * 100000);
}

static void test_random(void **state)
{
    (void)state;
    may_bind = true;
    run_random();
}

static void test_random_no_preference(void **state)
{
    (void)state;
    may_bind = false;
    run_random();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_random, fresh),
        cmocka_unit_test_setup(test_random_no_preference, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
