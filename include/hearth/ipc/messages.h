/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages.h - a VM's message queues: whole messages of 1..MESSAGE_MAX bytes to and from whoever is
 * connected to it. That is the management shell, or the one peer VM that its description names and
 * that names it too (config.messages).
 *
 * Each VM has an inbox, and an outbox that the shell reads; what a VM sends to a peer goes straight
 * to the peer's inbox. A queue holds at most MESSAGES_MAX messages of together MESSAGES_BYTES; it
 * is first in, first out over all senders and receivers. Nothing here waits: full and empty are
 * errors. What was accepted stays until it is received: neither VM's restart nor end takes it away.
 * Until the peer exists there is nobody to send to.
 *
 * Locks: each queue's own (rank DEVICE), one for senders and one for receivers, held while a
 * message is copied. Any hart, any context without locks of that rank.
 */
#pragma once

#include <hearth/core/vm_component.h>
#include <hearth/lib/types.h>

#define MESSAGE_MAX    4096u  /* bytes of one message */
#define MESSAGES_MAX   64u    /* messages in a queue; power of two */
#define MESSAGES_BYTES 16384u /* bytes in a queue; power of two */

struct vm;
struct vcpu;

/*
 * One piece of a message: copies len bytes between `piece` and bytes offset..offset + len of the
 * sender's or the receiver's buffer. False: it cannot be copied; the message is then not sent, or
 * not received. Called with one of the queue's locks held.
 */
typedef bool (*message_copy)(void *arg, void *piece, uint64_t offset, uint64_t len);

/* Each VM's queues. A VM is connected with its peer once both are listed; what others send to one
 * that is unlisted ends when their harts are back in their run loops. */
extern const struct vm_component messages_component;

/*
 * The VM sends. 0; -HV_EINVAL: length 0 or above MESSAGE_MAX; -HV_ENOENT: its peer does not exist;
 * -HV_ENOSPC: no room, or no memory, at present; -HV_EFAULT: copy refused.
 */
int __must_check messages_send(struct vm *vm, uint64_t len, message_copy copy, void *arg);
/*
 * The VM receives its oldest message. 0 with *len its length; -HV_ENOENT: none there; -HV_ERANGE:
 * longer than capacity, *len says how long, and it stays; -HV_EFAULT: copy refused, and it stays,
 * though a part may have been copied. *len is 0 with the errors that do not say otherwise.
 */
int __must_check messages_receive(struct vm *vm, uint64_t capacity, uint64_t *len,
                                  message_copy copy, void *arg);
/* How many messages the VM could receive, with *len the oldest's length; *len is 0 without any. */
uint32_t messages_waiting(struct vm *vm, uint32_t *len);

/* message_copy between a queue and the guest's RAM; arg: struct message_guest, for a vcpu that is
 * loaded on this hart. */
struct message_guest {
    struct vcpu *vcpu;
    gpa_t gpa; /* of the whole buffer; the caller has checked that it is RAM */
};
bool message_from_guest(void *arg, void *piece, uint64_t offset, uint64_t len);
bool message_to_guest(void *arg, void *piece, uint64_t offset, uint64_t len);

/*
 * The management shell's end, for VMs connected to it: the same results, and -HV_ENODEV for a VM
 * that has a peer.
 */
int __must_check messages_shell_send(struct vm *vm, const void *buf, uint64_t len);
int __must_check messages_shell_receive(struct vm *vm, void *buf, uint64_t capacity, uint64_t *len);
