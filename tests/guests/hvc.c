/* SPDX-License-Identifier: Apache-2.0 */
/* hvc - Hearth's hypercalls: LOG_MESSAGE from all harts at once, its errors, and unknown numbers.
 * tests/e2e/test_guests.py checks the lines in the log. */
#include "guest.h"

#define LINES 20

static char page[3 * 4096] __attribute__((aligned(4096)));
static uint64_t done, errors;

static struct sbi_result log_at(uint64_t lo, uint64_t hi, uint64_t len)
{
    return sbi(SBI_EXT_HVC, SBI_HVC_LOG_MESSAGE, lo, hi, len);
}

static void is_result(uint64_t lo, uint64_t hi, uint64_t len, int64_t error, const char *name)
{
    struct sbi_result r = log_at(lo, hi, len);

    if (!ok(r.error == error && r.value == 0, "%s", name))
        note("error %ld, value %ld", r.error, r.value);
}

static void logs_message(const char *text, uint64_t len, const char *name)
{
    is_result((uint64_t)text, 0, len, SBI_SUCCESS, name);
}

/* "hart H NN ....": 200 bytes. None may be missing or come from another hart. */
static void log_lines(void *arg)
{
    const char h = (char)('0' + this_hart()->id);
    char line[200];

    (void)arg;
    for (unsigned n = 0; n < LINES; n++) {
        const char head[] = {
            'h', 'a', 'r', 't', ' ', h, ' ', (char)('0' + n / 10), (char)('0' + n % 10), ' '};

        for (unsigned i = 0; i < sizeof(line); i++)
            line[i] = i < sizeof(head) ? head[i] : (char)('a' + i % 26);
        if (log_at((uint64_t)line, 0, sizeof(line)).error)
            __atomic_fetch_add(&errors, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
}

static void unregistered(void)
{
    static const uint64_t none[] = {0, 1, 0x1000, 0x1002, 0x1001 | BIT(32), BIT(63), ~0ul};
    uint64_t wrong = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        struct sbi_result r = sbi(SBI_EXT_HVC, none[i], (uint64_t)page, 0, 1);

        wrong += r.error != SBI_ERR_NOT_SUPPORTED || r.value != 0;
    }
    is(wrong, 0, "unregistered numbers");
}

static void refused(void)
{
    const uint64_t at = (uint64_t)page, ram = 0x80000000ul;

    is_result(at, 0, 0, SBI_ERR_INVALID_PARAM, "no bytes");
    is_result(at, 0, 1025, SBI_ERR_INVALID_PARAM, "1025 bytes");
    is_result(at, 0, ~0ul, SBI_ERR_INVALID_PARAM, "-1 bytes");
    is_result(at, 0, BIT(32) + 1, SBI_ERR_INVALID_PARAM, "2^32 + 1 bytes");
    is_result(at | BIT(32), 1, 8, SBI_ERR_INVALID_PARAM, "an address with two upper halves");
    is_result(at, BIT(32), 8, SBI_ERR_INVALID_PARAM, "an upper half of more than 32 bits");
    is_result(at, ~0ul, 8, SBI_ERR_INVALID_PARAM, "an upper half of -1");
    is_result(at, 1, 8, SBI_ERR_FAILED, "two halves of an address without RAM");
    is_result(HOLE, 0, 8, SBI_ERR_FAILED, "a hole");
    is_result(UART_BASE, 0, 8, SBI_ERR_FAILED, "a device");
    is_result(0, 0, 1, SBI_ERR_FAILED, "address 0");
    is_result(ram - 4, 0, 8, SBI_ERR_FAILED, "a range into RAM");
    is_result(ram + (16ul << 20) - 4, 0, 8, SBI_ERR_FAILED, "a range out of RAM");
    is_result(~0ul - 3, 0, 8, SBI_ERR_FAILED, "a range that wraps");
}

void test_main(void)
{
    static const char hostile[] = "a\033[2Jb\r\nc\0d\x7f\xff\xc3\xa4\xe2\x80\xae\xc0\x80 e";
    const unsigned harts = hart_count();

    if (sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_HVC).value == 0) {
        tap_plan(1);
        ok(sbi(SBI_EXT_HVC, SBI_HVC_LOG_MESSAGE, (uint64_t)page, 0, 1).error ==
               SBI_ERR_NOT_SUPPORTED,
           "not on OpenSBI");
        return;
    }
    tap_plan(20);
    logs_message("hello", 5, "a short message");
    for (unsigned i = 0; i < 1024; i++)
        page[4096 - 500 + i] = (char)('A' + i % 26);
    logs_message(page + 4096 - 500, 1024, "1024 bytes across a page's end");
    logs_message(hostile, sizeof(hostile) - 1, "bytes that must be escaped");
    unregistered();
    refused();
    for (unsigned i = 0; i + 1 < harts; i++)
        hart_start(other_hart(i), log_lines, NULL);
    log_lines(NULL);
    ok(wait_for(load(&done) == harts, SOON) && errors == 0, "all harts at once");
    is_result((uint64_t)"end", 0, 3, SBI_SUCCESS, "still works");
}
