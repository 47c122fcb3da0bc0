/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steal - SBI STA in a VM that shares its harts with another VM of this program: steal time grows
 * as fast as the other VM runs, only while this VM wants to run, and reads are never torn.
 */
#include "guest.h"

#define TESTS 7

static struct sbi_sta shm[HARTS] __attribute__((aligned(SBI_STA_SIZE)));
static bool stop;
static uint64_t torn, backwards, looks, preempted;

/* ns. Reads as the specification requires. */
static uint64_t steal_of(const struct sbi_sta *s)
{
    unsigned before;
    uint64_t ns;

    do {
        before = load(&s->sequence);
        ns = load(&s->steal);
    } while ((before & 1) || load(&s->sequence) != before);
    return ns;
}

/* From another hart, all the time. */
static void watch(void *arg)
{
    const struct sbi_sta *s = arg;
    uint64_t last = 0;
    unsigned sequence = 0;

    while (!load(&stop)) {
        const unsigned before = load(&s->sequence);
        const uint64_t ns = load(&s->steal);
        const unsigned after = load(&s->sequence);

        store(&looks, looks + 1);
        if (load(&s->preempted))
            store(&preempted, preempted + 1);
        if ((before & 1) || before != after)
            continue;
        /* Equal sequence numbers have equal times. A later number has no smaller time. */
        if (before == sequence ? ns != last : ns <= last)
            store(&torn, torn + 1);
        if ((int)(before - sequence) < 0)
            store(&backwards, backwards + 1);
        sequence = before;
        last = ns;
    }
}

static uint64_t spin(uint64_t ms)
{
    const uint64_t start = rdtime();

    while (rdtime() - start < ms * TICKS_PER_MS)
        ;
    return rdtime() - start;
}

/* Sleeps 20 ms. Only time after the sleep's end may be stolen. */
static bool sleep_is_own(const struct sbi_sta *s)
{
    const uint64_t stolen = steal_of(s), due = rdtime() + 20 * TICKS_PER_MS;
    uint64_t late;

    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, due);
    csr_write(sie, BIT(IRQ_TIMER));
    sbi(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE);
    late = (rdtime() - due) * 100;
    csr_write(sie, 0);
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);
    return steal_of(s) - stolen <= late;
}

void test_main(void)
{
    struct sbi_sta *const own = &shm[boot_hart];
    uint64_t stolen, took, own_sleeps = 0;
    unsigned sequence;

    tap_plan(TESTS);
    if (!on_hearth()) {
        tap_skip(TESTS, "no STA");
        return;
    }
    is((uint64_t)sbi(SBI_EXT_STA, SBI_STA_SET_SHMEM, (uint64_t)own).error, SBI_SUCCESS, "on");
    if (hart_count() > 1)
        hart_start(other_hart(0), watch, own);
    ok(wait_for(load(&own->steal) != 0, SOON), "the other VM runs");

    sequence = load(&own->sequence);
    stolen = steal_of(own);
    took = spin(200) * 100;
    stolen = steal_of(own) - stolen;
    note("%lu us of %lu us stolen", stolen / 1000, took / 1000);
    ok(stolen > took / 10, "steal time grows while both run");
    ok(stolen < took, "steal time is at most the elapsed time");
    ok(load(&own->sequence) - sequence >= 4 && !(load(&own->sequence) & 1),
       "the sequence number grows and is even");
    for (unsigned i = 0; i < 20 && own_sleeps == 0; i++)
        own_sleeps = sleep_is_own(own);
    ok(own_sleeps, "sleep is not stolen time");
    spin(200); /* so that the other VM can finish its measurement */

    store(&stop, true);
    if (hart_count() > 1) {
        hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON);
        note("%lu reads, %lu while preempted", looks, preempted);
        ok(looks > 0 && torn == 0 && backwards == 0 && preempted > 0,
           "reads from another hart: never torn, sometimes preempted");
    } else {
        tap_skip(1, "one hart");
    }
}
