/* SPDX-License-Identifier: Apache-2.0 */
/* page_alloc.c - fake: allocates blocks by the host's allocator and counts them. */
#include <hearth/mm/page_alloc.h>

#include "fakes.h"

#include <stdlib.h>
#include <string.h>

unsigned fake_pages_fail, fake_pages_fail_after, fake_pages_out;

unsigned page_order(uint64_t size)
{
    unsigned order = 0;

    while ((PAGE_SIZE << order) < size)
        order++;
    return order;
}

void *page_alloc_zeroed(unsigned order)
{
    void *p;

    if (fake_pages_fail || (fake_pages_fail_after > 0 && --fake_pages_fail_after == 0))
        return NULL;
    p = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
    if (!p)
        abort();
    memset(p, 0, PAGE_SIZE << order);
    fake_pages_out++;
    return p;
}

void page_free_virt(void *p, unsigned order)
{
    (void)order;
    fake_pages_out--;
    free(p);
}
