/* SPDX-License-Identifier: Apache-2.0 */
/* test_guest_fdt.c - guest/guest_fdt.c with the real board: the tree is read back by libfdt, by
 * dtc, and by Hearth's own reader of host trees. */
#include "damage.h"

#include <hearth/lib/errno.h>
#include <hearth/arch/isa.h>
#include <hearth/guest/loader.h>
#include <hearth/guest/board.h>
#include <hearth/platform/platform.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define ROOM (512 * 1024)

static struct vm vm;
static struct vcpu vcpu[VCPUS_MAX];
static uint8_t seed[32];
static struct platform host;

static int component_error;

static int component_fdt(const struct vm *v, void *fdt)
{
    int err = component_error;

    assert_ptr_equal(v, &vm);
    err = err ? err : fdt_begin_node(fdt, "extra");
    err = err ? err : fdt_property_string(fdt, "compatible", "hearth,extra");
    return err ? err : fdt_end_node(fdt);
}

static const struct vm_component no_fdt = {.name = "no_fdt"};
static const struct vm_component component = {.name = "component", .vm_fdt = component_fdt};
const struct vm_component *const vm_components[] = {&no_fdt, &component, NULL};

/* A guest whose host is QEMU's machine of that name. */
static void setup(const char *host_name, uint32_t vcpus)
{
    const char *why = NULL;
    void *fdt = data_dtb(host_name, 128 * 1024);

    assert_int_equal(platform_read(fdt, fdt_totalsize(fdt), 0, &host_platform, &why), 0);
    assert_int_equal(isa_read(fdt, &host_isa, &why), 0);
    host_isa.stage1_levels = 4;
    free(fdt);
    board_destroy(&vm);
    memset(&vm, 0, sizeof(vm));
    vm.config.vcpus = vcpus;
    for (uint32_t i = 0; i < vcpus; i++)
        vm.vcpus[i] = &vcpu[i];
    assert_int_equal(board_init(&vm), 0);
    vm.config.memory = 512 * MIB;
    vm.config.cmdline = "console=ttyS0 root=/dev/vda";
    memset(seed, 0x5a, sizeof(seed));
}

/* Firmware edits the tree in place: 4 KiB are free, and zero. */
static void check_slack(const void *fdt, uint32_t size)
{
    uint32_t used = fdt_off_dt_strings(fdt) + fdt_size_dt_strings(fdt);
    const uint8_t *bytes = fdt;
    static const uint8_t big[4000];
    void *copy = exact_copy(fdt, size);

    assert_int_equal(size - used, 4096);
    for (uint32_t i = used; i < size; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(fdt_setprop(copy, fdt_path_offset(copy, "/chosen"), "big", big, sizeof(big)),
                     0);
    free(copy);
}

static void *write_tree(uint32_t *size)
{
    uint64_t *buf = malloc(ROOM);
    int n;

    memset(buf, 0x5a, ROOM);
    n = guest_fdt_write(&vm, 0x9f000000, 0x123456, seed, buf, ROOM);
    assert_true(n > 0);
    assert_int_equal(n, fdt_totalsize(buf));
    assert_int_equal(fdt_check_full(buf, (size_t)n), 0);
    check_slack(buf, (uint32_t)n);
    *size = (uint32_t)n;
    return buf;
}

static const void *get(const void *fdt, const char *path, const char *name, int *len)
{
    int node = fdt_path_offset(fdt, path);
    const void *p = node < 0 ? NULL : fdt_getprop(fdt, node, name, len);

    if (p == NULL)
        fail_msg("no %s in %s", name, path);
    return p;
}

static void check_string(const void *fdt, const char *path, const char *name, const char *value)
{
    int len;
    const char *p = get(fdt, path, name, &len);

    assert_int_equal(len, strlen(value) + 1);
    assert_string_equal(p, value);
}

static void check_number(const void *fdt, const char *path, const char *name, uint64_t value)
{
    int len;
    const void *p = get(fdt, path, name, &len);

    if (len == 8)
        assert_int_equal(fdt64_ld(p), value);
    else
        assert_int_equal(fdt32_ld(p), value);
}

/* dtc reads the tree and warns only that syscon-poweroff and -reboot have no address. */
static void check_dtc(const void *fdt, uint32_t size)
{
    char path[] = "/tmp/hearth-fdt-XXXXXX", command[256], out[4096];
    int fd = mkstemp(path);
    FILE *f;
    size_t n;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, fdt, size), size);
    close(fd);
    snprintf(command, sizeof(command),
             "dtc -W no-simple_bus_reg -I dtb -O dts -o /dev/null %s 2>&1; echo status $?", path);
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(out, 1, sizeof(out) - 1, f);
    out[n] = '\0';
    pclose(f);
    unlink(path);
    assert_string_equal(out, "status 0\n");
}

