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

struct vcpu;
struct vm;

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

/*
 * Switches tracing on; what was traced before it was off is forgotten. events: at least so many in
 * each ring; 0: as many as there were, at first TRACE_EVENTS_DEFAULT. 0; -HV_ERANGE; -HV_ENOMEM:
 * nothing is changed; -HV_EBUSY: for rings of another size tracing is off now, ask again as soon as
 * all harts have noticed. The rings stay, with what they hold, when it is switched off. Not by two
 * harts at once.
 */
int __must_check trace_start(uint32_t events);
void trace_stop(void);

static inline bool trace_on(void)
{
    return this_hart()->tracing != 0;
}

/* One event of this hart, now. */
void trace_put(enum trace_type type, const struct vcpu *vcpu, unsigned code, uint64_t a,
               uint64_t b);
void trace_vm(const struct vm *vm, unsigned state);
/* From now on this is the name of the VM with this id: for the dump, also of VMs that are gone, the
 * latest TRACE_NAMES. With vm_list_lock. */
#define TRACE_NAMES 128u
void trace_name(unsigned id, const char *name);

/*
 * The record of this number. False: it is not there, or not there any more. *oldest: the first that
 * may still be there. ring: any hart's.
 */
bool trace_read(const struct trace_ring *ring, uint64_t number, struct trace_record *record);
uint64_t trace_oldest(const struct trace_ring *ring);

/*
 * The dump: what the rings hold, as lines of text that `tools/hearth trace` finds in a log of the
 * serial line. A cursor, all zero at first; each call puts one line, with its '\n', and answers its
 * length; 0: that was all. No line is longer than TRACE_LINE_MAX.
 */
#define TRACE_LINE_MAX 384
struct trace_dump {
    unsigned stage; /* 0 head, 1 names, 2 records, 3 end, 4 over */
    unsigned index; /* name or hart */
    uint64_t next, end;
    uint64_t lines;
};
size_t trace_dump_line(struct trace_dump *dump, char *line);
/* All of it, to the log. */
void trace_dump_all(void);

/* Boot argument "hearth.trace=on|off[,EVENTS]": traces from boot on, and dumps the rings when the
 * machine ends. False: no such value. */
bool trace_arg(const char *value, size_t len);
/* Boot, before VMs start: what trace_arg() was told. */
void trace_init(void);
/* The machine ends. */
void trace_finish(void);
