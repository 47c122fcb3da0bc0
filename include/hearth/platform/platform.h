/* SPDX-License-Identifier: Apache-2.0 */
/*
 * platform.h - the host, as its device tree describes it. Filled once at boot by platform_read(),
 * const after. Parsing is pure (guest/ and tests/ may run it on any blob).
 */
#pragma once

#include <hearth/lib/types.h>
#include <hearth/mm/boot_memory.h>

#define PLATFORM_MEM_MAX       16
#define PLATFORM_RESERVED_MAX  64
#define PLATFORM_MISPLACED_MAX 8

enum uart_kind {
    UART_NONE,
    UART_NS16550,
};

enum intc_kind {
    INTC_NONE,
    INTC_PLIC,
    INTC_APLIC_DIRECT, /* APLIC without IMSIC */
    INTC_APLIC_MSI,    /* APLIC forwarding to IMSICs */
};

struct platform_hart {
    uint64_t hartid; /* as SBI knows it */
    uint32_t intc;   /* phandle of its cpu-intc */
};

struct platform {
    const void *fdt; /* the blob, mapped; its size is fdt_totalsize */

    uint32_t harts;
    uint32_t harts_unused; /* further cpu nodes, beyond HARTS_MAX */
    struct platform_hart hart[HARTS_MAX];
    uint64_t timebase_hz;

    uint32_t mem_count;
    struct mem_range mem[PLATFORM_MEM_MAX]; /* sorted, merged */
    uint32_t reserved_count;
    struct mem_range
        reserved[PLATFORM_RESERVED_MAX]; /* /reserved-memory and the memreserve block */

    hpa_t initrd; /* bundle; size 0: none */
    uint64_t initrd_size;

    struct {
        enum uart_kind kind;
        hpa_t base;
        uint64_t size;
        uint32_t reg_shift;
        uint32_t reg_io_width;
        uint32_t irq; /* source number at the interrupt controller; 0 none */
    } uart;           /* /chosen/stdout-path, else the first known UART */

    struct {
        enum intc_kind kind;
        hpa_t base; /* PLIC, or the S-level APLIC */
        uint64_t size;
        uint32_t sources;
        int32_t context[HARTS_MAX]; /* PLIC: S-mode context of platform hart i, -1 none. APLIC: hart
                                       index */
        hpa_t imsic_base; /* S-level IMSIC: base of group 0; per hart files at imsic_stride */
        uint64_t imsic_size;
        uint32_t imsic_ids;        /* riscv,num-ids */
        uint32_t imsic_guest_bits; /* riscv,guest-index-bits */
    } intc;

    struct {
        hpa_t base; /* 0: none. sifive,test0/1: ends QEMU's machine with an exit code */
        uint64_t size;
    } test_finisher;

    hpa_t rtc_base; /* google,goldfish-rtc; 0: none */
    uint64_t rtc_size;

    /* Names of nodes with impossible register addresses, which are treated as absent. */
    uint32_t misplaced_count;
    const char *misplaced[PLATFORM_MISPLACED_MAX];
};

static inline bool ranges_overlap(hpa_t a, uint64_t a_size, hpa_t b, uint64_t b_size)
{
    return a_size != 0 && b_size != 0 && (a <= b ? b - a < a_size : a - b < b_size);
}

/*
 * Reads the blob. 0, or -HV_EINVAL with *why (static text). Damaged blobs, missing nodes, an initrd
 * outside RAM or in a range that is not to be mapped, counts beyond the tables are all refused or
 * (harts above HARTS_MAX but for the boot hart, memory ranges above the table) cut with *why
 * untouched and a count that is right for what is kept.
 */
int __must_check platform_read(const void *fdt, uint64_t max_size, uint64_t boot_hart,
                               struct platform *out, const char **why);

/* True if the range is inside one of the memory ranges. */
bool platform_in_ram(const struct platform *p, hpa_t base, uint64_t size);

/* platform_dev.c, called by platform_read() when the rest is read: UART, interrupt controller,
 * finisher and clock. What is missing, malformed, or over RAM stays absent (kind NONE, base 0);
 * context[] is then all -1. */
void platform_read_devices(struct platform *out);

extern struct platform host_platform; /* of this machine; const after boot */
