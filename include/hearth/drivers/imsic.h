/* SPDX-License-Identifier: Apache-2.0 */
/* imsic.h - the harts' IMSICs behind an APLIC in MSI mode: between drivers/imsic.c and
 * drivers/aplic.c. */
#pragma once

#include <hearth/lib/types.h>

struct platform;

/* imsic.c's part of the MSI mode's intc_ops. imsic_init() maps the harts' interrupt files: 0, or
 * -HV_EINVAL or -HV_ENOMEM. imsic_handle() claims and dispatches a bounded number of interrupts. */
int __must_check imsic_init(const struct platform *p);
void imsic_init_hart(unsigned hart);
void imsic_handle(unsigned hart);
/* Returns the source's identity (>= 2; 1 is the IPI), allocated by the first call. 0, or
 * -HV_ENOSPC. */
int __must_check imsic_identity(uint32_t source, uint32_t *identity);
/* A level-triggered source has been handled: the APLIC sends its message again if the line is still
 * high. */
void aplic_rearm(uint32_t source);
