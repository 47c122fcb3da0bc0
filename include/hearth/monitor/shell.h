/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell.h - the management shell on the console: reads lines, runs commands. It is work of the hart
 * that receives the console's input (work.h): each call does one short step, so that VMs on that
 * hart are not held up. A command's function is called again and again until it is done; between
 * the calls its output goes out. It is a client of the console (console.h).
 *
 * Locking: all is touched by the work only, but for two atomic flags.
 */
#pragma once

#include <hearth/lib/json.h>
#include <hearth/lib/types.h>

/* Boot: whose work it is, this hart's. */
void shell_init(void);
