/* SPDX-License-Identifier: Apache-2.0 */
/* console_guest.c - fake: a VM's side of the console, two buffers. Accepts fake_console_room bytes
 * of output. */
#include <hearth/console/console.h>

#include "fakes.h"

#include <stdlib.h>
#include <string.h>

char fake_console_out[4096];
size_t fake_console_out_len;
static char input[4096];
static size_t input_len;

void fake_console_reset(void)
{
    fake_console_out_len = 0;
    fake_console_room = SIZE_MAX;
    fake_console_lost = 0;
    input_len = 0;
}

void fake_console_type(const void *bytes, size_t len)
{
    if (len > sizeof(input) - input_len)
        abort();
    memcpy(input + input_len, bytes, len);
    input_len += len;
}

size_t fake_console_room = SIZE_MAX;
size_t fake_console_lost;

size_t console_client_write(struct console_client *c, const char *buf, size_t len)
{
    (void)c;
    len = MIN(len, fake_console_room);
    if (fake_console_room != SIZE_MAX)
        fake_console_room -= len;
    if (len > sizeof(fake_console_out) - fake_console_out_len)
        abort();
    memcpy(fake_console_out + fake_console_out_len, buf, len);
    fake_console_out_len += len;
    return len;
}

void console_client_lost(struct console_client *c, size_t len)
{
    (void)c;
    fake_console_lost += len;
}

size_t console_client_read(struct console_client *c, char *buf, size_t len)
{
    size_t n = MIN(len, input_len);

    (void)c;
    memcpy(buf, input, n);
    memmove(input, input + n, input_len - n);
    input_len -= n;
    return n;
}

bool console_client_has_input(const struct console_client *c)
{
    (void)c;
    return input_len > 0;
}
