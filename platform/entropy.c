/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entropy.c - random bytes from the host's rng-seed. RFC 8439, section 2.3 (the ChaCha20 block
 * function).
 *
 * The key is written once, at boot. Each call uses a unique nonce (an atomic counter and the time),
 * so that harts need no lock and no two calls share a block.
 */
#include <arch/atomic.h>
#include <hearth/platform/entropy.h>
#include <hearth/kernel/timer.h>

#include <libfdt.h>
#include <string.h>

#define SEED_BYTES_MAX 4096u

static uint32_t entropy_key[8];
static uint64_t entropy_calls; /* atomic */

static uint32_t entropy_rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static void chacha20_quarter_round(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b];
    s[d] = entropy_rotl(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = entropy_rotl(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = entropy_rotl(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = entropy_rotl(s[b] ^ s[c], 7);
}

void chacha20_block(const uint32_t key[8], const uint32_t counter_nonce[4], uint8_t out[64])
{
    uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; /* "expand 32-byte k" */
    uint32_t s[16];

    memcpy(&in[4], key, 32);
    memcpy(&in[12], counter_nonce, 16);
    memcpy(s, in, sizeof(s));
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned k = 0; k < 4; k++) /* columns */
            chacha20_quarter_round(s, k, 4 + k, 8 + k, 12 + k);
        for (unsigned k = 0; k < 4; k++) /* diagonals */
            chacha20_quarter_round(s, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint32_t word = s[i] + in[i];

        for (unsigned k = 0; k < 4; k++)
            out[4 * i + k] = (uint8_t)(word >> (8 * k));
    }
}

/* key = first half of ChaCha20(key ^ bytes): each input affects the whole key and cannot be
 * recovered from it. */
static void entropy_absorb(const uint8_t *bytes, size_t len)
{
    const uint32_t nonce[4] = {(uint32_t)len, 0x6b657973, 0, 0};
    uint8_t block[64];

    for (size_t i = 0; i < len; i++)
        entropy_key[i / 4] ^= (uint32_t)bytes[i] << (8 * (i % 4));
    chacha20_block(entropy_key, nonce, block);
    memcpy(entropy_key, block, sizeof(entropy_key));
    memset(block, 0, sizeof(block));
}

bool entropy_init(const void *fdt)
{
    uint64_t now = timer_now();
    int len = 0, chosen = fdt_path_offset(fdt, "/chosen");
    const uint8_t *seed = chosen < 0 ? NULL : fdt_getprop(fdt, chosen, "rng-seed", &len);
    uint32_t bytes = seed == NULL || len < 0 ? 0 : MIN((uint32_t)len, SEED_BYTES_MAX);

    memset(entropy_key, 0, sizeof(entropy_key));
    entropy_absorb((const uint8_t *)&now, sizeof(now));
    for (uint32_t i = 0; i < bytes; i += 32)
        entropy_absorb(seed + i, MIN(bytes - i, 32u));
    return bytes >= 16;
}

void entropy_get(uint8_t *buf, size_t len)
{
    uint64_t call = atomic_fetch_add(&entropy_calls, 1);
    uint32_t counter_nonce[4] = {0, (uint32_t)call, (uint32_t)(call >> 32), (uint32_t)timer_now()};
    uint8_t block[64];

    while (len > 0) {
        size_t n = MIN(len, sizeof(block));

        chacha20_block(entropy_key, counter_nonce, block);
        memcpy(buf, block, n);
        buf += n;
        len -= n;
        counter_nonce[0]++;
    }
    memset(block, 0, sizeof(block));
}
