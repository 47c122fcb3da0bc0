/* SPDX-License-Identifier: Apache-2.0 */
/* vcpu_enter.h (host fake) - the test implements the guest. */
#pragma once

#include <hearth/lib/types.h>

struct vcpu_ctx;

uint32_t vcpu_enter(struct vcpu_ctx *ctx);
