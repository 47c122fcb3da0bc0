/* SPDX-License-Identifier: Apache-2.0 */
/* perf - Hearth's PERF extension: a vcpu's exits by reason. */
#include "guest.h"

enum {
    NOTHING,
    HYPERCALL,
    MMIO_READ,
    MMIO_WRITE,
    NESTED_PAGE_FAULT,
    EXTERNAL,
    TIMER,
    CPU_UP,
    CPU_DOWN,
    HALT,
    SYSTEM_DOWN,
    FAIL_ENTRY
};

static uint64_t read(uint64_t reason)
{
    struct sbi_result r = sbi(SBI_EXT_PERF, SBI_PERF_READ, reason);

    return r.error ? (uint64_t)r.error : r.value;
}

static int64_t perf(uint64_t fid, uint64_t a0)
{
    return sbi(SBI_EXT_PERF, fid, a0).error;
}

static void work(void)
{
    for (unsigned n = 0; n < 5; n++)
        sbi(SBI_EXT_BASE, 0);
    for (unsigned n = 0; n < 7; n++)
        (void)read8(UART_BASE + 5);
    for (unsigned n = 0; n < 3; n++)
        write8(UART_BASE + 7, 1);
}

static void count_on_other_hart(void *arg)
{
    *(int64_t *)arg = perf(SBI_PERF_STOP, 0);
}

void test_main(void)
{
    int64_t started, stopped, other = 77;

    if (!on_hearth()) {
        tap_plan(1);
        tap_skip(1, "Hearth's own extension");
        return;
    }
    tap_plan(26);
    is((uint64_t)perf(SBI_PERF_STOP, 0), (uint64_t)SBI_ERR_ALREADY_STOPPED, "stop before a start");
    is(read(HYPERCALL), 0, "nothing is counted before the start");
    is((uint64_t)perf(SBI_PERF_START, 1ul << SBI_PERF_REASONS), (uint64_t)SBI_ERR_INVALID_PARAM,
       "a mask with a reason that does not exist");
    is((uint64_t)perf(SBI_PERF_START, ~0ul - 1), (uint64_t)SBI_ERR_INVALID_PARAM, "-2");
    is((uint64_t)perf(SBI_PERF_READ, SBI_PERF_REASONS), (uint64_t)SBI_ERR_INVALID_PARAM,
       "read of a reason that does not exist");
    is((uint64_t)perf(SBI_PERF_READ, ~0ul), (uint64_t)SBI_ERR_INVALID_PARAM, "read -1");
    is((uint64_t)perf(3, 0), (uint64_t)SBI_ERR_NOT_SUPPORTED, "unknown function");

    /* Prints nothing in between, because printing makes calls, too. */
    started = perf(SBI_PERF_START, ~0ul);
    work();
    stopped = perf(SBI_PERF_STOP, 0);
    is((uint64_t)started, 0, "start all");
    is((uint64_t)stopped, 0, "stop");
    work();
    is(read(HYPERCALL), 6, "hypercalls");
    is(read(MMIO_READ), 7, "MMIO reads");
    is(read(MMIO_WRITE), 3, "MMIO writes");
    is(read(FAIL_ENTRY), 0, "failures");
    is((uint64_t)perf(SBI_PERF_STOP, 0), (uint64_t)SBI_ERR_ALREADY_STOPPED, "stop again");

    is((uint64_t)perf(SBI_PERF_START, BIT(MMIO_READ)), 0, "start one");
    work();
    is(read(MMIO_READ), 7, "the started reason is counted");
    is(read(MMIO_WRITE), 0, "other reasons are not counted");
    work();
    is(read(MMIO_READ), 14, "the count grows");
    is((uint64_t)perf(SBI_PERF_START, BIT(MMIO_READ)), 0, "start again");
    is(read(MMIO_READ), 0, "counts start at 0");
    csr_write(sie, BIT(IRQ_SOFT)); /* pending, so that each WFI ends at once */
    csr_set(sip, BIT(IRQ_SOFT));
    started = perf(SBI_PERF_START, ~0ul);
    for (unsigned n = 0; n < 3; n++) {
        sbi(SBI_EXT_BASE, 0);
        sbi(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE);
    }
    (void)perf(SBI_PERF_STOP, 0);
    csr_clear(sip, BIT(IRQ_SOFT));
    csr_write(sie, 0);
    is((uint64_t)started, 0, "start once more");
    is(read(HALT), 3, "suspends");
    is(read(HYPERCALL), 4, "these calls are not Hypercalls, the others are");
    if (hart_count() > 1) {
        is((uint64_t)perf(SBI_PERF_START, BIT(CPU_UP)), 0, "start");
        hart_start(other_hart(0), count_on_other_hart, &other);
        hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON);
        is((uint64_t)other, (uint64_t)SBI_ERR_ALREADY_STOPPED, "another hart has its own counts");
        is(read(CPU_UP), 1, "harts started");
    } else {
        tap_skip(3, "one hart");
    }
}
