/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - config/config.c: bundles that are right, and each way a description can be wrong.
 */
#include "damage.h"

#include "cpio_write.h"

#include <hearth/config/config.h>
#include <hearth/core/sched.h>
#include <hearth/lib/errno.h>

#define ROOM 65536

/* What config_read() delivered. */
static struct vm_config good[VMS_MAX + 8];
static struct config_error bad[VMS_MAX * 2 + 8];
static unsigned goods, bads, seen, stop_after;

static bool collect(void *arg, const struct vm_config *config, const struct config_error *error)
{
    assert_ptr_equal(arg, &stop_after);
    assert_true((config == NULL) != (error == NULL));
    if (config != NULL) {
        assert_true(goods < ARRAY_SIZE(good));
        good[goods++] = *config;
    } else {
        assert_true(bads < ARRAY_SIZE(bad));
        bad[bads++] = *error;
    }
    return goods + bads != stop_after;
}

/* A tree with `count` good VMs, open for changes. */
static void *tree(unsigned count)
{
    void *fdt = calloc(1, ROOM * 4);

    assert_int_equal(fdt_create(fdt, ROOM * 4), 0);
    fdt_finish_reservemap(fdt);
    fdt_begin_node(fdt, "");
    fdt_property_string(fdt, "compatible", "hearth,bundle");
    fdt_property_u32(fdt, "hearth,version", 1);
    fdt_begin_node(fdt, "vms");
    fdt_property_u32(fdt, "#address-cells", 1);
    fdt_property_u32(fdt, "#size-cells", 0);
    for (unsigned i = 0; i < count; i++) {
        char text[32];

        snprintf(text, sizeof(text), "vm@%x", i);
        fdt_begin_node(fdt, text);
        fdt_property_string(fdt, "compatible", "hearth,vm");
        fdt_property_u32(fdt, "reg", i);
        snprintf(text, sizeof(text), "vm-%u", i);
        fdt_property(fdt, "vm-name", text, (int)strlen(text) + 1);
        fdt_property_u32(fdt, "vcpus", 2);
        fdt_property_u64(fdt, "memory", 64 * MIB);
        fdt_property_string(fdt, "kernel", "k/kernel");
        fdt_end_node(fdt);
    }
    fdt_end_node(fdt);
    fdt_end_node(fdt);
    assert_int_equal(fdt_finish(fdt), 0);
    assert_int_equal(fdt_open_into(fdt, fdt, ROOM * 4), 0);
    return fdt;
}

/* A table of one function (hearth/lib/symbols.h). */
static const char symbols[] =
    "HVSYMS1\0\1\0\0\0\3\0\0\0"
    "\0\0\x20\x80\0\0\0\0\0\0\x20\x80\0\0\0\0\377\377\377\377\377\377\377\377"
    "\0\0\0\0\1\0\0\0"
    "\0f";

static struct archive bundle_of(const void *fdt)
{
    struct archive a = {0};
    size_t size;
    void *packed = packed_copy(fdt, &size);

    archive_file(&a, "bundle.dtb", packed, size);
    archive_file(&a, "k/kernel", "KERNEL", 6);
    archive_file(&a, "k/initrd", "INITRD!", 7);
    archive_file(&a, "k/empty", "", 0);
    archive_file(&a, "k/symbols", symbols, sizeof(symbols));
    archive_file(&a, "k/cut", symbols, sizeof(symbols) - 1);
    archive_end(&a);
    free(packed);
    return a;
}

static void read_archive(const struct archive *a)
{
    struct bundle b;
    const char *why = NULL;

    goods = bads = 0;
    assert_int_equal(bundle_open(&b, a->bytes, a->size, &why), 0);
    seen = config_read(&b, collect, &stop_after);
}

static void read_tree(const void *fdt)
{
    struct archive a = bundle_of(fdt);

    read_archive(&a);
    free(a.bytes);
}

static int vm1(const void *fdt)
{
    int node = fdt_path_offset(fdt, "/vms/vm@1");

    assert_true(node >= 0);
    return node;
}

/* VM 1 of three is wrong: it alone is refused, by node and property, with a text that has
 * `problem`. */
static void expect_bad(void *fdt, const char *property, const char *problem)
{
    read_tree(fdt);
    assert_int_equal(seen, 3);
    assert_int_equal(goods, 2);
    assert_int_equal(bads, 1);
    assert_string_equal(good[0].name, "vm-0");
    assert_string_equal(good[1].name, "vm-2");
    assert_string_equal(bad[0].node, "/vms/vm@1");
    assert_string_equal(bad[0].property, property);
    if (strstr(bad[0].problem, problem) == NULL)
        fail_msg("problem is \"%s\", not \"%s\"", bad[0].problem, problem);
    free(fdt);
}

static void bad_bytes(const char *property, const void *value, int len, const char *problem)
{
    void *fdt = tree(3);

    assert_int_equal(fdt_setprop(fdt, vm1(fdt), property, value, len), 0);
    expect_bad(fdt, property, problem);
}

static void bad_string(const char *property, const char *value, const char *problem)
{
    bad_bytes(property, value, (int)strlen(value) + 1, problem);
}

