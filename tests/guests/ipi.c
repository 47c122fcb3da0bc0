/* SPDX-License-Identifier: Apache-2.0 */
/* ipi - SBI sPI: IPIs to the hart itself, to others, and by mask. */
#include "guest.h"

#define SSIP BIT(IRQ_SOFT)

static uint64_t got[HARTS];
static bool ready[HARTS], quit;

static void on_irq(unsigned irq)
{
    if (irq == IRQ_SOFT) {
        csr_clear(sip, SSIP);
        __atomic_fetch_add(&got[this_hart()->id], 1, __ATOMIC_SEQ_CST);
    }
}

static void listener(void *arg)
{
    (void)arg;
    this_hart()->irq_fn = on_irq;
    csr_clear(sip, SSIP);
    irq_enable(SSIP);
    store(&ready[this_hart()->id], true);
    while (!load(&quit))
        __asm__ volatile("wfi");
}

static int64_t send(uint64_t mask, uint64_t base)
{
    return sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, mask, base).error;
}

static unsigned harts;

/* True if each hart's count equals its bit of want. */
static bool received(uint64_t want)
{
    for (unsigned i = 0; i < harts; i++)
        if (load(&got[i]) != (want >> i & 1))
            return false;
    return true;
}

static void clear(void)
{
    for (unsigned i = 0; i < HARTS; i++)
        store(&got[i], 0);
}

/* Sends, and checks that exactly the harts in `want` receive it. */
static void send_and_check(uint64_t mask, uint64_t base, int64_t error, uint64_t want,
                           const char *name)
{
    int64_t e;

    clear();
    e = send(mask, base);
    wait_for(received(want), want ? SOON : 3);
    ok(e == error && received(want), "%s", name);
    if (e != error || !received(want))
        for (unsigned i = 0; i < harts; i++)
            note("error %ld, hart %u got %lu", e, i, got[i]);
}

static void ping_pong(void)
{
    const uint64_t peer = other_hart(0);
    unsigned rounds = 0;

    if (harts == 1) {
        tap_skip(1, "one hart");
        return;
    }
    clear();
    while (rounds < 200) {
        send(1, peer);
        if (!wait_for(load(&got[peer]) == rounds + 1, SOON))
            break;
        rounds++;
    }
    is(rounds, 200, "200 interrupts to hart %lu, all taken", peer);
}

void test_main(void)
{
    uint64_t all;

    tap_plan(14);
    harts = hart_count();
    all = BIT(harts) - 1;
    note("%u harts", harts);

    is((uint64_t)send(BIT(boot_hart), 0), 0, "send to self");
    ok(csr_read(sip) & SSIP, "pending");
    csr_clear(sip, SSIP);
    ok(!(csr_read(sip) & SSIP), "cleared by the hart itself");

    this_hart()->irq_fn = on_irq;
    irq_enable(SSIP);
    for (unsigned n = 0; n + 1 < harts; n++) {
        hart_start(other_hart(n), listener, NULL);
        wait_for(load(&ready[other_hart(n)]), SOON);
    }
    send_and_check(BIT(boot_hart), 0, 0, BIT(boot_hart), "taken by self");
    send_and_check(0, ~0ul, 0, all, "base -1: all");
    send_and_check(all, 0, 0, all, "mask of all");
    send_and_check(1, harts - 1, 0, BIT(harts - 1), "base + bit 0");
    send_and_check(0, 0, 0, 0, "an empty mask");
    if (on_hearth()) {
        send_and_check(0, 77, 0, 0, "empty mask, base out of range");
        send_and_check(all | BIT(harts), 0, SBI_ERR_INVALID_PARAM, 0,
                       "a mask with a missing hart sends nothing");
        send_and_check(BIT(63), 0, SBI_ERR_INVALID_PARAM, 0, "bit 63");
        send_and_check(1, harts, SBI_ERR_INVALID_PARAM, 0, "base out of range");
        send_and_check(4, ~0ul - 1, SBI_ERR_INVALID_PARAM, 0, "base + bit wraps");
    } else {
        tap_skip(5, "OpenSBI checks masks differently");
    }
    ping_pong();
    store(&quit, true);
    send(0, ~0ul);
}
