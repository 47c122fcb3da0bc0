/* SPDX-License-Identifier: Apache-2.0 */
/* bulk.c - fake: replaces arch/riscv/bulk.S. */
#include <arch/bulk.h>

#include <string.h>

void bulk_zero(void *dst, uint64_t size)
{
    memset(dst, 0, size);
}

void bulk_copy(void *dst, const void *src, uint64_t size)
{
    memcpy(dst, src, size);
}
