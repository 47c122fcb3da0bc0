/* SPDX-License-Identifier: Apache-2.0 */
/* barrier.h (model) - waits are the model's; fence.i is the test's. */
#pragma once

#include "../../model.h"

#define fence_i()   model_fence_i()
#define wfi()       model_wfi()
#define cpu_relax() model_relax()
