/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.c - parses kernel images: the RISC-V boot image header (Linux,
 * Documentation/arch/riscv/boot-image-header.rst) and ELF64 (System V gABI chapters 4 and 5; RISC-V
 * ELF psABI). No state.
 *
 * Images may lie at any address in the bundle, so headers are copied out before they are read.
 */
#include <hearth/lib/errno.h>
#include <hearth/guest/image.h>
#include <hearth/guest/loader.h>

#include <string.h>

#define INITRD_DISTANCE_MAX (512 * MIB)

#define LINUX_MAGIC2      0x05435352u /* "RSC\5" */
#define LINUX_FLAG_BIG    1u          /* flags bit 0: big endian */
#define LINUX_ALIGN       (2 * MIB)
#define ELF_CLASS_64      2
#define ELF_DATA_LITTLE   1
#define ELF_TYPE_EXEC     2
#define ELF_TYPE_DYN      3
#define ELF_MACHINE_RISCV 243
#define ELF_PHNUM_MAX     128u
#define ELF_PT_LOAD       1u

struct linux_header {
    uint32_t code[2];
    uint64_t text_offset;
    uint64_t image_size;
    uint64_t flags;
    uint32_t version;
    uint32_t reserved1;
    uint64_t reserved2;
    uint64_t magic;
    uint32_t magic2;
    uint32_t reserved3;
};

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct linux_header) == 64, "boot-image-header.rst");
_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_segment) == 56, "gABI");

static int image_refuse(const char **why, const char *text)
{
    *why = text;
    return -HV_EINVAL;
}

/* Formats that are not flat RISC-V binaries, but would be loaded as such. */
static const struct image_magic {
    uint8_t offset, len;
    const char *bytes, *refusal;
} image_magics[] = {
    {4, 4, "zimg", "kernel: an EFI zboot image: the kernel in it has to be unpacked first"},
    {0, 3, "\x1f\x8b\x08", "kernel: compressed by gzip: it has to be unpacked first"},
    {0, 6, "\xfd\x37zXZ\0", "kernel: compressed by xz: it has to be unpacked first"},
    {0, 4, "\x28\xb5\x2f\xfd", "kernel: compressed by zstd: it has to be unpacked first"},
    {0, 4, "\x02\x21\x4c\x18", "kernel: compressed by lz4: it has to be unpacked first"},
    {0, 4, "\x04\x22\x4d\x18", "kernel: compressed by lz4: it has to be unpacked first"},
    {4, 6, "1AY&SY", "kernel: compressed by bzip2: it has to be unpacked first"},
    {5, 8, "\xff\xff\xff\xff\xff\xff\xff\xff",
     "kernel: compressed by lzma: it has to be unpacked first"},
    {0, 9, "\x89LZO\0\r\n\x1a\n", "kernel: compressed by lzop: it has to be unpacked first"},
    {0, 4, "\x27\x05\x19\x56", "kernel: a U-Boot image: the kernel in it has to be unpacked first"},
    {0, 4, "\xd0\x0d\xfe\xed",
     "kernel: a device tree or FIT image: the kernel in it has to be unpacked first"},
    {56, 4, "ARM\x64", "kernel: an Image for arm64"},
};

const char *image_refusal(const void *image, uint64_t size)
{
    for (unsigned i = 0; i < ARRAY_SIZE(image_magics); i++) {
        const struct image_magic *m = &image_magics[i];

        if (size >= (uint64_t)m->offset + m->len &&
            memcmp((const uint8_t *)image + m->offset, m->bytes, m->len) == 0)
            return m->refusal;
    }
    return NULL;
}

enum image_kind loader_image_kind(const void *image, uint64_t size)
{
    struct linux_header header;

    if (size >= 4 && memcmp(image, "\177ELF", 4) == 0)
        return IMAGE_ELF;
    if (size < sizeof(header))
        return IMAGE_FLAT;
    memcpy(&header, image, sizeof(header));
    return header.magic2 == LINUX_MAGIC2 ? IMAGE_LINUX : IMAGE_FLAT;
}

int image_read_linux(const void *data, uint64_t size, gpa_t ram, uint64_t ram_size,
                     struct image *out, const char **why)
{
    struct linux_header header;
    uint64_t memory_size;

