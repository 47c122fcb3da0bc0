/* SPDX-License-Identifier: Apache-2.0 */
/* io.c - fake: the device bus and its mapped window. See fakes/io.h. */
#include <arch/io.h>
#include <hearth/mm/stage1.h>

#include "io.h"

#include <stdio.h>
#include <stdlib.h>

#define MAPS_MAX 128

uint64_t (*fake_io_read)(uint64_t address, unsigned size);
void (*fake_io_write)(uint64_t address, unsigned size, uint64_t value);
unsigned fake_map_fails;

static struct {
    uint64_t base, size;
} maps[MAPS_MAX];
static unsigned map_count;

void fake_io_reset(void)
{
    fake_io_read = NULL;
    fake_io_write = NULL;
    fake_map_fails = 0;
    map_count = 0;
}

void *stage1_map_device(hpa_t base, uint64_t size)
{
    if (fake_map_fails || map_count == MAPS_MAX)
        return NULL;
    maps[map_count].base = base;
    maps[map_count++].size = size;
    return (void *)(uintptr_t)base;
}

static void check(uint64_t address, unsigned size, bool hooked)
{
    bool mapped = false;

    for (unsigned i = 0; i < map_count; i++)
        mapped |= range_within(address, size, maps[i].base, maps[i].size);
    if (!mapped || !is_aligned(address, size) || !hooked) {
        fprintf(stderr, "fake io: bad access of %u bytes at %#lx\n", size, (unsigned long)address);
        abort();
    }
}

uint64_t fake_io_load(const volatile void *p, unsigned size)
{
    check((uintptr_t)p, size, fake_io_read != NULL);
    return fake_io_read((uintptr_t)p, size);
}

void fake_io_store(volatile void *p, unsigned size, uint64_t v)
{
    check((uintptr_t)p, size, fake_io_write != NULL);
    fake_io_write((uintptr_t)p, size, v);
}
