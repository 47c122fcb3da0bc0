/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader.c - writes a VM's kernel, initrd and device tree into its RAM and clears the rest. Each
 * byte is written once, because clearing is the largest part of a VM's start-up cost. The work is
 * done in steps, so that other vcpus can use the hart in between; no vcpu of the VM runs until it
 * is done.
 *
 *   RAM base ... kernel ... initrd, page aligned ... | device tree | RAM end
 */
#include <arch/bulk.h>
#include <hearth/platform/entropy.h>
#include <hearth/lib/errno.h>
#include <hearth/guest/image.h>
#include <hearth/guest/loader.h>
#include <hearth/guest/board.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vm.h>

#include <string.h>

#define FLAT_OFFSET  (2 * MIB)
#define RNG_SEED_LEN 32

/* Room for the device tree: each cpu node has two ISA strings of up to 2 KiB, and 4 KiB stay
 * free. */
#define FDT_ROOM_BASE (20 * KIB)
#define FDT_ROOM_VCPU (5 * KIB)

#define SEGMENTS_MAX (IMAGE_SEGMENTS_MAX + 2)

/* All segments to load, in ascending order. */
struct loader_plan {
    gpa_t ram, ram_end;
    unsigned segments;
    struct image_segment segment[SEGMENTS_MAX];
};

static int loader_fail(const char **why, int err, const char *text)
{
    *why = text;
    return err;
}

/* ---- planning ---- */

static int loader_plan_add(struct loader_plan *plan, const struct image_segment *segment,
                           const char **why)
{
    gpa_t end = segment->gpa + segment->memory_size;
    unsigned at = plan->segments;

    if (plan->segments == SEGMENTS_MAX ||
        !range_within(segment->gpa, segment->memory_size, plan->ram, plan->ram_end - plan->ram))
        return loader_fail(why, -HV_ENOSPC, "the images do not fit into the VM's memory");
    while (at > 0 && plan->segment[at - 1].gpa >= end)
        at--;
    if (at > 0 && plan->segment[at - 1].gpa + plan->segment[at - 1].memory_size > segment->gpa)
        return loader_fail(why, -HV_ENOSPC,
                           "kernel, initrd and device tree overlap in the VM's memory");
    memmove(&plan->segment[at + 1], &plan->segment[at],
            (plan->segments - at) * sizeof(plan->segment[0]));
    plan->segment[at] = *segment;
    plan->segments++;
    return 0;
}

static int loader_read_kernel(const struct vm_config *c, const struct loader_plan *plan,
                              struct image *image, const char **why)
{
    uint64_t ram_size = plan->ram_end - plan->ram;
    int err;

    switch (loader_image_kind(c->kernel, c->kernel_size)) {
    case IMAGE_ELF:
        err = image_read_elf(c->kernel, c->kernel_size, plan->ram, ram_size, image, why);
        break;
    case IMAGE_LINUX:
        err = image_read_linux(c->kernel, c->kernel_size, plan->ram, ram_size, image, why);
        break;
    default:
        *why = image_refusal(c->kernel, c->kernel_size);
        if (*why != NULL)
            return -HV_EINVAL;
        image->entry = c->load != 0 ? c->load : plan->ram + FLAT_OFFSET;
        image->segments = 1;
        image->segment[0] = (struct image_segment){.gpa = image->entry,
                                                   .memory_size = c->kernel_size,
                                                   .data = c->kernel,
                                                   .file_size = c->kernel_size};
        if (!range_within(image->entry, c->kernel_size, plan->ram, ram_size))
            return loader_fail(why, -HV_ENOSPC,
                               "kernel: does not fit into RAM at its load address");
        return 0;
    }
    /* The image would not run at another address than its own. */
    if (!err && c->load != 0 && c->load != image->segment[0].gpa)
        return loader_fail(why, -HV_EINVAL,
                           "load: differs from the address that the kernel image names");
    return err;
}

static int loader_plan_initrd(struct loader_plan *plan, const struct vm_config *c,
                              struct loader_result *out, const char **why)
{
    /* The last segment is the device tree: this is the one below it. */
    const struct image_segment *last = &plan->segment[plan->segments - 2];
    struct image_segment segment = {
        .memory_size = c->initrd_size, .data = c->initrd, .file_size = c->initrd_size};

    if (c->initrd_size > out->fdt - plan->ram)
        return loader_fail(why, -HV_ENOSPC, "initrd: does not fit into the VM's memory");
    segment.gpa = image_place_initrd(plan->segment[0].gpa, last->gpa + last->memory_size, c->memory,
                                     out->fdt, c->initrd_size);
    out->initrd = segment.gpa;
    out->initrd_size = c->initrd_size;
    return c->initrd_size == 0 ? 0 : loader_plan_add(plan, &segment, why);
}

/* The device tree goes to the top of RAM, the kernel to the address that it asks for. */
static int loader_plan_make(const struct vm *vm, struct loader_plan *plan,
                            struct loader_result *out, uint64_t fdt_room, const char **why)
{
    const struct vm_config *c = &vm->config;
    struct image_segment segment = {.memory_size = fdt_room};
    struct image image;
    int err;

    *plan = (struct loader_plan){.ram = VM_RAM_BASE, .ram_end = VM_RAM_BASE + c->memory};
    err = loader_read_kernel(c, plan, &image, why);
    if (err)
        return err;
    for (unsigned i = 0; i < image.segments; i++) {
        err = loader_plan_add(plan, &image.segment[i], why);
        if (err)
            return err;
    }
    out->entry = image.entry;

