/* SPDX-License-Identifier: Apache-2.0 */
/* exit_path.h - a hart's exit path: three trap vectors, so that exits that are not measured pay
 * nothing for it. */
#pragma once

#define LATENCY_BIN_SHIFT 7 /* log2 of the bytes of a bin's counters */

#ifndef __ASSEMBLER__

enum exit_path {
    EXIT_PATH_PLAIN,
    EXIT_PATH_TIMED,  /* each exit's latency goes into its vcpu's histogram */
    EXIT_PATH_TRACED, /* by vcpu_exited_traced(); adds latencies if they are measured */
};

/* Selects this hart's path, from its next trap on. */
void exit_path_select(enum exit_path path);

#endif
