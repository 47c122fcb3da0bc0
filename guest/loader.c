/*
 * loader.c - puts a VM's kernel, initrd and device tree into its RAM and clears the rest, each byte
 * written once: clearing is the largest part of what starting a VM costs. No vcpu of the VM runs
 * meanwhile.
 *
 *   RAM base ... kernel ... | initrd, page aligned | device tree | RAM end
 */
#include <arch/bulk.h>
#include <hearth/entropy.h>
#include <hearth/errno.h>
#include <hearth/image.h>
#include <hearth/loader.h>
#include <hearth/mmio.h>
#include <hearth/page_alloc.h>
#include <hearth/vm.h>

#include <string.h>

#define FLAT_OFFSET  (2 * MIB)
#define RNG_SEED_LEN 32

/* Room for the device tree: each cpu node has two ISA strings of up to 2 KiB. */
#define FDT_ROOM_BASE (16 * KIB)
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

/* Device tree at the top of RAM, initrd below it, the kernel where it wants to be. */
static int plan_make(const struct vm *vm, struct plan *plan, struct loader_result *out,
                     uint64_t fdt_room, const char **why)
{
    const struct vm_config *c = &vm->config;
    struct image_piece piece = {.memory_size = fdt_room};
    struct image image;
    int err;

    *plan = (struct plan){.ram = BOARD_RAM_BASE, .ram_end = BOARD_RAM_BASE + c->memory};
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
    if (c->initrd_size > out->fdt - plan->ram)
        return fail(why, -HV_ENOSPC, "initrd: does not fit into the VM's memory");
    out->initrd = align_down(out->fdt - c->initrd_size, PAGE_SIZE);
    out->initrd_size = c->initrd_size;
    piece = (struct image_piece){.gpa = out->initrd,
                                 .memory_size = c->initrd_size,
                                 .data = c->initrd,
                                 .file_size = c->initrd_size};
    return plan_add(plan, &piece, why);
}

/* ---- carrying it out ---- */

/* Clears [from, to), whose slots may lie anywhere in host memory. */
static bool ram_clear(const struct memslots *slots, gpa_t from, gpa_t to)
{
    while (from < to) {
        uint64_t run, head, pages;
        uint8_t *p = memslot_map(slots, from, &run);

        if (p == NULL || run == 0)
            return false;
        run = MIN(run, to - from);
        from += run;
        head = MIN(run, align_up((uintptr_t)p, PAGE_SIZE) - (uintptr_t)p);
        memset(p, 0, head);
        pages = align_down(run - head, PAGE_SIZE);
        if (pages != 0)
            bulk_zero(p + head, pages);
        memset(p + head + pages, 0, run - head - pages);
    }
    return true;
}

static bool ram_copy(const struct memslots *slots, gpa_t to, const uint8_t *data, uint64_t size)
{
    while (size > 0) {
        uint64_t run;
        void *p = memslot_map(slots, to, &run);

        if (p == NULL || run == 0)
            return false;
        run = MIN(run, size);
        bulk_copy(p, data, run);
        to += run;
        data += run;
        size -= run;
    }
    return true;
}

static bool plan_carry_out(const struct vm *vm, const struct plan *plan)
{
    gpa_t done = plan->ram;

    for (unsigned i = 0; i < plan->pieces; i++) {
        const struct image_piece *p = &plan->piece[i];

        if (!ram_clear(&vm->memslots, done, p->gpa) ||
            !ram_copy(&vm->memslots, p->gpa, p->data, p->file_size))
            return false;
        done = p->gpa + p->file_size;
    }
    return ram_clear(&vm->memslots, done, plan->ram_end);
}

static int write_fdt(const struct vm *vm, const struct loader_result *out, void *buf, uint64_t room,
                     const char **why)
{
    uint8_t seed[RNG_SEED_LEN];
    int size;

    entropy_get(seed, sizeof(seed));
    size = guest_fdt_write(vm, out->initrd, out->initrd_size, seed, buf, room);
    memset(seed, 0, sizeof(seed));
    if (size < 0)
        return fail(why, size, "the device tree is larger than the room for it");
    if (memslot_write(&vm->memslots, out->fdt, buf, (uint64_t)size) != (uint64_t)size)
        return fail(why, -HV_EINVAL, "the device tree's place is not RAM");
    return 0;
}

int loader_load(struct vm *vm, struct loader_result *out, const char **why)
{
    uint64_t fdt_room = align_up(FDT_ROOM_BASE + vm->config.vcpus * FDT_ROOM_VCPU, PAGE_SIZE);
    unsigned order = page_order(fdt_room);
    struct plan plan;
    void *buf;
    int err;

    memset(out, 0, sizeof(*out));
    err = plan_make(vm, &plan, out, fdt_room, why);
    if (err)
        return err;
    /* The tree is written aside: RAM at its place need not be contiguous. */
    buf = page_alloc_zeroed(order);
    if (buf == NULL)
        return fail(why, -HV_ENOMEM, "no memory left to write the device tree");
    if (plan_carry_out(vm, &plan))
        err = write_fdt(vm, out, buf, fdt_room, why);
    else
        err = fail(why, -HV_EINVAL, "the VM's memory has holes");
    page_free_virt(buf, order);
    return err;
}
