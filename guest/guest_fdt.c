/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_fdt.c - the device tree that a guest gets: QEMU's virt, as far as Hearth's board has it.
 * Written with libfdt's sequential-write functions; the devices write their own nodes. Devicetree
 * specification v0.4; RISC-V bindings riscv/cpus.yaml and riscv/extensions.yaml. No state.
 */
#include <hearth/lib/errno.h>
#include <hearth/arch/isa.h>
#include <hearth/guest/loader.h>
#include <hearth/guest/mmio.h>
#include <hearth/platform/platform.h>
#include <hearth/guest/upcalls.h>
#include <hearth/core/vm.h>

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define RNG_SEED_LEN 32

/* Free space in the tree, which firmware such as U-Boot needs to edit it where it lies. */
#define FDT_SLACK (4 * KIB)

/*
 * Where the tree is written to, and the first error, after which nothing more is written: the
 * functions below may then be called one after the other, and the error is looked at once.
 */
struct writer {
    void *fdt;
    int err;
};

static void begin(struct writer *w, const char *name)
{
    if (w->err == 0)
        w->err = fdt_begin_node(w->fdt, name);
}

static void begin_unit(struct writer *w, const char *name, uint64_t unit)
{
    char buf[40];

    snprintf(buf, sizeof(buf), "%s%lx", name, (unsigned long)unit);
    begin(w, buf);
}

static void end(struct writer *w)
{
    if (w->err == 0)
        w->err = fdt_end_node(w->fdt);
}

static void put(struct writer *w, const char *name, const void *value, size_t len)
{
    if (w->err == 0)
        w->err = fdt_property(w->fdt, name, value, (int)len);
}

static void put_string(struct writer *w, const char *name, const char *value)
{
    put(w, name, value, strlen(value) + 1);
}

static void put_u32(struct writer *w, const char *name, uint32_t value)
{
    if (w->err == 0)
        w->err = fdt_property_u32(w->fdt, name, value);
}

static void put_u64(struct writer *w, const char *name, uint64_t value)
{
    if (w->err == 0)
        w->err = fdt_property_u64(w->fdt, name, value);
}

static void put_cells(struct writer *w, uint32_t address_cells, uint32_t size_cells)
{
    put_u32(w, "#address-cells", address_cells);
    put_u32(w, "#size-cells", size_cells);
}

#define FDT_PATH_MAX 40

/* `path` with the path of the node that a serial port writes. */
static const char *serial_path(const struct vm_device *dev, char path[FDT_PATH_MAX])
{
    snprintf(path, FDT_PATH_MAX, "/soc/serial@%lx", (unsigned long)dev->base);
    return path;
}

/* Serial ports in the order of the board; the first one is the console. */
static void write_aliases(struct writer *w, const struct vm *vm)
{
    char alias[16], path[FDT_PATH_MAX];
    unsigned count, serials = 0;
    const struct vm_device *dev = board_devices(vm, &count);

    begin(w, "aliases");
    for (; count > 0; count--, dev++) {
        if (dev->ops->console == NULL)
            continue;
        snprintf(alias, sizeof(alias), "serial%u", serials++);
        put_string(w, alias, serial_path(dev, path));
    }
    end(w);
}

static void write_chosen(struct writer *w, const struct vm *vm, gpa_t initrd, uint64_t initrd_size,
                         const uint8_t *rng_seed)
{
    const struct vm_device *console = board_console(vm);
    char path[FDT_PATH_MAX];

    begin(w, "chosen");
    if (console != NULL)
        put_string(w, "stdout-path", serial_path(console, path));
    if (vm->config.cmdline[0] != '\0')
        put_string(w, "bootargs", vm->config.cmdline);
    if (initrd != 0) {
        put_u64(w, "linux,initrd-start", initrd);
        put_u64(w, "linux,initrd-end", initrd + initrd_size);
    }
    put(w, "rng-seed", rng_seed, RNG_SEED_LEN);
    end(w);
    if (console != NULL)
        write_aliases(w, vm);
}

static void write_memory(struct writer *w, const struct vm *vm)
{
    fdt64_t reg[2] = {cpu_to_fdt64(VM_RAM_BASE), cpu_to_fdt64(vm->config.memory)};

    begin_unit(w, "memory@", VM_RAM_BASE);
    put_string(w, "device_type", "memory");
    put(w, "reg", reg, sizeof(reg));
    end(w);
}

/* What a guest's own page tables may be: that of the host. */
static const char *mmu_type(void)
{
    switch (host_isa.stage1_levels) {
    case 5:
        return "riscv,sv57";
    case 4:
        return "riscv,sv48";
    default:
        return "riscv,sv39";
    }
}

static void write_cpu(struct writer *w, uint32_t id)
{
    begin_unit(w, "cpu@", id);
    put_string(w, "device_type", "cpu");
    put_u32(w, "reg", id);
    put_string(w, "status", "okay");
    put_string(w, "compatible", "riscv");
    put_string(w, "riscv,isa", host_isa.guest_isa);
    put_string(w, "riscv,isa-base", "rv64i");
    put(w, "riscv,isa-extensions", host_isa.guest_extensions, host_isa.guest_extensions_len);
    put_string(w, "mmu-type", mmu_type());
    if (host_isa.zicbom)
        put_u32(w, "riscv,cbom-block-size", host_isa.cbom_block_size);
    if (host_isa.zicbop)
        put_u32(w, "riscv,cbop-block-size", host_isa.cbop_block_size);
    if (host_isa.zicboz)
        put_u32(w, "riscv,cboz-block-size", host_isa.cboz_block_size);
    put_u32(w, "phandle", BOARD_PHANDLE_CPU(id));
    begin(w, "interrupt-controller");
    put_u32(w, "#address-cells", 0);
    put_u32(w, "#interrupt-cells", 1);
    put(w, "interrupt-controller", "", 0);
    put_string(w, "compatible", "riscv,cpu-intc");
    put_u32(w, "phandle", BOARD_PHANDLE_INTC(id));
    end(w);
    end(w);
}

