/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.h - a virtual machine: its memory, its vcpus, its state. lifecycle.h has the operations on it.
 *
 * A pointer to a VM, from vm_get() or from another object, is valid until the hart that uses it is
 * back in its run loop: a VM is freed only after every hart has been there since the VM left the
 * table.
 *
 * Locks: vm_list_lock (rank VM_LIST) guards the table of VMs; vm->lock (rank VM) guards the fields
 * that say so. Memory slots, components and the vcpu array do not change between vm_create() and
 * vm_free().
 */
#pragma once

#include <arch/atomic.h>
#include <hearth/core/vm_component.h>
#include <hearth/core/vm_config.h>
#include <hearth/mm/gstage.h>
#include <hearth/kernel/lock.h>
#include <hearth/mm/memslot.h>
#include <hearth/core/restart_log.h>
#include <hearth/core/sched_state.h>
#include <hearth/lib/types.h>
#include <hearth/mm/vmid.h>
#include <hearth/core/vm_work.h>
#include <hearth/kernel/work.h>

struct vcpu;
struct console_client;
struct loader;

enum vm_state {
    VM_DEFINED,  /* created, never started */
    VM_STARTING, /* its images are being loaded */
    VM_RUNNING,
    VM_PAUSED,      /* no vcpu runs, or each is leaving its guest */
    VM_STOPPING,    /* vcpus are leaving; vm->stop says why */
    VM_OFF,         /* ended cleanly */
    VM_CRASHED,     /* ended by a crash; a report was printed */
    VM_NOT_STARTED, /* its images could not be loaded; ended too */
    VM_PRESERVED,   /* stopped, its memory kept for the operator: on_... = "pause" */
};

/* Why and how a VM stops. */
enum vm_stop_kind {
    VM_STOP_NONE,
    VM_STOP_POWEROFF, /* SRST shutdown, legacy shutdown, syscon poweroff, last hart stopped */
    VM_STOP_REBOOT,   /* SRST cold/warm reboot, syscon reboot: restart from the images */
    VM_STOP_CRASH,
    VM_STOP_FORCED, /* by the operator */
    VM_STOP_RESET,  /* by the operator: restart from the images, without the description's limits */
};

#define LAST_VCPU_NONE UINT64_MAX /* vm->last_vcpu[] */

/* The VM's interrupt controller; it sets vm->intc when the VM is created. */
struct vm_intc_ops {
    /* Any hart, no vcpu needed. Devices may hold their own locks (rank DEVICE). */
    void (*set_irq)(struct vm *vm, void *state, uint32_t irq, bool level);
};

struct vm {
    uint32_t id;             /* index, 0.. ; constant */
    uint64_t sbi_hidden;     /* bit i: SBI extension i is not offered (sbi/sbi.c); constant */
    struct vm_config config; /* constant after vm_create() */
    struct spinlock lock;

    struct memslots memslots; /* constant after vm_create() */
    struct gstage gstage;
    struct spinlock remap_lock; /* core/remap.c */
    struct vmid vmid;

    struct vcpu *vcpus[VCPUS_MAX];  /* config.vcpus of them; constant */
    struct console_client *console; /* its side of the serial console */
    const struct vm_intc_ops *intc; /* NULL: none; constant after vm_create() */
    void *intc_state;
    void *slots[VM_SLOT_COUNT]; /* state of components (vm_component.h); constant once listed */

    struct sched_vm sched; /* hearth/core/sched.h */
    struct vm_worker worker;

    /* lock */
    enum vm_state state;
    enum vm_stop_kind stop;
    bool stop_forced;        /* stopped by the operator: it neither restarts nor is preserved */
    const char *stop_reason; /* why it does not run: static text; NULL: it runs */
    uint32_t vcpus_active;   /* vcpus whose HSM state is not STOPPED */
    uint32_t vcpus_parked;   /* of those, the ones that have left because the VM is paused */
    uint32_t restarts;
    struct restart_log restart_log;
    uint64_t paused_at; /* host ticks at which the last vcpu was parked; 0: not all are */
    uint64_t detached;  /* work's: bit i: hart i has dropped all that it kept for the VM */
    bool destroying;    /* it is freed once it has stopped; every other operation is refused */

