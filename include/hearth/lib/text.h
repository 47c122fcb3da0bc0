/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - escapes bytes from a guest, a bundle or a device tree for display on a terminal.
 */
#pragma once

#include <hearth/lib/types.h>

/*
 * Copies in[0..len) to out in a form that cannot control a terminal: printable ASCII, tab and valid
 * UTF-8 of printable characters (none of C0, C1, or the bidirectional and line controls) are
 * copied; every other byte becomes \xNN. Stops before out would exceed cap. Returns the number of
 * bytes written to out; *taken (may be NULL) is the number of bytes of in consumed: all of them if
 * cap >= 4 * len. Pure.
 */
size_t text_escape(char *out, size_t cap, const char *in, size_t len, size_t *taken);
