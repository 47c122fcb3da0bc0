/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.h - what can be done to a VM, as the states of libvirt's users: defined, running,
 * paused, shut off, crashed. Every operation may be called on any hart at any time, with no lock of
 * rank VM or above held, and whatever the guest and other callers do meanwhile: each either begins,
 * and then ends without more help, or answers -HV_EBUSY because the state does not allow it. None
 * waits.
 *
 *   defined, shut off, crashed, preserved -- start --> starting --> running
 *   running <-- pause, resume --> paused
 *   starting, running, paused -- stop, or the guest's own end --> stopping
 *   stopping --> shut off or crashed, or preserved, or starting again (reset; on_... = "restart")
 *   any -- destroy --> gone, with all its memory
 */
#pragma once

#include <hearth/core/vm.h>

/* Loads the images, in pieces (work.h) on vcpu 0's hart, then makes vcpu 0 runnable at the kernel's
 * entry, a0 = 0, a1 = device tree. A VM that cannot be loaded ends as VM_NOT_STARTED (logged). */
int __must_check vm_start(struct vm *vm);

/* running -> paused. Its guest's clock stops or runs on, as described. The last vcpu may still be
 * on its way out when this returns: vm_is_parked(). */
int __must_check vm_pause(struct vm *vm);
int __must_check vm_resume(struct vm *vm);
/* No vcpu of the VM runs, and all registers are in the vcpus. */
bool vm_is_parked(struct vm *vm);

/* Ends it, whatever the guest thinks of it. On a preserved VM: ends that. */
int __must_check vm_stop(struct vm *vm);
/* Restarts a running, paused or preserved VM from its images. */
int __must_check vm_reset(struct vm *vm);
/* Stops it if it runs, then frees all that it has. The pointer is not to be used any more. */
int __must_check vm_destroy(struct vm *vm);

/*
 * The guest's own doing, or its crash: records how, and kicks every vcpu. The first request wins;
 * later ones, but the operator's, are ignored. Returns at once; the last vcpu that leaves completes
 * it. What comes then is the description's on_poweroff, on_reboot or on_crash.
 */
void vm_request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason);

/* vcpu.c: the last vcpu of a stopping VM has left. On that vcpu's hart, no lock held. */
void vm_finish_stop(struct vm *vm);
/* vcpu.c: a vcpu has left because of VCPU_REQ_PAUSE, and is off the scheduler's queues. False: the
 * pause is over, or the VM stops: it has to be started again. No lock held. */
bool __must_check vm_vcpu_parked(struct vcpu *vcpu);
/* vcpu.c: a vcpu of a paused VM has stopped instead. vm->lock held. */
void vm_note_parked(struct vm *vm);

/* VMs that are out of the table, and whose memory is not back yet. */
unsigned vm_leaving(void);

/* "running", ... : the state as users know it. */
const char *vm_state_name(enum vm_state state);
/* The VM has ended, and nothing is planned. */
bool vm_has_ended(enum vm_state state);
