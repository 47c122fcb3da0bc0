/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest_fdt.c - writes the guest's device tree: the part of QEMU's virt that Hearth's board has.
 * Uses libfdt's sequential-write functions; the board's devices and the VM's components write their
 * own nodes. Devicetree specification v0.4; RISC-V bindings riscv/cpus.yaml and
 * riscv/extensions.yaml. No state.
 */
#include <hearth/lib/errno.h>
#include <hearth/arch/isa.h>
#include <hearth/guest/loader.h>
#include <hearth/guest/board.h>
#include <hearth/platform/platform.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vm.h>

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define RNG_SEED_LEN 32

/* Free space in the tree, because firmware such as U-Boot edits the tree in place. */
#define FDT_SLACK (4 * KIB)

/*
 * Output buffer and the first error. After an error the functions below write nothing, so callers
 * check for it once, at the end.
 */
struct guest_fdt_writer {
    void *fdt;
    int err;
};

static void guest_fdt_begin(struct guest_fdt_writer *w, const char *name)
{
    if (w->err == 0)
        w->err = fdt_begin_node(w->fdt, name);
}

static void guest_fdt_begin_unit(struct guest_fdt_writer *w, const char *name, uint64_t unit)
{
    char buf[40];

    snprintf(buf, sizeof(buf), "%s%lx", name, (unsigned long)unit);
    guest_fdt_begin(w, buf);
}

static void guest_fdt_end(struct guest_fdt_writer *w)
{
    if (w->err == 0)
        w->err = fdt_end_node(w->fdt);
}

static void guest_fdt_put(struct guest_fdt_writer *w, const char *name, const void *value,
                          size_t len)
{
    if (w->err == 0)
        w->err = fdt_property(w->fdt, name, value, (int)len);
}

static void guest_fdt_put_string(struct guest_fdt_writer *w, const char *name, const char *value)
{
    guest_fdt_put(w, name, value, strlen(value) + 1);
}

static void guest_fdt_put_u32(struct guest_fdt_writer *w, const char *name, uint32_t value)
{
    if (w->err == 0)
        w->err = fdt_property_u32(w->fdt, name, value);
}

static void guest_fdt_put_u64(struct guest_fdt_writer *w, const char *name, uint64_t value)
{
    if (w->err == 0)
        w->err = fdt_property_u64(w->fdt, name, value);
}

static void guest_fdt_put_cells(struct guest_fdt_writer *w, uint32_t address_cells,
                                uint32_t size_cells)
{
    guest_fdt_put_u32(w, "#address-cells", address_cells);
    guest_fdt_put_u32(w, "#size-cells", size_cells);
}

#define FDT_PATH_MAX 40

/* Writes the path of a serial port's node to `path`. */
static const char *guest_fdt_serial_path(const struct vm_device *dev, char path[FDT_PATH_MAX])
{
    snprintf(path, FDT_PATH_MAX, "/soc/serial@%lx", (unsigned long)dev->base);
    return path;
}

/* Aliases of the serial ports, in board order; the first one is the console. */
static void guest_fdt_write_aliases(struct guest_fdt_writer *w, const struct vm *vm)
{
    char alias[16], path[FDT_PATH_MAX];
    unsigned count, serials = 0;
    const struct vm_device *dev = board_devices(vm, &count);

    guest_fdt_begin(w, "aliases");
    for (; count > 0; count--, dev++) {
        if (dev->ops->console == NULL)
            continue;
        snprintf(alias, sizeof(alias), "serial%u", serials++);
        guest_fdt_put_string(w, alias, guest_fdt_serial_path(dev, path));
    }
    guest_fdt_end(w);
}

static void guest_fdt_write_chosen(struct guest_fdt_writer *w, const struct vm *vm, gpa_t initrd,
                                   uint64_t initrd_size, const uint8_t *rng_seed)
{
    const struct vm_device *console = board_console(vm);
    char path[FDT_PATH_MAX];

    guest_fdt_begin(w, "chosen");
    if (console != NULL)
        guest_fdt_put_string(w, "stdout-path", guest_fdt_serial_path(console, path));
    if (vm->config.cmdline[0] != '\0')
        guest_fdt_put_string(w, "bootargs", vm->config.cmdline);
    if (initrd != 0) {
        guest_fdt_put_u64(w, "linux,initrd-start", initrd);
        guest_fdt_put_u64(w, "linux,initrd-end", initrd + initrd_size);
    }
    guest_fdt_put(w, "rng-seed", rng_seed, RNG_SEED_LEN);
    guest_fdt_end(w);
    if (console != NULL)
        guest_fdt_write_aliases(w, vm);
}

