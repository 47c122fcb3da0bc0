/* SPDX-License-Identifier: Apache-2.0 */
/* test_platform.c - platform/platform.c and platform_dev.c on QEMU's own trees (tests/unit/data,
 * dumped from qemu-system-riscv64 10.0) and on damaged and edited ones. */
#include "damage.h"

#include <hearth/lib/errno.h>
#include <hearth/platform/platform.h>

#define ROOM (128 * 1024)

static struct platform p;
static const char *why;
static uint64_t boot_hart;

static int read_tree(const void *fdt)
{
    size_t size;
    void *copy = packed_copy(fdt, &size);
    int err;

    why = NULL;
    err = platform_read(copy, size, boot_hart, &p, &why);
    assert_true(err == 0 || why != NULL);
    assert_true(err != 0 || p.fdt == copy);
    free(copy);
    return err;
}

static void set_cells(void *fdt, const char *path, const char *name, const uint32_t *v, unsigned n)
{
    fdt32_t cells[32];
    int node = fdt_path_offset(fdt, path);

    assert_true(node >= 0);
    for (unsigned i = 0; i < n; i++)
        cells[i] = cpu_to_fdt32(v[i]);
    assert_int_equal(fdt_setprop(fdt, node, name, cells, (int)(4 * n)), 0);
}
#define SET(fdt, path, name, ...)                                                                  \
    set_cells(fdt, path, name, (const uint32_t[]){__VA_ARGS__},                                    \
              sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void set_string(void *fdt, const char *path, const char *name, const char *v)
{
    assert_int_equal(fdt_setprop(fdt, fdt_path_offset(fdt, path), name, v, (int)strlen(v) + 1), 0);
}

static void drop(void *fdt, const char *path, const char *name)
{
    assert_int_equal(fdt_delprop(fdt, fdt_path_offset(fdt, path), name), 0);
}

static void add_node(void *fdt, const char *parent, const char *name)
{
    assert_true(fdt_add_subnode(fdt, fdt_path_offset(fdt, parent), name) >= 0);
}

static void expect_refused(void *fdt, const char *text)
{
    assert_int_equal(read_tree(fdt), -HV_EINVAL);
    if (strstr(why, text) == NULL)
        fail_msg("refused with \"%s\", not \"%s\"", why, text);
    free(fdt);
}

/* ---- QEMU's ---- */

static void test_plain(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.harts, 1);
    assert_int_equal(p.hart[0].hartid, 0);
    assert_int_equal(p.timebase_hz, 10000000);
    assert_int_equal(p.mem_count, 1);
    assert_int_equal(p.mem[0].base, 0x80000000);
    assert_int_equal(p.mem[0].size, 128 * MIB);
    assert_int_equal(p.reserved_count, 0);
    assert_int_equal(p.initrd_size, 0);
    assert_int_equal(p.uart.kind, UART_NS16550);
    assert_int_equal(p.uart.base, 0x10000000);
    assert_int_equal(p.uart.size, 0x100);
    assert_int_equal(p.uart.reg_shift, 0);
    assert_int_equal(p.uart.reg_io_width, 1);
    assert_int_equal(p.uart.irq, 10);
    assert_int_equal(p.intc.kind, INTC_PLIC);
    assert_int_equal(p.intc.base, 0xc000000);
    assert_int_equal(p.intc.size, 0x600000);
    assert_int_equal(p.intc.sources, 95);
    assert_int_equal(p.intc.context[0], 1);
    assert_int_equal(p.intc.context[1], -1);
    assert_int_equal(p.test_finisher.base, 0x100000);
    assert_int_equal(p.rtc_base, 0x101000);
    free(fdt);
}

/* For each hart, the pair of the node's interrupts-extended that is its cause 9. */
static void check_contexts(const void *fdt, const char *path)
{
    int len;
    const fdt32_t *pair = fdt_getprop(fdt, fdt_path_offset(fdt, path), "interrupts-extended", &len);

    assert_non_null(pair);
    for (uint32_t i = 0; i < p.harts; i++) {
        int32_t c = p.intc.context[i];

        assert_in_range(c, 0, len / 8 - 1);
        assert_int_equal(fdt32_to_cpu(pair[2 * c]), p.hart[i].intc);
        assert_int_equal(fdt32_to_cpu(pair[2 * c + 1]), 9);
    }
}

