/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mm.c - tests of the parts of mm/ that need a real hart in HS-mode: HLV, HSV and HLVX with real
 * tables; guest-physical copies compared with the host mapping over random layouts; restored CSRs;
 * the bulk loops; and the instruction counts of each.
 */
#include "hs.h"

#include <string.h>

#include <arch/bulk.h>
#include <arch/csr.h>
#include <arch/hfence.h>
#include <arch/layout.h>
#include <hearth/mm/gstage.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/kernel/hart.h>
#include <hearth/arch/isa.h>
#include <hearth/mm/memslot.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vcpu.h>

#define BASE    0x80000000ul /* start of guest RAM */
#define RAM_END (0x80000000ul + 2 * GIB)
#define PAGES   24
#define BUF     8192

extern char __bss_end[];

static struct vcpu vcpu;
static struct memslots slots;
static struct gstage g;
static uint8_t buf[BUF], ref[BUF], orig[BUF];

/* ------------------------------------------------------------------------- CSRs are restored */

struct csrs {
    uint64_t vsatp, hstatus, sstatus;
};

static struct csrs csrs_now(void)
{
    return (struct csrs){csr_read(CSR_VSATP), csr_read(CSR_HSTATUS), csr_read(CSR_SSTATUS)};
}

static void check_csrs(const struct csrs *was)
{
    CHECK(csr_read(CSR_VSATP) == was->vsatp);
    CHECK(csr_read(CSR_HSTATUS) == was->hstatus);
    CHECK(csr_read(CSR_SSTATUS) == was->sstatus);
}

static void random_spvp(void)
{
    if (hs_random() & 1)
        csr_set(CSR_HSTATUS, HSTATUS_SPVP);
    else
        csr_clear(CSR_HSTATUS, HSTATUS_SPVP);
}

static void load_tables(void)
{
    csr_write(CSR_HGATP, gstage_hgatp(&g, 1));
    hfence_gvma_all();
    hfence_vvma_all();
}

/* ------------------------------------------------------- guest-physical copies, host mapping */

/* Random pages of guest RAM with holes in between; hpa[i] is HPA_NONE in a hole. */
static void make_layout(hpa_t hpa[PAGES])
{
    memset(&slots, 0, sizeof(slots));
    CHECK(gstage_init(&g, host_isa.gstage_levels) == 0);
    for (unsigned i = 0; i < PAGES; i++) {
        hpa[i] = HPA_NONE;
        if (hs_random() % 5 == 0)
            continue;
        hpa[i] = page_alloc(0);
        CHECK(memslot_add(&slots, BASE + i * PAGE_SIZE, hpa[i], PAGE_SIZE) == 0);
        CHECK(gstage_map(&g, BASE + i * PAGE_SIZE, hpa[i], PAGE_SIZE,
                         GSTAGE_R | GSTAGE_W | GSTAGE_X) == 0);
        for (unsigned k = 0; k < 512; k++)
            ((uint64_t *)phys_to_virt(hpa[i]))[k] = hs_random() * hs_random();
    }
    load_tables();
}

static void read_both(gpa_t gpa, uint64_t len, unsigned offset)
{
    unsigned traps = hs_traps;
    uint64_t copied, mapped;

    memset(buf, 0xee, sizeof(buf));
    memset(ref, 0xee, sizeof(ref));
    copied = copy_from_guest(&vcpu, buf + offset, gpa, len);
    CHECK((hs_traps != traps) == (copied < len));
    mapped = memslot_read(&slots, gpa, ref + offset, len);
    CHECK(copied == mapped);
    CHECK(memcmp(buf, ref, sizeof(buf)) == 0);
}

/* Writes by a guest-physical copy and checks through the host mapping, 8 bytes further. */
static void write_checked(gpa_t gpa, uint64_t len, unsigned offset)
{
    uint64_t before, ram, done;
    unsigned traps = hs_traps;

    for (uint64_t i = 0; i < len; i++)
        buf[offset + i] = (uint8_t)hs_random();
    before = memslot_read(&slots, gpa, orig, len + 8);
    ram = MIN(before, len);
    done = copy_to_guest(&vcpu, gpa, buf + offset, len);
    CHECK(done == ram);
    CHECK((hs_traps != traps) == (done < len));
    CHECK(memslot_read(&slots, gpa, ref, len + 8) == before);
    CHECK(memcmp(ref, buf + offset, done) == 0);
    CHECK(memcmp(ref + done, orig + done, before - done) == 0);
}

/* The copies have exactly the G-stage's permissions: read-only, execute-only and read-write
 * pages. */
