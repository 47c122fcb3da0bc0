/* SPDX-License-Identifier: Apache-2.0 */
/* test_spin.c - core/spin.c: the pause hint near the pc, and nowhere else. */
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <hearth/mm/guest_mem.h>
#include <hearth/kernel/hart.h>
#include <hearth/core/sched.h>
#include <hearth/core/spin.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define PAGE 0x80200000ull

static struct vm vm;
static struct vcpu v;
static uint8_t code[2 * PAGE_SIZE]; /* at PAGE; what is behind faults */
static bool over;
static unsigned reads;

bool sched_slice_is_over(const struct hart *h)
{
    assert_ptr_equal(h, v.hart);
    return over;
}

bool guest_read_gva(struct vcpu *vcpu, gva_t gva, void *buf, uint64_t len, struct guest_trap *trap)
{
    assert_ptr_equal(vcpu, &v);
    reads++;
    assert_in_range(len, 2, 2 * SPIN_WINDOW);
    assert_true(gva + len - 1 > gva);
    if (!range_within(gva, len, PAGE, sizeof(code))) {
        *trap = (struct guest_trap){.cause = 5, .tval = gva};
        return false;
    }
    memcpy(buf, code + (gva - PAGE), len);
    return true;
}

static int fresh(void **state)
{
    int err = fake_reset(state);

    vm.config.vcpus = 2;
    v = (struct vcpu){.vm = &vm, .hart = harts[0]};
    memset(code, 0x13, sizeof(code));
    over = true;
    reads = 0;
    return err;
}

static bool spins_at(uint64_t pc)
{
    v.ctx.pc = pc;
    return spin_yields(&v);
}

static void put_pause(uint64_t at)
{
    memcpy(code + (at - PAGE), (const uint8_t[]){0x0f, 0, 0, 1}, 4);
}

static void test_near(void **state)
{
    const uint64_t at = PAGE + 0x102;

    (void)state;
    assert_false(spins_at(at));
    put_pause(at);
    for (uint64_t pc = PAGE + 0x80; pc < PAGE + 0x180; pc += 2)
        assert_int_equal(spins_at(pc), pc <= at + SPIN_WINDOW && pc + SPIN_WINDOW >= at + 4);
    /* A fence is no pause; half of one is none. */
    code[at - PAGE + 3] = 3;
    assert_false(spins_at(at));
}

/* A loop may lie on two pages; a neighbouring page that is not mapped hides nothing of the pc's. */
static void test_page(void **state)
{
    const uint64_t edge = PAGE + PAGE_SIZE, end = PAGE + sizeof(code);

    (void)state;
    put_pause(edge - 4);
    assert_true(spins_at(edge - 4));
    assert_true(spins_at(edge));
    memset(code, 0x13, sizeof(code));
    put_pause(edge - 2); /* on both pages */
    assert_true(spins_at(edge - 2));
    assert_true(spins_at(edge + 2));
    memset(code, 0x13, sizeof(code));
    put_pause(end - 4);
    assert_true(spins_at(end - 4));
    assert_true(spins_at(end - 2));
    assert_false(spins_at(end));
    put_pause(PAGE);
    assert_true(spins_at(PAGE));
    assert_true(spins_at(PAGE + 2));
}

static void test_unreadable(void **state)
{
    (void)state;
    assert_false(spins_at(PAGE + sizeof(code)));
    assert_false(spins_at(0));
    assert_false(spins_at(UINT64_MAX));
    assert_false(spins_at(1));
    assert_in_range(reads, 4, 8);
}

/* Where nobody could be waited for, and before the turn is over, there is no look. */
static void test_when(void **state)
{
    (void)state;
    put_pause(PAGE);
    over = false;
    assert_false(spins_at(PAGE));
    over = true;
    vm.config.vcpus = 1;
    assert_false(spins_at(PAGE));
    assert_int_equal(reads, 0);
    vm.config.vcpus = 2;
    assert_true(spins_at(PAGE));
    assert_true(v.sched.spins > 0);
    /* It has left the loop: two looks later it has whole turns again. */
    assert_false(spins_at(PAGE + 0x200));
    assert_false(spins_at(PAGE + 0x200));
    assert_int_equal(v.sched.spins, 0);
    assert_false(spins_at(PAGE + 0x200));
    assert_int_equal(v.sched.spins, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_near, fresh),
        cmocka_unit_test_setup(test_page, fresh),
        cmocka_unit_test_setup(test_unreadable, fresh),
        cmocka_unit_test_setup(test_when, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
