/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_look.c - shell commands that inspect a VM: registers, memory, backtrace. */
#include "shell_internal.h"

#include <arch/csr.h>
#include <hearth/monitor/guest_backtrace.h>
#include <hearth/guest/gva_walk.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/pause.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/monitor/shell_words.h>
#include <hearth/lib/symbols.h>
#include <hearth/arch/trap.h>
#include <hearth/core/vcpu.h>

#include <string.h>

#define DUMP_DEFAULT 256u
#define DUMP_MAX     (64 * KIB)
#define DUMP_LINE    16u /* bytes */
#define DUMP_LINES   16u /* per call */

/* Returns the vcpu with the number in `word` (NULL: vcpu 0) of a VM that does not run, else NULL:
 * after printing an error, or with *usage, which asks for the usage. */
static struct vcpu *look_parked_vcpu(struct shell *sh, struct vm *vm, const char *word, bool *usage)
{
    uint64_t n = 0;

    *usage = word != NULL && !word_number(word, false, &n);
    if (*usage)
        return NULL;
    if (vm_vcpu(vm, n) == NULL)
        sh_print(sh, "%s has no vcpu %lu\n", vm->config.name, n);
    else if (!vm_is_parked(vm))
        sh_print(sh, "%s runs: vm pause it first\n", vm->config.name);
    else
        return vm_vcpu(vm, n);
    return NULL;
}

/* Returns the vcpu for the arguments `VM [VCPU]`, if the VM may be inspected and does not run.
 * NULL: the command returns *result. */
static struct vcpu *look_vcpu(struct shell *sh, enum shell_result *result)
{
    struct vm *vm = sh_vm(sh, sh->argv[0]);
    struct vcpu *v;
    bool usage;

    *result = SHELL_DONE;
    if (vm == NULL || !sh_may_inspect(sh, vm))
        return NULL;
    v = look_parked_vcpu(sh, vm, sh->argc == 2 ? sh->argv[1] : NULL, &usage);
    if (usage)
        *result = SHELL_USAGE;
    return v;
}

static void look_print_csrs(struct shell *sh, const struct vcpu *v)
{
    const struct vcpu_csrs *c = &v->csrs;
    const struct {
        const char *name;
        uint64_t value;
    } csrs[] = {
        {"vsstatus", c->vsstatus},   {"vsie", c->vsie},   {"vstvec", c->vstvec},
        {"vsscratch", c->vsscratch}, {"vsepc", c->vsepc}, {"vscause", c->vscause},
        {"vstval", c->vstval},       {"vsatp", c->vsatp}, {"vstimecmp", c->vstimecmp},
        {"hvip", c->hvip},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(csrs); i++) {
        if (sh->as_json)
            json_hex(&sh->json, csrs[i].name, csrs[i].value);
        else
            sh_print(sh, "%-9s 0x%016lx%s", csrs[i].name, csrs[i].value,
                     i % 3 == 2 || i + 1 == ARRAY_SIZE(csrs) ? "\n" : "  ");
    }
}

static enum shell_result cmd_regs(struct shell *sh)
{
    enum shell_result result;
    const struct vcpu *v = look_vcpu(sh, &result);

    if (v == NULL)
        return result;
    if (sh->as_json) {
        sh_json_begin(sh);
        json_open(&sh->json, NULL, '{');
        json_hex(&sh->json, "pc", v->ctx.pc);
    }
    for (unsigned i = 0; i < 32; i++) {
        const char *name = i == 0 ? "pc" : gpr_name(i);
        const uint64_t value = i == 0 ? v->ctx.pc : v->ctx.gpr[i];

        if (!sh->as_json)
            sh_print(sh, "%-4s 0x%016lx%s", name, value, i % 4 == 3 ? "\n" : "  ");
        else if (i != 0)
            json_hex(&sh->json, name, value);
    }
    look_print_csrs(sh, v);
    if (sh->as_json) {
        json_close(&sh->json, '}');
        sh_print(sh, "\n");
    }
    return SHELL_DONE;
}

/* ---- memory ---- */

/* Reads guest memory page by page; at: a gva of vcpu v, or a gpa if v is NULL. Returns the number
 * of bytes read, less than len if an address is not in RAM. */
static uint64_t look_read_guest(const struct vm *vm, const struct vcpu *v, uint64_t at, void *to,
                                uint64_t len)
{
    uint64_t done = 0;

    while (done < len) {
        const uint64_t here = MIN(len - done, PAGE_SIZE - (at + done) % PAGE_SIZE);
        gpa_t gpa = at + done;
        uint64_t n;

        if (v != NULL && gva_walk(&vm->memslots, v->csrs.vsatp, at + done, &gpa) < 0)
            break;
        n = memslot_read(&vm->memslots, gpa, (char *)to + done, here);
        done += n;
        if (n < here)
            break;
    }
    return done;
}

