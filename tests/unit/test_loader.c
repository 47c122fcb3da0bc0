/* SPDX-License-Identifier: Apache-2.0 */
/* test_loader.c - guest/loader.c and image.c: the addresses of images, zeroed RAM, and damaged
 * images. */
#include "damage.h"

#include <hearth/platform/entropy.h>
#include <hearth/lib/errno.h>
#include <hearth/guest/image.h>
#include <hearth/arch/isa.h>
#include <hearth/guest/loader.h>
#include <hearth/guest/board.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/platform/platform.h>
#include <hearth/kernel/timer.h>
#include <hearth/core/vm.h>

#include "fakes/fake.h"

#define RAM      VM_RAM_BASE
#define RAM_SIZE (16 * MIB)

const struct vm_device *board_devices(const struct vm *vm, unsigned *count)
{
    (void)vm;
    *count = 0;
    return NULL;
}

const struct vm_device *board_console(const struct vm *vm)
{
    (void)vm;
    return NULL;
}

const struct vm_component *const vm_components[] = {NULL};

struct platform host_platform = {.timebase_hz = 10000000};
struct host_isa host_isa = {
    .guest_isa = "rv64imac", .guest_extensions = "i\0m\0a\0c", .guest_extensions_len = 8};

static struct vm vm;
static struct loader_result result;
static const char *why;
static uint8_t kernel[3 * MIB + 123], initrd[100001];

uint64_t clock_read(void)
{
    return 1;
}

/* Fills RAM with 0xee. Its slots have these sizes (the rest in one), each elsewhere in host
 * memory. */
static void setup_ram(uint64_t size, const uint64_t *sizes, unsigned count)
{
    gpa_t gpa = RAM;
    hpa_t hpa = FAKE_RAM_BASE + GIB;

    memset(&vm.memslots, 0, sizeof(vm.memslots));
    for (unsigned i = 0; i <= count; i++) {
        uint64_t part = i < count ? sizes[i] : RAM + size - gpa;

        assert_int_equal(memslot_add(&vm.memslots, gpa, hpa, part), 0);
        memset(phys_to_virt(hpa - PAGE_SIZE), 0xee, part + 2 * PAGE_SIZE);
        gpa += part;
        hpa += part + 8 * PAGE_SIZE;
    }
}

static int setup(void **state)
{
    static uint8_t metadata[4 * MIB] __attribute__((aligned(4096)));
    uint64_t seed = 42;

    fake_reset(state);
    assert_true(page_alloc_metadata_size(FAKE_RAM_BASE, FAKE_RAM_BASE + 16 * MIB) <=
                sizeof(metadata));
    page_alloc_init(FAKE_RAM_BASE, FAKE_RAM_BASE + 16 * MIB, metadata);
    page_alloc_add(FAKE_RAM_BASE, 16 * MIB);
    for (size_t i = 0; i < sizeof(kernel); i++)
        kernel[i] = (uint8_t)(1 + damage_random(&seed) % 255);
    for (size_t i = 0; i < sizeof(initrd); i++)
        initrd[i] = (uint8_t)(1 + damage_random(&seed) % 255);
    memset(&vm, 0, sizeof(vm));
    vm.config = (struct vm_config){.vcpus = 2,
                                   .memory = RAM_SIZE,
                                   .kernel = kernel,
                                   .kernel_size = sizeof(kernel),
                                   .cmdline = "quiet"};
    setup_ram(RAM_SIZE, NULL, 0);
    return 0;
}

/* Loads in steps of odd sizes. */
static uint64_t step_size = 3 * MIB + 5;

static int load(void)
{
    uint64_t before = page_alloc_free_bytes();
    struct loader *loader;
    int err;

    why = NULL;
    err = loader_begin(&vm, &loader, &why);
    if (err == 0) {
        uint64_t steps = 0;

        do
            err = loader_step(loader, step_size, &result, &why);
        while (err == LOADER_MORE && ++steps <= vm.config.memory / step_size + 1);
        assert_int_not_equal(err, LOADER_MORE);
        loader_end(loader);
    } else {
        assert_null(loader);
    }
    assert_true(err == 0 || why != NULL);
    assert_int_equal(page_alloc_free_bytes(), before);
    return err;
}