static void check_cpu(const void *fdt, uint32_t i)
{
    char path[64], intc[96];
    int len;
    const char *list;

    snprintf(path, sizeof(path), "/cpus/cpu@%x", (unsigned)i);
    snprintf(intc, sizeof(intc), "%s/interrupt-controller", path);
    check_string(fdt, path, "device_type", "cpu");
    check_string(fdt, path, "status", "okay");
    check_string(fdt, path, "compatible", "riscv");
    check_string(fdt, path, "riscv,isa", host_isa.guest_isa);
    check_string(fdt, path, "riscv,isa-base", "rv64i");
    check_string(fdt, path, "mmu-type", "riscv,sv48");
    list = get(fdt, path, "riscv,isa-extensions", &len);
    assert_int_equal(len, host_isa.guest_extensions_len);
    assert_memory_equal(list, host_isa.guest_extensions, (size_t)len);
    check_number(fdt, path, "reg", i);
    check_number(fdt, path, "riscv,cbom-block-size", 64);
    check_number(fdt, path, "riscv,cboz-block-size", 64);
    check_number(fdt, path, "riscv,cbop-block-size", 64);
    check_number(fdt, path, "phandle", BOARD_PHANDLE_CPU(i));
    check_string(fdt, intc, "compatible", "riscv,cpu-intc");
    check_number(fdt, intc, "#interrupt-cells", 1);
    check_number(fdt, intc, "phandle", BOARD_PHANDLE_INTC(i));
    snprintf(path, sizeof(path), "/cpus/cpu-map/cluster0/core%u", (unsigned)i);
    check_number(fdt, path, "cpu", BOARD_PHANDLE_CPU(i));
}

static void check_tree(uint32_t vcpus)
{
    uint32_t size;
    void *fdt = write_tree(&size), *copy;
    struct host_isa seen;
    const char *why = NULL;
    int len;

    check_string(fdt, "/", "compatible", "riscv-virtio");
    check_string(fdt, "/chosen", "stdout-path", "/soc/serial@10000000");
    check_string(fdt, "/aliases", "serial0", "/soc/serial@10000000");
    check_string(fdt, "/chosen", "bootargs", vm.config.cmdline);
    check_number(fdt, "/chosen", "linux,initrd-start", 0x9f000000);
    check_number(fdt, "/chosen", "linux,initrd-end", 0x9f123456);
    assert_memory_equal(get(fdt, "/chosen", "rng-seed", &len), seed, 32);
    assert_int_equal(len, 32);
    for (uint32_t i = 0; i < vcpus; i++)
        check_cpu(fdt, i);
    check_dtc(fdt, size);

    /* Hearth itself accepts the tree as a host tree. */
    copy = exact_copy(fdt, size);
    assert_int_equal(platform_read(copy, size, 0, &host, &why), 0);
    assert_int_equal(host.harts, vcpus);
    assert_int_equal(host.timebase_hz, 10000000);
    assert_int_equal(host.mem_count, 1);
    assert_int_equal(host.mem[0].base, VM_RAM_BASE);
    assert_int_equal(host.mem[0].size, 512 * MIB);
    assert_int_equal(host.initrd, 0x9f000000);
    assert_int_equal(host.initrd_size, 0x123456);
    assert_int_equal(host.uart.base, BOARD_UART_BASE);
    assert_int_equal(host.uart.irq, BOARD_UART_IRQ);
    assert_int_equal(host.intc.kind, INTC_PLIC);
    for (uint32_t i = 0; i < vcpus; i++)
        assert_int_equal(host.intc.context[i], 2 * i + 1);
    assert_int_equal(host.test_finisher.base, BOARD_SYSCON_BASE);
    assert_int_equal(host.rtc_base, BOARD_RTC_BASE);
    assert_int_equal(isa_read(copy, &seen, &why), 0);
    assert_string_equal(seen.guest_isa, host_isa.guest_isa);
    assert_false(seen.h);
    free(copy);
    free(fdt);
}

