/* SPDX-License-Identifier: Apache-2.0 */
/*
 * busy.c - harts that do nothing but compute, all of them; the boot hart looks now and then whether
 * there is a message, "shutdown", which the shell sends where the description says so.
 */
#include "guest.h"

#define LOOK_MS 100

static uint64_t rounds[HARTS];

static void compute(void *arg)
{
    volatile uint64_t *mine = arg;

    for (;;)
        ++*mine;
}

static bool told_to_end(void)
{
    static char text[SBI_HOST_COMM_MESSAGE_MAX];
    static const char wanted[] = "shutdown";
    struct sbi_result r =
        sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_RECEIVE_MESSAGE, sizeof(text), (uint64_t)text);

    if (r.error || r.value != sizeof(wanted) - 1)
        return false;
    for (unsigned i = 0; i < r.value; i++)
        if (text[i] != wanted[i])
            return false;
    return true;
}

void test_main(void)
{
    for (unsigned n = 0; n + 1 < hart_count(); n++)
        if (hart_start(other_hart(n), compute, &rounds[n + 1]))
            bail_out("a hart does not start");
    note("busy with %u harts", hart_count());
    do {
        const uint64_t look = rdtime() + LOOK_MS * TICKS_PER_MS;

        while (rdtime() < look)
            store(&rounds[0], rounds[0] + 1);
    } while (!told_to_end());
    note("told to end");
}
