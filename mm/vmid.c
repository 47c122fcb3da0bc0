/*
 * vmid.c - VMIDs by generation (hearth/vmid.h; privileged specification, hgatp.VMID).
 *
 * Numbers 1 .. 2^bits - 1 are given out in turn, each once a generation; 0 is left to "no VM". When
 * they are used up the generation number rises, which makes every VM's and every hart's stale at
 * once: the hart's is brought up to date by a full flush, the VM's by a new number. Without VMID
 * bits every VM is a generation of its own.
 *
 * Lock: `lock`, for all of this file's state and both fields of struct vmid; hart->vmid_generation
 * is touched by its own hart only.
 */
#include <hearth/hart.h>
#include <hearth/lock.h>
#include <hearth/panic.h>
#include <hearth/vmid.h>

#define VMID_BITS_MAX 14

static struct spinlock lock = SPINLOCK_INIT(RANK_VMID);
static uint64_t generation;
static uint64_t last_id;  /* given out last in this generation */
static uint64_t id_limit; /* largest VMID */

void vmid_init(unsigned bits)
{
    ASSERT(bits <= VMID_BITS_MAX);
    lock_acquire(&lock);
    generation = 0;
    id_limit = BIT(bits) - 1;
    last_id = id_limit; /* the first VM begins generation 1 */
    lock_release(&lock);
}

/* With the lock: a number for v in the present generation, or the first of the next. */
static void vmid_assign(struct vmid *v)
{
    if (last_id == id_limit) {
        generation++;
        last_id = 0;
    }
    if (id_limit != 0)
        last_id++;
    v->id = last_id;
    v->generation = generation;
}

bool vmid_update(struct vmid *v, unsigned hart, uint64_t *id)
{
    struct hart *h = harts[hart];
    uint64_t wanted;
    bool flush;

    lock_acquire(&lock);
    /* Without bits each VM keeps the generation that it got first: the hart flushes when it
     * changes. */
    if (v->generation == 0 || (id_limit != 0 && v->generation != generation))
        vmid_assign(v);
    *id = v->id;
    wanted = v->generation;
    lock_release(&lock);

    flush = h->vmid_generation != wanted;
    h->vmid_generation = wanted;
    return flush;
}
