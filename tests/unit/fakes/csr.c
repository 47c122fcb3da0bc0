/* SPDX-License-Identifier: Apache-2.0 */
/* csr.c - fake: the registers behind csr_read() and csr_write(). */
#include <arch/csr.h>

uint64_t fake_csr[4096];
uint64_t fake_csr_writes;
