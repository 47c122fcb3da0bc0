/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hart.c - allocates the harts' structures and stacks, and starts the secondary harts through the
 * firmware's HSM extension.
 */
#include <arch/atomic.h>
#include <arch/barrier.h>
#include <arch/layout.h>
#include <hearth/arch/upcalls.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/platform/hostirq.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/observe.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/platform/platform.h>
#include <hearth/core/run.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/core/sched.h>
#include <hearth/init/hart.h>
#include <hearth/init/selftest.h>
#include <hearth/mm/stage1.h>
#include <hearth/kernel/timer.h>
#include <hearth/kernel/work.h>

#define START_TIMEOUT_US 1000000

struct hart boot_hart;

int harts_init(const struct platform *p, uint64_t boot_hartid)
{
    for (uint32_t i = 0; i < p->harts; i++) {
        bool is_boot = p->hart[i].hartid == boot_hartid;
        struct hart *h = is_boot ? &boot_hart : page_alloc_zeroed(page_order(sizeof(struct hart)));

        if (h == NULL)
            return -HV_ENOMEM;
        h->hartid = p->hart[i].hartid;
        h->index = i;
        if (stage1_map_stacks(i, &h->stack_top, &h->emergency_top) < 0)
            return -HV_ENOMEM;
        h->stack_low = h->stack_top - STACK_SIZE;
        timer_prepare_hart(h);
        sched_init_hart(h);
        work_init_hart(h);
        harts[i] = h;
    }
    harts_count = p->harts;
    return 0;
}

void hart_init_self(void)
{
    struct hart *h = this_hart();

    if (!vcpu_csr_init_hart())
        log_warn("hart %u: lacks fields of henvcfg that the boot hart has", h->index);
    observe_apply();
    timer_init_hart();
    ipi_init_hart();
    hostirq_init_hart(h->index);
    sched_hart_online(h);
    atomic_store_release(&h->online, 1);
}

void main_secondary(void)
{
    hart_init_self();
    selftest_run(this_hart()->index);
    run_hart();
}

/*
 * Starts a hart at secondary_start, with physical addresses, and waits until it is online. Its
 * arguments are never reused, because it may still start after the time limit.
 */
static bool harts_start_one(struct hart *h)
{
    uint64_t limit;

    h->start_args =
        (struct hart_start_args){.satp = stage1_satp(), .sp = h->stack_top, .hart = (uintptr_t)h};
    fence_rw();
    if (sbi_client_hart_start(h->hartid, image_to_phys((const void *)(uintptr_t)secondary_start),
                              virt_to_phys(&h->start_args)) != SBI_SUCCESS)
        return false;
    limit = timer_now() + timer_ticks_from_us(START_TIMEOUT_US);
    while (!atomic_load_acquire(&h->online))
        if (timer_now() > limit)
            return false;
    return true;
}

void harts_start(void)
{
    for (unsigned i = 0; i < harts_count; i++)
        if (harts[i] != this_hart() && !harts_start_one(harts[i]))
            log_warn("hart %lu does not start: it is left out", harts[i]->hartid);
}

unsigned harts_online(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < harts_count; i++)
        n += atomic_load_acquire(&harts[i]->online) != 0 ? 1 : 0;
    return n;
}
