/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upcalls.h - the symbols that core/ uses and higher layers define. core/ knows no others of them.
 */
#pragma once

#include <hearth/arch/trap.h>
#include <hearth/core/exit.h>
#include <hearth/core/vm_component.h>

struct vcpu;

/* init/tables.c: both end in NULL. */
extern const struct vm_component *const vm_components[];
extern const struct vcpu_switch *const vcpu_switched[];

/* guest/vm_console.c: the VM's side of its serial console. */
struct console_client_ops;
extern const struct console_client_ops vm_console_ops;

/*
 * Exit handlers, entries of the table in core/exit.c. sbi/: an ecall from VS-mode; a double trap; a
 * hardware error. guest/: guest-page faults, causes 20, 21, 23: a device access is carried out,
 * any other address raises an access fault; virtual instruction, cause 22: WFI and WRS block or
 * yield, reads of emulated CSRs are carried out, any other instruction is illegal, as on a hart
 * without H.
 */
struct exit_result exit_ecall(struct vcpu *vcpu, const struct vcpu_exit *exit);
struct exit_result exit_double_trap(struct vcpu *vcpu, const struct vcpu_exit *exit);
struct exit_result exit_hardware_error(struct vcpu *vcpu, const struct vcpu_exit *exit);
struct exit_result exit_guest_page_fault(struct vcpu *vcpu, const struct vcpu_exit *exit);
struct exit_result exit_virtual_insn(struct vcpu *vcpu, const struct vcpu_exit *exit);

/* guest/loader.c: loads a VM's images and device tree into its RAM, in chunks. No vcpu runs. */
struct loader;
struct loader_result {
    gpa_t entry;          /* pc of vcpu 0 */
    gpa_t fdt;            /* a1 */
    gpa_t initrd;         /* 0: none */
    uint64_t initrd_size; /* may be 0: an empty file */
};

/* Plans the load. 0, or -HV_EINVAL / -HV_ENOSPC / -HV_ENOMEM with *why: does not fit, damaged
 * header, segments outside RAM or overlapping. */
int __must_check loader_begin(const struct vm *vm, struct loader **loader, const char **why);
/* Loads at most `most` (> 0) more bytes, and at the end the device tree. LOADER_MORE: call
 * again; 0: done, with *out; or -HV_E* with *why. */
#define LOADER_MORE 1
int __must_check loader_step(struct loader *loader, uint64_t most, struct loader_result *out,
                             const char **why);
/* Frees the loader, done or not. */
void loader_end(struct loader *loader);
