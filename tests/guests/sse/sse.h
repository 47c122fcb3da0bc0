/* SPDX-License-Identifier: Apache-2.0 */
/* sse.h - shared by the files of the test guest sse: events, their handlers' entry, and the calls.
 * */
#pragma once

#include "guest.h"

#define LOW    SBI_SSE_LOCAL_LOW_RAS
#define HIGH   SBI_SSE_LOCAL_HIGH_RAS
#define SOFT   SBI_SSE_LOCAL_SOFTWARE
#define GLOBAL SBI_SSE_GLOBAL_SOFTWARE

#define SSTATUS_SPIE (1ul << 5)
#define SSTATUS_SPP  (1ul << 8)

struct event {
    uint64_t gpr[32], stack_top; /* layout known to sse_entry */
    uint64_t hart, sepc, sstatus, begun, ended, count;
    uint64_t attr[SBI_SSE_ATTR_COUNT];
    uint32_t id;
    void (*fn)(struct event *e);
    struct event *other;
    char stack[2048] __attribute__((aligned(16)));
};

void sse_entry(void);
void sse_handler(struct event *e, uint64_t hart);
void user_by_event(uint64_t id, uint64_t hart, struct hart *self);
void u_leave(void);
void u_spin(void);

/* Calls; int64_t is an error, SBI_ERR_*. Buffers are on the stack, because handlers and harts call
 * these functions concurrently. */
int64_t sse_call(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
uint64_t sse_attr(uint32_t id, uint64_t which);
int64_t sse_set(uint32_t id, uint64_t which, uint64_t value);
uint64_t sse_state(uint32_t id); /* without the INJECT bit */
int64_t sse_inject(uint32_t id, uint64_t hart);

/* Registers and enables an event whose handler calls fn, if it is not NULL. */
int64_t sse_enable(struct event *e, uint32_t id, void (*fn)(struct event *), uint32_t priority);
void sse_disable(uint32_t id);
void is_error(int64_t got, int64_t want, const char *name);

/* Numbers of tests. */
#define ONE_HART_TESTS (10 + 2 + 8 + 3 + 3)
#define OTHERS_TESTS   (8 + 7)
void sse_one_hart(void);
void sse_others(unsigned harts);
