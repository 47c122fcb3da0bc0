/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell.h - the management shell on the console: reads lines and runs commands. It runs as a work
 * item (work.h) in short chunks, so that it does not delay the hart's VMs. A command's function is
 * called repeatedly until it is done; its output is sent between calls. The shell is a client of
 * the console (console.h).
 *
 * Locking: only the work item accesses the shell's state, except two atomic flags.
 */
#pragma once

#include <hearth/lib/json.h>
#include <hearth/lib/types.h>

/* Boot: starts the shell as work of this hart. */
void shell_init(void);
