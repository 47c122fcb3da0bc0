/* SPDX-License-Identifier: Apache-2.0 */
/* imsic.h - the IMSICs behind an APLIC in MSI mode (drivers/imsic.c), for its driver
 * (drivers/aplic.c). */
#pragma once

#include <hearth/lib/types.h>

struct platform;

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
