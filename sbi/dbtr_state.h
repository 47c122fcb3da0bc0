/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dbtr_state.h - a vcpu's debug triggers, between sbi/dbtr.c (the guest's calls) and sbi/dbtr_hw.c
 * (the hart's triggers, through the firmware's own DBTR extension). The vcpu's own hart only.
 */
#pragma once

#include <hearth/core/vcpu.h>

#define DBTR_TRIGGERS_MAX 16
#define DBTR_NO_HW        UINT32_MAX

struct dbtr_trigger {
    bool mapped;       /* installed by the guest */
    uint32_t hw;       /* the firmware's index while it is in this hart, else DBTR_NO_HW */
    uint64_t state;    /* trig_state, as the guest reads it */
    uint64_t tdata[3]; /* as the guest reads them: its modes are S and U */
};

struct dbtr {
    gpa_t shmem; /* or DBTR_NO_SHMEM */
    uint32_t count;
    uint32_t mapped; /* how many are: 0 makes a switch of vcpus free */
    bool warned;
    struct dbtr_trigger trigger[DBTR_TRIGGERS_MAX];
};

#define DBTR_NO_SHMEM UINT64_MAX

/* Triggers of this hart that guests can have: of type mcontrol6, up to DBTR_TRIGGERS_MAX. Sets the
 * firmware's shared memory up at the first call on a hart. */
uint32_t dbtr_hw_count(void);
/* Puts it into this hart, active in VS- and VU-mode alone; one without modes stays out. FAILED,
 * or NOT_SUPPORTED or INVALID_PARAM as the firmware has it. */
int64_t dbtr_hw_install(struct dbtr_trigger *t);
void dbtr_hw_uninstall(struct dbtr_trigger *t);
