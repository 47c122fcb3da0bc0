/* SPDX-License-Identifier: Apache-2.0 */
/* restart_log.c - see restart_log.h. */
#include <hearth/core/restart_log.h>

bool restart_allowed(struct restart_log *log, uint64_t now, uint32_t limit, uint64_t period)
{
    uint32_t recent = 0;

    for (uint32_t i = 0; i < log->count; i++)
        if (now - log->at[i] < period)
            recent++;
    if (limit != 0 && recent >= limit)
        return false;
    log->at[log->next] = now;
    log->next = (log->next + 1) % VM_RESTARTS_MAX;
    log->count = MIN(log->count + 1, VM_RESTARTS_MAX);
    return true;
}
