/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader.h - puts a VM's images and device tree into its RAM by their host mapping (memslots); no
 * vcpu runs. Core calls it (core/upcalls.h: loader_begin(), loader_step(), loader_end()).
 */
#pragma once

#include <hearth/core/upcalls.h>
#include <hearth/core/vm_config.h>
#include <hearth/mm/memslot.h>
#include <hearth/lib/types.h>

struct vm;

enum image_kind { IMAGE_FLAT, IMAGE_LINUX, IMAGE_ELF };

/* Kind by content: ELF magic; "RSC\x05" at 0x38 (RISC-V boot image header); else flat. */
enum image_kind loader_image_kind(const void *image, uint64_t size);

/*
 * Loading zeroes the RAM that images do not cover, copies kernel (flat: at config.load or RAM base
 * + 2 MiB; Linux Image: RAM base + text_offset, image_size honoured; ELF64 RISC-V: each PT_LOAD by
 * p_paddr, entry translated when it is a virtual address) and initrd (as image_place_initrd()
 * says), generates the device tree. config.load, when given, has to agree with what an ELF file or
 * Linux Image says itself. The caller makes the new instructions visible to
 * harts that fetch them (fence.i, also remote).
 */
/*
 * guest_fdt.c: writes the guest's device tree, with 4 KiB of free space at its end, into buf.
 * Returns its size, or -HV_ENOSPC. initrd 0: none. rng_seed: 32 fresh bytes.
 */
int __must_check guest_fdt_write(const struct vm *vm, gpa_t initrd, uint64_t initrd_size,
                                 const uint8_t rng_seed[32], void *buf, uint64_t size);
