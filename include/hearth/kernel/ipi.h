/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipi.h - interrupts between host harts. An IPI carries no data: the target exits its guest (or its
 * idle WFI) and checks its flags and queues.
 */
#pragma once

#include <hearth/lib/types.h>

/* Interrupts the hart with index `hart` (not hartid). */
void ipi_send(unsigned hart);
/* Registers fn, which runs on each hart that receives an IPI, no lock held, and checks for the
 * sender's request. Boot hart, before other harts run. At most 4 listeners. */
void ipi_add_listener(void (*fn)(void));
/* Handles the supervisor software interrupt. */
void ipi_interrupt(void);
void ipi_init_hart(void);

/* Method of sending IPIs: the firmware's sPI extension, or an interrupt controller (IMSIC). */
struct ipi_ops {
    const char *name;
    void (*send)(unsigned hart);
};
void ipi_set_ops(const struct ipi_ops *ops);
