/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu_test.h - the world around core/vcpu.c, for its tests: components that keep a log, and fakes
 * of the scheduler, the VM's life and the registers. One test program a .c file, so the definitions
 * are static.
 */
#pragma once

#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <abi/sbi.h>
#include <arch/step.h>
#include <hearth/arch/trap.h>
#include <hearth/arch/fpu.h>
#include <hearth/arch/isa.h>
#include <hearth/core/lifecycle.h>
#include <hearth/core/pause.h>
#include <hearth/core/sched.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/core/vtimer.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/vmid.h>

#define TEST static __attribute__((unused))

#define PC       0x80200000ul
#define OPAQUE   0x87ul
#define FPU_SIZE 4093u /* the open registers lie behind it, aligned, in a second page */
#define VMID     5

struct host_isa host_isa;
uint64_t vmid_generation;
static struct vm vm;
static struct vcpu v, sibling;
static unsigned homes, started, stopped, ended, fpu_resets, open_resets, timer_resets, charged;
static bool pause_holds;   /* what vm_vcpu_parked() answers */
static void (*step)(void); /* done before each atomic operation, as by another hart */

void fake_step_hook(void)
{
    if (step != NULL)
        step();
}

TEST bool vm_lock_is_free(void)
{
    return vm.lock.raw.next == vm.lock.raw.owner;
}

/* ---- components: a log of hooks; creation fails in the one whose turn it is ---- */

static char hooks[64];
static char failing; /* this component's vcpu_create fails */

static void note(char what, char component)
{
    const size_t n = strlen(hooks);

    assert_true(n + 2 < sizeof(hooks));
    hooks[n] = what;
    hooks[n + 1] = component;
    hooks[n + 2] = '\0';
}

static int create(char component)
{
    if (failing == component)
        return -HV_ENOMEM;
    note('+', component);
    return 0;
}

