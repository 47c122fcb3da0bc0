/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi_state.c - the extensions' state for each VM and vcpu: allocated as one block, reset, and
 * switched with the vcpu. The extensions' table entries give the sizes and hooks (sbi.h).
 *
 * Locking: none of its own; all functions are hooks of a VM component.
 */
#include <hearth/lib/errno.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

_Static_assert(VM_SLOT_SBI + SBI_SLOT_COUNT <= VM_SLOT_SBI_BLOCK &&
                   VCPU_SLOT_SBI + SBI_SLOT_COUNT <= VCPU_SLOT_SBI_BLOCK,
               "a slot for each extension's state");

#define STATE_ALIGN 64 /* SBI shared structures and cache lines */

static bool sbi_state_exists(const struct sbi_extension *ext)
{
    return ext->slot != SBI_SLOT_NONE;
}

static size_t sbi_state_size(bool vcpu)
{
    size_t sum = 0;

    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_state_exists(sbi_extensions[i]))
            sum += align_up(vcpu ? sbi_extensions[i]->vcpu_state : sbi_extensions[i]->vm_state,
                            STATE_ALIGN);
    return sum;
}

/* Allocates one block and assigns it to the slots in table order. */
static int sbi_state_create(void **slots, void **block, bool vcpu)
{
    size_t size = sbi_state_size(vcpu);
    char *at;

    *block = NULL;
    if (size == 0)
        return 0;
    at = page_alloc_zeroed(page_order(size));
    if (at == NULL)
        return -HV_ENOMEM;
    *block = at;
    for (unsigned i = 0; i < sbi_extension_count; i++) {
        const struct sbi_extension *ext = sbi_extensions[i];
        size_t part = vcpu ? ext->vcpu_state : ext->vm_state;

        if (!sbi_state_exists(ext) || part == 0)
            continue;
        slots[ext->slot] = at;
        at += align_up(part, STATE_ALIGN);
    }
    return 0;
}

static int sbi_vm_create(struct vm *vm)
{
    if (sbi_state_create(&vm->slots[VM_SLOT_SBI], &vm->slots[VM_SLOT_SBI_BLOCK], false) < 0)
        return -HV_ENOMEM;
    vm->sbi_hidden = vm->config.sbi_off;
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->available != NULL && !sbi_extensions[i]->available(vm))
            vm->sbi_hidden |= BIT(i);
    return 0;
}

static void sbi_vm_destroy(struct vm *vm)
{
    if (vm->slots[VM_SLOT_SBI_BLOCK] != NULL)
        page_free_virt(vm->slots[VM_SLOT_SBI_BLOCK], page_order(sbi_state_size(false)));
}

static int sbi_vcpu_create(struct vcpu *vcpu)
{
    return sbi_state_create(&vcpu->slots[VCPU_SLOT_SBI], &vcpu->slots[VCPU_SLOT_SBI_BLOCK], true);
}

static void sbi_vcpu_destroy(struct vcpu *vcpu)
{
    if (vcpu->slots[VCPU_SLOT_SBI_BLOCK] != NULL)
        page_free_virt(vcpu->slots[VCPU_SLOT_SBI_BLOCK], page_order(sbi_state_size(true)));
}

static void sbi_vm_reset(struct vm *vm)
{
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->vm_reset != NULL)
            sbi_extensions[i]->vm_reset(vm, sbi_vm_state(vm, sbi_extensions[i]->slot));
}

static void sbi_vcpu_reset(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->vcpu_reset != NULL)
            sbi_extensions[i]->vcpu_reset(vcpu, sbi_vcpu_state(vcpu, sbi_extensions[i]->slot));
}

static void sbi_vcpu_stopped(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->vcpu_stopped != NULL)
            sbi_extensions[i]->vcpu_stopped(vcpu, sbi_vcpu_state(vcpu, sbi_extensions[i]->slot));
}

static int sbi_vm_fdt(const struct vm *vm, void *fdt)
{
    int err = 0;

    for (unsigned i = 0; err == 0 && i < sbi_extension_count; i++)
        if (sbi_extensions[i]->fdt != NULL && !(vm->sbi_hidden & BIT(i)))
            err = sbi_extensions[i]->fdt(fdt);
    return err;
}

/* Calls only the extensions that have something to switch (sbi_vcpu_switches()). */
static void sbi_state_switch(struct vcpu *vcpu, bool load)
{
    uint64_t slots = vcpu->switched >> VCPU_SLOT_SBI;

    for (unsigned i = 0; slots != 0 && i < sbi_extension_count; i++) {
        const struct sbi_extension *ext = sbi_extensions[i];
        void (*hook)(struct vcpu *vcpu, void *state) = load ? ext->vcpu_load : ext->vcpu_put;

        if (!(slots & BIT(ext->slot)))
            continue;
        slots &= ~BIT(ext->slot);
        if (hook != NULL)
            hook(vcpu, sbi_vcpu_state(vcpu, ext->slot));
    }
}

static void sbi_vcpu_load(struct vcpu *vcpu)
{
    sbi_state_switch(vcpu, true);
}

static void sbi_vcpu_put(struct vcpu *vcpu)
{
    sbi_state_switch(vcpu, false);
}

static void sbi_vcpu_requested(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->requested != NULL)
            sbi_extensions[i]->requested(vcpu, sbi_vcpu_state(vcpu, sbi_extensions[i]->slot));
}

const struct vm_component sbi_component = {
    .name = "sbi",
    .vm_create = sbi_vm_create,
    .vm_destroy = sbi_vm_destroy,
    .vm_reset = sbi_vm_reset,
    .vm_fdt = sbi_vm_fdt,
    .vcpu_create = sbi_vcpu_create,
    .vcpu_destroy = sbi_vcpu_destroy,
    .vcpu_reset = sbi_vcpu_reset,
    .vcpu_stopped = sbi_vcpu_stopped,
    .vcpu_requested = sbi_vcpu_requested,
};

const struct vcpu_switch sbi_switch = {
    .load = sbi_vcpu_load,
    .put = sbi_vcpu_put,
};
