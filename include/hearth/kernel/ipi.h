/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipi.h - interrupts between host harts. An IPI only makes the target leave its guest (or its idle
 * WFI) and look at its flags and queues; it carries no data.
 */
#pragma once

#include <hearth/lib/types.h>

/* Kicks platform hart `hart` (index, not hartid). */
void ipi_send(unsigned hart);
/* Boot hart, before other harts run: fn is called on each hart that an IPI has reached, no lock
 * held: it looks for what the sender left. At most 4. */
void ipi_add_listener(void (*fn)(void));
/* The handler of the supervisor software interrupt. */
void ipi_interrupt(void);
void ipi_init_hart(void);

/* How IPIs travel: the firmware's sPI until an interrupt controller offers better (IMSIC). */
struct ipi_ops {
    const char *name;
    void (*send)(unsigned hart);
};
void ipi_set_ops(const struct ipi_ops *ops);
