/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi_console.c - the firmware's console as a console device, for machines whose UART has no driver
 * in Hearth. It has no interrupt and is polled. The firmware may wait for its UART, so a call
 * passes few bytes. Locking: the caller's (console/console_out.c), which protects the call's
 * buffer.
 */
#include <hearth/drivers/console_device.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/arch/sbi_client.h>

#define WRITE_MAX 8u /* bytes per call: 0.7 ms at 115200 baud */

static size_t sbi_console_write(const char *buf, size_t len)
{
    return sbi_client_console_write(buf, MIN(len, WRITE_MAX));
}

static size_t sbi_console_write_panic(const char *buf, size_t len)
{
    return len != 0 && sbi_client_putchar(buf[0]) ? 1 : 0;
}

const struct console_ops sbi_console_ops = {
    .name = "sbi",
    .write = sbi_console_write,
    .write_panic = sbi_console_write_panic,
    .read = sbi_client_getchar,
};

static int sbi_console_probe(const struct platform *p)
{
    (void)p;
    console_device_set(&sbi_console_ops);
    return 0;
}

const struct host_driver sbi_console_driver = {
    .name = "sbi",
    .kind = HOST_DRIVER_CONSOLE,
    .probe = sbi_console_probe,
};
