/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storm - several harts use all of these on each other at once: IPIs, remote fences, starts, stops,
 * suspends, timers, console. The test fails on a lost wake-up, on a hart that returns with a wrong
 * state, and on a hang.
 */
#include "guest.h"

#define ROUNDS 400

static uint64_t lived[HARTS], bad[HARTS]; /* written by the hart */
static uint64_t started[HARTS];           /* by the boot hart */
static bool stop;
static unsigned harts;

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

/* One random operation on all other harts that needs no cooperation. */
static void disturb(uint64_t r)
{
    const uint64_t mask = r >> 8 & (BIT(harts) - 1);

    switch (r % 6) {
    case 0:
        sbi(SBI_EXT_SPI, SBI_SPI_SEND_IPI, mask, 0);
        break;
    case 1:
        sbi(SBI_EXT_RFNC, SBI_RFNC_FENCE_I, mask, 0);
        break;
    case 2:
        sbi(SBI_EXT_RFNC, SBI_RFNC_SFENCE_VMA, 0, ~0ul, 0, 0);
        break;
    case 3:
        sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + (r & 1023));
        break;
    case 4:
        sbi(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, r % harts);
        break;
    default:
        (void)read32(PLIC_BASE + 0x1000);
        break;
    }
}

/* Sleeps until its timer or an IPI. The timer alone would end the sleep. */
static void sleep_for(uint64_t r)
{
    csr_write(sie, BIT(IRQ_SOFT) | BIT(IRQ_TIMER));
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + (r & 4095));
    if (r & 4096)
        sbi(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0);
    else
        __asm__ volatile("wfi" ::: "memory");
    csr_write(sie, 0);
    csr_clear(sip, BIT(IRQ_SOFT));
}

/* Runs for a while, then stops. The boot hart starts it again. */
static void worker(void *arg)
{
    const uint64_t id = this_hart()->id;
    uint64_t state = rdtime() ^ id << 40, r;

    if (arg != &lived[id] || csr_read(satp) != 0 || (csr_read(sstatus) & SSTATUS_SIE))
        store(&bad[id], bad[id] + 1);
    for (unsigned n = 0; n < 50 && !load(&stop); n++) {
        r = random_next(&state);
        if (r % 8 == 0)
            sleep_for(r >> 3);
        else
            disturb(r >> 3);
    }
    store(&lived[id], lived[id] + 1);
}

void test_main(void)
{
    uint64_t state = rdtime(), lives = 0, idle = 0, lost = 0, wrong = 0, asleep = 0, refused = 0;
    unsigned round;

    harts = hart_count();
    tap_plan(5);
    for (round = 0; round < ROUNDS; round++) {
        for (uint64_t h = 0; h < harts; h++)
            if (h != boot_hart &&
                sbi(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, h).value == SBI_HSM_STATE_STOPPED) {
                const bool good = hart_start(h, worker, &lived[h]) == 0;

                started[h] += good;
                refused += !good;
            }
        disturb(random_next(&state));
        if (round % 16 == 0)
            sleep_for(random_next(&state));
    }
    store(&stop, true);
    for (uint64_t h = 0; h < harts; h++) {
        asleep += h != boot_hart && !hart_wait_state(h, SBI_HSM_STATE_STOPPED, SOON);
        idle += h != boot_hart && lived[h] == 0;
        lost += lived[h] != started[h];
        lives += lived[h];
        wrong += bad[h];
    }
    is(refused, 0, "every stopped hart starts");
    is(asleep, 0, "every hart stops when told");
    is(wrong, 0, "every hart starts with the specified state");
    is(idle, 0, "every hart has run");
    is(lost, 0, "every start runs once, on the started hart");
    note("%u harts, %u runs", harts, (unsigned)lives);
}
