/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_component.h - the parts of a VM that layers above core/ add: its board, the state of its SBI
 * extensions, its message queues and channels, and the monitor's state.
 *
 * A component is one const struct vm_component, listed in vm_components[] (init/tables.c). Core
 * calls the hooks of all components at each step of a VM's or vcpu's life, in the order of the
 * table; the ..._destroy hooks in the opposite order. A hook may be NULL. A component whose create
 * hook fails undoes its own part, and core destroys the components before it.
 *
 * State of a component: pointers in vm->slots[] and vcpu->slots[], at the indexes below. Only the
 * component uses them. They are NULL when the VM or vcpu is created.
 */
#pragma once

#include <hearth/lib/types.h>

struct vcpu;
struct vcpu_exit;
struct vm;

enum vm_slot {
    VM_SLOT_SBI,            /* 16 slots: one for each SBI extension */
    VM_SLOT_SBI_BLOCK = 16, /* the memory behind those */
    VM_SLOT_BOARD,
    VM_SLOT_MESSAGES,
    VM_SLOT_CHANNELS,
    VM_SLOT_SHUTDOWN,
    VM_SLOT_COUNT,
};

enum vcpu_slot {
    VCPU_SLOT_SBI, /* 15 slots: one for each SBI extension */
    VCPU_SLOT_SBI_BLOCK = 15,
    VCPU_SLOT_BOARD, /* the device that it has accessed last */
    VCPU_SLOT_COUNT,
};

struct vm_component {
    const char *name;

    /* The VM's description, memory, console and vcpus exist; it is in no table, and never ran. Boot
     * hart or the shell's, no locks. 0 or -HV_E*. */
    int (*vm_create)(struct vm *vm);
    /* The VM never ran, or vm_detach was called on every hart; no hart has a pointer to it. */
    void (*vm_destroy)(struct vm *vm);

    /* From now on vm_get() returns the VM (vm_listed), or does not (vm_unlisted; others may still
     * have a pointer until their harts are back in their run loops). vm_list_lock held. */
    void (*vm_listed)(struct vm *vm);
    void (*vm_unlisted)(struct vm *vm);
    /* The VM is about to be freed: drop what this hart keeps for it (timers, work items). Called on
     * each hart, before vm_destroy; no vcpu runs. */
    void (*vm_detach)(struct vm *vm);

    /* True: others can still reach pages of this VM, which does not run. Core neither loads nor
     * frees the pages until this is false. */
    bool (*vm_held)(const struct vm *vm);

    /* The VM (re)starts: reset the state, before its images are loaded. No vcpu runs. */
    void (*vm_reset)(struct vm *vm);
    /* The images are loaded and the VM is about to run; no vcpu runs yet. */
    void (*vm_started)(struct vm *vm);
    /* A stop was requested; vcpus may still run. vm->lock held. */
    void (*vm_stopping)(struct vm *vm);
    /* All vcpus have left, for good or before a restart; also called when a stop was requested
     * between vm_started and the first vcpu. The memory is not freed yet. No lock held. */
    void (*vm_ended)(struct vm *vm);
    /* A VM has become inactive, or was freed. No lock held. */
    void (*vms_settled)(void);

    /* Adds nodes to the root of the guest's device tree, which is being written to fdt. Returns 0
     * or an error (< 0) of libfdt's sequential-write functions. */
    int (*vm_fdt)(const struct vm *vm, void *fdt);

    /* For each vcpu: created before the VM's vm_create, destroyed after its vm_destroy. 0 or
     * -HV_E*. */
    int (*vcpu_create)(struct vcpu *vcpu);
    void (*vcpu_destroy)(struct vcpu *vcpu);
    /* The vcpu starts (HSM): on its hart, before it is loaded. */
    void (*vcpu_reset)(struct vcpu *vcpu);
    /* The vcpu has stopped, by itself or with its VM: on its hart, after vcpu_put(). */
    void (*vcpu_stopped)(struct vcpu *vcpu);
    /* VCPU_REQ_COMPONENTS was set: on its hart, loaded, before its next entry. May change its
     * registers. */
    void (*vcpu_requested)(struct vcpu *vcpu);
    /* The guest cannot go on, and its VM is about to be stopped: on its hart, loaded. */
    void (*vcpu_crashed)(struct vcpu *vcpu, const struct vcpu_exit *exit, const char *reason);
};

/* Calls this hook of each component that has it, with these arguments. */
#define VM_COMPONENTS_CALL(hook, ...)                                                              \
    do {                                                                                           \
        for (const struct vm_component *const *c_ = vm_components; *c_ != NULL; c_++)              \
            if ((*c_)->hook != NULL)                                                               \
                (*c_)->hook(__VA_ARGS__);                                                          \
    } while (0)

/*
 * Hardware state that a layer above core/ virtualises. vcpu_load() and vcpu_put() call these, on
 * the vcpu's hart, while vcpu->switched is not 0. The bits of that word are vcpu slots;
 * vcpu_switches() sets them.
 */
struct vcpu_switch {
    void (*load)(struct vcpu *vcpu);
    void (*put)(struct vcpu *vcpu);
};
