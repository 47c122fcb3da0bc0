/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sta.c - SBI STA extension (v3.0, chapter "Steal-time Accounting Extension"): each hart may
 * register 64 bytes of RAM, where Hearth writes how long the hart waited, ready to run, while other
 * vcpus had the host's hart.
 *
 * The scheduler counts stolen time (core/sched/sched.c). This file writes the structure when the
 * vcpu is loaded after a wait, and when it is preempted. Steal grows only while another vcpu is
 * loaded in between, or while the vcpu's cap is used up, when it is unloaded too. (If the cap's
 * wait ends before the vcpu's hart has unloaded it, the next load writes the time.)
 *
 * State of each vcpu, accessed on the hart where it is loaded: no lock. The guest may overwrite the
 * structure at any time, so it is never read.
 */
#include <arch/atomic.h>
#include <hearth/mm/memslot.h>
#include <hearth/sbi/sbi.h>
#include <hearth/kernel/timer.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include <string.h>

struct sta {
    bool enabled;
    uint32_t sequence; /* as in guest memory */
    gpa_t shmem;
    uint64_t since;   /* stats.steal_ticks at registration */
    uint64_t written; /* ticks already written to guest memory */
};

/* Maps the structure, which lies in one page. NULL: it is not to be written now, because it is not
 * registered, or the system sleeps and its memory may be inspected from outside. */
static struct sbi_sta *sta_map(const struct vcpu *v, const struct sta *sta)
{
    if (!sta->enabled || atomic_load_relaxed(&v->vm->asleep))
        return NULL;
    return memslot_map(&v->vm->memslots, sta->shmem, NULL);
}

static void sta_load(struct vcpu *v, void *state)
{
    struct sta *sta = state;
    struct sbi_sta *shm = sta_map(v, sta);
    const uint64_t stolen = v->stats.steal_ticks - sta->since;

    if (shm == NULL)
        return;
    if (stolen != sta->written) {
        sta->written = stolen;
        atomic_store_relaxed(&shm->sequence, ++sta->sequence);
        atomic_store_release(&shm->steal, timer_ns_from_ticks(stolen));
        atomic_store_release(&shm->sequence, ++sta->sequence);
    }
    atomic_store_relaxed(&shm->preempted, 0);
}

static void sta_put(struct vcpu *v, void *state)
{
    struct sbi_sta *shm;

    /* A vcpu that is not runnable waits or stops; it is not preempted. */
    if (atomic_load_relaxed(&v->run_state) != VCPU_RUNNABLE)
        return;
    shm = sta_map(v, state);
    if (shm != NULL)
        atomic_store_relaxed(&shm->preempted, 1);
}

static void sta_reset(struct vcpu *v, void *state)
{
    struct sta *sta = state;

    (void)v;
    sta->enabled = false;
}

static int64_t sta_set_shmem(struct vcpu *v, uint64_t lo, uint64_t hi, uint64_t flags)
{
    struct sta *sta = sbi_vcpu_state(v, SBI_SLOT_STA);
    void *shm;

    if (flags != 0)
        return SBI_ERR_INVALID_PARAM;
    if (lo == UINT64_MAX && hi == UINT64_MAX) {
        sta->enabled = false;
        return SBI_SUCCESS;
    }
    if (lo % SBI_STA_SIZE != 0)
        return SBI_ERR_INVALID_PARAM;
    if (hi != 0)
        return SBI_ERR_INVALID_ADDRESS;
    /* Slots are whole pages: if the first byte is RAM, all bytes are. */
    shm = memslot_map(&v->vm->memslots, lo, NULL);
    if (shm == NULL)
        return SBI_ERR_INVALID_ADDRESS;
    memset(shm, 0, SBI_STA_SIZE);
    *sta = (struct sta){.enabled = true, .shmem = lo, .since = v->stats.steal_ticks};
    return SBI_SUCCESS;
}

static struct exit_result sta_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                     struct sbi_ret *ret)
{
    if (call->fid == SBI_STA_SET_SHMEM)
        ret->error = sta_set_shmem(vcpu, call->arg[0], call->arg[1], call->arg[2]);
    sbi_vcpu_switches(vcpu, SBI_SLOT_STA,
                      ((const struct sta *)sbi_vcpu_state(vcpu, SBI_SLOT_STA))->enabled);
    return exit_next(4);
}

const struct sbi_extension sbi_ext_sta = {
    .first = SBI_EXT_STA,
    .last = SBI_EXT_STA,
    .name = "sta",
    .slot = SBI_SLOT_STA,
    .vcpu_state = sizeof(struct sta),
    .vcpu_reset = sta_reset,
    .vcpu_load = sta_load,
    .vcpu_put = sta_put,
    .handle = sta_handle,
};
