/* SPDX-License-Identifier: Apache-2.0 */
/* base - SBI Base extension, and errors of extensions and functions that do not exist. */
#include "guest.h"

void test_main(void)
{
    static const uint64_t there[] = {SBI_EXT_BASE, SBI_EXT_TIME, SBI_EXT_SPI, SBI_EXT_RFNC,
                                     SBI_EXT_HSM,  SBI_EXT_SRST, SBI_EXT_DBCN};
    static const uint64_t absent[] = {
        0x09, 0x0f, 0x11, SBI_EXT_TIME + 1, SBI_EXT_HSM | BIT(40), 0x0bad0bad, ~0ul};
    /* Extensions of the specification that Hearth does not serve; OpenSBI may. */
    static const uint64_t unserved[] = {SBI_EXT_CPPC, SBI_EXT_NACL};
    const bool hearth = on_hearth();
    struct sbi_result r;
    uint64_t value = 0;
    unsigned n;

    tap_plan(8 + ARRAY_SIZE(there) + 2 * ARRAY_SIZE(absent) + 2 * ARRAY_SIZE(unserved));
    r = sbi(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION);
    ok(r.error == 0 && r.value >> 31 == 0 &&
           (hearth ? r.value == SBI_SPEC_VERSION_3_0 : r.value >> 24 >= 1),
       "specification version 0x%lx", r.value);
    r = sbi(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID);
    ok(r.error == 0 && (hearth || r.value == 1), "implementation id 0x%lx", r.value);
    r = sbi(SBI_EXT_BASE, SBI_BASE_GET_IMPL_VERSION);
    ok(r.error == 0 && r.value != 0, "implementation version 0x%lx", r.value);
    for (n = SBI_BASE_GET_MVENDORID; n <= SBI_BASE_GET_MIMPID; n++) {
        r = sbi(SBI_EXT_BASE, n);
        ok(r.error == 0, "machine id %u is 0x%lx", n, r.value);
    }
    r = sbi(SBI_EXT_BASE, 7, 1, 2, 3);
    is((uint64_t)r.error, (uint64_t)SBI_ERR_NOT_SUPPORTED, "unknown function");
    for (n = 0; n < ARRAY_SIZE(there); n++) {
        r = sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, there[n]);
        ok(r.error == 0 && r.value != 0, "probe 0x%lx", there[n]);
    }
    for (n = 0; n < ARRAY_SIZE(absent); n++) {
        r = sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, absent[n]);
        ok(r.error == 0 && r.value == 0, "probe of 0x%lx returns 0", absent[n]);
        r = sbi(absent[n], 3, 0x1111, 0x2222);
        ok(r.error == SBI_ERR_NOT_SUPPORTED && (!hearth || r.value == 0),
           "call of 0x%lx is not supported", absent[n]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(unserved); i++) {
        unsigned refused = 0;

        r = sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, unserved[i]);
        if (!hearth && r.value != 0) {
            tap_skip(2, "this firmware has the extension");
            continue;
        }
        ok(r.error == 0 && r.value == 0, "probe of 0x%lx returns 0", unserved[i]);
        for (n = 0; n < 8; n++) {
            r = sbi(unserved[i], n, 0, 0x80000000, 8);
            refused += r.error == SBI_ERR_NOT_SUPPORTED && (!hearth || r.value == 0);
        }
        is(refused, 8, "its functions are not supported");
    }
    /* A thousand calls leak nothing. */
    for (n = 0; n < 1000; n++)
        value |= (uint64_t)sbi(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION).error;
    is(value, 0, "1000 calls");
}
