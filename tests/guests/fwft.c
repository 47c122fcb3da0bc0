/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fwft - SBI FWFT: each feature's values, its effect on the hart, locks, resets, and all errors.
 * A feature that the host lacks must be refused.
 */
#include "guest.h"

#define MISALIGNED SBI_FWFT_MISALIGNED_EXC_DELEG
#define ADUE       SBI_FWFT_PTE_AD_HW_UPDATING
#define PMLEN      SBI_FWFT_POINTER_MASKING_PMLEN
#define LOCK       SBI_FWFT_FLAG_LOCK

static uint64_t page[512] __attribute__((aligned(4096)));
static uint64_t context[16];

static int64_t set(uint64_t id, uint64_t value, uint64_t flags)
{
    return sbi(SBI_EXT_FWFT, SBI_FWFT_SET, id, value, flags).error;
}

static struct sbi_result get(uint64_t id)
{
    return sbi(SBI_EXT_FWFT, SBI_FWFT_GET, id);
}

static bool supported(uint64_t id)
{
    return get(id).error == SBI_SUCCESS;
}

static void is_error(int64_t got, int64_t want, const char *name)
{
    is((uint64_t)got, (uint64_t)want, "%s", name);
}

#define UNKNOWN_TESTS 3
static void unknown(void)
{
    static const uint64_t ids[] = {6,          0x3fffffff, 0x40000000, 0x7fffffff,
                                   0x80000000, 0xbfffffff, 0xc0000000, 0xffffffff};
    unsigned sets = 0, gets = 0, fids = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
        struct sbi_result r = get(ids[i]);

        gets += r.error == SBI_ERR_DENIED && r.value == 0;
        sets += set(ids[i], 0, 0) == SBI_ERR_DENIED && set(ids[i], 1, ~0ul) == SBI_ERR_DENIED;
    }
    is(gets, ARRAY_SIZE(ids), "get: reserved and platform features are denied, value 0");
    is(sets, ARRAY_SIZE(ids), "set: reserved and platform features are denied");
    fids += sbi(SBI_EXT_FWFT, 2).error == SBI_ERR_NOT_SUPPORTED;
    fids += sbi(SBI_EXT_FWFT, ~0ul).error == SBI_ERR_NOT_SUPPORTED;
    is(fids, 2, "unknown functions");
}

/* Errors of a feature at its reset value; or that a missing feature is refused. */
#define ERRORS_TESTS 4
static void feature_errors(uint64_t id, const char *name, uint64_t bad)
{
    const struct sbi_result now = get(id);

    note("%s: %ld, value %lu", name, now.error, now.value);
    if (now.error != SBI_SUCCESS) {
        if (on_hearth()) {
            is_error(now.error, SBI_ERR_NOT_SUPPORTED, "get: not supported");
            is(now.value, 0, "the value is 0");
            is_error(set(id, 0, 0), SBI_ERR_NOT_SUPPORTED, "set: not supported");
            is_error(set(id, 0, ~0ul), SBI_ERR_NOT_SUPPORTED, "set: not supported, any flags");
        } else {
            tap_skip(ERRORS_TESTS, "not supported by this firmware");
        }
        return;
    }
    is_error(set(id, now.value, 2) | set(id, now.value, BIT(63) | LOCK), SBI_ERR_INVALID_PARAM,
             "set: reserved flags");
    is_error(set(id, bad, 0) | set(id, ~0ul, 0) | set(id, BIT(32), LOCK), SBI_ERR_INVALID_PARAM,
             "set: bad values");
    is(get(id).value, now.value, "the value is unchanged");
    is_error(set(id, now.value, 0), SBI_SUCCESS, "set: the present value");
}

/* A load and a store of a page whose PTE lacks A and D. */
static unsigned faults(void)
{
    volatile uint64_t *p = (volatile uint64_t *)MAP_BASE;
    struct trap t;
    unsigned n = 0;

    map_page(MAP_BASE, (uint64_t)page, PTE_V | PTE_R | PTE_W);
    sfence();
    t = trap_of((void)*p);
    n += t.taken && t.cause == CAUSE_LOAD_PAGE && t.tval == MAP_BASE ? 1 : 0;
    t = trap_of(*p = 1);
    n += t.taken && t.cause == CAUSE_STORE_PAGE && t.tval == MAP_BASE ? 1 : 0;
    return n;
}

