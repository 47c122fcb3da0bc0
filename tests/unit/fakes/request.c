/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - fake: requests stay in the vcpu, where the test reads them; records woken vcpus. */
#include <hearth/core/vcpu.h>

#include "fakes.h"

uint64_t fake_woken; /* bit i: vcpu i */

void vcpu_request(struct vcpu *vcpu, uint32_t bits)
{
    vcpu->requests |= bits;
}

void vcpu_wake(struct vcpu *vcpu)
{
    fake_woken |= BIT(vcpu->id);
}
