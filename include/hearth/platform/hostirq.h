/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostirq.h - the host's external interrupt controller, behind the ops that its
 * driver (drivers/plic.c, drivers/aplic.c and imsic.c) registers, and the handlers of its sources.
 */
#pragma once

#include <hearth/lib/types.h>

struct intc_ops {
    const char *name;
    void (*init_hart)(unsigned hart); /* each hart, on that hart */
    /* Routes a source (level, active high) to a hart and unmasks it there. */
    int (*enable)(uint32_t source, unsigned hart);
    /* The supervisor external interrupt on this hart: claim, call hostirq_dispatch(), complete;
     * bounded. */
    void (*handle)(unsigned hart);
};

/* Boot hart: an interrupt controller's driver has found it. Without one, devices are polled. */
void hostirq_set_controller(const struct intc_ops *ops);
void hostirq_init_hart(unsigned hart);
/* 0, or -HV_ENODEV (no controller), -HV_ENOSPC, -HV_EINVAL. */
int __must_check hostirq_request(uint32_t source, unsigned hart, void (*fn)(void *arg), void *arg);
/* Any hart, by the driver: runs the source's handler, if there is one. */
void hostirq_dispatch(uint32_t source);
/* The supervisor external interrupt on this hart, from the trap code or the run loop. */
void hostirq_interrupt(void);
