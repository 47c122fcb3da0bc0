/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.h - the states of a VM, named as libvirt's users know them, and the operations that
 * start, stop, restart and destroy it; pause.h has pause and resume. An operation may be called on
 * any hart at any time, with no lock of rank VM or above held, whatever the guest and other callers
 * do at the same time. It either begins, and then completes by itself, or returns -HV_EBUSY because
 * the state does not allow it. None waits.
 *
 *   defined, shut off, crashed, preserved -- start --> starting --> running
 *   running <-- pause, resume --> paused
 *   starting, running, paused -- stop, or the guest's own end --> stopping
 *   stopping --> shut off or crashed, or preserved, or starting again (reset; on_... = "restart")
 *   any -- destroy --> gone, with all its memory
 */
#pragma once

#include <hearth/core/vm.h>

/* Loads the images in chunks, as work of the VM (vm_work.h), then makes vcpu 0 runnable at the
 * kernel's entry, a0 = 0, a1 = device tree. A VM that cannot be loaded ends as VM_NOT_STARTED
 * (logged). */
int __must_check vm_start(struct vm *vm);
/* Stops a VM whatever its guest does. A preserved VM becomes shut off or crashed. */
int __must_check vm_stop(struct vm *vm);
/* Restarts a running, paused or preserved VM from its images. */
int __must_check vm_reset(struct vm *vm);
/* Stops the VM if it runs, then frees all that it has. The caller must not use the pointer any
 * more. */
int __must_check vm_destroy(struct vm *vm);

/*
 * A stop that the guest asked for, or its crash: records the kind and the reason (static text), and
 * kicks every vcpu. The first request wins; later ones are ignored, except the operator's. Returns
 * at once; the last vcpu that leaves completes the stop, and the description's on_poweroff,
 * on_reboot or on_crash says what follows.
 */
void vm_request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason);

/* For vcpu.c: the last vcpu of a stopping VM has left. On that vcpu's hart, no lock held. */
void vm_finish_stop(struct vm *vm);
/* For core/: sets and traces the state. */
void vm_set_state(struct vm *vm, enum vm_state state) __must_hold(&vm->lock);

/* "running", ...: the state's name for users. */
const char *vm_state_name(enum vm_state state);
/* The VM has ended and is not going to restart. */
bool vm_has_ended(enum vm_state state);
/* No vcpu of the VM runs and none is about to: it has ended, was never started, or is preserved. */
bool vm_is_inactive(enum vm_state state);
