/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - parses a kernel image into the segments to load into RAM and the entry point. Pure:
 * reads only the image, which is hostile input.
 */
#pragma once

#include <hearth/lib/types.h>

#define IMAGE_SEGMENTS_MAX 10

struct image_segment {
    gpa_t gpa;
    uint64_t memory_size; /* bytes of RAM; those above file_size are zeroed */
    const uint8_t *data;
    uint64_t file_size; /* <= memory_size */
};

struct image {
    gpa_t entry;
    unsigned segments;
    struct image_segment segment[IMAGE_SEGMENTS_MAX];
};

/*
 * Parses a RISC-V boot image (64-byte header, Linux Documentation/arch/riscv/boot-image-header.rst)
 * or an ELF64 RISC-V executable that is to run in RAM [ram, ram + ram_size). Returns 0, or
 * -HV_EINVAL with *why when the image is damaged or a segment or the entry lies outside that RAM.
 * Segments may still overlap each other; the loader checks that.
 */
int __must_check image_read_linux(const void *data, uint64_t size, gpa_t ram, uint64_t ram_size,
                                  struct image *out, const char **why);
int __must_check image_read_elf(const void *data, uint64_t size, gpa_t ram, uint64_t ram_size,
                                struct image *out, const char **why);

/* Returns why an image that is neither of these cannot be a flat binary: it is compressed, wrapped,
 * or for another machine. NULL: no reason known. */
const char *image_refusal(const void *image, uint64_t size);

/*
 * Returns the page-aligned address of an initrd of `size` bytes for a kernel in [kernel,
 * kernel_end). As on QEMU's virt board it lies half of RAM, but at most 512 MiB, above the kernel's
 * start, where neither a self-extracting kernel nor firmware that relocates to the top of RAM
 * overwrites it. It lies at the kernel's end if that is higher. If it would end above `end`, it is
 * moved down to fit below `end` and may then overlap the kernel. size is at most `end` less the
 * start of RAM.
 */
gpa_t image_place_initrd(gpa_t kernel, gpa_t kernel_end, uint64_t ram_size, gpa_t end,
                         uint64_t size);
