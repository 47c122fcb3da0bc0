/* SPDX-License-Identifier: Apache-2.0 */
/* umode - exceptions of the guest's user mode reach the guest's own handler; counters work in user
 * mode. */
#include "guest.h"

#define USER_CODE (MAP_BASE + 0x20000)
#define USER_DATA (MAP_BASE + 0x40000)
#define USER_UART (MAP_BASE + 0x50000)
#define USER_HOLE (MAP_BASE + 0x51000)
#define NO_PAGE   (MAP_BASE + 0x60000)

/* Each runs with a0 = its argument. The first instruction traps, unless the caller names another.
 * */
#define SNIPPET(name, text)                                                                        \
    void name(void);                                                                               \
    __asm__(".pushsection .user, \"ax\"\n.balign 4\n" #name ": .option push\n.option norvc\n" text \
            "\necall\n.option pop\n.popsection")

SNIPPET(u_ecall, "");
SNIPPET(u_illegal, ".word 0xffffffff");
SNIPPET(u_zero, ".word 0");
SNIPPET(u_ebreak, "ebreak");
SNIPPET(u_load, "lw a0, 0(a0)");
SNIPPET(u_store, "sw zero, 0(a0)");
SNIPPET(u_jump, "jr a0");
SNIPPET(u_amo, "amoadd.w a0, zero, (a0)");
SNIPPET(u_lr, "lr.w a0, (a0)");
SNIPPET(u_sret, "sret");
SNIPPET(u_wfi, "wfi");
SNIPPET(u_sfence, "sfence.vma");
SNIPPET(u_sstatus, "csrr a0, sstatus");
SNIPPET(u_satp, "csrw satp, zero");
SNIPPET(u_sip, "csrr a0, sip");
SNIPPET(u_hstatus, "csrr a0, 0x600");
SNIPPET(u_cycle, "rdcycle a0");
SNIPPET(u_time, "rdtime a0");
SNIPPET(u_instret, "rdinstret a0");
SNIPPET(u_lbu, "lbu a0, 0(a0)");
SNIPPET(u_sb, "li a1, 0x69\nsb a1, 0(a0)");

static uint32_t word[2] __attribute__((aligned(4096)));
static uint64_t base; /* address where .user runs: its own, or USER_CODE */
static const char *mode;

static uint64_t at(void (*snippet)(void))
{
    return (uint64_t)snippet - (uint64_t)user_start + base;
}

/* The snippet's first instruction traps with this cause and tval, or tval 0 if that is allowed. */
static void traps(void (*snippet)(void), uint64_t arg, uint64_t cause, uint64_t tval,
                  const char *name)
{
    const struct trap t = user_run(at(snippet), arg);
    const bool may_be_zero = cause == CAUSE_ILLEGAL || cause == CAUSE_BREAKPOINT;
    const uint64_t epc = cause == CAUSE_INSN_PAGE || cause == CAUSE_INSN_ACCESS ? arg : at(snippet);
    const bool good =
        t.cause == cause && t.epc == epc && (t.tval == tval || (may_be_zero && t.tval == 0));

    ok(good, "%s: %s", mode, name);
    if (!good)
        note("cause %lu (want %lu) epc 0x%lx (want 0x%lx) tval 0x%lx (want 0x%lx)", t.cause, cause,
             t.epc, epc, t.tval, tval);
}

/* Privileged instructions: tval is 0 or the instruction. */
static void privileged(void (*snippet)(void), const char *name)
{
    traps(snippet, 0, CAUSE_ILLEGAL, *(volatile uint32_t *)(uint64_t)snippet, name);
}

/* Runs a snippet that ends with ecall, and returns its a0. */
static uint64_t value_of(void (*snippet)(void), uint64_t arg, const char *name)
{
    const struct trap t = user_run(at(snippet), arg);

    ok(t.cause == CAUSE_ECALL_U, "%s: %s", mode, name);
    if (t.cause != CAUSE_ECALL_U)
        note("cause %lu tval 0x%lx", t.cause, t.tval);
    return this_hart()->user_a0;
}

