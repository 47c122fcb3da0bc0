/* SPDX-License-Identifier: Apache-2.0 */
/* test_isa.c - arch/riscv/isa.c and isa_policy.c: both forms of description, several harts, damaged
 * trees. */
#include "damage.h"

#include <hearth/lib/errno.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/isa_policy.h>

#define ROOM (128 * 1024)

static struct host_isa isa;
static const char *why;

/* A tree with one cpu node for each description; with a NUL-separated list when `list`. */
struct cpu_text {
    const char *isa;  /* riscv,isa; NULL: none */
    const char *list; /* riscv,isa-extensions with commas for NULs; NULL: none */
    const char *base;
    uint32_t cbom; /* 0: no property */
};

static void *make_tree(const struct cpu_text *cpus, unsigned count)
{
    static uint64_t buf[2048];
    char list[2048];

    assert_int_equal(fdt_create(buf, sizeof(buf)), 0);
    assert_int_equal(fdt_finish_reservemap(buf), 0);
    fdt_begin_node(buf, "");
    fdt_begin_node(buf, "cpus");
    for (unsigned i = 0; i < count; i++) {
        char name[16];

        snprintf(name, sizeof(name), "cpu@%u", i);
        fdt_begin_node(buf, name);
        fdt_property_string(buf, "device_type", "cpu");
        if (cpus[i].isa != NULL)
            fdt_property(buf, "riscv,isa", cpus[i].isa, (int)strlen(cpus[i].isa) + 1);
        if (cpus[i].list != NULL) {
            snprintf(list, sizeof(list), "%s", cpus[i].list);
            for (char *c = list; (c = strchr(c, ',')) != NULL;)
                *c++ = '\0';
            fdt_property(buf, "riscv,isa-extensions", list, (int)strlen(cpus[i].list) + 1);
        }
        if (cpus[i].base != NULL)
            fdt_property(buf, "riscv,isa-base", cpus[i].base, (int)strlen(cpus[i].base) + 1);
        if (cpus[i].cbom != 0)
            fdt_property_u32(buf, "riscv,cbom-block-size", cpus[i].cbom);
        fdt_end_node(buf);
    }
    fdt_end_node(buf);
    fdt_end_node(buf);
    assert_int_equal(fdt_finish(buf), 0);
    return buf;
}

static int read_text(const char *text)
{
    struct cpu_text cpu = {.isa = text};

    why = NULL;
    return isa_read(make_tree(&cpu, 1), &isa, &why);
}

/* The list has what the string has, in the same order. */
static void check_strings_agree(void)
{
    char text[ISA_STRING_MAX] = "rv64";
    const char *p = isa.guest_extensions;

    while (p < isa.guest_extensions + isa.guest_extensions_len) {
        if (strlen(p) > 1)
            strcat(text, "_");
        strcat(text, p);
        p += strlen(p) + 1;
    }
    assert_string_equal(text, isa.guest_isa);
}

static void test_qemu(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM);

    (void)state;
    assert_int_equal(isa_read(fdt, &isa, &why), 0);
    assert_true(isa.h && isa.f && isa.d && !isa.v);
    assert_true(isa.sstc && isa.svadu && isa.zicbom && isa.zicboz && isa.zawrs && isa.zicntr);
    assert_false(isa.svpbmt || isa.zkr || isa.ssaia || isa.smstateen);
    assert_int_equal(isa.cbom_block_size, 64);
    assert_int_equal(isa.cboz_block_size, 64);
    assert_int_equal(isa.cbop_block_size, 64);
    assert_string_equal(
        isa.guest_isa, "rv64imafdc_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_"
                       "zicntr_zicsr_zifencei_zihintntl_zihintpause_zihpm_zmmul_za64rs_zaamo_"
                       "zalrsc_zawrs_zfa_zca_zcd_zba_zbb_zbc_zbs_ssccptr_sscounterenw_sstc_sstvala_"
                       "sstvecd_ssu64xl_svade_svadu_svvptc");
    check_strings_agree();
    isa_withhold(&isa, "svadu");
    assert_non_null(strstr(isa.guest_isa, "_svade_svvptc"));
    check_strings_agree();
    isa_withhold(&isa, "svadu");  /* not there any more */
    isa_withhold(&isa, "svvp");   /* part of a name */
    isa_withhold(&isa, "svvptc"); /* the last, and the first after the letters */
    isa_withhold(&isa, "zic64b");
    assert_non_null(strstr(isa.guest_isa, "rv64imafdc_zicbom_"));
    assert_non_null(strstr(isa.guest_isa, "_ssu64xl_svade"));
    assert_int_equal(strlen(strstr(isa.guest_isa, "_svade")), 6);
    check_strings_agree();
    free(fdt);
}

