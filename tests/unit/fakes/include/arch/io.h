/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.h (host fake) - hooks of fakes/io.c implement device registers. Addresses are "physical": the
 * fake stage1_map_device() returns the address that it maps.
 */
#pragma once

#include <hearth/lib/types.h>

uint64_t fake_io_load(const volatile void *p, unsigned size);
void fake_io_store(volatile void *p, unsigned size, uint64_t v);

#define io_read8(p)      ((uint8_t)fake_io_load((p), 1))
#define io_read16(p)     ((uint16_t)fake_io_load((p), 2))
#define io_read32(p)     ((uint32_t)fake_io_load((p), 4))
#define io_write8(p, v)  fake_io_store((p), 1, (v))
#define io_write16(p, v) fake_io_store((p), 2, (v))
#define io_write32(p, v) fake_io_store((p), 4, (v))
