/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - explores all interleavings of two harts that run real hypervisor code: a small explicit
 * model checker. In sources compiled with tests/unit/model/include before the fakes, each access
 * through arch/atomic.h is a scheduling point.
 *
 * Memory is weaker than sequential: each hart has a store buffer. A load sees the hart's own
 * buffered stores. A buffered store reaches memory at any later time; unless it is a release, it
 * may overtake older stores to other addresses. Fences, read-modify-writes and seq_cst accesses
 * empty the buffer first. (RVWMO also allows loads out of order; the model does not, as if every
 * load were an acquire.)
 *
 * The harts are coroutines. Runs are repeated from the start, each with another alternative at the
 * last choice that has an untried one, until none has. A run ends at a known state: shared memory,
 * store buffers and the values that each hart has read so far determine all that follows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MODEL_HARTS 2

struct model {
    void (*reset)(void);             /* restores the initial state, before each run */
    void (*hart[MODEL_HARTS])(void); /* NULL: none. It may return, or loop for ever */
    uint64_t (*state)(void);         /* returns a hash of the shared memory */
    void (*check)(void);             /* called when no hart can continue and all stores are done */
};

struct model_result {
    unsigned long runs, states;
    bool violated; /* model_fail() was called, which ends the exploration */
    char text[256];
};

struct model_result model_explore(const struct model *m);

/* For the harts. */
extern unsigned model_hart;         /* the running hart */
extern unsigned model_fence_broken; /* bit h: atomic_fence_seq() does nothing on hart h */

uint64_t model_load(const volatile void *p, unsigned size);
void model_store(volatile void *p, unsigned size, uint64_t value, bool release);
enum model_rmw { MODEL_ADD, MODEL_OR, MODEL_AND, MODEL_SWAP };
uint64_t model_rmw(volatile void *p, unsigned size, enum model_rmw op, uint64_t value);
void model_fence(void);

/* A scheduling point that empties the store buffer. */
void model_step(void);
/* The same; the hart continues when ready() is true. */
void model_wait(bool (*ready)(void));
/* For a loop that waits for another hart: continues when memory has changed. */
void model_relax(void);
/* Records a value that the hart has read from shared memory without model_load(). */
void model_saw(uint64_t value);
/* States that the hart's registers, stack and own memory are always the same at this place, apart
 * from state(): the values read before do not matter. */
void model_here(uint64_t place);
/* Returns one of 0..n-1; all of them are explored. */
unsigned model_choose(unsigned n);
/* Reports that the property is violated; does not return on a hart. */
void model_fail(const char *text);

/* Defined by the test: a register of this hart (CSR_SIP: a scheduling point), fence.i and wfi. */
uint64_t *model_csr(unsigned csr);
void model_fence_i(void);
void model_wfi(void);

static inline uint64_t model_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 29;
}