static void test_smp8(void **state)
{
    void *fdt = data_dtb("qemu-max", ROOM);
    uint64_t seen = 0;

    (void)state;
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.harts, 8);
    for (unsigned i = 0; i < 8; i++)
        seen |= BIT(p.hart[i].hartid);
    assert_int_equal(seen, 0xff);
    check_contexts(fdt, "/soc/plic@c000000");
    free(fdt);
}

static void test_aplic(void **state)
{
    void *fdt = data_dtb("qemu-aplic", ROOM);

    (void)state;
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.harts, 2);
    assert_int_equal(p.intc.kind, INTC_APLIC_DIRECT);
    assert_int_equal(p.intc.base, 0xd000000);
    assert_int_equal(p.intc.sources, 96);
    assert_int_equal(p.uart.irq, 10);
    assert_int_equal(p.intc.context[0] + p.intc.context[1], 1);
    free(fdt);
}

static void test_imsic(void **state)
{
    void *fdt = data_dtb("qemu-imsic", ROOM);

    (void)state;
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.harts, 4);
    assert_int_equal(p.intc.kind, INTC_APLIC_MSI);
    assert_int_equal(p.intc.base, 0xd000000);
    assert_int_equal(p.intc.imsic_base, 0x28000000);
    assert_int_equal(p.intc.imsic_ids, 255);
    assert_int_equal(p.intc.imsic_guest_bits, 2);
    assert_int_equal(p.uart.irq, 10);
    check_contexts(fdt, "/soc/interrupt-controller@28000000");
    free(fdt);
}

static void test_numa(void **state)
{
    void *fdt = data_dtb("qemu-numa", ROOM);
    unsigned with = 0;

    (void)state;
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.mem_count, 1); /* two nodes that touch */
    assert_int_equal(p.mem[0].size, 512 * MIB);
    assert_int_equal(p.harts, 4);
    assert_int_equal(p.intc.base, 0xc000000); /* the UART's */
    assert_int_equal(p.uart.irq, 10);
    for (unsigned i = 0; i < HARTS_MAX; i++)
        with += p.intc.context[i] >= 0;
    assert_int_equal(with, 2);
    free(fdt);
}

/* ---- memory ---- */

static void test_memory(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    /* Unsorted, touching, overlapping, empty. */
    SET(fdt, "/memory@80000000", "reg", 1, 0, 0, 0x1000, 0, 0x80000000, 0, 0x2000, 0, 0x80002000, 0,
        0x1000, 0, 0x80002800, 0, 0x1000, 0, 0x5000, 0, 0);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.mem_count, 2);
    assert_int_equal(p.mem[0].base, 0x80000000);
    assert_int_equal(p.mem[0].size, 0x3800);
    assert_int_equal(p.mem[1].base, 0x100000000);
    /* One that joins them all. */
    SET(fdt, "/memory@80000000", "reg", 0, 0x1000, 0, 0x1000, 0, 0x4000, 0, 0x1000, 0, 0x8000, 0,
        0x1000, 0, 0x1800, 0, 0x7000);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.mem_count, 1);
    assert_int_equal(p.mem[0].base, 0x1000);
    assert_int_equal(p.mem[0].size, 0x8000);
    free(fdt);
}

static void test_memory_table_full(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    for (unsigned i = 0; i < PLATFORM_MEM_MAX + 4; i++) {
        char name[32], path[40];

        snprintf(name, sizeof(name), "memory@%x", 0x100000 * (i + 1));
        snprintf(path, sizeof(path), "/%s", name);
        add_node(fdt, "/", name);
        set_string(fdt, path, "device_type", "memory");
        SET(fdt, path, "reg", 0, 0x100000 * (i + 1), 0, 0x1000);
    }
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.mem_count, PLATFORM_MEM_MAX);
    for (unsigned i = 1; i < p.mem_count; i++)
        assert_true(p.mem[i - 1].base + p.mem[i - 1].size < p.mem[i].base);
    free(fdt);
}