static void test_one(void **state)
{
    (void)state;
    setup("qemu-plain", 1);
    check_tree(1);
}

static void test_sixty_four(void **state)
{
    (void)state;
    setup("qemu-max", VCPUS_MAX);
    check_tree(VCPUS_MAX);
}

static void test_no_initrd(void **state)
{
    uint64_t *buf = malloc(ROOM);
    int len;

    (void)state;
    setup("qemu-plain", 1);
    vm.config.cmdline = "";
    assert_true(guest_fdt_write(&vm, 0, 0, seed, buf, ROOM) > 0);
    assert_null(fdt_getprop(buf, fdt_path_offset(buf, "/chosen"), "linux,initrd-start", &len));
    assert_null(fdt_getprop(buf, fdt_path_offset(buf, "/chosen"), "bootargs", &len));
    /* An empty initrd has an address, as with QEMU. */
    assert_true(guest_fdt_write(&vm, 0x90000000, 0, seed, buf, ROOM) > 0);
    check_number(buf, "/chosen", "linux,initrd-start", 0x90000000);
    check_number(buf, "/chosen", "linux,initrd-end", 0x90000000);
    free(buf);
}

/* A host's clock may be faster than 32 bits say. */
static void test_fast_clock(void **state)
{
    uint32_t size;
    void *fdt;

    (void)state;
    setup("qemu-plain", 1);
    host_platform.timebase_hz = 5000000000;
    fdt = write_tree(&size);
    check_number(fdt, "/cpus", "timebase-frequency", 5000000000);
    free(fdt);
}

static void test_hypervisor(void **state)
{
    uint32_t size;
    void *fdt;

    (void)state;
    setup("qemu-plain", 1);
    fdt = write_tree(&size);
    check_string(fdt, "/hypervisor", "compatible", "hearth,hypervisor");
    free(fdt);
}

/* Components add nodes to the root; one that fails ends the tree. */
static void test_components(void **state)
{
    uint8_t buf[16 * 1024];
    uint32_t size;
    void *fdt;

    (void)state;
    setup("qemu-plain", 1);
    fdt = write_tree(&size);
    check_string(fdt, "/extra", "compatible", "hearth,extra");
    free(fdt);
    component_error = -FDT_ERR_INTERNAL;
    assert_int_equal(guest_fdt_write(&vm, 0, 0, seed, buf, sizeof(buf)), -HV_ENOSPC);
    component_error = 0;
}

/* Both sides of a channel, and the largest number of channels, which must fit into loader.c's
 * room. */
