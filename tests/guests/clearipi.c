/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearipi - legacy clear_ipi loses no IPI: one hart sends IPIs and waits for each answer, the
 * other loops on clear_ipi with its software interrupt disabled.
 */
#include "guest.h"

#define ROUNDS 5000
#define BUDGET 3000 /* ms: a busy machine does fewer rounds */

static uint64_t answered;
static bool quit;

static void answerer(void *arg)
{
    (void)arg;
    csr_clear(sie, BIT(IRQ_SOFT));
    while (!load(&quit))
        if (sbi(SBI_EXT_LEGACY_CLEAR_IPI, 0).error != 0)
            store(&answered, answered + 1);
}

static uint64_t exchange(uint64_t peer)
{
    const uint64_t end = rdtime() + BUDGET * TICKS_PER_MS;
    const uint64_t mask = BIT(peer);
    uint64_t n = 0;

    while (n < ROUNDS && rdtime() < end) {
        if (n % 2 == 0)
            sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, mask, 0);
        else
            sbi(SBI_EXT_LEGACY_SEND_IPI, 0, (uint64_t)&mask);
        n++;
        if (!wait_for(load(&answered) >= n, SOON))
            break;
    }
    return n;
}

void test_main(void)
{
    uint64_t rounds;

    tap_plan(3);
    if (!on_hearth() || hart_count() < 2) {
        tap_skip(3, "one hart, or OpenSBI, whose clear_ipi always says 0");
        return;
    }
    is((uint64_t)hart_start(other_hart(0), answerer, NULL), 0, "another hart answers");
    rounds = exchange(other_hart(0));
    note("%lu rounds", rounds);
    is(load(&answered), rounds, "every IPI is answered once");
    store(&quit, true);
    ok(hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON), "the other hart stops");
}
