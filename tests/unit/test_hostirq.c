/* SPDX-License-Identifier: Apache-2.0 */
/* hostirq.c with its three drivers, each against a model of the hardware at the registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arch/csr.h>
#include <arch/imsic.h>
#include <hearth/drivers/host_driver.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/platform/hostirq.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/log.h>
#include <hearth/platform/platform.h>

#include "fakes/fakes.h"
#include "fakes/io.h"

#define BASE    0x0c000000ull
#define IMSIC   0x28000000ull
#define SOURCES 95u
#define HARTS   3

static struct platform plat;

/* ---- around ---- */

static const struct ipi_ops *ipi_ops;
static unsigned ipis, warnings, handled[SOURCES + 2];

void ipi_set_ops(const struct ipi_ops *ops)
{
    ipi_ops = ops;
}

void ipi_interrupt(void)
{
    ipis++;
}

void log_warn(const char *fmt, ...)
{
    (void)fmt;
    warnings++;
}

/* ---- the PLIC ---- */

static struct {
    uint32_t priority[SOURCES + 1];
    uint32_t enable[2 * HARTS][4];
    uint32_t threshold[2 * HARTS];
    bool level[SOURCES + 1], claimed[SOURCES + 1];
    uint32_t babble; /* claims give this for ever */
    unsigned claims, completions;
} plic;

static uint32_t plic_claim(unsigned ctx)
{
    plic.claims++;
    if (plic.babble != 0)
        return plic.babble;
    for (uint32_t s = 1; s <= SOURCES; s++) {
        if (plic.level[s] && !plic.claimed[s] && plic.priority[s] > plic.threshold[ctx] &&
            (plic.enable[ctx][s / 32] >> s % 32 & 1)) {
            plic.claimed[s] = true;
            return s;
        }
    }
    return 0;
}

static uint64_t plic_read(uint64_t address, unsigned size)
{
    uint64_t o = address - BASE;

    assert_int_equal(size, 4);
    if (o >= 0x2000 && o < 0x2000 + 0x80 * 2 * HARTS && (o & 0x7f) < 16)
        return plic.enable[(o - 0x2000) / 0x80][(o & 0x7f) / 4];
    if (o >= 0x200000 && (o & 0xfff) == 4)
        return plic_claim((unsigned)((o - 0x200000) / 0x1000));
    fail_msg("PLIC read at %#lx", (unsigned long)o);
    return 0;
}

static void plic_write(uint64_t address, unsigned size, uint64_t v)
{
    uint64_t o = address - BASE;

    assert_int_equal(size, 4);
    if (o >= 4 && o <= 4 * SOURCES) {
        plic.priority[o / 4] = (uint32_t)v;
    } else if (o >= 0x2000 && o < 0x2000 + 0x80 * 2 * HARTS && (o & 0x7f) < 16) {
        assert_int_equal((o - 0x2000) / 0x80 % 2, 1); /* S-mode contexts are the odd ones */
        plic.enable[(o - 0x2000) / 0x80][(o & 0x7f) / 4] = (uint32_t)v;
    } else if (o >= 0x200000 && (o & 0xfff) <= 4) {
        unsigned ctx = (unsigned)((o - 0x200000) / 0x1000);

        assert_true(ctx < 2 * HARTS && ctx % 2 == 1);
        if ((o & 0xfff) == 0) {
            plic.threshold[ctx] = (uint32_t)v;
        } else {
            plic.completions++;
            if (v <= SOURCES)
                plic.claimed[v] = false;
        }
    } else {
        fail_msg("PLIC write at %#lx", (unsigned long)o);
    }
}

/* ---- the APLIC, and the IMSICs behind it ---- */

