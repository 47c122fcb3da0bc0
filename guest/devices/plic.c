/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plic.c - the guest's interrupt controller: a SiFive PLIC with the register map of QEMU's virt.
 * RISC-V Platform-Level Interrupt Controller specification 1.0.0.
 *
 * It has 95 level-triggered sources, priorities 0..7 and two contexts a hart: 2i is M-mode of hart
 * i (its registers work, but it has no interrupt line), 2i + 1 is S-mode, which drives the vcpu's
 * VS external interrupt.
 *
 * The gateway of a source sets pending while its level is high, unless a claim is open. A claim
 * clears pending and stays open until its completion, which samples the level again. A falling
 * level does not change pending.
 *
 * Locking: plic->lock (rank PLIC) protects all fields. virq_set() and virq_clear() are called under
 * it, so a vcpu's line always agrees with the registers.
 */
#include <hearth/lib/bits.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/lock.h>
#include <hearth/guest/board.h>
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
#define IRQ_M_EXT      11 /* M-mode external interrupt of a hart, as device trees number it */

struct plic_context {
    uint64_t enable[WORDS64];
    uint32_t threshold;
} __aligned(32);

struct plic {
    struct spinlock lock;    /* made by plic_init(); all else is state */
    uint64_t level[WORDS64]; /* levels of the devices' interrupt lines */
    uint64_t pending[WORDS64];
    uint64_t claimed[WORDS64]; /* claim open: the gateway forwards no interrupt */
    uint64_t asserted;         /* bit i: vcpu i's external interrupt is set */
    uint64_t targets[SOURCES]; /* bit i: enabled in the S context of vcpu i */
    uint8_t priority[SOURCES];
    struct plic_context context[CONTEXTS_MAX];
};

_Static_assert(VCPUS_MAX <= 64, "vcpus are bits of a uint64_t");

static inline bool plic_test_bit(const uint64_t *map, unsigned n)
{
    return map[n / 64] >> (n % 64) & 1;
}

static inline void plic_set_bit(uint64_t *map, unsigned n)
{
    map[n / 64] |= BIT(n % 64);
}

static inline void plic_clear_bit(uint64_t *map, unsigned n)
{
    map[n / 64] &= ~BIT(n % 64);
}

/* Returns the candidate with the highest priority above `above`; of equals, the one with the lowest
 * number. 0: none. */
static __attribute__((noinline)) unsigned plic_choose(const struct plic *p, uint64_t low,
                                                      uint64_t high, uint32_t above)
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

static inline unsigned plic_best_source(const struct plic *p, const struct plic_context *c,
                                        uint32_t above)
{
    uint64_t low = p->pending[0] & c->enable[0], high = p->pending[1] & c->enable[1];

    return low | high ? plic_choose(p, low, high, above) : 0;
}

/* Updates the interrupt lines of the vcpus in the mask from their S contexts. */
static __attribute__((noinline)) void plic_update_lines(struct vm *vm, struct plic *p,
                                                        uint64_t vcpus)
{
    for (; vcpus; vcpus &= vcpus - 1) {
        uint64_t bit = vcpus & -vcpus;
        unsigned i = bit_lowest(vcpus);
        const struct plic_context *c = &p->context[2 * i + 1];
        bool want = plic_best_source(p, c, c->threshold) != 0;

        if (want == !!(p->asserted & bit))
            continue;
        p->asserted ^= bit;
        if (want)
            virq_set(vm->vcpus[i], IRQ_VS_EXT);
        else
            virq_clear(vm->vcpus[i], IRQ_VS_EXT);
    }
}

/* Updates the lines after a source became pending: they can only rise. */
static inline void plic_update_raised(struct vm *vm, struct plic *p, unsigned source)
{
    plic_update_lines(vm, p, p->targets[source] & ~p->asserted);
}

static void plic_set_irq(struct vm *vm, void *state, uint32_t irq, bool level)
{
    struct plic *p = state;

    if (irq == 0 || irq >= SOURCES)
        return;
    lock_acquire(&p->lock);
    if (!level) {
        plic_clear_bit(p->level, irq);
    } else {
        plic_set_bit(p->level, irq);
        if (!plic_test_bit(p->claimed, irq) && !plic_test_bit(p->pending, irq)) {
            plic_set_bit(p->pending, irq);
            plic_update_raised(vm, p, irq);
        }
    }
    lock_release(&p->lock);
}

/*
 * Claims the best pending source, which closes its gateway. A claim ignores the threshold, as the
 * specification says; priority 0 never interrupts. In the common case one source is pending for one
 * hart: the line then falls after the claim without a search.
 */
static inline uint32_t plic_claim(struct vm *vm, struct plic *p, uint64_t n)
{
    const struct plic_context *c = &p->context[n];
    uint64_t low, high, lower;
    uint32_t source = 0;
    bool alone;

    lock_acquire(&p->lock);
    low = p->pending[0] & c->enable[0];
    high = p->pending[1] & c->enable[1];
    alone = high == 0 && (low & (low - 1)) == 0;
    if (low | high)
        source = alone && p->priority[bit_lowest(low)] > 0 ? bit_lowest(low)
                                                           : plic_choose(p, low, high, 0);
    if (source != 0) {
        plic_clear_bit(p->pending, source);
        plic_set_bit(p->claimed, source);
        lower = p->targets[source] & p->asserted;
        if (alone && n % 2 == 1 && lower == BIT(n / 2)) {
            p->asserted ^= lower;
            virq_clear(vm->vcpus[n / 2], IRQ_VS_EXT);
        } else if (lower) {
            plic_update_lines(vm, p, lower);
        }
    }
    lock_release(&p->lock);
    return source;
}