static void common(uint64_t data) /* 24 tests */
{
    uint64_t before, v;
    unsigned n;

    is(value_of(u_ecall, 0x1234, "ecall"), 0x1234, "%s: a0", mode);
    traps(u_illegal, 0, CAUSE_ILLEGAL, 0xffffffff, "illegal instruction");
    traps(u_zero, 0, CAUSE_ILLEGAL, 0, "instruction 0");
    traps(u_ebreak, 0, CAUSE_BREAKPOINT, at(u_ebreak), "ebreak");
    /* QEMU with one hart splits an AMO into a load and a store, and reports the load. */
    n = user_run(at(u_amo), data + 1).cause == CAUSE_LOAD_MISALIGNED && hart_count() == 1;
    traps(u_amo, data + 1, n ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED, data + 1,
          "misaligned amoadd");
    traps(u_lr, data + 2, CAUSE_LOAD_MISALIGNED, data + 2, "misaligned lr");
    privileged(u_sret, "sret");
    privileged(u_wfi, "wfi");
    privileged(u_sfence, "sfence.vma");
    privileged(u_sstatus, "csrr sstatus");
    privileged(u_satp, "csrw satp");
    privileged(u_sip, "csrr sip");
    privileged(u_hstatus, "csrr hstatus");
    v = value_of(u_cycle, 0, "rdcycle");
    ok(value_of(u_cycle, 0, "rdcycle again") > v, "%s: cycles pass", mode);
    before = rdtime();
    v = value_of(u_time, 0, "rdtime");
    ok(v >= before && v <= rdtime(), "%s: time is the same in both modes", mode);
    v = value_of(u_instret, 0, "rdinstret");
    ok(value_of(u_instret, 0, "rdinstret again") > v, "%s: instructions retire", mode);
    word[0] = 0xabcd;
    is(value_of(u_load, data, "load"), 0xabcd, "%s: value", mode);
    for (n = 0; n < 500 && user_run(at(u_ecall), n).cause == CAUSE_ECALL_U; n++)
        ;
    is(n, 500, "%s: 500 ecalls", mode);
}

static void paged(void) /* 16 tests */
{
    traps(u_load, NO_PAGE + 4, CAUSE_LOAD_PAGE, NO_PAGE + 4, "load, no page");
    traps(u_store, NO_PAGE + 4, CAUSE_STORE_PAGE, NO_PAGE + 4, "store, no page");
    traps(u_jump, NO_PAGE + 4, CAUSE_INSN_PAGE, NO_PAGE + 4, "jump, no page");
    traps(u_load, 0x80200000, CAUSE_LOAD_PAGE, 0x80200000, "load of the kernel");
    traps(u_store, 0x80200000, CAUSE_STORE_PAGE, 0x80200000, "store to the kernel");
    traps(u_jump, 0x80200000, CAUSE_INSN_PAGE, 0x80200000, "jump to the kernel");
    traps(u_store, USER_CODE, CAUSE_STORE_PAGE, USER_CODE, "store to a page without W");
    traps(u_jump, USER_DATA, CAUSE_INSN_PAGE, USER_DATA, "jump to a page without X");
    traps(u_load, USER_HOLE + 8, CAUSE_LOAD_ACCESS, USER_HOLE + 8, "load, mapped to a hole");
    traps(u_store, USER_HOLE, CAUSE_STORE_ACCESS, USER_HOLE, "store, mapped to a hole");
    traps(u_jump, USER_HOLE + 16, CAUSE_INSN_ACCESS, USER_HOLE + 16, "jump, mapped to a hole");
    value_of(u_sb, USER_UART + 7, "device store");
    is(value_of(u_lbu, USER_UART + 7, "device load"), 0x69, "%s: value", mode);
    /* The same from execute-only pages: the hypervisor cannot load the instruction. */
    for (uint64_t o = 0; o < (uint64_t)(user_end - user_start); o += 4096)
        map_page(USER_CODE + o, (uint64_t)user_start + o, PTE_V | PTE_X | PTE_U | PTE_A);
    sfence();
    is(value_of(u_lbu, USER_UART + 7, "device load, execute-only code"), 0x69, "%s: value", mode);
}

void test_main(void)
{
    tap_plan(2 * 25 + 16);
    mode = "bare";
    base = (uint64_t)user_start;
    common((uint64_t)word);

    paging_init();
    for (uint64_t o = 0; o < (uint64_t)(user_end - user_start); o += 4096)
        map_page(USER_CODE + o, (uint64_t)user_start + o, PTE_V | PTE_R | PTE_X | PTE_U | PTE_A);
    map_page(USER_DATA, (uint64_t)word, PTE_RW | PTE_U);
    map_page(USER_UART, UART_BASE, PTE_RW | PTE_U);
    map_page(USER_HOLE, HOLE, PTE_RW | PTE_X | PTE_U);
    paging_on();
    mode = "sv39";
    base = USER_CODE;
    common(USER_DATA);
    paged();
    paging_off();
}
