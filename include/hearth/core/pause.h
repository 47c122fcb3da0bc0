/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pause.h - a VM is paused and goes on. vm_pause() and vm_resume() keep the rules of lifecycle.h:
 * any hart, any time, no lock of rank VM or above held; -HV_EBUSY when the state does not allow it.
 */
#pragma once

#include <hearth/core/vm.h>

/* running -> paused. The guest's clock stops or runs on, as the VM's description says. The last
 * vcpu may still be on its way out when this returns: vm_is_parked(). */
int __must_check vm_pause(struct vm *vm);
/* paused -> running. */
int __must_check vm_resume(struct vm *vm);
/* True: no vcpu of the VM runs, and all registers are in the vcpus. Takes vm->lock. */
bool vm_is_parked(struct vm *vm);

/* For vcpu.c: a vcpu has left because of VCPU_REQ_PAUSE and is in no queue of the scheduler. False:
 * the VM is no longer paused, and the vcpu has to be started again. No lock held. */
bool __must_check vm_vcpu_parked(struct vcpu *vcpu);
/* For vcpu.c: a vcpu of a paused VM has stopped instead of being parked. */
void vm_note_parked(struct vm *vm) __must_hold(&vm->lock);
