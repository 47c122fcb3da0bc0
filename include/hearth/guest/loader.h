/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader.h - writes a VM's images and device tree into its RAM through the host mapping (memslots)
 * while no vcpu runs. Core calls loader_begin(), loader_step() and loader_end() (core/upcalls.h).
 *
 * The loader zeroes the RAM that no image covers and copies the kernel and the initrd (placed by
 * image_place_initrd()). A flat kernel goes to config.load or RAM base + 2 MiB; a Linux Image to
 * RAM base + text_offset, with image_size reserved; each PT_LOAD of an ELF64 RISC-V file to its
 * p_paddr, and a virtual entry address is translated. config.load, when given, must match the
 * address in an ELF file or Linux Image. The caller makes the new instructions visible to the harts
 * that fetch them (fence.i, also remote).
 */
#pragma once

#include <hearth/core/upcalls.h>
#include <hearth/core/vm_config.h>
#include <hearth/mm/memslot.h>
#include <hearth/lib/types.h>

struct vm;

enum image_kind { IMAGE_FLAT, IMAGE_LINUX, IMAGE_ELF };

/* Detects the kind by content: ELF magic; "RSC\x05" at 0x38 (RISC-V boot image header); else flat.
 */
enum image_kind loader_image_kind(const void *image, uint64_t size);

/*
 * guest_fdt.c: writes the guest's device tree into buf, with 4 KiB of free space at its end.
 * Returns the size, or -HV_ENOSPC. initrd 0: none. rng_seed: 32 fresh random bytes.
 */
int __must_check guest_fdt_write(const struct vm *vm, gpa_t initrd, uint64_t initrd_size,
                                 const uint8_t rng_seed[32], void *buf, uint64_t size);
