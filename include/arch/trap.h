/*
 * trap.h - traps taken in HS, and the hart-local state around guests that only arch/ touches.
 */
#pragma once

#include <arch/csr.h>
#include <hearth/kernel/hart.h>
#include <hearth/lib/types.h>
#include <hearth/core/vcpu.h>

/* From trap_entry.S: a trap in HS. Returns (with frame->sepc moved to the fixup) or panics. */
void trap_handle(struct trap_frame *frame);

/* Prints registers and a backtrace (lines "  #N 0x..." that `tools/hearth symbolize` resolves). fp:
 * frame pointer to start at; pc: the first line. ra: the register, for a leaf function that has not
 * saved it; 0: pc is no leaf's. Reads only this hart's stacks. */
void trap_print_frame(const struct trap_frame *frame);
void trap_backtrace(uint64_t pc, uint64_t fp, uint64_t ra);

/* Asynchronous work of this hart: takes every supervisor interrupt that is pending and enabled.
 * From the idle loop; while a guest runs the same table is reached through the exit. */
void irq_poll_pending(uint64_t pending);
static inline void irq_poll(void)
{
    const uint64_t pending = csr_read(CSR_SIP) & csr_read(CSR_SIE);

    if (unlikely(pending != 0))
        irq_poll_pending(pending);
}
/* One interrupt by its number (scause code). False: no row. */
bool irq_dispatch(uint64_t irq);

/* Each hart, once: delegation, counters, environment configuration, interrupt enables. */
void vcpu_csr_init_hart(void);
/* henvcfg of a vcpu that has switched nothing by FWFT. */
uint64_t vcpu_henvcfg_initial(void);
/* VS CSRs between memory and this hart. henvcfg is only loaded: who changes it while the vcpu is
 * loaded (sbi/fwft.c) writes both. */
void vcpu_csrs_load(const struct vcpu_csrs *c);
void vcpu_csrs_save(struct vcpu_csrs *c);

__noreturn void switch_stack(uint64_t sp, void (*fn)(void));