static void bad_u64(const char *property, uint64_t value, const char *problem)
{
    fdt64_t v = cpu_to_fdt64(value);

    bad_bytes(property, &v, 8, problem);
}

static void bad_u32(const char *property, uint32_t value, const char *problem)
{
    fdt32_t v = cpu_to_fdt32(value);

    bad_bytes(property, &v, 4, problem);
}

static void test_empty_initrd(void **state)
{
    void *fdt = tree(2);
    struct archive a;

    (void)state;
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "initrd", "k/empty"), 0);
    a = bundle_of(fdt);
    read_archive(&a);
    assert_int_equal(goods, 2);
    assert_non_null(good[1].initrd);
    assert_int_equal(good[1].initrd_size, 0);
    free(a.bytes);
    free(fdt);
}

static void test_good(void **state)
{
    void *fdt = tree(2);
    struct archive a;

    (void)state;
    assert_int_equal(fdt_setprop(fdt, vm1(fdt), "initrd", "k/initrd", 9), 0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "symbols", "k/symbols"), 0);
    assert_int_equal(fdt_setprop(fdt, vm1(fdt), "bootargs", "console=ttyS0 quiet", 20), 0);
    assert_int_equal(fdt_setprop_u64(fdt, vm1(fdt), "load", 0x80200000), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "vcpus", 64), 0);
    a = bundle_of(fdt);
    read_archive(&a);
    assert_int_equal(seen, 2);
    assert_int_equal(goods, 2);
    assert_string_equal(good[0].name, "vm-0");
    assert_int_equal(good[0].vcpus, 2);
    assert_int_equal(good[0].memory, 64 * MIB);
    assert_int_equal(good[0].kernel_size, 6);
    assert_memory_equal(good[0].kernel, "KERNEL", 6);
    assert_null(good[0].initrd);
    assert_null(good[0].symbols.data);
    assert_int_equal(good[0].load, 0);
    assert_string_equal(good[0].cmdline, "");
    assert_int_equal(good[1].vcpus, 64);
    assert_int_equal(good[1].initrd_size, 7);
    assert_memory_equal(good[1].initrd, "INITRD!", 7);
    assert_int_equal(good[1].symbols.size, sizeof(symbols));
    assert_memory_equal(good[1].symbols.data, symbols, sizeof(symbols));
    assert_int_equal(good[1].load, 0x80200000);
    assert_string_equal(good[1].cmdline, "console=ttyS0 quiet");
    free(a.bytes);
    free(fdt);
}

static void test_counts(void **state)
{
    void *fdt = tree(0);

    (void)state;
    read_tree(fdt);
    assert_int_equal(seen + goods + bads, 0);
    free(fdt);
    fdt = tree(5);
    stop_after = 2;
    read_tree(fdt);
    stop_after = 0;
    assert_int_equal(seen, 2);
    free(fdt);
    fdt = tree(VMS_MAX + 3); /* more than there is room for */
    read_tree(fdt);
    assert_int_equal(goods, VMS_MAX);
    assert_int_equal(bads, 3);
    assert_int_equal(seen, VMS_MAX + 3);
    assert_string_equal(bad[0].node, "/vms/vm@80");
    free(fdt);
}

/* More nodes than are looked at, none of them good. */
static void test_node_limit(void **state)
{
    void *fdt = tree(0);

    (void)state;
    for (unsigned i = 0; i < CONFIG_NODES_MAX + 20; i++) {
        char name[16];

        snprintf(name, sizeof(name), "x%u", i);
        assert_true(fdt_add_subnode(fdt, fdt_path_offset(fdt, "/vms"), name) > 0);
    }
    read_tree(fdt);
    assert_int_equal(goods, 0);
    assert_int_equal(bads, CONFIG_NODES_MAX + 1);
    free(fdt);
}

static void test_bad_numbers(void **state)
{
    (void)state;
    bad_u32("vcpus", 0, "0 is not in 1..64");
    bad_u32("vcpus", 65, "65 is not");
    bad_u32("vcpus", 0xffffffff, "is not in");
    bad_u64("vcpus", 2, "32-bit");
    bad_u64("memory", 0x1000, "4096 is not in 2097152..1099511627776");
    bad_u64("memory", 0, "0 is not in");
    bad_u64("memory", 64 * MIB + 1, "67108865 is not a multiple of 4096");
    bad_u64("memory", ~0ull, "18446744073709551615 is not in 2097152..1099511627776");
    bad_u64("memory", ~0xfffull, "is not in");
    bad_u64("memory", 2048 * GIB, "is not in");
    bad_u32("memory", 64 << 20, "64-bit");
    bad_bytes("memory", "", 0, "64-bit");
    bad_u64("load", 0x7ffff000, "outside");
    bad_u64("load", 0, "outside");
    bad_u64("load", 0x84000000 - 5, "outside");
    bad_u64("load", 0x80200002, "multiple of 4");
    bad_u64("load", ~0ull, "outside");
    bad_u32("load", 0x80200000, "64-bit");
    bad_u64("reg", 1, "32-bit");
    bad_u32("reg", 0, "the same as in /vms/vm@0");
}

