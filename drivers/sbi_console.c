/*
 * sbi_console.c - the firmware's console as a host console: for machines whose UART has no driver
 * here. Input is polled. Locking: the caller's (console/console_out.c), for the firmware
 * call's buffer.
 */
#include <hearth/console/console.h>
#include <hearth/arch/sbi_client.h>

#define REFUSALS_MAX 1000 /* calls in a row that take nothing, before the rest is dropped */

static void sbi_console_write(const char *buf, size_t len)
{
    unsigned refusals = 0;

    while (len != 0 && refusals < REFUSALS_MAX) {
        size_t n = sbi_client_console_write(buf, len);

        refusals = n == 0 ? refusals + 1 : 0;
        buf += n;
        len -= n;
    }
}

static void sbi_console_write_panic(const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!sbi_client_putchar(buf[i]))
            return;
    }
}

const struct console_ops sbi_console_ops = {
    .name = "sbi",
    .write = sbi_console_write,
    .write_panic = sbi_console_write_panic,
    .read = sbi_client_getchar,
};
