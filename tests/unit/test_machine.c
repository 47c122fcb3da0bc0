/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c, finisher.c, goldfish_rtc.c, wallclock.c, console_device.c: the small devices, present,
 * absent, and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <hearth/drivers/console_device.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/machine.h>
#include <hearth/platform/platform.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/platform/wallclock.h>

#include "fakes/fakes.h"
#include "fakes/io.h"

#define FINISHER 0x100000ull
#define RTC      0x101000ull

static struct platform plat;
static jmp_buf reset_called;
static uint32_t finisher_value, reset_reason;
static unsigned drains, finisher_writes;
static uint64_t rtc;
static bool rtc_ticks;

static void drain(void)
{
    drains++;
}

int64_t sbi_client_system_reset(uint32_t type, uint32_t reason)
{
    assert_int_equal(type, SBI_SRST_TYPE_SHUTDOWN);
    reset_reason = reason;
    longjmp(reset_called, 1);
}

static uint64_t bus_read(uint64_t address, unsigned size)
{
    static uint32_t latched;

    assert_int_equal(size, 4);
    if (address == RTC) {
        uint32_t low = (uint32_t)rtc;

        latched = (uint32_t)(rtc >> 32);
        if (rtc_ticks)
            rtc++;
        return low;
    }
    assert_int_equal(address, RTC + 4);
    return latched;
}

static void bus_write(uint64_t address, unsigned size, uint64_t value)
{
    assert_int_equal(address, FINISHER);
    assert_int_equal(size, 4);
    finisher_value = (uint32_t)value;
    finisher_writes++;
}

/* ---- the other drivers ---- */

static const struct console_ops uart_ops = {.name = "uart"};
const struct console_ops sbi_console_ops = {.name = "sbi"};
static int uart_error;
static unsigned warnings;

void log_warn(const char *fmt, ...)
{
    (void)fmt;
    warnings++;
}

static int uart_probe(const struct platform *p)
{
    (void)p;
    if (uart_error == 0)
        console_device_set(&uart_ops);
    return uart_error;
}

static int sbi_probe(const struct platform *p)
{
    (void)p;
    console_device_set(&sbi_console_ops);
    return 0;
}

static int absent_probe(const struct platform *p)
{
    (void)p;
    return -HV_ENODEV;
}

const struct host_driver ns16550_driver = {"uart", HOST_DRIVER_CONSOLE, uart_probe};
const struct host_driver sbi_console_driver = {"sbi", HOST_DRIVER_CONSOLE, sbi_probe};
const struct host_driver plic_driver = {"plic", HOST_DRIVER_INTC, absent_probe};
const struct host_driver aplic_direct_driver = {"aplic", HOST_DRIVER_INTC, absent_probe};
const struct host_driver aplic_msi_driver = {"aplic", HOST_DRIVER_INTC, absent_probe};

static int setup(void **state)
{
    (void)state;
    fake_io_reset();
    fake_timer_reset();
    fake_io_read = bus_read;
    fake_io_write = bus_write;
    memset(&plat, 0, sizeof(plat));
    machine_set_drain(drain);
    machine_set_finisher(NULL);
    plat.timebase_hz = 10000000;
    finisher_value = 0;
    reset_reason = ~0u;
    drains = 0;
    rtc_ticks = false;
    uart_error = -HV_ENODEV;
    warnings = 0;
    return 0;
}

static void off(enum machine_exit code)
{
    uint64_t start = fake_timer_now;
    unsigned writes = finisher_writes;

    fake_timer_step = 1000; /* 100 us a look */
    host_drivers_probe(&plat);
    if (setjmp(reset_called) == 0)
        machine_off(code);
    /* A finisher is given time, but not for ever, before the firmware is asked. */
    if (finisher_writes != writes)
        assert_in_range(fake_timer_now - start, 10000000, 50000000);
}

