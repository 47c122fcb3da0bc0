/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_backtrace.h - a guest's call stack, by frame pointers. Walks the guest's page tables in
 * software, so that it also works for a vcpu that is not loaded. All results are guest-controlled.
 */
#pragma once

#include <hearth/mm/memslot.h>
#include <hearth/lib/symbols.h>
#include <hearth/lib/types.h>

#define BACKTRACE_FRAMES    32u
#define BACKTRACE_LINE_SIZE (SYMBOL_TEXT_SIZE + 48)

enum backtrace_kind {
    BACKTRACE_AT,      /* the vcpu's pc */
    BACKTRACE_TRAPPED, /* pc of the trapped code; the vcpu is at its trap vector */
    BACKTRACE_RETURN,  /* a return address: the call precedes it */
};

struct backtrace_frame {
    gva_t pc;
    enum backtrace_kind kind;
};

/* A vcpu's registers. */
struct backtrace_from {
    gva_t pc, ra, fp;
    uint64_t vsatp, vstvec, vsepc;
    /* The instruction at pc could not be fetched, so ra and fp belong to the code that jumped
     * there. If the vcpu is at its trap vector: the same for the trapped code. */
    bool fetch_failed;
};

/* True if the vcpu is at its trap vector: no instruction of the handler has run. */
static inline bool backtrace_at_vector(const struct backtrace_from *from)
{
    return from->pc == (from->vstvec & ~(gva_t)3);
}

/*
 * Fills frame[] from the innermost frame on and returns their number, 1..BACKTRACE_FRAMES. Any
 * hart, no locks; reads guest memory at most twice for each frame. Ends at a frame that is not in
 * RAM or not above the previous one.
 */
unsigned guest_backtrace(const struct memslots *slots, const struct backtrace_from *from,
                         struct backtrace_frame frame[BACKTRACE_FRAMES]);

/* Formats frame n as a line without line break: number, address, symbol if known. Returns line. */
const char *backtrace_text(const struct backtrace_frame *frame, unsigned n,
                           const struct symbol_table *symbols, uint64_t slide,
                           char line[BACKTRACE_LINE_SIZE]);
