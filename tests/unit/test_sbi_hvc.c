/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_hvc.c - HVC and HOST_COMM: numbers, arguments, errors; and extensions hidden from a
 * VM. */
#include "fakes/sbi_vm.h"
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <hearth/lib/errno.h>
#include <hearth/sbi/hvc.h>

#include <libfdt.h>

#define END (SBI_RAM_BASE + SBI_RAM_SIZE)

static char scratch[HVC_SCRATCH];

static int fresh(void **state)
{
    (void)state;
    sbi_fake_reset(4);
    sbi_self->slots[VCPU_SLOT_SBI + SBI_SLOT_HVC] = scratch;
    fake_log_lines = 0;
    fake_messages_answer = 0;
    fake_messages_calls = 0;
    fake_message_len = 0;
    return 0;
}

static void test_join_address(void **state)
{
    static const struct {
        uint64_t low, high;
        bool valid;
        uint64_t address;
    } rows[] = {
        {0, 0, true, 0},
        {0x80001000, 0, true, 0x80001000},
        {UINT64_MAX, 0, true, UINT64_MAX},
        {0x123456789a, 0, true, 0x123456789a},
        {0x3456789a, 0x12, true, 0x123456789a},
        {UINT32_MAX, UINT32_MAX, true, UINT64_MAX},
        {0, UINT32_MAX, true, 0xffffffff00000000},
        {BIT(32), 1, false, 0},
        {UINT64_MAX, 1, false, 0},
        {0, BIT(32), false, 0},
        {0x80001000, UINT64_MAX, false, 0},
        {UINT64_MAX, UINT64_MAX, false, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        gpa_t address;

        assert_int_equal(sbi_join_address(rows[i].low, rows[i].high, &address), rows[i].valid);
        if (rows[i].valid)
            assert_int_equal(address, rows[i].address);
    }
}

static void test_hypercall_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < hypercall_count; i++) {
        assert_non_null(hypercalls[i]->name);
        assert_non_null(hypercalls[i]->handle);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(hypercalls[i]->nr, hypercalls[j]->nr);
    }
    for (uint64_t nr = 0; nr < 0x2000; nr++)
        if (nr != 0x1001 && (nr < 0x1010 || nr > 0x1017))
            assert_sbi(sbi_ecall(0x485643, nr, SBI_RAM_BASE, 0, 1, 0), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(sbi_ecall(0x485643, 0x1001 | BIT(32), SBI_RAM_BASE, 0, 1, 0), SBI_ERR_NOT_SUPPORTED,
               0);
    assert_int_equal(fake_log_lines, 0);
}

static struct sbi_answer log_at(uint64_t lo, uint64_t hi, uint64_t len)
{
    return sbi_ecall(0x485643, 0x1001, lo, hi, len, 9);
}

static void test_log(void **state)
{
    char want[1100] = "Guest Log: ";

    (void)state;
    memcpy(sbi_ram + 16, "some text", 9);
    assert_sbi(log_at(SBI_RAM_BASE + 16, 0, 9), 0, 0);
    assert_string_equal(fake_log_text, "Guest Log: some text");
    memset(sbi_ram + SBI_RAM_SIZE - 1024, 'x', 1024);
    memset(want + 11, 'x', 1024);
    assert_sbi(log_at(END - 1024, 0, 1024), 0, 0);
    assert_string_equal(fake_log_text, want);
    assert_int_equal(fake_log_lines, 2);
}

/* While the console is full the ecall is retried, with unchanged registers. */
static void test_log_waits(void **state)
{
    struct sbi_answer answer;

    (void)state;
    memcpy(sbi_ram, "some text", 9);
    fake_log_full = true;
    answer = log_at(SBI_RAM_BASE, 0, 9);
    assert_int_equal(exit_action(answer.result), EXIT_RETRY);
    assert_int_equal(fake_log_lines, 0);
    fake_log_full = false;
    assert_sbi(log_at(SBI_RAM_BASE, 0, 9), 0, 0);
    assert_int_equal(fake_log_lines, 1);
}

