/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_state.c - see open_state.h: saves and loads the registers found at boot.
 */
#include <arch/csr.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/open_state.h>

#include "open_state_internal.h"

struct open_state host_open_state;

void open_state_init_hart(void)
{
    /* hstateen1 to 3 have no bits yet, and firmware does not make them accessible. */
    if (host_isa.smstateen)
        csr_write(CSR_HSTATEEN0, HSTATEEN0_ENVCFG);
    /* Hearth's own control transfers must not be recorded, where a guest could read them. */
    if (host_open_state.records)
        csr_write(CSR_SCTRCTL, 0);
}

void open_state_reset(uint64_t *values)
{
    for (unsigned i = 0; i < host_open_state.count; i++)
        values[i] = host_open_state.reg[i].initial;
}

void open_state_load(const uint64_t *values)
{
    if (host_open_state.records)
        (void)open_state_clear_records(0);
    for (unsigned i = host_open_state.count; i-- > 0;) {
        const struct open_register *r = &host_open_state.reg[i];

        if (r->indirect)
            csr_write(CSR_VSISELECT, r->select);
        (void)r->swap(values[i]);
    }
}

void open_state_save(uint64_t *values)
{
    for (unsigned i = 0; i < host_open_state.count; i++) {
        const struct open_register *r = &host_open_state.reg[i];

        if (r->indirect)
            csr_write(CSR_VSISELECT, r->select);
        values[i] = r->swap(r->initial);
    }
}