static void check_permissions(const hpa_t hpa[PAGES])
{
    static const unsigned prots[] = {GSTAGE_R, GSTAGE_X, GSTAGE_R | GSTAGE_W};

    for (unsigned i = 0; i < PAGES; i++) {
        if (hpa[i] == HPA_NONE)
            continue;
        CHECK(gstage_unmap(&g, BASE + i * PAGE_SIZE, PAGE_SIZE) == 0);
        CHECK(gstage_map(&g, BASE + i * PAGE_SIZE, hpa[i], PAGE_SIZE, prots[i % 3]) == 0);
    }
    load_tables();
    gstage_reclaim(&g);
    csr_write(CSR_VSATP, 0);
    for (unsigned i = 0; i < PAGES; i++) {
        const gpa_t gpa = BASE + i * PAGE_SIZE;
        const unsigned prot = hpa[i] == HPA_NONE ? 0 : prots[i % 3];
        struct guest_trap trap = {.cause = 99};
        uint32_t insn = 0;

        CHECK(copy_from_guest(&vcpu, buf, gpa, 64) == ((prot & GSTAGE_R) ? 64 : 0));
        CHECK(copy_to_guest(&vcpu, gpa, buf, 64) == ((prot & GSTAGE_W) ? 64 : 0));
        if (fetch_guest_instruction(&vcpu, gpa + 2, &insn, &trap)) {
            const uint16_t *half = phys_to_virt(hpa[i] + 2);

            CHECK(prot & GSTAGE_X);
            CHECK(insn == ((half[0] & 3) == 3 ? half[0] | (uint32_t)half[1] << 16 : half[0]));
        } else {
            CHECK((prot & GSTAGE_X) == 0 && trap.tval == gpa + 2);
            /* QEMU's HLVX reports a page that is readable but not executable as a VS-stage
             * fault. */
            CHECK(trap.cause == CAUSE_INSN_ACCESS || (prot != 0 && trap.cause == CAUSE_INSN_PAGE));
        }
    }
}

static void test_physical_copies(void)
{
    for (unsigned layout = 0; layout < 6; layout++) {
        hpa_t hpa[PAGES];

        make_layout(hpa);
        for (unsigned step = 0; step < 250; step++) {
            uint64_t at = hs_random() % ((PAGES + 1) * PAGE_SIZE),
                     len = hs_random() % (step % 2 ? 80 : 6000);
            unsigned offset = (unsigned)(hs_random() % 16);
            struct csrs was;

            if (step % 3 == 0) { /* near a page boundary, buffer and address equally aligned */
                at = align_down(at, PAGE_SIZE) - hs_random() % 40;
                offset = (unsigned)(at & 7);
            }
            random_spvp();
            csr_write(CSR_VSATP,
                      (hs_random() & 1) ? ATP_MODE_SV39 << ATP_MODE_SHIFT | BASE >> PAGE_SHIFT : 0);
            was = csrs_now();
            if (hs_random() & 1)
                read_both(BASE + at, len, offset);
            else
                write_checked(BASE + at, len, offset);
            check_csrs(&was);
        }
        check_permissions(hpa);
        gstage_destroy(&g);
        for (unsigned i = 0; i < PAGES; i++) {
            if (hpa[i] != HPA_NONE)
                page_free(hpa[i], 0);
        }
    }
}

/* ------------------------------------------------------------------- guest-virtual accesses */

enum {
    PTE_V = 1,
    PTE_R = 2,
    PTE_X = 8,
    PTE_U = 16,
    PTE_AD = 0xc0,
};

static uint64_t guest_pte(uint64_t offset, unsigned flags)
{
    return (BASE + offset) >> PAGE_SHIFT << 10 | flags;
}

/* Sv39 tables in the guest's RAM; gva 0x1000 S-RX, 0x2000 U-RX, 0x3000 S-R, 0x4000 S-RX of unmapped
 * memory, 0x5000 not mapped, 0x6000 S-X. */
