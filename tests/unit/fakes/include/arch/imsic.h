/* SPDX-License-Identifier: Apache-2.0 */
/* imsic.h (host fake) - the test implements the interrupt file. */
#pragma once

#include <hearth/lib/types.h>

#define IMSIC_EIDELIVERY  0x70
#define IMSIC_EITHRESHOLD 0x72
#define IMSIC_EIE0        0xc0

void imsic_file_write(unsigned reg, uint64_t value);
uint32_t imsic_file_claim(void);