static void test_bad_strings(void **state)
{
    static char longest[VM_CMDLINE_MAX + 2];

    (void)state;
    bad_string("vm-name", "Debian", "form");
    bad_string("vm-name", "1st", "form");
    bad_string("vm-name", "-x", "form");
    bad_string("vm-name", "a b", "form");
    bad_string("vm-name", "a_b", "form");
    bad_string("vm-name", "\033[2J", "form");
    bad_string("vm-name", "a2345678901234567890123456789012", "form");
    bad_string("vm-name", "", "string");
    bad_bytes("vm-name", "abc", 3, "string");
    bad_bytes("vm-name", "abc\0def", 8, "string");
    bad_string("vm-name", "vm-0", "the same as in /vms/vm@0");
    bad_string("kernel", "nowhere", "not in the bundle");
    bad_string("kernel", "k/empty", "empty file");
    bad_bytes("kernel", "k/kernel", 8, "string");
    bad_string("initrd", "nowhere", "not in the bundle");
    bad_bytes("initrd", "\0", 1, "string");
    bad_string("symbols", "nowhere", "not in the bundle");
    bad_string("symbols", "k/empty", "empty file");
    bad_string("symbols", "k/kernel", "is not a table of symbols");
    bad_string("symbols", "k/cut", "of another size");
    bad_bytes("symbols", "", 0, "string");
    bad_bytes("bootargs", "x", 1, "string");
    bad_bytes("bootargs", "", 0, "string");
    bad_bytes("bootargs", "a\0b", 4, "string");
    memset(longest, 'x', VM_CMDLINE_MAX + 1);
    bad_string("bootargs", longest, "longer than 4095");
    bad_string("compatible", "hearth,vmx", "hearth,vm");
    bad_bytes("compatible", "hearth,v", 8, "hearth,vm");
    bad_string("colour", "red", "unknown property");
    bad_string("channels", "red", "unknown property"); /* they are nodes */
    bad_string("Memory", "red", "unknown property");
}

/* Both VMs name each other, or are connected to the shell. */
static void test_messages(void **state)
{
    void *fdt = tree(4);

    (void)state;
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "messages", "vm-3"), 0);
    assert_int_equal(fdt_setprop_string(fdt, fdt_path_offset(fdt, "/vms/vm@3"), "messages", "vm-1"),
                     0);
    assert_int_equal(
        fdt_setprop_string(fdt, fdt_path_offset(fdt, "/vms/vm@2"), "messages", "shell"), 0);
    read_tree(fdt);
    assert_int_equal(goods, 4);
    assert_string_equal(good[0].messages, "");
    assert_string_equal(good[1].messages, "vm-3");
    assert_string_equal(good[2].messages, "");
    assert_string_equal(good[3].messages, "vm-1");
    free(fdt);

    bad_string("messages", "vm-1", "names the VM itself");
    bad_string("messages", "vm-0", "\"vm-0\" does not name this VM");
    bad_string("messages", "vm-3", "there is no VM \"vm-3\"");
    bad_string("messages", "Shell", "neither");
    bad_string("messages", "\033[2J", "neither");
    bad_string("messages", "", "string");
    bad_bytes("messages", "shell", 5, "string");
    bad_bytes("messages", "vm-0\0vm-2", 10, "string");
}

/* A peer that names a third one, or the shell. */
static void test_messages_one_sided(void **state)
{
    void *fdt = tree(3);

    (void)state;
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "messages", "vm-0"), 0);
    assert_int_equal(
        fdt_setprop_string(fdt, fdt_path_offset(fdt, "/vms/vm@0"), "messages", "shell"), 0);
    expect_bad(fdt, "messages", "\"vm-0\" does not name this VM");

    fdt = tree(3); /* a VM called "shell" is not the shell that its would-be peer asks for */
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "vm-name", "shell"), 0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "messages", "vm-0"), 0);
    assert_int_equal(
        fdt_setprop_string(fdt, fdt_path_offset(fdt, "/vms/vm@0"), "messages", "shell"), 0);
    expect_bad(fdt, "messages", "\"vm-0\" does not name this VM");

    fdt = tree(3); /* a circle of three */
    assert_int_equal(fdt_setprop_string(fdt, fdt_path_offset(fdt, "/vms/vm@0"), "messages", "vm-1"),
                     0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "messages", "vm-2"), 0);
    assert_int_equal(fdt_setprop_string(fdt, fdt_path_offset(fdt, "/vms/vm@2"), "messages", "vm-0"),
                     0);
    read_tree(fdt);
    assert_int_equal(goods, 0);
    assert_int_equal(bads, 3);
    free(fdt);
}

static void bad_u32s(const char *property, uint32_t one, uint32_t two, const char *problem)
{
    fdt32_t v[] = {cpu_to_fdt32(one), cpu_to_fdt32(two)};

    bad_bytes(property, v, two == UINT32_MAX ? 4 : 8, problem);
}