static void guest_fdt_write_memory(struct guest_fdt_writer *w, const struct vm *vm)
{
    fdt64_t reg[2] = {cpu_to_fdt64(VM_RAM_BASE), cpu_to_fdt64(vm->config.memory)};

    guest_fdt_begin_unit(w, "memory@", VM_RAM_BASE);
    guest_fdt_put_string(w, "device_type", "memory");
    guest_fdt_put(w, "reg", reg, sizeof(reg));
    guest_fdt_end(w);
}

/* The guest may use the same translation modes as the host. */
static const char *guest_fdt_mmu_type(void)
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

static void guest_fdt_write_cpu(struct guest_fdt_writer *w, uint32_t id)
{
    guest_fdt_begin_unit(w, "cpu@", id);
    guest_fdt_put_string(w, "device_type", "cpu");
    guest_fdt_put_u32(w, "reg", id);
    guest_fdt_put_string(w, "status", "okay");
    guest_fdt_put_string(w, "compatible", "riscv");
    guest_fdt_put_string(w, "riscv,isa", host_isa.guest_isa);
    guest_fdt_put_string(w, "riscv,isa-base", "rv64i");
    guest_fdt_put(w, "riscv,isa-extensions", host_isa.guest_extensions,
                  host_isa.guest_extensions_len);
    guest_fdt_put_string(w, "mmu-type", guest_fdt_mmu_type());
    if (host_isa.zicbom)
        guest_fdt_put_u32(w, "riscv,cbom-block-size", host_isa.cbom_block_size);
    if (host_isa.zicbop)
        guest_fdt_put_u32(w, "riscv,cbop-block-size", host_isa.cbop_block_size);
    if (host_isa.zicboz)
        guest_fdt_put_u32(w, "riscv,cboz-block-size", host_isa.cboz_block_size);
    guest_fdt_put_u32(w, "phandle", BOARD_PHANDLE_CPU(id));
    guest_fdt_begin(w, "interrupt-controller");
    guest_fdt_put_u32(w, "#address-cells", 0);
    guest_fdt_put_u32(w, "#interrupt-cells", 1);
    guest_fdt_put(w, "interrupt-controller", "", 0);
    guest_fdt_put_string(w, "compatible", "riscv,cpu-intc");
    guest_fdt_put_u32(w, "phandle", BOARD_PHANDLE_INTC(id));
    guest_fdt_end(w);
    guest_fdt_end(w);
}

static void guest_fdt_write_cpus(struct guest_fdt_writer *w, const struct vm *vm)
{
    guest_fdt_begin(w, "cpus");
    guest_fdt_put_cells(w, 1, 0);
    /* Device trees have a 32-bit value here, but platform_read() accepts up to 10 GHz. */
    if (host_platform.timebase_hz <= UINT32_MAX)
        guest_fdt_put_u32(w, "timebase-frequency", (uint32_t)host_platform.timebase_hz);
    else
        guest_fdt_put_u64(w, "timebase-frequency", host_platform.timebase_hz);
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        guest_fdt_write_cpu(w, i);
    guest_fdt_begin(w, "cpu-map");
    guest_fdt_begin(w, "cluster0");
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        char core[16];

        snprintf(core, sizeof(core), "core%u", (unsigned)i);
        guest_fdt_begin(w, core);
        guest_fdt_put_u32(w, "cpu", BOARD_PHANDLE_CPU(i));
        guest_fdt_end(w);
    }
    guest_fdt_end(w);
    guest_fdt_end(w);
    guest_fdt_end(w);
}

