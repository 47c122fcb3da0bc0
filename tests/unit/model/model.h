/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - explores all interleavings of two harts that run real hypervisor code: a small explicit
 * model checker. Sources compiled with tests/unit/model/include before the fakes have each access
 * by arch/atomic.h as a scheduling point.
 *
 * Memory is weaker than sequential: each hart has a store buffer. A load sees the hart's own
 * buffered stores; a buffered store reaches memory at any later moment, before older ones to other
 * addresses unless it is a release. Fences, read-modify-writes and seq_cst accesses empty the
 * buffer first. (Loads are not made out of order: RVWMO allows that; acquire is taken as given.)
 *
 * The harts are coroutines. A run is replayed from the start with another choice at its last
 * choice that has one left, until none has. A state that has been seen is not gone on from: shared
 * memory, store buffers and the values that each hart has read so far determine all that follows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MODEL_HARTS 2

struct model {
    void (*reset)(void);             /* everything as at the start of a run */
    void (*hart[MODEL_HARTS])(void); /* NULL: none. It may return, or go on for ever */
    uint64_t (*state)(void);         /* a hash of the shared memory */
    void (*check)(void);             /* no hart can go on, and all stores are in memory */
};

struct model_result {
    unsigned long runs, states;
    bool violated; /* model_fail() was called; exploring ended there */
    char text[256];
};

struct model_result model_explore(const struct model *m);

/* For the harts. */
extern unsigned model_hart;         /* which of them runs */
extern unsigned model_fence_broken; /* bit h: atomic_fence_seq() does nothing on hart h */

uint64_t model_load(const volatile void *p, unsigned size);
void model_store(volatile void *p, unsigned size, uint64_t value, bool release);
enum model_rmw { MODEL_ADD, MODEL_OR, MODEL_AND, MODEL_SWAP };
uint64_t model_rmw(volatile void *p, unsigned size, enum model_rmw op, uint64_t value);
void model_fence(void);

/* A scheduling point at which the store buffer is empty. */
void model_step(void);
/* The same; the hart goes on when ready() is true. */
void model_wait(bool (*ready)(void));
/* In a loop that waits for another hart: goes on when memory has changed. */
void model_relax(void);
/* The hart has read this in shared memory otherwise than by model_load(). */
void model_saw(uint64_t value);
/* Here the hart's registers, stack and own memory are always the same, but for what state() says:
 * it does not matter what it has read on its way. */
void model_here(uint64_t place);
/* Any of 0..n-1: all of them are explored. */
unsigned model_choose(unsigned n);
/* The property is violated; does not return on a hart. */
void model_fail(const char *text);

/* Of the test: this hart's register (CSR_SIP: a scheduling point); what is done at fence.i and wfi.
 */
uint64_t *model_csr(unsigned csr);
void model_fence_i(void);
void model_wfi(void);

static inline uint64_t model_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 29;
}
