/* exit.h - the middle of the exit path: routing an exit, and applying what its handler answered. */
#pragma once

#include <hearth/trap.h>
#include <hearth/types.h>
#include <hearth/vcpu.h>

/* exits[cause], or the interrupt's row. A cause without a row is a crash of this VM only. */
struct exit_result exit_dispatch(struct vcpu *vcpu, const struct vcpu_exit *exit);

enum run_leave {
    RUN_AGAIN,   /* enter the guest again */
    RUN_PREEMPT, /* others first */
    RUN_BLOCK,   /* wait for a wake-up */
    RUN_STOP,    /* the vcpu has left: HSM stop, or its VM is stopping */
};

/* The only writer of the guest's pc: applies the result. */
enum run_leave exit_finish(struct vcpu *vcpu, const struct vcpu_exit *exit, const struct exit_result *r);

/* Prints a crashed vcpu's report: cause, pc, registers, gpa, recent exits. */
void exit_report(const struct vcpu *vcpu, const struct vcpu_exit *exit, const char *reason);
const char *exit_reason_name(enum exit_reason reason);
