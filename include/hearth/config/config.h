/*
 * config.h - a VM's description as read from the bundle's device tree, and the bundle itself.
 *
 * The bundle is an uncompressed cpio archive (newc) passed as the initrd: member "bundle.dtb" holds
 * the descriptions (nodes /vms/vm@N), the other members are image files. tools/hearth writes it;
 * here it is hostile input: every value is checked and a bad VM is refused by itself, naming node
 * and property.
 */
#pragma once

#include <hearth/lib/symbols.h>
#include <hearth/lib/types.h>

#define VM_NAME_MAX    31 /* [a-z][a-z0-9-]{0,30} */
#define VM_CMDLINE_MAX 4095

#define VM_CHANNELS_MAX 16  /* a VM's memory channels, of either side */
#define CHANNELS_MAX    128 /* all VMs' */

/* A memory channel (hearth/ipc/channels.h) as one of its two VMs has it. Names lie in the bundle's
 * device tree. */
struct config_channel {
    const char *name;
    const char *peer; /* the other VM */
    uint64_t size;    /* most that may be published: bytes, a multiple of PAGE_SIZE, to 1 GiB */
    bool publishes;   /* this VM; else it subscribes */
    bool writable;    /* the subscriber may be let write */
};

/* What a description may say of the harts that a VM shares with others (hearth/core/sched.h). */
enum config_sched_key {
    CONFIG_SCHED_WEIGHT,
    CONFIG_SCHED_PRIORITY,
    CONFIG_SCHED_CAP,
    CONFIG_SCHED_AFFINITY,
    CONFIG_SCHED_KEYS,
};

/* Where the checked values are: the VM's node; fdt NULL: none are given. */
struct config_sched {
    const void *fdt;
    int node;
};

/* What follows when a VM powers off, reboots, crashes. */
enum vm_action {
    VM_ACTION_DESTROY, /* it has ended */
    VM_ACTION_RESTART, /* from its images, so many times in a span */
    VM_ACTION_PAUSE,   /* it stays as it is, to be looked at */
};

/* How a guest is asked to shut down. */
enum vm_shutdown_way {
    VM_SHUTDOWN_SYSRQ,   /* Linux's Magic SysRq on its serial console: sync, remount, power off */
    VM_SHUTDOWN_MESSAGE, /* the message "shutdown" (HOST_COMM) */
    VM_SHUTDOWN_NONE,
};

#define VM_RESTARTS_MAX         32u    /* restart_limit */
#define VM_RESTART_PERIOD_MAX   86400u /* s */
#define VM_START_ORDER_MAX      1000u
#define VM_START_DELAY_MAX      3600000u /* ms */
#define VM_SHUTDOWN_TIMEOUT_MAX 86400u   /* s */

/* config/config_policy.c: how a VM is to be treated. */
struct vm_policy {
    enum vm_action on_poweroff, on_reboot, on_crash;
    uint32_t restart_limit;  /* restarts of its own doing within the period; 0: no limit */
    uint32_t restart_period; /* s */
    bool autostart;          /* created and started at boot */
    uint32_t start_order;    /* at boot: lower ones first, the same as described */
    uint32_t start_delay;    /* ms after the one before it was started */
    enum vm_shutdown_way shutdown;
    uint32_t shutdown_timeout; /* s until it is reported that it did not */
    bool time_runs;            /* its clock goes on while it is paused */
    bool console_buffered;     /* its lines are not shown while it is not attached */
    bool inspect;              /* the shell may look into its memory and registers */
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
    struct config_sched sched;      /* through config_sched_value() */
    uint64_t sbi_off;               /* bit i: it does not get row i of sbi_extensions[] */
    uint32_t channel_count;
    struct config_channel channel[VM_CHANNELS_MAX]; /* in the order of the descriptions */
    struct vm_policy policy;
};

/* Node /management of the bundle: how the machine is managed. */
struct management {
    bool shell;   /* there is one */
    bool inspect; /* it may look into VMs, as far as their own descriptions allow */
    bool stay;    /* the machine stays on when all VMs have ended */
};

/* True with *value when the description gives it for this vcpu; for the VM: vcpu = SCHED_ALL. */
bool config_sched_value(const struct vm_config *config, enum config_sched_key key, uint32_t vcpu,
                        uint64_t *value);

#define BUNDLE_VERSION 1
#define VM_MEMORY_MIN  (2 * MIB)
#define VM_MEMORY_MAX  (GIB << 10) /* inside what every G-stage mode translates */
/* VM nodes looked at; the next one is refused and ends the reading. */
#define CONFIG_NODES_MAX (2 * VMS_MAX)

struct bundle {
    const void *base; /* the archive, mapped */
    uint64_t size;
    const void *dtb; /* bundle.dtb, checked by libfdt */
};

/* A regular file of the archive ("070701" or "070702", whose checksums are not looked at); the
 * first of that name. 0 and *data, *size, or -HV_ENOENT, or -HV_EINVAL (archive damaged before it,
 * or more than CPIO_MEMBERS_MAX members). */
#define CPIO_MEMBERS_MAX 4096
int __must_check cpio_find(const void *archive, uint64_t archive_size, const char *name,
                           const void **data, uint64_t *size);

/*
 * Opens the bundle at base. 0, or -HV_EINVAL / -HV_ENOENT with *why a static text of what is wrong
 * with the archive as a whole (no bundle.dtb, not a device tree, wrong compatible or version).
 */
int __must_check bundle_open(struct bundle *b, const void *base, uint64_t size, const char **why);

/* How config_read() says what it refuses: the caller prints "<node>: <property>: <problem>". */
struct config_error {
    char node[64];
    char property[32];
    char problem[96];
};

/*
 * Calls fn for each VM node in order: with config when it is good (error == NULL), else with config
 * NULL and the error. Duplicate names: the later one is refused. Stops when fn returns false.
 * Returns the number of VM nodes seen. At most VMS_MAX good ones are delivered; more are refused.
 */
unsigned config_read(const struct bundle *b,
                     bool (*fn)(void *arg, const struct vm_config *config,
                                const struct config_error *error),
                     void *arg);

/*
 * The management policy: what node /management says, else its defaults (a shell, inspection
 * allowed, the machine ends after the last VM). 0, or -HV_EINVAL with *error: then *m is the most
 * restrictive there is.
 */
int __must_check management_read(const struct bundle *b, struct management *m,
                                 struct config_error *error);
