/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform_dev.c - the host's devices that Hearth drives, found by compatible wherever they are in
 * the tree: console UART, interrupt controller (PLIC, or APLIC with or without IMSICs), test
 * finisher, clock. Bindings: serial/8250.yaml, sifive,plic-1.0.0.yaml, riscv,aplic.yaml,
 * riscv,imsics.yaml. No state.
 *
 * Errors here do not stop the boot: a device with a malformed node is treated as absent.
 */
#include <hearth/lib/errno.h>
#include <hearth/lib/fdt_util.h>
#include <hearth/platform/platform.h>

#include <libfdt.h>
#include <string.h>

#define IRQ_S_EXTERNAL 9

#define PLIC_CONTEXT_BASE   0x200000u
#define PLIC_CONTEXT_STRIDE 0x1000u
#define SOURCES_MAX         1023u

#define IMSIC_IDS_MIN        63u
#define IMSIC_IDS_MAX        2047u
#define IMSIC_GUEST_BITS_MAX 7u

struct device_scan {
    struct platform *out;
    int stdout_node;      /* -1: none */
    int uart_node;        /* -1: none yet */
    uint32_t uart_parent; /* phandle of the UART's interrupt controller */
    uint32_t uart_irq;
    uint32_t intc_phandle;
    uint32_t imsic_phandle; /* S-level; 0: none */
};

/* True if the current node is compatible with an entry of the list, and enabled. */
static bool platform_is_device(const struct fdt_walk *w, const char *const *list, size_t count)
{
    int len;
    const char *compatible = fdt_getprop(w->fdt, w->node, "compatible", &len);

    for (size_t i = 0; compatible != NULL && i < count; i++) {
        if (fdt_stringlist_contains(compatible, len, list[i]))
            return fdt_walk_okay(w);
    }
    return false;
}

/*
 * Reads the current node's first register range. False: it is absent or invalid: it wraps, or
 * overlaps RAM, where a register write would corrupt the firmware or Hearth.
 */
static bool platform_read_registers(const struct fdt_walk *w, struct platform *out, hpa_t *base,
                                    uint64_t *size)
{
    bool good;

    if (fdt_walk_reg(w, 0, base, size) != 0 || *size == 0)
        return false;
    good = range_within(*base, *size, 0, HPA_LIMIT);
    for (uint32_t i = 0; good && i < out->mem_count; i++)
        good = !ranges_overlap(*base, *size, out->mem[i].base, out->mem[i].size);
    if (!good && out->misplaced_count < PLATFORM_MISPLACED_MAX) {
        const char *name = fdt_get_name(w->fdt, w->node, NULL);

        out->misplaced[out->misplaced_count++] = name != NULL ? name : "?";
    }
    return good;
}

/* ---- console UART ---- */

/* Finds the node named by /chosen/stdout-path (a path or alias, without options such as
 * ":115200n8"); -1: none. */
static int platform_find_stdout(const void *fdt)
{
    const char *path, *colon, *slash;
    size_t len;
    int chosen = fdt_path_offset(fdt, "/chosen"), node, alias_len;

    if (chosen < 0 || fdt_prop_string(fdt, chosen, "stdout-path", &path) != 0)
        return -1;
    colon = strchr(path, ':');
    len = colon != NULL ? (size_t)(colon - path) : strlen(path);
    if (path[0] != '/') {
        /* libfdt's alias lookup would loop forever on an alias that names itself. */
        int aliases = fdt_path_offset(fdt, "/aliases");

        slash = memchr(path, '/', len);
        if (aliases < 0 || slash != NULL)
            return -1;
        path = fdt_getprop_namelen(fdt, aliases, path, (int)len, &alias_len);
        if (path == NULL || alias_len < 2 || path[0] != '/' || path[alias_len - 1] != '\0')
            return -1;
        len = strlen(path);
    }
    node = fdt_path_offset_namelen(fdt, path, (int)len);
    return node < 0 ? -1 : node;
}

/* Reads the current node's first interrupt: phandle of its controller and source number. */
static void platform_read_interrupt(const struct fdt_walk *w, uint32_t *parent, uint32_t *source)
{
    int len;
    const void *p = fdt_getprop(w->fdt, w->node, "interrupts-extended", &len);

    *parent = 0;
    *source = 0;
    if (p != NULL) {
        if (len >= 8) {
            *parent = fdt_cell(p, 0);
            *source = fdt_cell(p, 1);
        }
        return;
    }
    p = fdt_getprop(w->fdt, w->node, "interrupts", &len);
    if (p != NULL && len >= 4) {
        *parent = fdt_walk_interrupt_parent(w);
        *source = fdt_cell(p, 0);
    }
}

