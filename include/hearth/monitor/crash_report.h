/*
 * crash_report.h - tells on the log of a vcpu whose guest could not go on: cause, where, registers,
 * backtrace, the last exits.
 */
#pragma once

#include <hearth/core/vm_component.h>

extern const struct vm_component crash_report_component;
