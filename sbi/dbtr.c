/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dbtr.c - SBI DBTR extension (v3.0, chapter "Debug Triggers Extension"): each vcpu has a table of
 * mcontrol6 triggers, which are installed in the hart while the vcpu is loaded. A guest's S and U
 * modes are the host's VS and VU; a hart without H has no other modes. Only options that every
 * implementation has are offered: matches of one address, any access size, no chains.
 *
 * Locking: none, own vcpu.
 */
#include "dbtr_state.h"

#include <hearth/lib/bits.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/kernel/log.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vm.h>

#define ENTRY_SIZE SBI_DBTR_ENTRY_SIZE

/* Reserved bits of tdata1, type mcontrol6. */
#define MC6_RESERVED (3ul << 19 | 0xfffffffful << 27)
/* Optional bits that are not implemented: chain, action, match, select, the modes of H, the hit
 * bits. */
#define MC6_UNIMPLEMENTED                                                                          \
    (SBI_DBTR_MC6_CHAIN | SBI_DBTR_MC6_ACTION | SBI_DBTR_MC6_MATCH | SBI_DBTR_MC6_SELECT |         \
     SBI_DBTR_MC6_VS | SBI_DBTR_MC6_VU | SBI_DBTR_MC6_HITS)
#define MC6_ACTION_DEBUG_MODE (1ul << 12)

struct dbtr_entry {
    uint64_t word[4]; /* trig_state or trig_idx, tdata1 to tdata3 */
};

_Static_assert(sizeof(struct dbtr_entry) == ENTRY_SIZE, "shared memory");

static uint64_t dbtr_state_of(uint64_t tdata1)
{
    return SBI_DBTR_STATE_MAPPED | (tdata1 & SBI_DBTR_MC6_S ? SBI_DBTR_STATE_S : 0) |
           (tdata1 & SBI_DBTR_MC6_U ? SBI_DBTR_STATE_U : 0);
}

/* Checks a trigger's configuration. last: it is the last of its array. */
static int64_t dbtr_check_config(const struct dbtr_entry *e, bool last)
{
    const uint64_t tdata1 = e->word[1];

    if ((tdata1 & SBI_DBTR_TYPE) != SBI_DBTR_TYPE_MCONTROL6) {
        /* mcontrol has its chain bit in the same place. */
        if (last && (tdata1 & SBI_DBTR_TYPE) == SBI_DBTR_TYPE_MCONTROL &&
            (tdata1 & SBI_DBTR_MC6_CHAIN))
            return SBI_ERR_INVALID_PARAM;
        return SBI_ERR_FAILED; /* no trigger has that type */
    }
    if (tdata1 & (SBI_DBTR_DMODE | SBI_DBTR_MC6_M | MC6_RESERVED))
        return SBI_ERR_INVALID_PARAM;
    if (last && (tdata1 & SBI_DBTR_MC6_CHAIN))
        return SBI_ERR_INVALID_PARAM;
    if ((tdata1 & SBI_DBTR_MC6_ACTION) == MC6_ACTION_DEBUG_MODE)
        return SBI_ERR_INVALID_PARAM; /* requires dmode */
    if ((tdata1 & MC6_UNIMPLEMENTED) || e->word[3] != 0)
        return SBI_ERR_NOT_SUPPORTED;
    return SBI_SUCCESS;
}

/* ---- calls with shared memory */

static int64_t dbtr_set_shmem(struct vcpu *vcpu, struct dbtr *d, uint64_t lo, uint64_t hi,
                              uint64_t flags)
{
    if (flags != 0)
        return SBI_ERR_INVALID_PARAM;
    if (lo == UINT64_MAX && hi == UINT64_MAX) {
        d->shmem = DBTR_NO_SHMEM;
        return SBI_SUCCESS;
    }
    if (!is_aligned(lo, sizeof(uint64_t)))
        return SBI_ERR_INVALID_PARAM;
    if (hi != 0 || !memslot_is_ram(&vcpu->vm->memslots, lo, (uint64_t)d->count * ENTRY_SIZE))
        return SBI_ERR_INVALID_ADDRESS;
    d->shmem = lo;
    return SBI_SUCCESS;
}

static int64_t dbtr_read(struct vcpu *vcpu, const struct dbtr *d, uint64_t base, uint64_t count)
{
    struct dbtr_entry e[DBTR_TRIGGERS_MAX];

    if (d->shmem == DBTR_NO_SHMEM)
        return SBI_ERR_NO_SHMEM;
    /* base + count >= trig_max, without wrapping */
    if (base >= d->count || count >= d->count - base)
        return SBI_ERR_BAD_RANGE;
    for (uint64_t i = 0; i < count; i++) {
        const struct dbtr_trigger *t = &d->trigger[base + i];

        e[i] = (struct dbtr_entry){{t->state, t->tdata[0], t->tdata[1], t->tdata[2]}};
    }
    if (copy_to_guest(vcpu, d->shmem, e, count * ENTRY_SIZE) != count * ENTRY_SIZE)
        return SBI_ERR_FAILED;
    return SBI_SUCCESS;
}

