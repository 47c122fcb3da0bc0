/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kexec.c - a Linux program: `kexec IMAGE INITRD` loads this kernel and this initrd with
 * kexec_load() and starts them. They get the device tree, command line and initrd address of the
 * kernel that runs. (Debian's kernels have no kexec_file_load(), its busybox no kexec.)
 */
#include <stddef.h>
#include <stdint.h>

#define SYS_openat     56
#define SYS_lseek      62
#define SYS_read       63
#define SYS_sync       81
#define SYS_exit       93
#define SYS_kexec_load 104
#define SYS_reboot     142
#define SYS_mmap       222
#define AT_FDCWD       (-100)
#define SEEK_END       2
#define PROT_READ      1
#define MAP_PRIVATE    2

#define KEXEC_ARCH_RISCV (243 << 16)
#define REBOOT_MAGIC1    0xfee1dead
#define REBOOT_MAGIC2    672274793
#define REBOOT_KEXEC     0x45584543

#define PAGE      4096ull
#define RAM       0x80000000ull
#define FDT_MAX   65536
#define FDT_MAGIC 0xd00dfeed
#define FDT_BEGIN 1u
#define FDT_END   2u
#define FDT_PROP  3u
#define FDT_NOP   4u

struct segment {
    const void *buf;
    uint64_t bufsz, mem, memsz;
};

struct file {
    const uint8_t *data;
    uint64_t size;
};

static uint8_t fdt[FDT_MAX] __attribute__((aligned(8)));

static int64_t call5(int64_t nr, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e)
{
    register int64_t a0 __asm__("a0") = a;
    register int64_t a1 __asm__("a1") = b;
    register int64_t a2 __asm__("a2") = c;
    register int64_t a3 __asm__("a3") = d;
    register int64_t a4 __asm__("a4") = e;
    register int64_t a5 __asm__("a5") = 0;
    register int64_t a7 __asm__("a7") = nr;

    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                     : "memory");
    return a0;
}

static int64_t call(int64_t nr, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return call5(nr, a, b, c, d, 0);
}

static void __attribute__((noreturn)) exit_program(int status)
{
    for (;;)
        call(SYS_exit, status, 0, 0, 0);
}

static int64_t open_file(const char *path)
{
    const int64_t fd = call(SYS_openat, AT_FDCWD, (int64_t)path, 0, 0);

    if (fd < 0)
        exit_program(3);
    return fd;
}

static struct file map_file(const char *path)
{
    const int64_t fd = open_file(path), size = call(SYS_lseek, fd, 0, SEEK_END, 0);
    const int64_t data = size <= 0 ? -1 : call5(SYS_mmap, 0, size, PROT_READ, MAP_PRIVATE, fd);

    if (data < 0)
        exit_program(4);
    return (struct file){(const uint8_t *)data, (uint64_t)size};
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t le64(const uint8_t *p)
{
    uint64_t value = 0;

    for (unsigned i = 8; i-- > 0;)
        value = value << 8 | p[i];
    return value;
}

static uint64_t length(const char *s)
{
    uint64_t n = 0;

    while (s[n] != '\0')
        n++;
    return n;
}

static int is_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Value of a property that is an address, in any node of the kernel's device tree. */
static uint64_t address_in_fdt(const char *name)
{
    const uint8_t *p = fdt + be32(fdt + 8);
    const char *strings = (const char *)fdt + be32(fdt + 12);

    for (;;) {
        const uint32_t token = be32(p);

        p += 4;
        if (token == FDT_BEGIN) {
            p += (length((const char *)p) + 4) & ~3ull;
        } else if (token == FDT_PROP) {
            const uint32_t size = be32(p);

            if (is_equal(strings + be32(p + 4), name))
                return size == 8 ? (uint64_t)be32(p + 8) << 32 | be32(p + 12) : be32(p + 8);
            p += 8 + ((size + 3) & ~3u);
        } else if (token != FDT_END && token != FDT_NOP) {
            exit_program(5);
        }
    }
}

static uint64_t pages(uint64_t size)
{
    return (size + PAGE - 1) & ~(PAGE - 1);
}

/* The kernel's initial stack: argc, argv[]. */
void start_c(const int64_t *stack);
void start_c(const int64_t *stack)
{
    const int64_t fd = open_file("/sys/firmware/fdt");
    struct file image, initrd;
    struct segment segments[3];
    uint64_t initrd_at, initrd_end, fdt_size, got = 0;
    int64_t n;

    if (stack[0] != 3)
        exit_program(2);
    image = map_file((const char *)stack[2]);
    initrd = map_file((const char *)stack[3]);
    do { /* sysfs gives a page at a time */
        n = call(SYS_read, fd, (int64_t)(fdt + got), (int64_t)(sizeof(fdt) - got), 0);
        got += n > 0 ? (uint64_t)n : 0;
    } while (n > 0);
    fdt_size = be32(fdt + 4);
    if (be32(fdt) != FDT_MAGIC || fdt_size > got)
        exit_program(6);
    initrd_at = address_in_fdt("linux,initrd-start");
    initrd_end = address_in_fdt("linux,initrd-end");
    if (initrd.size > initrd_end - initrd_at)
        exit_program(7);

    /* The Image's header: load offset, size with bss. */
    segments[0] = (struct segment){image.data, image.size, RAM + le64(image.data + 8),
                                   pages(le64(image.data + 16))};
    /* Clears the rest of the old initrd's memory. */
    segments[1] =
        (struct segment){initrd.data, initrd.size, initrd_at, pages(initrd_end - initrd_at)};
    segments[2] = (struct segment){fdt, fdt_size, initrd_at - pages(fdt_size), pages(fdt_size)};
    if (call(SYS_kexec_load, (int64_t)segments[0].mem, 3, (int64_t)segments, KEXEC_ARCH_RISCV) != 0)
        exit_program(8);
    call(SYS_sync, 0, 0, 0, 0);
    call(SYS_reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_KEXEC, 0);
    exit_program(9);
}

__asm__(".globl _start\n"
        "_start: mv a0, sp\n"
        "        andi sp, sp, -16\n"
        "        j start_c\n");
