/* exit.h - names of the exit path's vocabulary (core/exit.c; vcpu_exited() is declared in vcpu.h).
 */
#pragma once

#include <hearth/vcpu.h>

/* As ABI.md spells it. */
const char *exit_reason_name(enum exit_reason reason);