static void test_sched(void **state)
{
    const fdt64_t harts[] = {cpu_to_fdt64(1), cpu_to_fdt64(BIT(63) | 2)};
    const fdt32_t weights[] = {cpu_to_fdt32(1), cpu_to_fdt32(10000)};
    const fdt32_t caps[] = {cpu_to_fdt32(0), cpu_to_fdt32(100)};
    void *fdt = tree(3);
    struct archive a;
    int vm2;

    (void)state;
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "weight", 300), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "priority", 7), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "cap", 200), 0);
    assert_int_equal(fdt_setprop(fdt, vm1(fdt), "vcpu-weight", weights, 8), 0);
    assert_int_equal(fdt_setprop(fdt, vm1(fdt), "vcpu-affinity", harts, 16), 0);
    vm2 = fdt_next_subnode(fdt, vm1(fdt));
    assert_int_equal(fdt_setprop_u32(fdt, vm2, "weight", 300), 0);
    assert_int_equal(fdt_setprop(fdt, vm2, "vcpu-cap", caps, 8), 0);
    a = bundle_of(fdt);
    read_archive(&a);
    assert_int_equal(goods, 3);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(good[0].sched.vcpu[i].weight, SCHED_WEIGHT_DEFAULT);
        assert_true(good[0].sched.vcpu[i].affinity == UINT64_MAX);
        assert_int_equal(good[0].sched.vcpu[i].priority, 0);
        assert_int_equal(good[0].sched.vcpu[i].cap, 0);
    }
    assert_int_equal(good[0].sched.cap, 0);
    assert_int_equal(good[1].sched.cap, 200);
    assert_int_equal(good[1].sched.vcpu[0].weight, 1); /* its own goes before the VM's */
    assert_int_equal(good[1].sched.vcpu[1].weight, 10000);
    assert_int_equal(good[1].sched.vcpu[0].cap, 0); /* the VM's is for all together */
    assert_int_equal(good[1].sched.vcpu[1].affinity, BIT(63) | 2);
    assert_int_equal(good[1].sched.vcpu[0].priority, 7);
    assert_int_equal(good[1].sched.vcpu[1].priority, 7);
    assert_int_equal(good[2].sched.vcpu[0].weight, 300);
    assert_int_equal(good[2].sched.vcpu[1].cap, 100);
    free(a.bytes);
    free(fdt);

    bad_u32s("weight", 0, UINT32_MAX, "0 is not in 1..10000");
    bad_u32s("weight", 10001, UINT32_MAX, "is not in 1..10000");
    bad_u32s("weight", 1, 1, "is not 1 32-bit number");
    bad_u32s("vcpu-weight", 1, UINT32_MAX, "is not 2 32-bit numbers");
    bad_u32s("vcpu-weight", 1, 0, "is not in 1..10000");
    bad_u32s("priority", 100, UINT32_MAX, "is not in 0..99");
    bad_u32s("vcpu-priority", 99, 100, "is not in 0..99");
    bad_u32s("cap", 201, UINT32_MAX, "201 is not in 0..200");
    bad_u32s("vcpu-cap", 100, 101, "is not in 0..100");
    bad_u32s("affinity", 1, UINT32_MAX, "is not 1 64-bit number");
    bad_u32s("affinity", 0, 0, "0 is not in 1..");
    bad_u32s("vcpu-affinity", 0, 1, "is not 2 64-bit numbers");
    bad_bytes("vcpu-affinity", "", 0, "is not 2 64-bit numbers");
}

static void test_sbi_off(void **state)
{
    void *fdt = tree(3);

    (void)state;
    assert_int_equal(fdt_setprop(fdt, vm1(fdt), "sbi-off", "two", 4), 0);
    assert_int_equal(
        fdt_setprop(fdt, fdt_path_offset(fdt, "/vms/vm@2"), "sbi-off", "one\0two\0one", 12), 0);
    read_tree(fdt);
    assert_int_equal(goods, 3);
    assert_int_equal(good[0].sbi_off, 0);
    assert_int_equal(good[1].sbi_off, BIT(2));
    assert_int_equal(good[2].sbi_off, BIT(1) | BIT(2));
    free(fdt);

    bad_string("sbi-off", "base", "\"base\" cannot be switched off");
    bad_bytes("sbi-off", "one\0base", 9, "\"base\" cannot be switched off");
    bad_string("sbi-off", "three", "\"three\" is not an SBI extension");
    bad_string("sbi-off", "-one", "\"-one\" is not");
    bad_string("sbi-off", "a\033[2Jb", "\"a?[2Jb\" is not");
    bad_string("sbi-off", "a-name-of-an-extension-that-is-very-much-too-long", "\"a-name-of");
    bad_string("sbi-off", "", "\"?\" is not");
    bad_bytes("sbi-off", "", 0, "list of strings");
    bad_bytes("sbi-off", "one\0two", 7, "list of strings");
}

