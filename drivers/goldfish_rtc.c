/* SPDX-License-Identifier: Apache-2.0 */
/*
 * goldfish_rtc.c - the host's Goldfish RTC (Android emulator's "goldfish hardware" list; QEMU
 * virt). Two 32-bit registers hold nanoseconds since 1970; a read of the low one latches the high
 * one. Locking: none; boot only.
 */
#include <arch/io.h>
#include <hearth/lib/errno.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/mm/stage1.h>
#include <hearth/platform/platform.h>
#include <hearth/platform/wallclock.h>

#define RTC_TIME_LOW  0x00
#define RTC_TIME_HIGH 0x04
#define RTC_REGS      0x08

static int goldfish_rtc_probe(const struct platform *p)
{
    volatile uint8_t *regs;
    uint32_t low;

    if (p->rtc_base == 0 || p->rtc_size < RTC_REGS || !is_aligned(p->rtc_base, sizeof(uint32_t)))
        return -HV_ENODEV;
    regs = stage1_map_device(p->rtc_base, p->rtc_size);
    if (regs == NULL)
        return -HV_ENODEV;
    low = io_read32(regs + RTC_TIME_LOW);
    wallclock_set((uint64_t)io_read32(regs + RTC_TIME_HIGH) << 32 | low);
    return 0;
}

const struct host_driver goldfish_rtc_driver = {
    .name = "google,goldfish-rtc",
    .kind = HOST_DRIVER_CLOCK,
    .probe = goldfish_rtc_probe,
};
