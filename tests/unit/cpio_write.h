/* SPDX-License-Identifier: Apache-2.0 */
/* cpio_write.h - writes "newc" archives for the tests of their reader. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct archive {
    uint8_t *bytes;
    size_t size;
};

static inline void archive_append(struct archive *a, const void *data, size_t size)
{
    a->bytes = realloc(a->bytes, a->size + size + 4);
    if (a->bytes == NULL)
        abort();
    memcpy(a->bytes + a->size, data, size);
    a->size += size;
}

static inline void archive_pad(struct archive *a)
{
    while (a->size % 4 != 0)
        archive_append(a, "", 1);
}

/* namesize counts the NULs that end the name: more than one of them pad it. */
static inline void archive_member(struct archive *a, const char *magic, uint32_t mode,
                                  const char *name, size_t namesize, const void *data, size_t size)
{
    char header[128], *padded = calloc(1, namesize + 1);

    if (padded == NULL)
        abort();
    memcpy(padded, name, strlen(name));
    snprintf(header, sizeof(header), "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
             magic, 1u, (unsigned)mode, 0u, 0u, 1u, 0u, (unsigned)size, 0u, 0u, 0u, 0u,
             (unsigned)namesize, 0u);
    archive_append(a, header, 110);
    archive_append(a, padded, namesize);
    archive_pad(a);
    archive_append(a, data, size);
    archive_pad(a);
    free(padded);
}

/* A file whose data begin at a multiple of 8. */
static inline void archive_file(struct archive *a, const char *name, const void *data, size_t size)
{
    size_t namesize = strlen(name) + 1;

    while ((a->size + 110 + namesize) % 8 != 0)
        namesize++;
    archive_member(a, "070701", 0100644, name, namesize, data, size);
}

static inline void archive_end(struct archive *a)
{
    archive_member(a, "070701", 0, "TRAILER!!!", 11, "", 0);
}
