/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dbtr_hw.c - the debug triggers of the hart below: only M-mode can write them, so the firmware is
 * asked (SBI v3.0, DBTR), one trigger a call. Sdtrig ("RISC-V Debug Specification" 1.0, mcontrol6)
 * has mode bits of its own for VS and VU: what is installed here never matches in the hypervisor,
 * nor in the firmware, and is taken out when the vcpu is put, so never in another vcpu.
 *
 * No locks: each hart has its own shared memory and triggers.
 */
#include "dbtr_state.h"

#include <arch/layout.h>
#include <hearth/kernel/hart.h>
#include <hearth/arch/sbi_client.h>

#define NOT_WRITTEN UINT64_MAX

/* One entry of the firmware's shared memory. OpenSBI before 1.7 takes entries for five words and
 * writes a trigger's index to the fifth; the specification has it written to the first. */
struct entry {
    uint64_t state_or_index, tdata[3], old_index;
} __aligned(64);

static struct hart_triggers {
    bool known;
    uint32_t count;
    struct entry entry;
} triggers[HARTS_MAX];

static struct sbi_client_ret call(uint64_t fid, uint64_t a0, uint64_t a1)
{
    return sbi_client_call(SBI_EXT_DBTR, fid, a0, a1, 0, 0, 0, 0);
}

static uint32_t count_here(struct hart_triggers *h)
{
    struct sbi_client_ret r;

    if (!sbi_client_probe(SBI_EXT_DBTR))
        return 0;
    r = call(SBI_DBTR_NUM_TRIGGERS, SBI_DBTR_TYPE_MCONTROL6, 0);
    if (r.error != SBI_SUCCESS || r.value == 0)
        return 0;
    if (call(SBI_DBTR_SET_SHMEM, image_to_phys(&h->entry), 0).error != SBI_SUCCESS)
        return 0;
    return (uint32_t)MIN(r.value, DBTR_TRIGGERS_MAX);
}

uint32_t dbtr_hw_count(void)
{
    struct hart_triggers *h = &triggers[this_hart()->index];

    if (!h->known) {
        h->count = count_here(h);
        h->known = true;
    }
    return h->count;
}

/* A guest's S is our VS, its U our VU. */
static uint64_t to_hw(uint64_t tdata1)
{
    uint64_t hw = tdata1 & ~(SBI_DBTR_MC6_S | SBI_DBTR_MC6_U);

    if (tdata1 & SBI_DBTR_MC6_S)
        hw |= SBI_DBTR_MC6_VS;
    if (tdata1 & SBI_DBTR_MC6_U)
        hw |= SBI_DBTR_MC6_VU;
    return hw;
}

int64_t dbtr_hw_install(struct dbtr_trigger *t)
{
    struct entry *e = &triggers[this_hart()->index].entry;
    uint64_t index;
    int64_t error;

    if (!(t->tdata[0] & (SBI_DBTR_MC6_S | SBI_DBTR_MC6_U)))
        return SBI_SUCCESS;
    if (dbtr_hw_count() == 0)
        return SBI_ERR_FAILED;
    *e = (struct entry){.state_or_index = NOT_WRITTEN,
                        .tdata = {to_hw(t->tdata[0]), t->tdata[1], t->tdata[2]},
                        .old_index = NOT_WRITTEN};
    error = call(SBI_DBTR_INSTALL, 1, 0).error;
    if (error != SBI_SUCCESS)
        return error == SBI_ERR_NOT_SUPPORTED || error == SBI_ERR_INVALID_PARAM ? error
                                                                                : SBI_ERR_FAILED;
    index = e->state_or_index != NOT_WRITTEN ? e->state_or_index : e->old_index;
    if (index >= DBTR_NO_HW)
        return SBI_ERR_FAILED;
    t->hw = (uint32_t)index;
    return SBI_SUCCESS;
}

void dbtr_hw_uninstall(struct dbtr_trigger *t)
{
    if (t->hw == DBTR_NO_HW)
        return;
    (void)call(SBI_DBTR_UNINSTALL, t->hw, 1); /* of one that is installed: there is no error */
    t->hw = DBTR_NO_HW;
}
