/* SPDX-License-Identifier: Apache-2.0 */
/*
 * imsic.c - the harts' supervisor-level interrupt files (AIA specification, chapter "Incoming MSI
 * Controller"): identity 1 carries IPIs, the others the sources that the APLIC forwards.
 *
 * Locking: identities are allocated under hostirq_lock. A file's CSRs belong to its hart. The
 * files' pages are write-only.
 */
#include <arch/atomic.h>
#include <arch/imsic.h>
#include <arch/io.h>
#include <hearth/drivers/imsic.h>
#include <hearth/lib/errno.h>
#include <hearth/platform/hostirq.h>
#include <hearth/kernel/ipi.h>
#include <hearth/platform/platform.h>
#include <hearth/mm/stage1.h>

#define IDENTITY_IPI   1u
#define IDENTITY_FIRST 2u
#define IDENTITY_COUNT 64u /* the bits of eie0; every file has at least 63 identities */
#define GUEST_BITS_MAX 7u
#define SETEIPNUM_LE   0x0u
#define CLAIMS_MAX     64 /* per interrupt; identities still pending interrupt again */

static volatile uint8_t *files[HARTS_MAX]; /* by hart index; NULL: not described */
static uint32_t source_of[IDENTITY_COUNT]; /* atomic; 0: the identity is free */

static void imsic_send_ipi(unsigned hart)
{
    /* io_write32() orders earlier stores, which the target hart reads, before the message. */
    io_write32(files[hart] + SETEIPNUM_LE, IDENTITY_IPI);
}

static const struct ipi_ops imsic_ipi_ops = {.name = "imsic", .send = imsic_send_ipi};

int imsic_init(const struct platform *p)
{
    uint32_t mapped = 0;

    if (p->intc.imsic_ids < IDENTITY_COUNT - 1 || p->intc.imsic_guest_bits > GUEST_BITS_MAX ||
        p->harts > HARTS_MAX)
        return -HV_EINVAL;
    for (uint32_t i = 0; i < IDENTITY_COUNT; i++)
        source_of[i] = 0;
    for (uint32_t i = 0; i < HARTS_MAX; i++)
        files[i] = NULL;

    for (uint32_t i = 0; i < p->harts; i++) {
        int64_t index = p->intc.context[i];
        uint64_t offset;

        if (index < 0)
            continue;
        offset = (uint64_t)index << (PAGE_SHIFT + p->intc.imsic_guest_bits);
        /* Beyond the first group's range: the address of this hart's page is not known. */
        if (!range_within(offset, PAGE_SIZE, 0, p->intc.imsic_size))
            continue;
        files[i] = stage1_map_device(p->intc.imsic_base + offset, PAGE_SIZE);
        if (files[i] == NULL)
            return -HV_ENOMEM;
        mapped++;
    }
    if (mapped == 0)
        return -HV_EINVAL;
    /* IPIs use messages only if they reach every hart. */
    if (mapped == p->harts)
        ipi_set_ops(&imsic_ipi_ops);
    return 0;
}

/*
 * Enables all identities at once, because only its own hart can write a file's enable bits. An
 * identity that no device sends does no harm. Pending bits are kept: an IPI may have arrived.
 */
void imsic_init_hart(unsigned hart)
{
    if (files[hart] == NULL)
        return;
    imsic_file_write(IMSIC_EITHRESHOLD, 0);
    imsic_file_write(IMSIC_EIE0, ~BIT(0));
    imsic_file_write(IMSIC_EIDELIVERY, 1);
}

int imsic_identity(uint32_t source, uint32_t *identity)
{
    for (uint32_t i = IDENTITY_FIRST; i < IDENTITY_COUNT; i++) {
        uint32_t s = atomic_load_relaxed(&source_of[i]);

        if (s != 0 && s != source)
            continue;
        atomic_store_relaxed(&source_of[i], source);
        *identity = i;
        return 0;
    }
    return -HV_ENOSPC;
}

void imsic_handle(unsigned hart)
{
    if (files[hart] == NULL)
        return;
    for (unsigned i = 0; i < CLAIMS_MAX; i++) {
        uint32_t identity = imsic_file_claim();

        if (identity == 0)
            return;
        if (identity == IDENTITY_IPI) {
            ipi_interrupt();
        } else if (identity < IDENTITY_COUNT) {
            uint32_t source = atomic_load_relaxed(&source_of[identity]);

            if (source == 0)
                continue;
            hostirq_dispatch(source);
            aplic_rearm(source);
        }
    }
}
