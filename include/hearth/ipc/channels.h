/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channels.h - memory channels between VMs: a part of one VM's RAM (the publisher's), mapped into
 * the guest-physical space of one other VM (the subscriber), and a doorbell in each direction.
 *
 * The VMs' descriptions define the channels. config.channels[] of a VM lists the channels that it
 * may publish or subscribe to; a channel's index there is its id in the guest's calls. Channel `id`
 * of a VM has a window of guest-physical addresses on its board, where the pages appear when it
 * subscribes, and a source of its PLIC. The source is level-triggered: high while the VM has events
 * of the channel that it has not taken (channel_take_events()).
 *
 * A publication ends with channel_unpublish(), or when the publisher restarts or ends. A
 * subscription ends with channel_unsubscribe(), with the publication, or when the subscriber
 * restarts or ends. From then on the subscriber cannot reach the pages: accesses to the window
 * fault as in a hole. Each of these changes is an event for the other side. A VM that does not run
 * receives no events.
 *
 * Locks: each channel has one (rank CHANNEL), which is held while pages are mapped and unmapped.
 * Callable on any hart, without locks of rank VM or above. Arguments come from guests unchecked.
 */
#pragma once

#include <hearth/core/vm_component.h>
#include <hearth/core/vm_config.h>
#include <hearth/lib/types.h>

#define CHANNEL_SMALL (2 * MIB) /* larger regions are aligned to it, to use large pages */

struct vm;

/* A VM's channels. Its vm_create fails with -HV_ENOMEM; -HV_ENOSPC: too many channels; -HV_ENODEV:
 * the firmware has no remote fences. */
extern const struct vm_component channels_component;

/* Errors of all functions below: -HV_EINVAL: no such channel; -HV_ENOTSUP: only the other side may
 * do this, or the access is more than the description or the publisher allows; -HV_EIO: the
 * firmware refused a fence, so the subscriber is being stopped, and the channel does not change
 * until then. access: SBI_CHANNEL_READ, or READ | WRITE. */

/* Returns the id of the VM's channel with this name (not NUL-terminated), or -HV_ENOENT. */
int __must_check channel_find(const struct vm *vm, const char *name, uint64_t len);
/* -HV_EINVAL: bad access, alignment or size; -HV_EFAULT: not the VM's RAM; -HV_EEXIST: already
 * published. */
int __must_check channel_publish(struct vm *vm, uint64_t id, gpa_t gpa, uint64_t size,
                                 uint64_t access);
/* -HV_EBUSY: not published. */
int __must_check channel_unpublish(struct vm *vm, uint64_t id);
/* Returns 0 with the pages' address in *gpa; -HV_EINVAL: bad access; -HV_EBUSY: not published;
 * -HV_EEXIST: already subscribed; -HV_ENOMEM. */
int __must_check channel_subscribe(struct vm *vm, uint64_t id, uint64_t access, gpa_t *gpa);
/* -HV_EBUSY: not subscribed. */
int __must_check channel_unsubscribe(struct vm *vm, uint64_t id);
/* Rings the other side's doorbell. -HV_EBUSY: the channel is not subscribed. */
int __must_check channel_notify(struct vm *vm, uint64_t id);
/* *status: SBI_CHANNEL_* bits, plus the published size in the bits above them. */
int __must_check channel_status(struct vm *vm, uint64_t id, uint64_t *status);
/* *events: SBI_CHANNEL_EVENT_* since the last call. Clears them and lowers the interrupt line. */
int __must_check channel_take_events(struct vm *vm, uint64_t id, uint64_t *events);
