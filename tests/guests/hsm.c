/* SPDX-License-Identifier: Apache-2.0 */
/* hsm - SBI HSM: start, stop, status, both types of suspend, and all their errors. */
#include "guest.h"

static uint64_t runs[HARTS];
static bool hold;

static struct sbi_result hsm(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return sbi(SBI_EXT_HSM, fid, a0, a1, a2);
}

static uint64_t status(uint64_t id)
{
    return hsm(SBI_HSM_HART_GET_STATUS, id, 0, 0).value;
}

static void is_error(int64_t got, int64_t want, const char *name)
{
    is((uint64_t)got, (uint64_t)want, "%s", name);
}

static void count(void *arg)
{
    store((uint64_t *)arg, load((uint64_t *)arg) + 1);
    while (load(&hold))
        ;
}

static void sleeper(void *arg)
{
    csr_write(sie, BIT(IRQ_SOFT));
    hsm(SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0);
    csr_clear(sip, BIT(IRQ_SOFT));
    store((uint64_t *)arg, 0x600d);
}

/* A hart with sie = 0, which clears no IPI until it ends. */
static struct {
    uint64_t type, rounds, context[16];
    uint64_t done;  /* number of suspends that have ended */
    uint64_t ready; /* number of suspends begun */
    bool early;     /* send the IPI at once; else only when the hart is SUSPENDED */
} masked;

static void masked_suspends(void *arg)
{
    (void)arg;
    csr_write(sie, 0);
    while (masked.done < masked.rounds) {
        if (masked.early)
            csr_clear(sip, BIT(IRQ_SOFT));
        store(&masked.ready, masked.done + 1);
        if (masked.type == SBI_HSM_SUSPEND_RETENTIVE)
            hsm(SBI_HSM_HART_SUSPEND, masked.type, 0, 0);
        else if (context_save(masked.context) == 0)
            hsm(SBI_HSM_HART_SUSPEND, masked.type, (uint64_t)suspend_resume,
                (uint64_t)masked.context);
        if (!(csr_read(sip) & BIT(IRQ_SOFT)))
            break;
        store(&masked.done, masked.done + 1);
    }
    csr_clear(sip, BIT(IRQ_SOFT));
}

/* Suspends of another hart that IPIs ended. */
static uint64_t wake_masked(uint64_t peer, uint64_t type, uint64_t rounds, bool early)
{
    uint64_t n;

    masked.type = type;
    masked.rounds = rounds;
    masked.early = early;
    masked.done = masked.ready = 0;
    hart_start(peer, masked_suspends, NULL);
    for (n = 0; n < rounds; n++) {
        if (early ? !wait_for(load(&masked.ready) == n + 1, SOON)
                  : !hart_wait_state(peer, SBI_HSM_STATE_SUSPENDED, SOON))
            break;
        if (load(&masked.done) != n)
            break;
        sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, BIT(peer), 0);
        if (!wait_for(load(&masked.done) == n + 1, SOON))
            break;
    }
    return hart_wait_state(peer, SBI_HSM_STATE_STOPPED, SOON) ? n : ~0ul;
}

static void ipis_that_sie_masks(uint64_t peer)
{
    is(wake_masked(peer, SBI_HSM_SUSPEND_RETENTIVE, 20, false), 20,
       "retentive, sie = 0: each IPI ends one suspend");
    is(wake_masked(peer, SBI_HSM_SUSPEND_NON_RETENTIVE, 20, false), 20, "non-retentive: the same");
    if (!on_hearth()) {
        tap_skip(2, "OpenSBI ignores an IPI before the suspend");
        return;
    }
    is(wake_masked(peer, SBI_HSM_SUSPEND_RETENTIVE, 1000, true), 1000,
       "retentive, sie = 0: an earlier IPI ends it, too");
    is(wake_masked(peer, SBI_HSM_SUSPEND_NON_RETENTIVE, 1000, true), 1000,
       "non-retentive: the same");
}

/* A software interrupt that the hart sets in sip does not end a suspend that masks it. */
static void own_software_interrupt(void)
{
    uint64_t due;

    csr_write(sie, BIT(IRQ_TIMER));
    csr_set(sip, BIT(IRQ_SOFT));
    due = rdtime() + 2 * TICKS_PER_MS;
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, due);
    hsm(SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0);
    ok(rdtime() >= due, "sip.SSIP set by the hart itself does not end it");
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);
    csr_write(sie, 0);
    csr_clear(sip, BIT(IRQ_SOFT));
}

static void errors(unsigned harts)
{
    is_error(hsm(SBI_HSM_HART_GET_STATUS, harts, 0, 0).error, SBI_ERR_INVALID_PARAM,
             "status of no hart");
    is_error(hsm(SBI_HSM_HART_GET_STATUS, ~0ul, 0, 0).error, SBI_ERR_INVALID_PARAM,
             "status of hart -1");
    is_error(hsm(SBI_HSM_HART_START, harts, 0x80200000, 0).error, SBI_ERR_INVALID_PARAM,
             "start of no hart");
    is_error(hsm(SBI_HSM_HART_START, boot_hart, 0x80200000, 0).error, SBI_ERR_ALREADY_AVAILABLE,
             "start of a hart that runs");
    is_error(hsm(SBI_HSM_HART_SUSPEND, 1, 0x80200000, 0).error, SBI_ERR_INVALID_PARAM,
             "suspend: reserved type");
    is_error(hsm(SBI_HSM_HART_SUSPEND, 0x80000001, 0x80200000, 0).error, SBI_ERR_INVALID_PARAM,
             "suspend: reserved non-retentive type");
    if (!on_hearth()) {
        tap_skip(5, "OpenSBI knows no guest RAM");
        return;
    }
    is_error(hsm(SBI_HSM_HART_START, boot_hart, HOLE, 0).error, SBI_ERR_INVALID_ADDRESS,
             "start in a hole");
    is_error(hsm(SBI_HSM_HART_START, boot_hart, UART_BASE, 0).error, SBI_ERR_INVALID_ADDRESS,
             "start in a device");
    is_error(hsm(SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE, HOLE, 0).error,
             SBI_ERR_INVALID_ADDRESS, "suspend: resume in a hole");
    is_error(hsm(SBI_HSM_HART_SUSPEND, 0x10000000, 0x80200000, 0).error, SBI_ERR_INVALID_PARAM,
             "suspend: platform's type");
    is_error(hsm(SBI_HSM_HART_SUSPEND, 0x90000000, 0x80200000, 0).error, SBI_ERR_INVALID_PARAM,
             "suspend: platform's non-retentive type");
}

