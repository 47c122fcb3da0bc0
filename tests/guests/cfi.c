/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cfi - control-flow integrity, enabled by SBI FWFT: landing pads (Zicfilp) and shadow stacks
 * (Zicfiss), in S-mode and in U-mode, with other vcpus on the same hart; pointer masking in U-mode
 * (Ssnpm). A feature that the host or the firmware lacks must be refused; its tests are skipped.
 *
 * The compiler inserts no landing pads: while they are enabled, no C function may be called through
 * a pointer, and no switch may use a jump table; so nothing is printed then. The assembler needs
 * CSR numbers: 0x011 is ssp, 0x10a senvcfg.
 */
#include "guest.h"

#define LANDING_PAD  SBI_FWFT_LANDING_PAD
#define SHADOW_STACK SBI_FWFT_SHADOW_STACK
#define ENVCFG_LPE   BIT(2)
#define ENVCFG_SSE   BIT(3)
#define ENVCFG_PMM_7 (2ul << 32)

#define TVAL_LANDING_PAD  2 /* software-check exception */
#define TVAL_SHADOW_STACK 3

#define SS_TOP (MAP_BASE + 4096)

static uint64_t stack_page[512] __attribute__((aligned(4096)));

void pad(void);
void no_pad(void);
void u_jump(void);
void u_pad(void);
void u_no_pad(void);
void u_load(void);
void ss_push(uint64_t value);
void ss_pop(uint64_t value);
uint64_t ss_read(void);

/* clang-format off */
__asm__(
    ".option push\n.option norvc\n.text\n.balign 4\n"
    "pad: .word 0x00000017\n  ret\n" /* lpad 0 */
    "no_pad: ret\n"
    "ss_push: mv t0, a0\n  .word 0xce504073\n  ret\n" /* sspush t0 */
    /* sspopchk t0, in a translated block of its own: QEMU 10.0 reports the block's pc */
    "ss_pop: mv t0, a0\n  j 1f\n1: .word 0xcdc2c073\n  ret\n"
    "ss_read: li a0, 0\n  .word 0xcdc04573\n  ret\n"   /* ssrdp a0 */
    ".pushsection .user, \"ax\"\n.balign 4\n"
    "u_jump: jr a0\n"
    "u_pad: .word 0x00000017\n  ecall\n"
    "u_no_pad: ecall\n"
    "u_load: ld a0, 0(a0)\n  ecall\n"
    ".popsection\n.option pop\n");
/* clang-format on */

static int64_t set(uint64_t id, uint64_t value)
{
    return sbi(SBI_EXT_FWFT, SBI_FWFT_SET, id, value, 0).error;
}

static bool supported(uint64_t id)
{
    return sbi(SBI_EXT_FWFT, SBI_FWFT_GET, id).error == SBI_SUCCESS;
}

static bool is_missing_pad(struct trap t, uint64_t at)
{
    return t.taken && t.cause == CAUSE_SOFTWARE_CHECK && t.tval == TVAL_LANDING_PAD &&
           t.epc == at && t.elp;
}

/* ---- landing pads */

#define ROUNDS 30000

#define PAD_TESTS 9
static void landing_pads(void)
{
    const uint64_t none = (uint64_t)no_pad, good = (uint64_t)pad;
    unsigned missing = 0, wrong = 0;
    struct trap off, on, hole, page, after;

    if (!supported(LANDING_PAD)) {
        tap_skip(PAD_TESTS, "no landing pads");
        return;
    }
    off = trap_of_jump(none);
    set(LANDING_PAD, 1);
    on = trap_of_jump(none);
    hole = trap_of_jump(HOLE);
    set(LANDING_PAD, 0);
    ok(!off.taken, "off: a jump needs no landing pad");
    ok(is_missing_pad(on, none), "on: a jump to other code is a software check");
    ok(hole.taken && hole.cause == CAUSE_INSN_ACCESS && hole.epc == HOLE && hole.elp,
       "a jump to unmapped memory: an access fault, SPELP is kept");
    note("cause %lu epc %lx elp %lu", hole.cause, hole.epc, (uint64_t)hole.elp);
    set(LANDING_PAD, 1);
    on = trap_of_jump(good);
    set(LANDING_PAD, 0);
    ok(!on.taken, "a jump to a landing pad does not trap");

    paging_init();
    paging_on();
    set(LANDING_PAD, 1);
    page = trap_of_jump(MAP_BASE);
    set(LANDING_PAD, 0);
    paging_off();
    ok(page.taken && page.cause == CAUSE_INSN_PAGE && page.elp,
       "a page fault at a jump's target keeps SPELP");

    /* An exit can occur at each of these instructions, and other vcpus run in between. */
    set(LANDING_PAD, 1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        missing += is_missing_pad(trap_of_jump(none), none);
        wrong += trap_of_jump(good).taken;
    }
    after = trap_of_jump(none);
    set(LANDING_PAD, 0);
    is(missing, ROUNDS, "no exit clears SPELP");
    is(wrong, 0, "no exit sets SPELP");
    ok(is_missing_pad(after, none), "still on");
    ok(!trap_of_jump(none).taken, "off again");
}