static void expect_refused(const char *text)
{
    assert_true(load() < 0);
    if (strstr(why, text) == NULL)
        fail_msg("\"%s\", not \"%s\"", why, text);
}

/* Checks RAM: the device tree and initrd of loader_result, these segments, zeros elsewhere, and no
 * write outside of RAM. */
static void check_ram(const struct image_segment *segments, unsigned count)
{
    uint8_t *expected = calloc(1, vm.config.memory), *ram = malloc(vm.config.memory);
    uint64_t at = result.fdt - RAM, size;

    for (unsigned i = 0; i < count; i++)
        memcpy(expected + (segments[i].gpa - RAM), segments[i].data, segments[i].file_size);
    if (result.initrd_size != 0)
        memcpy(expected + (result.initrd - RAM), vm.config.initrd, vm.config.initrd_size);
    assert_int_equal(memslot_read(&vm.memslots, RAM, ram, vm.config.memory), vm.config.memory);
    assert_int_equal(fdt_check_full(ram + at, vm.config.memory - at), 0);
    size = fdt_totalsize(ram + at);
    memcpy(expected + at, ram + at, size);
    if (memcmp(expected, ram, vm.config.memory) != 0) {
        uint64_t i = 0;

        while (expected[i] == ram[i])
            i++;
        fail_msg("RAM differs at +0x%lx: %02x, not %02x", (unsigned long)i, ram[i], expected[i]);
    }
    for (uint32_t i = 0; i < vm.memslots.count; i++) {
        const uint8_t *p = phys_to_virt(vm.memslots.slot[i].hpa);

        assert_int_equal(p[-1], 0xee);
        assert_int_equal(p[vm.memslots.slot[i].size], 0xee);
    }
    free(expected);
    free(ram);
}

static void check_kernel_at(gpa_t gpa)
{
    struct image_segment segment = {
        .gpa = gpa, .data = vm.config.kernel, .file_size = vm.config.kernel_size};

    assert_int_equal(load(), 0);
    assert_int_equal(result.entry, gpa);
    check_ram(&segment, 1);
}

static void test_flat(void **state)
{
    (void)state;
    check_kernel_at(RAM + 2 * MIB);
    assert_int_equal(result.initrd_size, 0);
    vm.config.load = RAM;
    check_kernel_at(RAM);
    vm.config.load = RAM + 0x1234;
    vm.config.initrd = initrd;
    vm.config.initrd_size = sizeof(initrd);
    check_kernel_at(RAM + 0x1234);
    assert_int_equal(result.initrd_size, sizeof(initrd));
    assert_true(is_aligned(result.initrd, PAGE_SIZE));
    assert_true(is_aligned(result.fdt, 8));
    /* A second load, as at a restart, gives the same result. */
    check_kernel_at(RAM + 0x1234);
}

static void put(uint8_t *p, uint64_t value, unsigned size)
{
    memcpy(p, &value, size);
}

static void initrd_at(gpa_t gpa)
{
    assert_int_equal(load(), 0);
    assert_int_equal(result.initrd, gpa);
    assert_int_equal(result.initrd_size, vm.config.initrd_size);
}