static void test_log_refuses(void **state)
{
    (void)state;
    assert_sbi(log_at(SBI_RAM_BASE, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(log_at(SBI_RAM_BASE, 0, 1025), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(log_at(SBI_RAM_BASE, 0, UINT64_MAX), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(log_at(SBI_RAM_BASE | BIT(32), 1, 8), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(log_at(SBI_RAM_BASE, BIT(32), 8), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(log_at(SBI_RAM_BASE, 1, 8), SBI_ERR_FAILED, 0);
    assert_sbi(log_at(SBI_RAM_BASE - 1, 0, 2), SBI_ERR_FAILED, 0);
    assert_sbi(log_at(END - 7, 0, 8), SBI_ERR_FAILED, 0);
    assert_sbi(log_at(UINT64_MAX - 3, 0, 8), SBI_ERR_FAILED, 0);
    rec.copy_limit = 7; /* the G-stage may still refuse RAM */
    assert_sbi(log_at(SBI_RAM_BASE, 0, 8), SBI_ERR_FAILED, 0);
    assert_int_equal(fake_log_lines, 0);
}

static struct sbi_answer comm(uint64_t fid, uint64_t len, uint64_t lo, uint64_t hi)
{
    return sbi_ecall(0x484F5354, fid, len, lo, hi, 9);
}

static void test_host_comm(void **state)
{
    (void)state;
    memcpy(sbi_ram, "message", 7);
    assert_sbi(comm(0, 7, SBI_RAM_BASE, 0), 0, 0);
    assert_int_equal(fake_message_len, 7);
    assert_memory_equal(fake_message, "message", 7);
    assert_sbi(comm(0, 4096, END - 4096, 0), 0, 0);
    fake_message_len = 7;
    memcpy(fake_message, "MESSAGE", 7);
    assert_sbi(comm(1, 7, END - 7, 0), 0, 7);
    assert_memory_equal(sbi_ram + SBI_RAM_SIZE - 7, "MESSAGE", 7);
    assert_sbi(comm(1, SBI_RAM_SIZE, SBI_RAM_BASE, 0), 0, 7);
    rec.copy_limit = 6;
    assert_sbi(comm(0, 7, SBI_RAM_BASE, 0), SBI_ERR_FAILED, 0);
    assert_sbi(comm(1, 8, SBI_RAM_BASE, 0), SBI_ERR_FAILED, 0);
}

static void test_host_comm_refuses(void **state)
{
    (void)state;
    assert_sbi(comm(0, 0, SBI_RAM_BASE, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(comm(0, 4097, SBI_RAM_BASE, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(comm(0, UINT64_MAX, SBI_RAM_BASE, 0), SBI_ERR_INVALID_PARAM, 0);
    for (uint64_t fid = 0; fid < 2; fid++) {
        assert_sbi(comm(fid, 8, SBI_RAM_BASE | BIT(32), 1), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(comm(fid, 8, SBI_RAM_BASE, BIT(32)), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(comm(fid, 8, SBI_RAM_BASE, 1), SBI_ERR_FAILED, 0);
        assert_sbi(comm(fid, 8, SBI_RAM_BASE - 1, 0), SBI_ERR_FAILED, 0);
        assert_sbi(comm(fid, 8, END - 7, 0), SBI_ERR_FAILED, 0);
        assert_sbi(comm(fid, 8, UINT64_MAX - 3, 0), SBI_ERR_FAILED, 0);
    }
    assert_sbi(comm(1, UINT64_MAX, SBI_RAM_BASE, 0), SBI_ERR_FAILED, 0);
    assert_sbi(comm(2, 8, SBI_RAM_BASE, 0), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(comm(UINT64_MAX, 8, SBI_RAM_BASE, 0), SBI_ERR_NOT_SUPPORTED, 0);
    assert_int_equal(fake_messages_calls, 0);
}

static void test_host_comm_answers(void **state)
{
    static const struct {
        int err;
        int64_t error;
        uint64_t value; /* for a receive */
    } rows[] = {
        {-HV_ENOSPC, SBI_ERR_FAILED, 0},         {-HV_ENOENT, SBI_ERR_FAILED, 0},
        {-HV_EFAULT, SBI_ERR_FAILED, 0},         {-HV_EINVAL, SBI_ERR_INVALID_PARAM, 0},
        {-HV_ERANGE, SBI_ERR_INVALID_PARAM, 77},
    };

    (void)state;
    fake_message_len = 77;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_messages_answer = rows[i].err;
        assert_sbi(comm(0, 8, SBI_RAM_BASE, 0), rows[i].error, 0);
        assert_sbi(comm(1, 8, SBI_RAM_BASE, 0), rows[i].error, rows[i].value);
    }
}

/* Each extension alone, hidden and not. */
static void test_hidden(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sbi_extension_count; i++) {
        const struct sbi_extension *ext = sbi_extensions[i];

        assert_int_equal(sbi_index(ext->name), i);
        if (ext->first == SBI_EXT_BASE)
            continue;
        sbi_vm.sbi_hidden = 0;
        for (uint64_t eid = ext->first; eid <= ext->last; eid++)
            assert_sbi(sbi_ecall(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eid, 0, 0, 0), 0, 1);
        sbi_vm.sbi_hidden = BIT(i);
        for (uint64_t eid = ext->first; eid <= ext->last; eid++) {
            assert_sbi(sbi_ecall(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eid, 0, 0, 0), 0, 0);
            for (uint64_t fid = 0; fid < 10; fid++)
                assert_sbi(sbi_ecall(eid, fid, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED, 0);
        }
        sbi_vm.sbi_hidden = ~BIT(i) & ~BIT(sbi_index("base"));
        assert_sbi(sbi_ecall(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, ext->first, 0, 0, 0), 0, 1);
    }
    assert_int_equal(sbi_index("nonsense"), -HV_ENOENT);
    assert_int_equal(sbi_index(""), -HV_ENOENT);
}

/* The nodes that extensions add to the guest's device tree; a hidden extension adds none. */
static void test_nodes(void **state)
{
    static const struct {
        const char *extension, *path, *compatible;
    } nodes[] = {{"pmu", "/pmu", "riscv,pmu"}, {"mpxy", "/mailbox", "riscv,sbi-mpxy-mbox"}};
    uint8_t fdt[1024];

    (void)state;
    for (unsigned hidden = 0; hidden <= ARRAY_SIZE(nodes); hidden++) {
        sbi_vm.sbi_hidden =
            hidden < ARRAY_SIZE(nodes) ? BIT(sbi_index(nodes[hidden].extension)) : 0;
        assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
        assert_int_equal(fdt_finish_reservemap(fdt), 0);
        assert_int_equal(fdt_begin_node(fdt, ""), 0);
        assert_int_equal(sbi_component.vm_fdt(&sbi_vm, fdt), 0);
        assert_int_equal(fdt_end_node(fdt), 0);
        assert_int_equal(fdt_finish(fdt), 0);
        for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++) {
            const int node = fdt_path_offset(fdt, nodes[i].path);

            if (i == hidden)
                assert_int_equal(node, -FDT_ERR_NOTFOUND);
            else
                assert_int_equal(fdt_node_check_compatible(fdt, node, nodes[i].compatible), 0);
        }
    }
    assert_int_equal(fdt32_to_cpu(*(const fdt32_t *)fdt_getprop(
                         fdt, fdt_path_offset(fdt, "/mailbox"), "#mbox-cells", NULL)),
                     2);
    /* The tree is finished: no node can be added. */
    assert_true(sbi_component.vm_fdt(&sbi_vm, fdt) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_join_address, fresh),
        cmocka_unit_test_setup(test_hypercall_table, fresh),
        cmocka_unit_test_setup(test_log, fresh),
        cmocka_unit_test_setup(test_log_refuses, fresh),
        cmocka_unit_test_setup(test_log_waits, fresh),
        cmocka_unit_test_setup(test_host_comm, fresh),
        cmocka_unit_test_setup(test_host_comm_refuses, fresh),
        cmocka_unit_test_setup(test_host_comm_answers, fresh),
        cmocka_unit_test_setup(test_hidden, fresh),
        cmocka_unit_test_setup(test_nodes, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
