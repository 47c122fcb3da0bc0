/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aplic.c - the host's supervisor-level APLIC (AIA specification, chapter "Advanced Platform-Level
 * Interrupt Controller"), in direct mode, or in MSI mode in front of the harts' IMSICs (imsic.c).
 * The firmware sets the addresses of MSIs, at machine level.
 *
 * Locking: enable() is called under hostirq_lock. Other functions access only registers of their
 * own hart, or write-only registers.
 */
#include <arch/io.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/drivers/imsic.h>
#include <hearth/lib/errno.h>
#include <hearth/platform/hostirq.h>
#include <hearth/platform/platform.h>
#include <hearth/mm/stage1.h>

#define APLIC_DOMAINCFG 0x0000u
#define APLIC_SOURCECFG 0x0000u /* + 4 * source */
#define APLIC_SETIPNUM  0x1cdcu
#define APLIC_CLRIE     0x1f00u
#define APLIC_SETIENUM  0x1edcu
#define APLIC_TARGET    0x3000u /* + 4 * source */
#define APLIC_IDC       0x4000u
#define APLIC_REGS      0x4000u
#define APLIC_IDC_SIZE  32u
#define IDC_IDELIVERY   0x00u
#define IDC_ITHRESHOLD  0x08u
#define IDC_CLAIMI      0x1cu

#define DOMAINCFG_IE     (1u << 8)
#define DOMAINCFG_DM_MSI (1u << 2)
#define SOURCECFG_OFF    0u
#define SOURCECFG_LEVEL1 6u
#define TARGET_HART      18
#define TARGET_PRIO_1    1u
#define CLAIMI_ID        16

#define APLIC_SOURCES_MAX 1023u
#define APLIC_HARTS_MAX   (1 << 14)
#define CLAIMS_MAX        64 /* per interrupt; sources still pending interrupt again */

static volatile uint8_t *regs;
static uint32_t sources;
static const int32_t *hart_index; /* by hart; the platform's, constant */

static volatile uint8_t *aplic_idc(unsigned hart)
{
    return regs + APLIC_IDC + (size_t)hart_index[hart] * APLIC_IDC_SIZE;
}

static int aplic_map(const struct platform *p, bool direct)
{
    if (p->intc.sources == 0 || p->intc.sources > APLIC_SOURCES_MAX || p->intc.size < APLIC_REGS)
        return -HV_EINVAL;
    for (uint32_t i = 0; i < HARTS_MAX; i++) {
        int32_t h = p->intc.context[i];

        if (h >= APLIC_HARTS_MAX ||
            (direct && h >= 0 && APLIC_IDC + ((uint64_t)h + 1) * APLIC_IDC_SIZE > p->intc.size))
            return -HV_EINVAL;
    }
    regs = stage1_map_device(p->intc.base, p->intc.size);
    if (regs == NULL)
        return -HV_ENOMEM;
    sources = p->intc.sources;
    hart_index = p->intc.context;

    io_write32(regs + APLIC_DOMAINCFG, 0);
    for (uint32_t s = 0; s <= sources; s += 32)
        io_write32(regs + APLIC_CLRIE + (size_t)(s / 32) * 4, UINT32_MAX);
    for (uint32_t s = 1; s <= sources; s++)
        io_write32(regs + APLIC_SOURCECFG + (size_t)s * 4, SOURCECFG_OFF);
    return 0;
}

/* low: the target register's lower bits, a priority (direct mode) or an identity (MSI mode). */
static int aplic_route(uint32_t source, unsigned hart, uint32_t low)
{
    volatile uint8_t *sourcecfg = regs + APLIC_SOURCECFG + (size_t)source * 4;

    io_write32(sourcecfg, SOURCECFG_LEVEL1);
    if (io_read32(sourcecfg) != SOURCECFG_LEVEL1)
        return -HV_ENODEV; /* the source is not delegated to this domain */
    io_write32(regs + APLIC_TARGET + (size_t)source * 4,
               (uint32_t)hart_index[hart] << TARGET_HART | low);
    io_write32(regs + APLIC_SETIENUM, source);
    return 0;
}

static int aplic_check(uint32_t source, unsigned hart)
{
    if (source == 0 || source > sources)
        return -HV_EINVAL;
    return hart_index[hart] < 0 ? -HV_ENODEV : 0;
}

/* ---- direct mode ---- */

static int aplic_direct_init(const struct platform *p)
{
    int err = aplic_map(p, true);

    if (err == 0)
        io_write32(regs + APLIC_DOMAINCFG, DOMAINCFG_IE);
    return err;
}

static void aplic_direct_init_hart(unsigned hart)
{
    if (hart_index[hart] < 0)
        return;
    io_write32(aplic_idc(hart) + IDC_ITHRESHOLD, 0);
    io_write32(aplic_idc(hart) + IDC_IDELIVERY, 1);
}

static int aplic_direct_enable(uint32_t source, unsigned hart)
{
    int err = aplic_check(source, hart);

    return err != 0 ? err : aplic_route(source, hart, TARGET_PRIO_1);
}

static void aplic_direct_handle(unsigned hart)
{
    if (hart_index[hart] < 0)
        return;
    for (unsigned i = 0; i < CLAIMS_MAX; i++) {
        uint32_t claim = io_read32(aplic_idc(hart) + IDC_CLAIMI);

        if (claim == 0)
            return;
        hostirq_dispatch(claim >> CLAIMI_ID);
    }
}

static const struct intc_ops aplic_direct_ops = {
    .name = "aplic",
    .init_hart = aplic_direct_init_hart,
    .enable = aplic_direct_enable,
    .handle = aplic_direct_handle,
};

static int aplic_direct_probe(const struct platform *p)
{
    int err = p->intc.kind == INTC_APLIC_DIRECT ? aplic_direct_init(p) : -HV_ENODEV;

    if (err == 0)
        hostirq_set_controller(&aplic_direct_ops);
    return err;
}

const struct host_driver aplic_direct_driver = {
    .name = "aplic, direct",
    .kind = HOST_DRIVER_INTC,
    .probe = aplic_direct_probe,
};

/* ---- MSI mode ---- */

static int aplic_msi_init(const struct platform *p)
{
    int err = aplic_map(p, false);

    /* Last: imsic_init() makes IPIs use messages, so this driver must be the one in use. */
    if (err == 0)
        err = imsic_init(p);
    if (err == 0)
        io_write32(regs + APLIC_DOMAINCFG, DOMAINCFG_IE | DOMAINCFG_DM_MSI);
    return err;
}

static int aplic_msi_enable(uint32_t source, unsigned hart)
{
    uint32_t identity;
    int err = aplic_check(source, hart);

    if (err == 0)
        err = imsic_identity(source, &identity);
    return err != 0 ? err : aplic_route(source, hart, identity);
}

void aplic_rearm(uint32_t source)
{
    /* The APLIC ignores this unless the line is still high. */
    io_write32(regs + APLIC_SETIPNUM, source);
}

static const struct intc_ops aplic_msi_ops = {
    .name = "aplic-imsic",
    .init_hart = imsic_init_hart,
    .enable = aplic_msi_enable,
    .handle = imsic_handle,
};

static int aplic_msi_probe(const struct platform *p)
{
    int err = p->intc.kind == INTC_APLIC_MSI ? aplic_msi_init(p) : -HV_ENODEV;

    if (err == 0)
        hostirq_set_controller(&aplic_msi_ops);
    return err;
}

const struct host_driver aplic_msi_driver = {
    .name = "aplic, msi",
    .kind = HOST_DRIVER_INTC,
    .probe = aplic_msi_probe,
};
