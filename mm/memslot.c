/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memslot.c - a VM's RAM as slots, and its host mapping (hearth/mm/memslot.h). Owns struct
 * memslots. No lock: slots change only while no vcpu of the VM runs.
 */
#include <arch/bulk.h>
#include <arch/layout.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/memslot.h>
#include <hearth/mm/page_alloc.h>

/* Index of the first slot that ends above gpa; s->count when there is none. */
static uint32_t memslot_index(const struct memslots *s, gpa_t gpa)
{
    uint32_t low = 0, high = s->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct memslot *slot = &s->slot[middle];

        if (gpa >= slot->gpa && gpa - slot->gpa >= slot->size)
            low = middle + 1;
        else if (gpa < slot->gpa)
            high = middle;
        else
            return middle;
    }
    return low;
}

int memslot_add(struct memslots *s, gpa_t gpa, hpa_t hpa, uint64_t size)
{
    uint32_t at;

    if (size == 0 || !is_aligned(gpa | hpa | size, PAGE_SIZE))
        return -HV_EINVAL;
    if (gpa > UINT64_MAX - size || hpa > UINT64_MAX - size)
        return -HV_EINVAL;
    at = memslot_index(s, gpa);
    if (at < s->count && s->slot[at].gpa < gpa + size)
        return -HV_EEXIST;
    if (s->count == MEMSLOTS_MAX)
        return -HV_ENOSPC;
    for (uint32_t i = s->count; i > at; i--)
        s->slot[i] = s->slot[i - 1];
    s->slot[at] = (struct memslot){.gpa = gpa, .hpa = hpa, .size = size};
    s->count++;
    return 0;
}

const struct memslot *memslot_find(const struct memslots *s, gpa_t gpa)
{
    uint32_t at = memslot_index(s, gpa);

    return at < s->count && s->slot[at].gpa <= gpa ? &s->slot[at] : NULL;
}

void *memslot_map(const struct memslots *s, gpa_t gpa, uint64_t *contiguous)
{
    const struct memslot *slot = memslot_find(s, gpa);
    const struct memslot *last = slot;
    uint64_t offset;

    if (slot == NULL)
        return NULL;
    offset = gpa - slot->gpa;
    if (contiguous != NULL) {
        while (last + 1 < s->slot + s->count && last[1].gpa == last->gpa + last->size &&
               last[1].hpa == last->hpa + last->size)
            last++;
        *contiguous = last->gpa + last->size - gpa;
    }
    return phys_to_virt(slot->hpa + offset);
}

bool memslot_is_ram(const struct memslots *s, gpa_t gpa, uint64_t len)
{
    const struct memslot *slot;

    if (len == 0)
        return true;
    for (slot = memslot_find(s, gpa); slot != NULL; slot = memslot_find(s, gpa)) {
        uint64_t here = slot->gpa + slot->size - gpa;

        if (here >= len)
            return true;
        len -= here;
        gpa += here;
    }
    return false;
}

/* Copies from buf_in to guest RAM or, if buf_in is NULL, from guest RAM to buf_out. */
static uint64_t memslot_copy(const struct memslots *s, gpa_t gpa, const uint8_t *buf_in,
                             uint8_t *buf_out, uint64_t len)
{
    uint64_t done = 0;

    while (done < len) {
        uint64_t here;
        uint8_t *ram = memslot_map(s, gpa + done, &here);

        if (ram == NULL)
            break;
        here = MIN(here, len - done);
        if (buf_in != NULL)
            bulk_copy(ram, buf_in + done, here);
        else
            bulk_copy(buf_out + done, ram, here);
        done += here;
    }
    return done;
}

uint64_t memslot_read(const struct memslots *s, gpa_t gpa, void *buf, uint64_t len)
{
    return memslot_copy(s, gpa, NULL, buf, len);
}

uint64_t memslot_write(const struct memslots *s, gpa_t gpa, const void *buf, uint64_t len)
{
    return memslot_copy(s, gpa, buf, NULL, len);
}

/* Removes and frees the slots in [gpa, end), each of which is a block of the page allocator. */
static void memslot_free_range(struct memslots *s, gpa_t gpa, gpa_t end)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        const struct memslot slot = s->slot[i];

        if (slot.gpa >= gpa && slot.gpa < end)
            page_free(slot.hpa, page_order(slot.size));
        else
            s->slot[kept++] = slot;
    }
    s->count = kept;
}

/*
 * Block sizes never increase, and gpa starts aligned to the largest. Each block's gpa is therefore
 * aligned to its size, and the G-stage can use pages as large as the block.
 */
int memslot_alloc_ram(struct memslots *s, gpa_t gpa, uint64_t size)
{
    unsigned order = PAGE_ORDER_MAX;
    uint64_t done = 0;
    int error;

    if (size == 0 || !is_aligned(size, PAGE_SIZE) ||
        !is_aligned(gpa, PAGE_SIZE << PAGE_ORDER_MAX) || gpa > UINT64_MAX - size)
        return -HV_EINVAL;
    while (done < size) {
        hpa_t hpa;

        while ((PAGE_SIZE << order) > size - done)
            order--;
        hpa = page_alloc(order);
        if (hpa == HPA_NONE) {
            error = -HV_ENOMEM;
            if (order == 0)
                goto fail;
            order--;
            continue;
        }
        error = memslot_add(s, gpa + done, hpa, PAGE_SIZE << order);
        if (error != 0) {
            page_free(hpa, order);
            goto fail;
        }
        done += PAGE_SIZE << order;
    }
    return 0;

fail:
    memslot_free_range(s, gpa, gpa + done);
    return error;
}

void memslot_free_ram(struct memslots *s)
{
    memslot_free_range(s, 0, UINT64_MAX);
}
