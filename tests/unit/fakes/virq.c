/* SPDX-License-Identifier: Apache-2.0 */
/* virq.c - fake: records the level of each virtual interrupt line. */
#include <hearth/core/vcpu.h>

#include "fakes.h"

uint64_t fake_virq_level[VCPUS_MAX];
unsigned fake_virq_calls;

void virq_set(struct vcpu *vcpu, enum irq_number irq)
{
    fake_virq_level[vcpu->id] |= BIT(irq);
    fake_virq_calls++;
}

void virq_set_own(struct vcpu *vcpu, enum irq_number irq)
{
    virq_set(vcpu, irq);
}

void virq_clear(struct vcpu *vcpu, enum irq_number irq)
{
    fake_virq_level[vcpu->id] &= ~BIT(irq);
    fake_virq_calls++;
}

bool virq_take_soft(struct vcpu *vcpu)
{
    const bool pending = (fake_virq_level[vcpu->id] & BIT(IRQ_VS_SOFT)) != 0;

    virq_clear(vcpu, IRQ_VS_SOFT);
    return pending;
}