static struct {
    uint32_t domaincfg, sourcecfg[SOURCES + 1], target[SOURCES + 1];
    bool enabled[SOURCES + 1], level[SOURCES + 1];
    uint32_t idelivery[HARTS], ithreshold[HARTS];
    uint32_t undelegated; /* sourcecfg is read-only zero */
    unsigned setips;
    /* IMSIC */
    uint64_t pending[HARTS], eie[HARTS];
    uint32_t eidelivery[HARTS], eithreshold[HARTS];
    uint32_t babble;
    unsigned claims;
} aia;

static void msi(unsigned hart, uint32_t identity)
{
    assert_true(hart < HARTS && identity < 64);
    aia.pending[hart] |= BIT(identity);
}

static void aia_forward(uint32_t s)
{
    if ((aia.domaincfg & 0x104) == 0x104 && aia.enabled[s] && aia.level[s])
        msi(aia.target[s] >> 18, aia.target[s] & 0x7ff);
}

static uint64_t aia_read(uint64_t address, unsigned size)
{
    uint64_t o = address - BASE;

    assert_int_equal(size, 4);
    if (o >= 4 && o <= 4 * SOURCES)
        return aia.sourcecfg[o / 4];
    if (o >= 0x4000 && o < 0x4000 + 32 * HARTS && (o & 31) == 0x1c) {
        unsigned hart = (unsigned)(o - 0x4000) / 32;

        aia.claims++;
        if (aia.babble != 0)
            return aia.babble << 16 | 1;
        for (uint32_t s = 1; s <= SOURCES; s++) {
            if (aia.domaincfg == 0x100 && aia.idelivery[hart] && aia.enabled[s] && aia.level[s] &&
                aia.target[s] >> 18 == hart)
                return s << 16 | (aia.target[s] & 0xff);
        }
        return 0;
    }
    fail_msg("APLIC read at %#lx", (unsigned long)o);
    return 0;
}

static void aia_write(uint64_t address, unsigned size, uint64_t v)
{
    uint64_t o = address - BASE;

    assert_int_equal(size, 4);
    if (address >= IMSIC && address < IMSIC + 0x1000 * 2 * HARTS) {
        assert_int_equal((address - IMSIC) % 0x2000, 0); /* seteipnum_le of an S-level file */
        msi((unsigned)((address - IMSIC) / 0x2000), (uint32_t)v);
    } else if (o == 0) {
        aia.domaincfg = (uint32_t)v;
    } else if (o <= 4 * SOURCES) {
        aia.sourcecfg[o / 4] = o / 4 == aia.undelegated ? 0 : (uint32_t)v;
    } else if (o >= 0x1f00 && o <= 0x1f08) {
        for (uint32_t s = 1; s <= SOURCES; s++) {
            if (s / 32 == (o - 0x1f00) / 4 && (v >> s % 32 & 1))
                aia.enabled[s] = false;
        }
    } else if (o == 0x1edc) {
        assert_true(v >= 1 && v <= SOURCES);
        aia.enabled[v] = true;
        aia_forward((uint32_t)v);
    } else if (o == 0x1cdc) {
        aia.setips++;
        assert_true(v >= 1 && v <= SOURCES);
        aia_forward((uint32_t)v);
    } else if (o > 0x3000 && o <= 0x3000 + 4 * SOURCES) {
        aia.target[(o - 0x3000) / 4] = (uint32_t)v;
    } else if (o >= 0x4000 && o < 0x4000 + 32 * HARTS && (o & 31) == 0) {
        aia.idelivery[(o - 0x4000) / 32] = (uint32_t)v;
    } else if (o >= 0x4000 && o < 0x4000 + 32 * HARTS && (o & 31) == 8) {
        aia.ithreshold[(o - 0x4000) / 32] = (uint32_t)v;
    } else {
        fail_msg("APLIC write at %#lx", (unsigned long)o);
    }
}

static unsigned csr_hart; /* whose CSRs are accessed */

