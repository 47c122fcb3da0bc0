/* SPDX-License-Identifier: Apache-2.0 */
/*
 * irq.h - a hart's supervisor interrupts. HS runs with sstatus.SIE = 0: interrupts are taken
 * as exits of a guest, or polled between vcpus.
 */
#pragma once

#include <arch/hart_csr.h>
#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

/* Sets the interrupt's handler, which runs on the interrupted hart, no lock held. Boot hart, before
 * the interrupt is enabled on any hart. */
void irq_set_handler(enum irq_number irq, void (*fn)(void));

/* Handles every supervisor interrupt that is pending and enabled on this hart. */
void irq_poll_pending(uint64_t pending);
static inline void irq_poll(void)
{
    const uint64_t pending = irq_pending_enabled();

    if (unlikely(pending != 0))
        irq_poll_pending(pending);
}

/* Handles one interrupt, by its number (scause code). False: it has no handler. */
bool irq_dispatch(uint64_t irq);