static void test_memory_refused(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    SET(fdt, "/memory@80000000", "reg", 0xffffffff, 0xfffff000, 0, 0x2000);
    expect_refused(fdt, "memory range wraps");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/memory@80000000", "reg", 0x01000000, 0, 0, 0x1000); /* above 56 bits */
    expect_refused(fdt, "memory range wraps");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/memory@80000000", "reg", 0, 0x80000000, 0);
    expect_refused(fdt, "wrong size");
    fdt = data_dtb("qemu-plain", ROOM);
    drop(fdt, "/memory@80000000", "reg");
    expect_refused(fdt, "wrong size");
    fdt = data_dtb("qemu-plain", ROOM);
    drop(fdt, "/memory@80000000", "device_type");
    expect_refused(fdt, "no memory");
    fdt = data_dtb("qemu-plain", ROOM);
    set_string(fdt, "/memory@80000000", "status", "disabled");
    expect_refused(fdt, "no memory");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/", "#address-cells", 0xffffffff);
    expect_refused(fdt, "memory");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/", "#address-cells", 3);
    SET(fdt, "/memory@80000000", "reg", 0, 0, 0, 0, 1);
    expect_refused(fdt, "cells");
}

static void add_reserved(void *fdt, const char *name)
{
    if (fdt_path_offset(fdt, "/reserved-memory") < 0) {
        add_node(fdt, "/", "reserved-memory");
        SET(fdt, "/reserved-memory", "#address-cells", 2);
        SET(fdt, "/reserved-memory", "#size-cells", 2);
        assert_int_equal(fdt_setprop_empty(fdt, fdt_path_offset(fdt, "/reserved-memory"), "ranges"),
                         0);
    }
    add_node(fdt, "/reserved-memory", name);
}

static void test_reserved(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    add_reserved(fdt, "mmode@80000000");
    SET(fdt, "/reserved-memory/mmode@80000000", "reg", 0, 0x80000000, 0, 0x40000, 0, 0x90000000, 0,
        0x1000);
    add_reserved(fdt, "wish");
    SET(fdt, "/reserved-memory/wish", "size", 0, 0x1000);
    assert_int_equal(fdt_add_mem_rsv(fdt, 0x80030000, 0x20000), 0);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.reserved_count, 2);
    assert_int_equal(p.reserved[0].base, 0x80000000);
    assert_int_equal(p.reserved[0].size, 0x50000);
    assert_int_equal(p.reserved[1].base, 0x90000000);

    drop(fdt, "/reserved-memory", "ranges");
    expect_refused(fdt, "malformed reg");
    fdt = data_dtb("qemu-plain", ROOM);
    add_reserved(fdt, "r@0");
    SET(fdt, "/reserved-memory/r@0", "reg", 0, 0x80000000, 0xffffffff, 0xffffffff);
    expect_refused(fdt, "malformed reg");
    fdt = data_dtb("qemu-plain", ROOM);
    assert_int_equal(fdt_add_mem_rsv(fdt, ~0ull - 0xfff, 0x2000), 0);
    expect_refused(fdt, "wraps");
    fdt = data_dtb("qemu-plain", ROOM);
    for (unsigned i = 0; i <= PLATFORM_RESERVED_MAX; i++)
        assert_int_equal(fdt_add_mem_rsv(fdt, 0x80000000 + i * 0x2000, 0x1000), 0);
    expect_refused(fdt, "more reserved");
}

/* ---- harts ---- */

