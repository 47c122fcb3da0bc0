/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.c - the tables that join the layers: a lower layer declares a table (upcalls.h) and calls
 * its entries, which higher layers define. Constant.
 */
#include <arch/csr.h>
#include <hearth/core/upcalls.h>
#include <hearth/guest/board.h>
#include <hearth/guest/upcalls.h>
#include <hearth/ipc/channels.h>
#include <hearth/ipc/messages.h>
#include <hearth/monitor/crash_report.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/monitor/shutdown.h>
#include <hearth/sbi/pmu.h>
#include <hearth/sbi/sbi.h>

/* Channels drive interrupt lines of the board, so they are created after it and destroyed before
 * it. machine_end is last, because its hook may end the machine. */
const struct vm_component *const vm_components[] = {
    &sbi_component,      &board_component,        &messages_component,    &channels_component,
    &shutdown_component, &crash_report_component, &machine_end_component, NULL,
};

const struct vcpu_switch *const vcpu_switched[] = {&sbi_switch, NULL};

const struct emulated_csr emulated_csrs[] = {
    {CSR_CYCLE, CSR_CYCLE + 31, pmu_read_csr},
    {CSR_SCOUNTOVF, CSR_SCOUNTOVF, pmu_read_csr},
    {.read = NULL},
};