static void platform_scan_uart(const struct fdt_walk *w, struct device_scan *s)
{
    static const char *const known[] = {"ns16550a", "ns16550", "snps,dw-apb-uart", "uart8250"};
    struct platform *out = s->out;
    uint32_t shift = 0, width = 1;
    hpa_t base;
    uint64_t size;

    if (s->uart_node >= 0 && w->node != s->stdout_node)
        return;
    if (!platform_is_device(w, known, ARRAY_SIZE(known)) ||
        !platform_read_registers(w, out, &base, &size))
        return;
    if (fdt_prop_u32(w->fdt, w->node, "reg-shift", &shift) == -HV_EINVAL || shift > 3 ||
        fdt_prop_u32(w->fdt, w->node, "reg-io-width", &width) == -HV_EINVAL ||
        (width != 1 && width != 2 && width != 4) || size < (8ull << shift))
        return;
    out->uart.kind = UART_NS16550;
    out->uart.base = base;
    out->uart.size = size;
    out->uart.reg_shift = shift;
    out->uart.reg_io_width = width;
    s->uart_node = w->node;
    platform_read_interrupt(w, &s->uart_parent, &s->uart_irq);
}

static void platform_scan_small(const struct fdt_walk *w, struct device_scan *s)
{
    static const char *const finisher[] = {"sifive,test1", "sifive,test0"};
    static const char *const rtc[] = {"google,goldfish-rtc"};
    struct platform *out = s->out;
    hpa_t base;
    uint64_t size;

    if (out->test_finisher.base == 0 && platform_is_device(w, finisher, ARRAY_SIZE(finisher)) &&
        platform_read_registers(w, out, &base, &size) && size >= 4) {
        out->test_finisher.base = base;
        out->test_finisher.size = size;
    }
    if (out->rtc_base == 0 && platform_is_device(w, rtc, 1) &&
        platform_read_registers(w, out, &base, &size) && size >= 0x20) {
        out->rtc_base = base;
        out->rtc_size = size;
    }
}

/* ---- interrupt controllers ---- */

static void platform_clear_contexts(int32_t *context)
{
    for (unsigned i = 0; i < HARTS_MAX; i++)
        context[i] = -1;
}

/*
 * Reads interrupts-extended of a controller: pairs of (cpu-intc, cause). Pair k is the output of
 * the controller's context (PLIC), interrupt delivery control (APLIC) or interrupt file (IMSIC) k.
 * Stores for each platform hart the index of the pair of its S-mode external interrupt; returns the
 * number found.
 */
static unsigned platform_read_contexts(const struct fdt_walk *w, const struct platform *out,
                                       int32_t *context)
{
    unsigned found = 0;
    int len;
    const void *p = fdt_getprop(w->fdt, w->node, "interrupts-extended", &len);

    platform_clear_contexts(context);
    if (p == NULL || len % 8 != 0)
        return 0;
    for (uint32_t k = 0; k < (uint32_t)len / 8; k++) {
        uint32_t intc = fdt_cell(p, 2 * k);

        if (fdt_cell(p, 2 * k + 1) != IRQ_S_EXTERNAL || intc == 0)
            continue;
        for (uint32_t i = 0; i < out->harts; i++) {
            if (out->hart[i].intc == intc && context[i] < 0) {
                context[i] = (int32_t)k;
                found++;
            }
        }
    }
    return found;
}

/* True if the controller is the first of its kind or the one that the UART is connected to. */
static bool platform_intc_is_wanted(const struct device_scan *s, uint32_t phandle)
{
    return s->out->intc.kind == INTC_NONE ||
           (phandle == s->uart_parent && s->intc_phandle != s->uart_parent);
}

static void platform_scan_plic(const struct fdt_walk *w, struct device_scan *s)
{
    static const char *const known[] = {"sifive,plic-1.0.0", "riscv,plic0", "thead,c900-plic"};
    uint32_t phandle, sources;
    int32_t context[HARTS_MAX];
    hpa_t base;
    uint64_t size;

    if (!platform_is_device(w, known, ARRAY_SIZE(known)))
        return;
    phandle = fdt_get_phandle(w->fdt, w->node);
    if (!platform_intc_is_wanted(s, phandle))
        return;
    if (!platform_read_registers(w, s->out, &base, &size) ||
        size < PLIC_CONTEXT_BASE + PLIC_CONTEXT_STRIDE ||
        fdt_prop_u32(w->fdt, w->node, "riscv,ndev", &sources) != 0 || sources == 0 ||
        sources > SOURCES_MAX || platform_read_contexts(w, s->out, context) == 0)
        return;
    for (unsigned i = 0; i < HARTS_MAX; i++) {
        /* Ignore a context whose registers are outside the device. */
        if (context[i] >= 0 &&
            PLIC_CONTEXT_BASE + ((uint64_t)context[i] + 1) * PLIC_CONTEXT_STRIDE > size)
            context[i] = -1;
    }
    s->out->intc.kind = INTC_PLIC;
    s->out->intc.base = base;
    s->out->intc.size = size;
    s->out->intc.sources = sources;
    memcpy(s->out->intc.context, context, sizeof(context));
    s->intc_phandle = phandle;
}

