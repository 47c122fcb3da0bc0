/* SPDX-License-Identifier: Apache-2.0 */
/* console_device.c - the host's console device, set by its driver's probe. Boot only. */
#include <hearth/drivers/console_device.h>

static const struct console_ops *console_device_ops;

void console_device_set(const struct console_ops *ops)
{
    console_device_ops = ops;
}

const struct console_ops *console_device_get(void)
{
    return console_device_ops;
}
