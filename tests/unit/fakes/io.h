/* SPDX-License-Identifier: Apache-2.0 */
/* io.h - fakes/io.c: a bus of device registers that a test implements. An access that is not
 * naturally aligned, outside the mapped ranges, or without a hook aborts the test program. */
#pragma once

#include <hearth/lib/types.h>

extern uint64_t (*fake_io_read)(uint64_t address, unsigned size);
extern void (*fake_io_write)(uint64_t address, unsigned size, uint64_t value);
extern unsigned fake_map_fails; /* 1: stage1_map_device() fails */
void fake_io_reset(void);
