/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_sta.c - SBI STA: set_shmem and its errors, and the times at which the structure is
 * written. */
#include "fakes/fake.h"
#include "fakes/fakes.h"
#include "fakes/sbi_vm.h"

#define SHM_GPA (SBI_RAM_BASE + 2 * SBI_STA_SIZE)
#define shm     ((struct sbi_sta *)(void *)(fake_ram + (SHM_GPA - SBI_RAM_BASE)))

static int fresh(void **state)
{
    int err = fake_reset(state);

    sbi_fake_reset(2);
    sbi_vm.memslots.slot[0].hpa = FAKE_RAM_BASE;
    sbi_self->run_state = VCPU_RUNNING;
    return err;
}

static struct sbi_answer set(uint64_t lo, uint64_t hi, uint64_t flags)
{
    return sbi_ecall(SBI_EXT_STA, SBI_STA_SET_SHMEM, lo, hi, flags, 0);
}

static void load(void)
{
    sbi_self->run_state = VCPU_RUNNING;
    sbi_fake_load(&sbi_ext_sta, sbi_self);
}

static void put(uint32_t run_state)
{
    sbi_self->run_state = run_state;
    sbi_fake_put(&sbi_ext_sta, sbi_self);
}

/* All of RAM except the structure, and the structure's constant fields, are 0. */
static void assert_rest_clean(void)
{
    assert_int_equal(shm->flags, 0);
    for (uint64_t i = 0; i < SBI_RAM_SIZE; i++)
        if (i + SBI_RAM_BASE < SHM_GPA || i + SBI_RAM_BASE > SHM_GPA + 16)
            assert_int_equal(fake_ram[i], 0);
}

static void test_errors(void **state)
{
    static const uint64_t holes[] = {0,
                                     SBI_RAM_BASE - 64,
                                     SBI_RAM_BASE + SBI_RAM_SIZE,
                                     0x10000000,
                                     BIT(32) + SHM_GPA,
                                     BIT(63),
                                     BIT(63) - 64,
                                     UINT64_MAX - 63};

    (void)state;
    for (uint64_t fid = 1; fid != 0; fid <<= 1)
        assert_sbi(sbi_ecall(SBI_EXT_STA, fid, SHM_GPA, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
    for (uint64_t flag = 1; flag != 0; flag <<= 1) {
        assert_sbi(set(SHM_GPA, 0, flag), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(set(UINT64_MAX, UINT64_MAX, flag), SBI_ERR_INVALID_PARAM, 0);
    }
    for (uint64_t i = 1; i < SBI_STA_SIZE; i++)
        assert_sbi(set(SHM_GPA + i, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(set(UINT64_MAX, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(holes); i++)
        assert_sbi(set(holes[i], 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(set(SHM_GPA, 1, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(set(SHM_GPA, UINT64_MAX, 0), SBI_ERR_INVALID_ADDRESS, 0);

    /* None of them enabled it. */
    sbi_self->stats.steal_ticks = 5;
    put(VCPU_RUNNABLE);
    load();
    assert_rest_clean();
    assert_int_equal(shm->sequence | shm->steal | shm->preempted, 0);
}

static void test_written(void **state)
{
    (void)state;
    sbi_self->stats.steal_ticks = 1000; /* before it is enabled */
    memset(shm, 0xee, sizeof(*shm));
    assert_sbi(set(SHM_GPA, 0, 0), SBI_SUCCESS, 0);
    assert_int_equal(shm->sequence | shm->steal | shm->preempted, 0);
    assert_rest_clean();

    put(VCPU_RUNNABLE);
    assert_int_equal(shm->preempted, 1);
    assert_int_equal(shm->sequence, 0);
    load(); /* no steal */
    assert_int_equal(shm->preempted, 0);
    assert_int_equal(shm->sequence, 0);

    for (uint32_t n = 1; n <= 10; n++) {
        put(VCPU_RUNNABLE);
        sbi_self->stats.steal_ticks += 7;
        load();
        assert_int_equal(shm->steal, n * 700);
        assert_int_equal(shm->sequence, n * 2);
        assert_int_equal(shm->preempted, 0);
    }
    /* It waits or stops: no time is stolen from it. */
    put(VCPU_BLOCKED);
    assert_int_equal(shm->preempted, 0);
    put(VCPU_RUNNING);
    assert_int_equal(shm->preempted, 0);
    assert_rest_clean();
}

/* The guest overwrites the structure: the next change writes correct values, with no other
 * effect. */
static void test_hostile(void **state)
{
    (void)state;
    assert_sbi(set(SHM_GPA, 0, 0), SBI_SUCCESS, 0);
    memset(shm, 0xff, sizeof(*shm));
    sbi_self->stats.steal_ticks = 3;
    put(VCPU_RUNNABLE);
    load();
    assert_int_equal(shm->sequence, 2);
    assert_int_equal(shm->steal, 300);
    assert_int_equal(shm->preempted, 0);
}

static void test_off(void **state)
{
    struct sbi_sta before;

    (void)state;
    assert_sbi(set(SHM_GPA, 0, 0), SBI_SUCCESS, 0);
    sbi_self->stats.steal_ticks = 3;
    load();
    before = *shm;
    for (unsigned how = 0; how < 3; how++) {
        if (how == 0)
            sbi_vm.asleep = 1; /* system suspend */
        else if (how == 1)
            assert_sbi(set(UINT64_MAX, UINT64_MAX, 0), SBI_SUCCESS, 0);
        else
            sbi_ext_sta.vcpu_reset(sbi_self, sbi_vcpu_state(sbi_self, SBI_SLOT_STA));
        sbi_self->stats.steal_ticks += 3;
        put(VCPU_RUNNABLE);
        load();
        assert_memory_equal(shm, &before, sizeof(before));
        sbi_vm.asleep = 0;
        if (how == 0) {
            load();
            assert_int_equal(shm->steal, 600);
            before = *shm;
        } else {
            assert_sbi(set(SHM_GPA, 0, 0), SBI_SUCCESS, 0); /* starts from 0 again */
            assert_int_equal(shm->steal, 0);
            before = *shm;
        }
    }
}

/* Each hart has its own structure; the last 64 bytes of RAM are valid. */
static void test_harts(void **state)
{
    struct vcpu *const other = sbi_vm.vcpus[1];

    (void)state;
    assert_sbi(set(SBI_RAM_BASE + SBI_RAM_SIZE - SBI_STA_SIZE, 0, 0), SBI_SUCCESS, 0);
    other->run_state = VCPU_RUNNABLE;
    other->stats.steal_ticks = 9;
    sbi_fake_put(&sbi_ext_sta, other);
    sbi_fake_load(&sbi_ext_sta, other);
    for (uint64_t i = 0; i < SBI_RAM_SIZE; i++)
        assert_int_equal(fake_ram[i], 0);
    put(VCPU_RUNNABLE);
    assert_int_equal(fake_ram[SBI_RAM_SIZE - SBI_STA_SIZE + offsetof(struct sbi_sta, preempted)],
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_errors, fresh),  cmocka_unit_test_setup(test_written, fresh),
        cmocka_unit_test_setup(test_hostile, fresh), cmocka_unit_test_setup(test_off, fresh),
        cmocka_unit_test_setup(test_harts, fresh),
    };

    _Static_assert(sizeof(struct sbi_sta) == SBI_STA_SIZE &&
                       offsetof(struct sbi_sta, preempted) == 16,
                   "as the specification has it");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
