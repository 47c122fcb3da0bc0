/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spi.c - SBI sPI extension (v3.0, chapter "IPI Extension"). Stateless; core/request.c does the
 * work.
 */
#include <hearth/lib/bits.h>
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

/* A stopped hart takes no interrupts, and an IPI must not be pending at its next start. */
void sbi_send_ipi(struct vcpu *self, uint64_t mask)
{
    if (mask & BIT(self->id)) {
        virq_set_own(self, IRQ_VS_SOFT);
        fw_count_received(self, SBI_PMU_FW_IPI_RECEIVED);
        fw_count(self, SBI_PMU_FW_IPI_SENT);
    }
    for (mask &= ~BIT(self->id); mask != 0; mask &= mask - 1) {
        struct vcpu *target = self->vm->vcpus[bit_lowest(mask)];

        if (vcpu_hsm_state(target) != SBI_HSM_STATE_STOPPED) {
            virq_set(target, IRQ_VS_SOFT);
            fw_count_received(target, SBI_PMU_FW_IPI_RECEIVED);
            fw_count(self, SBI_PMU_FW_IPI_SENT);
        }
    }
}

static struct exit_result spi_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                     struct sbi_ret *ret)
{
    uint64_t mask;

    if (call->fid == SBI_SPI_SEND_IPI) {
        ret->error = sbi_hart_mask(vcpu, call->arg[0], call->arg[1], &mask);
        sbi_send_ipi(vcpu, mask);
    }
    return exit_next(4);
}

const struct sbi_extension sbi_ext_spi = {
    .first = SBI_EXT_SPI,
    .last = SBI_EXT_SPI,
    .name = "spi",
    .handle = spi_handle,
};
