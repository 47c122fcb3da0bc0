/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader.c - puts a VM's kernel, initrd and device tree into its RAM and clears the rest, each byte
 * written once: clearing is the largest part of what starting a VM costs. It is done in steps,
 * between which others have the hart; no vcpu of the VM runs meanwhile.
 *
 *   RAM base ... kernel ... initrd, page aligned ... | device tree | RAM end
 */
#include <arch/bulk.h>
#include <hearth/platform/entropy.h>
#include <hearth/lib/errno.h>
#include <hearth/guest/image.h>
#include <hearth/guest/loader.h>
#include <hearth/guest/mmio.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vm.h>

#include <string.h>

#define FLAT_OFFSET  (2 * MIB)
#define RNG_SEED_LEN 32

/* Room for the device tree: each cpu node has two ISA strings of up to 2 KiB; 4 KiB stay free. */
#define FDT_ROOM_BASE (20 * KIB)
#define FDT_ROOM_VCPU (5 * KIB)

#define PIECES_MAX (IMAGE_PIECES_MAX + 2)

/* All that goes into RAM, in ascending order. */
struct plan {
    gpa_t ram, ram_end;
    unsigned pieces;
    struct image_piece piece[PIECES_MAX];
};

static int fail(const char **why, int err, const char *text)
{
    *why = text;
    return err;
}

/* ---- planning ---- */

static int plan_add(struct plan *plan, const struct image_piece *piece, const char **why)
{
    gpa_t end = piece->gpa + piece->memory_size;
    unsigned at = plan->pieces;

    if (plan->pieces == PIECES_MAX ||
        !range_within(piece->gpa, piece->memory_size, plan->ram, plan->ram_end - plan->ram))
        return fail(why, -HV_ENOSPC, "the images do not fit into the VM's memory");
    while (at > 0 && plan->piece[at - 1].gpa >= end)
        at--;
    if (at > 0 && plan->piece[at - 1].gpa + plan->piece[at - 1].memory_size > piece->gpa)
        return fail(why, -HV_ENOSPC, "kernel, initrd and device tree overlap in the VM's memory");
    memmove(&plan->piece[at + 1], &plan->piece[at], (plan->pieces - at) * sizeof(plan->piece[0]));
    plan->piece[at] = *piece;
    plan->pieces++;
    return 0;
}

static int read_kernel(const struct vm_config *c, const struct plan *plan, struct image *image,
                       const char **why)
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
        image->pieces = 1;
        image->piece[0] = (struct image_piece){.gpa = image->entry,
                                               .memory_size = c->kernel_size,
                                               .data = c->kernel,
                                               .file_size = c->kernel_size};
        if (!range_within(image->entry, c->kernel_size, plan->ram, ram_size))
            return fail(why, -HV_ENOSPC, "kernel: does not fit into RAM at its load address");
        return 0;
    }
    /* Elsewhere than where the image says it belongs, it would not run. */
    if (!err && c->load != 0 && c->load != image->piece[0].gpa)
        return fail(why, -HV_EINVAL, "load: differs from the address that the kernel image names");
    return err;
}

static int plan_initrd(struct plan *plan, const struct vm_config *c, struct loader_result *out,
                       const char **why)
{
    const struct image_piece *last = &plan->piece[plan->pieces - 2]; /* below the device tree */
    struct image_piece piece = {
        .memory_size = c->initrd_size, .data = c->initrd, .file_size = c->initrd_size};

    if (c->initrd_size > out->fdt - plan->ram)
        return fail(why, -HV_ENOSPC, "initrd: does not fit into the VM's memory");
    piece.gpa = image_place_initrd(plan->piece[0].gpa, last->gpa + last->memory_size, c->memory,
                                   out->fdt, c->initrd_size);
    out->initrd = piece.gpa;
    out->initrd_size = c->initrd_size;
    return c->initrd_size == 0 ? 0 : plan_add(plan, &piece, why);
}

/* Device tree at the top of RAM, the kernel where it wants to be. */
static int plan_make(const struct vm *vm, struct plan *plan, struct loader_result *out,
                     uint64_t fdt_room, const char **why)
{
    const struct vm_config *c = &vm->config;
    struct image_piece piece = {.memory_size = fdt_room};
    struct image image;
    int err;

    *plan = (struct plan){.ram = VM_RAM_BASE, .ram_end = VM_RAM_BASE + c->memory};
    err = read_kernel(c, plan, &image, why);
    if (err)
        return err;
    for (unsigned i = 0; i < image.pieces; i++) {
        err = plan_add(plan, &image.piece[i], why);
        if (err)
            return err;
    }
    out->entry = image.entry;

    if (fdt_room > c->memory)
        return fail(why, -HV_ENOSPC, "no room for the device tree");
    out->fdt = piece.gpa = plan->ram_end - fdt_room;
    err = plan_add(plan, &piece, why);
    if (err || c->initrd == NULL)
        return err;
    return plan_initrd(plan, c, out, why);
}