static void test_policy(void **state)
{
    void *fdt = tree(3);
    const struct vm_policy *p = &good[0].policy;

    (void)state;
    read_tree(fdt);
    assert_int_equal(p->on_poweroff, VM_ACTION_DESTROY);
    assert_int_equal(p->on_reboot, VM_ACTION_RESTART);
    assert_int_equal(p->on_crash, VM_ACTION_DESTROY);
    assert_int_equal(p->restart_limit, 10);
    assert_int_equal(p->restart_period, 60);
    assert_true(p->autostart && p->inspect && !p->time_runs && !p->console_buffered);
    assert_int_equal(p->start_order + p->start_delay, 0);
    assert_int_equal(p->shutdown, VM_SHUTDOWN_SYSRQ);
    assert_int_equal(p->shutdown_timeout, 60);

    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "on-poweroff", "restart"), 0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "on-reboot", "destroy"), 0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "on-crash", "pause"), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "restart-limit", 0), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "restart-period", 86400), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "autostart", 0), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "start-order", 1000), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "start-delay", 3600000), 0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "shutdown", "message"), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "shutdown-timeout", 1), 0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "paused-time", "runs"), 0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "console", "buffer"), 0);
    assert_int_equal(fdt_setprop_u32(fdt, vm1(fdt), "inspect", 0), 0);
    assert_int_equal(fdt_setprop_string(fdt, vm1(fdt), "interrupts", "plic"), 0);
    read_tree(fdt);
    assert_int_equal(goods, 3);
    p = &good[1].policy;
    assert_int_equal(p->on_poweroff, VM_ACTION_RESTART);
    assert_int_equal(p->on_reboot, VM_ACTION_DESTROY);
    assert_int_equal(p->on_crash, VM_ACTION_PAUSE);
    assert_int_equal(p->restart_limit, 0);
    assert_int_equal(p->restart_period, 86400);
    assert_true(!p->autostart && !p->inspect && p->time_runs && p->console_buffered);
    assert_int_equal(p->interrupts, VM_INTERRUPTS_PLIC);
    assert_int_equal(p->start_order, 1000);
    assert_int_equal(p->start_delay, 3600000);
    assert_int_equal(p->shutdown, VM_SHUTDOWN_MESSAGE);
    assert_int_equal(p->shutdown_timeout, 1);
    free(fdt);

    bad_string("on-crash", "explode", "is none of destroy, restart, pause");
    bad_string("on-poweroff", "", "is not one non-empty string");
    bad_u32("on-reboot", 1, "is not one non-empty string");
    bad_string("shutdown", "please", "is none of sysrq, message, none");
    bad_string("paused-time", "stop", "is none of stops, runs");
    bad_string("console", "raw", "is none of log, buffer");
    bad_string("interrupts", "aia", "is none of plic");
    bad_u32("restart-limit", 33, "33 is not in 0..32");
    bad_u32("restart-period", 0, "0 is not in 1..86400");
    bad_u32("restart-period", 0xffffffff, "4294967295 is not in 1..86400");
    bad_u32("autostart", 2, "2 is not in 0..1");
    bad_string("autostart", "yes!!", "is not one 32-bit number");
    bad_u32("start-order", 1001, "1001 is not in 0..1000");
    bad_u32("start-delay", 3600001, "3600001 is not in");
    bad_u32("shutdown-timeout", 0, "0 is not in 1..86400");
    bad_u32("inspect", 7, "7 is not in 0..1");
}

/* Reads the management policy of a tree whose /management has this property (NULL: none). */
static struct management managed(const char *property, const void *value, int len, int want,
                                 struct config_error *error)
{
    void *fdt = tree(1);
    struct management m;
    struct bundle b = {.dtb = fdt};
    int node = fdt_add_subnode(fdt, 0, "management");

    assert_true(node > 0);
    assert_int_equal(fdt_setprop_string(fdt, node, "compatible", "hearth,management"), 0);
    if (property != NULL)
        assert_int_equal(fdt_setprop(fdt, node, property, value, len), 0);
    assert_int_equal(management_read(&b, &m, error), want);
    free(fdt);
    return m;
}

static void test_management(void **state)
{
    const fdt32_t no = 0, two = cpu_to_fdt32(2);
    struct config_error error;
    struct management m;
    void *fdt = tree(1);
    struct bundle b = {.dtb = fdt};

    (void)state;
    assert_int_equal(management_read(&b, &m, &error), 0);
    assert_true(m.shell && m.inspect && !m.stay);
    free(fdt);
    m = managed(NULL, NULL, 0, 0, &error);
    assert_true(m.shell && m.inspect && !m.stay);
    m = managed("shell", &no, 4, 0, &error);
    assert_true(!m.shell && m.inspect);
    m = managed("inspect", &no, 4, 0, &error);
    assert_true(m.shell && !m.inspect);
    m = managed("when-idle", "stay", 5, 0, &error);
    assert_true(m.stay);

    /* What is wrong allows nothing. */
    m = managed("shell", &two, 4, -HV_EINVAL, &error);
    assert_true(!m.shell && !m.inspect && !m.stay);
    assert_string_equal(error.node, "/management");
    assert_string_equal(error.property, "shell");
    assert_string_equal(error.problem, "2 is not in 0..1");
    m = managed("when-idle", "never", 6, -HV_EINVAL, &error);
    assert_string_equal(error.problem, "is none of off, stay");
    m = managed("console", "log", 4, -HV_EINVAL, &error); /* that is a VM's */
    assert_string_equal(error.problem, "unknown property");
    m = managed("compatible", "hearth,vm", 10, -HV_EINVAL, &error);
    assert_string_equal(error.property, "compatible");
    assert_false(m.shell);
}

