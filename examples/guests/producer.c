/* SPDX-License-Identifier: Apache-2.0 */
/* producer.c - draws ten frames into memory that another VM may read; see frames.h. */
#include "frames.h"

static uint64_t ring[FRAMES_BYTES / 8] __attribute__((aligned(4096)));

static void draw(uint64_t *words, uint64_t number)
{
    for (unsigned i = 0; i < FRAME_BYTES / 8; i++)
        words[i] = number * 0x9e3779b97f4a7c15 + i;
}

void test_main(void)
{
    const uint64_t id = channel_find(FRAMES_NAME, sizeof(FRAMES_NAME) - 1);
    struct frame f, back;

    if (sbi(SBI_EXT_HVC, SBI_HVC_CHANNEL_PUBLISH, id, (uint64_t)ring, 0, sizeof(ring),
            SBI_CHANNEL_READ)
            .error)
        bail_out("cannot publish");
    for (uint64_t n = 1; n <= 10; n++) {
        f = (struct frame){.number = n, .offset = n % FRAMES_SLOTS * FRAME_BYTES};
        draw(ring + f.offset / 8, n);
        f.sum = frame_sum(ring + f.offset / 8);
        send(&f);
        receive(&back);
        if (back.number != n)
            bail_out("another frame came back");
    }
    f = (struct frame){0};
    send(&f);
    note("10 frames drawn");
}
