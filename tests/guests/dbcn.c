/* SPDX-License-Identifier: Apache-2.0 */
/* dbcn - SBI debug console: writes of all sizes, reads of nothing, refused ranges. */
#include "guest.h"

static char text[3 * 4096] __attribute__((aligned(4096)));

static struct sbi_result dbcn(uint64_t fid, uint64_t len, uint64_t lo, uint64_t hi)
{
    return sbi(SBI_EXT_DBCN, fid, len, lo, hi);
}

static void refused(uint64_t len, uint64_t lo, uint64_t hi, const char *name)
{
    struct sbi_result w = dbcn(SBI_DBCN_CONSOLE_WRITE, len, lo, hi);
    struct sbi_result r = dbcn(SBI_DBCN_CONSOLE_READ, len, lo, hi);

    ok(w.error == SBI_ERR_INVALID_PARAM && r.error == SBI_ERR_INVALID_PARAM, "%s is refused", name);
    if (w.error != SBI_ERR_INVALID_PARAM || r.error != SBI_ERR_INVALID_PARAM)
        note("write %ld, read %ld", w.error, r.error);
}

void test_main(void)
{
    static const char hello[] = "# written at a page's end\n";
    static const char bytes[] = "# by byte\n";
    const unsigned len = sizeof(hello) - 1;
    char *p = text + 4096 - len / 2;
    struct sbi_result r;
    uint64_t done = 0, error = 0;

    tap_plan(18);
    for (unsigned i = 0; i < len; i++)
        p[i] = hello[i];
    r = dbcn(SBI_DBCN_CONSOLE_WRITE, len, (uint64_t)p, 0);
    ok(r.error == 0 && r.value == len, "across a page's end");

    /* Writes 3 pages, a line of dots for each KiB, in as many calls as needed. */
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = i % 1024 == 0 ? '#' : i % 1024 == 1023 ? '\n' : '.';
    for (unsigned calls = 0; done < sizeof(text) && calls < 20000 && !error; calls++) {
        r = dbcn(SBI_DBCN_CONSOLE_WRITE, sizeof(text) - done, (uint64_t)text + done, 0);
        error = (uint64_t)r.error;
        if (r.value > sizeof(text) - done)
            error = 1;
        done += r.value;
    }
    ok(error == 0 && done == sizeof(text), "12 KiB in parts");
    for (const char *b = bytes; *b; b++) {
        r = dbcn(SBI_DBCN_CONSOLE_WRITE_BYTE, (uint64_t)(unsigned char)*b | 0xff00, 9, 9);
        error |= (uint64_t)r.error | r.value;
    }
    is(error, 0, "byte by byte");
    r = dbcn(SBI_DBCN_CONSOLE_WRITE, 0, (uint64_t)text, 0);
    ok(r.error == 0 && r.value == 0, "nothing written");
    r = dbcn(SBI_DBCN_CONSOLE_READ, 0, (uint64_t)text, 0);
    ok(r.error == 0 && r.value == 0, "nothing read");
    text[0] = 'k';
    r = dbcn(SBI_DBCN_CONSOLE_READ, 8, (uint64_t)text, 0);
    ok(r.error == 0 && r.value == 0 && text[0] == 'k', "no input: memory is as before");
    is((uint64_t)dbcn(3, 0, 0, 0).error, (uint64_t)SBI_ERR_NOT_SUPPORTED, "unknown function");

    if (!on_hearth()) { /* OpenSBI 1.5 hangs on some of these */
        tap_skip(11, "OpenSBI");
        return;
    }
    refused(1, (uint64_t)text, 1, "high half");
    refused(1, (uint64_t)text, ~0ul, "high half of -1");
    refused(1, HOLE, 0, "a hole");
    refused(1, UART_BASE, 0, "a device");
    refused(1, 0, 0, "address 0");
    refused(1, 0x80000000ul - 1, 0, "the byte before RAM");
    refused(2, 0x80000000ul - 1, 0, "a range into RAM");
    refused(BIT(40), (uint64_t)text, 0, "more than all RAM");
    refused(~0ul, (uint64_t)text, 0, "size -1");
    refused(~0ul - (uint64_t)text + 2, (uint64_t)text, 0, "a range that wraps");
    refused(16, ~0ul - 7, 0, "the top of the address space");
}
