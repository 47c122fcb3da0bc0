/*
 * text.h - making bytes from a guest, a bundle or a device tree fit to be shown on a terminal.
 */
#pragma once

#include <hearth/lib/types.h>

/*
 * Copies in[0..len) to out so that a terminal shows it and does nothing else: printable ASCII, tab
 * and valid UTF-8 of printable characters (none of C0, C1, or the bidirectional and line controls)
 * stay; every other byte becomes \xNN. Stops before out would exceed cap. Returns the bytes put in
 * out; *taken (may be NULL) the bytes of in that they stand for: all of them when cap >= 4 * len.
 * Pure.
 */
size_t text_escape(char *out, size_t cap, const char *in, size_t len, size_t *taken);
