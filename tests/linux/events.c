/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - a Linux program without a libc: counts PMU events on CPU 0 with perf_event_open()
 * around the same work twice, and prints for each
 *
 *     event NAME FIRST SECOND STOPPED
 *
 * where SECOND includes FIRST, and STOPPED is SECOND again after the event was disabled and more
 * work. An event that cannot be opened: `event NAME error N`. Then misses of the data TLB, sampled:
 *
 *     sampled COUNT SAMPLES
 *
 * with one sample due at every PERIOD-th of COUNT; or `sampled error N`.
 */
#include <stddef.h>
#include <stdint.h>

#define SYS_ioctl              29
#define SYS_read               63
#define SYS_write              64
#define SYS_exit               93
#define SYS_nanosleep          101
#define SYS_sched_setaffinity  122
#define SYS_mmap               222
#define SYS_madvise            233
#define SYS_perf_event_open    241
#define SYS_riscv_flush_icache 259

#define PERF_TYPE_HARDWARE 0
#define PERF_TYPE_SOFTWARE 1
#define PERF_TYPE_HW_CACHE 3
#define PERF_TYPE_RAW      4
#define DTLB_LOAD_MISSES   (3 | 1 << 16)
#define IOC_ENABLE         0x2400
#define IOC_DISABLE        0x2401
#define FIRMWARE(code)     (1ull << 63 | (code))
#define ATTR_DISABLED      1
#define PERIOD             500
#define SAMPLE_IP          1
#define RECORD_SAMPLE      9
#define PAGE               4096
#define RING_PAGES         8
#define AREA_PAGES         256

struct attr { /* PERF_ATTR_SIZE_VER0 */
    uint32_t type, size;
    uint64_t config, sample_period, sample_type, read_format, flags;
    uint32_t wakeup, bp_type;
    uint64_t config1;
};

static const struct event {
    const char *name;
    uint32_t type;
    uint64_t config;
} events[] = {
    {"cycles", PERF_TYPE_HARDWARE, 0},
    {"instructions", PERF_TYPE_HARDWARE, 1},
    {"dtlb_load_misses", PERF_TYPE_HW_CACHE, DTLB_LOAD_MISSES},
    {"misaligned_load", PERF_TYPE_RAW, FIRMWARE(0)},
    {"illegal_insn", PERF_TYPE_RAW, FIRMWARE(4)},
    {"set_timer", PERF_TYPE_RAW, FIRMWARE(5)},
    {"ipi_sent", PERF_TYPE_RAW, FIRMWARE(6)},
    {"ipi_received", PERF_TYPE_RAW, FIRMWARE(7)},
    {"fence_i_sent", PERF_TYPE_RAW, FIRMWARE(8)},
    {"hypercalls", PERF_TYPE_RAW, FIRMWARE(256 + 1)},
    {"mmio_writes", PERF_TYPE_RAW, FIRMWARE(256 + 3)},
};

static long call6(long nr, long a0, long a1, long a2, long a3, long a4, long a5)
{
    register long r0 __asm__("a0") = a0;
    register long r1 __asm__("a1") = a1;
    register long r2 __asm__("a2") = a2;
    register long r3 __asm__("a3") = a3;
    register long r4 __asm__("a4") = a4;
    register long r5 __asm__("a5") = a5;
    register long r7 __asm__("a7") = nr;

    __asm__ volatile("ecall"
                     : "+r"(r0)
                     : "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5), "r"(r7)
                     : "memory");
    return r0;
}

static long call(long nr, long a0, long a1, long a2, long a3, long a4)
{
    return call6(nr, a0, a1, a2, a3, a4, 0);
}

static void print(const char *text)
{
    size_t n = 0;

    while (text[n])
        n++;
    call(SYS_write, 1, (long)text, (long)n, 0, 0);
}

static void print_number(uint64_t n)
{
    char text[24], *p = text + sizeof(text) - 1;

    *p = 0;
    do
        *--p = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    *--p = ' ';
    print(p);
}

static void run_on(uint64_t cpus)
{
    call(SYS_sched_setaffinity, 0, sizeof(cpus), (long)&cpus, 0, 0);
}