/* Reads the array of configurations of an install or update, once. */
static int64_t dbtr_read_entries(struct vcpu *vcpu, const struct dbtr *d, struct dbtr_entry *e,
                                 uint64_t count)
{
    if (d->shmem == DBTR_NO_SHMEM)
        return SBI_ERR_NO_SHMEM;
    if (count >= d->count)
        return SBI_ERR_BAD_RANGE;
    if (copy_from_guest(vcpu, e, d->shmem, count * ENTRY_SIZE) != count * ENTRY_SIZE)
        return SBI_ERR_FAILED;
    return SBI_SUCCESS;
}

static int64_t dbtr_configure(struct dbtr_trigger *t, const struct dbtr_entry *e)
{
    const struct dbtr_trigger old = *t;
    int64_t error;

    dbtr_hw_uninstall(t);
    t->state = dbtr_state_of(e->word[1]);
    for (unsigned i = 0; i < 3; i++)
        t->tdata[i] = e->word[1 + i];
    error = dbtr_hw_install(t);
    if (error != SBI_SUCCESS) {
        *t = old;
        t->hw = DBTR_NO_HW;
        if (old.mapped)
            (void)dbtr_hw_install(t); /* succeeds: it was installed before */
    }
    return error;
}

static void dbtr_unmap(struct dbtr *d, struct dbtr_trigger *t)
{
    dbtr_hw_uninstall(t);
    *t = (struct dbtr_trigger){.hw = DBTR_NO_HW};
    d->mapped--;
}

static struct dbtr_trigger *dbtr_find_free(struct dbtr *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (!d->trigger[i].mapped)
            return &d->trigger[i];
    return NULL;
}

/* Installs all or none. On error *failed is the index of the failing entry. */
static int64_t dbtr_install(struct vcpu *vcpu, struct dbtr *d, uint64_t count, uint64_t *failed)
{
    struct dbtr_trigger *new[DBTR_TRIGGERS_MAX];
    struct dbtr_entry e[DBTR_TRIGGERS_MAX];
    int64_t error = dbtr_read_entries(vcpu, d, e, count);
    uint64_t i;

    if (error != SBI_SUCCESS)
        return error;
    for (i = 0; i < count && error == SBI_SUCCESS; i++) {
        *failed = i;
        error = dbtr_check_config(&e[i], i == count - 1);
    }
    if (error != SBI_SUCCESS)
        return error;
    for (i = 0; i < count && error == SBI_SUCCESS; i++) {
        *failed = i;
        new[i] = dbtr_find_free(d);
        error = new[i] == NULL ? SBI_ERR_FAILED : dbtr_configure(new[i], &e[i]);
        if (error == SBI_SUCCESS) {
            new[i]->mapped = true;
            d->mapped++;
            e[i].word[0] = (uint64_t)(new[i] - d->trigger);
        }
    }
    if (error == SBI_SUCCESS) {
        *failed = 0;
        /* Returns the indices; the other fields are written back unchanged. */
        if (copy_to_guest(vcpu, d->shmem, e, count * ENTRY_SIZE) == count * ENTRY_SIZE)
            return SBI_SUCCESS;
        error = SBI_ERR_FAILED;
        i++;
    }
    while (i-- > 1)
        dbtr_unmap(d, new[i - 1]);
    return error;
}

static int64_t dbtr_check_update(const struct dbtr *d, const struct dbtr_entry *e, bool last)
{
    if (e->word[0] >= d->count)
        return SBI_ERR_INVALID_PARAM;
    if (!d->trigger[e->word[0]].mapped)
        return SBI_ERR_FAILED;
    /* Type and chain must be as installed: mcontrol6, none. */
    if ((e->word[1] & SBI_DBTR_TYPE) != SBI_DBTR_TYPE_MCONTROL6 ||
        (e->word[1] & SBI_DBTR_MC6_CHAIN))
        return SBI_ERR_INVALID_PARAM;
    return dbtr_check_config(e, last);
}

static int64_t dbtr_update(struct vcpu *vcpu, struct dbtr *d, uint64_t count, uint64_t *failed)
{
    struct dbtr_entry e[DBTR_TRIGGERS_MAX];
    int64_t error = dbtr_read_entries(vcpu, d, e, count);

    for (uint64_t i = 0; i < count && error == SBI_SUCCESS; i++) {
        *failed = i;
        error = dbtr_check_update(d, &e[i], i == count - 1);
    }
    for (uint64_t i = 0; i < count && error == SBI_SUCCESS; i++) {
        *failed = i;
        error = dbtr_configure(&d->trigger[e[i].word[0]], &e[i]);
    }
    if (error == SBI_SUCCESS)
        *failed = 0;
    return error;
}

/* ---- calls with a set of triggers */

static int64_t dbtr_disable(struct dbtr *d, struct dbtr_trigger *t)
{
    (void)d;
    dbtr_hw_uninstall(t);
    t->tdata[0] &= ~(SBI_DBTR_MC6_S | SBI_DBTR_MC6_U);
    return SBI_SUCCESS;
}