void imsic_file_write(unsigned reg, uint64_t value)
{
    if (reg == IMSIC_EIDELIVERY)
        aia.eidelivery[csr_hart] = (uint32_t)value;
    else if (reg == IMSIC_EITHRESHOLD)
        aia.eithreshold[csr_hart] = (uint32_t)value;
    else if (reg == IMSIC_EIE0)
        aia.eie[csr_hart] = value;
    else
        fail_msg("IMSIC register %#x", reg);
}

uint32_t imsic_file_claim(void)
{
    uint64_t p = aia.pending[csr_hart] & aia.eie[csr_hart];

    aia.claims++;
    if (aia.babble != 0)
        return aia.babble;
    if (p == 0)
        return 0;
    aia.pending[csr_hart] &= ~(p & -p);
    return (uint32_t)__builtin_ctzll(p);
}

/* ---- common ---- */

static int setup(void **state)
{
    (void)state;
    fake_io_reset();
    memset(&plic, 0, sizeof(plic));
    memset(&aia, 0, sizeof(aia));
    memset(&plat, 0, sizeof(plat));
    fake_csr[CSR_SIE] = 0;
    memset(handled, 0, sizeof(handled));
    ipi_ops = NULL;
    ipis = warnings = 0;
    plat.harts = HARTS;
    plat.intc.base = BASE;
    plat.intc.size = 0x600000;
    plat.intc.sources = SOURCES;
    for (unsigned i = 0; i < HARTS_MAX; i++)
        plat.intc.context[i] = -1;
    plat.intc.imsic_base = IMSIC;
    plat.intc.imsic_size = 0x1000 * 2 * HARTS;
    plat.intc.imsic_ids = 255;
    plat.intc.imsic_guest_bits = 1;
    return 0;
}

static void use_plic(void)
{
    memset(&plic, 0xff, offsetof(typeof(plic), level));
    plat.intc.kind = INTC_PLIC;
    for (int i = 0; i < HARTS; i++)
        plat.intc.context[i] = 2 * i + 1;
    fake_io_read = plic_read;
    fake_io_write = plic_write;
}

/* The APLIC's hart i is Hearth's HARTS - 1 - i. */
static void probe_controllers(void)
{
    static const struct host_driver *const drivers[] = {&plic_driver, &aplic_direct_driver,
                                                        &aplic_msi_driver};

    hostirq_set_controller(NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(drivers); i++) {
        const int err = drivers[i]->probe(&plat);

        warnings += err != 0 && err != -HV_ENODEV;
    }
}

static void use_aplic(enum intc_kind kind)
{
    plat.intc.kind = kind;
    for (int i = 0; i < HARTS; i++)
        plat.intc.context[i] = HARTS - 1 - i;
    for (unsigned s = 1; s <= SOURCES; s++)
        aia.enabled[s] = true;
    fake_io_read = aia_read;
    fake_io_write = aia_write;
}

static void start(void)
{
    probe_controllers();
    for (unsigned h = 0; h < HARTS; h++) {
        csr_hart = (unsigned)plat.intc.context[h];
        hostirq_init_hart(h);
    }
}

/* A device's handler: counts, and makes its line low unless told to hold it. */
static bool hold;

static void on_irq(void *arg)
{
    uint32_t s = *(const uint32_t *)arg;

    handled[s]++;
    if (!hold)
        plic.level[s] = aia.level[s] = false;
}

static uint32_t numbers[64];

static int request(uint32_t s, unsigned hart)
{
    numbers[s % 64] = s;
    return hostirq_request(s, hart, on_irq, &numbers[s % 64]);
}

static void interrupt(unsigned hart)
{
    struct hart *saved = fake_this_hart, h = {.index = hart};

    csr_hart = (unsigned)plat.intc.context[hart];
    fake_this_hart = &h;
    hostirq_interrupt();
    fake_this_hart = saved;
}

/* hostirq.c keeps its handlers for the life of the machine: one source per test. */