/* Half of RAM above the kernel, as on QEMU's virt, or next to it if that is not free. */
static void test_initrd_place(void **state)
{
    const uint64_t half = RAM_SIZE / 2;
    uint8_t *large = calloc(1, RAM_SIZE);
    gpa_t top;

    (void)state;
    vm.config.initrd = initrd;
    vm.config.initrd_size = sizeof(initrd);
    initrd_at(RAM + 2 * MIB + half);
    top = result.fdt;
    vm.config.load = RAM + 0x1234;
    initrd_at(align_up(RAM + 0x1234 + half, PAGE_SIZE));
    /* Behind the kernel and its bss. */
    vm.config.load = 0;
    put(kernel + 8, 2 * MIB, 8);
    put(kernel + 16, half + 0x1001, 8);
    put(kernel + 24, 0, 8);
    memcpy(kernel + 56, "RSC\5", 4);
    initrd_at(RAM + 2 * MIB + half + 0x2000);
    /* Too large for that address: as high as it fits, down to the kernel's end. */
    vm.config.initrd = large;
    put(kernel + 16, sizeof(kernel), 8);
    vm.config.initrd_size = top - (RAM + 2 * MIB + half);
    initrd_at(RAM + 2 * MIB + half);
    vm.config.initrd_size++;
    initrd_at(RAM + 2 * MIB + half - PAGE_SIZE);
    vm.config.initrd_size = top - align_up(RAM + 2 * MIB + sizeof(kernel), PAGE_SIZE);
    initrd_at(align_up(RAM + 2 * MIB + sizeof(kernel), PAGE_SIZE));
    vm.config.initrd_size++;
    expect_refused("overlap");
    /* A kernel near the top of RAM: the initrd still fits, below it. */
    memset(kernel + 56, 1, 4);
    vm.config.initrd_size = 0x1000;
    vm.config.load = align_down(top - sizeof(kernel) - 0x1000, PAGE_SIZE);
    initrd_at(top - 0x1000);
    /* With much RAM: 512 MiB. */
    assert_int_equal(
        image_place_initrd(RAM + 2 * MIB, RAM + 9 * MIB, 4 * GIB, RAM + 4 * GIB, 12345),
        RAM + 514 * MIB);
    free(large);
}

/* An empty initrd is an initrd, too. */
static void test_empty_initrd(void **state)
{
    (void)state;
    vm.config.initrd = initrd;
    vm.config.initrd_size = 0;
    check_kernel_at(RAM + 2 * MIB);
    assert_int_equal(result.initrd, RAM + 2 * MIB + RAM_SIZE / 2);
    assert_int_equal(result.initrd_size, 0);
}

static void test_slots_anywhere(void **state)
{
    static const uint64_t sizes[] = {0x1000, 2 * MIB,  0x3000, MIB,
                                     0x1000, 11 * MIB, 0x1000, 0x2000};

    (void)state;
    setup_ram(RAM_SIZE, sizes, ARRAY_SIZE(sizes));
    vm.config.load = RAM + 0x1ff8;
    vm.config.initrd = initrd;
    vm.config.initrd_size = sizeof(initrd);
    check_kernel_at(RAM + 0x1ff8);
}

static void test_fills_exactly(void **state)
{
    uint64_t room;

    (void)state;
    assert_int_equal(load(), 0);
    room = result.fdt - RAM;
    vm.config.load = RAM + (room - sizeof(kernel));
    check_kernel_at(vm.config.load);
    vm.config.load++;
    expect_refused("overlap");
    vm.config.load = RAM + RAM_SIZE - sizeof(kernel) + 1;
    expect_refused("does not fit");
    vm.config.load = ~0ull - 10;
    expect_refused("does not fit");
    vm.config.load = RAM;
    vm.config.initrd = initrd;
    vm.config.initrd_size = room;
    expect_refused("overlap");
    vm.config.initrd_size = room + 1;
    expect_refused("initrd");
    vm.config.initrd_size = ~0ull;
    expect_refused("initrd");
    vm.config.kernel_size = ~0ull;
    expect_refused("does not fit");
}

/* A step that ends where a segment does: the RAM behind the last one is cleared all the same. */
static void test_steps_of_pages(void **state)
{
    (void)state;
    step_size = PAGE_SIZE;
    check_kernel_at(RAM + 2 * MIB);
    step_size = 3 * MIB + 5;
}

static void test_small_ram(void **state)
{
    (void)state;
    vm.config.memory = 2 * MIB;
    setup_ram(2 * MIB, NULL, 0);
    vm.config.kernel_size = 100;
    expect_refused("does not fit"); /* the default address is the end of RAM */
    vm.config.load = RAM + 0x1000;
    vm.config.vcpus = VCPUS_MAX;
    check_kernel_at(RAM + 0x1000);
}

static void test_no_memory_for_tree(void **state)
{
    static hpa_t blocks[8192];
    unsigned n = 0;

    (void)state;
    while ((blocks[n] = page_alloc(0)) != HPA_NONE)
        n++;
    assert_int_equal(load(), -HV_ENOMEM);
    expect_refused("no memory left to load it");
    /* With more and more of it: the loader's own comes first, then the tree's. */
    page_free(blocks[--n], 0);
    while (load() < 0 && strstr(why, "to load it") != NULL)
        page_free(blocks[--n], 0);
    expect_refused("no memory left to write the device tree");
    while (n > 0 && load() < 0) {
        assert_non_null(strstr(why, "to write the device tree"));
        page_free(blocks[--n], 0);
    }
    assert_true(n > 0);
    while (n-- > 0)
        page_free(blocks[n], 0);
}

