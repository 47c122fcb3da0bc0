/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - a ring of recent events on each hart: exits, entries, injections, switches, lifecycle,
 * each with VM, vcpu and time. While disabled it costs an exit nothing (observe.h); while enabled,
 * a hart writes its own ring without a lock and overwrites the oldest events. Any hart may read a
 * ring while it is written.
 */
#pragma once

#include <arch/this_hart.h>
#include <hearth/kernel/hart.h>
#include <hearth/lib/types.h>

#define TRACE_EVENTS_MIN     64u
#define TRACE_EVENTS_MAX     65536u /* each hart; 2 MiB */
#define TRACE_EVENTS_DEFAULT 8192u

/* tools/hearth_lib/trace.py repeats these numbers and the fields. */
enum trace_type {
    TRACE_NONE,
    TRACE_EXIT,       /* code: scause, its interrupt bit as bit 7; a: pc; ecall: b = EID, aux = FID;
                       guest-page fault: b = gpa; else b = stval */
    TRACE_ENTRY,      /* code: enum exit_reason of the exit before, or TRACE_NO_EXIT */
    TRACE_LEAVE,      /* no entry follows: code: enum exit_reason, aux: enum run_leave */
    TRACE_SWITCH,     /* the vcpu is loaded on the hart */
    TRACE_INJECT,     /* code: cause, a: pc, b: tval */
    TRACE_VIRQ,       /* a: bits raised in hvip, b: bits cleared */
    TRACE_IDLE,       /* code: 1: the hart goes idle, 0: it schedules again; no VM */
    TRACE_VM_STATE,   /* code: enum vm_state; no vcpu */
    TRACE_VCPU_STATE, /* code: SBI_HSM_STATE_* */
};

#define TRACE_NO_EXIT 0xff   /* code of a vcpu's first entry after it was loaded */
#define TRACE_NO_ONE  0xffff /* vm or vcpu */

struct trace_record {
    uint64_t time; /* host ticks */
    uint8_t type;
    uint8_t code;
    uint16_t vm, vcpu, aux;
    uint64_t a, b;
};

struct trace_ring {
    uint64_t head; /* atomic: records written so far; record n is in records[n % size] */
    uint64_t from; /* atomic: the first record since tracing was last enabled */
    uint64_t size; /* power of two */
    struct trace_record records[];
};

/* True if this hart traces. */
static inline bool trace_on(void)
{
    return this_hart()->tracing != 0;
}

/* Writes one record into this hart's ring. Only while it traces. */
void trace_write(const struct trace_record *record);

/* Records the name of the VM that has this id from now on. The dump uses the latest TRACE_NAMES,
 * which include destroyed VMs. The caller serializes calls. */
#define TRACE_NAMES    128u
#define TRACE_NAME_MAX 31
void trace_name(unsigned id, const char *name);

struct trace_name {
    uint64_t time; /* host ticks at which the name was given */
    unsigned id;
    char name[TRACE_NAME_MAX + 1];
};
/* Number of names given so far; the name with a number below that. False: overwritten. */
uint64_t trace_name_count(void);
bool trace_name_read(uint64_t number, struct trace_name *out);

/*
 * trace_read() copies the record with this number. False: not yet written, or overwritten.
 * trace_oldest() returns the number of the oldest record that may remain. ring: any hart's.
 */
bool trace_read(const struct trace_ring *ring, uint64_t number, struct trace_record *record);
uint64_t trace_oldest(const struct trace_ring *ring);
