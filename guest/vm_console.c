/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_console.c - a VM as a client of the console (console.h): reports input, or room for output, to
 * its board, and charges the VM for its output. No state.
 */
#include <hearth/console/console.h>
#include <hearth/core/sched.h>
#include <hearth/core/upcalls.h>
#include <hearth/guest/board.h>

static void vm_console_event(void *owner)
{
    board_console_event(owner);
}

static void vm_console_charge(void *owner, uint64_t ticks)
{
    sched_charge(owner, ticks);
}

const struct console_client_ops vm_console_ops = {
    .input = vm_console_event,
    .room = vm_console_event,
    .charge = vm_console_charge,
};
