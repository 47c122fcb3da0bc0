/* panic.h - a bug of ours: say so with registers and backtrace, and end the machine. */
#pragma once

#include <hearth/types.h>

/* Prints from any hart, any context, stops the other harts, ends the machine with HEARTH_EXIT_PANIC. */
__noreturn void panic(const char *fmt, ...) __printf(1, 2);

#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (unlikely(!(cond)))                                                                     \
            panic("assertion failed: %s (%s:%d)", #cond, __FILE__, __LINE__);                      \
    } while (0)