static void without_controller(void **state)
{
    (void)state;
    plat.intc.kind = INTC_NONE;
    probe_controllers();
    hostirq_init_hart(0);
    assert_int_equal(request(60, 0), -HV_ENODEV);
    interrupt(0);
    assert_int_equal(fake_csr[CSR_SIE], 0);
}

static void plic_routes(void **state)
{
    (void)state;
    use_plic();
    start();
    for (unsigned s = 1; s <= SOURCES; s++)
        assert_int_equal(plic.priority[s], 0);
    for (unsigned w = 0; w < 3; w++) {
        assert_int_equal(plic.enable[1][w], 0);
        assert_int_equal(plic.enable[0][w], UINT32_MAX); /* the firmware's */
    }
    assert_int_equal(fake_csr[CSR_SIE], BIT(9)); /* SEIE */
    assert_int_equal(request(33, 1), 0);
    assert_int_equal(plic.enable[3][1], 2);
    assert_int_equal(plic.enable[1][1], 0);
    interrupt(1);
    assert_int_equal(handled[33], 0);
    plic.level[33] = true;
    interrupt(0);
    assert_int_equal(handled[33], 0);
    interrupt(1);
    assert_int_equal(handled[33], 1);
    assert_false(plic.claimed[33]);
    assert_int_equal(plic.completions, 1);
}

static void plic_hostile(void **state)
{
    (void)state;
    use_plic();
    start();
    assert_int_equal(request(0, 0), -HV_EINVAL);
    assert_int_equal(request(SOURCES + 1, 0), -HV_EINVAL);
    assert_int_equal(request(UINT32_MAX, 0), -HV_EINVAL);
    assert_int_equal(request(34, HARTS_MAX), -HV_EINVAL);
    assert_int_equal(request(34, HARTS), -HV_ENODEV);
    assert_int_equal(request(35, 0), 0);
    assert_int_equal(request(35, 1), -HV_EINVAL); /* taken */
    assert_int_equal(hostirq_request(36, 0, NULL, NULL), -HV_EINVAL);

    /* A line that stays high, and claims that never end or make no sense: bounded. */
    hold = true;
    plic.level[35] = true;
    interrupt(0);
    hold = false;
    assert_in_range(handled[35], 1, 64);
    plic.claims = 0;
    plic.babble = 0xdeadbeef;
    interrupt(0);
    assert_in_range(plic.claims, 1, 64);
}

static void plic_descriptions_refused(void **state)
{
    (void)state;
    use_plic();
    fake_io_write = NULL;         /* no register may be touched */
    plat.intc.context[1] = 0x400; /* registers beyond the region */
    probe_controllers();
    plat.intc.context[1] = INT32_MAX;
    probe_controllers();
    plat.intc.context[1] = 3;
    plat.intc.sources = 1024;
    probe_controllers();
    plat.intc.sources = 0;
    probe_controllers();
    plat.intc.sources = SOURCES;
    fake_map_fails = 1;
    probe_controllers();
    assert_int_equal(warnings, 5);
    assert_int_equal(request(60, 0), -HV_ENODEV);
}

static void aplic_direct_routes(void **state)
{
    (void)state;
    use_aplic(INTC_APLIC_DIRECT);
    start();
    assert_int_equal(aia.domaincfg, 0x100);
    for (unsigned s = 1; s <= SOURCES; s++)
        assert_false(aia.enabled[s]);
    assert_int_equal(request(40, 0), 0);
    assert_int_equal(aia.sourcecfg[40], 6);
    assert_int_equal(aia.target[40], (HARTS - 1) << 18 | 1);
    aia.level[40] = true;
    interrupt(1);
    assert_int_equal(handled[40], 0);
    interrupt(0);
    assert_int_equal(handled[40], 1);

    hold = true;
    aia.level[40] = true;
    interrupt(0);
    hold = false;
    assert_in_range(handled[40], 2, 65);
    aia.claims = 0;
    aia.babble = 0xffff;
    interrupt(0);
    assert_in_range(aia.claims, 1, 64);
    aia.babble = 0;

    aia.undelegated = 41;
    assert_int_equal(request(41, 0), -HV_ENODEV);
    assert_int_equal(request(SOURCES + 1, 0), -HV_EINVAL);
    assert_int_equal(request(42, HARTS), -HV_ENODEV);
}

