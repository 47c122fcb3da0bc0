/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plic.c - the guest's interrupt controller: a SiFive PLIC with the numbers of QEMU's virt. RISC-V
 * Platform- Level Interrupt Controller specification 1.0.0.
 *
 * 95 level-triggered sources, priorities 0..7, two contexts a hart: 2i is M-mode of hart i (its
 * registers work, but nobody is there to interrupt), 2i + 1 is S-mode, which drives the vcpu's VS
 * external interrupt.
 *
 * A source's gateway: its level sets pending unless a claim is open; a claim clears pending and
 * stays open until a completion, which looks at the level again. A line that falls leaves pending
 * as it is.
 *
 * Locking: plic->lock (rank PLIC), all fields. virq_set() and virq_clear() are called under it, so
 * a vcpu's line never lags behind the registers.
 */
#include <hearth/lib/bits.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/lock.h>
#include <hearth/guest/mmio.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <libfdt.h>

#define SOURCES       96 /* 1..95; source 0 does not exist */
#define WORDS32       (SOURCES / 32)
#define WORDS64       2
#define PRIORITY_MASK 7u

#define PENDING_OFFSET 0x1000u
#define ENABLE_OFFSET  0x2000u
#define ENABLE_STRIDE  0x80u
#define CONTEXT_OFFSET 0x200000u
#define CONTEXT_STRIDE 0x1000u
#define REG_THRESHOLD  0u
#define REG_CLAIM      4u
#define CONTEXTS_MAX   (2 * VCPUS_MAX)
#define IRQ_M_EXT      11 /* what a device tree calls a hart's M-mode external interrupt */

struct context {
    uint64_t enable[WORDS64];
    uint32_t threshold;
} __aligned(32);

struct plic {
    struct spinlock lock;    /* made by plic_init(); all the rest is the device's state */
    uint64_t level[WORDS64]; /* the devices' lines */
    uint64_t pending[WORDS64];
    uint64_t claimed[WORDS64]; /* claim open: the gateway forwards nothing */
    uint64_t asserted;         /* bit i: vcpu i's external interrupt is set */
    uint64_t targets[SOURCES]; /* bit i: S context of vcpu i has the source enabled */
    uint8_t priority[SOURCES];
    struct context context[CONTEXTS_MAX];
};

_Static_assert(VCPUS_MAX <= 64, "vcpus are bits of a uint64_t");

static inline bool test_bit(const uint64_t *map, unsigned n)
{
    return map[n / 64] >> (n % 64) & 1;
}

static inline void set_bit(uint64_t *map, unsigned n)
{
    map[n / 64] |= BIT(n % 64);
}

static inline void clear_bit(uint64_t *map, unsigned n)
{
    map[n / 64] &= ~BIT(n % 64);
}

/* Of the candidates, the source with the highest priority above the given one, then the lowest
 * number; 0 when there is none. */
static __attribute__((noinline)) unsigned choose(const struct plic *p, uint64_t low, uint64_t high,
                                                 uint32_t above)
{
    unsigned best = 0;

    for (; low; low &= low - 1) {
        unsigned source = bit_lowest(low);

        if (p->priority[source] > above) {
            above = p->priority[source];
            best = source;
        }
    }
    for (; high; high &= high - 1) {
        unsigned source = 64 + bit_lowest(high);

        if (p->priority[source] > above) {
            above = p->priority[source];
            best = source;
        }
    }
    return best;
}

static inline unsigned best_source(const struct plic *p, const struct context *c, uint32_t above)
{
    uint64_t low = p->pending[0] & c->enable[0], high = p->pending[1] & c->enable[1];

    return low | high ? choose(p, low, high, above) : 0;
}

/* Brings the interrupt lines of the vcpus in the mask up to date with their S contexts. */
static __attribute__((noinline)) void update_lines(struct vm *vm, struct plic *p, uint64_t vcpus)
{
    for (; vcpus; vcpus &= vcpus - 1) {
        uint64_t bit = vcpus & -vcpus;
        unsigned i = bit_lowest(vcpus);
        const struct context *c = &p->context[2 * i + 1];
        bool want = best_source(p, c, c->threshold) != 0;

        if (want == !!(p->asserted & bit))
            continue;
        p->asserted ^= bit;
        if (want)
            virq_set(vm->vcpus[i], IRQ_VS_EXT);
        else
            virq_clear(vm->vcpus[i], IRQ_VS_EXT);
    }
}

/* After a source has become pending: lines can only rise. */
static inline void update_raised(struct vm *vm, struct plic *p, unsigned source)
{
    update_lines(vm, p, p->targets[source] & ~p->asserted);
}

static void plic_set_irq(struct vm *vm, void *state, uint32_t irq, bool level)
{
    struct plic *p = state;

    if (irq == 0 || irq >= SOURCES)
        return;
    lock_acquire(&p->lock);
    if (!level) {
        clear_bit(p->level, irq);
    } else {
        set_bit(p->level, irq);
        if (!test_bit(p->claimed, irq) && !test_bit(p->pending, irq)) {
            set_bit(p->pending, irq);
            update_raised(vm, p, irq);
        }
    }
    lock_release(&p->lock);
}

