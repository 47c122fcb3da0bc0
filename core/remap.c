/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remap.c - changes to a VM's G-stage while its vcpus run (hearth/core/remap.h). Privileged
 * specification, "Memory-Management Fences" of the hypervisor extension; SBI, "RFENCE Extension".
 *
 * The remote fences are the firmware's: machine mode interrupts a hart whatever it is at, so that
 * also copies to and from guest memory that the hypervisor has under way there (HLV, interrupts
 * off) and the hart on which a sleeping vcpu is still loaded are dealt with when the call returns,
 * and no hart of ours waits for another. All VMIDs, because a vcpu that stays loaded may be under
 * an older one than its VM; only on the harts that may hold translations of this VM.
 *
 * Firmware may refuse a fence, though it has done them before: then the VM may go on using what was
 * taken away, the caller is told so, and retired table pages stay. A VM without an active vcpu
 * needs no fence: it is enough that each hart flushes before it loads one of its vcpus again.
 *
 * Lock: vm->remap_lock, over each change and its fences: table pages that one change has retired
 * are freed only by the one whose fences came after.
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

/* Start and size 0: everything. */
static int64_t firmware_fence(const struct hart *h)
{
    return sbi_client_call(SBI_EXT_RFNC, SBI_RFNC_HFENCE_GVMA, 1, h->hartid, 0, 0, 0, 0).error;
}

bool remap_available(void)
{
    static enum { UNKNOWN, NO, YES } answer;

    if (answer == UNKNOWN)
        answer = firmware_fence(this_hart()) == SBI_SUCCESS ? YES : NO;
    return answer == YES;
}

/* Bit i: hart i has run the VM. One that begins to says so before it can walk the
 * tables (core/vcpu.c). */
static uint64_t harts_of(const struct vm *vm)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < harts_count; i++)
        if (atomic_load_relaxed(&vm->last_vcpu[i]) != 0)
            mask |= BIT(i);
    return mask;
}

/* Another hart's: it and the vcpu that waits here lose about the same time, of which the vcpu's own
 * account has only its own. */
static int64_t fence_remote(const struct hart *h, struct vm *asker)
{
    const uint64_t from = timer_now();
    const int64_t error = firmware_fence(h);

    sched_charge(asker, timer_now() - from);
    return error;
}

/* With the lock. 0, or -HV_EIO: a hart may use what was in the tables before. */
static int fence(struct vm *vm, struct vm *asker) __must_hold(&vm->remap_lock)
{
    bool refused = false, owed = false;
    uint64_t mask;

    /* The entries, before anybody walks the tables again, and before it is looked who does. */
    atomic_fence_seq();
    mask = harts_of(vm);
    for (unsigned i = 0; i < harts_count; i++) {
        if ((mask & BIT(i)) == 0)
            continue;
        if (harts[i] == this_hart()) {
            hfence_gvma_all();
        } else if (fence_remote(harts[i], asker) != SBI_SUCCESS) {
            if (atomic_load_acquire(&vm->vcpus_active) == 0) {
                atomic_store_relaxed(&vm->last_vcpu[i], 0); /* note_stale(): the first one here */
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

/* With the lock. */
static int unmap(struct vm *vm, gpa_t gpa, uint64_t size, struct vm *asker)
    __must_hold(&vm->remap_lock)
{
    int err = gstage_unmap(&vm->gstage, gpa, size);

    ASSERT(err == 0); /* no page crosses its edges, so that none is split */
    return fence(vm, asker);
}

static int map_pieces(struct vm *vm, gpa_t at, const struct memslots *from, gpa_t gpa,
                      uint64_t size, unsigned prot)
{
    for (uint64_t done = 0, piece; done < size; done += piece) {
        const struct memslot *slot = memslot_find(from, gpa + done);
        int err;

        if (slot == NULL)
            return -HV_EFAULT;
        piece = MIN(size - done, slot->gpa + slot->size - (gpa + done));
        err = gstage_map(&vm->gstage, at + done, slot->hpa + (gpa + done - slot->gpa), piece, prot);
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
    err = map_pieces(vm, at, from, gpa, size, prot);
    if (err == 0)
        err = fence(vm, asker); /* that there was nothing may have been remembered, too */
    else if (unmap(vm, at, size, asker) < 0)
        err = -HV_EIO;
    lock_release(&vm->remap_lock);
    return err;
}

int remap_remove(struct vm *vm, gpa_t gpa, uint64_t size, struct vm *asker)
{
    int err;

    lock_acquire(&vm->remap_lock);
    err = unmap(vm, gpa, size, asker);
    lock_release(&vm->remap_lock);
    return err;
}
