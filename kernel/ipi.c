/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipi.c - interrupts between harts. An IPI carries no data: the target exits its guest and checks
 * its flags and queues. It is sent by the firmware (sPI extension) unless ipi_set_ops() installs a
 * faster method.
 */
#include <arch/barrier.h>
#include <arch/hart_csr.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/kernel/panic.h>
#include <hearth/arch/trap.h>

static void ipi_firmware_send(unsigned hart)
{
    sbi_client_send_ipi(1, harts[hart]->hartid);
}

static const struct ipi_ops ipi_firmware_ops = {.name = "firmware", .send = ipi_firmware_send};
static const struct ipi_ops *ipi_ops = &ipi_firmware_ops;

static void (*ipi_listeners[4])(void); /* constant after boot */
static unsigned ipi_listener_count;

void ipi_set_ops(const struct ipi_ops *o)
{
    ipi_ops = o;
}

void ipi_send(unsigned hart)
{
    ipi_ops->send(hart);
}

void ipi_add_listener(void (*fn)(void))
{
    ASSERT(ipi_listener_count < ARRAY_SIZE(ipi_listeners));
    ipi_listeners[ipi_listener_count++] = fn;
}

void ipi_interrupt(void)
{
    irq_clear_soft();
    /* Clear the interrupt before reading the requests: one that is made in between raises it again.
     * Only a fence orders CSR accesses with memory accesses ("CSR Access Ordering"). */
    fence_io();
    for (unsigned i = 0; i < ipi_listener_count; i++)
        ipi_listeners[i]();
}

void ipi_init_hart(void)
{
    irq_clear_soft();
    irq_enable(IRQ_S_SOFT);
}
