/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channels.h - memory channels between VMs: a part of one VM's RAM (the publisher's) in the
 * guest-physical space of one other (the subscriber), and a doorbell each way.
 *
 * Which channels there are says the description: each VM has those that it may publish or subscribe
 * to in config.channels[], and their index there, the channel's id, is what its guest calls them
 * by. Channel `id` of a VM has a window of guest-physical space on its board, where the pages
 * appear when it subscribes, and a source of its PLIC: level, high while the VM has events of the
 * channel that it has not taken (channel_take_events()).
 *
 * A publication ends by channel_unpublish() and when the publisher restarts or ends; a subscription
 * by channel_unsubscribe(), with the publication, and when the subscriber restarts or ends. After
 * that nothing of the subscriber's reaches the pages: its accesses are those to a hole. Each of
 * these changes is an event for the other side. A VM that does not run gets no events.
 *
 * Locks: each channel's (rank CHANNEL), held while pages are mapped and taken away. Any hart,
 * without locks of rank VM or above. Arguments come from guests unchecked.
 */
#pragma once

#include <hearth/core/vm_component.h>
#include <hearth/core/vm_config.h>
#include <hearth/lib/types.h>

#define CHANNEL_SMALL (2 * MIB) /* larger regions are aligned to it, and so have large pages */

struct vm;

/* A VM's channels. Its creation fails with -HV_ENOMEM; -HV_ENOSPC: there are too many channels;
 * -HV_ENODEV: the firmware has no remote fences. */
extern const struct vm_component channels_component;

/* Below: -HV_EINVAL: no such channel; -HV_ENOTSUP: the other side's to do, or more access than the
 * description or the publisher gives; -HV_EIO: the firmware has refused a fence, the subscriber is
 * stopped, and until it has, the channel is as it was. access: SBI_CHANNEL_READ, or READ |
 * WRITE. */

/* The id of the VM's channel of this name (not NUL-terminated), or -HV_ENOENT. */
int __must_check channel_find(const struct vm *vm, const char *name, uint64_t len);
/* -HV_EINVAL: access, alignment, size; -HV_EFAULT: not the VM's RAM; -HV_EEXIST: published. */
int __must_check channel_publish(struct vm *vm, uint64_t id, gpa_t gpa, uint64_t size,
                                 uint64_t access);
/* -HV_EBUSY: not published. */
int __must_check channel_unpublish(struct vm *vm, uint64_t id);
/* 0 with *gpa where the pages are now; -HV_EINVAL: access; -HV_EBUSY: not published; -HV_EEXIST:
 * subscribed; -HV_ENOMEM. */
int __must_check channel_subscribe(struct vm *vm, uint64_t id, uint64_t access, gpa_t *gpa);
/* -HV_EBUSY: not subscribed. */
int __must_check channel_unsubscribe(struct vm *vm, uint64_t id);
/* Rings the other side's doorbell. -HV_EBUSY: it is not subscribed. */
int __must_check channel_notify(struct vm *vm, uint64_t id);
/* *status: SBI_CHANNEL_* bits and, above them, the size published. */
int __must_check channel_status(struct vm *vm, uint64_t id, uint64_t *status);
/* *events: SBI_CHANNEL_EVENT_* since the last call; they are no more, and the line falls. */
int __must_check channel_take_events(struct vm *vm, uint64_t id, uint64_t *events);