static void test_ram_with_hole(void **state)
{
    (void)state;
    vm.config.memory += 16 * MIB; /* more than in the slots */
    expect_refused("holes");
    vm.config.load = RAM + RAM_SIZE - 0x1000; /* the kernel begins before the hole */
    expect_refused("holes");
    vm.config.load = RAM + RAM_SIZE;
    expect_refused("holes");
}

/* ---- Linux images ---- */

static void make_linux(uint64_t text_offset, uint64_t image_size, uint64_t flags)
{
    put(kernel + 8, text_offset, 8);
    put(kernel + 16, image_size, 8);
    put(kernel + 24, flags, 8);
    memcpy(kernel + 56, "RSC\5", 4);
}

static void test_linux(void **state)
{
    (void)state;
    make_linux(0x200000, 4 * MIB, 0);
    assert_int_equal(loader_image_kind(kernel, sizeof(kernel)), IMAGE_LINUX);
    assert_int_equal(loader_image_kind(kernel, 63), IMAGE_FLAT);
    assert_int_equal(loader_image_kind(kernel, 0), IMAGE_FLAT);
    check_kernel_at(RAM + 0x200000);
    vm.config.load = RAM + 0x200000;
    check_kernel_at(RAM + 0x200000);
    vm.config.load = RAM + 0x400000;
    expect_refused("load");
    vm.config.load = 0;
    make_linux(0, 0, 0); /* old header without a size */
    check_kernel_at(RAM);
    make_linux(0x400000, 100, 0); /* smaller than the file */
    check_kernel_at(RAM + 0x400000);
}

static void test_linux_refused(void **state)
{
    (void)state;
    make_linux(0x200000, RAM_SIZE, 0);
    expect_refused("text_offset and image_size");
    make_linux(0x200000, ~0ull, 0);
    expect_refused("text_offset and image_size");
    make_linux(~0ull - 0x1fffff, 4 * MIB, 0);
    expect_refused("text_offset and image_size");
    make_linux(0x8000000000000000, 4 * MIB, 0);
    expect_refused("text_offset and image_size");
    make_linux(0x201000, 4 * MIB, 0);
    expect_refused("2 MiB");
    make_linux(0x200000, 4 * MIB, 1);
    expect_refused("big-endian");
    /* The initrd must not lie in its bss. */
    make_linux(0x200000, RAM_SIZE - 2 * MIB, 0);
    expect_refused("overlap");
    make_linux(0x200000, RAM_SIZE - 2 * MIB - 0x18000, 0);
    vm.config.initrd = initrd;
    vm.config.initrd_size = sizeof(initrd);
    expect_refused("overlap");
    vm.config.initrd = NULL;
    check_kernel_at(RAM + 0x200000);
}

/* A compressed kernel is not run as a flat binary. */
static void test_compressed(void **state)
{
    static const struct {
        const char *bytes;
        unsigned len;
        const char *why;
    } heads[] = {
        {"\x1f\x8b\x08", 3, "gzip"},
        {"\xfd\x37zXZ\0", 6, "xz"},
        {"\x28\xb5\x2f\xfd", 4, "zstd"},
        {"\x02\x21\x4c\x18", 4, "lz4"},
        {"\x04\x22\x4d\x18", 4, "lz4"},
        {"BZh91AY&SY", 10, "bzip2"},
        {"MZ\0\0zimg", 8, "zboot"},
        {"\x5d\0\0\0\x04\xff\xff\xff\xff\xff\xff\xff\xff", 13, "lzma"},
        {"\x27\x05\x19\x56", 4, "U-Boot"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
        setup(state);
        memcpy(kernel, heads[i].bytes, heads[i].len);
        expect_refused(heads[i].why);
        vm.config.kernel_size = heads[i].len - 1; /* truncated: not recognised */
        assert_int_equal(load(), 0);
    }
}

/* ---- ELF ---- */

struct segment {
    uint64_t offset, vaddr, paddr, filesz, memsz;
};

static void make_elf(uint64_t entry, const struct segment *s, unsigned count)
{
    memset(kernel, 0, 64 + 56 * (size_t)count);
    memcpy(kernel, "\177ELF\2\1\1", 7);
    put(kernel + 16, 2, 2);
    put(kernel + 18, 243, 2);
    put(kernel + 24, entry, 8);
    put(kernel + 32, 64, 8); /* phoff */
    put(kernel + 54, 56, 2);
    put(kernel + 56, count, 2);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *p = kernel + 64 + 56 * (size_t)i;

        put(p, 1, 4);
        put(p + 8, s[i].offset, 8);
        put(p + 16, s[i].vaddr, 8);
        put(p + 24, s[i].paddr, 8);
        put(p + 32, s[i].filesz, 8);
        put(p + 40, s[i].memsz, 8);
    }
}

