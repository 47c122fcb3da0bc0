/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - reading the VMs' descriptions from the bundle's device tree, and the bundle itself.
 *
 * The bundle is an uncompressed cpio archive (newc) passed as the initrd: member "bundle.dtb" holds
 * the descriptions (nodes /vms/vm@N), the other members are image files. tools/hearth writes the
 * bundle, but it is hostile input here: every value is checked, and an invalid VM is refused
 * without affecting others. The error names node and property. keys.def lists a VM's properties.
 */
#pragma once

#include <hearth/core/vm_config.h>
#include <hearth/lib/types.h>

/* Node /management of the bundle. */
struct management {
    bool shell;   /* the console has a shell */
    bool inspect; /* the shell may read VMs' memory and registers, if their descriptions allow it */
    bool stay;    /* the machine stays on after the last VM has ended */
};

#define BUNDLE_VERSION 1
#define VM_MEMORY_MIN  (2 * MIB)
#define VM_MEMORY_MAX  (GIB << 10) /* within the address space of every G-stage mode */
/* VM nodes that are read; the next one is refused and ends the reading. */
#define CONFIG_NODES_MAX (2 * VMS_MAX)

struct bundle {
    const void *base; /* the archive, mapped */
    uint64_t size;
    const void *dtb; /* bundle.dtb, checked by libfdt */
};

/*
 * Opens the bundle at base. 0, or -HV_EINVAL / -HV_ENOENT with *why a static text that describes
 * the fault of the whole archive (no bundle.dtb, not a device tree, wrong compatible or version).
 */
int __must_check bundle_open(struct bundle *b, const void *base, uint64_t size, const char **why);

/* An error of a description; the caller prints "<node>: <property>: <problem>". */
struct config_error {
    char node[64];
    char property[32];
    char problem[96];
};

/*
 * Calls fn for each VM node in order: with config if the description is valid (error == NULL), else
 * with config NULL and the error. A later VM of the same name is refused. Stops when fn returns
 * false. Returns the number of VM nodes seen. After VMS_MAX valid VMs, others are refused.
 */
unsigned config_read(const struct bundle *b,
                     bool (*fn)(void *arg, const struct vm_config *config,
                                const struct config_error *error),
                     void *arg);

/*
 * Reads the management policy from node /management. The defaults are a shell, inspection allowed,
 * and a machine that ends after the last VM. 0, or -HV_EINVAL with *error: then *m is the most
 * restrictive policy.
 */
int __must_check management_read(const struct bundle *b, struct management *m,
                                 struct config_error *error);
