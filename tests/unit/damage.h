/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damage.h - for tests of parsers: inputs in buffers of exactly their size, so that ASan sees the
 * first byte read beyond, and damaged copies of them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfdt.h>

/* A copy in a malloc block of that very size (16-byte aligned); the caller frees it. */
static inline void *exact_copy(const void *data, size_t size)
{
    void *p = malloc(size ? size : 1);

    if (p == NULL)
        abort();
    memcpy(p, data, size);
    return p;
}

static inline uint64_t damage_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Changes 1 to 4 bytes: a bit, a random byte, or one of the values that break arithmetic. */
static inline void damage(uint8_t *p, size_t size, uint64_t *state)
{
    static const uint8_t nasty[] = {0x00, 0xff, 0x7f, 0x80, 0x01, '/', '0', 'f'};
    unsigned n = 1 + (unsigned)(damage_random(state) % 4);

    while (n-- > 0) {
        size_t at = damage_random(state) % size;

        switch (damage_random(state) % 3) {
        case 0:
            p[at] ^= (uint8_t)(1u << (damage_random(state) % 8));
            break;
        case 1:
            p[at] = (uint8_t)damage_random(state);
            break;
        default:
            p[at] = nasty[damage_random(state) % sizeof(nasty)];
        }
    }
}

/* Runs fn on every truncation of the input and on `rounds` damaged copies of it. What fn checks is
 * that nothing bad happens: ASan, UBSan and its own assertions say. */
static inline void damage_all(const void *data, size_t size, unsigned rounds,
                              void (*fn)(const void *data, size_t size))
{
    uint64_t state = 0x9e3779b97f4a7c15ull;

    for (size_t n = 0; n < size; n++) {
        void *p = exact_copy(data, n);

        fn(p, n);
        free(p);
    }
    for (unsigned i = 0; i < rounds; i++) {
        uint8_t *p = exact_copy(data, size);

        damage(p, size, &state);
        fn(p, size);
        free(p);
    }
}

/* A device tree compiled from tests/unit/data/NAME.dts, opened for changes in a buffer of `room`
 * bytes. */
static inline void *data_dtb(const char *name, size_t room)
{
    char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
    void *raw = malloc(room), *fdt = malloc(room);
    FILE *f;

    if (n <= 0 || raw == NULL || fdt == NULL)
        abort();
    path[n] = '\0';
    snprintf(strrchr(path, '/'), 64, "/data/%s.dtb", name);
    f = fopen(path, "rb");
    if (f == NULL || fread(raw, 1, room, f) == 0)
        fail_msg("cannot read %s", path);
    fclose(f);
    assert_int_equal(fdt_open_into(raw, fdt, (int)room), 0);
    free(raw);
    return fdt;
}

/* The same tree packed, in a block of exactly its size. */
static inline void *packed_copy(const void *fdt, size_t *size)
{
    void *tmp = exact_copy(fdt, fdt_totalsize(fdt)), *p;

    assert_int_equal(fdt_pack(tmp), 0);
    *size = fdt_totalsize(tmp);
    p = exact_copy(tmp, *size);
    free(tmp);
    return p;
}
