/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_enter.h - C interface of the world switch. Of the registers that the C ABI preserves, the
 * routine preserves s0 only: its caller, a hart's run loop that never returns, has few live values,
 * so the compiler saves fewer registers than the routine would.
 */
#pragma once

#include <hearth/lib/types.h>

struct vcpu_ctx;

/*
 * Enters the guest. Each exit calls vcpu_exited() on this stack; while that returns 0, the guest is
 * entered again. Returns the first other value.
 */
static inline uint32_t vcpu_enter(struct vcpu_ctx *ctx)
{
    register uint64_t a0 __asm__("a0") = (uint64_t)ctx;

    __asm__ volatile("call vcpu_enter_clobbering"
                     : "+r"(a0)
                     :
                     : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a1", "a2", "a3", "a4", "a5",
                       "a6", "a7", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10",
                       "s11", "memory");
    return (uint32_t)a0;
}
