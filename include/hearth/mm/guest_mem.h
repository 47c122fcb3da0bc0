/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_mem.h - guest memory through the hardware's own walk: doors one and two. (Door three,
 * memslot.h, is software lookup.) All run on the hart on which the vcpu is loaded, between
 * vcpu_load and vcpu_put, with interrupts off; lengths are cut into bounded chunks by the callers'
 * limits.
 *
 *   door 1  copy_from_guest / copy_to_guest   gpa, with every permission the G-stage gives and no
 * more door 2  fetch_guest_instruction, guest_read_gva   gva, through the live vsatp, as the guest
 * itself door 3  memslot_*                         gpa of RAM, any VM, any hart
 */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/lib/types.h>

struct vcpu;

/*
 * Door 1. Copies len bytes between buf and guest-physical gpa by HLV/HSV with vsatp = Bare, one
 * exception-table entry an access: MMIO and holes stop it. Returns the bytes copied, exactly.
 * vsatp, hstatus.SPVP and sstatus are as before on every path. gpa + len may wrap: stops at
 * 2^48, above which no guest has anything.
 */
uint64_t __must_check copy_from_guest(struct vcpu *vcpu, void *buf, gpa_t gpa, uint64_t len);
uint64_t __must_check copy_to_guest(struct vcpu *vcpu, gpa_t gpa, const void *buf, uint64_t len);

/*
 * Door 2. Reads the instruction at gva as the guest in its present mode would fetch it (HLVX: the
 * word that it is in, or two halves, so that a 16-bit instruction at a page's end never touches the
 * next). Returns true with
 * *insn (2-byte ones zero-extended), or false with *trap the fault: HLVX reports load causes, given
 * here as instruction causes (13 -> 12, 5 -> 1); 21 (no G-stage page) becomes the access fault of
 * an empty bus. tval is the address of the half that faulted. An odd gva is a misaligned fetch
 * (cause 0).
 */
bool __must_check fetch_guest_instruction(struct vcpu *vcpu, gva_t gva, uint32_t *insn,
                                          struct guest_trap *trap);

/* Door 2, data: len bytes at gva as the guest in VS- or VU-mode (its mode at the exit) would read
 * them. True, or false with *trap (causes 5, 13; 21 becomes 5), tval = the first byte's gva that
 * cannot be read; buf then holds the bytes before it. gva + len may wrap round the address space,
 * as it may in the guest. */
bool __must_check guest_read_gva(struct vcpu *vcpu, gva_t gva, void *buf, uint64_t len,
                                 struct guest_trap *trap);
