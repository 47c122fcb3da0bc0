/* SPDX-License-Identifier: Apache-2.0 */
/* cpio.h - finds a file in a cpio archive (newc). Pure; the archive is hostile input. */
#pragma once

#include <hearth/lib/types.h>

/* Finds the first regular file of that name ("070701" or "070702", whose checksums are ignored). 0
 * and *data, *size, or -HV_ENOENT, or -HV_EINVAL (archive damaged before the file, or more than
 * CPIO_MEMBERS_MAX members). */
#define CPIO_MEMBERS_MAX 4096
int __must_check cpio_find(const void *archive, uint64_t archive_size, const char *name,
                           const void **data, uint64_t *size);
