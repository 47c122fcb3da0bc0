/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch.c - the example of a device: docs/extending.md. Four 32-bit registers that keep the
 * values written to them; they begin with scratch_fill of the VM's description. The interrupt is
 * high while bit 31 of the first one is set. Locking: scratch->lock (rank DEVICE), all fields.
 */
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/lock.h>
#include <hearth/guest/board.h>

#include <libfdt.h>

#define REGS 4

struct scratch {
    uint32_t reg[REGS];

    /* Set by init, not part of the device's state. */
    struct spinlock lock;
    const struct vm_device *dev;
};

static void scratch_update_line(struct vm *vm, const struct scratch *s)
{
    vm_set_irq(vm, s->dev->irq, s->reg[0] >> 31);
}

/* The bus has checked width and alignment (.access_sizes), but not that there is a register. */
static int scratch_read(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                        uint64_t *value)
{
    struct scratch *s = state;

    (void)vcpu;
    (void)size;
    if (offset >= sizeof(s->reg))
        return -HV_EFAULT;
    lock_acquire(&s->lock);
    *value = s->reg[offset / 4];
    lock_release(&s->lock);
    return 0;
}

static int scratch_write(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                         uint64_t value)
{
    struct scratch *s = state;

    (void)size;
    if (offset >= sizeof(s->reg))
        return -HV_EFAULT;
    lock_acquire(&s->lock);
    s->reg[offset / 4] = (uint32_t)value;
    scratch_update_line(vcpu->vm, s);
    lock_release(&s->lock);
    return 0;
}

static int scratch_init(struct vm *vm, struct vm_device *dev)
{
    struct scratch *s = dev->state;

    (void)vm;
    lock_init(&s->lock, RANK_DEVICE);
    s->dev = dev;
    return 0;
}

static void scratch_reset(struct vm *vm, void *state)
{
    struct scratch *s = state;

    lock_acquire(&s->lock);
    for (unsigned i = 0; i < REGS; i++)
        s->reg[i] = vm->config.policy.scratch_fill;
    scratch_update_line(vm, s);
    lock_release(&s->lock);
}

static int scratch_fdt(const struct vm *vm, void *fdt, const struct vm_device *dev)
{
    static const char compatible[] = "hearth,example-scratch";
    int err = board_fdt_begin(fdt, dev, "scratch", compatible, sizeof(compatible));

    (void)vm;
    err = err ? err : fdt_property_u32(fdt, "interrupts", dev->irq);
    err = err ? err : fdt_property_u32(fdt, "interrupt-parent", BOARD_PHANDLE_PLIC);
    return err ? err : fdt_end_node(fdt);
}

const struct device_ops scratch_ops = {
    .name = "scratch",
    .access_sizes = 4,
    .state_size = sizeof(struct scratch),
    .init = scratch_init,
    .reset = scratch_reset,
    .read = scratch_read,
    .write = scratch_write,
    .fdt = scratch_fdt,
};
