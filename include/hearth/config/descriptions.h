/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptions.h - the VMs that the bundle describes, and the management policy. The table is
 * filled by the boot hart before the others look, and constant then.
 */
#pragma once

#include <hearth/config/config.h>

/* The management policy, as read at boot; constant then. */
extern struct management management;

/* Reads the bundle; a bad description is reported, and left out. Boot hart. 0 or -HV_E*, with *why:
 * the bundle as a whole is of no use. */
int __must_check descriptions_read(const void *bundle, uint64_t size, const char **why);

/* Descriptions, or parts of the bundle, that were bad. */
unsigned descriptions_refused(void);

unsigned description_count(void);
/* By index, below the count. */
const struct vm_config *description_get(unsigned index);
/* By name, or NULL. */
const struct vm_config *description_find(const char *name);
