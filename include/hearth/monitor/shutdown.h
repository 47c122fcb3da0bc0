/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shutdown.h - requests a guest's shutdown by the method in its description, and logs a line if the
 * guest does not shut down in time.
 */
#pragma once

#include <hearth/core/vm_component.h>

struct vm;

extern const struct vm_component shutdown_component;

/* Requests the shutdown. 0; -HV_EBUSY: the VM does not run; -HV_EEXIST: a request is pending;
 * -HV_ENOTSUP: its description allows no request, or the message would go to a peer; -HV_ENOSPC:
 * its message queue is full. No lock of rank VM or above. */
int __must_check shutdown_ask(struct vm *vm);