#define ADUE_TESTS 10
static void adue(uint64_t at_reset)
{
    unsigned good = 0;

    if (!supported(ADUE)) {
        ok(!on_hearth() || !boot_tree_has("svadu"), "no A/D updating, in the tree neither");
        tap_skip(ADUE_TESTS - 1, "no A/D updating");
        return;
    }
    is(at_reset, boot_tree_has("svadu") && !boot_tree_has("svade"),
       "the reset value agrees with the tree");
    ok(!on_hearth() || boot_tree_has("svadu") != boot_tree_has("svade"),
       "the tree has svade or svadu");
    paging_init();
    paging_on();
    is(faults(), at_reset ? 0 : 2, "the hart agrees with the tree");
    is_error(set(ADUE, 0, 0), SBI_SUCCESS, "off");
    is(faults(), 2, "pages without A and D fault");
    is_error(set(ADUE, 1, 0), SBI_SUCCESS, "on");
    is(faults(), 0, "the hart sets A and D itself");
    is(get(ADUE).value, 1, "A/D updating is on");
    for (unsigned i = 0; i < 50; i++) {
        good += set(ADUE | (uint64_t)i << 32, 0, 0) == SBI_SUCCESS && faults() == 2;
        good += set(ADUE, 1, 0) == SBI_SUCCESS && faults() == 0;
    }
    is(good, 100, "off and on 50 times; an id has 32 bits");
    set(ADUE, 0, 0);
    paging_off();
    is(get(ADUE).value, 0, "off again");
}

/* Loads through a pointer with tag bits above its address. */
static bool tagged_load_works(uint64_t tag)
{
    volatile uint64_t *p = (volatile uint64_t *)((uint64_t)page | tag);
    uint64_t value = 0;
    struct trap t;

    page[0] = 0x1234;
    t = trap_of(value = *p);
    return !t.taken && value == 0x1234;
}

static char console_text[8];

#define PMLEN_TESTS 6
static void pmlen(void)
{
    uint64_t text = (uint64_t)console_text;

    if (!supported(PMLEN) || !on_hearth()) {
        tap_skip(PMLEN_TESTS, "no pointer masking");
        return;
    }
    is(get(PMLEN).value, 0, "pointer masking is off at reset");
    ok(!tagged_load_works(0x55ul << 57), "tags fault");
    is_error(set(PMLEN, 7, 0), SBI_SUCCESS, "7 bits");
    ok(get(PMLEN).value == 7 && tagged_load_works(0x55ul << 57) && !tagged_load_works(BIT(50)),
       "7 bits of tag");
    ok(set(PMLEN, 16, 0) == SBI_SUCCESS && get(PMLEN).value == 16 &&
           tagged_load_works(0x5a5aul << 48),
       "16 bits of tag");
    /* Physical addresses in SBI calls are not masked. */
    is((uint64_t)sbi(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE, 1, text | BIT(60), 0).error,
       (uint64_t)SBI_ERR_INVALID_PARAM, "no tags in calls");
    set(PMLEN, 0, 0);
}

/* The right value, or, with may_trap, the misaligned trap. */
static bool misaligned_load(bool may_trap)
{
    static const uint8_t bytes[16] __attribute__((aligned(8))) = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint64_t value = 0;
    struct trap t = trap_of(__asm__ volatile("ld %0, 1(%1)" : "=r"(value) : "r"(bytes)));

    if (t.taken)
        return may_trap && t.cause == CAUSE_LOAD_MISALIGNED && t.tval == (uint64_t)bytes + 1;
    return value == 0x0807060504030201;
}

#define MISALIGNED_TESTS 3
static void misaligned(void)
{
    unsigned good = 0;

    if (!supported(MISALIGNED)) {
        tap_skip(MISALIGNED_TESTS, "firmware may handle misaligned accesses");
        return;
    }
    is_error(set(MISALIGNED, 1, 0), SBI_SUCCESS, "delegated");
    ok(get(MISALIGNED).value == 1 && misaligned_load(true), "a misaligned load traps or completes");
    for (unsigned i = 0; i < 20; i++)
        good += set(MISALIGNED, i & 1, 0) == SBI_SUCCESS && get(MISALIGNED).value == (i & 1) &&
                misaligned_load(i & 1);
    set(MISALIGNED, 0, 0);
    is(good, 20, "on and off; the load completes when off");
}

/* Runs on another hart: checks the reset values, then enables and locks all features. */
static uint64_t found[3];
static bool peer_done;

static void peer_main(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 3; i++)
        found[i] = get((const uint64_t[]){ADUE, PMLEN, MISALIGNED}[i]).value;
    found[0] |= set(ADUE, 1, LOCK) != SBI_SUCCESS ? 0x100 : 0;
    found[0] |= set(ADUE, 0, 0) != SBI_ERR_DENIED_LOCKED ? 0x200 : 0;
    store(&peer_done, true);
}