static void test_elf(void **state)
{
    /* Unordered segments, virtual addresses, bss, a segment without file contents, an empty
     * segment. */
    static const struct segment s[] = {
        {0x2000, 0xffffffff80400000, RAM + 0x400000, 0x1234, 0x10000},
        {0x1001, 0xffffffff80200000, RAM + 0x200003, 0xfff, 0x1000},
        {0, 0x5000, RAM + 0x300000, 0, 0x5000},
        {0, 0, 0, 0, 0},
    };
    struct image_segment segments[2] = {
        {.gpa = RAM + 0x400000, .data = kernel + 0x2000, .file_size = 0x1234},
        {.gpa = RAM + 0x200003, .data = kernel + 0x1001, .file_size = 0xfff},
    };

    (void)state;
    make_elf(0xffffffff80200010, s, 4);
    assert_int_equal(loader_image_kind(kernel, sizeof(kernel)), IMAGE_ELF);
    assert_int_equal(load(), -HV_EINVAL); /* 0x200003 + 0x10 is odd */
    assert_non_null(strstr(why, "odd"));
    make_elf(0xffffffff80200011, s, 4);
    assert_int_equal(load(), 0);
    assert_int_equal(result.entry, RAM + 0x200014);
    check_ram(segments, 2);
    make_elf(RAM + 0x200020, s, 4); /* physical entry */
    assert_int_equal(load(), 0);
    assert_int_equal(result.entry, RAM + 0x200020);
    make_elf(0xffffffff80400000, s, 4);
    vm.config.initrd = initrd;
    vm.config.initrd_size = sizeof(initrd);
    assert_int_equal(load(), 0);
    assert_int_equal(result.entry, RAM + 0x400000);
    check_ram(segments, 2);
}

static void bad_segment(struct segment s, const char *text)
{
    make_elf(s.vaddr, &s, 1);
    expect_refused(text);
}