static void write_cpus(struct writer *w, const struct vm *vm)
{
    begin(w, "cpus");
    put_cells(w, 1, 0);
    /* A number of 32 bits in every tree there is; platform_read() admits up to 10 GHz. */
    if (host_platform.timebase_hz <= UINT32_MAX)
        put_u32(w, "timebase-frequency", (uint32_t)host_platform.timebase_hz);
    else
        put_u64(w, "timebase-frequency", host_platform.timebase_hz);
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        write_cpu(w, i);
    begin(w, "cpu-map");
    begin(w, "cluster0");
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        char core[16];

        snprintf(core, sizeof(core), "core%u", (unsigned)i);
        begin(w, core);
        put_u32(w, "cpu", BOARD_PHANDLE_CPU(i));
        end(w);
    }
    end(w);
    end(w);
    end(w);
}

/* What the guest needs for its hypercalls and its driver: only a subscriber has a window. */
static void write_channel(struct writer *w, const struct vm *vm, uint32_t id)
{
    const struct config_channel *c = &vm->config.channel[id];
    const uint64_t window = VM_CHANNEL_BASE + id * VM_CHANNEL_SIZE;
    const fdt64_t reg[2] = {cpu_to_fdt64(window), cpu_to_fdt64(c->size)};

    if (c->publishes) {
        begin_unit(w, "memory-channel-", id);
    } else {
        begin_unit(w, "memory-channel@", window);
        put(w, "reg", reg, sizeof(reg));
    }
    put_string(w, "compatible", "hearth,memory-channel");
    put_u32(w, "interrupts", VM_CHANNEL_IRQ + id);
    put_u32(w, "hearth,channel", id);
    put_string(w, "label", c->name);
    put_string(w, "hearth,role", c->publishes ? "publisher" : "subscriber");
    put_string(w, "hearth,peer", c->peer);
    put_u64(w, "hearth,size", c->size);
    if (c->writable)
        put(w, "hearth,writable", "", 0);
    end(w);
}

static void write_soc(struct writer *w, const struct vm *vm)
{
    unsigned count;
    const struct vm_device *dev = board_devices(vm, &count);

    begin(w, "soc");
    put_cells(w, 2, 2);
    put_string(w, "compatible", "simple-bus");
    put(w, "ranges", "", 0);
    put_u32(w, "interrupt-parent", BOARD_PHANDLE_PLIC);
    for (; count > 0; count--, dev++) {
        if (w->err == 0 && dev->ops->fdt != NULL)
            w->err = dev->ops->fdt(vm, w->fdt, dev);
    }
    for (uint32_t i = 0; i < vm->config.channel_count; i++)
        write_channel(w, vm, i);
    end(w);
}

static bool has_extension(const struct vm *vm, const char *name)
{
    const int index = sbi_index(name);

    return index >= 0 && (vm->sbi_hidden & BIT(index)) == 0;
}

/* systemd-detect-virt looks for this node, and says vm-other to a name that it does not know. */
static void write_hypervisor(struct writer *w)
{
    begin(w, "hypervisor");
    put_string(w, "compatible", "hearth,hypervisor");
    end(w);
}

/* As firmware passes it on: how events map to counters is for M-mode. Binding: riscv,pmu.yaml. */
static void write_pmu(struct writer *w, const struct vm *vm)
{
    if (!has_extension(vm, "pmu"))
        return;
    begin(w, "pmu");
    put_string(w, "compatible", "riscv,pmu");
    end(w);
}

/* Linux's driver for MPXY asks the extension which channels there are. Binding:
 * riscv,sbi-mpxy-mbox.yaml. */
static void write_mailbox(struct writer *w, const struct vm *vm)
{
    if (!has_extension(vm, "mpxy"))
        return;
    begin(w, "mailbox");
    put_string(w, "compatible", "riscv,sbi-mpxy-mbox");
    put_u32(w, "#mbox-cells", 2);
    end(w);
}

int guest_fdt_write(const struct vm *vm, gpa_t initrd, uint64_t initrd_size,
                    const uint8_t rng_seed[32], void *buf, uint64_t size)
{
    struct writer w = {.fdt = buf};
    uint64_t written;

    if (size < FDT_SLACK)
        return -HV_ENOSPC;
    w.err = fdt_create(buf, (int)MIN(size - FDT_SLACK, (uint64_t)INT32_MAX));
    if (w.err == 0)
        w.err = fdt_finish_reservemap(buf);
    begin(&w, "");
    put_cells(&w, 2, 2);
    put_string(&w, "compatible", "riscv-virtio");
    put_string(&w, "model", "hearth,virt");
    write_chosen(&w, vm, initrd, initrd_size, rng_seed);
    write_memory(&w, vm);
    write_cpus(&w, vm);
    write_soc(&w, vm);
    write_pmu(&w, vm);
    write_mailbox(&w, vm);
    write_hypervisor(&w);
    end(&w);
    if (w.err == 0)
        w.err = fdt_finish(buf);
    if (w.err < 0)
        return -HV_ENOSPC;
    written = fdt_totalsize(buf);
    memset((uint8_t *)buf + written, 0, FDT_SLACK);
    fdt_set_totalsize(buf, (uint32_t)(written + FDT_SLACK));
    return (int)(written + FDT_SLACK);
}
