/* SPDX-License-Identifier: Apache-2.0 */
/* fakes.h - what tests may set and look at in the fakes beside it, each named fakes/NAME.c. */
#pragma once

#include <hearth/lib/types.h>

struct vcpu;
struct vm;
struct timer_event;

/* lock.c */
extern unsigned fake_locks_held, fake_lock_count; /* now; taken so far */

/* page_alloc.c: malloc behind it, so ASan sees every misuse. */
extern unsigned fake_pages_fail;       /* 1: every allocation fails */
extern unsigned fake_pages_fail_after; /* n: the n-th from now on fails; 0: none */
extern unsigned fake_pages_out;        /* blocks not given back */

/* virq.c: the level of each line, and how often one changed. */
extern uint64_t fake_virq_level[VCPUS_MAX]; /* by vcpu->id: bit irq */
extern unsigned fake_virq_calls;

/* request.c: vcpus that vcpu_wake() woke. */
extern uint64_t fake_woken; /* bit vcpu->id */

/* console_guest.c: one line for all VMs. */
void fake_console_reset(void);
void fake_console_type(const void *bytes, size_t len);
extern char fake_console_out[4096];
extern size_t fake_console_out_len;
extern size_t fake_console_room; /* bytes of output that are taken from now on */
extern size_t fake_console_lost; /* bytes given up: console_client_lost() */

/* timer.c: ticks are 100 ns. The clock stands until the test moves it, or goes on by a step at
 * every look. */
extern uint64_t fake_timer_now;
extern uint64_t fake_timer_step;
extern struct timer_event *fake_timer_armed[HARTS_MAX]; /* by hart index: a list */
void fake_timer_run(unsigned hart);      /* what that hart's interrupt would do now */
uint64_t fake_timer_next(unsigned hart); /* when that would be; UINT64_MAX: never */
void fake_timer_reset(void);

/* messages.c: what the queues answer, the message that is there or came; its length. */
extern int fake_messages_answer;
extern unsigned fake_messages_calls;
extern char fake_message[4096];
extern uint64_t fake_message_len;

/* vm_stop.c: the requests that vm_request_stop() got. */
extern unsigned fake_stop_calls;
extern int fake_stop_kind;
extern const struct vm *fake_stop_vm; /* of the last one */
extern const char *fake_stop_reason;
extern bool fake_wake_level; /* vm_set_wake()'s last */

/* remap.c: mappings of other VMs' RAM, the last and how many; and PLIC lines 64.. of two VMs. */
struct fake_remap {
    const struct vm *vm;
    const struct memslots *from;
    uint64_t at, gpa, size;
    unsigned prot, mapped, removed, wrong;
};
extern int fake_remap_answer; /* of remap_share() */
extern bool fake_remap_missing;
extern bool fake_remap_refused; /* remap_remove() fails */
extern struct fake_remap fake_remap;
extern const struct vm *fake_remap_asker; /* of the last one */
struct vm;
extern uint64_t fake_lines[2]; /* bit i: source 64 + i */
extern const struct vm *fake_lines_vm[2];
extern const struct vm_intc_ops fake_intc; /* drives them */
