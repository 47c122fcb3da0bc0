/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart - state of a hart that starts again: interrupts pending from before its stop are gone,
 * except the external one, which is the level of its PLIC context; an IPI sent after hart_start is
 * pending. OpenSBI's console is the UART that raises the interrupt, so results are printed only at
 * the end.
 */
#include "guest.h"

#define PRIORITY     (PLIC_BASE + 4 * UART_IRQ)
#define ENABLE(h)    (PLIC_BASE + 0x2000 + 0x80 * (2 * (h) + 1))
#define THRESHOLD(h) (PLIC_BASE + 0x200000 + 0x1000 * (2 * (h) + 1))
#define CLAIM(h)     (THRESHOLD(h) + 4)
#define IER          (UART_BASE + 1)
#define IIR          (UART_BASE + 2)

static uint64_t pending; /* sip at the hart's start, with BIT(63) set */

/* OpenSBI's hart_start closes the context. On QEMU's PLIC the line follows after a moment. */
static void listen(void)
{
    write32(ENABLE(this_hart()->id), 1u << UART_IRQ);
    write32(THRESHOLD(this_hart()->id), 0);
}

static void record_sip(void *arg)
{
    (void)arg;
    /* OpenSBI's hart_start closes the context's threshold. On QEMU's PLIC the line follows after a
     * moment. */
    listen();
    wait_for(csr_read(sip) & BIT(IRQ_EXT), 20);
    store(&pending, csr_read(sip) | BIT(63));
}

/* Waits for its external interrupt and stops with it pending. */
static void stop_with_irq_pending(void *arg)
{
    (void)arg;
    csr_write(sie, 0);
    listen();
    wait_for(csr_read(sip) & BIT(IRQ_EXT), SOON);
    csr_set(sip, BIT(IRQ_SOFT));
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, 0);
    record_sip(NULL);
}

static void await_ipi(void *arg)
{
    (void)arg;
    wait_for(csr_read(sip) & BIT(IRQ_SOFT), SOON);
    store(&pending, csr_read(sip) | BIT(63));
}

/* Sends an IPI just after hart_start: with fewer harts than vcpus it arrives in START_PENDING.
 * False if it was lost. */
static bool ipi_behind_start(uint64_t hart)
{
    store(&pending, 0);
    return hart_start(hart, await_ipi, NULL) == 0 &&
           sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, BIT(hart), 0).error == 0 &&
           wait_for(load(&pending), 2 * SOON) && (load(&pending) & BIT(IRQ_SOFT)) != 0 &&
           hart_wait_state(hart, SBI_HSM_STATE_STOPPED, SOON);
}

static bool run_there(uint64_t hart, void (*fn)(void *))
{
    store(&pending, 0);
    return hart_start(hart, fn, NULL) == 0 && wait_for(load(&pending), SOON) &&
           hart_wait_state(hart, SBI_HSM_STATE_STOPPED, SOON);
}

void test_main(void)
{
    const uint64_t peer = other_hart(0);
    uint64_t left, found, later;
    bool first, again, last, ipi = true, gone;

    if (hart_count() < 2) {
        tap_plan(0);
        return;
    }
    write32(PRIORITY, 1);
    write32(ENABLE(peer), 1u << UART_IRQ);
    write8(IER, 0);
    write8(IER, 2); /* the transmitter is idle: the line rises */
    first = run_there(peer, stop_with_irq_pending);
    left = pending;
    again = run_there(peer, record_sip);
    found = pending;
    write8(IER, 0);
    (void)read8(IIR);
    while (read32(CLAIM(peer)) != 0)
        write32(CLAIM(peer), UART_IRQ);
    last = run_there(peer, record_sip);
    later = pending;
    for (unsigned i = 0; on_hearth() && ipi && i < 20; i++)
        ipi = ipi_behind_start(peer);
    gone = run_there(peer, record_sip) && !(pending & BIT(IRQ_SOFT));

    tap_plan(8);
    ok(first && again && last, "a hart started three times");
    ok(left & BIT(IRQ_EXT), "the external interrupt is pending at the stop");
    ok(found & BIT(IRQ_EXT), "the external interrupt is pending at the start");
    ok(!(later & BIT(IRQ_EXT)), "line low: no external interrupt");
    if (!on_hearth()) {
        tap_skip(4, "OpenSBI leaves other interrupts as they are");
        return;
    }
    ok(!(found & BIT(IRQ_SOFT)), "no software interrupt is pending");
    ok(!(found & BIT(IRQ_TIMER)), "no timer interrupt is pending");
    ok(ipi, "an IPI sent just after hart_start is pending");
    ok(gone, "the IPI is not pending at the next start");
}
