/* SPDX-License-Identifier: Apache-2.0 */
/* barrier.h - memory and instruction ordering, and the wait instruction. */
#pragma once

#define fence_rw()  __asm__ volatile("fence rw, rw" ::: "memory")
#define fence_io()  __asm__ volatile("fence iorw, iorw" ::: "memory")
#define fence_i()   __asm__ volatile("fence.i" ::: "memory")
#define wfi()       __asm__ volatile("wfi" ::: "memory")
#define cpu_relax() __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory") /* pause */
