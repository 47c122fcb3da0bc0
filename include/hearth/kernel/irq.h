/* SPDX-License-Identifier: Apache-2.0 */
/*
 * irq.h - a hart's supervisor interrupts. HS runs with sstatus.SIE = 0: they are taken as a guest's
 * exit, or polled between vcpus.
 */
#pragma once

#include <arch/hart_csr.h>
#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

/* Boot hart, before that interrupt is enabled on any hart: its handler. On the hart, no lock held.
 * */
void irq_set_handler(enum irq_number irq, void (*fn)(void));

/* Takes every supervisor interrupt that is pending and enabled on this hart. */
void irq_poll_pending(uint64_t pending);
static inline void irq_poll(void)
{
    const uint64_t pending = irq_pending_enabled();

    if (unlikely(pending != 0))
        irq_poll_pending(pending);
}

/* One interrupt by its number (scause code). False: it has no handler. */
bool irq_dispatch(uint64_t irq);
