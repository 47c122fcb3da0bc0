/*
 * hostirq.h - the host's external interrupt controller, behind ops chosen from the host's device
 * tree (drivers/plic.c, drivers/aplic.c + imsic.c), and the handlers of its sources.
 */
#pragma once

#include <hearth/lib/types.h>

struct platform;

struct intc_ops {
    const char *name;
    /* Boot hart: map registers, quiesce. 0 or -HV_E*. */
    int (*init)(const struct platform *p);
    void (*init_hart)(unsigned hart); /* each hart, on that hart */
    /* Routes a source (level, active high) to a hart and unmasks it there. */
    int (*enable)(uint32_t source, unsigned hart);
    /* The supervisor external interrupt on this hart: claim, call hostirq_dispatch(), complete;
     * bounded. */
    void (*handle)(unsigned hart);
};

/* The drivers. */
extern const struct intc_ops plic_host_ops, aplic_direct_ops, aplic_msi_ops;

/* imsic.c's part of aplic_msi_ops: maps the harts' interrupt files; what a hart needs; claim loop.
 */
int __must_check imsic_init(const struct platform *p);
void imsic_init_hart(unsigned hart);
void imsic_handle(unsigned hart);
/* The identity that stands for a source (>= 2; 1 is the IPI), allocated at the first call. 0 and
 * *identity, or -HV_ENOSPC. */
int __must_check imsic_identity(uint32_t source, uint32_t *identity);
/* A level source behind an APLIC in MSI mode has been handled: send its message again if it is
 * still high. */
void aplic_rearm(uint32_t source);

/* Chooses the driver by platform.intc.kind and initialises it; without one, devices are polled. */
void hostirq_init(const struct platform *p);
void hostirq_init_hart(unsigned hart);
/* 0, or -HV_ENODEV (no controller), -HV_ENOSPC, -HV_EINVAL. */
int __must_check hostirq_request(uint32_t source, unsigned hart, void (*fn)(void *arg), void *arg);
/* Any hart, by the driver: runs the source's handler, if there is one. */
void hostirq_dispatch(uint32_t source);
/* The supervisor external interrupt on this hart, from the trap code or the run loop. */
void hostirq_interrupt(void);
