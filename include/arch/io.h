/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.h - access to device registers, ordered with memory like Linux's readl() and writel(): a
 * register read completes before later memory reads, and earlier memory writes are visible before a
 * register write. Unit tests replace this file.
 */
#pragma once

#include <hearth/lib/types.h>

static inline uint8_t io_read8(const volatile void *p)
{
    uint8_t v = *(const volatile uint8_t *)p;

    __asm__ volatile("fence i, r" ::: "memory");
    return v;
}

static inline uint16_t io_read16(const volatile void *p)
{
    uint16_t v = *(const volatile uint16_t *)p;

    __asm__ volatile("fence i, r" ::: "memory");
    return v;
}

static inline uint32_t io_read32(const volatile void *p)
{
    uint32_t v = *(const volatile uint32_t *)p;

    __asm__ volatile("fence i, r" ::: "memory");
    return v;
}

static inline void io_write8(volatile void *p, uint8_t v)
{
    __asm__ volatile("fence w, o" ::: "memory");
    *(volatile uint8_t *)p = v;
}

static inline void io_write16(volatile void *p, uint16_t v)
{
    __asm__ volatile("fence w, o" ::: "memory");
    *(volatile uint16_t *)p = v;
}

static inline void io_write32(volatile void *p, uint32_t v)
{
    __asm__ volatile("fence w, o" ::: "memory");
    *(volatile uint32_t *)p = v;
}