static void test_missing(void **state)
{
    static const char *const needed[] = {"reg", "vm-name", "vcpus", "memory", "kernel"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++) {
        void *fdt = tree(3);

        assert_int_equal(fdt_delprop(fdt, vm1(fdt), needed[i]), 0);
        expect_bad(fdt, needed[i], "missing");
    }
}

static void test_longest(void **state)
{
    static char longest[VM_CMDLINE_MAX + 1];
    void *fdt = tree(2);
    struct archive a;

    (void)state;
    memset(longest, 'x', VM_CMDLINE_MAX);
    assert_int_equal(fdt_setprop(fdt, vm1(fdt), "bootargs", longest, sizeof(longest)), 0);
    assert_int_equal(fdt_setprop(fdt, vm1(fdt), "vm-name", "a-3456789012345678901234567890z", 32),
                     0);
    assert_int_equal(fdt_setprop_u64(fdt, vm1(fdt), "load", 0x84000000 - 8), 0);
    a = bundle_of(fdt);
    read_archive(&a);
    assert_int_equal(goods, 2);
    assert_string_equal(good[1].cmdline, longest);
    assert_int_equal(strlen(good[1].name), VM_NAME_MAX);
    free(a.bytes);
    free(fdt);
}

/* A name belongs to the first that has it, even if that one is refused for something else. */
static void test_duplicate_of_bad(void **state)
{
    void *fdt = tree(3);

    (void)state;
    assert_int_equal(fdt_setprop_u32(fdt, fdt_path_offset(fdt, "/vms/vm@0"), "vcpus", 99), 0);
    assert_int_equal(fdt_setprop(fdt, vm1(fdt), "vm-name", "vm-0", 5), 0);
    read_tree(fdt);
    assert_int_equal(goods, 1);
    assert_string_equal(bad[0].property, "vcpus");
    assert_string_equal(bad[1].property, "vm-name");
    free(fdt);
}

static void test_child_node(void **state)
{
    void *fdt = tree(3);

    (void)state;
    assert_true(fdt_add_subnode(fdt, vm1(fdt), "disk\033@0") > 0);
    expect_bad(fdt, "disk?@0", "unexpected");
}

static void expect_unopened(void *fdt, const char *text)
{
    struct archive a = bundle_of(fdt);
    struct bundle b;
    const char *why = NULL;

    assert_int_equal(bundle_open(&b, a.bytes, a.size, &why), -HV_EINVAL);
    if (strstr(why, text) == NULL)
        fail_msg("\"%s\", not \"%s\"", why, text);
    free(a.bytes);
    free(fdt);
}

static void test_bundle(void **state)
{
    struct archive a = {0};
    struct bundle b;
    const char *why = NULL;
    void *fdt = tree(1);

    (void)state;
    fdt_setprop_string(fdt, 0, "compatible", "hearth,bun");
    expect_unopened(fdt, "compatible");
    fdt = tree(1);
    fdt_setprop_u32(fdt, 0, "hearth,version", 2);
    expect_unopened(fdt, "version");
    fdt = tree(1);
    fdt_delprop(fdt, 0, "hearth,version");
    expect_unopened(fdt, "version");
    fdt = tree(1);
    fdt_del_node(fdt, fdt_path_offset(fdt, "/vms"));
    expect_unopened(fdt, "/vms");

    assert_int_equal(bundle_open(&b, "no", 2, &why), -HV_EINVAL);
    archive_file(&a, "x", "y", 1);
    archive_end(&a);
    assert_int_equal(bundle_open(&b, a.bytes, a.size, &why), -HV_ENOENT);
    assert_non_null(strstr(why, "no bundle.dtb"));
    free(a.bytes);
    memset(&a, 0, sizeof(a));
    archive_file(&a, "bundle.dtb", "this is not a device tree at all, is it", 40);
    archive_end(&a);
    assert_int_equal(bundle_open(&b, a.bytes, a.size, &why), -HV_EINVAL);
    assert_non_null(strstr(why, "not a device tree"));
    free(a.bytes);
}

/* A channel of VM `vm` as node channel-`index`. */
static int add_channel(void *fdt, unsigned vm, unsigned index, const char *name, const char *to,
                       uint64_t size)
{
    char text[32];
    int node;

    snprintf(text, sizeof(text), "/vms/vm@%x", vm);
    node = fdt_path_offset(fdt, text);
    assert_true(node >= 0);
    snprintf(text, sizeof(text), "channel-%x", index);
    node = fdt_add_subnode(fdt, node, text);
    assert_true(node >= 0);
    assert_int_equal(fdt_setprop(fdt, node, "channel-name", name, (int)strlen(name) + 1), 0);
    assert_int_equal(fdt_setprop(fdt, node, "subscriber", to, (int)strlen(to) + 1), 0);
    assert_int_equal(fdt_setprop_u64(fdt, node, "size", size), 0);
    return node;
}

