/* SPDX-License-Identifier: Apache-2.0 */
/* hext - guests have no H extension: its instructions and CSRs are illegal, and the guest
 * continues. */
#include "guest.h"

static void illegal(struct trap t, const char *name)
{
    const uint32_t insn = t.taken ? *(volatile uint32_t *)t.epc : 0;
    const bool good = t.taken && t.cause == CAUSE_ILLEGAL && (t.tval == 0 || t.tval == insn);

    ok(good, "%s", name);
    if (!good)
        note("taken %d cause %lu tval 0x%lx insn 0x%x", t.taken, t.cause, t.tval, insn);
}

#define ILLEGAL(insn) illegal(trap_of(__asm__ volatile(insn :: : "a0", "memory")), insn)
#define CSR(n, name)                                                                               \
    illegal(trap_of(__asm__ volatile("csrr a0, " #n:: : "a0")), "csrr " name);                     \
    illegal(trap_of(__asm__ volatile("csrw " #n ", zero" :: : "a0")), "csrw " name)

USER static void user_hlv(void)
{
    __asm__ volatile(".insn r 0x73, 4, 0x34, a0, sp, x0");
}

USER static void user_hfence(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0");
}

void test_main(void)
{
    struct trap t;

    tap_plan(12 + 2 * 17 + 3);
    ILLEGAL(".insn r 0x73, 0, 0x11, x0, x0, x0"); /* hfence.vvma */
    ILLEGAL(".insn r 0x73, 0, 0x31, x0, x0, x0"); /* hfence.gvma */
    ILLEGAL(".insn r 0x73, 4, 0x30, a0, sp, x0"); /* hlv.b */
    ILLEGAL(".insn r 0x73, 4, 0x32, a0, sp, x0"); /* hlv.h */
    ILLEGAL(".insn r 0x73, 4, 0x34, a0, sp, x0"); /* hlv.w */
    ILLEGAL(".insn r 0x73, 4, 0x36, a0, sp, x0"); /* hlv.d */
    ILLEGAL(".insn r 0x73, 4, 0x32, a0, sp, x3"); /* hlvx.hu */
    ILLEGAL(".insn r 0x73, 4, 0x34, a0, sp, x3"); /* hlvx.wu */
    ILLEGAL(".insn r 0x73, 4, 0x31, x0, sp, x0"); /* hsv.b */
    ILLEGAL(".insn r 0x73, 4, 0x37, x0, sp, x0"); /* hsv.d */
    ILLEGAL(".insn r 0x73, 0, 0x13, x0, x0, x0"); /* hinval.vvma */
    ILLEGAL(".insn r 0x73, 0, 0x33, x0, x0, x0"); /* hinval.gvma */
    CSR(0x600, "hstatus");
    CSR(0x602, "hedeleg");
    CSR(0x603, "hideleg");
    CSR(0x604, "hie");
    CSR(0x606, "hcounteren");
    CSR(0x60a, "henvcfg");
    CSR(0x643, "htval");
    CSR(0x645, "hvip");
    CSR(0x64a, "htinst");
    CSR(0x680, "hgatp");
    CSR(0x200, "vsstatus");
    CSR(0x204, "vsie");
    CSR(0x205, "vstvec");
    CSR(0x280, "vsatp");
    CSR(0x24d, "vstimecmp");
    CSR(0x300, "mstatus");
    if (on_hearth()) {
        CSR(0x605, "htimedelta");
    } else {
        tap_skip(2, "QEMU has htimedelta without H");
    }

    t = user_run((uint64_t)user_hlv, 0);
    is(t.cause, CAUSE_ILLEGAL, "hlv in U-mode");
    t = user_run((uint64_t)user_hfence, 0);
    is(t.cause, CAUSE_ILLEGAL, "hfence in U-mode");
    is(sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_BASE).value, 1, "the guest continues");
}
