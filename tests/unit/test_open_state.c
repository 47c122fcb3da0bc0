/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_open_state.c - arch/riscv/open_state_find.c on harts that have one register or the other:
 * what a guest reaches is found by the number that HS-mode has for it, or the host is refused.
 */
#include "fake.h"

#include <arch/csr.h>
#include <hearth/arch/guest_trial.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/open_state.h>
#include <hearth/arch/vcpu_csr.h>
#include <hearth/lib/errno.h>

#include "../../arch/riscv/open_state_internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

struct host_isa host_isa;

/* A register of the hart, by the numbers under which the modes have it; 0: not at all. */
struct model_reg {
    unsigned vs, hs;
    uint64_t writable, value;
    uint16_t select; /* not 0: vsiselect has to hold it, and vs and hs are aliases */
    bool record;     /* SCTRCLR clears it */
    bool moves;      /* by itself */
};

static struct model_reg regs[64];
static unsigned reg_count;
static bool sctrclr;
static char name[OPEN_STATE_NAME_MAX];

/* The stubs: only their addresses are looked at. */
#define STUBS (7 * 256)
const char open_stubs_start[STUBS * OPEN_STUB_SIZE + 1];

bool probe_swap(uint64_t (*swap)(uint64_t value), uint64_t *value);

uint64_t vcpu_henvcfg_initial(void)
{
    return 0;
}

uint64_t open_state_clear_records(uint64_t ignored)
{
    return ignored;
}

static unsigned number_of(const char *stub)
{
    static const uint16_t blocks[] = {0x000, 0x100, 0x200, 0x400, 0x500, 0x800, 0x900};
    const size_t i = (size_t)(stub - open_stubs_start) / OPEN_STUB_SIZE;

    assert_true(i < STUBS);
    return blocks[i / 256] + (unsigned)(i % 256);
}

static bool swap_model(bool vs, unsigned number, uint64_t *value)
{
    for (unsigned i = 0; i < reg_count; i++) {
        struct model_reg *r = &regs[i];
        const uint64_t old = r->value;

        if (number == 0 || (vs ? r->vs : r->hs) != number ||
            (r->select != 0 && fake_csr[CSR_VSISELECT] != r->select))
            continue;
        r->value = (*value & r->writable) | (old & ~r->writable);
        if (r->moves)
            r->value++;
        if (number == (vs ? CSR_SISELECT : CSR_VSISELECT))
            fake_csr[CSR_VSISELECT] = r->value;
        *value = old;
        return true;
    }
    return false;
}

bool probe_swap(uint64_t (*swap)(uint64_t value), uint64_t *value)
{
    if (swap == open_state_clear_records) {
        for (unsigned i = 0; sctrclr && i < reg_count; i++)
            regs[i].value = regs[i].record ? 0 : regs[i].value;
        return sctrclr;
    }
    return swap_model(false, number_of((const char *)(uintptr_t)swap), value);
}

void guest_trial_begin(uint64_t hgatp, uint64_t henvcfg)
{
    (void)hgatp, (void)henvcfg;
}

struct trial_trap guest_trial_run(const char *code, uint64_t a0, uint64_t a1, uint64_t spp)
{
    struct trial_trap t = {.scause = 2, .a0 = a0};

    (void)a1;
    assert_int_equal(spp, SSTATUS_SPP);
    if (swap_model(true, number_of(code), &t.a0))
        t.scause = CAUSE_ECALL_VS;
    return t;
}

void guest_trial_end(void)
{
}

static int setup(void **state)
{
    (void)state;
    memset(&host_open_state, 0, sizeof(host_open_state));
    memset(&host_isa, 0, sizeof(host_isa));
    memset(fake_csr, 0, sizeof(fake_csr));
    memset(name, 0, sizeof(name));
    reg_count = 0;
    sctrclr = false;
    return 0;
}

static struct model_reg *has(struct model_reg r)
{
    regs[reg_count] = r;
    return &regs[reg_count++];
}

static void select_is_open(void)
{
    has((struct model_reg){.vs = CSR_SISELECT, .hs = CSR_VSISELECT, .writable = 0xfff});
}

/* The one at [i] is HS-mode's `number`. */
static void found(unsigned i, unsigned number, unsigned select, uint64_t initial)
{
    const struct open_register *r = &host_open_state.reg[i];

    assert_true(i < host_open_state.count);
    assert_int_equal(number_of((const char *)(uintptr_t)r->swap), number);
    assert_int_equal(r->indirect, select != 0);
    assert_int_equal(r->select, select);
    assert_int_equal(r->initial, initial);
}

static void test_none(void **state)
{
    (void)state;
    has((struct model_reg){.vs = 0x800, .hs = 0x800, .value = 5}); /* always the same */
    has((struct model_reg){.vs = CSR_SSTATUS, .hs = 0x200, .writable = ~0ul});
    has((struct model_reg){.hs = 0x017, .writable = ~0ul}); /* closed */
    assert_int_equal(open_state_find(0, name), 0);
    assert_int_equal(host_open_state.count, 0);
    assert_false(host_open_state.records);
}

