/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_report.h - logs the report of a crashed vcpu: cause, location, registers, backtrace, the
 * last exits.
 */
#pragma once

#include <hearth/core/vm_component.h>

extern const struct vm_component crash_report_component;
