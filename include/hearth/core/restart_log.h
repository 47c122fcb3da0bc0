/* SPDX-License-Identifier: Apache-2.0 */
/* restart_log.h - the times of recent restarts. Pure; the caller locks. */
#pragma once

#include <hearth/core/vm_config.h>
#include <hearth/lib/types.h>

struct restart_log {
    uint32_t next;                /* index of the next entry */
    uint32_t count;               /* valid entries */
    uint64_t at[VM_RESTARTS_MAX]; /* ticks; the oldest is overwritten first */
};

/*
 * True, and records a restart at `now` (ticks, never before an earlier one), if fewer than `limit`
 * (0: no limit; at most VM_RESTARTS_MAX) were recorded within the last `period` ticks.
 */
bool __must_check restart_allowed(struct restart_log *log, uint64_t now, uint32_t limit,
                                  uint64_t period);
