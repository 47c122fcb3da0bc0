/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_mem.h - access to guest memory through the hardware's page-table walk. These functions run
 * on the hart on which the vcpu is loaded, between vcpu_load and vcpu_put, with interrupts off.
 * Callers bound the lengths. There are three ways to access guest memory:
 *
 *   guest-physical copy    copy_from_guest, copy_to_guest:
 *                          gpa, with exactly the permissions of the G-stage
 *   guest-virtual access   fetch_guest_instruction, guest_read_gva:
 *                          gva, through the live vsatp, like the guest's own accesses
 *   host mapping           memslot_* (memslot.h):
 *                          gpa of RAM, by software lookup, any VM, any hart
 */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

struct vcpu;

/*
 * Guest-physical copy. Copies len bytes between buf and gpa by HLV/HSV with vsatp = Bare; each
 * access has an exception-table entry. Stops at MMIO and holes. Returns the exact number of bytes
 * copied. Preserves vsatp, hstatus.SPVP and sstatus on every path. gpa + len may wrap: the copy
 * stops at 2^48, the limit of guest-physical addresses.
 */
uint64_t __must_check copy_from_guest(struct vcpu *vcpu, void *buf, gpa_t gpa, uint64_t len);
uint64_t __must_check copy_to_guest(struct vcpu *vcpu, gpa_t gpa, const void *buf, uint64_t len);

/*
 * Guest-virtual access: reads the instruction at gva as the guest in its current mode would fetch
 * it. Uses HLVX on the aligned word that contains it, or on two halfwords, so that a 16-bit
 * instruction at the end of a page never accesses the next page. Returns true with *insn (2-byte
 * instructions zero-extended), or false with *trap: load causes of HLVX become instruction causes
 * (13 -> 12, 5 -> 1), and 21 (no G-stage page) becomes an access fault. tval is the address of the
 * halfword that faulted. An odd gva is a misaligned fetch (cause 0).
 */
bool __must_check fetch_guest_instruction(struct vcpu *vcpu, gva_t gva, uint32_t *insn,
                                          struct guest_trap *trap);

/* Guest-virtual access: reads len bytes at gva with the privilege of the guest's mode at the exit
 * (VS or VU). True, or false with *trap (causes 5, 13; 21 becomes 5), where tval is the gva of the
 * first byte that cannot be read; buf then holds the bytes before it. gva + len may wrap around the
 * address space, as in the guest. */
bool __must_check guest_read_gva(struct vcpu *vcpu, gva_t gva, void *buf, uint64_t len,
                                 struct guest_trap *trap);
