/* SPDX-License-Identifier: Apache-2.0 */
/* bulk.c - see arch/bulk.h: selects one of the loops in bulk.S. */
#include <arch/bulk.h>
#include <arch/bulk_loops.h>
#include <hearth/arch/isa.h>

void bulk_zero(void *dst, uint64_t size)
{
    const uint64_t block = host_isa.cboz_block_size;

    if (size == 0)
        return;
    if (block != 0 && is_aligned((uintptr_t)dst | size, block * BULK_UNROLL))
        bulk_zero_blocks(dst, size, block);
    else
        bulk_zero_words(dst, size);
}
