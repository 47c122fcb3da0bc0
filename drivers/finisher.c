/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finisher.c - SiFive's test finisher, if the host has one. QEMU turns the code written into its
 * exit status. Locking: none; any hart, any state.
 */
#include <arch/barrier.h>
#include <arch/io.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/machine.h>
#include <hearth/platform/platform.h>
#include <hearth/mm/stage1.h>
#include <hearth/kernel/timer.h>

#define FINISHER_PASS    0x5555u
#define FINISHER_FAIL    0x3333u /* code in the upper half */
#define FINISHER_WAIT_US 2000000

static volatile void *finisher; /* mapped by the probe */

/* Does not return if the finisher works. */
static void finisher_end(enum machine_exit code)
{
    io_write32(finisher, code == MACHINE_EXIT_OK ? FINISHER_PASS
                                                 : FINISHER_FAIL | ((uint32_t)code & 0xffff) << 16);
    fence_io();
    /* QEMU acts on the code while this hart continues; a second request would replace the code. */
    for (uint64_t end = timer_now() + timer_ticks_from_us(FINISHER_WAIT_US); timer_now() < end;)
        cpu_relax();
}

static int finisher_probe(const struct platform *p)
{
    if (p->test_finisher.base == 0)
        return -HV_ENODEV;
    if (p->test_finisher.size < sizeof(uint32_t) ||
        !is_aligned(p->test_finisher.base, sizeof(uint32_t)))
        return -HV_EINVAL;
    finisher = stage1_map_device(p->test_finisher.base, p->test_finisher.size);
    if (finisher == NULL)
        return -HV_ENOMEM;
    machine_set_finisher(finisher_end);
    return 0;
}

const struct host_driver finisher_driver = {
    .name = "sifive,test0",
    .kind = HOST_DRIVER_POWER,
    .probe = finisher_probe,
};
