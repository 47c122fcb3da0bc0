/*
 * vm.h - a virtual machine: its memory, its board, its vcpus, its life.
 *
 * Locks: vm->lock (rank VM) guards the fields that say so; core/vm.c says how VMs are added. Memory
 * slots, board and the vcpu array do not change once vm_create() has returned.
 */
#pragma once

#include <arch/atomic.h>
#include <hearth/config.h>
#include <hearth/gstage.h>
#include <hearth/lock.h>
#include <hearth/memslot.h>
#include <hearth/mmio.h>
#include <hearth/sbi.h>
#include <hearth/sched_state.h>
#include <hearth/types.h>
#include <hearth/vmid.h>

struct vcpu;
struct guest_console;
struct messages;
struct channel;

enum vm_state {
    VM_DEFINED, /* created; no vcpu has run */
    VM_RUNNING,
    VM_STOPPING,    /* vcpus are leaving; vm->stop says what comes then */
    VM_OFF,         /* ended cleanly */
    VM_CRASHED,     /* ended by a crash; a report was printed */
    VM_NOT_STARTED, /* its images could not be loaded; ended too */
};

/* Why and how a VM stops. */
enum vm_stop_kind {
    VM_STOP_NONE,
    VM_STOP_POWEROFF, /* SRST shutdown, legacy shutdown, syscon poweroff, last hart ended */
    VM_STOP_REBOOT,   /* SRST cold/warm reboot, syscon reboot: restart from the images */
    VM_STOP_CRASH,
};

#define LAST_VCPU_NONE UINT64_MAX /* vm->last_vcpu[] */

struct vm {
    uint32_t id;             /* index, 0.. ; constant */
    uint64_t sbi_hidden;     /* bit i: row i of sbi_extensions[] is not served; constant */
    struct vm_config config; /* constant after vm_create() */
    struct spinlock lock;

    struct memslots memslots; /* constant after vm_create() */
    struct gstage gstage;
    struct spinlock remap_lock; /* core/remap.c */
    struct vmid vmid;

    struct vcpu *vcpus[VCPUS_MAX]; /* config.vcpus of them; constant */
    void *dev_state[BOARD_ROWS_MAX];
    struct guest_console *console;
    struct messages *messages;
    struct channel *channels[VM_CHANNELS_MAX]; /* config.channel_count; constant */
    void *sbi_state[SBI_SLOT_COUNT];           /* sbi/state.c */
    void *sbi_block;

    struct sched_vm sched; /* hearth/sched.h */

    /* lock */
    enum vm_state state;
    enum vm_stop_kind stop;
    const char *stop_reason; /* static text for the summary */
    uint32_t vcpus_active;   /* vcpus whose HSM state is not STOPPED */
    uint32_t restarts;

    uint32_t asleep;     /* atomic: in system suspend */
    uint32_t wake_level; /* atomic: vm_set_wake() */

    uint64_t time_delta; /* htimedelta: guest time = host time + delta; set at (re)start */
    uint64_t started_at; /* host timebase ticks of the first start */
    uint64_t ended_at;

    /* Which vcpu of this VM ran last on each hart, and under which VMID generation (generation *
     * (VCPUS_MAX + 1) + id + 1; 0: none ever did; LAST_VCPU_NONE: none since the VM's start): stale
     * VS-stage TLB entries, of a sibling or of another VM under the same VMID, are flushed at the
     * switch. Written by that hart only, and while no vcpu of the VM is loaded. */
    uint64_t last_vcpu[HARTS_MAX];
};

/*
 * Builds a VM from its description: RAM, G-stage, board, vcpus, all stopped. Boot hart, before or
 * while other VMs run. NULL with a message on the log naming what is wrong. Images are loaded by
 * vm_start().
 */
struct vm *vm_create(const struct vm_config *config);

/* Loads the images and makes vcpu 0 runnable at the kernel's entry, a0 = 0, a1 = device tree. 0 or
 * -HV_E* (logged); the VM is then VM_NOT_STARTED. */
int __must_check vm_start(struct vm *vm);

/*
 * Asks a running VM to stop: records how, and kicks every vcpu. The first request wins; later ones
 * are ignored. Returns at once; the last vcpu that parks completes it. Any hart, any context
 * without locks above rank VM.
 */
void vm_request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason);

/*
 * The last vcpu of a stopping VM has left: restart it or end it; ends the machine after the last
 * VM. Called by vcpu_hsm_stopped() only, on that vcpu's hart, no lock held.
 */
void vm_finish_stop(struct vm *vm);

/* A described VM could not be created or started: the machine's exit code will say so. */
void vm_refused(void);
/* Boot has started what could be started: from now on the machine ends when no VM is left to run.
 */
void vm_boot_done(void);

/*
 * A wake-up line, that of the device which has one: while it is high, the VM's system suspend ends,
 * whatever its interrupt controller and its vcpus' vsie let through. (Linux masks the interrupts of
 * devices whose drivers know no wake-up, the Goldfish RTC's among them, for the time it sleeps; an
 * RTC's alarm ends the sleep of a machine by another wire.) Any hart, locks up to rank DEVICE.
 */
void vm_set_wake(struct vm *vm, bool level);
static inline bool vm_wake_pending(const struct vm *vm)
{
    return atomic_load_relaxed(&vm->asleep) != 0 && atomic_load_relaxed(&vm->wake_level) != 0;
}

/* Number of VMs that exist; vm_get(i) for i below it, else NULL. */
unsigned vm_count(void);
struct vm *vm_get(unsigned index);

/* The vcpu whose hart id is `hart` in this VM, or NULL. Guests' numbers are 0..config.vcpus - 1;
 * the argument comes from guests unchecked. */
static inline struct vcpu *vm_vcpu(const struct vm *vm, uint64_t hart)
{
    return hart < vm->config.vcpus ? vm->vcpus[hart] : NULL;
}
