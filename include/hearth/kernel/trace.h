/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - a ring of the latest events on each hart: exits, entries, injections, switches,
 * lifecycle, each with VM, vcpu and time. Off, an exit pays nothing for it (observe.h); on, a hart
 * writes its own ring without any lock, the oldest events first to go. A ring is read, by any hart,
 * while it is written.
 */
#pragma once

#include <arch/this_hart.h>
#include <hearth/kernel/hart.h>
#include <hearth/lib/types.h>

#define TRACE_EVENTS_MIN     64u
#define TRACE_EVENTS_MAX     65536u /* each hart; 2 MiB */
#define TRACE_EVENTS_DEFAULT 8192u

/* tools/hearth_lib/trace.py knows these numbers and the fields. */
enum trace_type {
    TRACE_NONE,
    TRACE_EXIT,     /* code: scause, its interrupt bit as bit 7; a: pc; ecall: b = EID, aux = FID;
                       guest-page fault: b = gpa; else b = stval */
    TRACE_ENTRY,    /* code: enum exit_reason of the exit before, or TRACE_NO_EXIT */
    TRACE_LEAVE,    /* an exit that no entry follows: code: enum exit_reason, aux: enum run_leave */
    TRACE_SWITCH,   /* the vcpu is loaded on the hart */
    TRACE_INJECT,   /* code: cause, a: pc, b: tval */
    TRACE_VIRQ,     /* a: bits raised in hvip, b: bits cleared */
    TRACE_IDLE,     /* code: 1 the hart has no vcpu, 0 it looks again; no VM */
    TRACE_VM_STATE, /* code: enum vm_state; no vcpu */
    TRACE_VCPU_STATE, /* code: SBI_HSM_STATE_* */
};

#define TRACE_NO_EXIT 0xff   /* code of a vcpu's first entry since it got the hart */
#define TRACE_NO_ONE  0xffff /* vm or vcpu */

struct trace_record {
    uint64_t time; /* host ticks */
    uint8_t type;
    uint8_t code;
    uint16_t vm, vcpu, aux;
    uint64_t a, b;
};

struct trace_ring {
    uint64_t head; /* atomic: records written so far; record n is in rows[n % size] */
    uint64_t from; /* atomic: the first record since tracing was last switched on */
    uint64_t size; /* power of two */
    struct trace_record rows[];
};

/* This hart traces. */
static inline bool trace_on(void)
{
    return this_hart()->tracing != 0;
}

/* Writes one record into this hart's ring; while it traces. */
void trace_write(const struct trace_record *record);

/* From now on this is the name of the VM with this id: for the dump, also of VMs that are gone, the
 * latest TRACE_NAMES. Calls exclude each other. */
#define TRACE_NAMES    128u
#define TRACE_NAME_MAX 31
void trace_name(unsigned id, const char *name);

struct trace_name {
    uint64_t time; /* host ticks: since when */
    unsigned id;
    char name[TRACE_NAME_MAX + 1];
};
/* Names given so far; the name of this number, which is below that. False: not there any more. */
uint64_t trace_name_count(void);
bool trace_name_read(uint64_t number, struct trace_name *out);

/*
 * The record of this number. False: it is not there, or not there any more. *oldest: the first that
 * may still be there. ring: any hart's.
 */
bool trace_read(const struct trace_ring *ring, uint64_t number, struct trace_record *record);
uint64_t trace_oldest(const struct trace_ring *ring);
