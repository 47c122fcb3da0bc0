/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remap.c - changes to a VM's G-stage while its vcpus run (hearth/core/remap.h). Privileged
 * specification, "Memory-Management Fences" of the hypervisor extension; SBI, "RFENCE Extension".
 *
 * The firmware carries out the remote fences: machine mode interrupts a hart in any state. So when
 * the call returns, the fence also covers copies to and from guest memory that the hypervisor has
 * under way there (HLV, interrupts off) and a hart on which a sleeping vcpu is still loaded; and no
 * hart of ours waits for another. The fences cover all VMIDs, because a vcpu that stays loaded may
 * have an older VMID than its VM, and only the harts that may hold translations of this VM.
 *
 * Firmware may refuse a fence, even after it has carried out others. Then the VM may go on using
 * the unmapped pages, the caller sees an error, and retired table pages are kept. A VM without an
 * active vcpu needs no fence: each hart flushes before it next loads one of its vcpus.
 *
 * Lock: vm->remap_lock, over each change and its fences: table pages that one change has retired
 * are freed only after the fences of that change or of a later one.
 */
#include <arch/atomic.h>
#include <arch/hfence.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/panic.h>
#include <hearth/core/remap.h>
#include <hearth/core/sched.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/core/vcpu.h>
#include <hearth/kernel/timer.h>
#include <hearth/core/vm.h>

/* Start 0 and size 0: all addresses. */
static int64_t remap_firmware_fence(const struct hart *h)
{
    return sbi_client_call(SBI_EXT_RFNC, SBI_RFNC_HFENCE_GVMA, 1, h->hartid, 0, 0, 0, 0).error;
}

bool remap_available(void)
{
    static enum { UNKNOWN, NO, YES } answer;

    if (answer == UNKNOWN)
        answer = remap_firmware_fence(this_hart()) == SBI_SUCCESS ? YES : NO;
    return answer == YES;
}

/* Bit i: hart i has run the VM. A hart records that before it can walk the tables
 * (vcpu_note_stale()). */
static uint64_t remap_harts(const struct vm *vm)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < harts_count; i++)
        if (atomic_load_relaxed(&vm->last_vcpu[i]) != 0)
            mask |= BIT(i);
    return mask;
}

/* The other hart loses about as much time as the vcpu that waits here. The vcpu is charged for its
 * own time anyway; this adds the other hart's. */
static int64_t remap_fence_remote(const struct hart *h, struct vm *asker)
{
    const uint64_t from = timer_now();
    const int64_t error = remap_firmware_fence(h);

    sched_charge(asker, timer_now() - from);
    return error;
}

/* 0, or -HV_EIO: a hart may still use the former entries of the tables. */
static int remap_fence(struct vm *vm, struct vm *asker) __must_hold(&vm->remap_lock)
{
    bool refused = false, owed = false;
    uint64_t mask;

    /* Orders the new entries before later table walks, and before the read of last_vcpu[]. */
    atomic_fence_seq();
    mask = remap_harts(vm);
    for (unsigned i = 0; i < harts_count; i++) {
        if ((mask & BIT(i)) == 0)
            continue;
        if (harts[i] == this_hart()) {
            hfence_gvma_all();
        } else if (remap_fence_remote(harts[i], asker) != SBI_SUCCESS) {
            if (atomic_load_acquire(&vm->vcpus_active) == 0) {
                atomic_store_relaxed(&vm->last_vcpu[i], 0); /* vcpu_note_stale() fences */
                owed = true;
            } else {
                refused = true;
            }
        }
    }
    if (refused) {
        log_error("%s: the firmware refuses a remote fence", vm->config.name);
        return -HV_EIO;
    }
    if (!owed)
        gstage_reclaim(&vm->gstage);
    return 0;
}

static int remap_unmap(struct vm *vm, gpa_t gpa, uint64_t size, struct vm *asker)
    __must_hold(&vm->remap_lock)
{
    int err = gstage_unmap(&vm->gstage, gpa, size);

    ASSERT(err == 0); /* no page crosses the range's ends, so none is split */
    return remap_fence(vm, asker);
}

static int remap_map(struct vm *vm, gpa_t at, const struct memslots *from, gpa_t gpa, uint64_t size,
                     unsigned prot)
{
    for (uint64_t done = 0, chunk; done < size; done += chunk) {
        const struct memslot *slot = memslot_find(from, gpa + done);
        int err;

        if (slot == NULL)
            return -HV_EFAULT;
        chunk = MIN(size - done, slot->gpa + slot->size - (gpa + done));
        err = gstage_map(&vm->gstage, at + done, slot->hpa + (gpa + done - slot->gpa), chunk, prot);
        if (err < 0)
            return err;
    }
    return 0;
}

int remap_share(struct vm *vm, gpa_t at, const struct memslots *from, gpa_t gpa, uint64_t size,
                unsigned prot, struct vm *asker)
{
    int err;

    if (!memslot_is_ram(from, gpa, size))
        return -HV_EFAULT;
    lock_acquire(&vm->remap_lock);
    err = remap_map(vm, at, from, gpa, size, prot);
    if (err == 0)
        err = remap_fence(vm, asker); /* invalid entries may be cached, too */
    else if (remap_unmap(vm, at, size, asker) < 0)
        err = -HV_EIO;
    lock_release(&vm->remap_lock);
    return err;
}

int remap_remove(struct vm *vm, gpa_t gpa, uint64_t size, struct vm *asker)
{
    int err;

    lock_acquire(&vm->remap_lock);
    err = remap_unmap(vm, gpa, size, asker);
    lock_release(&vm->remap_lock);
    return err;
}
