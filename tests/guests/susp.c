/* SPDX-License-Identifier: Apache-2.0 */
/* susp - SBI SUSP: system suspend, its errors, its wake-up events, and the state after it. */
#include "guest.h"

#define RTC_TIME_LOW        (RTC_BASE + 0x00)
#define RTC_TIME_HIGH       (RTC_BASE + 0x04)
#define RTC_ALARM_LOW       (RTC_BASE + 0x08)
#define RTC_ALARM_HIGH      (RTC_BASE + 0x0c)
#define RTC_IRQ_ENABLED     (RTC_BASE + 0x10)
#define RTC_CLEAR_INTERRUPT (RTC_BASE + 0x1c)

#define MS_NS  1000000ul
#define ERRORS 12

static uint64_t context[16];
static bool hold;

static struct sbi_result susp(uint64_t type, uint64_t addr, uint64_t opaque)
{
    return sbi(SBI_EXT_SUSP, SBI_SUSP_SYSTEM_SUSPEND, type, addr, opaque);
}

static void is_error(struct sbi_result got, int64_t want, const char *name)
{
    if (got.value != 0)
        note("%s: value %lx", name, got.value);
    is((uint64_t)got.error, got.value == 0 ? (uint64_t)want : ~0ul, "%s", name);
}

/* Suspends the system, and returns the time of the resumption. */
static uint64_t sleep(void)
{
    if (context_save(context) == 0) {
        const struct sbi_result r =
            susp(SBI_SUSP_SUSPEND_TO_RAM, (uint64_t)suspend_resume, (uint64_t)context);

        note("error %ld value %lx", r.error, r.value);
        bail_out("system suspend returned");
    }
    return rdtime();
}

/* The time that was set. */
static uint64_t set_timer(uint64_t ticks)
{
    const uint64_t at = ticks == ~0ul ? ticks : rdtime() + ticks;

    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, at);
    return at;
}

/* Ends no later than the alarm. */
static uint64_t rtc_alarm(uint64_t ns)
{
    const uint64_t now = rdtime();
    uint64_t at = read32(RTC_TIME_LOW);

    at |= (uint64_t)read32(RTC_TIME_HIGH) << 32;
    at += ns;
    write32(RTC_IRQ_ENABLED, 1);
    write32(RTC_ALARM_HIGH, (uint32_t)(at >> 32));
    write32(RTC_ALARM_LOW, (uint32_t)at);
    return now + ns / 100;
}

static void rtc_quiet(void)
{
    write32(RTC_IRQ_ENABLED, 0);
    write32(RTC_CLEAR_INTERRUPT, 1);
}

static void errors(void)
{
    const uint64_t here = (uint64_t)suspend_resume;

    is_error(sbi(SBI_EXT_SUSP, 1, 0, here, 0), SBI_ERR_NOT_SUPPORTED, "function 1");
    is_error(sbi(SBI_EXT_SUSP, ~0ul, 0, here, 0), SBI_ERR_NOT_SUPPORTED, "function -1");
    is_error(susp(1, here, 0), SBI_ERR_INVALID_PARAM, "type 1, reserved");
    is_error(susp(0x7fffffff, here, 0), SBI_ERR_INVALID_PARAM, "the last reserved type");
    is_error(susp(0x80000000, here, 0), SBI_ERR_INVALID_PARAM, "a platform's type");
    is_error(susp(~0ul, here, 0), SBI_ERR_INVALID_PARAM, "the last platform's type");
    is_error(susp(0, HOLE, 0), SBI_ERR_INVALID_ADDRESS, "resume in a hole");
    is_error(susp(0, UART_BASE, 0), SBI_ERR_INVALID_ADDRESS, "resume in a device");
    is_error(susp(0, 0, 0), SBI_ERR_INVALID_ADDRESS, "resume at 0");
    is_error(susp(0, 0x7ffffffe, 0), SBI_ERR_INVALID_ADDRESS, "resume below RAM");
    is_error(susp(0, here + 1, 0), SBI_ERR_INVALID_ADDRESS, "resume at an odd address");
    is_error(susp(0, ~1ul, 0), SBI_ERR_INVALID_ADDRESS, "resume at the end of the address space");
}

static void spin(void *arg)
{
    (void)arg;
    while (load(&hold))
        ;
}

/* Only a software interrupt may end this hart's sleep. */
static void sleeper(void *arg)
{
    csr_write(sie, BIT(IRQ_SOFT));
    sbi(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE);
    csr_clear(sip, BIT(IRQ_SOFT));
    store((uint64_t *)arg, 1);
}

