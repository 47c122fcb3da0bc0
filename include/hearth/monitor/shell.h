/*
 * shell.h - the management shell on the console: reads lines, runs commands. It is work of the hart
 * that receives the console's input (work.h): each call does one short step, so that VMs on that
 * hart are not held up. A command's function is called again and again until it is done; between
 * the calls its output goes out.
 *
 * Locking: the input ring's head is moved under the console's lock, all else is touched by the work
 * only.
 */
#pragma once

#include <hearth/lib/json.h>
#include <hearth/lib/types.h>

struct vm;

/* The console, with its lock: a byte was typed at the shell. When the ring is full it is lost. */
void shell_put(char byte);
/* The console, in the shell's own work: the oldest byte that the shell has not taken yet. */
bool __must_check shell_take(char *byte);
/* The console, after that, without locks. */
void shell_wake(void);
/* Boot: whose work it is, this hart's. */
void shell_init(void);