static void aplic_msi_routes(void **state)
{
    (void)state;
    use_aplic(INTC_APLIC_MSI);
    /* An IPI that comes before the hart is set up is not lost. */
    aia.pending[0] = BIT(1);
    start();
    assert_int_equal(aia.domaincfg, 0x104);
    interrupt(2);
    assert_int_equal(ipis, 1);
    assert_int_equal(request(43, 1), 0);
    assert_int_equal(request(44, 1), 0);
    assert_int_equal(aia.target[43], (HARTS - 2) << 18 | 2);
    assert_int_equal(aia.target[44], (HARTS - 2) << 18 | 3);
    aia.level[44] = true;
    aia_forward(44);
    interrupt(0);
    assert_int_equal(handled[44], 0);
    interrupt(1);
    assert_int_equal(handled[44], 1);
    assert_int_equal(handled[43], 0);
    assert_int_equal(aia.setips, 1);
    interrupt(1);
    assert_int_equal(handled[44], 1);

    /* A level that outlasts its handler comes again, but not for ever at once. */
    hold = true;
    aia.level[43] = true;
    aia_forward(43);
    interrupt(1);
    assert_in_range(handled[43], 2, 64);
    hold = false;
    interrupt(1);

    /* Nonsense identities end, too. */
    aia.claims = 0;
    aia.babble = 2047;
    interrupt(1);
    assert_in_range(aia.claims, 1, 64);
    aia.claims = 0;
    aia.babble = 50;
    interrupt(1);
    assert_in_range(aia.claims, 1, 64);
}

static void imsic_carries_ipis(void **state)
{
    (void)state;
    use_aplic(INTC_APLIC_MSI);
    start();
    assert_non_null(ipi_ops);
    for (unsigned h = 0; h < HARTS; h++) {
        ipis = 0;
        ipi_ops->send(h);
        interrupt((h + 1) % HARTS);
        assert_int_equal(ipis, 0);
        interrupt(h);
        assert_int_equal(ipis, 1);
    }
}

static void imsic_descriptions_refused(void **state)
{
    (void)state;
    use_aplic(INTC_APLIC_MSI);
    /* A file beyond the region: IPIs stay with the firmware, the rest works. */
    plat.intc.imsic_size = 0x1000 * 2 * (HARTS - 1);
    start();
    assert_null(ipi_ops);
    assert_int_equal(request(45, 2), 0);

    setup(NULL);
    use_aplic(INTC_APLIC_MSI);
    plat.intc.imsic_guest_bits = 40;
    probe_controllers();
    plat.intc.imsic_guest_bits = 1;
    plat.intc.imsic_ids = 31;
    probe_controllers();
    plat.intc.imsic_ids = 255;
    plat.intc.imsic_size = 0;
    probe_controllers();
    plat.intc.imsic_size = 0x6000;
    plat.intc.size = 0x3fff;
    probe_controllers();
    assert_int_equal(warnings, 4);
    assert_null(ipi_ops);
}

static void table_full(void **state)
{
    unsigned taken = 0;

    (void)state;
    use_plic();
    start();
    for (uint32_t s = 46; s <= SOURCES && request(s, 0) == 0; s++)
        taken++;
    assert_in_range(taken, 1, 32);
    assert_int_equal(request(SOURCES, 0), -HV_ENOSPC);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(without_controller),  T(plic_routes),
        T(plic_hostile),        T(plic_descriptions_refused),
        T(aplic_direct_routes), T(aplic_msi_routes),
        T(imsic_carries_ipis),  T(imsic_descriptions_refused),
        T(table_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
