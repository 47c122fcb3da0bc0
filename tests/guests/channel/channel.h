/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - shared by the files of the test guest channel: the channels that its VMs describe,
 * the hypercalls, and accesses that may fault.
 */
#pragma once

#include "guest.h"

enum { RING, FRAMES, BACK, CHANNELS };

#define WINDOW(id)   (0x18000000000ul + (id) * (1ul << 30))
#define RING_AT      0x80800000ul
#define RING_SIZE    0x8000ul
#define FRAMES_AT    0x80a00000ul
#define FRAMES_SIZE  0x400000ul
#define BACK_AT      0x80900000ul
#define RW           (SBI_CHANNEL_READ | SBI_CHANNEL_WRITE)
#define SECRET       0x5ec2e7ul
#define ROUNDS       50
#define CYCLES       100
#define PEER_MS      30000 /* ms for what the other VM has to do first */
#define PAGES        (FRAMES_SIZE / 4096)
#define PUBLISHED    SBI_CHANNEL_PUBLISHED
#define SUBSCRIBED   SBI_CHANNEL_SUBSCRIBED
#define THRESHOLD(h) (PLIC_BASE + 0x200000 + 0x1000 * (2 * (h) + 1))
#define ENABLE(h)    (PLIC_BASE + 0x2000 + 0x80 * (2 * (h) + 1))

struct ring {
    uint64_t life, step, word, answer;
};

/* Events that the boot hart has received, by channel; interrupts that were not expected. */
extern uint64_t doorbells[CHANNELS], changes[CHANNELS], unexpected_irqs;

static inline struct sbi_result hvc(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                                    uint64_t a4)
{
    return sbi_call(SBI_EXT_HVC, nr, a0, a1, a2, a3, a4);
}

static inline struct sbi_result channel_call(uint64_t nr, uint64_t id)
{
    return hvc(nr, id, 0, 0, 0, 0);
}

static inline struct sbi_result channel_publish(uint64_t id, uint64_t gpa, uint64_t size,
                                                uint64_t access)
{
    return hvc(SBI_HVC_CHANNEL_PUBLISH, id, gpa, 0, size, access);
}

static inline struct sbi_result channel_subscribe(uint64_t id, uint64_t access)
{
    return hvc(SBI_HVC_CHANNEL_SUBSCRIBE, id, access, 0, 0, 0);
}

static inline uint64_t channel_status(uint64_t id)
{
    return channel_call(SBI_HVC_CHANNEL_STATUS, id).value;
}

static inline struct sbi_result channel_find(const char *name, uint64_t len)
{
    return hvc(SBI_HVC_CHANNEL_FIND, (uint64_t)name, 0, len, 0, 0);
}

static inline uint64_t peek(uint64_t at)
{
    return load((uint64_t *)at);
}

static inline void poke(uint64_t at, uint64_t value)
{
    store((uint64_t *)at, value);
}

/* One test: the call returned this error and this value. */
bool is_result(struct sbi_result r, int64_t error, uint64_t value, const char *name);
/* Bails out if the step that later tests depend on has failed. */
void require(bool done, const char *what);

/* Cause of the access fault at this address; ~0 if there was none. */
uint64_t load_cause(uint64_t at);
uint64_t store_cause(uint64_t at);
uint64_t amo_cause(uint64_t at);
/* Four tests: loads, stores, atomic accesses and fetches fault. */
void is_hole(uint64_t at, const char *when);

/* Enables the interrupts of all channels on the boot hart. */
void irqs_listen(void);
void restart(void);

/* 16 tests that both sides run. */
void common_errors(void);

void run_publisher(void);
void run_subscriber(void);