static void check_channel(unsigned vm, unsigned id, const char *name, const char *peer,
                          uint64_t size, bool publishes, bool writable)
{
    const struct config_channel *c = &good[vm].channel[id];

    assert_true(id < good[vm].channel_count);
    assert_string_equal(c->name, name);
    assert_string_equal(c->peer, peer);
    assert_int_equal(c->size, size);
    assert_int_equal(c->publishes, publishes);
    assert_int_equal(c->writable, writable);
}

static void test_channels(void **state)
{
    void *fdt = tree(4);
    struct archive a;

    (void)state;
    /* libfdt adds nodes in front of their siblings. */
    add_channel(fdt, 2, 0, "third", "vm-1", 0x1000);
    add_channel(fdt, 1, 1, "second", "vm-0", GIB);
    assert_int_equal(
        fdt_setprop(fdt, add_channel(fdt, 1, 0, "first", "vm-2", 0x3000), "writable", NULL, 0), 0);
    a = bundle_of(fdt); /* names lie in it */
    read_archive(&a);
    assert_int_equal(goods, 4);
    assert_int_equal(good[0].channel_count, 1);
    check_channel(0, 0, "second", "vm-1", GIB, false, false);
    assert_int_equal(good[1].channel_count, 3);
    check_channel(1, 0, "first", "vm-2", 0x3000, true, true);
    check_channel(1, 1, "second", "vm-0", GIB, true, false);
    check_channel(1, 2, "third", "vm-2", 0x1000, false, false);
    assert_int_equal(good[2].channel_count, 2);
    check_channel(2, 0, "first", "vm-1", 0x3000, false, true);
    check_channel(2, 1, "third", "vm-1", 0x1000, true, false);
    assert_int_equal(good[3].channel_count, 0);
    free(a.bytes);
    free(fdt);
}

/* A channel of VM 1's that is wrong: it is refused, and nobody else has it. */
static void bad_channel(const char *property, const void *value, int len, const char *problem)
{
    void *fdt = tree(3);
    int node;

    add_channel(fdt, 0, 0, "before", "vm-2", 0x1000);
    node = add_channel(fdt, 1, 0, "mine", "vm-2", 0x1000);
    if (value != NULL)
        assert_int_equal(fdt_setprop(fdt, node, property, value, len), 0);
    else
        assert_int_equal(fdt_delprop(fdt, node, property), 0);
    read_tree(fdt);
    assert_int_equal(goods, 2);
    assert_int_equal(good[0].channel_count, 1);
    assert_int_equal(good[1].channel_count, 1);
    assert_int_equal(bads, 1);
    assert_string_equal(bad[0].node, "/vms/vm@1/channel-0");
    assert_string_equal(bad[0].property, property);
    if (strstr(bad[0].problem, problem) == NULL)
        fail_msg("problem is \"%s\", not \"%s\"", bad[0].problem, problem);
    free(fdt);
}

static void bad_channel_size(uint64_t size)
{
    const fdt64_t value = cpu_to_fdt64(size);

    bad_channel("size", &value, 8, "is not a multiple of 4096 up to 1 GiB");
}

static void test_bad_channels(void **state)
{
    void *fdt;

    (void)state;
    bad_channel("channel-name", NULL, 0, "missing");
    bad_channel("channel-name", "", 1, "string");
    bad_channel("channel-name", "mine", 4, "string");
    bad_channel("channel-name", "Mine", 5, "is not of the form");
    bad_channel("channel-name", "a\0b", 4, "string");
    bad_channel("channel-name", "before", 7, "is another channel's name");
    bad_channel("channel-name", "abcdefghijabcdefghijabcdefghij12", 33, "is not of the form");
    bad_channel("subscriber", NULL, 0, "missing");
    bad_channel("subscriber", "vm-1", 5, "names the VM itself");
    bad_channel("subscriber", "vm-3", 5, "there is no VM \"vm-3\"");
    bad_channel("subscriber", "\033[2J", 5, "is not the name of a VM");
    bad_channel("subscriber", "vm-2\0vm-0", 10, "string");
    bad_channel("size", NULL, 0, "missing");
    bad_channel("size", "abc", 4, "64-bit");
    bad_channel_size(0);
    bad_channel_size(0x1001);
    bad_channel_size(GIB + 0x1000);
    bad_channel_size(UINT64_MAX & ~0xfffull);
    bad_channel("writable", "yes", 4, "has a value");
    bad_channel("readable", "", 0, "unknown property");

    fdt = tree(3); /* a child of the channel's */
    assert_true(fdt_add_subnode(fdt, add_channel(fdt, 1, 0, "mine", "vm-2", 0x1000), "x") >= 0);
    read_tree(fdt);
    assert_int_equal(bads, 1);
    assert_string_equal(bad[0].problem, "has a child node");
    free(fdt);
}

/* 16 for a VM, 128 for all: the publisher of the next is refused, the others keep what they have.
 */
