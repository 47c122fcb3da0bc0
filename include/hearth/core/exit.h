/* SPDX-License-Identifier: Apache-2.0 */
/* exit.h - the exit path's vocabulary (core/exit.c; vcpu_exited() is declared in vcpu.h). */
#pragma once

#include <hearth/core/vcpu.h>

/* As ABI.md spells it. */
const char *exit_reason_name(enum exit_reason reason);

/* The exit under way is of this reason: once for each exit, by the dispatcher or the handler. */
static inline void exit_count(struct vcpu *vcpu, enum exit_reason reason)
{
    uint64_t *count = &vcpu->stats.by_reason[reason];

    (*count)++;
    vcpu->stats.reason = count;
}

/* The handler knows better than what was counted: the exit is of this reason instead. */
static inline void exit_recount(struct vcpu *vcpu, enum exit_reason reason)
{
    (*vcpu->stats.reason)--;
    exit_count(vcpu, reason);
}