static int64_t dbtr_enable(struct dbtr *d, struct dbtr_trigger *t)
{
    dbtr_hw_uninstall(t);
    (void)dbtr_disable(d, t);
    t->tdata[0] |= (t->state & SBI_DBTR_STATE_S ? SBI_DBTR_MC6_S : 0) |
                   (t->state & SBI_DBTR_STATE_U ? SBI_DBTR_MC6_U : 0);
    return dbtr_hw_install(t);
}

static int64_t dbtr_uninstall(struct dbtr *d, struct dbtr_trigger *t)
{
    dbtr_unmap(d, t);
    return SBI_SUCCESS;
}

/* Calls fn for each trigger of the set. If one of them is not installed, does nothing. */
static int64_t dbtr_for_each(struct dbtr *d, uint64_t base, uint64_t mask,
                             int64_t (*fn)(struct dbtr *, struct dbtr_trigger *))
{
    int64_t error = SBI_SUCCESS;

    for (uint64_t m = mask; m != 0; m &= m - 1) {
        uint64_t bit = bit_lowest(m);

        /* base first: base + bit may wrap */
        if (base >= d->count || bit >= d->count - base || !d->trigger[base + bit].mapped)
            return SBI_ERR_INVALID_PARAM;
    }
    for (uint64_t m = mask; m != 0 && error == SBI_SUCCESS; m &= m - 1)
        error = fn(d, &d->trigger[base + bit_lowest(m)]);
    return error;
}

static uint64_t dbtr_num_triggers(const struct dbtr *d, uint64_t tdata1)
{
    const struct dbtr_entry e = {{0, tdata1, 0, 0}};

    if (tdata1 == 0)
        return d->count;
    return dbtr_check_config(&e, false) == SBI_SUCCESS ? d->count : 0;
}

static struct exit_result dbtr_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    struct dbtr *d = sbi_vcpu_state(vcpu, SBI_SLOT_DBTR);
    const uint64_t a0 = call->arg[0], a1 = call->arg[1];

    switch (call->fid) {
    case SBI_DBTR_NUM_TRIGGERS:
        ret->error = SBI_SUCCESS;
        ret->value = dbtr_num_triggers(d, a0);
        break;
    case SBI_DBTR_SET_SHMEM:
        ret->error = dbtr_set_shmem(vcpu, d, a0, a1, call->arg[2]);
        break;
    case SBI_DBTR_READ:
        ret->error = dbtr_read(vcpu, d, a0, a1);
        break;
    case SBI_DBTR_INSTALL:
        ret->error = dbtr_install(vcpu, d, a0, &ret->value);
        break;
    case SBI_DBTR_UPDATE:
        ret->error = dbtr_update(vcpu, d, a0, &ret->value);
        break;
    case SBI_DBTR_UNINSTALL:
        ret->error = dbtr_for_each(d, a0, a1, dbtr_uninstall);
        break;
    case SBI_DBTR_ENABLE:
        ret->error = dbtr_for_each(d, a0, a1, dbtr_enable);
        break;
    case SBI_DBTR_DISABLE:
        ret->error = dbtr_for_each(d, a0, a1, dbtr_disable);
        break;
    default:
        break;
    }
    sbi_vcpu_switches(vcpu, SBI_SLOT_DBTR, d->mapped != 0);
    return exit_next(4);
}

static void dbtr_vcpu_reset(struct vcpu *vcpu, void *state)
{
    struct dbtr *d = state;

    (void)vcpu;
    d->shmem = DBTR_NO_SHMEM;
    d->count = dbtr_hw_count();
    d->mapped = 0;
    d->warned = false;
    for (unsigned i = 0; i < DBTR_TRIGGERS_MAX; i++)
        d->trigger[i] = (struct dbtr_trigger){.hw = DBTR_NO_HW};
}

static void dbtr_vcpu_load(struct vcpu *vcpu, void *state)
{
    struct dbtr *d = state;

    /* All harts of a machine are expected to have the same triggers. On a hart with fewer, some
     * triggers do not hit. Logged once, because it may happen at every switch. */
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->trigger[i].mapped && dbtr_hw_install(&d->trigger[i]) != SBI_SUCCESS && !d->warned) {
            log_vm(vcpu->vm, "vcpu %u: a hart has too few free debug triggers", vcpu->id);
            d->warned = true;
        }
    }
}

static void dbtr_vcpu_put(struct vcpu *vcpu, void *state)
{
    struct dbtr *d = state;

    (void)vcpu;
    for (uint32_t i = 0; i < d->count; i++)
        dbtr_hw_uninstall(&d->trigger[i]);
}

const struct sbi_extension sbi_ext_dbtr = {
    .first = SBI_EXT_DBTR,
    .last = SBI_EXT_DBTR,
    .name = "dbtr",
    .slot = SBI_SLOT_DBTR,
    .vcpu_state = sizeof(struct dbtr),
    .vcpu_reset = dbtr_vcpu_reset,
    .vcpu_load = dbtr_vcpu_load,
    .vcpu_put = dbtr_vcpu_put,
    .handle = dbtr_handle,
};
