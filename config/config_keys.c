/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_keys.c - reads the properties of a VM, and of the machine's management policy, that have
 * an entry with a range or words in keys.def. Hostile input; no state.
 */
#include <hearth/config/config.h>
#include <hearth/core/sched.h>
#include <hearth/lib/errno.h>

#include <libfdt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config_reader.h"

/* A property whose value is a number in a range, or one of some words (stored as its index). */
struct config_key {
    const char *property;
    size_t offset; /* of the field */
    size_t size;   /* 1: bool; 4: uint32_t or an enumeration; 8: uint64_t, two cells in the tree */
    uint64_t min, max, step;
    uint64_t initial;         /* or KEY_REQUIRED */
    const char *words;        /* "a, b, c"; NULL: a number */
    const char *initial_word; /* with words */
};

#define KEY_REQUIRED UINT64_MAX

#define FIELD(s, f) offsetof(struct s, f), sizeof(((struct s *)0)->f)

#define KEY_NUMBER(s, property, field, min, max, step, initial)                                    \
    {property, FIELD(s, field), min, max, step, initial, NULL, NULL},
#define KEY_WORD(s, property, field, words, initial)                                               \
    {property, FIELD(s, field), 0, 0, 1, 0, words, initial},

static const struct config_key vm_keys[] = {
#define VM_NUMBER(key, property, field, min, max, initial, unit, text)                             \
    KEY_NUMBER(vm_config, property, field, min, max, 1, initial)
#define VM_SIZE(key, property, field, min, max, step, initial, text)                               \
    KEY_NUMBER(vm_config, property, field, min, max, step, initial)
#define VM_BOOL(key, property, field, initial, text)                                               \
    KEY_NUMBER(vm_config, property, field, 0, 1, 1, initial)
#define VM_WORD(key, property, field, words, initial, text)                                        \
    KEY_WORD(vm_config, property, field, words, initial)
#include <hearth/config/keys.def>
};

static const struct config_key management_keys[] = {
#define MANAGEMENT_BOOL(key, property, field, initial, text)                                       \
    KEY_NUMBER(management, property, field, 0, 1, 1, initial)
#define MANAGEMENT_WORD(key, property, field, words, initial, text)                                \
    KEY_WORD(management, property, field, words, initial)
#include <hearth/config/keys.def>
};

/* All properties of a VM's node. */
static const char *const vm_properties[] = {
    "compatible",
    "reg",
#define VM_NUMBER(key, property, field, min, max, initial, unit, text) property,
#define VM_SIZE(key, property, field, min, max, step, initial, text)   property,
#define VM_BOOL(key, property, field, initial, text)                   property,
#define VM_WORD(key, property, field, words, initial, text)            property,
#define VM_SHARE(key, property, scope, min, max, initial, form, text)  property, ("vcpu-" property),
#define VM_OTHER(key, property, required, values, text)                property,
#include <hearth/config/keys.def>
};

_Static_assert(VM_ACTION_DESTROY == 0 && VM_ACTION_RESTART == 1 && VM_ACTION_PAUSE == 2 &&
                   sizeof(enum vm_action) == 4,
               "the words of on_poweroff, on_reboot and on_crash");
_Static_assert(VM_SHUTDOWN_SYSRQ == 0 && VM_SHUTDOWN_MESSAGE == 1 && VM_SHUTDOWN_NONE == 2 &&
                   sizeof(enum vm_shutdown_way) == 4,
               "the words of shutdown");
_Static_assert(VM_INTERRUPTS_PLIC == 0 && sizeof(enum vm_interrupts) == 4,
               "the words of interrupts");

int config_want_vm_properties(const struct config_reader *r)
{
    return config_want_known(r, vm_properties, ARRAY_SIZE(vm_properties));
}

/* The index of `word` in the list "a, b, c", or -1. */
static int config_word_index(const char *list, const char *word)
{
    for (int index = 0;; index++) {
        const size_t len = strcspn(list, ",");

        if (strlen(word) == len && memcmp(list, word, len) == 0)
            return index;
        if (list[len] == '\0')
            return -1;
        list += len + 2;
    }
}

static int config_read_word(const struct config_reader *r, const struct config_key *key,
                            uint64_t *value)
{
    const char *word = key->initial_word;
    bool found;
    int index, err = config_want_string(r, key->property, &word, &found);

    if (err)
        return err;
    index = config_word_index(key->words, word);
    if (index < 0) {
        snprintf(r->error->problem, sizeof(r->error->problem), "is none of %s", key->words);
        return config_blame(r, key->property);
    }
    *value = (uint64_t)index;
    return 0;
}

static int config_read_number(const struct config_reader *r, const struct config_key *key,
                              uint64_t *value)
{
    const bool required = key->initial == KEY_REQUIRED;
    bool found = true;
    uint32_t cell;
    int err;

    if (key->size == sizeof(uint64_t)) {
        err = config_want_u64(r, key->property, value, required ? NULL : &found);
    } else {
        err = config_want_u32(r, key->property, &cell, required ? NULL : &found);
        if (!err && found)
            *value = cell;
    }
    if (err)
        return err;
    if (!found) {
        *value = key->initial;
        return 0;
    }
    if (*value < key->min || *value > key->max)
        return config_refuse_range(r, key->property, *value, key->min, key->max);
    if (*value % key->step != 0) {
        snprintf(r->error->problem, sizeof(r->error->problem), "%lu is not a multiple of %lu",
                 (unsigned long)*value, (unsigned long)key->step);
        return config_blame(r, key->property);
    }
    return 0;
}

/* Fills *to by the table. */
static int config_read_table(const struct config_reader *r, const struct config_key *keys,
                             size_t count, void *to)
{
    for (size_t i = 0; i < count; i++) {
        const struct config_key *key = &keys[i];
        uint64_t value = 0;
        int err = key->words != NULL ? config_read_word(r, key, &value)
                                     : config_read_number(r, key, &value);

        if (err)
            return err;
        memcpy((char *)to + key->offset, &value, key->size); /* little-endian; a bool is 0 or 1 */
    }
    return 0;
}

int config_read_keys(const struct config_reader *r)
{
    return config_read_table(r, vm_keys, ARRAY_SIZE(vm_keys), r->config);
}

int management_read(const struct bundle *b, struct management *m, struct config_error *error)
{
    struct config_reader r = {.b = b, .error = error};
    const char *names[ARRAY_SIZE(management_keys) + 1] = {"compatible"};
    int err = 0;

    memset(error, 0, sizeof(*error));
    *m = (struct management){.shell = true, .inspect = true};
    r.vm = r.node = fdt_path_offset(b->dtb, "/management");
    if (r.node < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(management_keys); i++)
        names[i + 1] = management_keys[i].property;
    if (fdt_node_check_compatible(b->dtb, r.node, "hearth,management") != 0)
        err = config_refuse(&r, "compatible", "is not \"hearth,management\"");
    if (!err)
        err = config_want_known(&r, names, ARRAY_SIZE(names));
    if (!err)
        err = config_read_table(&r, management_keys, ARRAY_SIZE(management_keys), m);
    if (err)
        *m = (struct management){.shell = false};
    return err;
}
