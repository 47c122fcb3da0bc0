/* SPDX-License-Identifier: Apache-2.0 */
/* restart_log.h - how often something has restarted of late. Pure; the caller's lock. */
#pragma once

#include <hearth/core/vm_config.h>
#include <hearth/lib/types.h>

struct restart_log {
    uint32_t next;                /* row of the next one */
    uint32_t count;               /* rows filled */
    uint64_t at[VM_RESTARTS_MAX]; /* when, oldest overwritten first */
};

/*
 * A restart at `now` (ticks; never before an earlier one's): true, and noted, when fewer than
 * `limit` (0: no limit; at most VM_RESTARTS_MAX) were noted within the `period` ticks up to now.
 */
bool __must_check restart_allowed(struct restart_log *log, uint64_t now, uint32_t limit,
                                  uint64_t period);
