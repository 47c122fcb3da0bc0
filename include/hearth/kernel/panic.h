/* SPDX-License-Identifier: Apache-2.0 */
/*
 * panic.h - a bug of ours: say so with registers and backtrace, and end the machine. Nothing a
 * guest does may lead here.
 */
#pragma once

#include <hearth/lib/types.h>

/* Prints from any hart, any context, holding no lock, and ends the machine with MACHINE_EXIT_PANIC.
 * The first hart to panic prints; a panic while panicking ends the machine at once. */
__noreturn void panic(const char *fmt, ...) __printf(1, 2);
/* Part of a panic's report: formatted, "\n" becomes "\r\n", without locks. */
void panic_print(const char *fmt, ...) __printf(1, 2);

#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (unlikely(!(cond)))                                                                     \
            panic("assertion failed: %s (%s:%d)", #cond, __FILE__, __LINE__);                      \
    } while (0)
