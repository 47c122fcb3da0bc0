/* SPDX-License-Identifier: Apache-2.0 */
/* stop - all harts stop themselves at the same time: the VM, which has no running hart, ends. */
#include "guest.h"

static unsigned waiting;
static bool go;

static void worker(void *arg)
{
    (void)arg;
    __atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
    while (!load(&go))
        ;
}

void test_main(void)
{
    const unsigned harts = hart_count();

    tap_plan(1);
    for (unsigned n = 0; n + 1 < harts; n++)
        hart_start(other_hart(n), worker, NULL);
    ok(wait_for(load(&waiting) == harts - 1, SOON), "%u harts are about to stop", harts);
    store(&go, true);
    sbi(SBI_EXT_HSM, SBI_HSM_HART_STOP);
    bail_out("hart_stop returned");
}