static void test_cpus(void **state)
{
    void *fdt = data_dtb("qemu-max", ROOM);

    (void)state;
    set_string(fdt, "/cpus/cpu@0", "status", "disabled");
    set_string(fdt, "/cpus/cpu@3", "status", "fail");
    drop(fdt, "/cpus/cpu@5", "device_type");
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.harts, 5);
    for (unsigned i = 0; i < p.harts; i++)
        assert_true(p.hart[i].hartid != 0 && p.hart[i].hartid != 3 && p.hart[i].hartid != 5);
    check_contexts(fdt, "/soc/plic@c000000");
    /* 64-bit reg and timebase, the latter per hart. */
    free(fdt);
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/cpus", "#address-cells", 2);
    SET(fdt, "/cpus/cpu@0", "reg", 0x12, 0x34);
    drop(fdt, "/cpus", "timebase-frequency");
    SET(fdt, "/cpus/cpu@0", "timebase-frequency", 0, 24000000);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.hart[0].hartid, 0x1200000034);
    assert_int_equal(p.timebase_hz, 24000000);
    free(fdt);
}

static void test_cpus_beyond_table(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    for (unsigned i = 1; i < HARTS_MAX + 6; i++) {
        char name[16], path[32];

        snprintf(name, sizeof(name), "cpu@%x", i);
        snprintf(path, sizeof(path), "/cpus/%s", name);
        add_node(fdt, "/cpus", name);
        set_string(fdt, path, "device_type", "cpu");
        SET(fdt, path, "reg", i);
    }
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.harts, HARTS_MAX);
    assert_int_equal(p.harts_unused, 6);
    /* The boot hart is always taken. */
    for (boot_hart = HARTS_MAX - 2; boot_hart < HARTS_MAX + 6; boot_hart++) {
        unsigned found = 0;

        assert_int_equal(read_tree(fdt), 0);
        assert_int_equal(p.harts, HARTS_MAX);
        assert_int_equal(p.harts_unused, 6);
        for (unsigned i = 0; i < p.harts; i++)
            found += p.hart[i].hartid == boot_hart ? 1 : 0;
        assert_int_equal(found, 1);
    }
    boot_hart = 0;
    free(fdt);
}

static void test_cpus_refused(void **state)
{
    void *fdt = data_dtb("qemu-max", ROOM);

    (void)state;
    SET(fdt, "/cpus/cpu@1", "reg", 0);
    expect_refused(fdt, "same reg");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/cpus/cpu@0", "reg", 0, 0);
    expect_refused(fdt, "cpu node's reg");
    fdt = data_dtb("qemu-plain", ROOM);
    set_string(fdt, "/cpus/cpu@0", "status", "disabled");
    expect_refused(fdt, "no cpu");
    fdt = data_dtb("qemu-plain", ROOM);
    drop(fdt, "/cpus", "timebase-frequency");
    expect_refused(fdt, "no timebase");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/cpus", "timebase-frequency", 0);
    expect_refused(fdt, "timebase");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/cpus", "timebase-frequency", 0xffffffff, 0);
    expect_refused(fdt, "timebase");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/cpus", "timebase-frequency", 0, 0, 1000000);
    expect_refused(fdt, "timebase");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/cpus/cpu@0", "timebase-frequency", 5000000);
    expect_refused(fdt, "differ");
}

/* ---- chosen and devices ---- */

static void test_initrd(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    SET(fdt, "/chosen", "linux,initrd-start", 0x84000000);
    SET(fdt, "/chosen", "linux,initrd-end", 0, 0x84000123);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.initrd, 0x84000000);
    assert_int_equal(p.initrd_size, 0x123);
    SET(fdt, "/chosen", "linux,initrd-end", 0x84000000);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.initrd_size, 0);
    SET(fdt, "/chosen", "linux,initrd-end", 0x83ffffff);
    expect_refused(fdt, "initrd");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/chosen", "linux,initrd-start", 0x84000000);
    expect_refused(fdt, "initrd");
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, "/chosen", "linux,initrd-start", 0x84000000);
    SET(fdt, "/chosen", "linux,initrd-end", 0xffffffff, 0xffffffff);
    expect_refused(fdt, "initrd");
}