    if (fdt_room > c->memory)
        return loader_fail(why, -HV_ENOSPC, "no room for the device tree");
    out->fdt = segment.gpa = plan->ram_end - fdt_room;
    err = loader_plan_add(plan, &segment, why);
    if (err || c->initrd == NULL)
        return err;
    return loader_plan_initrd(plan, c, out, why);
}

/* ---- execution ---- */

struct loader {
    const struct vm *vm;
    struct loader_plan plan;
    struct loader_result result;
    unsigned segment; /* index of the next segment to complete; plan.segments: all are complete */
    gpa_t done;       /* RAM below this address has its final contents */
    void *tree;       /* built in a buffer: the RAM at its destination may not be contiguous */
    unsigned tree_order;
    uint64_t tree_room;
};

/* Clears at most `most` bytes from the start of [from, to); its slots may lie anywhere in host
 * memory. Returns the number of bytes cleared; 0: no RAM there. */
static uint64_t loader_clear(const struct memslots *slots, gpa_t from, gpa_t to, uint64_t most)
{
    uint64_t run, head, pages;
    uint8_t *p = memslot_map(slots, from, &run);

    if (p == NULL)
        return 0;
    run = MIN(MIN(run, to - from), most);
    head = MIN(run, align_up((uintptr_t)p, PAGE_SIZE) - (uintptr_t)p);
    memset(p, 0, head);
    pages = align_down(run - head, PAGE_SIZE);
    if (pages != 0)
        bulk_zero(p + head, pages);
    memset(p + head + pages, 0, run - head - pages);
    return run;
}

/* Copies at most `most` bytes of data; result as above. */
static uint64_t loader_copy(const struct memslots *slots, gpa_t to, const uint8_t *data,
                            uint64_t size, uint64_t most)
{
    uint64_t run;
    void *p = memslot_map(slots, to, &run);

    if (p == NULL)
        return 0;
    run = MIN(MIN(run, size), most);
    bulk_copy(p, data, run);
    return run;
}

/* Fills the next bytes of RAM, at most `most`: the gap before the segment, then the segment's file
 * contents. The segment's remaining memory counts as part of the next gap. Returns the number of
 * bytes; 0: no RAM there. */
static uint64_t loader_fill(struct loader *l, uint64_t most)
{
    const struct memslots *slots = &l->vm->memslots;
    const struct image_segment *p;
    uint64_t here;

    if (l->segment == l->plan.segments)
        return loader_clear(slots, l->done, l->plan.ram_end, most);
    p = &l->plan.segment[l->segment];
    if (l->done < p->gpa)
        return loader_clear(slots, l->done, p->gpa, most);
    here = l->done - p->gpa;
    return loader_copy(slots, l->done, (const uint8_t *)p->data + here, p->file_size - here, most);
}

static bool loader_segment_done(const struct loader *l)
{
    const struct image_segment *p = &l->plan.segment[l->segment];

    return l->segment < l->plan.segments && l->done == p->gpa + p->file_size;
}

static int loader_write_fdt(struct loader *l, const char **why)
{
    uint8_t seed[RNG_SEED_LEN];
    int size;

    entropy_get(seed, sizeof(seed));
    size = guest_fdt_write(l->vm, l->result.initrd, l->result.initrd_size, seed, l->tree,
                           l->tree_room);
    memset(seed, 0, sizeof(seed));
    if (size < 0)
        return loader_fail(why, size, "the device tree is larger than the room for it");
    if (memslot_write(&l->vm->memslots, l->result.fdt, l->tree, (uint64_t)size) != (uint64_t)size)
        return loader_fail(why, -HV_EINVAL, "the device tree's place is not RAM");
    return 0;
}

int loader_begin(const struct vm *vm, struct loader **loader, const char **why)
{
    struct loader *l = page_alloc_zeroed(page_order(sizeof(*l)));
    int err;

    *loader = NULL;
    if (l == NULL)
        return loader_fail(why, -HV_ENOMEM, "no memory left to load it");
    l->vm = vm;
    l->tree_room = align_up(FDT_ROOM_BASE + vm->config.vcpus * FDT_ROOM_VCPU, PAGE_SIZE);
    l->tree_order = page_order(l->tree_room);
    err = loader_plan_make(vm, &l->plan, &l->result, l->tree_room, why);
    if (!err) {
        l->tree = page_alloc_zeroed(l->tree_order);
        if (l->tree == NULL)
            err = loader_fail(why, -HV_ENOMEM, "no memory left to write the device tree");
    }
    if (err) {
        loader_end(l);
        return err;
    }
    l->done = l->plan.ram;
    *loader = l;
    return 0;
}

int loader_step(struct loader *l, uint64_t most, struct loader_result *out, const char **why)
{
    int err;

    while (most > 0 && (l->done < l->plan.ram_end || l->segment < l->plan.segments)) {
        uint64_t n;

        if (loader_segment_done(l)) {
            l->segment++;
            continue;
        }
        n = loader_fill(l, most);
        if (n == 0)
            return loader_fail(why, -HV_EINVAL, "the VM's memory has holes");
        l->done += n;
        most -= n;
    }
    if (l->done < l->plan.ram_end)
        return LOADER_MORE;
    err = loader_write_fdt(l, why);
    *out = l->result;
    return err;
}

void loader_end(struct loader *l)
{
    if (l->tree != NULL)
        page_free_virt(l->tree, l->tree_order);
    page_free_virt(l, page_order(sizeof(*l)));
}
