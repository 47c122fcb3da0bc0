/* SPDX-License-Identifier: Apache-2.0 */
/* fakes.h - variables and functions of the fakes in this folder, by their files' names. */
#pragma once

#include <hearth/lib/types.h>

struct vcpu;
struct vm;
struct timer_event;

/* lock.c */
extern unsigned fake_locks_held, fake_lock_count; /* held now; acquired so far */

/* page_alloc.c: uses malloc(), so that ASan finds misuse. */
extern unsigned fake_pages_fail;       /* 1: every allocation fails */
extern unsigned fake_pages_fail_after; /* n: the n-th next allocation fails; 0: none */
extern unsigned fake_pages_out;        /* blocks not freed */

/* virq.c: the level of each line, and the number of changes. */
extern uint64_t fake_virq_level[VCPUS_MAX]; /* by vcpu->id: bit irq */
extern unsigned fake_virq_calls;

/* request.c: vcpus woken by vcpu_wake(). */
extern uint64_t fake_woken; /* bit vcpu->id */

/* console_guest.c: one console for all VMs. */
void fake_console_reset(void);
void fake_console_type(const void *bytes, size_t len);
extern char fake_console_out[4096];
extern size_t fake_console_out_len;
extern size_t fake_console_room; /* bytes of output that will be accepted */
extern size_t fake_console_lost; /* bytes reported by console_client_lost() */

/* timer.c: ticks are 100 ns. The test sets the clock; each read advances it by fake_timer_step. */
extern uint64_t fake_timer_now;
extern uint64_t fake_timer_step;
extern struct timer_event *fake_timer_armed[HARTS_MAX]; /* by hart index: a list */
void fake_timer_run(unsigned hart);                     /* runs that hart's due events */
uint64_t fake_timer_next(unsigned hart); /* time of the next event; UINT64_MAX: none */
void fake_timer_reset(void);

/* messages.c: result of the queues' functions; the message received or to receive, its length. */
extern int fake_messages_answer;
extern unsigned fake_messages_calls;
extern char fake_message[4096];
extern uint64_t fake_message_len;

/* vm_stop.c: calls of vm_request_stop(). */
extern unsigned fake_stop_calls;
extern int fake_stop_kind;
extern const struct vm *fake_stop_vm; /* of the last call */
extern const char *fake_stop_reason;
extern bool fake_wake_level; /* argument of the last vm_set_wake() */

/* remap.c: mappings of other VMs' RAM, the last one and their number; PLIC lines 64.. of two VMs.
 * */
struct fake_remap {
    const struct vm *vm;
    const struct memslots *from;
    uint64_t at, gpa, size;
    unsigned prot, mapped, removed, wrong;
};
extern int fake_remap_answer; /* result of remap_share() */
extern bool fake_remap_missing;
extern bool fake_remap_refused; /* true: remap_remove() fails */
extern struct fake_remap fake_remap;
extern const struct vm *fake_remap_asker; /* of the last call */
struct vm;
extern uint64_t fake_lines[2]; /* bit i: source 64 + i */
extern const struct vm *fake_lines_vm[2];
extern const struct vm_intc_ops fake_intc; /* drives fake_lines */
