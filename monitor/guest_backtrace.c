/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_backtrace.c - finds the frames of code compiled with -fno-omit-frame-pointer, as Linux is:
 * the return address is at fp - 8 and the caller's frame pointer at fp - 16. No state, no locks.
 *
 * Specification: RISC-V ELF psABI, "Frame Pointer Convention".
 */
#include <hearth/monitor/guest_backtrace.h>
#include <hearth/guest/gva_walk.h>

#include <stdio.h>

/* Largest stack frame, to guess whether a doubleword is a frame pointer. */
#define FRAME_SIZE_MAX (64 * KIB)

struct walk {
    const struct memslots *slots;
    uint64_t vsatp;
    struct backtrace_frame *frame;
    unsigned count;
};

static void backtrace_add(struct walk *w, gva_t pc, enum backtrace_kind kind)
{
    if (w->count < BACKTRACE_FRAMES)
        w->frame[w->count++] = (struct backtrace_frame){.pc = pc, .kind = kind};
}

static bool backtrace_read(const struct walk *w, gva_t gva, uint64_t *word)
{
    gpa_t gpa;

    return gva_walk(w->slots, w->vsatp, gva, &gpa) == 0 &&
           memslot_read(w->slots, gpa, word, sizeof(*word)) == sizeof(*word);
}

static bool backtrace_is_frame(gva_t fp)
{
    return fp >= 2 * sizeof(uint64_t) && is_aligned(fp, sizeof(uint64_t));
}

/* A leaf function saves its caller's frame pointer where others save the return address, which
 * remains in ra. */
static bool backtrace_is_leaf(const struct backtrace_from *from, uint64_t first)
{
    return from->ra != 0 && backtrace_is_frame(first) && first > from->fp &&
           first - from->fp <= FRAME_SIZE_MAX;
}

unsigned guest_backtrace(const struct memslots *slots, const struct backtrace_from *from,
                         struct backtrace_frame frame[BACKTRACE_FRAMES])
{
    struct walk w = {.slots = slots, .vsatp = from->vsatp, .frame = frame};
    bool innermost = !from->fetch_failed;
    gva_t fp = from->fp;

    backtrace_add(&w, from->pc, BACKTRACE_AT);
    if (backtrace_at_vector(from))
        backtrace_add(&w, from->vsepc, BACKTRACE_TRAPPED);
    if (from->fetch_failed)
        backtrace_add(&w, from->ra, BACKTRACE_RETURN);
    while (w.count < BACKTRACE_FRAMES && backtrace_is_frame(fp)) {
        uint64_t first, second;
        gva_t up;

        if (!backtrace_read(&w, fp - 8, &first))
            break;
        if (innermost && backtrace_is_leaf(from, first)) {
            backtrace_add(&w, from->ra, BACKTRACE_RETURN);
            up = first;
        } else {
            if (first == 0 || !backtrace_read(&w, fp - 16, &second))
                break;
            backtrace_add(&w, first, BACKTRACE_RETURN);
            up = second;
        }
        innermost = false;
        if (up <= fp)
            break;
        fp = up;
    }
    return w.count;
}

const char *backtrace_text(const struct backtrace_frame *frame, unsigned n,
                           const struct symbol_table *symbols, uint64_t slide,
                           char line[BACKTRACE_LINE_SIZE])
{
    char symbol[SYMBOL_TEXT_SIZE];

    (void)snprintf(line, BACKTRACE_LINE_SIZE, "#%-2u 0x%016lx%s%s", n, frame->pc,
                   symbols_text(symbols, slide, frame->pc, frame->kind == BACKTRACE_RETURN, symbol),
                   frame->kind == BACKTRACE_TRAPPED ? " (trapped)" : "");
    return line;
}
