/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plic.c - the host's PLIC (RISC-V PLIC specification 1.0): the S-mode contexts of Hearth's harts.
 * Machine-level contexts belong to the firmware and are not touched.
 *
 * Locking: enable() is called under hostirq_lock. Other functions access only the context of their
 * own hart.
 */
#include <arch/io.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/lib/errno.h>
#include <hearth/platform/hostirq.h>
#include <hearth/platform/platform.h>
#include <hearth/mm/stage1.h>

#define PLIC_PRIORITY      0x0u
#define PLIC_ENABLE        0x2000u
#define PLIC_ENABLE_STRIDE 0x80u
#define PLIC_CONTEXT       0x200000u
#define PLIC_CONTEXT_SIZE  0x1000u
#define PLIC_THRESHOLD     0x0u
#define PLIC_CLAIM         0x4u
#define PLIC_SOURCES_MAX   1023u
#define PLIC_CONTEXTS_MAX  15872

#define CLAIMS_MAX 64 /* per interrupt; sources still pending interrupt again */

static volatile uint8_t *regs;
static uint32_t sources;
static const int32_t *contexts; /* by hart index; the platform's, constant */

static volatile void *plic_enable_word(int32_t context, uint32_t source)
{
    return regs + PLIC_ENABLE + (size_t)context * PLIC_ENABLE_STRIDE + (size_t)(source / 32) * 4;
}

static volatile uint8_t *plic_context_regs(int32_t context)
{
    return regs + PLIC_CONTEXT + (size_t)context * PLIC_CONTEXT_SIZE;
}

static int plic_init(const struct platform *p)
{
    if (p->intc.sources == 0 || p->intc.sources > PLIC_SOURCES_MAX)
        return -HV_EINVAL;
    for (uint32_t i = 0; i < HARTS_MAX; i++) {
        int32_t c = p->intc.context[i];

        if (c >= PLIC_CONTEXTS_MAX ||
            (c >= 0 && PLIC_CONTEXT + ((uint64_t)c + 1) * PLIC_CONTEXT_SIZE > p->intc.size))
            return -HV_EINVAL;
    }
    regs = stage1_map_device(p->intc.base, p->intc.size);
    if (regs == NULL)
        return -HV_ENOMEM;
    sources = p->intc.sources;
    contexts = p->intc.context;
    for (uint32_t s = 1; s <= sources; s++)
        io_write32(regs + PLIC_PRIORITY + (size_t)s * 4, 0);
    return 0;
}

static void plic_init_hart(unsigned hart)
{
    int32_t c = contexts[hart];

    if (c < 0)
        return;
    for (uint32_t s = 0; s <= sources; s += 32)
        io_write32(plic_enable_word(c, s), 0);
    io_write32(plic_context_regs(c) + PLIC_THRESHOLD, 0);
}

static int plic_enable(uint32_t source, unsigned hart)
{
    int32_t c = contexts[hart];
    volatile void *word;

    if (source == 0 || source > sources)
        return -HV_EINVAL;
    if (c < 0)
        return -HV_ENODEV;
    word = plic_enable_word(c, source);
    io_write32(regs + PLIC_PRIORITY + (size_t)source * 4, 1);
    io_write32(word, io_read32(word) | 1u << source % 32);
    return 0;
}

static void plic_handle(unsigned hart)
{
    int32_t c = contexts[hart];
    volatile uint8_t *claim;

    if (c < 0)
        return;
    claim = plic_context_regs(c) + PLIC_CLAIM;
    for (unsigned i = 0; i < CLAIMS_MAX; i++) {
        uint32_t source = io_read32(claim);

        if (source == 0)
            return;
        hostirq_dispatch(source);
        io_write32(claim, source);
    }
}

static const struct intc_ops plic_host_ops = {
    .name = "plic",
    .init_hart = plic_init_hart,
    .enable = plic_enable,
    .handle = plic_handle,
};

static int plic_probe(const struct platform *p)
{
    int err = p->intc.kind == INTC_PLIC ? plic_init(p) : -HV_ENODEV;

    if (err == 0)
        hostirq_set_controller(&plic_host_ops);
    return err;
}

const struct host_driver plic_driver = {
    .name = "plic",
    .kind = HOST_DRIVER_INTC,
    .probe = plic_probe,
};
