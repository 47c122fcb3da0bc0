/* SPDX-License-Identifier: Apache-2.0 */
/* hfence.h (model) - the test implements the fences. */
#pragma once

void hfence_vvma_all(void);
