/* SPDX-License-Identifier: Apache-2.0 */
/* srst - SBI SRST: errors. (Every guest ends by a successful call.) */
#include "guest.h"

void test_main(void)
{
    static const uint64_t bad[] = {3, 0xdfffffff, 0xe0000000, 0xf0000000, 0xffffffff, ~0ul};
    const bool hearth = on_hearth();

    tap_plan(2 * ARRAY_SIZE(bad) + 2);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct sbi_result r = sbi(SBI_EXT_SRST, SBI_SRST_RESET, bad[i], 0);

        ok(r.error == SBI_ERR_INVALID_PARAM || (!hearth && r.error == SBI_ERR_NOT_SUPPORTED),
           "type 0x%lx", bad[i]);
        if (hearth) {
            r = sbi(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_TYPE_SHUTDOWN, bad[i]);
            ok(r.error == SBI_ERR_INVALID_PARAM, "reason 0x%lx", bad[i]);
        } else {
            tap_skip(1, "OpenSBI accepts any reason");
        }
    }
    is((uint64_t)sbi(SBI_EXT_SRST, 1, 0, 0).error, (uint64_t)SBI_ERR_NOT_SUPPORTED,
       "unknown function");
    ok(true, "ends by a shutdown whose upper halves are not zero");
    if (hearth)
        sbi(SBI_EXT_SRST, SBI_SRST_RESET, BIT(32), BIT(33));
}