static void test_too_many_channels(void **state)
{
    void *fdt = tree(3);
    char name[16];

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "c%u", i);
        add_channel(fdt, 0, i, name, "vm-2", 0x1000);
    }
    add_channel(fdt, 1, 0, "last", "vm-2", 0x1000);
    read_tree(fdt);
    assert_int_equal(goods, 2);
    assert_int_equal(good[0].channel_count, 16);
    assert_int_equal(good[1].channel_count, 16);
    assert_string_equal(bad[0].node, "/vms/vm@1/channel-0");
    assert_string_equal(bad[0].problem, "one of the two has 16 channels already");
    free(fdt);

    fdt = tree(40);
    for (unsigned i = 0; i < 129; i++) {
        char to[16];

        snprintf(name, sizeof(name), "c%u", i);
        snprintf(to, sizeof(to), "vm-%u", 30 + i / 13);
        add_channel(fdt, i / 6, i % 6, name, to, 0x1000);
    }
    read_tree(fdt);
    assert_int_equal(seen, 40);
    assert_int_equal(bads, 1);
    assert_string_equal(bad[0].node, "/vms/vm@15");
    assert_string_equal(bad[0].property, "channel");
    free(fdt);
}

/* Many properties with one endless name: refused in time, rather than read for minutes. */
static void test_endless_name(void **state)
{
    void *fdt = tree(1);
    char *name = calloc(1, 20001);

    (void)state;
    memset(name, 'n', 20000);
    assert_int_equal(fdt_setprop_u32(fdt, 0, name, 1), 0);
    free(name);
    expect_unopened(fdt, "damaged");
}

static void check_sane(const void *data, size_t size)
{
    struct bundle b;
    const char *why = NULL;
    int err = bundle_open(&b, data, size, &why);
    unsigned n;

    if (err) {
        assert_true(err == -HV_EINVAL || err == -HV_ENOENT);
        assert_non_null(why);
        return;
    }
    goods = bads = 0;
    n = config_read(&b, collect, &stop_after);
    assert_int_equal(n, goods + bads);
    for (unsigned i = 0; i < goods; i++) {
        const struct vm_config *c = &good[i];

        assert_in_range(strlen(c->name), 1, VM_NAME_MAX);
        assert_in_range(c->vcpus, 1, VCPUS_MAX);
        assert_true(c->memory >= 2 * MIB && c->memory % PAGE_SIZE == 0);
        assert_true((uintptr_t)c->kernel - (uintptr_t)data + c->kernel_size <= size);
        assert_true(c->initrd == NULL ||
                    (uintptr_t)c->initrd - (uintptr_t)data + c->initrd_size <= size);
        assert_true(strlen(c->cmdline) <= VM_CMDLINE_MAX);
        assert_true(memchr(c->messages, 0, sizeof(c->messages)) != NULL);
        assert_int_equal(c->sbi_off & ~(BIT(1) | BIT(2)), 0);
        assert_in_range(c->sched.cap, 0, 100 * c->vcpus);
        for (uint32_t id = 0; id < c->vcpus; id++) {
            assert_in_range(c->sched.vcpu[id].weight, 0, 10000);
            assert_in_range(c->sched.vcpu[id].priority, 0, 99);
            assert_in_range(c->sched.vcpu[id].cap, 0, 100);
        }
        assert_in_range(c->channel_count, 0, VM_CHANNELS_MAX);
        for (uint32_t id = 0; id < c->channel_count; id++) {
            assert_in_range(strlen(c->channel[id].name), 1, VM_NAME_MAX);
            assert_in_range(strlen(c->channel[id].peer), 1, VM_NAME_MAX);
            assert_in_range(c->channel[id].size, PAGE_SIZE, GIB);
        }
    }
    for (unsigned i = 0; i < bads; i++) {
        assert_true(memchr(bad[i].node, 0, sizeof(bad[i].node)) != NULL);
        assert_true(bad[i].property[0] != '\0' && bad[i].problem[0] != '\0');
        for (const char *s = bad[i].node; *s != '\0'; s++)
            assert_in_range(*s, ' ', '~');
    }
}

static void test_damage(void **state)
{
    void *fdt = tree(3);
    struct archive a;

    (void)state;
    fdt_setprop(fdt, vm1(fdt), "initrd", "k/initrd", 9);
    fdt_setprop(fdt, vm1(fdt), "bootargs", "console=ttyS0 quiet", 20);
    fdt_setprop_u64(fdt, vm1(fdt), "load", 0x80200000);
    fdt_setprop_string(fdt, vm1(fdt), "messages", "vm-2");
    fdt_setprop_string(fdt, fdt_path_offset(fdt, "/vms/vm@2"), "messages", "vm-1");
    fdt_setprop(fdt, vm1(fdt), "sbi-off", "one\0two", 8);
    add_channel(fdt, 0, 0, "one", "vm-1", 0x1000);
    add_channel(fdt, 1, 0, "two", "vm-2", 0x1000);
    add_channel(fdt, 2, 0, "three", "vm-1", 0x1000);
    a = bundle_of(fdt);
    damage_all(a.bytes, a.size, 50000, check_sane);
    free(a.bytes);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_empty_initrd),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_node_limit),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_bad_strings),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_duplicate_of_bad),
        cmocka_unit_test(test_child_node),
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_endless_name),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_messages_one_sided),
        cmocka_unit_test(test_sbi_off),
        cmocka_unit_test(test_sched),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_bad_channels),
        cmocka_unit_test(test_too_many_channels),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_management),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
