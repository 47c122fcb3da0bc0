/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_test.h - the parts of a VM as fakes, for test_vm.c: each writes into a log, a capital letter
 * when it is made, the small one when it goes; and can fail.
 */
#pragma once

#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <abi/sbi.h>
#include <arch/step.h>
#include <hearth/arch/fpu.h>
#include <hearth/arch/isa.h>
#include <hearth/console/console.h>
#include <hearth/core/sched.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/page_alloc.h>

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct host_isa host_isa;
const struct console_client_ops vm_console_ops = {.cancel_key = 'c'};
struct console_client {
    bool listed;
    char name[VM_NAME_MAX + 1];
    unsigned number;
    bool buffered;
};

static char parts[2048];    /* the log */
static unsigned parts_left; /* the part that fails, counted down; 0: none does */
static gpa_t chosen_end;
static unsigned chosen_levels;
static struct memslot mapped[4];
static unsigned mapped_count, slot_count, workers, vms_inited;
static unsigned named_id;
static uint64_t fpu_detached, woken; /* by vcpu id */
static struct vm *listed_last, *unlisted_last;
static void (*step)(void);

void fake_step_hook(void)
{
    if (step != NULL)
        step();
}

static void note(char part)
{
    const size_t n = strlen(parts);

    assert_true(n + 1 < sizeof(parts));
    parts[n] = part;
    parts[n + 1] = '\0';
}

static bool fails(void)
{
    return parts_left > 0 && --parts_left == 0;
}

/* One step of a creation: its part is there, or it has failed and left nothing. */
static bool made(char part)
{
    if (fails())
        return false;
    note(part);
    return true;
}

/* ---- what a VM is made of */

int memslot_alloc_ram(struct memslots *s, gpa_t gpa, uint64_t size)
{
    assert_int_equal(gpa, VM_RAM_BASE);
    if (!made('R'))
        return -HV_ENOMEM;
    s->count = slot_count;
    for (unsigned i = 0; i < slot_count; i++)
        s->slot[i] = (struct memslot){.gpa = gpa + i * (size / slot_count),
                                      .size = size / slot_count,
                                      .hpa = 0x100000000ull + i * GIB};
    return 0;
}

void memslot_free_ram(struct memslots *s)
{
    note('r');
    s->count = 0;
}

unsigned gstage_choose(uint32_t modes, gpa_t end)
{
    assert_int_equal(modes, host_isa.gstage_modes);
    chosen_end = end;
    return chosen_levels;
}

int gstage_init(struct gstage *g, unsigned levels)
{
    assert_int_equal(levels, chosen_levels);
    mapped_count = 0;
    if (!made('G'))
        return -HV_ENOMEM;
    g->levels = (uint8_t)levels;
    return 0;
}

void gstage_destroy(struct gstage *g)
{
    (void)g;
    note('g');
}

int gstage_map(struct gstage *g, gpa_t gpa, hpa_t hpa, uint64_t size, unsigned prot)
{
    (void)g;
    assert_int_equal(prot, GSTAGE_R | GSTAGE_W | GSTAGE_X);
    if (fails())
        return -HV_ENOMEM;
    mapped[mapped_count++] = (struct memslot){.gpa = gpa, .hpa = hpa, .size = size};
    return 0;
}

struct console_client *console_client_create(const struct console_client_ops *ops, void *owner)
{
    assert_ptr_equal(ops, &vm_console_ops);
    assert_non_null(owner);
    return made('O') ? calloc(1, sizeof(struct console_client)) : NULL;
}

void console_client_destroy(struct console_client *c)
{
    assert_non_null(c);
    assert_false(c->listed);
    note('o');
    free(c);
}

void console_client_list(struct console_client *c, const char *name, unsigned number, bool buffered)
{
    *c = (struct console_client){.listed = true, .number = number, .buffered = buffered};
    snprintf(c->name, sizeof(c->name), "%s", name);
}

void console_client_unlist(struct console_client *c)
{
    assert_true(c->listed);
    c->listed = false;
}

