/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lcof.c - handles an LCOFI taken in HS-mode, at a guest's exit or by the idle loop, for the vcpu
 * whose counters are in the hart. Own hart, no locks.
 */
#include <hearth/kernel/hart.h>
#include <hearth/arch/host_pmu.h>
#include <hearth/sbi/lcof.h>
#include <hearth/sbi/pmu.h>

void lcof_interrupt(void)
{
    struct vcpu *v = this_hart()->current;

    if (v != NULL)
        pmu_overflow(v);
    else
        lcofi_set_pending(false); /* late: vcpu_put() has already handled that vcpu's overflow */
}
