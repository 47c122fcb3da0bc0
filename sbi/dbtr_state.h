/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dbtr_state.h - a vcpu's debug triggers, shared by sbi/dbtr.c (the guest's calls) and
 * sbi/dbtr_hw.c (the hart's triggers, through the firmware's DBTR extension). Accessed on the
 * vcpu's hart only.
 */
#pragma once

#include <hearth/core/vcpu.h>

#define DBTR_TRIGGERS_MAX 16
#define DBTR_NO_HW        UINT32_MAX

struct dbtr_trigger {
    bool mapped;       /* installed by the guest */
    uint32_t hw;       /* the firmware's index while installed in this hart, else DBTR_NO_HW */
    uint64_t state;    /* trig_state, as the guest reads it */
    uint64_t tdata[3]; /* as the guest reads them, with modes S and U */
};

struct dbtr {
    gpa_t shmem; /* or DBTR_NO_SHMEM */
    uint32_t count;
    uint32_t mapped; /* number of mapped triggers; 0: a switch of vcpus skips DBTR */
    bool warned;
    struct dbtr_trigger trigger[DBTR_TRIGGERS_MAX];
};

#define DBTR_NO_SHMEM UINT64_MAX

/* Number of mcontrol6 triggers of this hart that guests can use, up to DBTR_TRIGGERS_MAX. The first
 * call on a hart sets up the firmware's shared memory. */
uint32_t dbtr_hw_count(void);
/* Installs the trigger in this hart, active in VS- and VU-mode only; a trigger without modes is not
 * installed. Returns SUCCESS, FAILED, or the firmware's NOT_SUPPORTED or INVALID_PARAM. */
int64_t dbtr_hw_install(struct dbtr_trigger *t);
void dbtr_hw_uninstall(struct dbtr_trigger *t);