static void test_same_number(void **state)
{
    const struct model_reg *jvt =
        has((struct model_reg){.vs = 0x017, .hs = 0x017, .writable = ~0x3ful, .value = 0x40});
    const struct model_reg *custom =
        has((struct model_reg){.vs = 0x5c0, .hs = 0x5c0, .writable = BIT(37), .value = 7});

    (void)state;
    assert_int_equal(open_state_find(0, name), 0);
    assert_int_equal(host_open_state.count, 2);
    found(0, 0x017, 0, 0x40);
    found(1, 0x5c0, 0, 7);
    assert_int_equal(jvt->value, 0x40); /* as before */
    assert_int_equal(custom->value, 7);
}

/* HS-mode has its own register under the guest's number, which stays what it was. */
static void test_replaced(void **state)
{
    const struct model_reg *own =
        has((struct model_reg){.hs = 0x14e, .writable = ~0ul, .value = 0x1234});

    (void)state;
    has((struct model_reg){.vs = 0x14e, .hs = 0x24e, .writable = 3});
    assert_int_equal(open_state_find(0, name), 0);
    assert_int_equal(host_open_state.count, 1);
    found(0, 0x24e, 0, 0);
    assert_int_equal(own->value, 0x1234);
}

/* fcsr and those like it are known where the switch of floating-point state carries them. */
static void test_known(void **state)
{
    (void)state;
    has((struct model_reg){.vs = 0x003, .hs = 0x003, .writable = 0xff});
    host_isa.f = true;
    assert_int_equal(open_state_find(0, name), 0);
    assert_int_equal(host_open_state.count, 0);
    host_isa.f = false;
    assert_int_equal(open_state_find(0, name), 0);
    found(0, 0x003, 0, 0);
}

static void test_unreachable(void **state)
{
    (void)state;
    has((struct model_reg){.vs = 0x9c1, .writable = 1});
    assert_int_equal(open_state_find(0, name), -HV_ENOTSUP);
    assert_string_equal(name, "CSR 0x9c1");
    /* HS-mode has another one there. */
    setup(NULL);
    has((struct model_reg){.vs = 0x5c1, .writable = 1});
    has((struct model_reg){.hs = 0x5c1, .writable = 1});
    assert_int_equal(open_state_find(0, name), -HV_ENOTSUP);
    assert_string_equal(name, "CSR 0x5c1");
    /* One that nobody can put back. */
    setup(NULL);
    has((struct model_reg){.vs = 0x8ff, .hs = 0x8ff, .writable = ~0ul, .moves = true});
    assert_int_equal(open_state_find(0, name), -HV_ENOTSUP);
}

static void test_too_many(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= OPEN_STATE_MAX; i++)
        has((struct model_reg){.vs = 0x880 + i, .hs = 0x880 + i, .writable = 1});
    assert_int_equal(open_state_find(0, name), -HV_ENOSPC);
    assert_string_equal(name, "CSR 0x8a0");
}

static void test_indirect(void **state)
{
    const struct model_reg *r;

    (void)state;
    select_is_open();
    r = has((struct model_reg){
        .select = 0xfff, .vs = 0x157, .hs = 0x257, .writable = 0xf0, .value = 0x33});
    has((struct model_reg){.select = 0x40, .vs = 0x151, .hs = 0x251, .value = 1}); /* constant */
    has((struct model_reg){.select = 0x80, .hs = 0x251, .writable = ~0ul});        /* closed */
    assert_int_equal(open_state_find(0, name), 0);
    assert_int_equal(host_open_state.count, 2);
    found(0, CSR_VSISELECT, 0, 0);
    found(1, 0x257, 0xfff, 0x33);
    assert_int_equal(r->value, 0x33);
    assert_false(host_open_state.records);
}

static void test_records(void **state)
{
    (void)state;
    select_is_open();
    for (unsigned i = 0; i < OPEN_STATE_MAX + 8; i++)
        has((struct model_reg){.select = (uint16_t)(0x200 + i),
                               .vs = 0x152,
                               .hs = 0x252,
                               .writable = ~0ul,
                               .record = true});
    sctrclr = true;
    assert_int_equal(open_state_find(0, name), 0);
    assert_int_equal(host_open_state.count, 1);
    assert_true(host_open_state.records);
    /* Without the instruction they are too many. */
    host_open_state = (struct open_state){0};
    sctrclr = false;
    assert_int_equal(open_state_find(0, name), -HV_ENOSPC);
    assert_string_equal(name, "siselect 0x21f, CSR 0x152");
}

static void test_endless_select(void **state)
{
    (void)state;
    has((struct model_reg){.vs = CSR_SISELECT, .hs = CSR_VSISELECT, .writable = 0xfff | BIT(63)});
    assert_int_equal(open_state_find(0, name), -HV_ENOTSUP);
    assert_string_equal(name, "CSR 0x150");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_none, setup),
        cmocka_unit_test_setup(test_same_number, setup),
        cmocka_unit_test_setup(test_replaced, setup),
        cmocka_unit_test_setup(test_known, setup),
        cmocka_unit_test_setup(test_unreachable, setup),
        cmocka_unit_test_setup(test_too_many, setup),
        cmocka_unit_test_setup(test_indirect, setup),
        cmocka_unit_test_setup(test_records, setup),
        cmocka_unit_test_setup(test_endless_select, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
