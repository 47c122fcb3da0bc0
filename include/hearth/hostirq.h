/*
 * hostirq.h - the host's external interrupt controller, behind ops chosen from the host's device tree
 * (drivers/plic.c, drivers/aplic.c + imsic.c), and the handlers of its sources.
 */
#pragma once

#include <hearth/types.h>

struct platform;

struct intc_ops {
    const char *name;
    /* Boot hart: map registers, quiesce. 0 or -HV_E*. */
    int (*init)(const struct platform *p);
    void (*init_hart)(unsigned hart); /* each hart, on that hart */
    /* Routes a source to a hart and unmasks it there. */
    int (*enable)(uint32_t source, unsigned hart);
    /* The supervisor external interrupt on this hart: claim, call hostirq_dispatch(), complete; bounded. */
    void (*handle)(unsigned hart);
};

/* Chooses the driver by platform.intc.kind and initialises it; without one, devices are polled. */
void hostirq_init(const struct platform *p);
void hostirq_init_hart(unsigned hart);
/* 0, or -HV_ENODEV (no controller), -HV_ENOSPC, -HV_EINVAL. */
int __must_check hostirq_request(uint32_t source, unsigned hart, void (*fn)(void *arg), void *arg);
void hostirq_dispatch(uint32_t source);
void hostirq_interrupt(void); /* called by the trap code on this hart */

/* Device registers, mapped. NULL when the device window is full. arch/riscv/stage1.c. */
void *stage1_map_device(hpa_t base, uint64_t size);
