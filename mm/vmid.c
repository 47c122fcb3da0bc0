/*
 * vmid.c - VMIDs by generation (hearth/vmid.h; privileged specification, hgatp.VMID).
 *
 * Numbers 1 .. 2^bits - 1 are given out in turn, each once a generation; 0 is left to "no VM". When
 * they are used up the generation number rises, which makes every VM's and every hart's stale at
 * once: the hart's is brought up to date by a full flush, the VM's by a new number. Without VMID
 * bits every VM is a generation of its own.
 *
 * Lock: `lock`, to change this file's state and struct vmid; a number is one word, generation and
 * id, so that one of the present generation is had without it. hart->vmid_generation is touched by
 * its own hart only.
 */
#include <arch/atomic.h>
#include <hearth/hart.h>
#include <hearth/lock.h>
#include <hearth/panic.h>
#include <hearth/vmid.h>

#define VMID_BITS_MAX 14

static struct spinlock lock = SPINLOCK_INIT(RANK_VMID);
static uint64_t generation; /* atomic to look */
static uint64_t last_id;    /* given out last in this generation */
static uint64_t id_limit;   /* largest VMID */

void vmid_init(unsigned bits)
{
    ASSERT(bits <= VMID_BITS_MAX);
    lock_acquire(&lock);
    generation = 1; /* 0 is no VM's and every hart's that has not run one */
    id_limit = BIT(bits) - 1;
    last_id = 0;
    lock_release(&lock);
}

/* With the lock: a number for v in the present generation, or the first of the next. */
static void vmid_assign(struct vmid *v)
{
    if (last_id == id_limit) {
        atomic_store_relaxed(&generation, generation + 1);
        last_id = 0;
    }
    if (id_limit != 0)
        last_id++;
    atomic_store_relaxed(&v->number, generation << VMID_BITS_MAX | last_id);
}

/* Without bits each VM keeps the generation that it got first: the hart flushes when it changes. */
static uint64_t number_now(struct vmid *v)
{
    uint64_t number;

    lock_acquire(&lock);
    if (v->number == 0 || (id_limit != 0 && v->number >> VMID_BITS_MAX != generation))
        vmid_assign(v);
    number = v->number;
    lock_release(&lock);
    return number;
}

bool vmid_update(struct vmid *v, unsigned hart, uint64_t *id)
{
    struct hart *h = harts[hart];
    uint64_t number = atomic_load_relaxed(&v->number);
    bool flush;

    if (unlikely(number >> VMID_BITS_MAX != atomic_load_relaxed(&generation)))
        number = number_now(v);
    *id = number & (BIT(VMID_BITS_MAX) - 1);
    flush = h->vmid_generation != number >> VMID_BITS_MAX;
    h->vmid_generation = number >> VMID_BITS_MAX;
    return flush;
}
