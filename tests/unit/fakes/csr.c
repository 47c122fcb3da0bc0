/* SPDX-License-Identifier: Apache-2.0 */
/* csr.c - fake: the registers of csr_storage.h. */
#include <arch/csr.h>

uint64_t fake_csr[4096];
uint64_t fake_csr_writes;
