/* SPDX-License-Identifier: Apache-2.0 */
/* console_ring.c - see console_ring.h. */
#include <arch/bulk.h>
#include <hearth/console/console_ring.h>

static char **ring_page_at(struct console_ring *r, uint64_t at)
{
    return &r->page[at / PAGE_SIZE % RING_PAGES];
}

bool ring_wants_page(const struct console_ring *r, size_t len)
{
    return r->page[r->head / PAGE_SIZE % RING_PAGES] == NULL ||
           r->page[(r->head + len - 1) / PAGE_SIZE % RING_PAGES] == NULL;
}

bool ring_give_page(struct console_ring *r, char *page)
{
    for (unsigned i = 0; i < 2; i++) {
        char **p = ring_page_at(r, r->head + i * PAGE_SIZE);

        if (*p == NULL) {
            *p = page;
            return true;
        }
    }
    return false;
}

void ring_put(struct console_ring *r, const char *buf, size_t len)
{
    while (len > 0) {
        const uint64_t offset = r->head % PAGE_SIZE;
        const size_t n = MIN(len, PAGE_SIZE - offset);
        char *page = *ring_page_at(r, r->head);

        if (page == NULL) {
            r->lost += len;
            return;
        }
        bulk_copy(page + offset, buf, n);
        r->head += n;
        buf += n;
        len -= n;
        if (r->head - r->tail > RING_SIZE) {
            r->lost += r->head - r->tail - RING_SIZE;
            r->tail = r->head - RING_SIZE;
        }
    }
}

size_t ring_take(struct console_ring *r, const char **buf, size_t most)
{
    const uint64_t offset = r->tail % PAGE_SIZE;
    const size_t n = MIN(MIN(most, PAGE_SIZE - offset), r->head - r->tail);

    *buf = n != 0 ? *ring_page_at(r, r->tail) + offset : NULL;
    r->tail += n;
    return n;
}

uint64_t ring_mark_lost(struct console_ring *r)
{
    uint64_t lost = r->lost;

    r->lost = 0;
    return lost;
}

void ring_forget(struct console_ring *r, uint64_t keep)
{
    r->tail = MAX(r->tail, r->head - MIN(keep, r->head));
    r->lost = 0;
}
