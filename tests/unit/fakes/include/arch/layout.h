/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h (host fake) - "physical" memory is an array of FAKE_RAM_SIZE bytes, initially 0, at
 * FAKE_RAM_BASE. An address outside it fails the test.
 */
#pragma once

#include <hearth/lib/types.h>

#define FAKE_RAM_BASE 0x80000000ull
#define FAKE_RAM_SIZE (8 * GIB)

extern uint8_t *fake_ram; /* set before main(), then constant */

__attribute__((noreturn)) void fake_bad_address(uint64_t address);

hpa_t image_to_phys(const void *p); /* fakes/firmware.c */

static inline void *phys_to_virt(hpa_t hpa)
{
    if (hpa < FAKE_RAM_BASE || hpa - FAKE_RAM_BASE > FAKE_RAM_SIZE)
        fake_bad_address(hpa);
    return fake_ram + (hpa - FAKE_RAM_BASE);
}

static inline hpa_t virt_to_phys(const void *p)
{
    uint64_t offset = (uint64_t)((uintptr_t)p - (uintptr_t)fake_ram);

    if (offset > FAKE_RAM_SIZE)
        fake_bad_address((uintptr_t)p);
    return offset + FAKE_RAM_BASE;
}