#define USER_TESTS 4
static void user_landing_pads(void)
{
    struct trap t;
    unsigned good = 0;

    if (!supported(LANDING_PAD)) {
        tap_skip(USER_TESTS, "no landing pads");
        return;
    }
    csr_write(0x10a, ENVCFG_LPE);
    if (csr_read(0x10a) != ENVCFG_LPE) {
        tap_skip(USER_TESTS, "no senvcfg.LPE");
        return;
    }
    t = user_run((uint64_t)u_jump, (uint64_t)u_no_pad);
    ok(is_missing_pad(t, (uint64_t)u_no_pad), "senvcfg enables landing pads in U-mode");
    t = user_run((uint64_t)u_jump, (uint64_t)u_pad);
    is(t.cause, CAUSE_ECALL_U, "U-mode: a jump to a landing pad");
    for (unsigned i = 0; i < 2000; i++)
        good += is_missing_pad(user_run((uint64_t)u_jump, (uint64_t)u_no_pad), (uint64_t)u_no_pad);
    is(good, 2000, "U-mode: repeated jumps");
    csr_write(0x10a, 0);
    t = user_run((uint64_t)u_jump, (uint64_t)u_no_pad);
    is(t.cause, CAUSE_ECALL_U, "U-mode: off");
}

/* ---- shadow stacks */

#define ADDRESS(i) (0x1111000000000000ul + (i) * 0x101)

/* Pushes and pops long enough for other vcpus to run in between. */
static unsigned push_and_pop(unsigned ms)
{
    const uint64_t end = rdtime() + ms * TICKS_PER_MS;
    unsigned bad = 0;

    while (rdtime() < end) {
        for (uint64_t i = 0; i < 16; i++)
            ss_push(ADDRESS(i));
        bad += ss_read() != SS_TOP - 16 * 8;
        for (uint64_t i = 16; i > 0; i--)
            bad += trap_of(ss_pop(ADDRESS(i - 1))).taken;
        bad += csr_read(0x011) != SS_TOP;
    }
    return bad;
}

static uint64_t peer_ssp, peer_feature;
static bool peer_done;

static void peer_main(void *arg)
{
    (void)arg;
    peer_feature = sbi(SBI_EXT_FWFT, SBI_FWFT_GET, SHADOW_STACK).value;
    set(SHADOW_STACK, 1);
    peer_ssp = csr_read(0x011);
    csr_write(0x011, 0x5000);
    store(&peer_done, true);
}

