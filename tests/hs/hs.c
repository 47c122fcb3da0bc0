/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hs.c - replaces the rest of the hypervisor in HS-mode test programs: console and shutdown by SBI,
 * panic, one hart, physical addresses mapped one to one.
 */
#include "hs.h"

#include <arch/csr.h>
#include <arch/extable.h>
#include <arch/layout.h>
#include <hearth/kernel/hart.h>
#include <hearth/arch/isa.h>
#include <hearth/kernel/panic.h>

hpa_t direct_map_phys = DIRECT_MAP_BASE; /* so that phys_to_virt() changes nothing */
struct host_isa host_isa;
struct hart hs_hart;
struct hart *harts[HARTS_MAX] = {&hs_hart};
unsigned harts_count = 1;
unsigned hs_traps;

void hs_trap(void);

static void hs_sbi_call(unsigned long eid, unsigned long arg)
{
    register unsigned long a0 __asm__("a0") = arg;
    register unsigned long a1 __asm__("a1") = 0;
    register unsigned long a6 __asm__("a6") = 0;
    register unsigned long a7 __asm__("a7") = eid;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
}

static void hs_put(const char *text)
{
    while (*text != '\0')
        hs_sbi_call(1, (unsigned char)*text++);
}

static void hs_put_number(uint64_t n)
{
    char digits[21], *p = digits + sizeof(digits) - 1;

    *p = '\0';
    do
        *--p = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    hs_put(p);
}

void hs_say(const char *text, uint64_t number)
{
    hs_put("# ");
    hs_put(text);
    hs_put(" ");
    hs_put_number(number);
    hs_put("\n");
}

void hs_end(void)
{
    for (;;)
        hs_sbi_call(0x53525354, 0);
}

void hs_fail(const char *file, int line, const char *what)
{
    hs_put("FAILED ");
    hs_put(file);
    hs_put(":");
    hs_put_number((uint64_t)line);
    hs_put(": ");
    hs_put(what);
    hs_put("\n");
    hs_end();
}

void panic(const char *fmt, ...)
{
    hs_fail("panic", 0, fmt);
}

void hs_trap(void)
{
    uint64_t fixup = extable_find(csr_read(CSR_SEPC));

    hs_traps++;
    if (fixup == 0) {
        hs_say("scause", csr_read(CSR_SCAUSE));
        hs_fail("trap", 0, "without an exception-table entry");
    }
    csr_write(CSR_SEPC, fixup);
}

uint64_t hs_random(void)
{
    static uint64_t seed = 42;

    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (seed * 0x2545f4914f6cdd1d) >> 20;
}