/* Describes a channel to the guest's driver. Only a subscriber has a window of addresses. */
static void guest_fdt_write_channel(struct guest_fdt_writer *w, const struct vm *vm, uint32_t id)
{
    const struct config_channel *c = &vm->config.channel[id];
    const uint64_t window = VM_CHANNEL_BASE + id * VM_CHANNEL_SIZE;
    const fdt64_t reg[2] = {cpu_to_fdt64(window), cpu_to_fdt64(c->size)};

    if (c->publishes) {
        guest_fdt_begin_unit(w, "memory-channel-", id);
    } else {
        guest_fdt_begin_unit(w, "memory-channel@", window);
        guest_fdt_put(w, "reg", reg, sizeof(reg));
    }
    guest_fdt_put_string(w, "compatible", "hearth,memory-channel");
    guest_fdt_put_u32(w, "interrupts", VM_CHANNEL_IRQ + id);
    guest_fdt_put_u32(w, "hearth,channel", id);
    guest_fdt_put_string(w, "label", c->name);
    guest_fdt_put_string(w, "hearth,role", c->publishes ? "publisher" : "subscriber");
    guest_fdt_put_string(w, "hearth,peer", c->peer);
    guest_fdt_put_u64(w, "hearth,size", c->size);
    if (c->writable)
        guest_fdt_put(w, "hearth,writable", "", 0);
    guest_fdt_end(w);
}

static void guest_fdt_write_soc(struct guest_fdt_writer *w, const struct vm *vm)
{
    unsigned count;
    const struct vm_device *dev = board_devices(vm, &count);

    guest_fdt_begin(w, "soc");
    guest_fdt_put_cells(w, 2, 2);
    guest_fdt_put_string(w, "compatible", "simple-bus");
    guest_fdt_put(w, "ranges", "", 0);
    guest_fdt_put_u32(w, "interrupt-parent", BOARD_PHANDLE_PLIC);
    for (; count > 0; count--, dev++) {
        if (w->err == 0 && dev->ops->fdt != NULL)
            w->err = dev->ops->fdt(vm, w->fdt, dev);
    }
    for (uint32_t i = 0; i < vm->config.channel_count; i++)
        guest_fdt_write_channel(w, vm, i);
    guest_fdt_end(w);
}

/* systemd-detect-virt looks for this node and reports vm-other for a compatible it does not know.
 */
static void guest_fdt_write_hypervisor(struct guest_fdt_writer *w)
{
    guest_fdt_begin(w, "hypervisor");
    guest_fdt_put_string(w, "compatible", "hearth,hypervisor");
    guest_fdt_end(w);
}

/* Nodes of the VM's components, such as the SBI extensions'. */
static void guest_fdt_write_components(struct guest_fdt_writer *w, const struct vm *vm)
{
    for (const struct vm_component *const *c = vm_components; *c != NULL; c++)
        if (w->err == 0 && (*c)->vm_fdt != NULL)
            w->err = (*c)->vm_fdt(vm, w->fdt);
}

int guest_fdt_write(const struct vm *vm, gpa_t initrd, uint64_t initrd_size,
                    const uint8_t rng_seed[32], void *buf, uint64_t size)
{
    struct guest_fdt_writer w = {.fdt = buf};
    uint64_t written;

    if (size < FDT_SLACK)
        return -HV_ENOSPC;
    w.err = fdt_create(buf, (int)MIN(size - FDT_SLACK, (uint64_t)INT32_MAX));
    if (w.err == 0)
        w.err = fdt_finish_reservemap(buf);
    guest_fdt_begin(&w, "");
    guest_fdt_put_cells(&w, 2, 2);
    guest_fdt_put_string(&w, "compatible", "riscv-virtio");
    guest_fdt_put_string(&w, "model", "hearth,virt");
    guest_fdt_write_chosen(&w, vm, initrd, initrd_size, rng_seed);
    guest_fdt_write_memory(&w, vm);
    guest_fdt_write_cpus(&w, vm);
    guest_fdt_write_soc(&w, vm);
    guest_fdt_write_components(&w, vm);
    guest_fdt_write_hypervisor(&w);
    guest_fdt_end(&w);
    if (w.err == 0)
        w.err = fdt_finish(buf);
    if (w.err < 0)
        return -HV_ENOSPC;
    written = fdt_totalsize(buf);
    memset((uint8_t *)buf + written, 0, FDT_SLACK);
    fdt_set_totalsize(buf, (uint32_t)(written + FDT_SLACK));
    return (int)(written + FDT_SLACK);
}
