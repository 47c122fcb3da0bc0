/*
 * lcof.c - LCOFI taken in HS-mode, at a guest's exit or by the idle loop: it is for the vcpu whose
 * counters are in the hart. Own hart, no locks.
 */
#include <hearth/hart.h>
#include <hearth/host_pmu.h>
#include <hearth/lcof.h>
#include <hearth/pmu.h>

void lcof_interrupt(void)
{
    struct vcpu *v = this_hart()->current;

    if (v != NULL)
        pmu_overflow(v);
    else
        lcofi_set_pending(false); /* late, of one that is gone: its put has seen to it */
}
