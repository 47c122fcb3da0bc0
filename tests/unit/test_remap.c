/* SPDX-License-Identifier: Apache-2.0 */
/* test_remap.c - core/remap.c over the real G-stage and page allocator: the mappings, the harts
 * that are fenced, and that nothing stays allocated. */
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <stdlib.h>

#include <hearth/lib/errno.h>
#include <hearth/mm/gstage.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/remap.h>
#include <hearth/core/sched.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define AT  0x18000000000ull
#define RAM 0x80000000ull

static uint64_t free_at_start, fenced; /* bit: hartid */
static int64_t firmware_answer;
static struct vm vm;
static struct vcpu vcpu;
static struct memslots owner;
static struct vm asker;
static uint64_t charged; /* ticks charged to it */

void sched_charge(struct vm *to, uint64_t ticks)
{
    assert_ptr_equal(to, &asker);
    charged += ticks;
}

struct sbi_client_ret sbi_client_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                                      uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    assert_int_equal(eid, SBI_EXT_RFNC);
    assert_int_equal(fid, SBI_RFNC_HFENCE_GVMA);
    assert_int_equal(a0, 1);
    assert_int_equal(a2 | a3 | a4 | a5, 0); /* all addresses */
    fenced |= BIT(a1);
    fake_timer_now += 7;
    return (struct sbi_client_ret){.error = firmware_answer};
}

static int setup(void **state)
{
    static void *metadata;

    (void)fake_reset(state);
    if (metadata == NULL)
        metadata = malloc(page_alloc_metadata_size(FAKE_RAM_BASE, FAKE_RAM_BASE + 64 * MIB));
    page_alloc_init(FAKE_RAM_BASE, FAKE_RAM_BASE + 64 * MIB, metadata);
    page_alloc_add(FAKE_RAM_BASE, 64 * MIB);
    memset(&vm, 0, sizeof(vm));
    memset(&owner, 0, sizeof(owner));
    lock_init(&vm.remap_lock, RANK_REMAP);
    vm.config.vcpus = 1;
    vm.vcpus[0] = &vcpu;
    vm.last_vcpu[3] = LAST_VCPU_NONE;
    harts_count = 8;
    for (unsigned i = 0; i < 8; i++)
        harts[i]->hartid = i + 10;
    assert_int_equal(gstage_init(&vm.gstage, 3), 0);
    /* Adjacent in the guest, not in the host; and one 2 MiB block. */
    assert_int_equal(memslot_add(&owner, RAM, 0x200000000, 0x3000), 0);
    assert_int_equal(memslot_add(&owner, RAM + 0x3000, 0x300000000, 0x1fd000), 0);
    assert_int_equal(memslot_add(&owner, RAM + 2 * MIB, 0x240000000, 4 * MIB), 0);
    free_at_start = page_alloc_free_bytes();
    firmware_answer = SBI_SUCCESS;
    fenced = 0;
    return 0;
}

static struct gstage_mapping at(gpa_t gpa)
{
    struct gstage_mapping m = {.size = 0};

    if (gstage_lookup(&vm.gstage, gpa, &m) != 0)
        m.size = 0;
    return m;
}

static void test_share(void **state)
{
    (void)state;
    assert_int_equal(remap_share(&vm, AT, &owner, RAM + 0x1000, 0x4000, GSTAGE_R, &asker), 0);
    assert_int_equal(at(AT - 1).size, 0);
    assert_int_equal(at(AT).hpa, 0x200001000);
    assert_int_equal(at(AT + 0x1fff).hpa, 0x200002fff);
    assert_int_equal(at(AT + 0x2000).hpa, 0x300000000);
    assert_int_equal(at(AT + 0x3fff).hpa, 0x300001fff);
    assert_int_equal(at(AT + 0x3fff).prot, GSTAGE_R);
    assert_int_equal(at(AT + 0x4000).size, 0);
    assert_int_equal(fenced, BIT(13)); /* it ran the VM before the restart */
    assert_int_equal(remap_remove(&vm, AT, 0x4000, &asker), 0);
    assert_int_equal(at(AT).size + at(AT + 0x3000).size, 0);
    assert_int_equal(page_alloc_free_bytes(), free_at_start); /* also the tables */

    assert_int_equal(
        remap_share(&vm, AT, &owner, RAM + 2 * MIB, 4 * MIB, GSTAGE_R | GSTAGE_W, &asker), 0);
    assert_int_equal(at(AT + 2 * MIB).size, 2 * MIB);
    assert_int_equal(at(AT + 2 * MIB).prot, GSTAGE_R | GSTAGE_W);
    assert_int_equal(remap_remove(&vm, AT, 4 * MIB, &asker), 0);
    assert_int_equal(page_alloc_free_bytes(), free_at_start);
}

