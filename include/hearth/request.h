/* request.h - the run loop's side of request.c. On the hart where the vcpu is loaded. */
#pragma once

#include <hearth/types.h>

struct vcpu;

/* Brings hvip in line with what virq_set and virq_clear asked for. */
void virq_flush(struct vcpu *vcpu);
/* Does what vcpu->requests asks. True: the vcpu must leave for good (its VM is stopping). */
bool requests_handle(struct vcpu *vcpu);
