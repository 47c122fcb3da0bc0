/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_virq.c - virtual interrupts (core/request.c) while another hart, or the vcpu's own, acts
 * between any two steps: no software interrupt is lost, and no level stays wrong.
 */
#include "fakes/fake.h"

#include <arch/step.h>
#include <hearth/kernel/ipi.h>
#include <hearth/core/request.h>
#include <hearth/core/sched.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/monitor/trace_control.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>

#define SOFT BIT(IRQ_VS_SOFT)
#define EXT  BIT(IRQ_VS_EXT)

static struct vcpu vcpu;
static bool taken;

static void (*act)(void); /* called before step `act_at` */
static unsigned step, act_at;

void fake_step_hook(void)
{
    void (*fn)(void) = act;

    if (fn == NULL || step++ != act_at)
        return;
    act = NULL;
    fn();
}

/* ---- functions that request.c calls and that play no part here */

void ipi_send(unsigned hart)
{
    (void)hart;
}

void sched_wake(struct vcpu *v)
{
    (void)v;
}

void trace_put(enum trace_type type, const struct vcpu *v, unsigned code, uint64_t a, uint64_t b)
{
    (void)type;
    (void)v;
    (void)code;
    (void)a;
    (void)b;
}

const struct vm_component *const vm_components[] = {NULL};

void vtimer_moved(struct vcpu *v)
{
    (void)v;
}

/* ---- the actors */

static void on_hart(unsigned hart, void (*fn)(void))
{
    struct hart *before = fake_this_hart;

    fake_this_hart = &fake_harts[hart];
    fn();
    fake_this_hart = before;
}

static void send(void)
{
    virq_set(&vcpu, IRQ_VS_SOFT);
}

static void send_from_other(void)
{
    on_hart(1, send);
}

static void take(void)
{
    if (virq_take_soft(&vcpu))
        taken = true;
}

static void take_here(void)
{
    on_hart(0, take);
}

static void flush(void)
{
    virq_flush(&vcpu);
}

static void raise_level(void)
{
    virq_set(&vcpu, IRQ_VS_EXT);
}

static void lower_level(void)
{
    virq_clear(&vcpu, IRQ_VS_EXT);
}

static void reset(void)
{
    (void)fake_reset(NULL);
    vcpu = (struct vcpu){.hart = &fake_harts[0], .run_state = VCPU_RUNNING};
    fake_harts[0].current = &vcpu;
    taken = false;
}

/* Runs `first`, with `second` before its at-th step. False: it has no such step. */
static bool together(void (*first)(void), void (*second)(void), unsigned at)
{
    step = 0;
    act_at = at;
    act = second;
    first();
    if (act == NULL)
        return true;
    act = NULL;
    return false;
}

/* An interrupt that comes during the take is in the result, or pending afterwards. */
static void test_sent_meanwhile(void **state)
{
    unsigned steps = 0;

    (void)state;
    for (unsigned before = 0; before < 3; before++) {
        bool met = true;

        for (unsigned at = 0; met; at++, steps++) {
            reset();
            if (before == 1)
                fake_csr[CSR_HVIP] = SOFT; /* set by the guest */
            else if (before == 2)
                send_from_other();
            met = together(take, send_from_other, at);
            flush();
            if (before != 0)
                assert_true(taken);
            if (met)
                assert_true(taken || (fake_csr[CSR_HVIP] & SOFT));
            else
                assert_true(taken == (before != 0) && fake_csr[CSR_HVIP] == 0);
            if (before == 0)
                assert_false(taken && (fake_csr[CSR_HVIP] & SOFT)); /* one, not two */
        }
    }
    assert_true(steps >= 9);
}

/* The same, with the taker between two steps of the sender. */
static void test_taken_meanwhile(void **state)
{
    bool met = true;

    (void)state;
    for (unsigned at = 0; met; at++) {
        reset();
        fake_this_hart = &fake_harts[1];
        met = together(send, take_here, at);
        fake_this_hart = &fake_harts[0];
        flush();
        assert_true(taken != ((fake_csr[CSR_HVIP] & SOFT) != 0) || !met);
        assert_true(taken || (fake_csr[CSR_HVIP] & SOFT));
    }
}

/* A cleared line stays cleared, whatever is flushed for another one. */
static void test_not_twice(void **state)
{
    (void)state;
    reset();
    send_from_other();
    take();
    assert_true(taken);
    raise_level();
    flush();
    assert_int_equal(fake_csr[CSR_HVIP], EXT);
    taken = false;
    take();
    assert_false(taken);
    assert_int_equal(fake_csr[CSR_HVIP], EXT);
}

static void test_level(void **state)
{
    (void)state;
    for (unsigned up = 0; up < 2; up++) {
        bool met = true;

        for (unsigned at = 0; met; at++) {
            reset();
            if (up)
                lower_level();
            else
                raise_level();
            met = together(flush, up ? raise_level : lower_level, at);
            flush();
            if (met)
                assert_int_equal(fake_csr[CSR_HVIP], up ? EXT : 0);
            assert_int_equal(vcpu.virq_dirty, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent_meanwhile),
        cmocka_unit_test(test_taken_meanwhile),
        cmocka_unit_test(test_not_twice),
        cmocka_unit_test(test_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
