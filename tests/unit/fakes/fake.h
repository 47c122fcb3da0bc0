/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake.h - common fakes of unit tests: fakes/fake.c replaces panic, the log, the harts, the CSRs
 * and physical memory. Add it (and kernel/lock.c, if the code under test takes locks) to the test's
 * list in sources.mk.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <arch/csr.h>
#include <arch/hfence.h>
#include <arch/layout.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/panic.h>

extern struct hart fake_harts[HARTS_MAX]; /* harts[i] points to them */

/* Resets harts, CSRs, counters and "physical" memory to 0. A cmocka setup function. */
int fake_reset(void **state);

/*
 * Fails the test unless the expression panics. A panic anywhere else fails the test. The panic ends
 * the expression by longjmp(), so locks that it holds remain taken.
 */
extern jmp_buf fake_panic_jmp;
extern int fake_panic_expected;
extern char fake_panic_text[256]; /* text of the last panic */
#define EXPECT_PANIC(expr)                                                                         \
    do {                                                                                           \
        fake_panic_expected = 1;                                                                   \
        if (setjmp(fake_panic_jmp) == 0) {                                                         \
            expr;                                                                                  \
            fake_panic_expected = 0;                                                               \
            fail_msg("no panic from: %s", #expr);                                                  \
        }                                                                                          \
        fake_panic_expected = 0;                                                                   \
    } while (0)

extern char fake_log_text[2048]; /* the last log_*() line */
extern unsigned fake_log_lines;
extern bool fake_log_full; /* true: log_vm_text() has no space */

/* Returns a random number (xorshift64*). The test prints or fixes the seed. */
static inline uint64_t fake_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1d;
}
