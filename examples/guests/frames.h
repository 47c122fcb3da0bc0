/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.h - what producer.c and consumer.c agree on: pictures of FRAME_BYTES in a ring of pages
 * that the producer publishes in the memory channel "frames"; a message tells of each, another one
 * hands it back. docs/abi.md: HOST_COMM, memory channels.
 */
#pragma once

#include "guest.h"

#define FRAMES_NAME  "frames"
#define FRAME_BYTES  16384u
#define FRAMES_SLOTS 4u
#define FRAMES_BYTES (FRAMES_SLOTS * FRAME_BYTES)

struct frame {
    uint64_t number; /* from 1; 0: there are no more */
    uint64_t offset; /* in the channel */
    uint64_t sum;    /* of its bytes */
};

/* Sleeps for some time: WFI until the timer's interrupt, which is not taken, is pending. */
static inline void nap(uint64_t ms)
{
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + ms * TICKS_PER_MS);
    csr_set(sie, BIT(IRQ_TIMER));
    __asm__ volatile("wfi" ::: "memory");
}

/* The id of the channel with this name, which the description says that this VM has. */
static inline uint64_t channel_find(const char *name, uint64_t len)
{
    struct sbi_result r = sbi(SBI_EXT_HVC, SBI_HVC_CHANNEL_FIND, (uint64_t)name, 0, len);

    if (r.error)
        bail_out("the description has no channel \"" FRAMES_NAME "\" for this VM");
    return r.value;
}

/* Sends to the peer: again, while it is not there yet or its queue is full. */
static inline void send(const struct frame *f)
{
    while (sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, sizeof(*f), (uint64_t)f).error)
        nap(5);
}

static inline void receive(struct frame *f)
{
    while (sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_RECEIVE_MESSAGE, sizeof(*f), (uint64_t)f).error)
        nap(5);
}

static inline uint64_t frame_sum(const volatile uint64_t *words)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < FRAME_BYTES / 8; i++)
        sum = sum * 31 + words[i];
    return sum;
}
