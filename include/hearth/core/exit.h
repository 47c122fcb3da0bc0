/* SPDX-License-Identifier: Apache-2.0 */
/* exit.h - the results of exit handlers, and the exit counters (core/exit.c). */
#pragma once

#include <hearth/core/vcpu.h>

enum exit_action {
    EXIT_RETRY,     /* run the same instruction again */
    EXIT_NEXT,      /* pc += insn_len, then run: the most frequent result */
    EXIT_INJECT,    /* deliver a trap to the guest at the exit's pc */
    EXIT_BLOCK,     /* pc += insn_len, then sleep until a virtual interrupt or a wake-up */
    EXIT_YIELD,     /* pc += insn_len, then let others run first */
    EXIT_STOP_VCPU, /* this vcpu is stopped (HSM hart_stop); pc no longer matters */
    EXIT_STOP_VM,   /* the VM ends or restarts: vm_request_stop() has recorded how */
    EXIT_CRASH,     /* stop this VM only, with a report; .reason says why */
};

/* The result of an exit handler; only core/exit.c applies it. Two registers wide, so that it is
 * returned in registers. Use the functions below to build and read it. */
struct exit_result {
    uint64_t code; /* enum exit_action; INJECT: the cause above bit 8 */
    union {
        uint64_t insn_len;  /* NEXT, BLOCK, YIELD: 0 (resume at the present pc), 2 or 4 */
        uint64_t tval;      /* INJECT */
        const char *reason; /* CRASH: static text */
    };
};

static inline struct exit_result exit_next(uint64_t insn_len)
{
    return (struct exit_result){.code = EXIT_NEXT, .insn_len = insn_len};
}

static inline struct exit_result exit_block(uint64_t insn_len)
{
    return (struct exit_result){.code = EXIT_BLOCK, .insn_len = insn_len};
}

static inline struct exit_result exit_yield(uint64_t insn_len)
{
    return (struct exit_result){.code = EXIT_YIELD, .insn_len = insn_len};
}

/* RETRY, STOP_VCPU, STOP_VM */
static inline struct exit_result exit_plain(enum exit_action action)
{
    return (struct exit_result){.code = action, .insn_len = 0};
}

static inline struct exit_result exit_inject(uint64_t cause, uint64_t tval)
{
    return (struct exit_result){.code = EXIT_INJECT | cause << 8, .tval = tval};
}

static inline struct exit_result exit_crash(const char *reason)
{
    return (struct exit_result){.code = EXIT_CRASH, .reason = reason};
}

static inline enum exit_action exit_action(struct exit_result r)
{
    return (enum exit_action)(r.code & 0xff);
}

static inline uint64_t exit_cause(struct exit_result r)
{
    return r.code >> 8;
}

/* The reason's name in listings and statistics. */
const char *exit_reason_name(enum exit_reason reason);

/* Counts the present exit under this reason. Once for each exit, by the dispatcher or the handler.
 * */
static inline void exit_count(struct vcpu *vcpu, enum exit_reason reason)
{
    uint64_t *count = &vcpu->stats.by_reason[reason];

    (*count)++;
    vcpu->stats.reason = count;
}

/* Corrects the count: the present exit is of this reason instead. */
static inline void exit_recount(struct vcpu *vcpu, enum exit_reason reason)
{
    (*vcpu->stats.reason)--;
    exit_count(vcpu, reason);
}
