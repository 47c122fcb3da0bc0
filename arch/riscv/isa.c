/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa.c - reads the host's ISA extensions from its device tree and makes the strings for guests.
 * Binding riscv/extensions.yaml: riscv,isa-base with riscv,isa-extensions, or the older riscv,isa
 * string. The only state is host_isa, which boot fills before other harts run.
 */
#include <hearth/lib/errno.h>
#include <hearth/lib/fdt_util.h>
#include <hearth/arch/isa.h>
#include <hearth/arch/isa_policy.h>

#include <libfdt.h>
#include <string.h>

#define ISA_WORDS (ISA_POLICY_MAX / 64)

struct host_isa host_isa;

struct isa_set {
    uint64_t bits[ISA_WORDS]; /* one for each entry of isa_policy[] */
};

/* The cache-block extensions. Each is usable only if its block size is known. */
struct block_size {
    const char *extension, *property;
    uint16_t field; /* offset of the uint32_t in struct host_isa */
};

static const struct block_size isa_block_sizes[] = {
    {"zicbom", "riscv,cbom-block-size", offsetof(struct host_isa, cbom_block_size)},
    {"zicbop", "riscv,cbop-block-size", offsetof(struct host_isa, cbop_block_size)},
    {"zicboz", "riscv,cboz-block-size", offsetof(struct host_isa, cboz_block_size)},
};

/* Extensions that the image is built for (Makefile: MARCH). */
static const struct {
    const char *extension, *includes; /* one of the two is enough */
    const char *why;
} isa_required[] = {
    {"i", NULL, "a hart without the base integer instructions"},
    {"m", NULL, "a hart without the M extension"},
    {"zaamo", "a", "a hart without the A extension"},
    {"zalrsc", "a", "a hart without the A extension"},
    {"zca", "c", "a hart without compressed instructions (C or Zca)"},
    {"zifencei", NULL, "a hart without the Zifencei extension"},
};

static char isa_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool isa_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Index in isa_policy[] of the extension name of len characters, in any case; -1: unknown. */
static int isa_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < isa_policy_count; i++) {
        const char *known = isa_policy[i].name;
        size_t k = 0;

        while (k < len && known[k] != '\0' && isa_lower(name[k]) == known[k])
            k++;
        if (k == len && known[k] == '\0')
            return (int)i;
    }
    return -1;
}

static bool isa_set_has(const struct isa_set *s, unsigned i)
{
    return (s->bits[i / 64] >> (i % 64) & 1) != 0;
}

static void isa_set_add(struct isa_set *s, const char *name, size_t len)
{
    int i = isa_find(name, len);

    if (i >= 0)
        s->bits[i / 64] |= BIT(i % 64);
}

static void isa_set_remove(struct isa_set *s, const char *name)
{
    int i = isa_find(name, strlen(name));

    if (i >= 0)
        s->bits[i / 64] &= ~BIT(i % 64);
}

static bool isa_set_has_name(const struct isa_set *s, const char *name)
{
    int i = name == NULL ? -1 : isa_find(name, strlen(name));

    return i >= 0 && isa_set_has(s, (unsigned)i);
}

static int isa_check_required(const struct isa_set *s, const char **why)
{
    for (unsigned i = 0; i < ARRAY_SIZE(isa_required); i++) {
        if (!isa_set_has_name(s, isa_required[i].extension) &&
            !isa_set_has_name(s, isa_required[i].includes)) {
            *why = isa_required[i].why;
            return -HV_EINVAL;
        }
    }
    return 0;
}

/* Parses riscv,isa-extensions: a list of NUL-terminated names. */
static int isa_parse_list(const char *p, int len, struct isa_set *s, const char **why)
{
    while (len > 0) {
        const char *end = memchr(p, '\0', (size_t)len);

        if (end == NULL) {
            *why = "riscv,isa-extensions is not a list of strings";
            return -HV_EINVAL;
        }
        isa_set_add(s, p, (size_t)(end - p));
        len -= (int)(end - p) + 1;
        p = end + 1;
    }
    return 0;
}

/* Length of a multi-letter name without its version ("zba1p0" -> "zba", but "zic64b" whole). */
static size_t isa_name_length(const char *p, size_t len)
{
    size_t n = len;

    while (n > 0 && isa_is_digit(p[n - 1]))
        n--;
    if (n == len || n == 0)
        return len;
    if (isa_lower(p[n - 1]) == 'p' && n >= 2 && isa_is_digit(p[n - 2])) {
        for (n--; n > 0 && isa_is_digit(p[n - 1]); n--)
            ;
        return n;
    }
    return n;
}