/* Nowhere but in RAM, and not where the firmware is; what a boot loader reserves may be read. */
static void test_initrd_place(void **state)
{
    static const struct {
        uint64_t start, end;
        const char *why; /* NULL: good */
    } places[] = {
        {0x80100000, 0x80200000, NULL},
        {0x80000000, 0x80001000, "not to be touched"},
        {0x8007ffff, 0x80080001, "not to be touched"},
        {0x80080000, 0x80081000, NULL},
        {0x84000000, 0x84001000, NULL}, /* reserved, but may be mapped */
        {0x87fff000, 0x88000000, NULL},
        {0x87fff000, 0x88000001, "not in RAM"},
        {0x10000000, 0x10000100, "not in RAM"},
        {0x7ffffff0, 0x80100000, "not in RAM"},
        {0x80000000, 0xfffffffffff, "not in RAM"},
        {0x8000000000, 0x8000001000, "not in RAM"},
    };
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    add_node(fdt, "/", "reserved-memory");
    SET(fdt, "/reserved-memory", "#address-cells", 2);
    SET(fdt, "/reserved-memory", "#size-cells", 2);
    assert_int_equal(fdt_setprop(fdt, fdt_path_offset(fdt, "/reserved-memory"), "ranges", "", 0),
                     0);
    add_node(fdt, "/reserved-memory", "firmware");
    SET(fdt, "/reserved-memory/firmware", "reg", 0, 0x80000000, 0, 0x80000);
    assert_int_equal(
        fdt_setprop(fdt, fdt_path_offset(fdt, "/reserved-memory/firmware"), "no-map", "", 0), 0);
    add_node(fdt, "/reserved-memory", "initrd");
    SET(fdt, "/reserved-memory/initrd", "reg", 0, 0x84000000, 0, 0x1000);
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        SET(fdt, "/chosen", "linux,initrd-start", (uint32_t)(places[i].start >> 32),
            (uint32_t)places[i].start);
        SET(fdt, "/chosen", "linux,initrd-end", (uint32_t)(places[i].end >> 32),
            (uint32_t)places[i].end);
        if (places[i].why == NULL) {
            assert_int_equal(read_tree(fdt), 0);
            continue;
        }
        assert_int_equal(read_tree(fdt), -HV_EINVAL);
        assert_non_null(strstr(why, places[i].why));
    }
    free(fdt);
}

/* A device over RAM, or that wraps, is none: a store to it would hit the firmware or us. */
static void test_misplaced_devices(void **state)
{
    static const uint64_t bases[] = {0x80000000, 0x87fffff0, 0x7ffffff0, ~0ull - 0xf, 1ull << 56};
    void *fdt;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        const uint32_t high = (uint32_t)(bases[i] >> 32), low = (uint32_t)bases[i];

        fdt = data_dtb("qemu-plain", ROOM);
        SET(fdt, "/soc/serial@10000000", "reg", high, low, 0, 0x100);
        SET(fdt, "/soc/test@100000", "reg", high, low, 0, 0x1000);
        SET(fdt, "/soc/rtc@101000", "reg", high, low, 0, 0x1000);
        SET(fdt, "/soc/plic@c000000", "reg", high, low, 0, 0x600000);
        assert_int_equal(read_tree(fdt), 0);
        assert_int_equal(p.uart.kind, UART_NONE);
        assert_int_equal(p.intc.kind, INTC_NONE);
        assert_int_equal(p.test_finisher.base, 0);
        assert_int_equal(p.rtc_base, 0);
        assert_true(p.misplaced_count >= 4 || bases[i] >= 1ull << 56);
        free(fdt);
        fdt = data_dtb("qemu-imsic", ROOM);
        SET(fdt, "/soc/interrupt-controller@28000000", "reg", high, low, 0, 0x4000);
        assert_int_equal(read_tree(fdt), 0);
        assert_int_equal(p.intc.imsic_base, 0);
        assert_int_not_equal(p.intc.kind, INTC_APLIC_MSI);
        free(fdt);
    }
}