#define STACK_TESTS 14
static void shadow_stacks(void)
{
    struct trap t;
    uint64_t value = 0;

    if (!supported(SHADOW_STACK)) {
        tap_skip(STACK_TESTS, "no shadow stacks");
        return;
    }
    t = trap_of(value = csr_read(0x011));
    if (on_hearth())
        ok(t.taken && t.cause == CAUSE_ILLEGAL, "off: no ssp");
    else
        tap_skip(1, "left to OpenSBI");
    ss_push(1); /* a may-be-operation, which does nothing */
    is(ss_read(), 0, "off: the instructions do nothing");

    is((uint64_t)set(SHADOW_STACK, 1), SBI_SUCCESS, "on");
    is(csr_read(0x011), 0, "ssp is 0 at first");
    t = trap_of(ss_push(1));
    ok(t.taken && t.cause == CAUSE_STORE_ACCESS, "without paging a push is an access fault");
    paging_init();
    map_page(MAP_BASE, (uint64_t)stack_page, PTE_V | PTE_W | PTE_A | PTE_D);
    paging_on();
    sfence();
    csr_write(0x011, SS_TOP);
    ss_push(0x1234);
    ok(ss_read() == SS_TOP - 8 && *(volatile uint64_t *)(SS_TOP - 8) == 0x1234,
       "a push writes the page, ordinary loads read it");
    t = trap_of(*(volatile uint64_t *)(SS_TOP - 8) = 0);
    ok(t.taken && t.cause == CAUSE_STORE_ACCESS, "ordinary stores to the page fault");
    t = trap_of(ss_pop(0x1235));
    ok(t.taken && t.cause == CAUSE_SOFTWARE_CHECK && t.tval == TVAL_SHADOW_STACK,
       "another return address is a software check");
    t = trap_of(ss_pop(0x1234));
    ok(!t.taken && ss_read() == SS_TOP, "the right return address is popped");
    is(push_and_pop(300), 0, "pushes and pops while other vcpus run");

    csr_write(0x10a, ENVCFG_SSE);
    map_page(MAP_BASE, (uint64_t)stack_page, PTE_V | PTE_W | PTE_A | PTE_D | PTE_U);
    sfence();
    is(csr_read(0x10a) & ENVCFG_SSE, ENVCFG_SSE, "a shadow stack in U-mode");
    csr_write(0x10a, 0);
    csr_write(0x011, SS_TOP - 64);
    if (hart_count() > 1) {
        for (unsigned i = 0; i < 2; i++) {
            store(&peer_done, false);
            peer_ssp = peer_feature = ~0ul;
            hart_start(other_hart(0), peer_main, NULL);
            wait_for(load(&peer_done), SOON);
            hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON);
        }
        if (on_hearth())
            ok(peer_feature == 0 && peer_ssp == 0,
               "a started hart has shadow stacks off and ssp 0");
        else
            tap_skip(1, "OpenSBI leaves them as they are");
    } else {
        tap_skip(1, "one hart");
    }
    is(csr_read(0x011), SS_TOP - 64, "the boot hart's setting is unchanged");
    set(SHADOW_STACK, 0);
    paging_off();
    if (on_hearth())
        ok(trap_of(value = csr_read(0x011)).taken, "off again");
    else
        tap_skip(1, "left to OpenSBI");
    (void)value;
}

/* ---- pointer masking for U-mode */

#define MASK_TESTS 3
static void user_masking(void)
{
    static const uint64_t word = 0x600d;
    const uint64_t tagged = (uint64_t)&word | 0x2aul << 57;
    struct trap t;

    csr_write(0x10a, ENVCFG_PMM_7);
    if (csr_read(0x10a) != ENVCFG_PMM_7) {
        tap_skip(MASK_TESTS, "no pointer masking for U-mode");
        return;
    }
    t = user_run((uint64_t)u_load, tagged);
    ok(t.cause == CAUSE_ECALL_U && this_hart()->user_a0 == word, "U-mode: tags are ignored");
    csr_write(0x10a, 0);
    t = user_run((uint64_t)u_load, tagged);
    ok(t.cause == CAUSE_LOAD_ACCESS || t.cause == CAUSE_LOAD_PAGE, "U-mode: tags fault");
    t = user_run((uint64_t)u_load, (uint64_t)&word);
    is(t.cause, CAUSE_ECALL_U, "U-mode: no tag");
}

/* A missing feature is refused, and its CSR is illegal. */
#define REFUSED_TESTS 2
static void refused(void)
{
    ok(supported(LANDING_PAD) || set(LANDING_PAD, 1) == SBI_ERR_NOT_SUPPORTED,
       "landing pads: present or refused");
    if (supported(SHADOW_STACK)) {
        tap_skip(1, "shadow stacks are present");
    } else {
        const bool refusal = set(SHADOW_STACK, 1) == SBI_ERR_NOT_SUPPORTED;
        const struct trap t = trap_of(csr_write(0x011, 8));

        ok(refusal && t.taken && t.cause == CAUSE_ILLEGAL,
           "no shadow stacks: refused, ssp is illegal");
    }
}

void test_main(void)
{
    tap_plan(REFUSED_TESTS + PAD_TESTS + USER_TESTS + STACK_TESTS + MASK_TESTS);
    note("landing pads %lu, shadow stacks %lu", (uint64_t)supported(LANDING_PAD),
         (uint64_t)supported(SHADOW_STACK));
    refused();
    landing_pads();
    user_landing_pads();
    shadow_stacks();
    user_masking();
}
