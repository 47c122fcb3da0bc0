/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time.c - SBI TIME extension (v3.0, chapter "Timer Extension"). The deadline is guest time;
 * core/vtimer.c implements the timer.
 */
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vtimer.h>

static struct exit_result time_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    if (call->fid == SBI_TIME_SET_TIMER) {
        fw_count(vcpu, SBI_PMU_FW_SET_TIMER);
        ret->error = SBI_SUCCESS;
        vtimer_set(vcpu, call->arg[0]);
    }
    return exit_next(4);
}

const struct sbi_extension sbi_ext_time = {
    .first = SBI_EXT_TIME,
    .last = SBI_EXT_TIME,
    .name = "time",
    .handle = time_handle,
};