static void finisher_carries_the_code(void **state)
{
    (void)state;
    plat.test_finisher.base = FINISHER;
    plat.test_finisher.size = 0x1000;
    off(MACHINE_EXIT_OK);
    assert_int_equal(finisher_value, 0x5555);
    assert_int_equal(reset_reason, SBI_SRST_REASON_NONE); /* a finisher that did not */
    off(MACHINE_EXIT_PANIC);
    assert_int_equal(finisher_value, 0x43333);
    assert_int_equal(reset_reason, SBI_SRST_REASON_SYSFAIL);
    off(MACHINE_EXIT_VM_REFUSED);
    assert_int_equal(finisher_value, 0x73333);
    assert_int_equal(drains, 3);
}

static void without_finisher_the_firmware_ends_it(void **state)
{
    (void)state;
    off(MACHINE_EXIT_OK);
    assert_int_equal(reset_reason, SBI_SRST_REASON_NONE);
    off(MACHINE_EXIT_VM_CRASHED);
    assert_int_equal(reset_reason, SBI_SRST_REASON_SYSFAIL);
    plat.test_finisher.base = FINISHER + 2;
    plat.test_finisher.size = 0x1000;
    off(MACHINE_EXIT_OK);
    plat.test_finisher.base = FINISHER;
    plat.test_finisher.size = 3;
    off(MACHINE_EXIT_OK);
    plat.test_finisher.size = 0x1000;
    fake_map_fails = 1;
    off(MACHINE_EXIT_OK);
    assert_int_equal(finisher_value, 0);
}

static void wallclock_goes_on_from_the_rtc(void **state)
{
    (void)state;
    plat.rtc_base = RTC;
    plat.rtc_size = 0x1000;
    rtc = 0x17ffffffffffffffull; /* the low word is about to wrap */
    rtc_ticks = true;
    fake_timer_now = 5000;
    wallclock_init(&plat);
    host_drivers_probe(&plat);
    assert_true(host_wallclock_ns() == 0x17ffffffffffffffull);
    fake_timer_now += 10;
    assert_true(host_wallclock_ns() == 0x17ffffffffffffffull + 1000);
    /* Ten years on: no overflow on the way. */
    fake_timer_now = 5000 + 10ull * 365 * 86400 * 10000000 + 7;
    assert_true(host_wallclock_ns() ==
                0x17ffffffffffffffull + 10ull * 365 * 86400 * 1000000000 + 700);
}

static void without_rtc_the_clock_starts_at_zero(void **state)
{
    (void)state;
    fake_timer_now = 77;
    wallclock_init(&plat);
    host_drivers_probe(&plat);
    fake_timer_now += 3;
    assert_int_equal(host_wallclock_ns(), 300);

    plat.rtc_base = RTC;
    plat.rtc_size = 4; /* too small */
    wallclock_init(&plat);
    host_drivers_probe(&plat);
    assert_int_equal(host_wallclock_ns(), 0);
    plat.rtc_size = 0x1000;
    plat.rtc_base = RTC + 1;
    wallclock_init(&plat);
    host_drivers_probe(&plat);
    assert_int_equal(host_wallclock_ns(), 0);
    plat.timebase_hz = 0;
    plat.rtc_base = 0;
    wallclock_init(&plat);
    host_drivers_probe(&plat);
    fake_timer_now += 1000;
    assert_int_equal(host_wallclock_ns(), 0);
}

static void console_is_the_uart_else_the_firmwares(void **state)
{
    (void)state;
    uart_error = 0;
    host_drivers_probe(&plat);
    assert_ptr_equal(console_device_get(), &uart_ops);
    uart_error = -HV_ENODEV;
    host_drivers_probe(&plat);
    assert_ptr_equal(console_device_get(), &sbi_console_ops);
    assert_int_equal(warnings, 0);
    uart_error = -HV_EINVAL; /* one that cannot be driven */
    host_drivers_probe(&plat);
    assert_ptr_equal(console_device_get(), &sbi_console_ops);
    assert_int_equal(warnings, 1);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(finisher_carries_the_code),
        T(without_finisher_the_firmware_ends_it),
        T(wallclock_goes_on_from_the_rtc),
        T(without_rtc_the_clock_starts_at_zero),
        T(console_is_the_uart_else_the_firmwares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
