/* SPDX-License-Identifier: Apache-2.0 */
/* exit_path.h - a hart's way of taking exits: three trap vectors, so that what is not asked for
 * costs nothing. */
#pragma once

#define LATENCY_BIN_SHIFT 7 /* bytes of a bin's row, as a power of two */

#ifndef __ASSEMBLER__

enum exit_path {
    EXIT_PATH_PLAIN,
    EXIT_PATH_TIMED,  /* each exit's latency goes into its vcpu's histogram */
    EXIT_PATH_TRACED, /* by vcpu_exited_traced(), latency too if it is asked for */
};

/* This hart's, from its next trap on. */
void exit_path_select(enum exit_path path);

#endif
