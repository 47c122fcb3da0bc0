/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sta.c - SBI STA extension (v3.0, chapter "Steal-time Accounting Extension"): each hart may name
 * 64 bytes of its RAM in which it finds how long it waited, ready, while others had the host's
 * hart.
 *
 * The scheduler counts (core/sched/sched.c); here it is written down, when the vcpu is loaded and
 * has waited since, and once it is preempted. Steal grows only while another vcpu is loaded in
 * between, or while its cap is used up, when it is unloaded too (unless that is over before its
 * hart has seen to it: then the next load tells).
 *
 * State of each vcpu, touched on the hart where it is loaded: no lock. The guest may scribble over
 * the structure at any time: nothing in it is ever read.
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
    uint32_t sequence; /* as it stands in memory */
    gpa_t shmem;
    uint64_t since;   /* stats.steal_ticks when it was enabled */
    uint64_t written; /* ticks of them that memory tells */
};

/* Wholly in one page. NULL: not to be written now; a system that sleeps may be looked at from
 * outside. */
static struct sbi_sta *mapped(const struct vcpu *v, const struct sta *sta)
{
    if (!sta->enabled || atomic_load_relaxed(&v->vm->asleep))
        return NULL;
    return memslot_map(&v->vm->memslots, sta->shmem, NULL);
}

static void sta_load(struct vcpu *v, void *state)
{
    struct sta *sta = state;
    struct sbi_sta *shm = mapped(v, sta);
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

    /* Others leave by themselves: they wait or stop. */
    if (atomic_load_relaxed(&v->run_state) != VCPU_RUNNABLE)
        return;
    shm = mapped(v, state);
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
    /* Slots are whole pages: if the first byte is RAM, so are all. */
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
