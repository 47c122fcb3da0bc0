/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_board.c - the board: its list, its memory, the dispatch of accesses; the syscon on it; the
 * device tree that all devices write.
 */
#include <hearth/lib/errno.h>
#include <hearth/guest/board.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include "device_test.h"

static const struct vm_device *devices;
static unsigned device_count;

static int up(void **state)
{
    int err = board_up(state);

    devices = board_devices(&vm, &device_count);
    return err;
}

static void test_table(void **state)
{
    struct board_list list;

    (void)state;
    assert_int_equal(board_describe(&vm.config, &list), 0);
    assert_true(list.count >= 4);
    for (unsigned i = 0; i < list.count; i++) {
        const struct vm_device *r = &list.device[i];

        assert_true(is_aligned(r->base, 8) && is_aligned(r->size, 8) && r->size > 0);
        assert_non_null(r->ops->read);
        assert_non_null(r->ops->write);
        assert_true(r->ops->access_sizes > 0 && r->ops->access_sizes < 16);
        assert_true(r->base + r->size <= VM_RAM_BASE);
        for (unsigned j = 0; j < i; j++)
            assert_true(list.device[j].base + list.device[j].size <= r->base ||
                        r->base + r->size <= list.device[j].base);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fake_pages_fail = 1;
    assert_int_equal(board_init(&vm), -HV_ENOMEM);
    fake_pages_fail = 0;
    assert_int_equal(fake_pages_out, 0);
    board_destroy(&vm); /* no board: no effect */
    assert_int_equal(fake_pages_out, 0);
}

/* The first and last bytes of every device, and the 16 bytes before and after it, at every width.
 * Accesses fail unless they are inside a device, aligned, and of a permitted width. The first
 * register of each device can be read. */
static void test_edges(void **state)
{
    unsigned reached = 0;

    (void)state;
    for (unsigned i = 0; i < 4 * device_count; i++) {
        const struct vm_device *r = &devices[i / 4];
        gpa_t from = (i & 2 ? r->base + r->size : r->base) - (i & 1 ? 16 : 0);

        for (gpa_t gpa = from; gpa < from + 16; gpa++)
            for (unsigned size = 1; size <= 8; size *= 2) {
                bool allowed = false;
                uint64_t v = 0;

                for (unsigned j = 0; j < device_count; j++)
                    if (range_within(gpa, size, devices[j].base, devices[j].size))
                        allowed = is_aligned(gpa, size) && (devices[j].ops->access_sizes & size);
                if (!allowed)
                    assert_int_equal(mmio_read(&vcpus[0], gpa, size, &v), -HV_EFAULT);
                else if (gpa == r->base) {
                    assert_int_equal(mmio_read(&vcpus[0], gpa, size, &v), 0);
                    reached++;
                }
            }
    }
    assert_true(reached >= device_count);
}

static void test_holes(void **state)
{
    static const gpa_t holes[] = {
        0,           0xfffff,        0x102000,   0x2000000,
        0x0bfffffc,  0x0c600000,     0x10000100, 0x10001000,
        VM_RAM_BASE, UINT64_MAX - 7, 1ull << 56, 0x110000000 /* UART + 4 GiB */,
    };
    uint64_t v;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(holes); i++)
        for (unsigned size = 1; size <= 8; size *= 2) {
            assert_int_equal(mmio_read(&vcpus[0], holes[i], size, &v), -HV_EFAULT);
            assert_int_equal(mmio_write(&vcpus[0], holes[i], size, 1), -HV_EFAULT);
        }
}

static void test_written_bits_above_width(void **state)
{
    (void)state;
    mmio_ok_write(BOARD_UART_BASE + 7, 1, 0xffffffffffffff5a);
    assert_int_equal(mmio_ok_read(BOARD_UART_BASE + 7, 1), 0x5a);
}

static void finish(uint64_t value, unsigned size, gpa_t offset)
{
    fake_stop_calls = 0;
    fake_stop_reason = NULL;
    fake_stop_kind = VM_STOP_NONE;
    mmio_ok_write(BOARD_SYSCON_BASE + offset, size, value);
}

