/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_policy.c - reads the policy properties of a VM, one table entry for each, and the
 * machine's management policy. Hostile input; no state.
 */
#include <hearth/config/config.h>
#include <hearth/lib/errno.h>

#include <libfdt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config_reader.h"

/* A property whose value is a number in a range, or one of a list of strings (stored as the index
 * in the list). */
struct policy_row {
    const char *property;
    size_t offset; /* of the field */
    size_t size;   /* 1: bool; 4: uint32_t or an enum */
    uint32_t least, most, usual;
    const char *const *words; /* NULL: a number */
};

static const char *const actions[] = {"destroy", "restart", "pause", NULL};
static const char *const ways[] = {"sysrq", "message", "none", NULL};
static const char *const times[] = {"stops", "runs", NULL};
static const char *const consoles[] = {"log", "buffer", NULL};
static const char *const controllers[] = {"plic", NULL};
static const char *const idles[] = {"off", "stay", NULL};

_Static_assert(VM_ACTION_DESTROY == 0 && VM_ACTION_RESTART == 1 && VM_ACTION_PAUSE == 2 &&
                   sizeof(enum vm_action) == 4,
               "actions[]");
_Static_assert(VM_SHUTDOWN_SYSRQ == 0 && VM_SHUTDOWN_MESSAGE == 1 && VM_SHUTDOWN_NONE == 2 &&
                   sizeof(enum vm_shutdown_way) == 4,
               "ways[]");

_Static_assert(VM_INTERRUPTS_PLIC == 0 && sizeof(enum vm_interrupts) == 4, "controllers[]");

#define FIELD(s, f) offsetof(struct s, f), sizeof(((struct s *)0)->f)

static const struct policy_row vm_rows[] = {
    {"on-poweroff", FIELD(vm_policy, on_poweroff), 0, 2, VM_ACTION_DESTROY, actions},
    {"on-reboot", FIELD(vm_policy, on_reboot), 0, 2, VM_ACTION_RESTART, actions},
    {"on-crash", FIELD(vm_policy, on_crash), 0, 2, VM_ACTION_DESTROY, actions},
    {"restart-limit", FIELD(vm_policy, restart_limit), 0, VM_RESTARTS_MAX, 10, NULL},
    {"restart-period", FIELD(vm_policy, restart_period), 1, VM_RESTART_PERIOD_MAX, 60, NULL},
    {"autostart", FIELD(vm_policy, autostart), 0, 1, 1, NULL},
    {"start-order", FIELD(vm_policy, start_order), 0, VM_START_ORDER_MAX, 0, NULL},
    {"start-delay", FIELD(vm_policy, start_delay), 0, VM_START_DELAY_MAX, 0, NULL},
    {"shutdown", FIELD(vm_policy, shutdown), 0, 2, VM_SHUTDOWN_SYSRQ, ways},
    {"shutdown-timeout", FIELD(vm_policy, shutdown_timeout), 1, VM_SHUTDOWN_TIMEOUT_MAX, 60, NULL},
    {"paused-time", FIELD(vm_policy, time_runs), 0, 1, 0, times},
    {"console", FIELD(vm_policy, console_buffered), 0, 1, 0, consoles},
    {"inspect", FIELD(vm_policy, inspect), 0, 1, 1, NULL},
    {"interrupts", FIELD(vm_policy, interrupts), 0, VM_INTERRUPTS_COUNT - 1, VM_INTERRUPTS_PLIC,
     controllers},
};

static const struct policy_row management_rows[] = {
    {"shell", FIELD(management, shell), 0, 1, 1, NULL},
    {"inspect", FIELD(management, inspect), 0, 1, 1, NULL},
    {"when-idle", FIELD(management, stay), 0, 1, 0, idles},
};

bool config_is_policy(const char *property)
{
    for (size_t i = 0; i < ARRAY_SIZE(vm_rows); i++)
        if (strcmp(vm_rows[i].property, property) == 0)
            return true;
    return false;
}

static int read_word(const struct config_reader *r, const struct policy_row *row, uint32_t *value)
{
    const char *word, *problem = "is none of ";
    size_t len = strlen(problem), room = sizeof(r->error->problem);
    bool found;
    int err = config_want_string(r, row->property, &word, &found);

    if (err || !found)
        return err;
    for (uint32_t i = 0; row->words[i] != NULL; i++) {
        if (strcmp(row->words[i], word) == 0) {
            *value = i;
            return 0;
        }
    }
    memcpy(r->error->problem, problem, len + 1);
    for (uint32_t i = 0; row->words[i] != NULL && len < room; i++)
        len += (size_t)snprintf(r->error->problem + len, room - len, "%s%s", i > 0 ? ", " : "",
                                row->words[i]);
    return config_blame(r, row->property);
}

static int read_number(const struct config_reader *r, const struct policy_row *row, uint32_t *value)
{
    uint32_t number;
    int err;

    if (fdt_getprop(r->b->dtb, r->node, row->property, NULL) == NULL)
        return 0;
    err = config_want_u32(r, row->property, &number);
    if (err)
        return err;
    if (number < row->least || number > row->most) {
        snprintf(r->error->problem, sizeof(r->error->problem), "%u is not in %u..%u",
                 (unsigned)number, (unsigned)row->least, (unsigned)row->most);
        return config_blame(r, row->property);
    }
    *value = number;
    return 0;
}

/* Fills `to` from the table; fields of absent properties get their default. */
static int read_rows(const struct config_reader *r, const struct policy_row *rows, size_t count,
                     void *to)
{
    for (size_t i = 0; i < count; i++) {
        const struct policy_row *row = &rows[i];
        uint32_t value = row->usual;
        int err = row->words != NULL ? read_word(r, row, &value) : read_number(r, row, &value);

        if (err)
            return err;
        if (row->size == sizeof(bool))
            *(bool *)((char *)to + row->offset) = value != 0;
        else
            memcpy((char *)to + row->offset, &value, sizeof(value));
    }
    return 0;
}

int config_read_policy(const struct config_reader *r)
{
    return read_rows(r, vm_rows, ARRAY_SIZE(vm_rows), &r->config->policy);
}

int management_read(const struct bundle *b, struct management *m, struct config_error *error)
{
    struct config_reader r = {.b = b, .error = error};
    const char *names[ARRAY_SIZE(management_rows) + 1] = {"compatible"};
    int err = 0;

    memset(error, 0, sizeof(*error));
    *m = (struct management){.shell = true, .inspect = true};
    r.vm = r.node = fdt_path_offset(b->dtb, "/management");
    if (r.node < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(management_rows); i++)
        names[i + 1] = management_rows[i].property;
    if (fdt_node_check_compatible(b->dtb, r.node, "hearth,management") != 0)
        err = config_refuse(&r, "compatible", "is not \"hearth,management\"");
    if (!err)
        err = config_want_known(&r, names, ARRAY_SIZE(names));
    if (!err)
        err = read_rows(&r, management_rows, ARRAY_SIZE(management_rows), m);
    if (err)
        *m = (struct management){.shell = false};
    return err;
}