#define COMPONENT(c)                                                                               \
    static int create_##c(struct vcpu *vcpu)                                                       \
    {                                                                                              \
        assert_ptr_equal(vcpu->vm, &vm);                                                           \
        return create(#c[0]);                                                                      \
    }                                                                                              \
    static void destroy_##c(struct vcpu *vcpu)                                                     \
    {                                                                                              \
        (void)vcpu;                                                                                \
        note('-', #c[0]);                                                                          \
    }                                                                                              \
    static void reset_##c(struct vcpu *vcpu)                                                       \
    {                                                                                              \
        assert_int_equal(vcpu->ctx.pc, PC); /* core's part is done */                              \
        note('r', #c[0]);                                                                          \
    }                                                                                              \
    static void stopped_##c(struct vcpu *vcpu)                                                     \
    {                                                                                              \
        assert_int_not_equal(vcpu->hsm_state, SBI_HSM_STATE_STOPPED);                              \
        assert_true(vm_lock_is_free());                                                            \
        note('s', #c[0]);                                                                          \
    }                                                                                              \
    static const struct vm_component component_##c = {                                             \
        .name = #c,                                                                                \
        .vcpu_create = create_##c,                                                                 \
        .vcpu_destroy = destroy_##c,                                                               \
        .vcpu_reset = reset_##c,                                                                   \
        .vcpu_stopped = stopped_##c,                                                               \
    };

COMPONENT(a)
COMPONENT(b)
COMPONENT(c)
static const struct vm_component no_hooks = {.name = "none"};
const struct vm_component *const vm_components[] = {&component_a, &no_hooks, &component_b,
                                                    &component_c, NULL};

/* They see the vcpu's own CSRs in the hart, before and behind. */
static void switch_load(struct vcpu *vcpu)
{
    assert_int_equal(fake_csr[CSR_VSIE], vcpu->csrs.vsie);
    note('l', '1');
}

static void switch_put(struct vcpu *vcpu)
{
    (void)vcpu;
    assert_int_equal(fake_csr[CSR_VSIE], 0x1e); /* not yet saved, nor overwritten */
    note('p', '1');
}

static const struct vcpu_switch switch_one = {.load = switch_load, .put = switch_put};
const struct vcpu_switch *const vcpu_switched[] = {&switch_one, NULL};

/* ---- arch ---- */

size_t fpu_state_size(void)
{
    return FPU_SIZE;
}

void fpu_reset(struct vcpu_fpu *fpu, struct vcpu_ctx *ctx)
{
    assert_ptr_equal(fpu, &v.fpu);
    assert_int_equal(ctx->sstatus, SSTATUS_SPP | SSTATUS_UXL_64); /* set before, not after */
    fpu_resets++;
}

void fpu_load(struct vcpu_fpu *fpu, struct hart_fpu *hart)
{
    hart->owner = fpu;
}

void fpu_put(struct vcpu_fpu *fpu, struct vcpu_ctx *ctx, struct hart_fpu *hart)
{
    assert_ptr_equal(hart->owner, fpu);
    assert_ptr_equal(ctx, &container_of(fpu, struct vcpu, fpu)->ctx);
    hart->owner = NULL;
}

void open_state_reset(uint64_t *values)
{
    assert_ptr_equal(values, v.csrs.open);
    open_resets++;
}

void vcpu_csrs_load(const struct vcpu_csrs *c)
{
    fake_csr[CSR_VSIE] = c->vsie;
    fake_csr[CSR_VSATP] = c->vsatp;
    fake_csr[CSR_HVIP] = c->hvip;
}

void vcpu_csrs_save(struct vcpu_csrs *c)
{
    c->vsie = fake_csr[CSR_VSIE];
    c->vsatp = fake_csr[CSR_VSATP];
    c->hvip = fake_csr[CSR_HVIP];
}

uint64_t vcpu_henvcfg_initial(void)
{
    return 0xe5;
}

uint64_t vmid_renew(struct vmid *id)
{
    id->number = vmid_generation << VMID_BITS_MAX | VMID;
    return id->number;
}

/* ---- core ---- */

void vtimer_reset(struct vcpu *vcpu)
{
    vcpu->timer_deadline = UINT64_MAX;
    timer_resets++;
}

void vtimer_expired(struct timer_event *ev)
{
    (void)ev;
}

void sched_vcpu_init(struct vcpu *vcpu)
{
    assert_int_equal(vcpu->hsm_state, SBI_HSM_STATE_STOPPED);
    homes++;
}

void sched_unassign(struct vcpu *vcpu)
{
    (void)vcpu;
    homes--;
}

void sched_start(struct vcpu *vcpu)
{
    assert_int_not_equal(vcpu->hsm_state, SBI_HSM_STATE_STOPPED);
    started++;
}

void sched_stop(struct vcpu *vcpu)
{
    /* Nobody may start it before it is out of the scheduler. */
    assert_int_not_equal(vcpu->hsm_state, SBI_HSM_STATE_STOPPED);
    stopped++;
}

void sched_unloaded(struct hart *h, struct vcpu *vcpu)
{
    assert_null(h->current);
    vcpu->hart = NULL;
}

void sched_contention_changed(struct hart *h)
{
    assert_non_null(h->current);
}

void sched_charge(struct vm *of, uint64_t ticks)
{
    assert_ptr_equal(of, &vm);
    charged += (unsigned)ticks;
}

void vm_finish_stop(struct vm *of)
{
    assert_true(vm_lock_is_free());
    assert_int_equal(of->vcpus_active, 0);
    fake_timer_now += 70;
    ended++;
}

void vm_note_parked(struct vm *of)
{
    of->paused_at = 1;
}

bool vm_vcpu_parked(struct vcpu *vcpu)
{
    (void)vcpu;
    assert_int_equal(stopped, 1); /* off the queues before it counts as parked */
    return pause_holds;
}

void vm_set_state(struct vm *of, enum vm_state state)
{
    assert_false(vm_lock_is_free());
    of->state = state;
}

static int up(void **state)
{
    static uint64_t open[OPEN_STATE_MAX];

    (void)fake_reset(state);
    fake_timer_reset();
    memset(&vm, 0, sizeof(vm));
    memset(&v, 0, sizeof(v));
    memset(&sibling, 0, sizeof(sibling));
    host_isa = (struct host_isa){.f = true, .v = true};
    lock_init(&vm.lock, RANK_VM);
    vm.state = VM_RUNNING;
    v.vm = sibling.vm = &vm;
    v.id = 3;
    v.hsm_state = sibling.hsm_state = SBI_HSM_STATE_STOPPED;
    v.csrs.open = open;
    hooks[0] = failing = '\0';
    pause_holds = false;
    started = stopped = ended = fpu_resets = open_resets = timer_resets = charged = 0;
    vmid_generation = 1;
    fake_pages_fail = fake_pages_fail_after = 0;
    step = NULL;
    return 0;
}