static void test_channels(void **state)
{
    static const char longest[] = "abcdefghijabcdefghijabcdefghij1";
    static char cmdline[VM_CMDLINE_MAX + 1];
    uint32_t size;
    void *fdt;
    int len;

    (void)state;
    setup("qemu-plain", 1);
    vm.config.channel_count = 2;
    vm.config.channel[0] = (struct config_channel){
        .name = "ring", .peer = "other", .size = 2 * MIB, .publishes = true, .writable = true};
    vm.config.channel[1] =
        (struct config_channel){.name = "frames", .peer = "third", .size = 0x3000};
    fdt = write_tree(&size);
    check_string(fdt, "/soc/memory-channel-0", "compatible", "hearth,memory-channel");
    check_string(fdt, "/soc/memory-channel-0", "hearth,role", "publisher");
    check_string(fdt, "/soc/memory-channel-0", "label", "ring");
    check_string(fdt, "/soc/memory-channel-0", "hearth,peer", "other");
    (void)get(fdt, "/soc/memory-channel-0", "hearth,writable", &len);
    assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/soc/memory-channel-0"), "reg", &len));
    assert_memory_equal(get(fdt, "/soc/memory-channel-0", "interrupts", &len), "\0\0\0\x40", 4);
    assert_memory_equal(get(fdt, "/soc/memory-channel-0", "hearth,size", &len),
                        "\0\0\0\0\0\x20\0\0", 8);
    check_string(fdt, "/soc/memory-channel@18040000000", "hearth,role", "subscriber");
    assert_memory_equal(get(fdt, "/soc/memory-channel@18040000000", "reg", &len),
                        "\0\0\x01\x80\x40\0\0\0\0\0\0\0\0\0\x30\0", 16);
    assert_memory_equal(get(fdt, "/soc/memory-channel@18040000000", "interrupts", &len),
                        "\0\0\0\x41", 4);
    assert_memory_equal(get(fdt, "/soc/memory-channel@18040000000", "hearth,channel", &len),
                        "\0\0\0\x01", 4);
    assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/soc/memory-channel@18040000000"),
                            "hearth,writable", &len));
    free(fdt);

    memset(cmdline, 'x', VM_CMDLINE_MAX);
    vm.config.cmdline = cmdline;
    vm.config.channel_count = VM_CHANNELS_MAX;
    for (unsigned i = 0; i < VM_CHANNELS_MAX; i++)
        vm.config.channel[i] = (struct config_channel){
            .name = longest, .peer = longest, .size = GIB, .writable = true};
    free(write_tree(&size));
    assert_in_range(size, 8192, 25 * KIB);
}

/* Addresses and interrupts come from the VM's board. */
static void test_two_ports(void **state)
{
    static const struct vm_device ports[] = {
        {.ops = &plic_ops, .base = 0x4000000, .size = 0x600000},
        {.ops = &uart_ops, .base = 0x3000, .size = 0x100, .irq = 9},
        {.ops = &uart_ops, .base = 0x2000, .size = 0x100, .irq = 8},
    };
    struct board_list list = {0};
    uint32_t size;
    void *fdt;

    (void)state;
    setup("qemu-plain", 1);
    board_destroy(&vm);
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
        assert_int_equal(board_add(&list, &ports[i]), 0);
    assert_int_equal(board_create(&vm, &list), 0);
    fdt = write_tree(&size);
    check_string(fdt, "/chosen", "stdout-path", "/soc/serial@3000");
    check_string(fdt, "/aliases", "serial0", "/soc/serial@3000");
    check_string(fdt, "/aliases", "serial1", "/soc/serial@2000");
    check_number(fdt, "/soc/serial@3000", "interrupts", 9);
    check_number(fdt, "/soc/serial@2000", "interrupts", 8);
    check_number(fdt, "/soc/plic@4000000", "phandle", BOARD_PHANDLE_PLIC);
    check_dtc(fdt, size);
    free(fdt);
}

/* Every buffer that is too small causes an error, without a write beyond it. */
static void test_too_small(void **state)
{
    uint32_t need;

    (void)state;
    setup("qemu-plain", 2);
    free(write_tree(&need));
    for (uint32_t room = 0; room < need; room += room < 64 ? 1 : 37) {
        void *buf = malloc(room ? room : 1);

        assert_int_equal(guest_fdt_write(&vm, 0x9f000000, 0x123456, seed, buf, room), -HV_ENOSPC);
        free(buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),        cmocka_unit_test(test_sixty_four),
        cmocka_unit_test(test_no_initrd),  cmocka_unit_test(test_components),
        cmocka_unit_test(test_fast_clock), cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_hypervisor), cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_channels),   cmocka_unit_test(test_two_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
