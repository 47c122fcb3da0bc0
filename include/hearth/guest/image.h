/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - what a kernel image asks for: the pieces to be put into RAM, and where it starts. Pure:
 * reads the image, which is hostile input, and touches nothing else.
 */
#pragma once

#include <hearth/lib/types.h>

#define IMAGE_PIECES_MAX 10

struct image_piece {
    gpa_t gpa;
    uint64_t memory_size; /* bytes of RAM that are the piece's; those behind file_size are zero */
    const uint8_t *data;
    uint64_t file_size; /* <= memory_size */
};

struct image {
    gpa_t entry;
    unsigned pieces;
    struct image_piece piece[IMAGE_PIECES_MAX];
};

/*
 * Reads a RISC-V boot image (64-byte header, Linux Documentation/arch/riscv/boot-image-header.rst)
 * or an ELF64 RISC-V executable that is to run in RAM [ram, ram + ram_size). 0, or -HV_EINVAL with
 * *why: damaged, or a piece or the entry outside that RAM. Pieces may still overlap each other: the
 * loader checks that.
 */
int __must_check image_read_linux(const void *data, uint64_t size, gpa_t ram, uint64_t ram_size,
                                  struct image *out, const char **why);
int __must_check image_read_elf(const void *data, uint64_t size, gpa_t ram, uint64_t ram_size,
                                struct image *out, const char **why);

/* Why an image that is neither of these is not a flat binary either: compressed, wrapped, or for
 * another machine. NULL: nothing known. */
const char *image_refusal(const void *image, uint64_t size);

/*
 * The place of an initrd of `size` bytes beside a kernel in [kernel, kernel_end), page-aligned: as
 * on QEMU's virt board half of RAM, but at most 512 MiB, above the kernel's start. There neither a
 * kernel that unpacks itself overwrites it nor firmware that moves itself to the top of RAM. Higher
 * when the kernel reaches so far; when it would end behind `end`, as high as it fits below that,
 * which may overlap the kernel. size is at most end less the start of RAM.
 */
gpa_t image_place_initrd(gpa_t kernel, gpa_t kernel_end, uint64_t ram_size, gpa_t end,
                         uint64_t size);
