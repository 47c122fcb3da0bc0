/* SPDX-License-Identifier: Apache-2.0 */
/* irq.c - see irq.h. Locking: none; the handlers are set at boot and constant after. */
#include <hearth/kernel/hart.h>
#include <hearth/kernel/irq.h>
#include <hearth/kernel/panic.h>
#include <hearth/lib/bits.h>

static void (*irq_handlers[HART_IRQS])(void);

void irq_set_handler(enum irq_number irq, void (*fn)(void))
{
    ASSERT((unsigned)irq < HART_IRQS && irq_handlers[irq] == NULL);
    irq_handlers[irq] = fn;
}

bool irq_dispatch(uint64_t irq)
{
    if (irq >= HART_IRQS || irq_handlers[irq] == NULL)
        return false;
    this_hart()->stats.irqs[irq]++;
    irq_handlers[irq]();
    return true;
}

void irq_poll_pending(uint64_t pending)
{
    for (; pending != 0; pending &= pending - 1)
        (void)irq_dispatch(bit_lowest(pending));
}
