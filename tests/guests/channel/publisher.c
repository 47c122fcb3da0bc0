/* SPDX-License-Identifier: Apache-2.0 */
/* publisher.c - publishes the channels ring and frames, and reads back. */
#include "channel.h"

static struct ring *const ring = (struct ring *)RING_AT;

static void publish_errors(void) /* 21 */
{
    static const struct {
        uint64_t gpa, size, access;
        int64_t error;
        const char *name;
    } entries[] = {
        {RING_AT, 0, RW, SBI_ERR_INVALID_PARAM, "size 0"},
        {RING_AT, 4095, RW, SBI_ERR_INVALID_PARAM, "part of a page"},
        {RING_AT + 8, 4096, RW, SBI_ERR_INVALID_PARAM, "address not at a page"},
        {RING_AT, 0x101000, RW, SBI_ERR_INVALID_PARAM, "larger than described"},
        {RING_AT, ~0xffful, RW, SBI_ERR_INVALID_PARAM, "nearly 2^64"},
        {RING_AT, 4096, 0, SBI_ERR_INVALID_PARAM, "no access"},
        {RING_AT, 4096, 2, SBI_ERR_INVALID_PARAM, "write only"},
        {RING_AT, 4096, 7, SBI_ERR_INVALID_PARAM, "execute"},
        {RING_AT, 4096, BIT(32) | RW, SBI_ERR_INVALID_PARAM, "access 2^32"},
        {HOLE, 4096, RW, SBI_ERR_INVALID_ADDRESS, "a hole"},
        {PLIC_BASE, 4096, RW, SBI_ERR_INVALID_ADDRESS, "a device"},
        {0x80000000 - 4096, 8192, RW, SBI_ERR_INVALID_ADDRESS, "into RAM"},
        {0x81000000 - 4096, 8192, RW, SBI_ERR_INVALID_ADDRESS, "out of RAM"},
        {~0xffful, 8192, RW, SBI_ERR_INVALID_ADDRESS, "a range that wraps"},
        {WINDOW(BACK), 4096, RW, SBI_ERR_INVALID_ADDRESS, "another VM's pages"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(entries); i++)
        is_result(channel_publish(RING, entries[i].gpa, entries[i].size, entries[i].access),
                  entries[i].error, 0, entries[i].name);
    is_result(hvc(SBI_HVC_CHANNEL_PUBLISH, RING, RING_AT | BIT(32), 1, 4096, RW),
              SBI_ERR_INVALID_PARAM, 0, "an address with two upper halves");
    is_result(channel_publish(FRAMES, FRAMES_AT, FRAMES_SIZE, RW), SBI_ERR_DENIED, 0,
              "read-write frames");
    is_result(channel_publish(FRAMES, FRAMES_AT + 4096, 0x300000, 1), SBI_ERR_INVALID_PARAM, 0,
              "a large region not at 2 MiB");
    is_result(channel_publish(BACK, BACK_AT, 4096, 1), SBI_ERR_DENIED, 0,
              "publish the other side's channel");
    is_result(channel_call(SBI_HVC_CHANNEL_UNPUBLISH, BACK), SBI_ERR_DENIED, 0,
              "unpublish the other side's channel");
    is_result(channel_subscribe(RING, RW), SBI_ERR_DENIED, 0, "subscription to an own channel");
}

static bool step_reached(uint64_t step)
{
    return wait_for(load(&ring->step) >= step, PEER_MS);
}

static void back_channel(void) /* 9 */
{
    is_result(channel_subscribe(BACK, RW), SBI_ERR_DENIED, 0, "back is read-only");
    is_result(channel_subscribe(BACK, SBI_CHANNEL_READ), 0, WINDOW(BACK), "subscribed to back");
    is(peek(WINDOW(BACK)), 77, "read back");
    is(store_cause(WINDOW(BACK)), CAUSE_STORE_ACCESS, "back cannot be written");
    ring->word = 1;
    store(&ring->answer, 1);
    require(step_reached(1), "step 1");
    is_hole(WINDOW(BACK), "back unpublished");
    is(channel_status(BACK), 0, "nothing published");
}

static void publisher_doorbells(void) /* 2 */
{
    unsigned i;

    for (i = 0; i < ROUNDS; i++) {
        if (!wait_for(load(&doorbells[RING]) > i, PEER_MS))
            break;
        if (ring->word != 1000 + i || channel_call(SBI_HVC_CHANNEL_NOTIFY, RING).error != 0)
            break;
    }
    is(i, ROUNDS, "the subscriber's doorbells, each after its data");
    require(step_reached(3), "step 3");
    is_result(channel_call(SBI_HVC_CHANNEL_NOTIFY, FRAMES), 0, 0, "doorbell of frames");
}

static void fill_frames(void)
{
    for (uint64_t i = 0; i < PAGES; i++)
        poke(FRAMES_AT + i * 4096 + (i % 512) * 8, i + 1);
}

static void frames_unpublish(void) /* 5 */
{
    require(step_reached(4), "step 4");
    is_result(channel_call(SBI_HVC_CHANNEL_UNPUBLISH, FRAMES), 0, 0, "frames unpublished");
    poke(FRAMES_AT, SECRET);
    is(channel_status(FRAMES), SBI_CHANNEL_PUBLISHER, "status of frames");
    is_result(channel_call(SBI_HVC_CHANNEL_UNPUBLISH, FRAMES), SBI_ERR_INVALID_STATE, 0, "twice");
    is_result(channel_call(SBI_HVC_CHANNEL_NOTIFY, FRAMES), SBI_ERR_INVALID_STATE, 0,
              "doorbell of unpublished frames");
    store(&ring->answer, 4);
    require(step_reached(5), "step 5");
    /* The subscriber unsubscribed CYCLES times. Events may be merged. */
    ok(load(&changes[RING]) >= 2, "events for subscriptions");
}

void run_publisher(void)
{
    const uint64_t final = boot_option("final");

    if (!(channel_status(BACK) & PUBLISHED)) { /* before its restart */
        require(channel_publish(RING, RING_AT, 0x4000, RW).error == 0, "publish");
        require(wait_for(load(&ring->life) == 2, PEER_MS), "no subscriber");
        restart();
    }
    tap_plan(16 + 21 + 5 + 9 + 2 + 5 + 2);
    common_errors();
    publish_errors();
    irqs_listen();
    fill_frames();
    *ring = (struct ring){0};
    is_result(channel_publish(FRAMES, FRAMES_AT, FRAMES_SIZE, SBI_CHANNEL_READ), 0, 0,
              "frames published");
    is_result(channel_publish(RING, RING_AT, RING_SIZE, RW), 0, 0, "ring published");
    is_result(channel_publish(RING, RING_AT, RING_SIZE, RW), SBI_ERR_ALREADY_AVAILABLE, 0, "twice");
    require(wait_for(channel_status(RING) & SUBSCRIBED, PEER_MS), "no subscription");
    is(channel_status(RING), RING_SIZE | 15, "status: subscribed");
    require(wait_for(load(&ring->word) == 42, PEER_MS), "no data from the subscriber");
    is(ring->word, 42, "written by the subscriber");
    back_channel();
    publisher_doorbells();
    frames_unpublish();
    is(unexpected_irqs, 0, "no other interrupt");
    require(step_reached(6), "step 6");
    ok(true, "the end");
    if (final == 2) {
        csr_write(stvec, HOLE);
        (void)peek(HOLE);
    }
}