/* Skips the version after a single letter: "2", "2p0". */
static const char *isa_skip_version(const char *p)
{
    if (!isa_is_digit(*p))
        return p;
    while (isa_is_digit(*p))
        p++;
    if (isa_lower(*p) == 'p' && isa_is_digit(p[1])) {
        for (p++; isa_is_digit(*p); p++)
            ;
    }
    return p;
}

/* Parses riscv,isa, like "rv64imac_zba". The string is terminated inside its property. */
static int isa_parse_string(const char *p, struct isa_set *s, const char **why)
{
    if (isa_lower(p[0]) != 'r' || isa_lower(p[1]) != 'v' || p[2] != '6' || p[3] != '4') {
        *why = "riscv,isa does not begin with rv64";
        return -HV_EINVAL;
    }
    for (p += 4; *p != '\0';) {
        char c = isa_lower(*p);

        if (c == '_') {
            p++;
        } else if (c == 'z' || c == 's' || c == 'x') {
            size_t len = strcspn(p, "_");

            isa_set_add(s, p, isa_name_length(p, len));
            p += len;
        } else {
            if (c == 'g') {
                for (const char *g = "imafd"; *g != '\0'; g++)
                    isa_set_add(s, g, 1);
            } else {
                isa_set_add(s, &c, 1);
            }
            p = isa_skip_version(p + 1);
        }
    }
    /* The string predates these names: the extensions were part of I. */
    isa_set_add(s, "zicsr", 5);
    isa_set_add(s, "zifencei", 8);
    isa_set_add(s, "zicntr", 6);
    return 0;
}

static int isa_read_extensions(const void *fdt, int cpu, struct isa_set *s, const char **why)
{
    const char *text, *list;
    int len;

    list = fdt_getprop(fdt, cpu, "riscv,isa-extensions", &len);
    if (list != NULL && fdt_prop_string(fdt, cpu, "riscv,isa-base", &text) == 0) {
        if (strcmp(text, "rv64i") != 0) {
            *why = "riscv,isa-base is not rv64i";
            return -HV_EINVAL;
        }
        return isa_parse_list(list, len, s, why);
    }
    if (fdt_prop_string(fdt, cpu, "riscv,isa", &text) != 0) {
        *why = "a cpu node has neither riscv,isa-extensions with riscv,isa-base nor riscv,isa";
        return -HV_EINVAL;
    }
    return isa_parse_string(text, s, why);
}

static uint32_t *isa_block_size(struct host_isa *isa, const struct block_size *b)
{
    return (uint32_t *)(void *)((char *)isa + b->field);
}

/* Reads a hart's block sizes. An extension is removed if its size is invalid or differs between
 * harts. */
static void isa_read_block_sizes(const void *fdt, int cpu, bool first, struct host_isa *out,
                                 struct isa_set *s)
{
    for (unsigned i = 0; i < ARRAY_SIZE(isa_block_sizes); i++) {
        const struct block_size *b = &isa_block_sizes[i];
        uint32_t *known = isa_block_size(out, b), size;

        if (fdt_prop_u32(fdt, cpu, b->property, &size) != 0 || size < 8 || size > PAGE_SIZE ||
            (size & (size - 1)) != 0 || (!first && size != *known)) {
            size = 0;
            isa_set_remove(s, b->extension);
        }
        *known = size;
    }
}

/* Applies dependencies between extensions. */
static void isa_apply_dependencies(struct isa_set *s)
{
    /* Hearth switches floating-point registers as doubles only. */
    if (!isa_set_has_name(s, "d")) {
        isa_set_remove(s, "f");
        isa_set_remove(s, "v");
    }
    /* Ssstateen is the supervisor part of Smstateen, which is all that Hearth uses. */
    if (isa_set_has_name(s, "ssstateen"))
        isa_set_add(s, "smstateen", 9);
}

