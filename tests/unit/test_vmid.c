/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_vmid.c - mm/vmid.c against a model of the harts' TLBs: each entry says which VM filled it
 * under which VMID. A VM that runs must never find entries of another one.
 */
#include "fakes/fake.h"

#include <hearth/mm/vmid.h>

#define VMS   40
#define HARTS 8

struct vm_model {
    struct vmid vmid;
    unsigned serial; /* a new one when a VM ends and its memory becomes another's */
};

/* Per hart and VMID: the serial of the VM whose entries may be there; 0 none. */
static unsigned tlb[HARTS][1 << 14];

static void run_on(struct vm_model *vm, unsigned hart, unsigned bits)
{
    uint64_t id = UINT64_MAX;

    fake_this_hart = harts[hart];
    if (vmid_update(&vm->vmid, &harts[hart]->vmid_generation, &id))
        memset(tlb[hart], 0, sizeof(tlb[hart]));
    assert_true(id < 1ull << bits);
    if (bits > 0)
        assert_true(id != 0);
    assert_true(tlb[hart][id] == 0 || tlb[hart][id] == vm->serial);
    tlb[hart][id] = vm->serial;
}

static void test_model(void **state)
{
    static const unsigned widths[] = {0, 1, 2, 3, 5, 14};

    (void)state;
    for (unsigned b = 0; b < ARRAY_SIZE(widths); b++) {
        static struct vm_model vms[VMS];
        unsigned serial = 0;
        uint64_t seed = 99 + b;

        (void)fake_reset(NULL);
        memset(tlb, 0, sizeof(tlb));
        memset(vms, 0, sizeof(vms));
        vmid_init(widths[b]);
        for (unsigned i = 0; i < VMS; i++)
            vms[i].serial = ++serial;
        for (unsigned step = 0; step < 20000; step++) {
            unsigned i = (unsigned)((fake_random(&seed) >> 32) % (step < 10000 ? VMS : 3));

            if ((fake_random(&seed) >> 32) % 100 == 0)
                vms[i] = (struct vm_model){.serial = ++serial};
            run_on(&vms[i], (unsigned)((fake_random(&seed) >> 32) % HARTS), widths[b]);
        }
    }
}

/* Without need there is no flush: as many VMs as there are numbers run on without one. */
static void test_no_needless_flush(void **state)
{
    struct vm_model vms[3] = {{.serial = 1}, {.serial = 2}, {.serial = 3}};
    uint64_t id, first[3];

    (void)state;
    vmid_init(2);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(vmid_update(&vms[i].vmid, &harts[0]->vmid_generation, &first[i]), i == 0);
        assert_int_equal(vmid_update(&vms[i].vmid, &harts[1]->vmid_generation, &id), i == 0);
        assert_int_equal(id, first[i]);
    }
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 3; i++) {
            assert_false(vmid_update(&vms[i].vmid, &harts[round % 2]->vmid_generation, &id));
            assert_int_equal(id, first[i]);
        }
    }
    assert_true(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
}

/* No bits: a hart flushes exactly when another VM comes, whatever the other harts do. */
static void test_without_bits(void **state)
{
    struct vmid a = {0}, b = {0};
    uint64_t id;

    (void)state;
    vmid_init(0);
    assert_true(vmid_update(&a, &harts[0]->vmid_generation, &id));
    assert_int_equal(id, 0);
    assert_true(vmid_update(&b, &harts[1]->vmid_generation, &id));
    for (unsigned i = 0; i < 10; i++) {
        assert_false(vmid_update(&a, &harts[0]->vmid_generation, &id));
        assert_false(vmid_update(&b, &harts[1]->vmid_generation, &id));
        assert_int_equal(id, 0);
    }
    assert_true(vmid_update(&b, &harts[0]->vmid_generation, &id));
    assert_false(vmid_update(&b, &harts[0]->vmid_generation, &id));
    assert_true(vmid_update(&a, &harts[0]->vmid_generation, &id));
    a = (struct vmid){0}; /* another VM in the same memory */
    assert_true(vmid_update(&a, &harts[0]->vmid_generation, &id));
}

/* A generation ends: every hart flushes once, when it next asks, and a VM running elsewhere gets a
 * new number. */
static void test_generations(void **state)
{
    struct vmid a = {0}, b = {0};
    uint64_t id;

    (void)state;
    vmid_init(1); /* one usable number */
    assert_true(vmid_update(&a, &harts[0]->vmid_generation, &id));
    assert_int_equal(id, 1);
    assert_true(vmid_update(&a, &harts[1]->vmid_generation, &id));
    assert_false(vmid_update(&a, &harts[1]->vmid_generation, &id));
    assert_true(vmid_update(&b, &harts[1]->vmid_generation, &id)); /* the next generation */
    assert_int_equal(id, 1);
    assert_true(vmid_update(&b, &harts[0]->vmid_generation, &id));
    assert_false(vmid_update(&b, &harts[0]->vmid_generation, &id));
    assert_true(vmid_update(&a, &harts[0]->vmid_generation,
                            &id)); /* a's number is of the last generation */
    assert_false(vmid_update(&a, &harts[0]->vmid_generation, &id));
    assert_true(vmid_update(&a, &harts[1]->vmid_generation, &id));
    assert_true(vmid_update(&a, &harts[7]->vmid_generation, &id)); /* a hart that never ran a VM */

    /* Those that still run in the new generation settle there. */
    {
        struct vmid vm[4] = {{0}};

        vmid_init(2);
        for (unsigned i = 0; i < 4; i++)
            (void)!vmid_update(&vm[i], &harts[2]->vmid_generation, &id);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned i = 1; i < 4; i++)
                assert_false(vmid_update(&vm[i], &harts[2]->vmid_generation, &id));
        }
    }
    EXPECT_PANIC(vmid_init(15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_model, fake_reset),
        cmocka_unit_test_setup(test_no_needless_flush, fake_reset),
        cmocka_unit_test_setup(test_without_bits, fake_reset),
        cmocka_unit_test_setup(test_generations, fake_reset),
    };

    return cmocka_run_group_tests_name("vmid", tests, NULL, NULL);
}
