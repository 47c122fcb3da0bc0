/* SPDX-License-Identifier: Apache-2.0 */
/* atomic.h (model) - each access is a scheduling point of tests/unit/model/model.c. */
#pragma once

#include "../../model.h"

#define model_type(p)     __typeof__(*(p))
#define model_value(p, v) ((uint64_t)(model_type(p))(v))

#define atomic_load_relaxed(p)     ((model_type(p))model_load((p), sizeof(*(p))))
#define atomic_load_acquire(p)     atomic_load_relaxed(p)
#define atomic_load_seq(p)         (model_step(), atomic_load_relaxed(p))
#define atomic_store_relaxed(p, v) model_store((p), sizeof(*(p)), model_value((p), (v)), false)
#define atomic_store_release(p, v) model_store((p), sizeof(*(p)), model_value((p), (v)), true)
#define atomic_store_seq(p, v)     ((void)atomic_exchange((p), (v)))
#define model_rmw_of(p, op, v)                                                                     \
    ((model_type(p))model_rmw((p), sizeof(*(p)), (op), model_value((p), (v))))
#define atomic_fetch_add(p, v)   model_rmw_of((p), MODEL_ADD, (v))
#define atomic_add_relaxed(p, v) ((void)atomic_fetch_add((p), (v)))
#define atomic_fetch_or(p, v)    model_rmw_of((p), MODEL_OR, (v))
#define atomic_fetch_and(p, v)   model_rmw_of((p), MODEL_AND, (v))
#define atomic_exchange(p, v)    model_rmw_of((p), MODEL_SWAP, (v))
#define atomic_fence_seq()       model_fence()
#define atomic_fence_acquire()   model_step()
#define atomic_fence_release()   model_step()
