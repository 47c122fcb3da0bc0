/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_test.h - a VM of three vcpus with the real board, for device tests. Each test is one .c
 * file, so the definitions are static.
 */
#pragma once

#include <hearth/kernel/hart.h>
#include <hearth/guest/board.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>

#include "fakes/fakes.h"

#define TEST_VCPUS 3

static struct vm vm;
static struct vcpu vcpus[TEST_VCPUS];

static inline int board_up(void **state)
{
    (void)state;
    memset(&vm, 0, sizeof(vm));
    memset(vcpus, 0, sizeof(vcpus));
    memset(fake_virq_level, 0, sizeof(fake_virq_level));
    vm.config.vcpus = TEST_VCPUS;
    for (uint32_t i = 0; i < TEST_VCPUS; i++) {
        vcpus[i].vm = &vm;
        vcpus[i].id = i;
        vm.vcpus[i] = &vcpus[i];
    }
    fake_console_reset();
    fake_timer_reset();
    return board_init(&vm);
}

static inline int board_down(void **state)
{
    (void)state;
    fake_timer_reset();
    board_destroy(&vm);
    if (fake_locks_held != 0 || fake_pages_out != 0)
        return 1;
    return 0;
}

/* Accesses by vcpu 0 that must succeed. */
static inline uint64_t mmio_ok_read(gpa_t gpa, unsigned size)
{
    uint64_t v = 0x5a5a5a5a5a5a5a5a;

    assert_int_equal(mmio_read(&vcpus[0], gpa, size, &v), 0);
    return v;
}

static inline void mmio_ok_write(gpa_t gpa, unsigned size, uint64_t value)
{
    assert_int_equal(mmio_write(&vcpus[0], gpa, size, value), 0);
}