/*
 * Closes the source's gateway. A claim disregards the threshold, as the specification says;
 * priority 0 never interrupts. Mostly one source is pending for one hart: after its claim the line
 * falls, and nothing needs to be searched.
 */
static inline uint32_t claim(struct vm *vm, struct plic *p, uint64_t n)
{
    const struct context *c = &p->context[n];
    uint64_t low, high, lower;
    uint32_t source = 0;
    bool alone;

    lock_acquire(&p->lock);
    low = p->pending[0] & c->enable[0];
    high = p->pending[1] & c->enable[1];
    alone = high == 0 && (low & (low - 1)) == 0;
    if (low | high)
        source =
            alone && p->priority[bit_lowest(low)] > 0 ? bit_lowest(low) : choose(p, low, high, 0);
    if (source != 0) {
        clear_bit(p->pending, source);
        set_bit(p->claimed, source);
        lower = p->targets[source] & p->asserted;
        if (alone && n % 2 == 1 && lower == BIT(n / 2)) {
            p->asserted ^= lower;
            virq_clear(vm->vcpus[n / 2], IRQ_VS_EXT);
        } else if (lower) {
            update_lines(vm, p, lower);
        }
    }
    lock_release(&p->lock);
    return source;
}

/* Opens the gateway again, which looks at the line. */
static __attribute__((noinline)) void give_back(struct vm *vm, struct plic *p, unsigned source)
{
    clear_bit(p->claimed, source);
    if (test_bit(p->level, source)) {
        set_bit(p->pending, source);
        update_raised(vm, p, source);
    }
}

/* Ignored, as the specification says, unless the source exists and is enabled for the context. */
static inline void complete(struct vm *vm, struct plic *p, uint64_t n, uint32_t source)
{
    const struct context *c = &p->context[n];

    lock_acquire(&p->lock);
    if (source < SOURCES && test_bit(c->enable, source) && test_bit(p->claimed, source))
        give_back(vm, p, source);
    lock_release(&p->lock);
}

