/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest.h - causes faults in the hypervisor, to test its panic reports. Boot argument
 * hearth.selftest=KIND@HART; KIND: fault, write-text, exec-data, overflow or panic; HART: an index.
 */
#pragma once

#include <hearth/lib/types.h>

/* Sets the boot argument's value; false: invalid. */
bool selftest_set(const char *value, size_t len);
/* Each hart, when it is online: causes the requested fault. */
void selftest_run(unsigned hart);
