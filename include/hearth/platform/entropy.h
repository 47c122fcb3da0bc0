/*
 * entropy.h - random bytes for guests' rng-seed. A ChaCha20 generator (RFC 8439) keyed at boot from
 * the seed that the firmware or the boot loader left in the host's device tree, and from the time.
 */
#pragma once

#include <hearth/lib/types.h>

/*
 * Boot hart, after platform_read() and before the first VM starts. fdt: the host's tree, checked.
 * False: it has no /chosen/rng-seed, so that the bytes are different at each call but can be
 * guessed.
 */
bool entropy_init(const void *fdt);

/* len fresh bytes, never the same twice. Any hart, no lock. */
void entropy_get(uint8_t *buf, size_t len);

/* One block of the ChaCha20 function: key of 8 words, block counter and nonce of 1 + 3 words. */
void chacha20_block(const uint32_t key[8], const uint32_t counter_nonce[4], uint8_t out[64]);