    if (size < sizeof(header))
        return image_refuse(why, "kernel: shorter than its header");
    memcpy(&header, data, sizeof(header));
    if (header.flags & LINUX_FLAG_BIG)
        return image_refuse(why, "kernel: a big-endian image");
    /* image_size includes .bss; headers older than the field have 0 there. */
    memory_size = MAX(header.image_size, size);
    if (header.text_offset > ram_size ||
        !range_within(ram + header.text_offset, memory_size, ram, ram_size))
        return image_refuse(why,
                            "kernel: text_offset and image_size of its header do not fit into RAM");
    if (!is_aligned(ram + header.text_offset, LINUX_ALIGN))
        return image_refuse(why, "kernel: text_offset of its header is not a multiple of 2 MiB");
    out->entry = ram + header.text_offset;
    out->segments = 1;
    out->segment[0] = (struct image_segment){
        .gpa = out->entry, .memory_size = memory_size, .data = data, .file_size = size};
    return 0;
}

static int image_elf_check(const struct elf_header *h, uint64_t size, const char **why)
{
    if (h->ident[4] != ELF_CLASS_64 || h->ident[5] != ELF_DATA_LITTLE ||
        h->machine != ELF_MACHINE_RISCV)
        return image_refuse(why, "kernel: not a little-endian 64-bit RISC-V ELF file");
    if (h->type != ELF_TYPE_EXEC && h->type != ELF_TYPE_DYN)
        return image_refuse(why, "kernel: an ELF file that is not executable");
    if (h->phentsize != sizeof(struct elf_segment) || h->phnum == 0 || h->phnum > ELF_PHNUM_MAX)
        return image_refuse(why, "kernel: ELF program headers of a wrong size or number");
    if (!range_within(h->phoff, (uint64_t)h->phnum * h->phentsize, 0, size))
        return image_refuse(why, "kernel: ELF program headers outside the file");
    return 0;
}

int image_read_elf(const void *data, uint64_t size, gpa_t ram, uint64_t ram_size, struct image *out,
                   const char **why)
{
    const uint8_t *bytes = data;
    struct elf_header h;
    bool entry_virtual = false, entry_physical = false;
    int err;

    if (size < sizeof(h))
        return image_refuse(why, "kernel: shorter than an ELF header");
    memcpy(&h, data, sizeof(h));
    err = image_elf_check(&h, size, why);
    if (err)
        return err;
    out->segments = 0;
    for (unsigned i = 0; i < h.phnum; i++) {
        struct elf_segment s;

        memcpy(&s, bytes + h.phoff + (uint64_t)i * sizeof(s), sizeof(s));
        if (s.type != ELF_PT_LOAD || s.memsz == 0)
            continue;
        if (s.filesz > s.memsz || !range_within(s.offset, s.filesz, 0, size))
            return image_refuse(why, "kernel: an ELF segment outside the file");
        if (!range_within(s.paddr, s.memsz, ram, ram_size))
            return image_refuse(why, "kernel: an ELF segment outside RAM");
        if (out->segments == IMAGE_SEGMENTS_MAX)
            return image_refuse(why, "kernel: more than 10 ELF segments to load");
        out->segment[out->segments++] = (struct image_segment){.gpa = s.paddr,
                                                               .memory_size = s.memsz,
                                                               .data = bytes + s.offset,
                                                               .file_size = s.filesz};
        /* The entry is a virtual address; some tools write a physical one. */
        if (!entry_virtual && h.entry - s.vaddr < s.memsz) {
            out->entry = h.entry - s.vaddr + s.paddr;
            entry_virtual = true;
        } else if (!entry_virtual && !entry_physical && h.entry - s.paddr < s.memsz) {
            out->entry = h.entry;
            entry_physical = true;
        }
    }
    if (out->segments == 0)
        return image_refuse(why, "kernel: an ELF file with nothing to load");
    if (!entry_virtual && !entry_physical)
        return image_refuse(why, "kernel: the ELF entry is in no segment");
    if (!is_aligned(out->entry, 2))
        return image_refuse(why, "kernel: the ELF entry is at an odd address");
    return 0;
}

gpa_t image_place_initrd(gpa_t kernel, gpa_t kernel_end, uint64_t ram_size, gpa_t end,
                         uint64_t size)
{
    gpa_t place = MAX(kernel + MIN(ram_size / 2, INITRD_DISTANCE_MAX), kernel_end);

    place = align_up(place, PAGE_SIZE);
    if (place > end || size > end - place)
        place = align_down(end - size, PAGE_SIZE);
    return place;
}
