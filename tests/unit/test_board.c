/*
 * test_board.c - the board: its table, its memory, the dispatch of accesses; the syscon behind it;
 * the device tree that all devices write.
 */
#include <hearth/lib/errno.h>
#include <hearth/guest/mmio.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include "device_test.h"

static void test_table(void **state)
{
    (void)state;
    assert_true(board_row_count >= 4 && board_row_count <= BOARD_ROWS_MAX);
    for (unsigned i = 0; i < board_row_count; i++) {
        const struct board_row *r = &board_rows[i];

        assert_true(is_aligned(r->base, 8) && is_aligned(r->size, 8) && r->size > 0);
        assert_non_null(r->ops->read);
        assert_non_null(r->ops->write);
        assert_true(r->ops->access_sizes > 0 && r->ops->access_sizes < 16);
        assert_true(r->base + r->size <= VM_RAM_BASE);
        for (unsigned j = 0; j < i; j++)
            assert_true(board_rows[j].base + board_rows[j].size <= r->base ||
                        r->base + r->size <= board_rows[j].base);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fake_pages_fail = 1;
    assert_int_equal(board_init(&vm), -HV_ENOMEM);
    fake_pages_fail = 0;
    assert_int_equal(fake_pages_out, 0);
    board_destroy(&vm); /* nothing there: nothing happens */
    assert_int_equal(fake_pages_out, 0);
}

/* The last and first bytes of every row, the 16 before and the 16 after it, at every width: refused
 * unless inside some row, aligned, and of a permitted width. The first register of each row is
 * there. */
static void test_edges(void **state)
{
    unsigned reached = 0;

    (void)state;
    for (unsigned i = 0; i < 4 * board_row_count; i++) {
        const struct board_row *r = &board_rows[i / 4];
        gpa_t from = (i & 2 ? r->base + r->size : r->base) - (i & 1 ? 16 : 0);

        for (gpa_t gpa = from; gpa < from + 16; gpa++)
            for (unsigned size = 1; size <= 8; size *= 2) {
                bool allowed = false;
                uint64_t v = 0;

                for (unsigned j = 0; j < board_row_count; j++)
                    if (range_within(gpa, size, board_rows[j].base, board_rows[j].size))
                        allowed = is_aligned(gpa, size) && (board_rows[j].ops->access_sizes & size);
                if (!allowed)
                    assert_int_equal(mmio_read(&vcpus[0], gpa, size, &v), -HV_EFAULT);
                else if (gpa == r->base) {
                    assert_int_equal(mmio_read(&vcpus[0], gpa, size, &v), 0);
                    reached++;
                }
            }
    }
    assert_true(reached >= board_row_count);
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
    /* a second failure leaves the text alone that the first request refers to */
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
    for (unsigned i = 0; i < board_row_count && !*err; i++)
        if (board_rows[i].ops->fdt)
            *err = board_rows[i].ops->fdt(&vm, fdt, &board_rows[i]);
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

/* A buffer that is too small at whatever point: an error comes back, and ASan sees no overrun. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test_setup_teardown(test_edges, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_holes, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_written_bits_above_width, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_syscon, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_fdt, board_up, board_down),
        cmocka_unit_test_setup_teardown(test_fdt_no_space, board_up, board_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