static void test_uart(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    /* Another UART behind a bus that moves addresses, named through an alias with options. */
    add_node(fdt, "/soc", "bus@40000000");
    SET(fdt, "/soc/bus@40000000", "#address-cells", 1);
    SET(fdt, "/soc/bus@40000000", "#size-cells", 1);
    SET(fdt, "/soc/bus@40000000", "ranges", 0x0, 0x1, 0x0, 0x1000, 0x1000, 0, 0x40000000, 0x1000);
    add_node(fdt, "/soc/bus@40000000", "uart@1800");
    SET(fdt, "/soc/bus@40000000/uart@1800", "reg", 0x1800, 0x100);
    set_string(fdt, "/soc/bus@40000000/uart@1800", "compatible", "snps,dw-apb-uart");
    SET(fdt, "/soc/bus@40000000/uart@1800", "reg-shift", 2);
    SET(fdt, "/soc/bus@40000000/uart@1800", "reg-io-width", 4);
    SET(fdt, "/soc/bus@40000000/uart@1800", "interrupts-extended", 3, 7);
    set_string(fdt, "/aliases", "tty", "/soc/bus@40000000/uart@1800");
    set_string(fdt, "/chosen", "stdout-path", "tty:115200n8");
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.base, 0x40000800);
    assert_int_equal(p.uart.reg_shift, 2);
    assert_int_equal(p.uart.reg_io_width, 4);
    assert_int_equal(p.uart.irq, 7);
    /* Interrupts that go elsewhere, or that the PLIC does not have. */
    SET(fdt, "/soc/bus@40000000/uart@1800", "interrupts-extended", 2, 7);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.irq, 0);
    SET(fdt, "/soc/bus@40000000/uart@1800", "interrupts-extended", 3, 96);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.irq, 0);
    /* What cannot be used falls back to the other one. */
    SET(fdt, "/soc/bus@40000000/uart@1800", "reg-shift", 64);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.base, 0x10000000);
    SET(fdt, "/soc/bus@40000000/uart@1800", "reg-shift", 2);
    SET(fdt, "/soc/bus@40000000/uart@1800", "reg", 0x1f80, 0x100); /* beyond the range */
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.base, 0x10000000);
    SET(fdt, "/soc/bus@40000000/uart@1800", "reg", 0x1800, 0x100);
    drop(fdt, "/soc/bus@40000000", "ranges");
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.base, 0x10000000);
    /* An alias that names itself, and one without an end. */
    set_string(fdt, "/aliases", "tty", "tty");
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.base, 0x10000000);
    assert_int_equal(fdt_setprop(fdt, fdt_path_offset(fdt, "/aliases"), "tty", "/soc", 4), 0);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.base, 0x10000000);
    set_string(fdt, "/soc/serial@10000000", "status", "disabled");
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.kind, UART_NONE);
    free(fdt);
}

static void expect_no_intc(void *fdt)
{
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.intc.kind, INTC_NONE);
    assert_int_equal(p.uart.irq, 0);
    for (unsigned i = 0; i < HARTS_MAX; i++)
        assert_int_equal(p.intc.context[i], -1);
    free(fdt);
}

static void test_plic_refused(void **state)
{
    static const char plic[] = "/soc/plic@c000000";
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    SET(fdt, plic, "interrupts-extended", 2, 11, 0xffff, 9);
    expect_no_intc(fdt);
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, plic, "interrupts-extended", 2, 11, 2);
    expect_no_intc(fdt);
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, plic, "riscv,ndev", 1024);
    expect_no_intc(fdt);
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, plic, "reg", 0, 0xc000000, 0, 0x200000);
    expect_no_intc(fdt);
    /* A context outside of the device's registers is none. */
    fdt = data_dtb("qemu-plain", ROOM);
    SET(fdt, plic, "reg", 0, 0xc000000, 0, 0x201000);
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.intc.context[0], -1);
    free(fdt);
    fdt = data_dtb("qemu-imsic", ROOM);
    SET(fdt, "/soc/interrupt-controller@28000000", "riscv,num-ids", 2048);
    expect_no_intc(fdt);
    fdt = data_dtb("qemu-imsic", ROOM);
    SET(fdt, "/soc/interrupt-controller@28000000", "riscv,guest-index-bits", 8);
    expect_no_intc(fdt);
}