/* QEMU's -cpu max: everything that a guest must not be told is on. */
static void test_qemu_max(void **state)
{
    static const char *const hidden[] = {
        "h",         "zk",        "zkr",      "sha",      "smaia",   "ssaia", "smstateen",
        "ssstateen", "smcntrpmf", "smcdeleg", "ssccfg",   "smnpm",   "supm",  "sspm",
        "smctr",     "ssctr",     "shgatpa",  "smcsrind", "sscsrind"};
    static const char *const shown[] = {"v",        "zicond", "zacas",   "zkn",     "zvbb",
                                        "zve64d",   "svpbmt", "svinval", "svnapot", "ztso",
                                        "zfh",      "b",      "zicfilp", "zicfiss", "ssnpm",
                                        "ssdbltrp", "zihpm",  "sscofpmf"};
    void *fdt = data_dtb("qemu-max", ROOM);
    const char *end;

    (void)state;
    assert_int_equal(isa_read(fdt, &isa, &why), 0);
    assert_true(isa.h && isa.v && isa.zkr && isa.ssaia && isa.smstateen && isa.svpbmt);
    check_strings_agree();
    end = isa.guest_extensions + isa.guest_extensions_len;
    for (const char *p = isa.guest_extensions; p < end; p += strlen(p) + 1) {
        for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
            assert_string_not_equal(p, hidden[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
        const char *p = isa.guest_extensions;

        while (p < end && strcmp(p, shown[i]) != 0)
            p += strlen(p) + 1;
        if (p >= end)
            fail_msg("%s is not passed on", shown[i]);
    }
    free(fdt);
}

static void test_string(void **state)
{
    (void)state;
    assert_int_equal(read_text("rv64imac"), 0);
    assert_string_equal(isa.guest_isa, "rv64imac_zicntr_zicsr_zifencei");
    assert_false(isa.f || isa.h);
    assert_int_equal(read_text("rv64gch"), 0);
    assert_string_equal(isa.guest_isa, "rv64imafdc_zicntr_zicsr_zifencei");
    assert_true(isa.h && isa.d);
    /* Versions, any case, underscores where none are needed, extensions nobody knows. */
    assert_int_equal(read_text("RV64I2P1M2a2p1_f_D2p0_c_zba1p0_Zbb1_Sstc1p0_xvendor2p0_zic64b1p0_"
                               "zve32x1p0_smnew3_zvl128b1p0"),
                     0);
    assert_string_equal(isa.guest_isa, "rv64imafdc_zic64b_zicntr_zicsr_zifencei_zba_zbb_sstc");
    assert_true(isa.sstc);
    assert_int_equal(read_text("rv64imac____zbb_"), 0);
    assert_string_equal(isa.guest_isa, "rv64imac_zicntr_zicsr_zifencei_zbb");
    assert_int_equal(read_text("rv64imacsstc"), 0); /* s begins a name without underscore too */
    assert_true(isa.sstc);
    /* A block size is what makes zicbom usable. */
    assert_int_equal(read_text("rv64imac_zicbom"), 0);
    assert_false(isa.zicbom);
    assert_null(strstr(isa.guest_isa, "zicbom"));
}

/* Extensions that others bring along, or take with them. */
static void test_settle(void **state)
{
    (void)state;
    assert_int_equal(read_text("rv64imafcv_zfa_zfh_zba"), 0);
    assert_false(isa.f || isa.d || isa.v);
    assert_string_equal(isa.guest_isa, "rv64imac_zicntr_zicsr_zifencei_zba");
    check_strings_agree();
    assert_int_equal(read_text("rv64imafdc_zfh"), 0);
    assert_true(isa.f && isa.d);
    assert_string_equal(isa.guest_isa, "rv64imafdc_zicntr_zicsr_zifencei_zfh");
    assert_false(isa.smstateen);
    assert_int_equal(read_text("rv64imac_ssstateen"), 0);
    assert_true(isa.smstateen);
    assert_string_equal(isa.guest_isa, "rv64imac_zicntr_zicsr_zifencei");
    assert_int_equal(read_text("rv64imac_smstateen"), 0);
    assert_true(isa.smstateen);
}

static void test_string_refused(void **state)
{
    static const char *const bad[] = {
        "rv32imac", "rv64mac", "rv64iac", "rv64imc", "rv64imc_zaamo", "rv64imc_zalrsc",
        "rv64ima",  "rv64",    "rv6",     "r",       "64imac",        "rv64e"};
    struct cpu_text none = {0}, base32 = {.list = "i,m", .base = "rv32i"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(read_text(bad[i]), -HV_EINVAL);
        assert_non_null(why);
    }
    assert_int_equal(isa_read(make_tree(&none, 1), &isa, &why), -HV_EINVAL);
    assert_int_equal(isa_read(make_tree(&none, 0), &isa, &why), -HV_EINVAL);
    assert_int_equal(isa_read(make_tree(&base32, 1), &isa, &why), -HV_EINVAL);
}

static void test_list_preferred(void **state)
{
    struct cpu_text cpu = {
        .isa = "rv64gcv", .list = "i,m,Zaamo,zalrsc,ZCA,zifencei,ZBA", .base = "rv64i"};
    void *fdt = make_tree(&cpu, 1);

    (void)state;
    assert_int_equal(isa_read(fdt, &isa, &why), 0);
    assert_string_equal(isa.guest_isa, "rv64im_zifencei_zaamo_zalrsc_zca_zba");
    /* A list without an end. */
    assert_int_equal(fdt_setprop_inplace_namelen_partial(fdt, fdt_path_offset(fdt, "/cpus/cpu@0"),
                                                         "riscv,isa-extensions", 20, 7, "z", 1),
                     0);
    assert_int_equal(isa_read(fdt, &isa, &why), -HV_EINVAL);
    /* A list without a base is not one. */
    cpu.base = NULL;
    assert_int_equal(isa_read(make_tree(&cpu, 1), &isa, &why), 0);
    assert_true(isa.v);
}

static void test_all_harts(void **state)
{
    struct cpu_text cpus[] = {
        {.isa = "rv64gcvh_zba_zbb_zicbom_sstc", .cbom = 64},
        {.list = "i,m,a,c,h,zifencei,zbb,zicbom,zbs,f", .base = "rv64i", .cbom = 64}};

    (void)state;
    assert_int_equal(isa_read(make_tree(cpus, 2), &isa, &why), 0);
    assert_string_equal(isa.guest_isa, "rv64imac_zicbom_zifencei_zbb");
    assert_true(isa.h && !isa.f && !isa.d && !isa.v && !isa.sstc);
    assert_int_equal(isa.cbom_block_size, 64);
    cpus[1].cbom = 32; /* harts that differ */
    assert_int_equal(isa_read(make_tree(cpus, 2), &isa, &why), 0);
    assert_int_equal(isa.cbom_block_size, 0);
    assert_false(isa.zicbom);
    cpus[0].cbom = cpus[1].cbom = 48; /* not a power of two */
    assert_int_equal(isa_read(make_tree(cpus, 2), &isa, &why), 0);
    assert_false(isa.zicbom);
    cpus[0].cbom = cpus[1].cbom = 0x80000000;
    assert_int_equal(isa_read(make_tree(cpus, 2), &isa, &why), 0);
    assert_false(isa.zicbom);
}

static unsigned category(const char *name)
{
    static const char order[] = "imafqlcbkjtpvnh";

    if (name[1] == '\0')
        return 0;
    if (name[0] == 'z') {
        assert_non_null(strchr(order, name[1]));
        return 1 + (unsigned)(strchr(order, name[1]) - order);
    }
    assert_int_equal(name[0], 's');
    return 100 + (unsigned)(name[1] != 'm') * (name[1] == 's' ? 1 : 2);
}

/* The order of the table, that no row is there twice, and that all rows together fit the strings.
 */
static void test_table(void **state)
{
    static const char singles[] = "imafdqlcbpvh";
    size_t total = 4;

    (void)state;
    for (unsigned i = 0; i < isa_policy_count; i++) {
        const struct isa_ext *e = &isa_policy[i], *before = e - 1;

        total += strlen(e->name) + 1;
        assert_true(e->field == ISA_FIELD_NONE || e->field < sizeof(struct host_isa));
        if (i == 0)
            continue;
        if (category(e->name) == 0)
            assert_true(strchr(singles, before->name[0]) < strchr(singles, e->name[0]));
        else if (category(e->name) == category(before->name))
            assert_true(strcmp(before->name, e->name) < 0);
        else
            assert_true(category(before->name) < category(e->name));
    }
    assert_true(total < ISA_STRING_MAX);
}

static void check_sane(const void *data, size_t size)
{
    const char *text = NULL;

    if (fdt_check_full(data, size) != 0 || fdt_version(data) < 17)
        return; /* platform_read() has refused it before */
    if (isa_read(data, &isa, &text) != 0) {
        assert_non_null(text);
        return;
    }
    assert_true(strncmp(isa.guest_isa, "rv64i", 5) == 0);
    check_strings_agree();
    assert_true(isa.cbom_block_size <= PAGE_SIZE);
    assert_true(isa.zicbom == (isa.cbom_block_size != 0));
}

static void test_damage(void **state)
{
    void *fdt = data_dtb("qemu-plain", ROOM), *packed;
    size_t size;
    int node;

    (void)state;
    /* Only what concerns it, so that damage hits that. */
    fdt_delprop(fdt, fdt_path_offset(fdt, "/cpus/cpu@0"), "riscv,isa-extensions");
    while ((node = fdt_path_offset(fdt, "/soc")) >= 0)
        fdt_del_node(fdt, node);
    packed = packed_copy(fdt, &size);
    damage_all(packed, size, 20000, check_sane);
    free(packed);
    free(fdt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qemu),           cmocka_unit_test(test_qemu_max),
        cmocka_unit_test(test_string),         cmocka_unit_test(test_settle),
        cmocka_unit_test(test_string_refused), cmocka_unit_test(test_list_preferred),
        cmocka_unit_test(test_all_harts),      cmocka_unit_test(test_table),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