static void make_guest_tables(void)
{
    uint8_t *ram;

    memset(&slots, 0, sizeof(slots));
    CHECK(gstage_init(&g, host_isa.gstage_levels) == 0);
    CHECK(memslot_alloc_ram(&slots, BASE, 2 * MIB) == 0);
    CHECK(gstage_map(&g, BASE, slots.slot[0].hpa, 2 * MIB, GSTAGE_R | GSTAGE_W | GSTAGE_X) == 0);
    ram = phys_to_virt(slots.slot[0].hpa);
    bulk_zero(ram, 2 * MIB);
    ((uint64_t *)ram)[0] = guest_pte(0x1000, PTE_V);
    ((uint64_t *)(ram + 0x1000))[0] = guest_pte(0x2000, PTE_V);
    ((uint64_t *)(ram + 0x2000))[1] = guest_pte(0x10000, PTE_V | PTE_R | PTE_X | PTE_AD);
    ((uint64_t *)(ram + 0x2000))[2] = guest_pte(0x11000, PTE_V | PTE_R | PTE_X | PTE_U | PTE_AD);
    ((uint64_t *)(ram + 0x2000))[3] = guest_pte(0x12000, PTE_V | PTE_R | PTE_AD);
    ((uint64_t *)(ram + 0x2000))[4] = guest_pte(0x400000, PTE_V | PTE_R | PTE_X | PTE_AD);
    ((uint64_t *)(ram + 0x2000))[6] = guest_pte(0x13000, PTE_V | PTE_X | PTE_AD);
    *(uint32_t *)(ram + 0x10000) = 0x00a5a583;
    *(uint16_t *)(ram + 0x10ffc) = 0x4102;
    *(uint16_t *)(ram + 0x10ffe) = 0xffff;
    *(uint32_t *)(ram + 0x11000) = 0x12345003;
    csr_write(CSR_VSATP, ATP_MODE_SV39 << ATP_MODE_SHIFT | BASE >> PAGE_SHIFT);
    csr_write(CSR_VSSTATUS, SSTATUS_UXL_64);
    load_tables();
}

/* cause CAUSE_EXCEPTION_LIMIT: the access must succeed. */
#define FINE CAUSE_EXCEPTION_LIMIT

static void check_fetch(gva_t gva, uint64_t cause, uint64_t tval_or_insn)
{
    struct guest_trap trap = {.cause = 99};
    const struct csrs was = csrs_now();
    uint32_t insn = 0;

    if (fetch_guest_instruction(&vcpu, gva, &insn, &trap))
        CHECK(cause == FINE && insn == tval_or_insn);
    else
        CHECK(trap.cause == cause && trap.tval == tval_or_insn);
    check_csrs(&was);
}

static void check_read(gva_t gva, uint64_t len, uint64_t cause, uint64_t tval)
{
    struct guest_trap trap = {.cause = 99};
    const struct csrs was = csrs_now();

    if (guest_read_gva(&vcpu, gva, buf, len, &trap))
        CHECK(cause == FINE);
    else
        CHECK(trap.cause == cause && trap.tval == tval);
    check_csrs(&was);
}

static void test_virtual_accesses(void)
{
    make_guest_tables();
    for (unsigned round = 0; round < 8; round++) {
        const bool vs = round & 1; /* the guest's mode at its exit: VS, else VU */

        vcpu.ctx.hstatus = vs ? HSTATUS_SPVP : 0;
        random_spvp();
        check_fetch(0x1000, vs ? FINE : CAUSE_INSN_PAGE, vs ? 0x00a5a583 : 0x1000);
        check_fetch(0x1ffc, vs ? FINE : CAUSE_INSN_PAGE, vs ? 0x4102 : 0x1ffc);
        check_fetch(0x1ffe, CAUSE_INSN_PAGE, vs ? 0x2000 : 0x1ffe); /* crosses into a page of U */
        check_fetch(0x2000, vs ? CAUSE_INSN_PAGE : FINE, vs ? 0x2000 : 0x12345003);
        check_fetch(0x3000, CAUSE_INSN_PAGE, 0x3000);
        check_fetch(0x4000, vs ? CAUSE_INSN_ACCESS : CAUSE_INSN_PAGE, 0x4000);
        check_fetch(0x5000, CAUSE_INSN_PAGE, 0x5000);
        check_fetch(0x6000, vs ? FINE : CAUSE_INSN_PAGE, vs ? 0 : 0x6000);
        check_fetch(1ul << 63, CAUSE_INSN_PAGE, 1ul << 63);

        check_read(0x1001, 30, vs ? FINE : CAUSE_LOAD_PAGE, 0x1001);
        check_read(0x1ff3, 30, CAUSE_LOAD_PAGE, vs ? 0x2000 : 0x1ff3);
        check_read(0x2000, 24, vs ? CAUSE_LOAD_PAGE : FINE, 0x2000);
        check_read(0x4008, 24, vs ? CAUSE_LOAD_ACCESS : CAUSE_LOAD_PAGE, 0x4008);
        check_read(0x6000, 8, CAUSE_LOAD_PAGE, 0x6000);
        csr_set(CSR_VSSTATUS, SSTATUS_SUM);
        check_read(0x2000, 24, FINE, 0);
        check_fetch(0x2000, vs ? CAUSE_INSN_PAGE : FINE, vs ? 0x2000 : 0x12345003);
        csr_clear(CSR_VSSTATUS, SSTATUS_SUM);
        csr_set(CSR_VSSTATUS, SSTATUS_MXR);
        check_read(0x6000, 8, vs ? FINE : CAUSE_LOAD_PAGE, 0x6000);
        csr_clear(CSR_VSSTATUS, SSTATUS_MXR);
        CHECK(copy_from_guest(&vcpu, buf, BASE + 0x13000, 32) ==
              32); /* independent of the guest's tables */
    }
}

