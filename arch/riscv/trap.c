/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trap.c - traps taken in HS-mode: an expected fault continues at its fixup, any other trap is a
 * bug in Hearth. Also selects the trap vector of an exit path, and names causes and registers.
 */
#include <arch/csr.h>
#include <arch/exit_path.h>
#include <arch/extable.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/trap.h>
#include <hearth/arch/upcalls.h>

static const char *const trap_cause_names[CAUSE_EXCEPTION_LIMIT] = {
    [CAUSE_INSN_MISALIGNED] = "instruction address misaligned",
    [CAUSE_INSN_ACCESS] = "instruction access fault",
    [CAUSE_ILLEGAL_INSN] = "illegal instruction",
    [CAUSE_BREAKPOINT] = "breakpoint",
    [CAUSE_LOAD_MISALIGNED] = "load address misaligned",
    [CAUSE_LOAD_ACCESS] = "load access fault",
    [CAUSE_STORE_MISALIGNED] = "store address misaligned",
    [CAUSE_STORE_ACCESS] = "store access fault",
    [CAUSE_ECALL_U] = "ecall from U-mode",
    [CAUSE_ECALL_HS] = "ecall from HS-mode",
    [CAUSE_ECALL_VS] = "ecall from VS-mode",
    [CAUSE_INSN_PAGE] = "instruction page fault",
    [CAUSE_LOAD_PAGE] = "load page fault",
    [CAUSE_STORE_PAGE] = "store page fault",
    [CAUSE_DOUBLE_TRAP] = "double trap",
    [CAUSE_SOFTWARE_CHECK] = "software check",
    [CAUSE_HARDWARE_ERROR] = "hardware error",
    [CAUSE_INSN_GUEST_PAGE] = "instruction guest-page fault",
    [CAUSE_LOAD_GUEST_PAGE] = "load guest-page fault",
    [CAUSE_VIRTUAL_INSN] = "virtual instruction",
    [CAUSE_STORE_GUEST_PAGE] = "store guest-page fault",
};

const char *gpr_name(unsigned reg)
{
    static const char names[32][5] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                      "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                      "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                      "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

    return names[reg & 31];
}

const char *trap_cause_name(uint64_t cause)
{
    if (cause < CAUSE_EXCEPTION_LIMIT && trap_cause_names[cause] != NULL)
        return trap_cause_names[cause];
    return "unknown cause";
}

void exit_path_select(enum exit_path path)
{
    extern const char trap_entry[], trap_entry_sdt[], trap_entry_timed[], trap_entry_timed_sdt[],
        trap_entry_traced[], trap_entry_traced_sdt[];
    static const char *const vectors[][2] = {
        [EXIT_PATH_PLAIN] = {trap_entry, trap_entry_sdt},
        [EXIT_PATH_TIMED] = {trap_entry_timed, trap_entry_timed_sdt},
        [EXIT_PATH_TRACED] = {trap_entry_traced, trap_entry_traced_sdt},
    };

    csr_write(CSR_STVEC, (uintptr_t)vectors[path][host_isa.sdt]);
}

void trap_handle(struct trap_frame *frame)
{
    uint64_t fixup = (frame->scause & SCAUSE_IRQ) ? 0 : extable_find(frame->sepc);

    if (fixup != 0) {
        frame->sepc = fixup;
        return;
    }
    trap_unexpected(frame);
}
