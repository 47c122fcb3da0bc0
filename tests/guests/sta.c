/* SPDX-License-Identifier: Apache-2.0 */
/* sta - SBI STA: errors, and no stolen time in a VM alone on its harts. (steal.c: a VM that shares
 * its harts.) */
#include "guest.h"

#define ERRORS 9
#define TESTS  (1 + ERRORS + 2 + 4 + 3 + 2)

static struct sbi_sta shm[HARTS] __attribute__((aligned(SBI_STA_SIZE)));
static bool hold;

static struct sbi_result set(uint64_t lo, uint64_t hi, uint64_t flags)
{
    return sbi(SBI_EXT_STA, SBI_STA_SET_SHMEM, lo, hi, flags);
}

static void is_error(struct sbi_result got, int64_t want, const char *name)
{
    if (got.value != 0)
        note("%s: value %lx", name, got.value);
    is((uint64_t)got.error, got.value == 0 ? (uint64_t)want : ~0ul, "%s", name);
}

static bool is_filled_with(const struct sbi_sta *s, uint8_t byte)
{
    const uint8_t *p = (const uint8_t *)s;

    for (unsigned i = 0; i < sizeof(*s); i++)
        if (p[i] != byte)
            return false;
    return true;
}

static void errors(void)
{
    const uint64_t here = (uint64_t)&shm[0];

    is_error(sbi(SBI_EXT_STA, 1, here), SBI_ERR_NOT_SUPPORTED, "function 1");
    is_error(set(here, 0, 1), SBI_ERR_INVALID_PARAM, "flag 0");
    is_error(set(here, 0, BIT(63)), SBI_ERR_INVALID_PARAM, "flag 63");
    is_error(set(here + 8, 0, 0), SBI_ERR_INVALID_PARAM, "not aligned");
    is_error(set(~0ul, 0, 0), SBI_ERR_INVALID_PARAM, "the low half of \"off\"");
    is_error(set(here, 1, 0), SBI_ERR_INVALID_ADDRESS, "a high half");
    is_error(set(HOLE, 0, 0), SBI_ERR_INVALID_ADDRESS, "a hole");
    is_error(set(UART_BASE, 0, 0), SBI_ERR_INVALID_ADDRESS, "a device");
    is_error(set(~63ul, 0, 0), SBI_ERR_INVALID_ADDRESS, "the end of the address space");
}

static void spin(void *arg)
{
    const uint64_t id = this_hart()->id;

    store((bool *)arg, set((uint64_t)&shm[id], 0, 0).error == SBI_SUCCESS);
    while (load(&hold))
        ;
    /* Sleeps, spins, and stops. */
    csr_write(sie, BIT(IRQ_TIMER));
    for (unsigned i = 0; i < 5; i++) {
        sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + TICKS_PER_MS);
        __asm__ volatile("wfi" ::: "memory");
    }
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);
    csr_write(sie, 0);
}

static void other_harts(unsigned harts)
{
    static bool on[HARTS];
    unsigned n, good = 0, stolen = 0;

    store(&hold, true);
    for (n = 0; n + 1 < harts; n++)
        hart_start(other_hart(n), spin, &on[other_hart(n)]);
    for (n = 0; n + 1 < harts; n++)
        good += wait_for(load(&on[other_hart(n)]), SOON);
    is(good, harts - 1, "each hart has its own");
    wait_for(false, 20);
    store(&hold, false);
    for (n = 0; n + 1 < harts; n++)
        stolen += !hart_wait_state(other_hart(n), SBI_HSM_STATE_STOPPED, SOON);
    for (n = 0; n + 1 < harts; n++)
        stolen += load(&shm[other_hart(n)].steal) != 0 || load(&shm[other_hart(n)].sequence) != 0;
    is(stolen, 0, "no hart has stolen time");
}

void test_main(void)
{
    const unsigned harts = hart_count();
    struct sbi_sta *const own = &shm[boot_hart];
    uint64_t start;

    tap_plan(TESTS);
    if (sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_STA).value == 0) {
        if (on_hearth())
            bail_out("no STA");
        tap_skip(TESTS, "no STA");
        return;
    }
    ok(true, "STA is present");
    is_error(set(~0ul, ~0ul, 0), SBI_SUCCESS, "disable while disabled");
    errors();
    for (unsigned i = 0; i < sizeof(*own); i++)
        ((volatile uint8_t *)own)[i] = 0xa5;
    wait_for(false, 5);
    ok(is_filled_with(own, 0xa5), "disabled: nothing is written");

    is_error(set((uint64_t)own, 0, 0), SBI_SUCCESS, "on");
    ok(is_filled_with(own, 0), "enabled: all fields are 0");
    start = rdtime();
    while (rdtime() - start < 100 * TICKS_PER_MS)
        ;
    ok(is_filled_with(own, 0), "no stolen time while the hart runs");
    csr_write(sie, BIT(IRQ_TIMER));
    for (unsigned i = 0; i < 20; i++) {
        sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + TICKS_PER_MS);
        if (i % 2)
            sbi(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE);
        else
            __asm__ volatile("wfi" ::: "memory");
    }
    csr_write(sie, 0);
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);
    ok(is_filled_with(own, 0), "no stolen time while the hart sleeps");

    if (harts > 1)
        other_harts(harts);
    else
        tap_skip(2, "one hart");
    ok(is_filled_with(own, 0), "no stolen time of the boot hart meanwhile");

    is_error(set((uint64_t)&shm[HARTS - 1], 0, 0), SBI_SUCCESS, "enabled at another address");
    is_error(set(~0ul, ~0ul, 0), SBI_SUCCESS, "off");
}
