/* SPDX-License-Identifier: Apache-2.0 */
/* this_hart.h - the hart's own struct hart, kept in tp while the hypervisor runs. */
#pragma once

struct hart;

static inline struct hart *this_hart(void)
{
    struct hart *h;

    __asm__("mv %0, tp" : "=r"(h));
    return h;
}
