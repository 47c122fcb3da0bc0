/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.h - a virtual machine: its memory, its board, its vcpus. What can be done to one while it
 * lives is in lifecycle.h.
 *
 * A pointer to a VM, from vm_get() or found in another object, is good until the hart that has it
 * goes back to its run loop: a VM is freed only after every hart has been there since it was taken
 * out of the table.
 *
 * Locks: vm_list_lock (rank VM_LIST) guards the table of VMs; vm->lock (rank VM) guards the fields
 * that say so. Memory slots, board and the vcpu array do not change between vm_create() and
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
    VM_DEFINED,  /* created, and never started */
    VM_STARTING, /* its images are being loaded */
    VM_RUNNING,
    VM_PAUSED,      /* no vcpu runs, or each is leaving: the last one to do so is parked soon */
    VM_STOPPING,    /* vcpus are leaving; vm->stop says what comes then */
    VM_OFF,         /* ended cleanly */
    VM_CRASHED,     /* ended by a crash; a report was printed */
    VM_NOT_STARTED, /* its images could not be loaded; ended too */
    VM_PRESERVED,   /* stopped, and kept for somebody to decide: on_... = "pause" */
};

/* Why and how a VM stops. */
enum vm_stop_kind {
    VM_STOP_NONE,
    VM_STOP_POWEROFF, /* SRST shutdown, legacy shutdown, syscon poweroff, last hart ended */
    VM_STOP_REBOOT,   /* SRST cold/warm reboot, syscon reboot: restart from the images */
    VM_STOP_CRASH,
    VM_STOP_FORCED, /* by the operator: whatever the guest was about to do */
    VM_STOP_RESET,  /* by the operator: restart from the images, whatever the description says */
};

#define LAST_VCPU_NONE UINT64_MAX /* vm->last_vcpu[] */

/* The VM's interrupt controller, which sets vm->intc when the VM is made. */
struct vm_intc_ops {
    /* Any hart, no vcpu needed. Devices may hold their own locks (rank DEVICE). */
    void (*set_irq)(struct vm *vm, void *state, uint32_t irq, bool level);
};

struct vm {
    uint32_t id;             /* index, 0.. ; constant */
    uint64_t sbi_hidden;     /* bit i: SBI extension i is not served (sbi/sbi.c); constant */
    struct vm_config config; /* constant after vm_create() */
    struct spinlock lock;

    struct memslots memslots; /* constant after vm_create() */
    struct gstage gstage;
    struct spinlock remap_lock; /* core/remap.c */
    struct vmid vmid;

    struct vcpu *vcpus[VCPUS_MAX];  /* config.vcpus of them; constant */
    struct console_client *console; /* its end of the serial line */
    const struct vm_intc_ops *intc; /* NULL: none; constant after vm_create() */
    void *intc_state;
    void *slots[VM_SLOT_COUNT]; /* state of components (vm_component.h); constant when listed */

    struct sched_vm sched; /* hearth/core/sched.h */
    struct vm_worker worker;

    /* lock */
    enum vm_state state;
    enum vm_stop_kind stop;
    const char *stop_reason; /* why it does not run, static text; NULL: it runs */
    uint32_t vcpus_active;   /* vcpus whose HSM state is not STOPPED */
    uint32_t vcpus_parked;   /* of them, those that have left because the VM is paused */
    uint32_t restarts;
    struct restart_log restart_log;
    uint64_t paused_at; /* host ticks at which the last vcpu was parked; 0: not all are */
    uint64_t detached;  /* work's: harts that have nothing of it any more */
    bool destroying;    /* it is to be freed once it has stopped; nothing else is done to it */

    struct work work;      /* start, and the way out: lifecycle.c's, one at a time */
    struct loader *loader; /* work's */

    uint32_t asleep;     /* atomic: in system suspend */
    uint32_t wake_lines; /* atomic: devices whose wake-up line is high, by vm_set_wake() */

    gpa_t entry; /* of the images, at which vcpu 0 starts: constant while it runs */
    /* htimedelta: guest time = host time + delta; set at (re)start and when a pause ends */
    uint64_t time_delta;
    uint64_t started_at; /* host timebase ticks of the first start */
    uint64_t ended_at;

    /* Which vcpu of this VM ran last on each hart, and under which VMID generation (generation *
     * (VCPUS_MAX + 1) + id + 1; 0: none ever did; LAST_VCPU_NONE: none since the VM's start): stale
     * VS-stage TLB entries, of a sibling or of another VM under the same VMID, are flushed at the
     * switch. Written by that hart only, and while no vcpu of the VM is loaded. */
    uint64_t last_vcpu[HARTS_MAX];
};

/*
 * Builds a VM from its description: RAM, G-stage, board, vcpus, all stopped; images are loaded when
 * it starts. The boot hart, no locks. 0 with *out (may be NULL), or with a message on the log
 * naming what is wrong: -HV_ENOMEM; -HV_ENOSPC: VMS_MAX exist; -HV_EEXIST: one of that name does.
 */
int __must_check vm_create(const struct vm_config *config, struct vm **out);

/* Of a VM that runs no vcpu any more: takes it out of the table, so that no more pointers to it
 * come up. Then, on each hart, vm_detach(): nothing of it is left there. At last vm_free(). */
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

/* The hypervisor's line about the VM (log.h): "hearth: [name] ...". */
void log_vm(const struct vm *vm, const char *fmt, ...) __printf(2, 3);
/* The same for a text from the guest, as log_about_text(). */
bool __must_check log_vm_text(const struct vm *vm, const char *label, const char *text, size_t len);

/* VMs by index: below vm_count(); NULL where there is none (any more). */
unsigned vm_count(void);
struct vm *vm_get(unsigned index);
/* The VM of this name, or NULL. */
struct vm *vm_find(const char *name);

/* Drives a line into the VM's interrupt controller (level). Takes that one's lock; see its ops. */
static inline void vm_set_irq(struct vm *vm, uint32_t irq, bool level)
{
    if (likely(vm->intc != NULL))
        vm->intc->set_irq(vm, vm->intc_state, irq, level);
}

/* The vcpu whose hart id is `hart` in this VM, or NULL. Guests' numbers are 0..config.vcpus - 1;
 * the argument comes from guests unchecked. */
static inline struct vcpu *vm_vcpu(const struct vm *vm, uint64_t hart)
{
    return hart < vm->config.vcpus ? vm->vcpus[hart] : NULL;
}
