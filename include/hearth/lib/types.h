/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types.h - types, constants and attributes used everywhere.
 *
 * Addresses: gva (guest virtual), gpa (guest physical), hpa (host physical) are 64-bit
 * integers with type names of their own; a host virtual address is a C pointer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gva_t;
typedef uint64_t gpa_t;
typedef uint64_t hpa_t;

#define HPA_NONE (~(hpa_t)0) /* no page; never a valid address, since RV64 has at most 56 bits */

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((uint64_t)1 << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

#define HARTS_MAX 64 /* host harts that Hearth uses; one bit each in a uint64_t */
#define VCPUS_MAX 64 /* vcpus in one VM */
#define VMS_MAX   128

#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define container_of(p, t, m) ((t *)(void *)((char *)(p) - offsetof(t, m)))
#define MIN(a, b)             ((a) < (b) ? (a) : (b))
#define MAX(a, b)             ((a) > (b) ? (a) : (b))
#define BIT(n)                ((uint64_t)1 << (n))

#define __must_check   __attribute__((warn_unused_result))
#define __noreturn     __attribute__((noreturn))
#define __noinline     __attribute__((noinline)) /* keeps a slow path out of a hot one */
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define likely(x)      __builtin_expect(!!(x), 1)
#define unlikely(x)    __builtin_expect(!!(x), 0)

/* Alignment helpers; a is a power of two. align_up() wraps at the top of the address space: callers
 * with an untrusted x check x <= UINT64_MAX - a first. */
static inline uint64_t align_down(uint64_t x, uint64_t a)
{
    return x & ~(a - 1);
}

static inline uint64_t align_up(uint64_t x, uint64_t a)
{
    return (x + a - 1) & ~(a - 1);
}

static inline bool is_aligned(uint64_t x, uint64_t a)
{
    return (x & (a - 1)) == 0;
}

/* True when [base, base + size) does not wrap and lies inside [lo, lo + span). */
static inline bool range_within(uint64_t base, uint64_t size, uint64_t lo, uint64_t span)
{
    return base >= lo && size <= span && base - lo <= span - size;
}