static void write_enable(struct vm *vm, struct plic *p, unsigned n, unsigned word, uint32_t value)
{
    struct context *c = &p->context[n];
    unsigned w = word / 2, shift = 32 * (word % 2);
    uint64_t before = c->enable[w], now;

    if (word == 0)
        value &= ~1u;
    now = (before & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
    c->enable[w] = now;
    if (n % 2 == 0)
        return;
    for (uint64_t changed = before ^ now; changed; changed &= changed - 1)
        p->targets[w * 64 + bit_lowest(changed)] ^= BIT(n / 2);
    update_lines(vm, p, BIT(n / 2));
}

/* Splits an offset in the enable or context area: number of the context and offset in its block.
 * False when the VM has no such context. */
static inline bool split(const struct vm *vm, uint64_t offset, uint64_t stride, unsigned *context,
                         uint64_t *reg)
{
    *context = (unsigned)(offset / stride);
    *reg = offset % stride;
    return offset / stride < 2 * (uint64_t)vm->config.vcpus;
}

/* True when a claim register is at offset, with its context's number: claims and completions, two
 * for every interrupt, are told from everything else first. */
static inline bool is_claim(const struct vm *vm, uint64_t offset, uint64_t *n)
{
    *n = (offset - CONTEXT_OFFSET) / CONTEXT_STRIDE;
    return offset % CONTEXT_STRIDE == REG_CLAIM && *n < 2 * (uint64_t)vm->config.vcpus;
}

static int read_register(struct vm *vm, struct plic *p, uint64_t offset, uint32_t *value)
{
    uint64_t reg;
    unsigned n;

    if (offset >= CONTEXT_OFFSET) {
        if (!split(vm, offset - CONTEXT_OFFSET, CONTEXT_STRIDE, &n, &reg) || reg != REG_THRESHOLD)
            return -HV_EFAULT;
        *value = p->context[n].threshold;
        return 0;
    }
    if (offset >= ENABLE_OFFSET) {
        if (!split(vm, offset - ENABLE_OFFSET, ENABLE_STRIDE, &n, &reg) || reg / 4 >= WORDS32)
            return -HV_EFAULT;
        *value = (uint32_t)(p->context[n].enable[reg / 8] >> 8 * (reg % 8));
        return 0;
    }
    if (offset >= PENDING_OFFSET) {
        reg = offset - PENDING_OFFSET;
        if (reg / 4 >= WORDS32)
            return -HV_EFAULT;
        *value = (uint32_t)(p->pending[reg / 8] >> 8 * (reg % 8));
        return 0;
    }
    if (offset / 4 >= SOURCES)
        return -HV_EFAULT;
    *value = p->priority[offset / 4];
    return 0;
}

static int write_register(struct vm *vm, struct plic *p, uint64_t offset, uint32_t value)
{
    uint64_t reg;
    unsigned n;

    if (offset >= CONTEXT_OFFSET) {
        if (!split(vm, offset - CONTEXT_OFFSET, CONTEXT_STRIDE, &n, &reg) || reg != REG_THRESHOLD)
            return -HV_EFAULT;
        p->context[n].threshold = value & PRIORITY_MASK;
        if (n % 2 == 1)
            update_lines(vm, p, BIT(n / 2));
        return 0;
    }
    if (offset >= ENABLE_OFFSET) {
        if (!split(vm, offset - ENABLE_OFFSET, ENABLE_STRIDE, &n, &reg) || reg / 4 >= WORDS32)
            return -HV_EFAULT;
        write_enable(vm, p, n, (unsigned)reg / 4, value);
        return 0;
    }
    if (offset >= PENDING_OFFSET) /* read-only */
        return (offset - PENDING_OFFSET) / 4 < WORDS32 ? 0 : -HV_EFAULT;
    if (offset / 4 >= SOURCES)
        return -HV_EFAULT;
    if (offset > 0) { /* source 0 has a place in the array and no register */
        p->priority[offset / 4] = (uint8_t)(value & PRIORITY_MASK);
        update_lines(vm, p, p->targets[offset / 4]);
    }
    return 0;
}

static __attribute__((noinline)) int read_other(struct vm *vm, struct plic *p, uint64_t offset,
                                                uint64_t *value)
{
    uint32_t v = 0;
    int err;

    lock_acquire(&p->lock);
    err = read_register(vm, p, offset, &v);
    lock_release(&p->lock);
    *value = v;
    return err;
}

static __attribute__((noinline)) int write_other(struct vm *vm, struct plic *p, uint64_t offset,
                                                 uint32_t value)
{
    int err;

    lock_acquire(&p->lock);
    err = write_register(vm, p, offset, value);
    lock_release(&p->lock);
    return err;
}

static int plic_read(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                     uint64_t *value)
{
    uint64_t n;

    (void)size;
    if (!is_claim(vcpu->vm, offset, &n))
        return read_other(vcpu->vm, state, offset, value);
    *value = claim(vcpu->vm, state, n);
    return 0;
}

static int plic_write(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                      uint64_t value)
{
    uint64_t n;

    (void)size;
    if (!is_claim(vcpu->vm, offset, &n))
        return write_other(vcpu->vm, state, offset, (uint32_t)value);
    complete(vcpu->vm, state, n, (uint32_t)value);
    return 0;
}

static const struct vm_intc_ops plic_intc = {.set_irq = plic_set_irq};

static int plic_init(struct vm *vm, struct vm_device *dev)
{
    struct plic *p = dev->state;

    if (vm->intc != NULL)
        return -HV_EEXIST;
    lock_init(&p->lock, RANK_PLIC);
    vm->intc = &plic_intc;
    vm->intc_state = p;
    return 0;
}

/* Registers to 0. The lines stay: they are the devices', whose own reset lowers them. */
static void plic_reset(struct vm *vm, void *state)
{
    struct plic *p = state;

    lock_acquire(&p->lock);
    for (unsigned w = 0; w < WORDS64; w++)
        p->pending[w] = p->claimed[w] = 0;
    for (unsigned s = 0; s < SOURCES; s++) {
        p->targets[s] = 0;
        p->priority[s] = 0;
    }
    for (unsigned n = 0; n < CONTEXTS_MAX; n++)
        p->context[n] = (struct context){0};
    for (; p->asserted; p->asserted &= p->asserted - 1)
        virq_clear(vm->vcpus[bit_lowest(p->asserted)], IRQ_VS_EXT);
    lock_release(&p->lock);
}

static int plic_fdt(const struct vm *vm, void *fdt, const struct vm_device *dev)
{
    static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    fdt32_t *cells;
    void *data;
    int err = board_fdt_begin(fdt, dev, "plic", compatible, sizeof(compatible));

    err = err ? err
              : fdt_property_placeholder(fdt, "interrupts-extended",
                                         (int)(vm->config.vcpus * 4 * sizeof(fdt32_t)), &data);
    if (err)
        return err;
    cells = data;
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        *cells++ = cpu_to_fdt32(BOARD_PHANDLE_INTC(i));
        *cells++ = cpu_to_fdt32(IRQ_M_EXT); /* context 2i */
        *cells++ = cpu_to_fdt32(BOARD_PHANDLE_INTC(i));
        *cells++ = cpu_to_fdt32(IRQ_S_EXT); /* context 2i + 1 */
    }
    err = fdt_property(fdt, "interrupt-controller", NULL, 0);
    err = err ? err : fdt_property_u32(fdt, "#interrupt-cells", 1);
    err = err ? err : fdt_property_u32(fdt, "#address-cells", 0);
    err = err ? err : fdt_property_u32(fdt, "riscv,ndev", SOURCES - 1);
    err = err ? err : fdt_property_u32(fdt, "phandle", BOARD_PHANDLE_PLIC);
    return err ? err : fdt_end_node(fdt);
}

const struct device_ops plic_ops = {
    .name = "plic",
    .access_sizes = 4,
    .state_size = sizeof(struct plic),
    .init = plic_init,
    .reset = plic_reset,
    .read = plic_read,
    .write = plic_write,
    .fdt = plic_fdt,
};
