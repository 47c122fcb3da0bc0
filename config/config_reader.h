/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_reader.h - shared by config.c and config_*.c: reads one VM's description and reports
 * errors in it. Functions that return int: 0, or -HV_EINVAL with r->error filled in.
 */
#pragma once

#include <hearth/config/config.h>

struct config_reader {
    const struct bundle *b;
    int vms;  /* node /vms */
    int vm;   /* the VM's node */
    int node; /* the node being read: the VM's, or a child of it */
    struct vm_config *config;
    struct config_error *error;
};

/* Copies text of the tree for output on a terminal. Bytes other than printable ASCII become '?', an
 * empty text becomes "?". */
void config_printable(char *to, size_t size, const char *from);
/* Sets error->node and error->property. The caller sets error->problem. Returns -HV_EINVAL. */
int config_blame(const struct config_reader *r, const char *property);
int config_refuse(const struct config_reader *r, const char *property, const char *problem);
int config_refuse_value(const struct config_reader *r, const char *property, uint64_t value,
                        const char *problem);
int config_refuse_range(const struct config_reader *r, const char *property, uint64_t value,
                        uint64_t min, uint64_t max);

/* Read properties by type. *found: the property is present; NULL: it is required. */
int __must_check config_want_u32(const struct config_reader *r, const char *property, uint32_t *out,
                                 bool *found);
int __must_check config_want_u64(const struct config_reader *r, const char *property, uint64_t *out,
                                 bool *found);
int __must_check config_want_string(const struct config_reader *r, const char *property,
                                    const char **out, bool *found);
/* Refuses a property of r->node that is not in the list. */
int __must_check config_want_known(const struct config_reader *r, const char *const known[],
                                   unsigned count);

bool config_name_is_valid(const char *name);
/* The first node with this name, which owns it; or -1. */
int config_vm_named(const struct config_reader *r, const char *name);

/* config_sched.c: reads the shares of the harts (VM_SHARE). After config_read_keys(). */
int __must_check config_read_sched(const struct config_reader *r);
/* config_channels.c: reads the memory channels that the VM publishes or subscribes to into
 * config->channel[]. */
int __must_check config_read_channels(const struct config_reader *r);

/* config_keys.c: refuses a property of the VM's node that keys.def does not have. */
int __must_check config_want_vm_properties(const struct config_reader *r);
/* config_keys.c: reads the properties that are a number or a word by keys.def. */
int __must_check config_read_keys(const struct config_reader *r);