struct vcpu *vcpu_create(struct vm *vm, uint32_t id)
{
    struct vcpu *v;

    if (!made('V'))
        return NULL;
    v = calloc(1, sizeof(*v));
    assert_non_null(v);
    v->vm = vm;
    v->id = id;
    v->hsm_state = SBI_HSM_STATE_STOPPED;
    return v;
}

void vcpu_destroy(struct vcpu *v)
{
    note('v');
    free(v);
}

void vcpu_wake(struct vcpu *v)
{
    woken |= BIT(v->id);
}

/* The worker's memory is behind the VM's, zeroed, in the same block (ASan). */
void vm_work_create(struct vm *vm, void *memory)
{
    static const char zeros[VM_WORKER_SIZE];

    assert_memory_equal(memory, zeros, VM_WORKER_SIZE);
    memset(memory, 0xff, VM_WORKER_SIZE);
    vm->worker.vcpu = memory;
    note('W');
    workers++;
}

void vm_work_destroy(struct vm *vm)
{
    assert_non_null(vm->worker.vcpu);
    note('w');
    workers--;
}

int sched_vm_init(struct vm *vm)
{
    assert_string_not_equal(vm->config.name, "");
    if (strcmp(vm->config.name, "nowhere") == 0)
        return -HV_EINVAL;
    vms_inited++;
    return 0;
}

uint64_t page_alloc_free_bytes(void)
{
    return 17 * MIB;
}

void trace_name(unsigned id, const char *name)
{
    assert_string_equal(vm_get(id)->config.name, name);
    named_id = id;
}

void fpu_detach(struct hart_fpu *hart, const struct vcpu_fpu *fpu)
{
    assert_ptr_equal(hart, &fake_this_hart->fpu);
    for (uint32_t i = 0; i < listed_last->config.vcpus; i++)
        if (&listed_last->vcpus[i]->fpu == fpu)
            fpu_detached |= BIT(i);
}

/* ---- components */

/* The lock's rank is held: another one of that rank cannot be taken (kernel/lock.c). */
static bool list_is_locked(void)
{
    struct spinlock probe;

    lock_init(&probe, RANK_VM_LIST);
    fake_panic_expected = 1;
    if (setjmp(fake_panic_jmp) != 0) {
        fake_panic_expected = 0;
        return true;
    }
    lock_acquire(&probe);
    lock_release(&probe);
    fake_panic_expected = 0;
    return false;
}

static void listed(struct vm *vm)
{
    assert_true(list_is_locked());
    assert_ptr_equal(vm_find(vm->config.name), vm);
    listed_last = vm;
}

static void unlisted(struct vm *vm)
{
    assert_true(list_is_locked());
    assert_null(vm_find(vm->config.name));
    unlisted_last = vm;
}

static int create_one_error = -HV_ENOMEM;

static int create_one(struct vm *vm)
{
    assert_non_null(vm->console);
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        assert_int_equal(vm->vcpus[i]->id, i);
    return made('A') ? 0 : create_one_error;
}

static void destroy_one(struct vm *vm)
{
    assert_non_null(vm->vcpus[0]);
    note('a');
}

static int create_two(struct vm *vm)
{
    (void)vm;
    return made('B') ? 0 : -HV_ENOMEM;
}

static void destroy_two(struct vm *vm)
{
    (void)vm;
    note('b');
}

static void detach_one(struct vm *vm)
{
    (void)vm;
    note('D');
}

static void detach_three(struct vm *vm)
{
    (void)vm;
    note('E');
}

static const struct vm_component one = {.name = "one",
                                        .vm_create = create_one,
                                        .vm_destroy = destroy_one,
                                        .vm_listed = listed,
                                        .vm_detach = detach_one};
static const struct vm_component two = {
    .name = "two", .vm_create = create_two, .vm_destroy = destroy_two};
static const struct vm_component three = {
    .name = "three", .vm_unlisted = unlisted, .vm_detach = detach_three};
const struct vm_component *const vm_components[] = {&one, &two, &three, NULL};
