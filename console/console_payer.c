/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_payer.c - the payers of queued output: the clients that are charged for the hart time of
 * sending it. The queue is a sequence of parts, each with one payer. If the table of parts is full,
 * further bytes are added to the last part, so that its client may be charged for another's bytes.
 *
 * Locking: con.lock.
 */
#include "console_internal.h"

#define PAYER_PARTS 512u /* power of two */

struct payer_part {
    uint64_t end;                  /* position in the queue behind its last byte */
    struct console_client *client; /* NULL: no client is charged */
};

static struct {
    struct payer_part part[PAYER_PARTS];
    uint32_t head, tail; /* free running */
} payers;

static struct payer_part *payer_part_at(uint32_t at)
{
    return &payers.part[at % PAYER_PARTS];
}

/* Removes the parts that have been sent. */
static void payer_forget_sent(uint64_t sent)
{
    while (payers.tail != payers.head && payer_part_at(payers.tail)->end <= sent)
        payers.tail++;
}

void payer_queued(struct console_client *c, uint64_t sent, uint64_t end)
{
    payer_forget_sent(sent);
    if (payers.head != payers.tail) {
        struct payer_part *last = payer_part_at(payers.head - 1);

        if (last->client == c || payers.head - payers.tail == PAYER_PARTS) {
            last->end = end;
            if (last->client == NULL)
                last->client = c;
            return;
        }
    }
    *payer_part_at(payers.head++) = (struct payer_part){.end = end, .client = c};
}

struct console_client *payer_of(uint64_t sent, uint64_t *end)
{
    payer_forget_sent(sent);
    *end = payer_part_at(payers.tail)->end;
    return payer_part_at(payers.tail)->client;
}

void payer_remove(const struct console_client *c)
{
    for (uint32_t at = payers.tail; at != payers.head; at++)
        if (payer_part_at(at)->client == c)
            payer_part_at(at)->client = NULL;
}
