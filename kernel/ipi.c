/*
 * ipi.c - interrupts between harts. The interrupt itself is the message: "leave your guest, look at
 * your queues". The firmware's sPI carries it until an interrupt controller offers a shorter way.
 */
#include <arch/barrier.h>
#include <arch/csr.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/observe.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/core/sched.h>
#include <hearth/arch/trap.h>
#include <hearth/kernel/work.h>

static void firmware_send(unsigned hart)
{
    sbi_client_send_ipi(1, harts[hart]->hartid);
}

static const struct ipi_ops firmware_ops = {.name = "firmware", .send = firmware_send};
static const struct ipi_ops *ops = &firmware_ops;

void ipi_set_ops(const struct ipi_ops *o)
{
    ops = o;
}

void ipi_send(unsigned hart)
{
    ops->send(hart);
}

void ipi_interrupt(void)
{
    csr_clear(CSR_SIP, BIT(IRQ_S_SOFT));
    /* First the interrupt is cleared, then it is looked what for: who asks in between interrupts
     * again. CSRs and memory are ordered by a fence alone ("CSR Access Ordering"). */
    fence_io();
    observe_apply();
    work_interrupted(this_hart());
    sched_contention_changed(this_hart());
}

void ipi_init_hart(void)
{
    csr_clear(CSR_SIP, BIT(IRQ_S_SOFT));
    csr_set(CSR_SIE, BIT(IRQ_S_SOFT));
}