static void look_dump_line(struct shell *sh, uint64_t at, const uint8_t *bytes, uint64_t len)
{
    sh_print(sh, "%016lx ", at);
    for (uint64_t i = 0; i < DUMP_LINE; i++) {
        if (i < len)
            sh_print(sh, " %02x", bytes[i]);
        else
            sh_print(sh, "   ");
    }
    sh_print(sh, "  ");
    for (uint64_t i = 0; i < len; i++)
        sh_print(sh, "%c", bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.');
    sh_print(sh, "\n");
}

static enum shell_result look_host_memory(struct shell *sh)
{
    const uint64_t total = page_alloc_total_bytes(), left = page_alloc_free_bytes();

    if (sh->as_json) {
        sh_json_begin(sh);
        json_open(&sh->json, NULL, '{');
        json_number(&sh->json, "total", total);
        json_number(&sh->json, "free", left);
        json_close(&sh->json, '}');
        sh_print(sh, "\n");
    } else {
        sh_print(sh, "%lu KiB of memory, %lu KiB free\n", total / KIB, left / KIB);
    }
    return SHELL_DONE;
}

/* mem VM gpa|gva ADDRESS [LENGTH [VCPU]]. number[0]: next address, number[1]: remaining length. */
static enum shell_result look_guest_memory(struct shell *sh)
{
    struct vm *vm = sh_vm(sh, sh->argv[0]);
    const bool by_gva = strcmp(sh->argv[1], "gva") == 0;
    const struct vcpu *v = NULL;
    uint8_t bytes[DUMP_LINE];
    bool usage = false;

    if (vm == NULL || !sh_may_inspect(sh, vm))
        return SHELL_DONE;
    if (!by_gva && (strcmp(sh->argv[1], "gpa") != 0 || sh->argc > 4))
        return SHELL_USAGE;
    if (sh->step == 0) {
        sh->number[1] = DUMP_DEFAULT;
        if (!word_number(sh->argv[2], false, &sh->number[0]) ||
            (sh->argc > 3 && (!word_number(sh->argv[3], true, &sh->number[1]) ||
                              sh->number[1] == 0 || sh->number[1] > DUMP_MAX)))
            return SHELL_USAGE;
    }
    if (by_gva) {
        v = look_parked_vcpu(sh, vm, sh->argc > 4 ? sh->argv[4] : NULL, &usage);
        if (v == NULL)
            return usage ? SHELL_USAGE : SHELL_DONE;
    }
    for (unsigned i = 0; i < DUMP_LINES && sh->number[1] > 0; i++) {
        const uint64_t want = MIN(sh->number[1], DUMP_LINE);
        const uint64_t n = look_read_guest(vm, v, sh->number[0], bytes, want);

        if (n != 0)
            look_dump_line(sh, sh->number[0], bytes, n);
        if (n < want) {
            sh_print(sh, "%016lx  nothing is there\n", sh->number[0] + n);
            return SHELL_DONE;
        }
        sh->number[0] += n;
        sh->number[1] -= n;
    }
    return sh->number[1] > 0 ? SHELL_MORE : SHELL_DONE;
}

static enum shell_result cmd_mem(struct shell *sh)
{
    return sh->argc == 0                   ? look_host_memory(sh)
           : sh->argc >= 3 && !sh->as_json ? look_guest_memory(sh)
                                           : SHELL_USAGE;
}

/* ---- backtrace ---- */

static enum shell_result cmd_bt(struct shell *sh)
{
    enum shell_result result;
    const struct vcpu *v = look_vcpu(sh, &result);
    const struct symbol_table *symbols;
    struct backtrace_frame frame[BACKTRACE_FRAMES];
    struct backtrace_from from;
    char line[BACKTRACE_LINE_SIZE];
    uint64_t slide;
    unsigned count;

    if (v == NULL)
        return result;
    symbols = &v->vm->config.symbols;
    from = (struct backtrace_from){.pc = v->ctx.pc,
                                   .ra = v->ctx.gpr[GPR_RA],
                                   .fp = v->ctx.gpr[GPR_FP],
                                   .vsatp = v->csrs.vsatp,
                                   .vstvec = v->csrs.vstvec,
                                   .vsepc = v->csrs.vsepc};
    slide = symbols_slide(symbols, from.vsatp >> ATP_MODE_SHIFT != ATP_MODE_BARE, from.vstvec,
                          v->vm->entry);
    count = guest_backtrace(&v->vm->memslots, &from, frame);
    for (unsigned i = 0; i < count; i++)
        sh_print(sh, "%s\n", backtrace_text(&frame[i], i, symbols, slide, line));
    return SHELL_DONE;
}

const struct shell_command shell_look_commands[] = {
    {.name = "regs",
     .usage = "VM [VCPU]",
     .help = "registers of a vcpu of a VM that does not run",
     .words = {WORD_VM},
     .least = 1,
     .most = 2,
     .json = true,
     .run = cmd_regs},
    {.name = "mem",
     .usage = "[VM gpa ADDRESS [LENGTH] | VM gva ADDRESS [LENGTH [VCPU]]]",
     .help = "the machine's memory; a VM's by guest-physical or (paused) virtual address",
     .words = {WORD_VM, WORD_SPACE, WORD_NONE},
     .most = 5,
     .json = true,
     .run = cmd_mem},
    {.name = "bt",
     .usage = "VM [VCPU]",
     .help = "backtrace, by frame pointers, of a VM that does not run",
     .words = {WORD_VM},
     .least = 1,
     .most = 2,
     .run = cmd_bt},
    {.name = NULL},
};