/* A device 40 levels down is not looked for; the walk ends all the same. */
static void test_deep(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);
    char path[256] = "/soc";

    (void)state;
    set_string(fdt, "/soc/serial@10000000", "compatible", "none");
    for (unsigned i = 0; i < 40; i++) {
        add_node(fdt, path, "b");
        strcat(path, "/b");
        assert_int_equal(fdt_setprop_empty(fdt, fdt_path_offset(fdt, path), "ranges"), 0);
        SET(fdt, path, "#address-cells", 2);
        SET(fdt, path, "#size-cells", 2);
        if (i == 5 || i == 39) {
            SET(fdt, path, "reg", 0, 0x50000000 + i, 0, 0x100);
            set_string(fdt, path, "compatible", "ns16550");
        }
    }
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.base, 0x50000005);
    set_string(fdt, "/soc/b/b/b/b/b/b", "compatible", "none");
    assert_int_equal(read_tree(fdt), 0);
    assert_int_equal(p.uart.kind, UART_NONE);
    free(fdt);
}

/* ---- damage ---- */

static void check_sane(const void *data, size_t size)
{
    const char *text = NULL;
    int err = platform_read(data, size, 0, &p, &text);

    if (err) {
        assert_int_equal(err, -HV_EINVAL);
        assert_non_null(text);
        return;
    }
    assert_in_range(p.harts, 1, HARTS_MAX);
    assert_in_range(p.mem_count, 1, PLATFORM_MEM_MAX);
    assert_true(p.reserved_count <= PLATFORM_RESERVED_MAX);
    assert_true(p.timebase_hz != 0);
    for (unsigned i = 0; i < p.mem_count; i++) {
        assert_true(p.mem[i].size != 0 && p.mem[i].size <= BIT(56) - p.mem[i].base);
        assert_true(i == 0 || p.mem[i - 1].base + p.mem[i - 1].size < p.mem[i].base);
    }
    for (unsigned i = p.harts; i < HARTS_MAX; i++)
        assert_int_equal(p.intc.context[i], -1);
    assert_true(p.uart.irq <= p.intc.sources);
}

static void damage_one(const char *name, unsigned rounds)
{
    void *fdt = data_dtb(name, ROOM), *packed;
    size_t size;

    SET(fdt, "/chosen", "linux,initrd-start", 0x84000000);
    SET(fdt, "/chosen", "linux,initrd-end", 0x84100000);
    add_reserved(fdt, "mmode@80000000");
    SET(fdt, "/reserved-memory/mmode@80000000", "reg", 0, 0x80000000, 0, 0x40000);
    packed = packed_copy(fdt, &size);
    damage_all(packed, size, rounds, check_sane);
    free(packed);
    free(fdt);
}

static void test_damage(void **state)
{
    (void)state;
    damage_one("qemu-plain", 10000);
    damage_one("qemu-aplic", 3000);
    damage_one("qemu-imsic", 3000);
    damage_one("qemu-numa", 3000);
}

static void test_not_a_tree(void **state)
{
    static uint64_t zero[64];
    void *fdt = data_dtb("qemu-plain", ROOM);
    uint8_t *copy;
    size_t size;

    (void)state;
    assert_int_equal(platform_read(NULL, 0, 0, &p, &why), -HV_EINVAL);
    assert_int_equal(platform_read(zero, sizeof(zero), 0, &p, &why), -HV_EINVAL);
    copy = packed_copy(fdt, &size);
    free(fdt);
    fdt = malloc(size + 16);
    memcpy((char *)fdt + 4, copy, size);
    assert_int_equal(platform_read((char *)fdt + 4, size, 0, &p, &why), -HV_EINVAL);
    assert_non_null(strstr(why, "aligned"));
    assert_int_equal(platform_read(copy, size - 1, 0, &p, &why), -HV_EINVAL);
    free(copy);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_smp8),
        cmocka_unit_test(test_aplic),
        cmocka_unit_test(test_imsic),
        cmocka_unit_test(test_numa),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_table_full),
        cmocka_unit_test(test_memory_refused),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_cpus_beyond_table),
        cmocka_unit_test(test_cpus_refused),
        cmocka_unit_test(test_initrd),
        cmocka_unit_test(test_initrd_place),
        cmocka_unit_test(test_misplaced_devices),
        cmocka_unit_test(test_uart),
        cmocka_unit_test(test_plic_refused),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_not_a_tree),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