/* ---- carrying it out ---- */

struct loader {
    const struct vm *vm;
    struct plan plan;
    struct loader_result result;
    unsigned piece; /* the one being put in; plan.pieces: what is left is behind the last */
    gpa_t done;     /* RAM below this is as it should be */
    void *tree;     /* written aside: RAM at its place need not be contiguous */
    unsigned tree_order;
    uint64_t tree_room;
};

/* Clears from [from, to) at most `most` bytes, whose slots may lie anywhere in host memory. Bytes
 * done; 0: no RAM there. */
static uint64_t ram_clear(const struct memslots *slots, gpa_t from, gpa_t to, uint64_t most)
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

/* The same, with data to copy. */
static uint64_t ram_copy(const struct memslots *slots, gpa_t to, const uint8_t *data, uint64_t size,
                         uint64_t most)
{
    uint64_t run;
    void *p = memslot_map(slots, to, &run);

    if (p == NULL)
        return 0;
    run = MIN(MIN(run, size), most);
    bulk_copy(p, data, run);
    return run;
}

/* The next bytes of RAM, at most `most`: the gap before the piece, then what the image has of it;
 * the rest of its memory belongs to the gap behind it. 0: no RAM there. */
static uint64_t carry_out(struct loader *l, uint64_t most)
{
    const struct memslots *slots = &l->vm->memslots;
    const struct image_piece *p;
    uint64_t here;

    if (l->piece == l->plan.pieces)
        return ram_clear(slots, l->done, l->plan.ram_end, most);
    p = &l->plan.piece[l->piece];
    if (l->done < p->gpa)
        return ram_clear(slots, l->done, p->gpa, most);
    here = l->done - p->gpa;
    return ram_copy(slots, l->done, (const uint8_t *)p->data + here, p->file_size - here, most);
}

static bool piece_done(const struct loader *l)
{
    const struct image_piece *p = &l->plan.piece[l->piece];

    return l->piece < l->plan.pieces && l->done == p->gpa + p->file_size;
}

static int write_fdt(struct loader *l, const char **why)
{
    uint8_t seed[RNG_SEED_LEN];
    int size;

    entropy_get(seed, sizeof(seed));
    size = guest_fdt_write(l->vm, l->result.initrd, l->result.initrd_size, seed, l->tree,
                           l->tree_room);
    memset(seed, 0, sizeof(seed));
    if (size < 0)
        return fail(why, size, "the device tree is larger than the room for it");
    if (memslot_write(&l->vm->memslots, l->result.fdt, l->tree, (uint64_t)size) != (uint64_t)size)
        return fail(why, -HV_EINVAL, "the device tree's place is not RAM");
    return 0;
}

int loader_begin(const struct vm *vm, struct loader **loader, const char **why)
{
    struct loader *l = page_alloc_zeroed(page_order(sizeof(*l)));
    int err;

    *loader = NULL;
    if (l == NULL)
        return fail(why, -HV_ENOMEM, "no memory left to load it");
    l->vm = vm;
    l->tree_room = align_up(FDT_ROOM_BASE + vm->config.vcpus * FDT_ROOM_VCPU, PAGE_SIZE);
    l->tree_order = page_order(l->tree_room);
    err = plan_make(vm, &l->plan, &l->result, l->tree_room, why);
    if (!err) {
        l->tree = page_alloc_zeroed(l->tree_order);
        if (l->tree == NULL)
            err = fail(why, -HV_ENOMEM, "no memory left to write the device tree");
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

    while (most > 0 && (l->done < l->plan.ram_end || l->piece < l->plan.pieces)) {
        uint64_t n;

        if (piece_done(l)) {
            l->piece++;
            continue;
        }
        n = carry_out(l, most);
        if (n == 0)
            return fail(why, -HV_EINVAL, "the VM's memory has holes");
        l->done += n;
        most -= n;
    }
    if (l->done < l->plan.ram_end)
        return LOADER_MORE;
    err = write_fdt(l, why);
    *out = l->result;
    return err;
}

void loader_end(struct loader *l)
{
    if (l->tree != NULL)
        page_free_virt(l->tree, l->tree_order);
    page_free_virt(l, page_order(sizeof(*l)));
}
