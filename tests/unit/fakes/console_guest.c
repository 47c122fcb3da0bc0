/* console_guest.c - fake: a VM's end of the line, two buffers. */
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
    input_len = 0;
}

void fake_console_type(const void *bytes, size_t len)
{
    if (len > sizeof(input) - input_len)
        abort();
    memcpy(input + input_len, bytes, len);
    input_len += len;
}

void console_guest_write(struct vm *vm, const char *buf, size_t len)
{
    (void)vm;
    if (len > sizeof(fake_console_out) - fake_console_out_len)
        abort();
    memcpy(fake_console_out + fake_console_out_len, buf, len);
    fake_console_out_len += len;
}

size_t console_guest_read(struct vm *vm, char *buf, size_t len)
{
    size_t n = MIN(len, input_len);

    (void)vm;
    memcpy(buf, input, n);
    memmove(input, input + n, input_len - n);
    input_len -= n;
    return n;
}

bool console_guest_has_input(struct vm *vm)
{
    (void)vm;
    return input_len > 0;
}