static void isa_fill_fields(const struct isa_set *s, struct host_isa *out)
{
    for (unsigned i = 0; i < isa_policy_count; i++) {
        if (isa_policy[i].field != ISA_FIELD_NONE)
            *(bool *)((char *)out + isa_policy[i].field) = isa_set_has(s, i);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(isa_block_sizes); i++) {
        const char *name = isa_block_sizes[i].extension;
        int ext = isa_find(name, strlen(name));

        if (ext < 0 || !isa_set_has(s, (unsigned)ext))
            *isa_block_size(out, &isa_block_sizes[i]) = 0;
    }
}

/* Makes the strings for guests. The whole table fits into ISA_STRING_MAX (a unit test checks this);
 * an entry that did not fit would be omitted. */
static void isa_fill_guest_strings(const struct isa_set *s, struct host_isa *out)
{
    size_t isa = 4, list = 0;

    memcpy(out->guest_isa, "rv64", 5);
    for (unsigned i = 0; i < isa_policy_count; i++) {
        const char *name = isa_policy[i].name;
        size_t len = strlen(name), separator = len > 1 ? 1 : 0;

        /* Vector state is switched if the host has V, but not for its embedded subsets. */
        if (name[0] == 'z' && name[1] == 'v' && !out->v)
            continue;
        if (name[0] == 'z' && name[1] == 'f' && !out->f)
            continue;
        if (!isa_set_has(s, i) || !isa_policy[i].guest_ok ||
            isa + separator + len >= ISA_STRING_MAX || list + len + 1 > ISA_STRING_MAX)
            continue;
        out->guest_isa[isa] = '_';
        memcpy(out->guest_isa + isa + separator, name, len + 1);
        isa += separator + len;
        memcpy(out->guest_extensions + list, name, len + 1);
        list += len + 1;
    }
    out->guest_extensions_len = (uint32_t)list;
}

static bool isa_is_usable_cpu(const void *fdt, int node)
{
    const char *type;

    return fdt_prop_string(fdt, node, "device_type", &type) == 0 && strcmp(type, "cpu") == 0 &&
           fdt_status_okay(fdt, node);
}

int isa_read(const void *fdt, struct host_isa *out, const char **why)
{
    struct isa_set all = {0};
    unsigned harts = 0;
    int cpu, cpus = fdt_path_offset(fdt, "/cpus"), err;

    memset(out, 0, sizeof(*out));
    if (cpus < 0) {
        *why = "no /cpus node";
        return -HV_EINVAL;
    }
    fdt_for_each_subnode(cpu, fdt, cpus)
    {
        struct isa_set one = {0};

        if (!isa_is_usable_cpu(fdt, cpu))
            continue;
        err = isa_read_extensions(fdt, cpu, &one, why);
        if (err)
            return err;
        isa_read_block_sizes(fdt, cpu, harts == 0, out, &one);
        for (unsigned k = 0; k < ISA_WORDS; k++)
            all.bits[k] = harts == 0 ? one.bits[k] : all.bits[k] & one.bits[k];
        harts++;
    }
    if (harts == 0) {
        *why = "no cpu node";
        return -HV_EINVAL;
    }
    err = isa_check_required(&all, why);
    if (err)
        return err;
    isa_apply_dependencies(&all);
    isa_fill_fields(&all, out);
    /* isa_probe() removes the one in which guests do not start. */
    if (out->svadu)
        isa_set_add(&all, "svade", 5);
    isa_fill_guest_strings(&all, out);
    return 0;
}

/* Removes len bytes at `at` from the first `size` bytes of buf. */
static void isa_cut(char *buf, size_t size, size_t at, size_t len)
{
    memmove(buf + at, buf + at + len, size - at - len);
}

void isa_withhold(struct host_isa *isa, const char *name)
{
    const size_t len = strlen(name);
    size_t at = 0;

    while (at < isa->guest_extensions_len && strcmp(isa->guest_extensions + at, name) != 0)
        at += strlen(isa->guest_extensions + at) + 1;
    if (at >= isa->guest_extensions_len)
        return;
    isa_cut(isa->guest_extensions, isa->guest_extensions_len, at, len + 1);
    isa->guest_extensions_len -= (uint32_t)len + 1;
    /* Only multi-letter names are withheld. Each begins after an underscore. */
    for (char *p = strchr(isa->guest_isa, '_'); p != NULL; p = strchr(p + 1, '_')) {
        if (strncmp(p + 1, name, len) == 0 && (p[1 + len] == '_' || p[1 + len] == '\0')) {
            isa_cut(p, strlen(p) + 1, 0, len + 1);
            return;
        }
    }
}
