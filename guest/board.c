/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.c - a VM's board: its list of devices, built from the VM's description, the devices'
 * memory, and the dispatch of register accesses.
 *
 * Each vcpu remembers the device that it used last, because guests mostly access the same one
 * again.
 *
 * Locking: none here. A board does not change between its creation and its destruction, a vcpu's
 * last device is accessed on the vcpu's hart only, and each device has its own lock.
 */
#include <hearth/lib/errno.h>
#include <hearth/guest/board.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <libfdt.h>
#include <inttypes.h>
#include <stdio.h>

/* Devices of every VM, at the addresses of QEMU's virt. */
static const struct vm_device virt_devices[] = {
    {.ops = &uart_ops, .base = BOARD_UART_BASE, .size = 0x100, .irq = BOARD_UART_IRQ},
    {.ops = &rtc_ops, .base = BOARD_RTC_BASE, .size = 0x1000, .irq = BOARD_RTC_IRQ},
    {.ops = &syscon_ops, .base = BOARD_SYSCON_BASE, .size = 0x1000},
};

/* Indexed by the description's `interrupts`. */
static const struct vm_device virt_intc[VM_INTERRUPTS_COUNT] = {
    [VM_INTERRUPTS_PLIC] = {.ops = &plic_ops, .base = BOARD_PLIC_BASE, .size = 0x600000},
};

#define STATE_ALIGN 64 /* a cache line, which devices of one VM do not share */

/* A board is one block: this structure, then the state of each device. */
struct board {
    unsigned count, order; /* of the block */
    struct vm_device device[];
};

/* ---- the list ---- */

static bool board_ranges_overlap(const struct vm_device *a, const struct vm_device *b)
{
    return a->base < b->base + b->size && b->base < a->base + a->size;
}

int board_add(struct board_list *list, const struct vm_device *dev)
{
    if (!is_aligned(dev->base | dev->size, 8) || dev->size == 0 ||
        !range_within(dev->base, dev->size, 0, VM_RAM_BASE) || dev->irq >= VM_CHANNEL_IRQ)
        return -HV_EINVAL;
    for (unsigned i = 0; i < list->count; i++) {
        const struct vm_device *other = &list->device[i];

        if (board_ranges_overlap(dev, other) || (dev->irq != 0 && dev->irq == other->irq))
            return -HV_EEXIST;
    }
    if (list->count == BOARD_DEVICES_MAX)
        return -HV_ENOSPC;
    list->device[list->count] = *dev;
    list->device[list->count].state = NULL;
    list->count++;
    return 0;
}

int board_describe(const struct vm_config *config, struct board_list *list)
{
    int err;

    list->count = 0;
    err = board_add(list, &virt_intc[config->policy.interrupts]);
    for (unsigned i = 0; err == 0 && i < ARRAY_SIZE(virt_devices); i++)
        err = board_add(list, &virt_devices[i]);
    return err;
}

/* ---- the board of a VM ---- */

static inline struct board *board_of(const struct vm *vm)
{
    return vm->slots[VM_SLOT_BOARD];
}

const struct vm_device *board_devices(const struct vm *vm, unsigned *count)
{
    const struct board *b = board_of(vm);

    *count = b != NULL ? b->count : 0;
    return b != NULL ? b->device : NULL;
}

const struct vm_device *board_find(const struct vm *vm, const struct device_ops *ops)
{
    unsigned count;
    const struct vm_device *dev = board_devices(vm, &count);

    for (; count > 0; count--, dev++)
        if (dev->ops == ops)
            return dev;
    return NULL;
}

const struct vm_device *board_console(const struct vm *vm)
{
    unsigned count;
    const struct vm_device *dev = board_devices(vm, &count);

    for (; count > 0; count--, dev++)
        if (dev->ops->console)
            return dev;
    return NULL;
}

static uint64_t board_header_size(const struct board_list *list)
{
    return align_up(sizeof(struct board) + list->count * sizeof(struct vm_device), STATE_ALIGN);
}

static struct board *board_alloc(const struct board_list *list)
{
    uint64_t at = board_header_size(list), size = at;
    struct board *b;

    for (unsigned i = 0; i < list->count; i++)
        size += align_up(list->device[i].ops->state_size, STATE_ALIGN);
    b = page_alloc_zeroed(page_order(size));
    if (!b)
        return NULL;
    b->count = list->count;
    b->order = page_order(size);
    for (unsigned i = 0; i < list->count; i++) {
        b->device[i] = list->device[i];
        b->device[i].state = (char *)b + at;
        at += align_up(list->device[i].ops->state_size, STATE_ALIGN);
    }
    return b;
}

int board_create(struct vm *vm, const struct board_list *list)
{
    struct board *b;

    if (list->count == 0) /* every vcpu has a last device */
        return -HV_EINVAL;
    b = board_alloc(list);
    if (!b)
        return -HV_ENOMEM;
    vm->slots[VM_SLOT_BOARD] = b;
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        vm->vcpus[i]->slots[VCPU_SLOT_BOARD] = &b->device[0];
    for (unsigned i = 0; i < b->count; i++) {
        struct vm_device *dev = &b->device[i];
        int err = dev->ops->init ? dev->ops->init(vm, dev) : 0;

        if (err) {
            board_destroy(vm);
            return err;
        }
    }
    board_reset(vm);
    return 0;
}