    struct work work;      /* lifecycle.c's start, then teardown.c's */
    struct loader *loader; /* work's */

    uint32_t asleep;     /* atomic: in system suspend */
    uint32_t wake_lines; /* atomic: devices whose wake-up line is high, by vm_set_wake() */

    gpa_t entry; /* pc of vcpu 0 at the start: constant while the VM runs */
    /* htimedelta: guest time = host time + delta; set at (re)start and when a pause ends */
    uint64_t time_delta;
    uint64_t started_at; /* host timebase ticks of the first start */
    uint64_t ended_at;

    /* By hart: the vcpu of this VM that ran last, and its VMID generation, as generation *
     * (VCPUS_MAX + 1) + id + 1; 0: none ever ran; LAST_VCPU_NONE: none since the VM's start. A
     * change means that the switch must flush VS-stage TLB entries of a sibling, or of another VM
     * with the same VMID. Written by that hart, and by others while no vcpu of the VM is loaded. */
    uint64_t last_vcpu[HARTS_MAX];
};

/*
 * Creates a VM from its description: RAM, G-stage, components, vcpus, all stopped; images are
 * loaded when it starts. Boot hart, no locks. 0 with *out (may be NULL), or an error that is
 * logged: -HV_ENOMEM; -HV_ENOSPC: VMS_MAX exist; -HV_EEXIST: a VM has this name; -HV_EINVAL: no
 * hart of a vcpu's affinity is online.
 */
int __must_check vm_create(const struct vm_config *config, struct vm **out);

/* Frees a VM that runs no vcpu any more, in this order: vm_unlist() takes it out of the table;
 * vm_detach(), on each hart, drops what the hart keeps for it; vm_free() frees it. */
void vm_unlist(struct vm *vm);
void vm_detach(struct vm *vm);
void vm_free(struct vm *vm);

/*
 * A device's wake-up line has changed to this level; at first all are low. While one is high, the
 * VM's system suspend ends, whatever its interrupt controller and its vcpus' vsie let through.
 * (While Linux sleeps it masks the interrupts of devices whose drivers know no wake-up, such as the
 * Goldfish RTC: on hardware an RTC's alarm ends the sleep by a wire of its own.) Any hart, locks up
 * to rank DEVICE.
 */
void vm_set_wake(struct vm *vm, bool level);
static inline bool vm_wake_pending(const struct vm *vm)
{
    return atomic_load_relaxed(&vm->asleep) != 0 && atomic_load_relaxed(&vm->wake_lines) != 0;
}

/* Logs a line about the VM (log.h): "hearth: [name] ...". */
void log_vm(const struct vm *vm, const char *fmt, ...) __printf(2, 3);
/* The same for a text from the guest: log_about_text(). */
bool __must_check log_vm_text(const struct vm *vm, const char *label, const char *text, size_t len);

/* VMs by index, below vm_count(); NULL: that VM was destroyed. */
unsigned vm_count(void);
struct vm *vm_get(unsigned index);
/* The VM of this name, or NULL. */
struct vm *vm_find(const char *name);

/* Drives a level-triggered input of the VM's interrupt controller. Takes that one's lock. */
static inline void vm_set_irq(struct vm *vm, uint32_t irq, bool level)
{
    if (likely(vm->intc != NULL))
        vm->intc->set_irq(vm, vm->intc_state, irq, level);
}

/* The vcpu with this hart id in the VM, 0..config.vcpus - 1; else NULL. The argument may be any
 * number from a guest. */
static inline struct vcpu *vm_vcpu(const struct vm *vm, uint64_t hart)
{
    return hart < vm->config.vcpus ? vm->vcpus[hart] : NULL;
}