static void platform_scan_imsic(const struct fdt_walk *w, struct device_scan *s)
{
    static const char *const imsics[] = {"riscv,imsics"};
    struct platform *out = s->out;
    int32_t context[HARTS_MAX];
    uint32_t ids, guest_bits = 0;
    hpa_t base;
    uint64_t size;

    if (s->imsic_phandle != 0 || !platform_is_device(w, imsics, 1))
        return;
    /* The machine-level IMSIC has cause 11 in all pairs. */
    if (platform_read_contexts(w, out, context) == 0 ||
        !platform_read_registers(w, out, &base, &size) ||
        fdt_prop_u32(w->fdt, w->node, "riscv,num-ids", &ids) != 0 || ids < IMSIC_IDS_MIN ||
        ids > IMSIC_IDS_MAX || (ids & 63) != 63 ||
        fdt_prop_u32(w->fdt, w->node, "riscv,guest-index-bits", &guest_bits) == -HV_EINVAL ||
        guest_bits > IMSIC_GUEST_BITS_MAX)
        return;
    out->intc.imsic_base = base;
    out->intc.imsic_size = size;
    out->intc.imsic_ids = ids;
    out->intc.imsic_guest_bits = guest_bits;
    memcpy(out->intc.context, context, sizeof(context));
    s->imsic_phandle = fdt_get_phandle(w->fdt, w->node);
}

static void platform_scan_aplic(const struct fdt_walk *w, struct device_scan *s)
{
    static const char *const aplic[] = {"riscv,aplic"};
    struct platform *out = s->out;
    uint32_t phandle, msi_parent = 0, sources;
    int32_t context[HARTS_MAX];
    hpa_t base;
    uint64_t size;

    if (!platform_is_device(w, aplic, 1))
        return;
    phandle = fdt_get_phandle(w->fdt, w->node);
    if (!platform_intc_is_wanted(s, phandle))
        return;
    if (!platform_read_registers(w, out, &base, &size) ||
        fdt_prop_u32(w->fdt, w->node, "riscv,num-sources", &sources) != 0 || sources == 0 ||
        sources > SOURCES_MAX)
        return;
    if (fdt_prop_u32(w->fdt, w->node, "msi-parent", &msi_parent) == 0) {
        if (msi_parent == 0 || msi_parent != s->imsic_phandle)
            return; /* machine level, or not connected */
        out->intc.kind = INTC_APLIC_MSI;
    } else {
        if (platform_read_contexts(w, out, context) == 0)
            return;
        out->intc.kind = INTC_APLIC_DIRECT;
        memcpy(out->intc.context, context, sizeof(context));
    }
    out->intc.base = base;
    out->intc.size = size;
    out->intc.sources = sources;
    s->intc_phandle = phandle;
}

static void platform_scan_all(struct device_scan *s,
                              void (*scan)(const struct fdt_walk *w, struct device_scan *s))
{
    struct fdt_walk w;

    fdt_walk_start(&w, s->out->fdt);
    while (fdt_walk_next(&w))
        scan(&w, s);
}

void platform_read_devices(struct platform *out)
{
    struct device_scan s = {
        .out = out, .stdout_node = platform_find_stdout(out->fdt), .uart_node = -1};

    platform_clear_contexts(out->intc.context);
    platform_scan_all(&s, platform_scan_uart);
    platform_scan_all(&s, platform_scan_small);
    platform_scan_all(&s, platform_scan_imsic);
    platform_scan_all(&s, platform_scan_aplic);
    if (out->intc.kind == INTC_NONE)
        platform_scan_all(&s, platform_scan_plic);
    if (out->intc.kind == INTC_NONE)
        platform_clear_contexts(out->intc.context);
    if (out->intc.kind != INTC_NONE && s.uart_parent == s.intc_phandle && s.uart_irq >= 1 &&
        s.uart_irq <= out->intc.sources)
        out->uart.irq = s.uart_irq;
}
