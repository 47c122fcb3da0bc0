/* SPDX-License-Identifier: Apache-2.0 */
/* sbioff - a VM whose description says sbi = ["-time", "-srst", "-dbcn", "-hvc", "-rfnc"]. */
#include "guest.h"

static uint64_t probe(uint64_t eid)
{
    return sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eid).value;
}

void test_main(void)
{
    static const uint64_t off[] = {SBI_EXT_TIME, SBI_EXT_SRST, SBI_EXT_DBCN, SBI_EXT_HVC,
                                   SBI_EXT_RFNC};
    static const uint64_t on[] = {
        SBI_EXT_BASE, SBI_EXT_SPI, SBI_EXT_HSM, SBI_EXT_HOST_COMM, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint64_t wrong = 0;

    if (!on_hearth()) {
        tap_plan(1);
        tap_skip(1, "OpenSBI");
        return;
    }
    tap_plan(2 * ARRAY_SIZE(off) + 2);
    for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
        is(probe(off[i]), 0, "0x%lx is missing", off[i]);
        wrong = 0;
        for (uint64_t fid = 0; fid < 9; fid++) {
            struct sbi_result r = sbi(off[i], fid, 0, 0);

            wrong += r.error != SBI_ERR_NOT_SUPPORTED || r.value != 0;
        }
        is(wrong, 0, "its calls are not supported");
    }
    wrong = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(on); i++)
        wrong += probe(on[i]) != 1;
    is(wrong, 0, "other extensions are present");
    is((uint64_t)sbi(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, boot_hart).error, 0,
       "other extensions work");
}
