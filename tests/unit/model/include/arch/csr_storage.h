/* SPDX-License-Identifier: Apache-2.0 */
/* csr_storage.h (model) - each hart's own registers; an access may be a scheduling point. */
#pragma once

#include "../../model.h"

static inline uint64_t *fake_csr_at(unsigned csr)
{
    return model_csr(csr);
}

static inline void fake_csr_written(void)
{
}
