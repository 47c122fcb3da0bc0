/*
 * log.h - the hypervisor's own words: one line a call, "hearth: " in front, on the console.
 * Any hart, any context but NMI-like ones; takes the console's lock.
 */
#pragma once

#include <hearth/lib/types.h>

struct vm;

void log_info(const char *fmt, ...) __printf(1, 2);
void log_warn(const char *fmt, ...) __printf(1, 2);
void log_error(const char *fmt, ...) __printf(1, 2);
/* A line about a VM: "hearth: [name] ...". */
void log_vm(const struct vm *vm, const char *fmt, ...) __printf(2, 3);
/* The same for a text from the guest, escaped (text.h): one whole line, of at most 1024 bytes of
 * text. False: the console has no room for it now, call again (console_write_text()). */
bool __must_check log_vm_text(const struct vm *vm, const char *label, const char *text, size_t len);

/* The latest lines, for the shell: where the oldest one kept begins; bytes from *at on, at most
 * `most`, *at moves behind them. 0: no more. */
uint64_t log_oldest(void);
size_t log_read(uint64_t *at, char *buf, size_t most);
