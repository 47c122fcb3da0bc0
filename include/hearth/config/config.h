/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - reading the VMs' descriptions from the bundle's device tree, and the bundle itself.
 *
 * The bundle is an uncompressed cpio archive (newc) passed as the initrd: member "bundle.dtb" holds
 * the descriptions (nodes /vms/vm@N), the other members are image files. tools/hearth writes it;
 * here it is hostile input: every value is checked and a bad VM is refused by itself, naming node
 * and property.
 */
#pragma once

#include <hearth/core/vm_config.h>
#include <hearth/lib/types.h>

/* Node /management of the bundle: how the machine is managed. */
struct management {
    bool shell;   /* there is one */
    bool inspect; /* it may look into VMs, as far as their own descriptions allow */
    bool stay;    /* the machine stays on when all VMs have ended */
};

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
