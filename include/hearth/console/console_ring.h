/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_ring.h - the last RING_SIZE bytes that a VM wrote while nobody was attached to it. Its
 * pages come as they are needed: a VM that says little costs little. Pure; the caller's lock, and
 * the caller's pages.
 */
#pragma once

#include <hearth/lib/types.h>

#define RING_SIZE  (64 * KIB)
#define RING_PAGES (RING_SIZE / PAGE_SIZE)

struct console_ring {
    char *page[RING_PAGES];
    uint64_t head, tail; /* free running: bytes put, and the oldest one that is kept */
    uint64_t lost;       /* bytes overwritten or without a page since the last ring_mark_lost() */
};

/* Room for the next `len` <= PAGE_SIZE bytes lacks a page: give one, or lose them. */
bool ring_wants_page(const struct console_ring *r, size_t len);
/* True: the ring has taken it. */
bool ring_give_page(struct console_ring *r, char *page);
void ring_put(struct console_ring *r, const char *buf, size_t len);
/* The oldest bytes in one piece: at most `most`; *buf stays good until the next ring_put(). They
 * are no longer in the ring. 0: it is empty. */
size_t ring_take(struct console_ring *r, const char **buf, size_t most);
/* How many were lost, once. */
uint64_t ring_mark_lost(struct console_ring *r);
/* What the ring has goes, and what was lost is forgotten; but for the latest bytes, `keep` of them.
 */
void ring_forget(struct console_ring *r, uint64_t keep);
