/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dbtr_hw.c - the hart's debug triggers. Only M-mode can write them, so Hearth asks the firmware
 * (SBI v3.0, DBTR), one trigger a call. Sdtrig ("RISC-V Debug Specification" 1.0, mcontrol6) has
 * separate mode bits for VS and VU, so a trigger installed here never matches in the hypervisor or
 * the firmware. vcpu_put() uninstalls it, so it never matches in another vcpu.
 *
 * No locks: each hart has its own shared memory and triggers.
 */
#include "dbtr_state.h"

#include <arch/layout.h>
#include <hearth/kernel/hart.h>
#include <hearth/arch/sbi_client.h>

#define NOT_WRITTEN UINT64_MAX

/* One entry of the firmware's shared memory. OpenSBI before 1.7 uses entries of five 64-bit fields
 * and writes a trigger's index to the fifth; the specification says the first. */
struct dbtr_hw_entry {
    uint64_t state_or_index, tdata[3], old_index;
} __aligned(64);

static struct dbtr_hw_hart {
    bool known;
    uint32_t count;
    struct dbtr_hw_entry entry;
} triggers[HARTS_MAX];

static struct sbi_client_ret dbtr_hw_call(uint64_t fid, uint64_t a0, uint64_t a1)
{
    return sbi_client_call(SBI_EXT_DBTR, fid, a0, a1, 0, 0, 0, 0);
}

static uint32_t dbtr_hw_probe(struct dbtr_hw_hart *h)
{
    struct sbi_client_ret r;

    if (!sbi_client_probe(SBI_EXT_DBTR))
        return 0;
    r = dbtr_hw_call(SBI_DBTR_NUM_TRIGGERS, SBI_DBTR_TYPE_MCONTROL6, 0);
    if (r.error != SBI_SUCCESS || r.value == 0)
        return 0;
    if (dbtr_hw_call(SBI_DBTR_SET_SHMEM, image_to_phys(&h->entry), 0).error != SBI_SUCCESS)
        return 0;
    return (uint32_t)MIN(r.value, DBTR_TRIGGERS_MAX);
}

uint32_t dbtr_hw_count(void)
{
    struct dbtr_hw_hart *h = &triggers[this_hart()->index];

    if (!h->known) {
        h->count = dbtr_hw_probe(h);
        h->known = true;
    }
    return h->count;
}

/* Converts guest modes to host modes: S to VS, U to VU. */
static uint64_t dbtr_hw_tdata1(uint64_t tdata1)
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
    struct dbtr_hw_entry *e = &triggers[this_hart()->index].entry;
    uint64_t index;
    int64_t error;

    if (!(t->tdata[0] & (SBI_DBTR_MC6_S | SBI_DBTR_MC6_U)))
        return SBI_SUCCESS;
    if (dbtr_hw_count() == 0)
        return SBI_ERR_FAILED;
    *e = (struct dbtr_hw_entry){.state_or_index = NOT_WRITTEN,
                                .tdata = {dbtr_hw_tdata1(t->tdata[0]), t->tdata[1], t->tdata[2]},
                                .old_index = NOT_WRITTEN};
    error = dbtr_hw_call(SBI_DBTR_INSTALL, 1, 0).error;
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
    (void)dbtr_hw_call(SBI_DBTR_UNINSTALL, t->hw, 1); /* cannot fail: it is installed */
    t->hw = DBTR_NO_HW;
}