static void test_syscon(void **state)
{
    (void)state;
    finish(0x5555, 4, 0);
    assert_int_equal(fake_stop_calls, 1);
    assert_int_equal(fake_stop_kind, VM_STOP_POWEROFF);
    finish(0x7777, 2, 0);
    assert_int_equal(fake_stop_kind, VM_STOP_REBOOT);
    finish(0xdead7777, 4, 0);
    assert_int_equal(fake_stop_kind, VM_STOP_REBOOT);
    finish(65535u << 16 | 0x3333, 4, 0);
    assert_int_equal(fake_stop_kind, VM_STOP_POWEROFF);
    assert_string_equal(fake_stop_reason, "guest failure code 65535");
    /* a second failure does not change the text that the first request points to */
    finish(1u << 16 | 0x3333, 4, 0);
    assert_int_equal(fake_stop_calls, 0);
    board_reset(&vm);
    finish(7u << 16 | 0x3333, 4, 0);
    assert_string_equal(fake_stop_reason, "guest failure code 7");

    finish(0x5556, 4, 0);
    assert_int_equal(fake_stop_calls, 0);
    finish(0, 4, 0);
    assert_int_equal(fake_stop_calls, 0);
    finish(0x5555, 4, 4);
    assert_int_equal(fake_stop_calls, 0);
    finish(0x5555, 2, 0xffe);
    assert_int_equal(fake_stop_calls, 0);
    assert_int_equal(mmio_ok_read(BOARD_SYSCON_BASE, 4), 0);
    assert_int_equal(mmio_write(&vcpus[0], BOARD_SYSCON_BASE, 1, 0x55), -HV_EFAULT);
    assert_int_equal(mmio_write(&vcpus[0], BOARD_SYSCON_BASE, 8, 0x5555), -HV_EFAULT);
    assert_int_equal(fake_stop_calls, 0);
}

static void *write_fdt(size_t size, int *err)
{
    void *fdt = test_malloc(size);

    *err = fdt_create(fdt, (int)size);
    *err = *err ? *err : fdt_finish_reservemap(fdt);
    *err = *err ? *err : fdt_begin_node(fdt, "");
    *err = *err ? *err : fdt_begin_node(fdt, "soc");
    for (unsigned i = 0; i < device_count && !*err; i++)
        if (devices[i].ops->fdt)
            *err = devices[i].ops->fdt(&vm, fdt, &devices[i]);
    *err = *err ? *err : fdt_end_node(fdt);
    *err = *err ? *err : fdt_end_node(fdt);
    *err = *err ? *err : fdt_finish(fdt);
    return fdt;
}

static void expect_cells(const void *fdt, const char *path, const char *prop, unsigned n,
                         const uint32_t *cells)
{
    int len, node = fdt_path_offset(fdt, path);
    const fdt32_t *p;

    assert_true(node >= 0);
    p = fdt_getprop(fdt, node, prop, &len);
    assert_non_null(p);
    assert_int_equal(len, n * 4);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(fdt32_to_cpu(p[i]), cells[i]);
}

