/*
 * finisher.c - SiFive's test finisher, where the host has one: QEMU turns its code into the exit
 * status. Locking: none; any hart, any state.
 */
#include <arch/barrier.h>
#include <arch/io.h>
#include <hearth/drivers/finisher.h>
#include <hearth/kernel/machine.h>
#include <hearth/platform/platform.h>
#include <hearth/mm/stage1.h>
#include <hearth/kernel/timer.h>

#define FINISHER_PASS    0x5555u
#define FINISHER_FAIL    0x3333u /* code in the upper half */
#define FINISHER_WAIT_US 2000000

static volatile void *finisher; /* NULL: none */

/* Does not return if the finisher works. */
static void finisher_end(enum machine_exit code)
{
    io_write32(finisher, code == MACHINE_EXIT_OK ? FINISHER_PASS
                                                 : FINISHER_FAIL | ((uint32_t)code & 0xffff) << 16);
    fence_io();
    /* QEMU acts on it while we go on: a second request would replace the code. */
    for (uint64_t end = timer_now() + timer_ticks_from_us(FINISHER_WAIT_US); timer_now() < end;)
        cpu_relax();
}

void finisher_init(const struct platform *p)
{
    finisher = NULL;
    if (p->test_finisher.base != 0 && p->test_finisher.size >= sizeof(uint32_t) &&
        is_aligned(p->test_finisher.base, sizeof(uint32_t)))
        finisher = stage1_map_device(p->test_finisher.base, p->test_finisher.size);
    if (finisher != NULL)
        machine_set_finisher(finisher_end);
}
