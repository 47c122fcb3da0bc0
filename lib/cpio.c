/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpio.c - finds a file in a cpio archive in the "newc" form: a header of 110 ASCII characters, the
 * name, the data, each padded to 4 bytes; a member "TRAILER!!!" ends the archive. The archive is
 * hostile input. No state. Format: cpio(5), "New ASCII Format".
 */
#include <hearth/lib/cpio.h>
#include <hearth/lib/errno.h>

#include <string.h>

#define HEADER_SIZE   110u
#define NAME_SIZE_MAX 4096u /* bytes, NULs included */
#define MODE_TYPE     0170000u
#define MODE_FILE     0100000u

/* Numbers of eight hexadecimal digits follow the six-character magic. */
enum cpio_field { FIELD_MODE = 1, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };

struct member {
    const char *name; /* NUL-terminated */
    const uint8_t *data;
    uint32_t size;
    uint32_t mode;
    uint64_t next; /* offset of the following header */
};

static bool cpio_read_hex(const uint8_t *header, enum cpio_field field, uint32_t *out)
{
    const uint8_t *p = header + 6 + 8 * (unsigned)field;
    uint32_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint8_t c = p[i];
        uint32_t digit;

        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

/* Advances *offset past `length` bytes and their padding, which may be missing at the end. */
static bool cpio_take(uint64_t *offset, uint64_t length, uint64_t archive_size)
{
    if (length > archive_size - *offset)
        return false;
    *offset = MIN(align_up(*offset + length, 4), archive_size);
    return true;
}

static bool cpio_read_member(const uint8_t *archive, uint64_t size, uint64_t offset,
                             struct member *m)
{
    const uint8_t *header = archive + offset;
    uint32_t namesize;
    uint64_t pos = offset + HEADER_SIZE;

    if (size - offset < HEADER_SIZE)
        return false;
    if (memcmp(header, "07070", 5) != 0 || (header[5] != '1' && header[5] != '2'))
        return false;
    if (!cpio_read_hex(header, FIELD_MODE, &m->mode) ||
        !cpio_read_hex(header, FIELD_FILESIZE, &m->size) ||
        !cpio_read_hex(header, FIELD_NAMESIZE, &namesize))
        return false;
    /* Header and name are padded together; the header's size is 2 modulo 4. */
    if (namesize == 0 || namesize > NAME_SIZE_MAX || !cpio_take(&pos, namesize, size))
        return false;
    m->name = (const char *)header + HEADER_SIZE;
    if (m->name[namesize - 1] != '\0')
        return false;
    /* Writers may align the data with additional NULs after the name. */
    for (size_t i = strlen(m->name); i < namesize; i++) {
        if (m->name[i] != '\0')
            return false;
    }
    m->data = archive + pos;
    if (!cpio_take(&pos, m->size, size))
        return false;
    m->next = pos;
    return true;
}

int cpio_find(const void *archive, uint64_t archive_size, const char *name, const void **data,
              uint64_t *size)
{
    uint64_t offset = 0;

    for (unsigned i = 0; i < CPIO_MEMBERS_MAX; i++) {
        struct member m;

        if (!cpio_read_member(archive, archive_size, offset, &m))
            return -HV_EINVAL;
        if (strcmp(m.name, "TRAILER!!!") == 0)
            return -HV_ENOENT;
        if ((m.mode & MODE_TYPE) == MODE_FILE && strcmp(m.name, name) == 0) {
            *data = m.data;
            *size = m.size;
            return 0;
        }
        offset = m.next;
    }
    return -HV_EINVAL;
}
