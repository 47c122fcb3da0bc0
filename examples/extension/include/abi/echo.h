/* SPDX-License-Identifier: Apache-2.0 */
/* echo.h - numbers of the example extension (docs/extending.md); its guest includes this file too.
 */
#pragma once

#define SBI_EXT_ECHO         0x08000001 /* in the specification's range for experiments */
#define SBI_ECHO_WORD        0          /* a1 = a0 */
#define SBI_ECHO_REVERSE     1          /* a0 = length, a1, a2 = address: its bytes in reverse */
#define SBI_ECHO_BREAKPOINTS 2          /* a1 = ebreaks that the calling hart has executed */

#define SBI_ECHO_MAX 64

#define SCRATCH_BASE 0x1f000000 /* the example device: four registers of 32 bits */
#define SCRATCH_IRQ  40         /* high while bit 31 of the first one is set */

#define HVC_CHECKSUM 0x7001 /* hypercall: a0, a1 = address, a2 = bytes */