static void test_elf_refused(void **state)
{
    static const struct segment two[] = {{0x1000, RAM, RAM, 0x100, 0x1001},
                                         {0x1000, RAM + 0x1000, RAM + 0x1000, 0x100, 0x100}};
    static struct segment many[IMAGE_SEGMENTS_MAX + 1];

    (void)state;
    bad_segment((struct segment){0x1000, RAM, RAM, 0x101, 0x100}, "outside the file");
    bad_segment((struct segment){sizeof(kernel) - 0xff, RAM, RAM, 0x100, 0x100},
                "outside the file");
    bad_segment((struct segment){~0ull - 0xf, RAM, RAM, 0x100, 0x100}, "outside the file");
    bad_segment((struct segment){~0ull, RAM, RAM, ~0ull, ~0ull}, "outside the file");
    bad_segment((struct segment){0x1000, RAM, RAM - 1, 0x100, 0x100}, "outside RAM");
    bad_segment((struct segment){0x1000, RAM, RAM + RAM_SIZE - 0xff, 0x100, 0x100}, "outside RAM");
    bad_segment((struct segment){0x1000, RAM, RAM, 0x100, ~0ull}, "outside RAM");
    bad_segment((struct segment){0x1000, RAM, ~0ull - 0x7f, 0x80, 0x100}, "outside RAM");
    bad_segment((struct segment){0x1000, RAM, RAM, 0x100, RAM_SIZE}, "overlap");
    make_elf(RAM, two, 2);
    expect_refused("overlap");
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = (struct segment){0x1000, RAM + i * 0x1000, RAM + i * 0x1000, 8, 8};
    make_elf(RAM, many, ARRAY_SIZE(many));
    expect_refused("more than 10");
    make_elf(RAM, many, IMAGE_SEGMENTS_MAX);
    assert_int_equal(load(), 0);
    make_elf(RAM + 8, many, 1);
    expect_refused("entry is in no segment");
    make_elf(RAM - 1, many, 1);
    expect_refused("entry is in no segment");
    make_elf(RAM, many, 0);
    expect_refused("wrong size or number");
    make_elf(RAM, many, 1);
    put(kernel + 54, 57, 2);
    expect_refused("wrong size or number");
    make_elf(RAM, many, 1);
    put(kernel + 32, sizeof(kernel) - 55, 8);
    expect_refused("headers outside");
    put(kernel + 32, ~0ull - 20, 8);
    expect_refused("headers outside");
    make_elf(RAM, many, 1);
    put(kernel + 18, 62, 2);
    expect_refused("RISC-V ELF");
    make_elf(RAM, many, 1);
    kernel[4] = 1;
    expect_refused("RISC-V ELF");
    make_elf(RAM, many, 1);
    put(kernel + 16, 1, 2);
    expect_refused("not executable");
    make_elf(RAM, many, 1);
    put(kernel + 64, 2, 4);
    expect_refused("nothing to load");
    vm.config.kernel_size = 63;
    expect_refused("shorter");
}

static void check_image(const void *data, size_t size)
{
    struct image image;
    const char *text = NULL;
    int err;

    if (loader_image_kind(data, size) == IMAGE_ELF)
        err = image_read_elf(data, size, RAM, RAM_SIZE, &image, &text);
    else if (loader_image_kind(data, size) == IMAGE_LINUX)
        err = image_read_linux(data, size, RAM, RAM_SIZE, &image, &text);
    else
        return;
    if (err) {
        assert_non_null(text);
        return;
    }
    assert_true(range_within(image.entry, 2, RAM, RAM_SIZE));
    assert_in_range(image.segments, 1, IMAGE_SEGMENTS_MAX);
    for (unsigned i = 0; i < image.segments; i++) {
        const struct image_segment *p = &image.segment[i];

        assert_true(p->file_size <= p->memory_size);
        assert_true(range_within(p->gpa, p->memory_size, RAM, RAM_SIZE));
        assert_true((uintptr_t)p->data >= (uintptr_t)data &&
                    (uintptr_t)p->data - (uintptr_t)data <= size - p->file_size);
    }
}

static void test_damage(void **state)
{
    static const struct segment s[] = {{0x200, RAM, RAM, 0x20, 0x100},
                                       {0x210, RAM + 0x1000, RAM + 0x1000, 0x30, 0x1000}};

    (void)state;
    make_elf(RAM, s, 2);
    damage_all(kernel, 0x240, 100000, check_image);
    setup(state);
    make_linux(0x200000, 4 * MIB, 0);
    damage_all(kernel, 100, 100000, check_image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_flat, setup),
        cmocka_unit_test_setup(test_initrd_place, setup),
        cmocka_unit_test_setup(test_empty_initrd, setup),
        cmocka_unit_test_setup(test_slots_anywhere, setup),
        cmocka_unit_test_setup(test_fills_exactly, setup),
        cmocka_unit_test_setup(test_steps_of_pages, setup),
        cmocka_unit_test_setup(test_small_ram, setup),
        cmocka_unit_test_setup(test_no_memory_for_tree, setup),
        cmocka_unit_test_setup(test_ram_with_hole, setup),
        cmocka_unit_test_setup(test_linux, setup),
        cmocka_unit_test_setup(test_linux_refused, setup),
        cmocka_unit_test_setup(test_compressed, setup),
        cmocka_unit_test_setup(test_elf, setup),
        cmocka_unit_test_setup(test_elf_refused, setup),
        cmocka_unit_test_setup(test_damage, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