static void count_accesses(void)
{
    struct guest_trap trap;
    uint32_t insn;
    uint64_t done;
    bool ok;

    COUNT("copy_from_guest_64", done = copy_from_guest(&vcpu, buf, BASE + 0x10000, 64));
    CHECK(done == 64);
    COUNT("copy_to_guest_64", done = copy_to_guest(&vcpu, BASE + 0x10000, buf, 64));
    CHECK(done == 64);
    COUNT("copy_from_guest_1", done = copy_from_guest(&vcpu, buf, BASE + 0x10000, 1));
    CHECK(done == 1);
    COUNT("copy_from_guest_4096", done = copy_from_guest(&vcpu, buf, BASE + 0x10000, 4096));
    CHECK(done == 4096);
    vcpu.ctx.hstatus = HSTATUS_SPVP;
    COUNT("fetch", ok = fetch_guest_instruction(&vcpu, 0x1000, &insn, &trap));
    CHECK(ok);
    gstage_destroy(&g);
    memslot_free_ram(&slots);
}

/* ------------------------------------------------------------------------- bulk loops */

static void test_bulk_copy(void)
{
    for (unsigned step = 0; step < 2500; step++) {
        unsigned to = (unsigned)(hs_random() % 24), from = (unsigned)(hs_random() % 24);
        unsigned len = (unsigned)(hs_random() % (step % 4 ? 300 : 5000));

        for (unsigned k = 0; k < len + 64; k++) {
            buf[k] = ref[k] = (uint8_t)k;
            orig[k] = (uint8_t)hs_random();
        }
        bulk_copy(buf + to, orig + from, len);
        for (unsigned k = 0; k < len; k++)
            ref[to + k] = orig[from + k];
        CHECK(memcmp(buf, ref, len + 64) == 0);
    }
}

static void test_bulk_zero(uint8_t *memory, uint32_t block)
{
    host_isa.cboz_block_size = block;
    for (unsigned size = 1; size <= 3; size++) {
        memset(memory, 0xaa, 8 * PAGE_SIZE);
        bulk_zero(memory + PAGE_SIZE, size * PAGE_SIZE);
        for (unsigned k = 0; k < 8 * PAGE_SIZE; k++)
            CHECK(memory[k] == (k >= PAGE_SIZE && k < (1 + size) * PAGE_SIZE ? 0 : 0xaa));
    }
    memset(memory, 0xaa, 8 * PAGE_SIZE);
    bulk_zero(memory + 8, PAGE_SIZE); /* not aligned to a block */
    for (unsigned k = 0; k < 8 * PAGE_SIZE; k++)
        CHECK(memory[k] == (k >= 8 && k < 8 + PAGE_SIZE ? 0 : 0xaa));
}

static void test_bulk(void)
{
    hpa_t hpa = page_alloc(17);
    uint8_t *memory, *other;

    CHECK(hpa != HPA_NONE);
    memory = phys_to_virt(hpa);
    other = memory + 256 * MIB;
    test_bulk_copy();
    COUNT("bulk_copy_31M", bulk_copy(other, memory, 31 * MIB));
    COUNT("bulk_copy_31M_shifted", bulk_copy(other, memory + 4, 31 * MIB));
    test_bulk_zero(memory, 0);
    COUNT("bulk_zero_256M", bulk_zero(memory, 256 * MIB));
    test_bulk_zero(memory, 64); /* QEMU's block */
    COUNT("bulk_zero_256M_cbo", bulk_zero(memory, 256 * MIB));
    page_free(hpa, 17);
}

void hs_main(void)
{
    const hpa_t metadata = align_up((uintptr_t)__bss_end, PAGE_SIZE);
    const hpa_t free_ram = metadata + page_alloc_metadata_size(BASE, RAM_END);
    uint64_t free_bytes;

    COUNT("page_alloc_init_2G", page_alloc_init(BASE, RAM_END, phys_to_virt(metadata)));
    COUNT("page_alloc_add_2G", page_alloc_add(free_ram, RAM_END - 16 * MIB - free_ram));
    free_bytes = page_alloc_free_bytes();
    test_bulk();
    for (unsigned levels = 3; levels <= 5; levels++) {
        csr_write(CSR_HGATP, (levels + 5ul) << ATP_MODE_SHIFT);
        if (csr_read(CSR_HGATP) >> ATP_MODE_SHIFT != levels + 5)
            continue;
        host_isa.gstage_levels = levels;
        test_physical_copies();
        test_virtual_accesses();
        count_accesses();
        CHECK(page_alloc_free_bytes() == free_bytes);
        hs_say("levels", levels);
    }
    hs_say("passed", 1);
    hs_end();
}
