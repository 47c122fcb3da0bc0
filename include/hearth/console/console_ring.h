/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_ring.h - a ring of the last RING_SIZE bytes that a client wrote while detached. Its pages
 * are added when they are needed. Pure: the caller provides lock and pages.
 */
#pragma once

#include <hearth/lib/types.h>

#define RING_SIZE  (64 * KIB)
#define RING_PAGES (RING_SIZE / PAGE_SIZE)

struct console_ring {
    char *page[RING_PAGES];
    uint64_t head, tail; /* free running: positions behind the newest byte, and of the oldest */
    uint64_t lost;       /* bytes overwritten or without a page since the last ring_mark_lost() */
};

/* True if the next `len` <= PAGE_SIZE bytes need a page: without ring_give_page() they are lost. */
bool ring_wants_page(const struct console_ring *r, size_t len);
/* Adds a page. False: the ring did not need it. */
bool ring_give_page(struct console_ring *r, char *page);
void ring_put(struct console_ring *r, const char *buf, size_t len);
/* Removes the oldest bytes, contiguous and at most `most`, and returns their number; 0: the ring is
 * empty. *buf stays valid until the next ring_put(). */
size_t ring_take(struct console_ring *r, const char **buf, size_t most);
/* Returns the number of lost bytes and clears it. */
uint64_t ring_mark_lost(struct console_ring *r);
/* Removes all bytes but the newest `keep`, and clears the number of lost bytes. */
void ring_forget(struct console_ring *r, uint64_t keep);