int board_init(struct vm *vm)
{
    struct board_list list;
    int err = board_describe(&vm->config, &list);

    return err ? err : board_create(vm, &list);
}

void board_destroy(struct vm *vm)
{
    struct board *b = board_of(vm);

    vm->slots[VM_SLOT_BOARD] = NULL;
    vm->intc = NULL;
    if (b)
        page_free_virt(b, b->order);
}

void board_reset(struct vm *vm)
{
    struct board *b = board_of(vm);

    for (unsigned i = 0; i < b->count; i++)
        if (b->device[i].ops->reset)
            b->device[i].ops->reset(vm, b->device[i].state);
}

static void board_detach(struct vm *vm)
{
    struct board *b = board_of(vm);

    for (unsigned i = 0; i < b->count; i++)
        if (b->device[i].ops->detach)
            b->device[i].ops->detach(vm, b->device[i].state);
}

int board_fdt_begin(void *fdt, const struct vm_device *dev, const char *name,
                    const char *compatible, size_t compatible_size)
{
    fdt64_t reg[2] = {cpu_to_fdt64(dev->base), cpu_to_fdt64(dev->size)};
    char node[64];
    int err;

    (void)snprintf(node, sizeof(node), "%s@%" PRIx64, name, dev->base);
    err = fdt_begin_node(fdt, node);
    err = err ? err : fdt_property(fdt, "compatible", compatible, (int)compatible_size);
    return err ? err : fdt_property(fdt, "reg", reg, sizeof(reg));
}

/* ---- the console ---- */

void board_console_event(struct vm *vm)
{
    const struct vm_device *dev = board_console(vm);

    if (dev)
        dev->ops->console->event(vm, dev->state);
}

size_t board_console_read(struct vm *vm, char *buf, size_t len)
{
    const struct vm_device *dev = board_console(vm);

    return dev ? dev->ops->console->read(vm, dev->state, buf, len) : 0;
}

bool board_console_break(struct vm *vm, char key)
{
    const struct vm_device *dev = board_console(vm);

    return dev && dev->ops->console->send_break(vm, dev->state, key);
}

/* ---- accesses ---- */

/* Searches the device at this address and makes it the vcpu's last one. NULL: none. */
static const struct vm_device *board_search(struct vcpu *vcpu, gpa_t gpa)
{
    struct board *b = board_of(vcpu->vm);

    for (unsigned i = 0; i < b->count; i++)
        if (gpa - b->device[i].base < b->device[i].size)
            return vcpu->slots[VCPU_SLOT_BOARD] = &b->device[i];
    return NULL;
}

/* Returns whether the device accepts an access of this width at this address, which is its own. */
static inline bool board_accepts(const struct vm_device *dev, gpa_t gpa, unsigned size)
{
    return likely((dev->ops->access_sizes & size) && !(gpa & (size - 1)));
}

static inline int board_read(struct vcpu *vcpu, const struct vm_device *dev, gpa_t gpa,
                             unsigned size, uint64_t *value)
{
    if (!board_accepts(dev, gpa, size))
        return -HV_EFAULT;
    return dev->ops->read(vcpu, dev->state, gpa - dev->base, size, value);
}

static inline int board_write(struct vcpu *vcpu, const struct vm_device *dev, gpa_t gpa,
                              unsigned size, uint64_t value)
{
    if (!board_accepts(dev, gpa, size))
        return -HV_EFAULT;
    return dev->ops->write(vcpu, dev->state, gpa - dev->base, size,
                           value & (UINT64_MAX >> (64 - 8 * size)));
}

/* Accesses of another device than the last one. Not inlined, so that the other accesses need no
 * stack frame. */
static __noinline int board_read_other(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t *value)
{
    const struct vm_device *dev = board_search(vcpu, gpa);

    return dev ? board_read(vcpu, dev, gpa, size, value) : -HV_EFAULT;
}

static __noinline int board_write_other(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t value)
{
    const struct vm_device *dev = board_search(vcpu, gpa);

    return dev ? board_write(vcpu, dev, gpa, size, value) : -HV_EFAULT;
}

int mmio_read(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t *value)
{
    const struct vm_device *last = vcpu->slots[VCPU_SLOT_BOARD];

    if (unlikely(gpa - last->base >= last->size))
        return board_read_other(vcpu, gpa, size, value);
    return board_read(vcpu, last, gpa, size, value);
}

int mmio_write(struct vcpu *vcpu, gpa_t gpa, unsigned size, uint64_t value)
{
    const struct vm_device *last = vcpu->slots[VCPU_SLOT_BOARD];

    if (unlikely(gpa - last->base >= last->size))
        return board_write_other(vcpu, gpa, size, value);
    return board_write(vcpu, last, gpa, size, value);
}

const struct vm_component board_component = {
    .name = "board",
    .vm_create = board_init,
    .vm_destroy = board_destroy,
    .vm_detach = board_detach,
    .vm_reset = board_reset,
};
