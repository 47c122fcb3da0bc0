/* barrier.h (host fake) - fences for the compiler only; wfi and pause do nothing. */
#pragma once

#define fence_rw()  __asm__ volatile("" ::: "memory")
#define fence_io()  __asm__ volatile("" ::: "memory")
#define fence_i()   __asm__ volatile("" ::: "memory")
#define wfi()       __asm__ volatile("" ::: "memory")
#define cpu_relax() __asm__ volatile("" ::: "memory")
