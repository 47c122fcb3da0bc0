/* SPDX-License-Identifier: Apache-2.0 */
/* barrier.h (model) - the model implements waits, the test fence.i. */
#pragma once

#include "../../model.h"

#define fence_i()   model_fence_i()
#define wfi()       model_wfi()
#define cpu_relax() model_relax()
