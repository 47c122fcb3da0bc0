/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest.h - faults of the hypervisor on purpose, so that its last words can be tested: boot
 * argument hearth.selftest=KIND@HART, KIND one of fault, write-text, exec-data, overflow, panic;
 * HART an index.
 */
#pragma once

#include <hearth/lib/types.h>

/* Boot argument's value; false: ill-formed. */
bool selftest_set(const char *value, size_t len);
/* Each hart, when it is up: does what was asked of it. */
void selftest_run(unsigned hart);
