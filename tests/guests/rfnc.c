/* SPDX-License-Identifier: Apache-2.0 */
/* rfnc - SBI RFNC: other harts hold no old translation when the call returns. */
#include "guest.h"

#define VA (MAP_BASE + 0x5000)

static uint64_t page_a[512] __attribute__((aligned(4096)));
static uint64_t page_b[512] __attribute__((aligned(4096)));
static uint32_t code[4] __attribute__((aligned(64)));

static uint64_t request, answer,
    value; /* the reader answers each request with the value that it reads */
static bool quit;

static void map(const void *page)
{
    map_page(VA, (uint64_t)page, PTE_RW);
}

static uint64_t peek(void)
{
    return *(volatile uint64_t *)VA;
}

static void reader(void *arg)
{
    uint64_t seen = 0;

    (void)arg;
    paging_on();
    while (!load(&quit)) {
        uint64_t n = load(&request);

        if (n == seen)
            continue;
        seen = n;
        store(&value, n & BIT(32) ? ((uint64_t (*)(void))code)() : peek());
        store(&answer, n);
    }
}

/* Value that hart `id` reads at VA now. */
static uint64_t ask_reader(uint64_t flag)
{
    static uint64_t n;

    store(&request, ++n | flag);
    if (!wait_for(load(&answer) == (n | flag), SOON))
        bail_out("the other hart does not answer");
    return load(&value);
}

static struct sbi_result rfnc(uint64_t fid, uint64_t mask, uint64_t base, uint64_t start,
                              uint64_t size)
{
    return sbi(SBI_EXT_RFNC, fid, mask, base, start, size, 0);
}

/* Remaps 50 times; counts how often the other hart saw the old page after the fence. */
static void shootdown(uint64_t fid, uint64_t mask, uint64_t base, uint64_t start, uint64_t size,
                      const char *name)
{
    unsigned stale = 0;
    int64_t error = 0;

    map(page_a);
    rfnc(SBI_RFNC_SFENCE_VMA, 0, ~0ul, 0, ~0ul);
    ask_reader(0);
    for (unsigned i = 0; i < 50; i++) {
        const uint64_t *page = i & 1 ? page_a : page_b;

        map(page);
        error |= rfnc(fid, mask, base, start, size).error;
        stale += ask_reader(0) != page[0];
    }
    ok(error == 0 && stale == 0, "%s", name);
    if (error || stale)
        note("error %ld, stale %u", error, stale);
}

static void test_other_harts(void)
{
    const uint64_t peer = other_hart(0);
    unsigned stale = 0;

    hart_start(peer, reader, NULL);
    shootdown(SBI_RFNC_SFENCE_VMA, BIT(peer), 0, 0, ~0ul, "sfence.vma, all addresses");
    shootdown(SBI_RFNC_SFENCE_VMA, BIT(peer), 0, 0, 0, "sfence.vma, 0 and 0");
    shootdown(SBI_RFNC_SFENCE_VMA, 1, peer, VA, 4096, "sfence.vma, one page");
    shootdown(SBI_RFNC_SFENCE_VMA, 0, ~0ul, VA, 4096, "sfence.vma, every hart");
    shootdown(SBI_RFNC_SFENCE_VMA_ASID, BIT(peer), 0, VA, 4096, "sfence.vma with ASID");

    for (uint32_t i = 0; i < 50; i++) {
        code[0] = 0x00000513 | (i << 20); /* li a0, i */
        code[1] = 0x00008067;             /* ret */
        __asm__ volatile("fence rw, rw" ::: "memory");
        rfnc(SBI_RFNC_FENCE_I, BIT(peer), 0, 0, 0);
        stale += ask_reader(BIT(32)) != i;
    }
    is(stale, 0, "fence.i: new instructions are fetched");
    store(&quit, true);
    ok(hart_wait_state(peer, SBI_HSM_STATE_STOPPED, SOON), "reader stopped");
    is((uint64_t)rfnc(SBI_RFNC_SFENCE_VMA, 0, ~0ul, 0, ~0ul).error, 0,
       "fences with a stopped hart");
}

void test_main(void)
{
    const unsigned harts = hart_count();

    tap_plan(18);
    page_a[0] = 0xaaaa;
    page_b[0] = 0xbbbb;
    paging_init();
    map(page_a);
    paging_on();

    is(peek(), 0xaaaa, "page a");
    map(page_b);
    is((uint64_t)rfnc(SBI_RFNC_SFENCE_VMA, BIT(boot_hart), 0, VA, 4096).error, 0, "fence for self");
    is(peek(), 0xbbbb, "page b");
    is((uint64_t)rfnc(SBI_RFNC_FENCE_I, BIT(boot_hart), 0, 0, 0).error, 0, "fence.i for self");

    if (harts > 1)
        test_other_harts();
    else
        tap_skip(8, "one hart");

    is((uint64_t)rfnc(SBI_RFNC_SFENCE_VMA, 0, 0, 0, 0).error, 0, "an empty mask");
    if (on_hearth()) {
        is((uint64_t)rfnc(SBI_RFNC_FENCE_I, BIT(harts), 0, 0, 0).error,
           (uint64_t)SBI_ERR_INVALID_PARAM, "a missing hart");
        is((uint64_t)rfnc(SBI_RFNC_SFENCE_VMA, 1, harts, 0, 0).error,
           (uint64_t)SBI_ERR_INVALID_PARAM, "a missing base");
        is((uint64_t)rfnc(SBI_RFNC_SFENCE_VMA, 1, 0, ~0ul, 4096).error,
           (uint64_t)SBI_ERR_INVALID_ADDRESS, "range that wraps");
        is((uint64_t)rfnc(SBI_RFNC_HFENCE_GVMA, 1, 0, 0, 0).error, (uint64_t)SBI_ERR_NOT_SUPPORTED,
           "hfence.gvma");
        is((uint64_t)rfnc(SBI_RFNC_HFENCE_VVMA, 1, 0, 0, 0).error, (uint64_t)SBI_ERR_NOT_SUPPORTED,
           "hfence.vvma");
    } else {
        tap_skip(5, "OpenSBI checks arguments differently");
    }
}
