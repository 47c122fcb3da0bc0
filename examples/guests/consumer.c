/* SPDX-License-Identifier: Apache-2.0 */
/* consumer.c - looks at another VM's frames where that VM has them; see frames.h. */
#include "frames.h"

void test_main(void)
{
    const uint64_t id = channel_find(FRAMES_NAME, sizeof(FRAMES_NAME) - 1);
    struct sbi_result window;
    struct frame f;

    /* Until the producer has published them. */
    while ((window = sbi(SBI_EXT_HVC, SBI_HVC_CHANNEL_SUBSCRIBE, id, SBI_CHANNEL_READ)).error)
        nap(5);
    for (receive(&f); f.number != 0; receive(&f)) {
        const bool good = f.offset <= FRAMES_BYTES - FRAME_BYTES && f.offset % FRAME_BYTES == 0 &&
                          frame_sum((const volatile uint64_t *)(window.value + f.offset)) == f.sum;

        note("frame %lu at %lx: %s", f.number, window.value + f.offset, good ? "good" : "damaged");
        send(&f);
    }
}
