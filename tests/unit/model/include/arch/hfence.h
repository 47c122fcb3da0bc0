/* SPDX-License-Identifier: Apache-2.0 */
/* hfence.h (model) - the test's. */
#pragma once

void hfence_vvma_all(void);
