/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptions.h - the VMs that the bundle describes, and the management policy. The boot hart
 * fills the table before other harts use it; it is constant afterwards.
 */
#pragma once

#include <hearth/config/config.h>

/* The management policy. Constant after boot. */
extern struct management management;

/* Reads the bundle. Invalid descriptions are logged and omitted. Boot hart. 0, or -HV_E* with *why
 * if the bundle has no usable description at all. */
int __must_check descriptions_read(const void *bundle, uint64_t size, const char **why);

/* Number of descriptions, and other parts of the bundle, that were invalid. */
unsigned descriptions_refused(void);

unsigned description_count(void);
/* By index, below the count. */
const struct vm_config *description_get(unsigned index);
/* By name, or NULL. */
const struct vm_config *description_find(const char *name);
