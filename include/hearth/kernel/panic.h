/* SPDX-License-Identifier: Apache-2.0 */
/*
 * panic.h - reports a bug in Hearth with registers and a backtrace, and ends the machine. No action
 * of a guest may reach it.
 */
#pragma once

#include <hearth/lib/types.h>

/* Prints from any hart, any context, holding no lock, and ends the machine with MACHINE_EXIT_PANIC.
 * The first hart to panic prints; a panic while panicking ends the machine at once. */
__noreturn void panic(const char *fmt, ...) __printf(1, 2);
/* Prints a part of a panic's report; "\n" becomes "\r\n". Takes no locks. */
void panic_print(const char *fmt, ...) __printf(1, 2);

#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (unlikely(!(cond)))                                                                     \
            panic("assertion failed: %s (%s:%d)", #cond, __FILE__, __LINE__);                      \
    } while (0)