#define LOCAL_TESTS 4
static void local(uint64_t misaligned_at_reset, uint64_t adue_at_reset)
{
    const uint64_t peer = other_hart(0);

    if (!supported(ADUE)) {
        tap_skip(LOCAL_TESTS, "no A/D updating");
        return;
    }
    if (!on_hearth() || hart_count() < 2) {
        tap_skip(LOCAL_TESTS, "one hart, or OpenSBI");
        return;
    }
    set(ADUE, !adue_at_reset, 0);
    set(MISALIGNED, !misaligned_at_reset, 0);
    for (unsigned i = 0; i < 2; i++) {
        store(&peer_done, false);
        hart_start(peer, peer_main, NULL);
        wait_for(load(&peer_done), SOON);
        hart_wait_state(peer, SBI_HSM_STATE_STOPPED, SOON);
        ok(load(&peer_done) && found[0] == adue_at_reset && found[1] == 0 &&
               found[2] == misaligned_at_reset,
           "%s", i == 0 ? "each hart has its own" : "a stopped hart's values and locks are gone");
    }
    is(get(ADUE).value, !adue_at_reset, "the boot hart's value is unchanged");
    is_error(set(ADUE, 0, 0), SBI_SUCCESS, "the boot hart's value is not locked");
}

static void on_timer(unsigned irq)
{
    (void)irq;
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + 10 * TICKS_PER_MS);
}

#define SUSPEND_TESTS 2
static void suspend(void)
{
    if (!supported(ADUE) || !on_hearth()) {
        tap_skip(SUSPEND_TESTS, "no A/D updating");
        return;
    }
    set(ADUE, 1, 0);
    this_hart()->irq_fn = on_timer;
    if (context_save(context) == 0) {
        sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + 2 * TICKS_PER_MS);
        irq_enable(BIT(IRQ_TIMER));
        sbi(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE,
            (uint64_t)suspend_resume, (uint64_t)context);
        bail_out("a non-retentive suspend returned");
    }
    csr_write(sie, 0);
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);
    is(get(ADUE).value, 1, "a non-retentive suspend keeps the value");
    paging_on();
    is(faults(), 0, "a non-retentive suspend keeps the effect");
    paging_off();
}

#define LOCK_TESTS 5
static void locks(void)
{
    const uint64_t id = supported(ADUE) ? ADUE : MISALIGNED;
    unsigned denied = 0;

    if (!on_hearth() || !supported(id)) {
        tap_skip(LOCK_TESTS, "OpenSBI 1.5 has another error");
        return;
    }
    is_error(set(id, 1, LOCK), SBI_SUCCESS, "set and locked");
    for (uint64_t value = 0; value < 2; value++) {
        denied += set(id, value, 0) == SBI_ERR_DENIED_LOCKED;
        denied += set(id, value, LOCK) == SBI_ERR_DENIED_LOCKED;
    }
    is(denied, 4, "locked: every value is refused");
    is_error(set(id, 1, 2), SBI_ERR_INVALID_PARAM, "locked: reserved flags");
    is(get(id).value, 1, "locked: the value is unchanged");
    is_error(set(MISALIGNED, get(MISALIGNED).value, 0),
             id == MISALIGNED        ? SBI_ERR_DENIED_LOCKED
             : supported(MISALIGNED) ? SBI_SUCCESS
                                     : SBI_ERR_NOT_SUPPORTED,
             "other features are not locked");
}

void test_main(void)
{
    static const char *const names[] = {"misaligned",  "landing pad",  "shadow stack",
                                        "double trap", "A/D updating", "pointer masking"};
    uint64_t misaligned_at_reset, adue_at_reset;

    tap_plan(1 + UNKNOWN_TESTS + 6 * ERRORS_TESTS + ADUE_TESTS + PMLEN_TESTS + MISALIGNED_TESTS +
             LOCAL_TESTS + SUSPEND_TESTS + LOCK_TESTS);
    ok(sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_FWFT).value != 0, "FWFT is present");
    misaligned_at_reset = get(MISALIGNED).value;
    adue_at_reset = get(ADUE).value;
    unknown();
    for (uint64_t id = 0; id < ARRAY_SIZE(names); id++)
        feature_errors(id, names[id], id == PMLEN ? 8 : 2);
    adue(adue_at_reset);
    pmlen();
    misaligned();
    local(misaligned_at_reset, adue_at_reset);
    suspend();
    locks();
}
