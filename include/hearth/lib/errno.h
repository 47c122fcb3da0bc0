/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errno.h - internal errors: functions return 0 or -HV_E*. They never reach a guest: sbi/ returns
 * the error codes of abi/sbi.h, and traps are struct guest_trap.
 */
#pragma once

enum hv_error {
    HV_ENOMEM = 1, /* no pages left */
    HV_EINVAL,     /* an argument or a described value is wrong */
    HV_ENOENT,     /* not found */
    HV_ENODEV,     /* hardware absent */
    HV_EBUSY,      /* in use, or in the wrong state */
    HV_EFAULT,     /* an access was refused: guest memory or device register */
    HV_ERANGE,     /* outside the permitted range */
    HV_EEXIST,     /* already present */
    HV_ENOSPC,     /* table, queue or buffer full */
    HV_EIO,        /* a device or the firmware reported failure */
    HV_ENOTSUP,    /* valid, but not supported here */
};
