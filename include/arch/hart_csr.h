/* SPDX-License-Identifier: Apache-2.0 */
/* hart_csr.h - this hart's own CSRs: interrupts, timer, the latest trap, address translation. */
#pragma once

#include <arch/csr.h>
#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

static inline void irq_enable(enum irq_number irq)
{
    csr_set(CSR_SIE, BIT(irq));
}

static inline void irq_disable(enum irq_number irq)
{
    csr_clear(CSR_SIE, BIT(irq));
}

/* Mask of supervisor interrupts that are pending and enabled. */
static inline uint64_t irq_pending_enabled(void)
{
    return csr_read(CSR_SIP) & csr_read(CSR_SIE);
}

static inline void irq_clear_soft(void)
{
    csr_clear(CSR_SIP, BIT(IRQ_S_SOFT));
}

/* Requires Sstc. The timer interrupt is pending while the time is at or after `ticks`. */
static inline void hart_set_timecmp(uint64_t ticks)
{
    csr_write(CSR_STIMECMP, ticks);
}

/* Values of the latest trap into HS. */
static inline uint64_t trap_scause(void)
{
    return csr_read(CSR_SCAUSE);
}

static inline uint64_t trap_stval(void)
{
    return csr_read(CSR_STVAL);
}

static inline uint64_t trap_htval(void)
{
    return csr_read(CSR_HTVAL);
}

static inline uint64_t hart_cycles(void)
{
    return csr_read(CSR_CYCLE);
}

static inline uint64_t hart_instructions(void)
{
    return csr_read(CSR_INSTRET);
}

static inline void hart_set_satp(uint64_t satp)
{
    csr_write(CSR_SATP, satp);
}
