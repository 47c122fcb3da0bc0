/*
 * state.c - what the extensions keep for each VM and vcpu: allocated as one block, reset, and moved
 * in and out of the hart with the vcpu. The extensions' own rows say what they want (sbi.h).
 *
 * Locking: none of its own; each function is called where vm.c or vcpu.c is in the same step.
 */
#include <hearth/lib/errno.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define STATE_ALIGN 64 /* SBI shared structures and cache lines */

static bool has_state(const struct sbi_extension *ext)
{
    return ext->slot != SBI_SLOT_NONE;
}

static size_t total(bool vcpu)
{
    size_t sum = 0;

    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (has_state(sbi_extensions[i]))
            sum += align_up(vcpu ? sbi_extensions[i]->vcpu_state : sbi_extensions[i]->vm_state,
                            STATE_ALIGN);
    return sum;
}

/* One block, handed out to the slots in table order. */
static int create(void **slots, void **block, bool vcpu)
{
    size_t size = total(vcpu);
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

        if (!has_state(ext) || part == 0)
            continue;
        slots[ext->slot] = at;
        at += align_up(part, STATE_ALIGN);
    }
    return 0;
}

int sbi_vm_create(struct vm *vm)
{
    if (create(vm->sbi_state, &vm->sbi_block, false) < 0)
        return -HV_ENOMEM;
    vm->sbi_hidden = vm->config.sbi_off;
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->available != NULL && !sbi_extensions[i]->available(vm))
            vm->sbi_hidden |= BIT(i);
    return 0;
}

void sbi_vm_destroy(struct vm *vm)
{
    if (vm->sbi_block != NULL)
        page_free_virt(vm->sbi_block, page_order(total(false)));
}

int sbi_vcpu_create(struct vcpu *vcpu)
{
    return create(vcpu->sbi_state, &vcpu->sbi_block, true);
}

void sbi_vcpu_destroy(struct vcpu *vcpu)
{
    if (vcpu->sbi_block != NULL)
        page_free_virt(vcpu->sbi_block, page_order(total(true)));
}

void sbi_vm_reset(struct vm *vm)
{
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->vm_reset != NULL)
            sbi_extensions[i]->vm_reset(vm, vm->sbi_state[sbi_extensions[i]->slot]);
}

void sbi_vcpu_reset(struct vcpu *vcpu)
{
    vcpu->sbi_switched = 0;
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->vcpu_reset != NULL)
            sbi_extensions[i]->vcpu_reset(vcpu, vcpu->sbi_state[sbi_extensions[i]->slot]);
}

void sbi_vcpu_stopped(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->vcpu_stopped != NULL)
            sbi_extensions[i]->vcpu_stopped(vcpu, vcpu->sbi_state[sbi_extensions[i]->slot]);
}

/* Only what holds something of the vcpu (sbi_vcpu_switches()) is asked. */
static void switch_states(struct vcpu *vcpu, bool load)
{
    uint64_t slots = vcpu->sbi_switched;

    for (unsigned i = 0; slots != 0 && i < sbi_extension_count; i++) {
        const struct sbi_extension *ext = sbi_extensions[i];
        void (*hook)(struct vcpu *vcpu, void *state) = load ? ext->vcpu_load : ext->vcpu_put;

        if (!(slots & BIT(ext->slot)))
            continue;
        slots &= ~BIT(ext->slot);
        if (hook != NULL)
            hook(vcpu, vcpu->sbi_state[ext->slot]);
    }
}

void sbi_vcpu_load(struct vcpu *vcpu)
{
    switch_states(vcpu, true);
}

void sbi_vcpu_put(struct vcpu *vcpu)
{
    switch_states(vcpu, false);
}

void sbi_vcpu_requested(struct vcpu *vcpu)
{
    for (unsigned i = 0; i < sbi_extension_count; i++)
        if (sbi_extensions[i]->requested != NULL)
            sbi_extensions[i]->requested(vcpu, vcpu->sbi_state[sbi_extensions[i]->slot]);
}
