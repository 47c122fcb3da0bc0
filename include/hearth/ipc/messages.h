/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages.h - a VM's message queues: messages of 1..MESSAGE_MAX bytes to and from the VM's one
 * peer. The peer is another VM, if the two VMs' descriptions name each other (config.messages),
 * otherwise the management shell.
 *
 * Each VM has an inbox, and an outbox that the shell reads; a message to a peer VM goes directly to
 * the peer's inbox. A queue holds at most MESSAGES_MAX messages with a total of MESSAGES_BYTES, in
 * the order in which they were sent. No function waits: full and empty queues are errors. An
 * accepted message stays until it is received, also when either VM restarts or ends. Sending fails
 * until the peer exists.
 *
 * Locks: each queue has two (rank DEVICE), one for senders and one for receivers, held while a
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
 * Copies one chunk of a message: len bytes between `chunk` and bytes offset..offset + len of the
 * sender's or receiver's buffer. False: it cannot be copied, and the message is not sent or not
 * received. Called with one of the queue's locks held.
 */
typedef bool (*message_copy)(void *arg, void *chunk, uint64_t offset, uint64_t len);

/* Each VM's queues. A VM is connected with its peer once both are listed. After one is unlisted, no
 * more sends to it are under way once all harts have returned to their run loops. */
extern const struct vm_component messages_component;

/*
 * Sends a message from the VM. Returns 0; -HV_EINVAL: length 0 or above MESSAGE_MAX; -HV_ENOENT:
 * its peer does not exist; -HV_ENOSPC: no room or memory at present; -HV_EFAULT: copy refused.
 */
int __must_check messages_send(struct vm *vm, uint64_t len, message_copy copy, void *arg);
/*
 * Receives the VM's oldest message. Returns 0 with its length in *len; -HV_ENOENT: no message;
 * -HV_ERANGE: it is longer than capacity; *len is its length; -HV_EFAULT: copy refused; a part may
 * have been copied. A message that causes an error stays in the queue. *len is 0 with all errors
 * except -HV_ERANGE.
 */
int __must_check messages_receive(struct vm *vm, uint64_t capacity, uint64_t *len,
                                  message_copy copy, void *arg);
/* Returns the number of messages that the VM can receive, with the oldest's length in *len (0
 * without any). */
uint32_t messages_waiting(struct vm *vm, uint32_t *len);

/* message_copy between a queue and guest RAM; arg: struct message_guest, for a vcpu that is loaded
 * on this hart. */
struct message_guest {
    struct vcpu *vcpu;
    gpa_t gpa; /* start of the buffer, which the caller has checked to be RAM */
};
bool message_from_guest(void *arg, void *chunk, uint64_t offset, uint64_t len);
bool message_to_guest(void *arg, void *chunk, uint64_t offset, uint64_t len);

/*
 * The management shell's side, for VMs whose peer it is: the same results, and -HV_ENODEV for a VM
 * with another peer.
 */
int __must_check messages_shell_send(struct vm *vm, const void *buf, uint64_t len);
int __must_check messages_shell_receive(struct vm *vm, void *buf, uint64_t capacity, uint64_t *len);
