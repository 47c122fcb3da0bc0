/* crash_report.h - what is said of a vcpu whose guest could not go on. */
#pragma once

#include <hearth/core/vcpu.h>

/* On the log: cause, where, registers, backtrace, the last exits. The vcpu is loaded on this hart.
 */
void crash_report(const struct vcpu *vcpu, const struct vcpu_exit *exit, const char *reason);
