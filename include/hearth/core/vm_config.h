/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm_config.h - a VM's description as plain values: its parts, its shares and its policies. config/
 * fills it in; it is constant once the VM has been created.
 */
#pragma once

#include <hearth/core/sched_state.h>
#include <hearth/lib/symbols.h>
#include <hearth/lib/types.h>

#define VM_RAM_BASE 0x80000000ull /* guest-physical, as on QEMU's virt */

/* Windows of the memory channels (hearth/ipc/channels.h), all of one size: above the largest RAM,
 * and within the range of every G-stage mode. Channel i has source VM_CHANNEL_IRQ + i of the
 * VM's interrupt controller. */
#define VM_CHANNEL_BASE 0x18000000000ull
#define VM_CHANNEL_SIZE (1ull << 30)
#define VM_CHANNEL_IRQ  64

#define VM_NAME_MAX    31 /* [a-z][a-z0-9-]{0,30} */
#define VM_CMDLINE_MAX 4095

#define VM_CHANNELS_MAX 16  /* of a VM, on either side */
#define CHANNELS_MAX    128 /* of all VMs */

/* One side of a memory channel (hearth/ipc/channels.h). The names are in the bundle's device tree.
 */
struct config_channel {
    const char *name;
    const char *peer; /* the other VM */
    uint64_t size;  /* limit of what is published: bytes, a multiple of PAGE_SIZE, at most 1 GiB */
    bool publishes; /* this VM publishes; else it subscribes */
    bool writable;  /* the publisher may permit the subscriber to write */
};

/* Scheduling parameters (hearth/core/sched.h) of the description. */
struct config_sched {
    uint32_t cap; /* percent of a hart for all vcpus together; 0: no cap */
    /* By vcpu id: the vcpu's value, else the VM's. weight 0 and affinity 0: the default. */
    struct sched_params vcpu[VCPUS_MAX];
};

/* The action after a VM powers off, reboots or crashes. */
enum vm_action {
    VM_ACTION_DESTROY, /* the VM ends */
    VM_ACTION_RESTART, /* from its images, restart_limit times in a period */
    VM_ACTION_PAUSE,   /* its memory is kept for inspection */
};

/* How a guest is asked to shut down. */
enum vm_shutdown_way {
    VM_SHUTDOWN_SYSRQ,   /* Linux's Magic SysRq on the serial console: sync, remount, power off */
    VM_SHUTDOWN_MESSAGE, /* the message "shutdown" (HOST_COMM) */
    VM_SHUTDOWN_NONE,
};

/* The interrupt controller of a VM's board. */
enum vm_interrupts {
    VM_INTERRUPTS_PLIC,
    VM_INTERRUPTS_COUNT,
};

#define VM_RESTARTS_MAX 32u /* restart_limit; other ranges: hearth/config/keys.def */

/* Policies of a VM. */
struct vm_policy {
    enum vm_action on_poweroff, on_reboot, on_crash;
    uint32_t restart_limit;  /* restarts that the guest causes within the period; 0: no limit */
    uint32_t restart_period; /* s */
    bool autostart;          /* created and started at boot */
    uint32_t start_order;    /* at boot: lower first; equal: in the order of the descriptions */
    uint32_t start_delay;    /* ms after the start of the VM before it */
    enum vm_shutdown_way shutdown;
    uint32_t shutdown_timeout; /* s; then a report says that the guest did not shut down */
    bool time_runs;            /* the guest's clock runs on while the VM is paused */
    bool console_buffered;     /* its output is not shown while it is not attached */
    bool inspect;              /* the shell may read its memory and registers */
    enum vm_interrupts interrupts;
};

struct vm_config {
    char name[VM_NAME_MAX + 1];
    uint32_t vcpus;     /* 1..VCPUS_MAX */
    uint64_t memory;    /* bytes, a multiple of PAGE_SIZE, >= 2 MiB */
    const void *kernel; /* image bytes inside the bundle */
    uint64_t kernel_size;
    const void *initrd; /* NULL: none */
    uint64_t initrd_size;
    struct symbol_table symbols; /* inside the bundle; data NULL: none */
    gpa_t load;          /* flat binaries: load address; 0 = the default, RAM base + 2 MiB */
    const char *cmdline; /* NUL-terminated, inside the bundle's device tree; "" when none */
    char messages[VM_NAME_MAX + 1]; /* peer VM of its messages; "": the management shell */
    struct config_sched sched;
    uint64_t sbi_off; /* bit i: sbi_extensions[i] is not offered to it */
    uint32_t channel_count;
    struct config_channel channel[VM_CHANNELS_MAX]; /* in the order of the descriptions */
    struct vm_policy policy;
};
