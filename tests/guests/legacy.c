/* SPDX-License-Identifier: Apache-2.0 */
/* legacy - SBI v0.1 calls: results in a0 only, hart masks in virtual memory, and faults when the
 * hypervisor reads them. */
#include "guest.h"

#define MASK_VA (MAP_BASE + 0x3000)

static uint64_t page[512] __attribute__((aligned(4096)));
static bool a1_kept = true;

static int64_t legacy(uint64_t eid, uint64_t a0)
{
    struct sbi_result r = sbi(eid, 0x77, a0, 0xa1a1, 0, 0, 0);

    a1_kept = a1_kept && r.value == 0xa1a1;
    return r.error;
}

static bool pending(void)
{
    bool p = csr_read(sip) & BIT(IRQ_SOFT);

    csr_clear(sip, BIT(IRQ_SOFT));
    return p;
}

static void faults(uint64_t va, uint64_t cause, const char *name)
{
    struct trap t;
    uint64_t eid, bad = 0;

    for (eid = SBI_EXT_LEGACY_SEND_IPI; eid <= SBI_EXT_LEGACY_REMOTE_SFENCE_ASID; eid++) {
        t = trap_of(legacy(eid, va));
        if (!t.taken || t.cause != cause || t.tval != va ||
            *(volatile uint32_t *)t.epc != 0x73 /* ecall */) {
            note("eid %lu: cause %lu tval 0x%lx epc 0x%lx", eid, t.cause, t.tval, t.epc);
            bad++;
        }
        a1_kept = true; /* after a fault a0 may have any value */
    }
    is(bad, 0, "%s: the caller's fault, at its ecall", name);
}

void test_main(void)
{
    static const char text[] = "# putchar\n";
    const bool hearth = on_hearth();
    int64_t e;

    tap_plan(19);
    for (const char *s = text; *s; s++)
        legacy(SBI_EXT_LEGACY_CONSOLE_PUTCHAR, (uint64_t)(unsigned char)*s);
    is((uint64_t)legacy(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0), ~0ul, "getchar: no input");

    page[0] = BIT(boot_hart);
    is((uint64_t)legacy(SBI_EXT_LEGACY_SEND_IPI, (uint64_t)page), 0, "send_ipi, mask in RAM");
    ok(pending(), "pending");
    is((uint64_t)legacy(SBI_EXT_LEGACY_SEND_IPI, 0), 0, "send_ipi, no mask: all");
    ok(pending(), "pending");
    page[0] = 0;
    is((uint64_t)legacy(SBI_EXT_LEGACY_SEND_IPI, (uint64_t)page), 0, "send_ipi, empty mask");
    ok(!pending(), "not pending");
    legacy(SBI_EXT_LEGACY_SEND_IPI, 0);
    e = legacy(SBI_EXT_LEGACY_CLEAR_IPI, 0);
    ok(!pending(), "clear_ipi");
    if (hearth) {
        ok(e > 0, "clear_ipi returns 1");
        is((uint64_t)legacy(SBI_EXT_LEGACY_CLEAR_IPI, 0), 0, "clear_ipi again: 0");
        legacy(SBI_EXT_LEGACY_SEND_IPI, 0);
        (void)pending();
        is((uint64_t)legacy(SBI_EXT_LEGACY_CLEAR_IPI, 0), 0,
           "clear_ipi after the guest cleared sip");
    } else {
        tap_skip(3, "OpenSBI always returns 0");
    }
    if (hearth)
        faults(HOLE, CAUSE_LOAD_ACCESS, "mask in a hole, MMU off");
    else
        tap_skip(1, "OpenSBI");

    paging_init();
    map_page(MASK_VA, (uint64_t)page, PTE_RW);
    map_page(MASK_VA + 0x1000, HOLE, PTE_RW);
    paging_on();
    page[1] = BIT(boot_hart);
    is((uint64_t)legacy(SBI_EXT_LEGACY_SEND_IPI, MASK_VA + 8), 0, "send_ipi, mask at a mapping");
    ok(pending(), "pending");
    ok(legacy(SBI_EXT_LEGACY_REMOTE_FENCE_I, MASK_VA + 8) == 0 &&
           legacy(SBI_EXT_LEGACY_REMOTE_SFENCE, MASK_VA + 8) == 0 &&
           legacy(SBI_EXT_LEGACY_REMOTE_SFENCE_ASID, MASK_VA + 8) == 0,
       "remote fences");
    ok(a1_kept, "a1 is never touched");
    faults(MAP_BASE + 0x9000, CAUSE_LOAD_PAGE, "mask at an unmapped address");
    if (hearth)
        faults(MASK_VA + 0x1000, CAUSE_LOAD_ACCESS, "mask mapped to a hole");
    else
        tap_skip(1, "OpenSBI");
    ok(true, "ends by legacy shutdown");
    paging_off();
    sbi(SBI_EXT_LEGACY_SHUTDOWN, 0);
}