/* Opens the gateway again, which samples the level. */
static __attribute__((noinline)) void plic_release(struct vm *vm, struct plic *p, unsigned source)
{
    plic_clear_bit(p->claimed, source);
    if (plic_test_bit(p->level, source)) {
        plic_set_bit(p->pending, source);
        plic_update_raised(vm, p, source);
    }
}

/* Completes a claim. Ignored, as the specification says, unless the source exists and is enabled
 * for the context. */
static inline void plic_complete(struct vm *vm, struct plic *p, uint64_t n, uint32_t source)
{
    const struct plic_context *c = &p->context[n];

    lock_acquire(&p->lock);
    if (source < SOURCES && plic_test_bit(c->enable, source) && plic_test_bit(p->claimed, source))
        plic_release(vm, p, source);
    lock_release(&p->lock);
}

static void plic_write_enable(struct vm *vm, struct plic *p, unsigned n, unsigned word,
                              uint32_t value)
{
    struct plic_context *c = &p->context[n];
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
    plic_update_lines(vm, p, BIT(n / 2));
}

/* Splits an offset in the enable or context area into the context's number and the offset in its
 * block. Returns false if the VM has no such context. */
static inline bool plic_split(const struct vm *vm, uint64_t offset, uint64_t stride,
                              unsigned *context, uint64_t *reg)
{
    *context = (unsigned)(offset / stride);
    *reg = offset % stride;
    return offset / stride < 2 * (uint64_t)vm->config.vcpus;
}

/* Returns true with the context's number if offset is a claim register. Claims and completions come
 * twice with every interrupt, so they are checked before all other registers. */
static inline bool plic_is_claim(const struct vm *vm, uint64_t offset, uint64_t *n)
{
    *n = (offset - CONTEXT_OFFSET) / CONTEXT_STRIDE;
    return offset % CONTEXT_STRIDE == REG_CLAIM && *n < 2 * (uint64_t)vm->config.vcpus;
}

static int plic_read_register(struct vm *vm, struct plic *p, uint64_t offset, uint32_t *value)
{
    uint64_t reg;
    unsigned n;

    if (offset >= CONTEXT_OFFSET) {
        if (!plic_split(vm, offset - CONTEXT_OFFSET, CONTEXT_STRIDE, &n, &reg) ||
            reg != REG_THRESHOLD)
            return -HV_EFAULT;
        *value = p->context[n].threshold;
        return 0;
    }
    if (offset >= ENABLE_OFFSET) {
        if (!plic_split(vm, offset - ENABLE_OFFSET, ENABLE_STRIDE, &n, &reg) || reg / 4 >= WORDS32)
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

static int plic_write_register(struct vm *vm, struct plic *p, uint64_t offset, uint32_t value)
{
    uint64_t reg;
    unsigned n;

    if (offset >= CONTEXT_OFFSET) {
        if (!plic_split(vm, offset - CONTEXT_OFFSET, CONTEXT_STRIDE, &n, &reg) ||
            reg != REG_THRESHOLD)
            return -HV_EFAULT;
        p->context[n].threshold = value & PRIORITY_MASK;
        if (n % 2 == 1)
            plic_update_lines(vm, p, BIT(n / 2));
        return 0;
    }
    if (offset >= ENABLE_OFFSET) {
        if (!plic_split(vm, offset - ENABLE_OFFSET, ENABLE_STRIDE, &n, &reg) || reg / 4 >= WORDS32)
            return -HV_EFAULT;
        plic_write_enable(vm, p, n, (unsigned)reg / 4, value);
        return 0;
    }
    if (offset >= PENDING_OFFSET) /* read-only */
        return (offset - PENDING_OFFSET) / 4 < WORDS32 ? 0 : -HV_EFAULT;
    if (offset / 4 >= SOURCES)
        return -HV_EFAULT;
    if (offset > 0) { /* source 0 has no priority register */
        p->priority[offset / 4] = (uint8_t)(value & PRIORITY_MASK);
        plic_update_lines(vm, p, p->targets[offset / 4]);
    }
    return 0;
}

static __attribute__((noinline)) int plic_read_other(struct vm *vm, struct plic *p, uint64_t offset,
                                                     uint64_t *value)
{
    uint32_t v = 0;
    int err;

    lock_acquire(&p->lock);
    err = plic_read_register(vm, p, offset, &v);
    lock_release(&p->lock);
    *value = v;
    return err;
}

static __attribute__((noinline)) int plic_write_other(struct vm *vm, struct plic *p,
                                                      uint64_t offset, uint32_t value)
{
    int err;

    lock_acquire(&p->lock);
    err = plic_write_register(vm, p, offset, value);
    lock_release(&p->lock);
    return err;
}

static int plic_read(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                     uint64_t *value)
{
    uint64_t n;

    (void)size;
    if (!plic_is_claim(vcpu->vm, offset, &n))
        return plic_read_other(vcpu->vm, state, offset, value);
    *value = plic_claim(vcpu->vm, state, n);
    return 0;
}

static int plic_write(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size,
                      uint64_t value)
{
    uint64_t n;

    (void)size;
    if (!plic_is_claim(vcpu->vm, offset, &n))
        return plic_write_other(vcpu->vm, state, offset, (uint32_t)value);
    plic_complete(vcpu->vm, state, n, (uint32_t)value);
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

/* Clears the registers. The levels stay: each device's own reset lowers its line. */
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
        p->context[n] = (struct plic_context){0};
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