/* Harts that have run the VM since its start are fenced; this hart fences itself. */
static void test_harts(void **state)
{
    (void)state;
    assert_int_equal(remap_share(&vm, AT, &owner, RAM, 0x1000, GSTAGE_R, &asker), 0);
    vm.last_vcpu[7] = 1;
    vm.last_vcpu[this_hart()->index] = 1;
    fenced = charged = 0;
    assert_int_equal(remap_remove(&vm, AT, 0x1000, &asker), 0);
    assert_int_equal(fenced, BIT(13) | BIT(17));
    assert_int_equal(charged, 2 * 7); /* for the two others */
}

/* The firmware refuses a fence for a running VM: the tables are kept, because a hart may walk them,
 * and the caller gets an error. After the VM has stopped, each hart flushes before it runs it. */
static void test_broken_firmware(void **state)
{
    (void)state;
    assert_int_equal(remap_share(&vm, AT, &owner, RAM, 0x1000, GSTAGE_R, &asker), 0);
    vm.vcpus_active = 1;
    firmware_answer = SBI_ERR_FAILED;
    assert_int_equal(remap_remove(&vm, AT, 0x1000, &asker), -HV_EIO);
    assert_int_equal(at(AT).size, 0);
    assert_true(page_alloc_free_bytes() < free_at_start);
    assert_int_equal(vm.last_vcpu[3], LAST_VCPU_NONE);
    assert_string_equal(strchr(fake_log_text, ':'), ": the firmware refuses a remote fence");
    assert_int_equal(remap_share(&vm, AT, &owner, RAM, 0x1000, GSTAGE_R, &asker), -HV_EIO);
    assert_int_equal(remap_remove(&vm, AT, 0x1000, &asker), -HV_EIO);

    vm.vcpus_active = 0;
    assert_int_equal(remap_remove(&vm, AT, 0x1000, &asker), 0);
    assert_int_equal(vm.last_vcpu[3], 0); /* the next load there flushes first */
    assert_true(page_alloc_free_bytes() < free_at_start);
    /* Fences work again: the tables that were kept are freed. */
    firmware_answer = SBI_SUCCESS;
    vm.last_vcpu[3] = 1;
    assert_int_equal(remap_share(&vm, AT, &owner, RAM, 0x1000, GSTAGE_R, &asker), 0);
    assert_int_equal(remap_remove(&vm, AT, 0x1000, &asker), 0);
    assert_int_equal(page_alloc_free_bytes(), free_at_start);
}

static void test_refused(void **state)
{
    static const struct {
        uint64_t gpa, size;
    } rows[] = {
        {RAM - 0x1000, 0x2000},       {RAM + 6 * MIB, 0x1000},
        {RAM, 6 * MIB + 0x1000},      {0, 0x1000},
        {UINT64_MAX - 0xfff, 0x2000}, {RAM, UINT64_MAX & ~0xfffull},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(remap_share(&vm, AT, &owner, rows[i].gpa, rows[i].size, GSTAGE_R, &asker),
                         -HV_EFAULT);
    assert_int_equal(fenced, 0);
    assert_int_equal(page_alloc_free_bytes(), free_at_start);
}

/* Out of memory before or after the first chunk: all is unmapped and fenced. */
static void test_no_memory(void **state)
{
    static void *taken[64 * MIB / PAGE_SIZE];
    unsigned count = 0;
    uint64_t left;

    (void)state;
    while ((taken[count] = page_alloc_zeroed(0)) != NULL)
        count++;
    for (unsigned spare = 0; spare < 2; spare++) {
        left = page_alloc_free_bytes();
        fenced = 0;
        /* It needs a table of each level for 4 KiB pages, and one for those after the 2 MiB page.
         * */
        assert_int_equal(remap_share(&vm, AT, &owner, RAM, 6 * MIB, GSTAGE_R, &asker), -HV_ENOMEM);
        assert_int_equal(at(AT).size + at(AT + 0x3000).size, 0);
        assert_int_equal(page_alloc_free_bytes(), left);
        assert_int_equal(fenced, BIT(13));
        firmware_answer = SBI_ERR_FAILED;
        vm.vcpus_active = 1;
        assert_int_equal(remap_share(&vm, AT, &owner, RAM, 6 * MIB, GSTAGE_R, &asker), -HV_EIO);
        firmware_answer = SBI_SUCCESS;
        vm.vcpus_active = 0;
        assert_int_equal(remap_remove(&vm, AT, 6 * MIB, &asker), 0);
        assert_int_equal(page_alloc_free_bytes(), left);
        page_free_virt(taken[--count], 0);
    }
    while (count > 0)
        page_free_virt(taken[--count], 0);
    assert_int_equal(page_alloc_free_bytes(), free_at_start);
}

static void test_available(void **state)
{
    (void)state;
    assert_true(remap_available());
    firmware_answer = SBI_ERR_NOT_SUPPORTED;
    assert_true(remap_available()); /* the firmware was asked once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_share, setup),
        cmocka_unit_test_setup(test_harts, setup),
        cmocka_unit_test_setup(test_refused, setup),
        cmocka_unit_test_setup(test_no_memory, setup),
        cmocka_unit_test_setup(test_available, setup),
        cmocka_unit_test_setup(test_broken_firmware, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