static void other_harts(unsigned harts)
{
    const uint64_t peer = other_hart(0);
    unsigned started = 0;
    uint64_t awake = 0;
    unsigned n;

    is(status(peer), SBI_HSM_STATE_STOPPED, "other harts are stopped");
    store(&hold, true);
    for (n = 0; n + 1 < harts; n++)
        started += hart_start(other_hart(n), count, &runs[other_hart(n)]) == 0;
    is(started, harts - 1, "all started");
    for (n = 0; n + 1 < harts; n++)
        started -= wait_for(load(&runs[other_hart(n)]) == 1, SOON);
    is(started, 0, "all run");
    is(status(peer), SBI_HSM_STATE_STARTED, "status: started");
    is_error(hsm(SBI_HSM_HART_START, peer, 0x80200000, 0).error, SBI_ERR_ALREADY_AVAILABLE,
             "start again");
    store(&hold, false);
    for (n = 0; n + 1 < harts; n++)
        started += hart_wait_state(other_hart(n), SBI_HSM_STATE_STOPPED, SOON);
    is(started, harts - 1, "all stopped");

    runs[peer] = 0;
    for (n = 0; n < 20; n++) {
        if (hart_start(peer, count, &runs[peer]) != 0 ||
            !wait_for(load(&runs[peer]) == n + 1, SOON) ||
            !hart_wait_state(peer, SBI_HSM_STATE_STOPPED, SOON))
            break;
    }
    is(n, 20, "started and stopped 20 times");

    hart_start(peer, sleeper, &awake);
    ok(hart_wait_state(peer, SBI_HSM_STATE_SUSPENDED, SOON), "status: suspended");
    is(load(&awake), 0, "sleeps");
    sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, BIT(peer), 0);
    ok(wait_for(load(&awake) == 0x600d, SOON), "an interrupt wakes the hart");
    ok(hart_wait_state(peer, SBI_HSM_STATE_STOPPED, SOON), "the hart stops");
    ipis_that_sie_masks(peer);
}

static uint64_t context[16];

/* Handles an interrupt before the suspend, and sets the next timer. */
static void on_timer(unsigned irq)
{
    (void)irq;
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + 10 * TICKS_PER_MS);
}

/* Resumes from a non-retentive suspend by timer, and checks the hart's state. */
static void non_retentive(void)
{
    struct hart *h = this_hart();
    uint64_t satp, sstatus;

    paging_init();
    paging_on();
    h->irq_fn = on_timer;
    if (context_save(context) == 0) {
        sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + 2 * TICKS_PER_MS);
        irq_enable(BIT(IRQ_TIMER)); /* SIE must be off at the resumption */
        hsm(SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE, (uint64_t)suspend_resume,
            (uint64_t)context);
        bail_out("a non-retentive suspend returned");
    }
    satp = csr_read(satp);
    sstatus = csr_read(sstatus);
    ok(context[15] == h->id, "non-retentive: a0 is the hart id");
    is(satp, 0, "non-retentive: MMU off");
    is(sstatus & SSTATUS_SIE, 0, "non-retentive: interrupts off");
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);
    is(status(h->id), SBI_HSM_STATE_STARTED, "non-retentive: started again");
}

/* hart_count() ends at the first that is not there. */
static unsigned harts_there(void)
{
    unsigned n = 0;

    for (uint64_t id = 0; id < 64; id++)
        n += hsm(SBI_HSM_HART_GET_STATUS, id, 0, 0).error == SBI_SUCCESS;
    return n;
}

void test_main(void)
{
    const unsigned harts = hart_count();
    uint64_t start;

    tap_plan(2 + 11 + 15 + 3 + 1 + 4);
    note("%u harts", harts);
    is(harts_there(), harts, "no hart beside them");
    is(status(boot_hart), SBI_HSM_STATE_STARTED, "own status");
    errors(harts);
    if (harts > 1)
        other_harts(harts);
    else
        tap_skip(15, "one hart");

    /* Own suspend, ended by a timer that is enabled in sie but not in sstatus. */
    csr_write(sie, BIT(IRQ_TIMER));
    start = rdtime();
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, start + 2 * TICKS_PER_MS);
    is_error(hsm(SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, ~0ul, 0).error, SBI_SUCCESS,
             "retentive suspend");
    ok(rdtime() - start >= 2 * TICKS_PER_MS, "slept until its timer");
    is(status(boot_hart), SBI_HSM_STATE_STARTED, "started again");
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);
    csr_write(sie, 0);

    own_software_interrupt();
    non_retentive();
}