#define EXPECT_CELLS(path, prop, ...)                                                              \
    expect_cells(fdt, path, prop, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

static void expect_compatible(const void *fdt, const char *path, const char *compatible)
{
    int node = fdt_path_offset(fdt, path);

    assert_true(node >= 0);
    assert_int_equal(fdt_node_check_compatible(fdt, node, compatible), 0);
}

static void test_fdt(void **state)
{
    int err;
    void *fdt = write_fdt(8192, &err);

    (void)state;
    assert_int_equal(err, 0);
    expect_compatible(fdt, "/soc/serial@10000000", "ns16550a");
    EXPECT_CELLS("/soc/serial@10000000", "reg", 0, 0x10000000, 0, 0x100);
    EXPECT_CELLS("/soc/serial@10000000", "clock-frequency", 3686400);
    EXPECT_CELLS("/soc/serial@10000000", "interrupts", 10);
    EXPECT_CELLS("/soc/serial@10000000", "interrupt-parent", BOARD_PHANDLE_PLIC);
    expect_compatible(fdt, "/soc/plic@c000000", "sifive,plic-1.0.0");
    expect_compatible(fdt, "/soc/plic@c000000", "riscv,plic0");
    EXPECT_CELLS("/soc/plic@c000000", "reg", 0, 0xc000000, 0, 0x600000);
    EXPECT_CELLS("/soc/plic@c000000", "riscv,ndev", 95);
    EXPECT_CELLS("/soc/plic@c000000", "phandle", BOARD_PHANDLE_PLIC);
    EXPECT_CELLS("/soc/plic@c000000", "#interrupt-cells", 1);
    EXPECT_CELLS("/soc/plic@c000000", "#address-cells", 0);
    EXPECT_CELLS("/soc/plic@c000000", "interrupts-extended", 16, 11, 16, 9, 18, 11, 18, 9, 20, 11,
                 20, 9);
    assert_non_null(
        fdt_getprop(fdt, fdt_path_offset(fdt, "/soc/plic@c000000"), "interrupt-controller", NULL));
    expect_compatible(fdt, "/soc/rtc@101000", "google,goldfish-rtc");
    EXPECT_CELLS("/soc/rtc@101000", "reg", 0, 0x101000, 0, 0x1000);
    EXPECT_CELLS("/soc/rtc@101000", "interrupts", 11);
    EXPECT_CELLS("/soc/rtc@101000", "interrupt-parent", BOARD_PHANDLE_PLIC);
    expect_compatible(fdt, "/soc/test@100000", "sifive,test1");
    expect_compatible(fdt, "/soc/test@100000", "sifive,test0");
    expect_compatible(fdt, "/soc/test@100000", "syscon");
    EXPECT_CELLS("/soc/test@100000", "phandle", BOARD_PHANDLE_SYSCON);
    expect_compatible(fdt, "/soc/poweroff", "syscon-poweroff");
    EXPECT_CELLS("/soc/poweroff", "regmap", BOARD_PHANDLE_SYSCON);
    EXPECT_CELLS("/soc/poweroff", "value", 0x5555);
    expect_compatible(fdt, "/soc/reboot", "syscon-reboot");
    EXPECT_CELLS("/soc/reboot", "value", 0x7777);
    EXPECT_CELLS("/soc/reboot", "offset", 0);
    test_free(fdt);
}

/* A buffer that is too small at any point causes an error and no overrun (ASan). */
static void test_fdt_no_space(void **state)
{
    size_t need;
    int err;
    void *fdt = write_fdt(8192, &err);

    (void)state;
    need = fdt_totalsize(fdt);
    test_free(fdt);
    for (size_t size = 64; size < need; size += 4) {
        fdt = write_fdt(size, &err);
        assert_int_equal(err, -FDT_ERR_NOSPACE);
        test_free(fdt);
    }
    assert_true(need > 1000);
}

/* ---- a board of another shape: two UARTs, two RTCs, two finishers ---- */

#define UART2_BASE 0x10001000ull
#define RTC2_BASE  0x10002000ull
#define TEST2_BASE 0x10003000ull

static void add(struct board_list *list, const struct device_ops *ops, gpa_t base, uint64_t size,
                uint32_t irq)
{
    const struct vm_device dev = {.ops = ops, .base = base, .size = size, .irq = irq};

    assert_int_equal(board_add(list, &dev), 0);
}

/* No device has the address that it has in QEMU's virt. */
static int pairs_up(void **state)
{
    struct board_list list = {0};
    int err = board_up(state);

    board_destroy(&vm);
    add(&list, &rtc_ops, 0x200000, 0x1000, 3);
    add(&list, &plic_ops, 0x4000000, 0x600000, 0);
    add(&list, &uart_ops, 0x300000, 0x100, 5);
    add(&list, &uart_ops, UART2_BASE, 0x100, 63);
    add(&list, &rtc_ops, RTC2_BASE, 0x1000, 7);
    add(&list, &syscon_ops, 0x400000, 0x1000, 0);
    add(&list, &syscon_ops, TEST2_BASE, 0x1000, 0);
    err = err ? err : board_create(&vm, &list);
    devices = board_devices(&vm, &device_count);
    return err;
}

static void test_pair_of_each(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(device_count, 7);
    for (unsigned round = 0; round < 2; round++) {
        mmio_ok_write(0x300000 + 7, 1, 0x12); /* scratch registers */
        mmio_ok_write(UART2_BASE + 7, 1, 0x34);
        assert_int_equal(mmio_ok_read(0x300000 + 7, 1), 0x12);
        assert_int_equal(mmio_ok_read(UART2_BASE + 7, 1), 0x34);
        mmio_ok_write(0x200000 + 0x0c, 4, 77); /* alarms */
        mmio_ok_write(RTC2_BASE + 0x0c, 4, 88);
        assert_int_equal(mmio_ok_read(0x200000 + 0x0c, 4), 77);
        assert_int_equal(mmio_ok_read(RTC2_BASE + 0x0c, 4), 88);
        assert_int_equal(mmio_read(&vcpus[round], BOARD_UART_BASE, 1, &v), -HV_EFAULT);
        assert_int_equal(mmio_read(&vcpus[round], BOARD_PLIC_BASE, 4, &v), -HV_EFAULT);
    }
    /* each vcpu has its own last device */
    assert_int_equal(mmio_read(&vcpus[1], 0x300000 + 7, 1, &v), 0);
    assert_int_equal(v, 0x12);
    assert_int_equal(mmio_read(&vcpus[2], UART2_BASE + 7, 1, &v), 0);
    assert_int_equal(v, 0x34);
    finish(0x7777, 4, TEST2_BASE - BOARD_SYSCON_BASE);
    assert_int_equal(fake_stop_kind, VM_STOP_REBOOT);
    finish(0x5555, 4, 0x400000 - BOARD_SYSCON_BASE);
    assert_int_equal(fake_stop_kind, VM_STOP_POWEROFF);
}

static uint64_t pending(void)
{
    return mmio_ok_read(0x4001000, 4) | mmio_ok_read(0x4001004, 4) << 32;
}

/* Each device raises its own interrupt. */
static void test_own_interrupts(void **state)
{
    (void)state;
    mmio_ok_write(UART2_BASE + 1, 1, 2); /* the transmitter is empty */
    assert_int_equal(pending(), BIT(63));
    mmio_ok_write(0x300000 + 1, 1, 2);
    assert_int_equal(pending(), BIT(63) | BIT(5));
    for (unsigned i = 0; i < 2; i++) {
        gpa_t rtc = i == 0 ? RTC2_BASE : 0x200000;

        mmio_ok_write(rtc + 0x10, 4, 1);
        mmio_ok_write(rtc + 0x0c, 4, 0);
        mmio_ok_write(rtc + 0x08, 4, 1); /* alarm in 1970 */
        assert_int_equal(pending(), BIT(63) | BIT(5) | BIT(7) | (i == 0 ? 0 : BIT(3)));
    }
}

/* Input goes to the first UART, and only the first UART's output goes to the console. */
static void test_one_console(void **state)
{
    char got[8];

    (void)state;
    assert_ptr_equal(board_console(&vm)->ops, &uart_ops);
    assert_int_equal(board_console(&vm)->base, 0x300000);
    fake_console_type("ab", 2);
    board_console_event(&vm);
    assert_int_equal(mmio_ok_read(UART2_BASE + 5, 1) & 1, 0);
    assert_int_equal(mmio_ok_read(UART2_BASE, 1), 0);
    assert_int_equal(mmio_ok_read(0x300000 + 5, 1) & 1, 1);
    assert_int_equal(mmio_ok_read(0x300000, 1), 'a');
    assert_int_equal(board_console_read(&vm, got, sizeof(got)), 1);
    mmio_ok_write(UART2_BASE, 1, 'x');
    mmio_ok_write(0x300000, 1, 'y');
    assert_int_equal(fake_console_out_len, 1);
    assert_int_equal(fake_console_out[0], 'y');
}

static void test_pair_fdt(void **state)
{
    int err;
    void *fdt = write_fdt(8192, &err);

    (void)state;
    assert_int_equal(err, 0);
    EXPECT_CELLS("/soc/serial@300000", "interrupts", 5);
    EXPECT_CELLS("/soc/serial@10001000", "interrupts", 63);
    EXPECT_CELLS("/soc/serial@10001000", "reg", 0, 0x10001000, 0, 0x100);
    EXPECT_CELLS("/soc/rtc@200000", "interrupts", 3);
    EXPECT_CELLS("/soc/rtc@10002000", "interrupts", 7);
    EXPECT_CELLS("/soc/plic@4000000", "reg", 0, 0x4000000, 0, 0x600000);
    EXPECT_CELLS("/soc/test@400000", "phandle", BOARD_PHANDLE_SYSCON);
    expect_compatible(fdt, "/soc/test@10003000", "sifive,test1");
    expect_compatible(fdt, "/soc/poweroff", "syscon-poweroff");
    assert_int_equal(fdt_path_offset(fdt, "/soc/serial@10000000"), -FDT_ERR_NOTFOUND);
    test_free(fdt);
}

static int try_add(struct board_list *list, gpa_t base, uint64_t size, uint32_t irq)
{
    const struct vm_device dev = {.ops = &rtc_ops, .base = base, .size = size, .irq = irq};
    unsigned before = list->count;
    int err = board_add(list, &dev);

    assert_int_equal(list->count, before + (err == 0));
    return err;
}

static void test_two_controllers(void **state)
{
    struct board_list list = {0};

    (void)state;
    memset(&vm, 0, sizeof(vm));
    add(&list, &plic_ops, 0x4000000, 0x600000, 0);
    add(&list, &plic_ops, 0x8000000, 0x600000, 0);
    assert_int_equal(board_create(&vm, &list), -HV_EEXIST);
    assert_int_equal(fake_pages_out, 0);
}

static void test_refused_lists(void **state)
{
    struct board_list list = {0};

    (void)state;
    assert_int_equal(board_create(&vm, &list), -HV_EINVAL);
    assert_int_equal(try_add(&list, 0x10000, 0x1000, 1), 0);
    assert_int_equal(try_add(&list, 0x10000, 0x1000, 2), -HV_EEXIST);
    assert_int_equal(try_add(&list, 0x10ff8, 8, 2), -HV_EEXIST);
    assert_int_equal(try_add(&list, 0xfff8, 16, 2), -HV_EEXIST);
    assert_int_equal(try_add(&list, 0, 0x1000000, 2), -HV_EEXIST); /* overlaps it */
    assert_int_equal(try_add(&list, 0x11000, 8, 1), -HV_EEXIST);   /* its interrupt number */
    assert_int_equal(try_add(&list, 0x11000, 8, VM_CHANNEL_IRQ), -HV_EINVAL);
    assert_int_equal(try_add(&list, 0x11004, 8, 2), -HV_EINVAL);
    assert_int_equal(try_add(&list, 0x11000, 12, 2), -HV_EINVAL);
    assert_int_equal(try_add(&list, 0x11000, 0, 2), -HV_EINVAL);
    assert_int_equal(try_add(&list, VM_RAM_BASE - 8, 16, 2), -HV_EINVAL);
    assert_int_equal(try_add(&list, VM_RAM_BASE, 8, 2), -HV_EINVAL);
    assert_int_equal(try_add(&list, UINT64_MAX - 7, 8, 2), -HV_EINVAL);
    assert_int_equal(try_add(&list, 0x11000, UINT64_MAX - 7, 2), -HV_EINVAL);
    assert_int_equal(try_add(&list, 0xfff8, 8, 2), 0); /* adjacent */
    assert_int_equal(try_add(&list, 0x11000, 8, 3), 0);
    while (list.count < BOARD_DEVICES_MAX)
        assert_int_equal(try_add(&list, 0x20000 + list.count * 8, 8, 0), 0);
    assert_int_equal(try_add(&list, 0x30000, 8, 0), -HV_ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test_setup_teardown(test_edges, up, board_down),
        cmocka_unit_test_setup_teardown(test_holes, up, board_down),
        cmocka_unit_test_setup_teardown(test_written_bits_above_width, up, board_down),
        cmocka_unit_test_setup_teardown(test_syscon, up, board_down),
        cmocka_unit_test_setup_teardown(test_fdt, up, board_down),
        cmocka_unit_test_setup_teardown(test_fdt_no_space, up, board_down),
        cmocka_unit_test_setup_teardown(test_pair_of_each, pairs_up, board_down),
        cmocka_unit_test_setup_teardown(test_own_interrupts, pairs_up, board_down),
        cmocka_unit_test_setup_teardown(test_one_console, pairs_up, board_down),
        cmocka_unit_test_setup_teardown(test_pair_fdt, pairs_up, board_down),
        cmocka_unit_test(test_refused_lists),
        cmocka_unit_test(test_two_controllers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