static uint64_t value(long fd)
{
    uint64_t v = 0;

    return call(SYS_read, fd, (long)&v, sizeof(v), 0, 0) == sizeof(v) ? v : UINT64_MAX;
}

/* An event of one CPU, disabled or not. */
static long open_event(uint32_t type, uint64_t config, int cpu, uint64_t flags)
{
    const struct attr attr = {.type = type, .size = 64, .config = config, .flags = flags};

    return call(SYS_perf_event_open, (long)&attr, -1, cpu, -1, 0);
}

/* Causes each event on CPU 0; some need CPU 1. To read an event of the other CPU the kernel sends
 * it an IPI: `away` is on CPU 1, `here` on CPU 0. */
static void work(long here, long away)
{
    static const long brief[2] = {0, 2000000};

    for (volatile unsigned i = 0; i < 100000; i++)
        ;
    call(SYS_nanosleep, (long)brief, 0, 0, 0, 0);
    value(away);
    run_on(2);
    value(here);
    run_on(1);
    call(SYS_riscv_flush_icache, 0, 4096, 0, 0, 0);
    print("\n");
}

static void count(const struct event *e, long away)
{
    const long fd = open_event(e->type, e->config, 0, ATTR_DISABLED);
    uint64_t first, second;

    if (fd < 0) {
        print("event ");
        print(e->name);
        print(" error");
        print_number((uint64_t)-fd);
        print("\n");
        return;
    }
    call(SYS_ioctl, fd, IOC_ENABLE, 0, 0, 0);
    work(fd, away);
    first = value(fd);
    work(fd, away);
    call(SYS_ioctl, fd, IOC_DISABLE, 0, 0, 0);
    second = value(fd);
    work(fd, away);
    print("event ");
    print(e->name);
    print_number(first);
    print_number(second);
    print_number(value(fd));
    print("\n");
}

/* Maps anonymous memory, or a file. */
static uint8_t *map(long fd, size_t pages)
{
    const long flags = fd < 0 ? 0x22 : 1; /* private and anonymous; shared */

    return (uint8_t *)call6(SYS_mmap, 0, (long)(pages * PAGE), 3, flags, fd, 0);
}

/* At least AREA_PAGES load misses. */
static void miss(volatile uint8_t *area)
{
    for (size_t i = 0; i < AREA_PAGES; i++)
        (void)area[i * PAGE];
    call(SYS_madvise, (long)area, AREA_PAGES * PAGE, 4, 0, 0); /* maps all pages again */
}

static uint64_t samples(const uint8_t *ring)
{
    const uint64_t head = *(const volatile uint64_t *)(ring + 1024);
    uint64_t n = 0;

    for (uint64_t at = 0; at < head && at < RING_PAGES * PAGE;) {
        const struct {
            uint32_t type;
            uint16_t misc, size;
        } *record = (const void *)(ring + PAGE + at);

        n += record->type == RECORD_SAMPLE;
        at += record->size ? record->size : head;
    }
    return n;
}

static void sample(void)
{
    const struct attr attr = {.type = PERF_TYPE_HW_CACHE,
                              .size = 64,
                              .config = DTLB_LOAD_MISSES,
                              .sample_period = PERIOD,
                              .sample_type = SAMPLE_IP,
                              .flags = ATTR_DISABLED};
    const long fd = call(SYS_perf_event_open, (long)&attr, -1, 0, -1, 0);
    uint8_t *ring, *area;

    print("sampled ");
    if (fd < 0) {
        print("error");
        print_number((uint64_t)-fd);
        print("\n");
        return;
    }
    ring = map(fd, RING_PAGES + 1);
    area = map(-1, AREA_PAGES);
    call(SYS_ioctl, fd, IOC_ENABLE, 0, 0, 0);
    for (unsigned i = 0; i < 40; i++)
        miss(area);
    call(SYS_ioctl, fd, IOC_DISABLE, 0, 0, 0);
    print_number(value(fd));
    print_number(samples(ring));
    print("\n");
}

void _start(void);
void _start(void)
{
    const long away = open_event(PERF_TYPE_SOFTWARE, 0, 1, 0);

    run_on(1);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        count(&events[i], away);
    sample();
    call(SYS_exit, 0, 0, 0, 0, 0);
    for (;;)
        ;
}