static void other_harts(void)
{
    const uint64_t peer = other_hart(0), here = (uint64_t)suspend_resume;
    uint64_t awake = 0;

    store(&hold, true);
    hart_start(peer, spin, NULL);
    ok(hart_wait_state(peer, SBI_HSM_STATE_STARTED, SOON), "another hart is started");
    is_error(susp(0, here, 0), SBI_ERR_DENIED, "denied while another hart is started");
    store(&hold, false);
    ok(hart_wait_state(peer, SBI_HSM_STATE_STOPPED, SOON), "it is stopped");

    hart_start(peer, sleeper, &awake);
    ok(hart_wait_state(peer, SBI_HSM_STATE_SUSPENDED, SOON), "it is suspended");
    is_error(susp(0, here, 0), SBI_ERR_DENIED, "denied while another hart is suspended");
    is_error(susp(1, here, 0), SBI_ERR_INVALID_PARAM, "a wrong type is checked first");
    /* A wake-up event of the system, not an interrupt of one hart. */
    rtc_alarm(0);
    wait_for(false, 5);
    is(sbi(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, peer).value, SBI_HSM_STATE_SUSPENDED,
       "a hart's suspend does not end with the alarm");
    rtc_quiet();
    is(load(&awake), 0, "the suspended hart did not run");
    sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, BIT(peer), 0);
    ok(wait_for(load(&awake) == 1, SOON), "the hart's interrupt ends its suspend");
    ok(hart_wait_state(peer, SBI_HSM_STATE_STOPPED, SOON), "it is stopped again");
}

static void on_timer(unsigned irq)
{
    (void)irq;
    set_timer(10 * TICKS_PER_MS);
}

static void state_after(void)
{
    struct hart *h = this_hart();
    uint64_t satp, sstatus;

    paging_init();
    paging_on();
    h->irq_fn = on_timer;
    set_timer(2 * TICKS_PER_MS);
    irq_enable(BIT(IRQ_TIMER)); /* SIE must be off at the resumption */
    (void)sleep();
    satp = csr_read(satp);
    sstatus = csr_read(sstatus);
    h->irq_fn = NULL;
    is(context[15], h->id, "a0 is the hart id");
    is(satp, 0, "MMU off");
    is(sstatus & SSTATUS_SIE, 0, "interrupts off");
    is(sbi(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, h->id).value, SBI_HSM_STATE_STARTED, "started");
}

static void wake_ups(void)
{
    unsigned n;
    uint64_t due;

    /* Ended by the hart's timer, not by an interrupt that it has not enabled. */
    csr_write(sie, BIT(IRQ_TIMER));
    csr_set(sip, BIT(IRQ_SOFT));
    due = set_timer(5 * TICKS_PER_MS);
    ok(sleep() >= due, "a software interrupt that is not enabled does not wake");
    ok(csr_read(sip) & BIT(IRQ_SOFT), "the software interrupt is still pending");

    /* Ended by an enabled interrupt that is already pending. */
    csr_write(sie, BIT(IRQ_SOFT));
    set_timer(~0ul);
    due = rdtime() + SOON * TICKS_PER_MS;
    ok(sleep() < due, "an enabled pending interrupt wakes at once");
    csr_clear(sip, BIT(IRQ_SOFT));

    /* Ended by the RTC's alarm, with all interrupts masked in the hart and in the PLIC. */
    csr_write(sie, 0);
    due = rtc_alarm(5 * MS_NS);
    ok(sleep() >= due, "the alarm wakes");
    due = rdtime() + SOON * TICKS_PER_MS;
    ok(sleep() < due, "a pending alarm wakes at once");
    csr_write(sie, BIT(IRQ_TIMER));
    due = set_timer(5 * TICKS_PER_MS);
    sbi(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE);
    ok(rdtime() >= due, "a pending alarm does not end an HSM suspend");
    rtc_quiet();
    due = set_timer(5 * TICKS_PER_MS);
    ok(sleep() >= due, "no alarm: the timer wakes");

    for (n = 0; n < 20; n++) { /* registers do not outlive a sleep */
        static unsigned saved, early;
        static uint64_t until;

        saved = n;
        until = set_timer(TICKS_PER_MS);
        early += sleep() < until;
        n = saved;
        if (n == 19)
            is(early, 0, "20 times, none too short");
    }
    set_timer(~0ul);
    csr_write(sie, 0);
}

void test_main(void)
{
    tap_plan(1 + ERRORS + 10 + 4 + 8);
    if (sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_SUSP).value == 0) {
        if (on_hearth())
            bail_out("no SUSP");
        tap_skip(1 + ERRORS + 10 + 4 + 8, "no SUSP");
        return;
    }
    ok(true, "SUSP is present");
    errors();
    if (hart_count() > 1)
        other_harts();
    else
        tap_skip(10, "one hart");
    state_after();
    wake_ups();
}
