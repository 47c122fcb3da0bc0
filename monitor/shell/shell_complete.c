/* SPDX-License-Identifier: Apache-2.0 */
/* shell_complete.c - the tables of commands; finding one by its name, and completing words. */
#include "shell_internal.h"

#include <hearth/console/console.h>
#include <hearth/config/descriptions.h>
#include <hearth/monitor/shell_words.h>
#include <hearth/core/vm.h>

#include <stdio.h>
#include <string.h>

const struct shell_command *const shell_commands[] = {shell_list_commands,
                                                      shell_vm_commands,
                                                      shell_talk_commands,
                                                      shell_look_commands,
                                                      shell_observe_commands,
                                                      shell_host_commands,
                                                      NULL};

const struct shell_command *shell_find_command(char *const words[], unsigned count, unsigned *used)
{
    char two[2 * LINE_MAX_LEN + 2];

    (void)snprintf(two, sizeof(two), "%s %s", words[0], count > 1 ? words[1] : "");
    for (unsigned t = 0; shell_commands[t] != NULL; t++) {
        for (const struct shell_command *c = shell_commands[t]; c->name != NULL; c++) {
            *used = strchr(c->name, ' ') != NULL ? 2 : 1;
            if (strcmp(c->name, *used == 2 ? two : words[0]) == 0)
                return c;
        }
    }
    return NULL;
}

struct completion {
    const char *prefix;
    size_t len;
    char common[LINE_MAX_LEN + 1]; /* common prefix of all candidates */
    unsigned count;
    struct shell *list; /* NULL, or prints the candidates there */
};

static void complete_add(struct completion *c, const char *text)
{
    size_t i = 0;

    if (strncmp(text, c->prefix, c->len) != 0)
        return;
    if (c->list != NULL)
        sh_print(c->list, "%s  ", text);
    if (c->count++ == 0) {
        (void)snprintf(c->common, sizeof(c->common), "%s", text);
        return;
    }
    while (text[i] != '\0' && text[i] == c->common[i])
        i++;
    c->common[i] = '\0';
}

/* Adds the names of commands. first: NULL, or the first word, for second words of names. */
static void complete_commands(struct completion *c, const char *first)
{
    for (unsigned t = 0; shell_commands[t] != NULL; t++) {
        for (const struct shell_command *k = shell_commands[t]; k->name != NULL; k++) {
            const char *space = strchr(k->name, ' ');
            char word[32];

            if (first != NULL) {
                if (space != NULL && strncmp(k->name, first, (size_t)(space - k->name)) == 0 &&
                    strlen(first) == (size_t)(space - k->name))
                    complete_add(c, space + 1);
                continue;
            }
            (void)snprintf(word, sizeof(word), "%.*s",
                           (int)(space != NULL ? space - k->name : (int)strlen(k->name)), k->name);
            if (c->count == 0 || strcmp(c->common, word) != 0 || c->list == NULL)
                complete_add(c, word);
        }
    }
}

static void complete_argument(struct completion *c, enum shell_word kind)
{
    static const char *const settings[] = {
#define VM_SHARE(key, property, scope, min, max, initial, form, text) #key "=",
#include <hearth/config/keys.def>
        "vcpu="};
    static const char *const spaces[] = {"gpa", "gva"};

    switch (kind) {
    case WORD_VM:
        for (unsigned i = 0; i < vm_count(); i++)
            if (vm_get(i) != NULL)
                complete_add(c, vm_get(i)->config.name);
        break;
    case WORD_DESCRIPTION:
        for (unsigned i = 0; i < description_count(); i++)
            complete_add(c, description_get(i)->name);
        break;
    case WORD_COMMAND:
        complete_commands(c, NULL);
        break;
    case WORD_SETTING:
        for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
            complete_add(c, settings[i]);
        break;
    case WORD_SPACE:
        for (unsigned i = 0; i < ARRAY_SIZE(spaces); i++)
            complete_add(c, spaces[i]);
        break;
    case WORD_NONE:
        break;
    }
}

/* Adds the candidates for the last word before the cursor. */
static void complete_gather(struct completion *c, char *words[], unsigned count)
{
    const struct shell_command *k;
    unsigned used, at;

    c->count = 0;
    if (count == 1) {
        complete_commands(c, NULL);
        return;
    }
    k = shell_find_command(words, count - 1, &used);
    if (k == NULL) {
        if (count == 2)
            complete_commands(c, words[0]);
        return;
    }
    at = count - 1 - used;
    if (strcmp(k->name, "help") == 0 && at == 1)
        complete_commands(c, words[1]);
    else
        complete_argument(c, k->words[MIN(at, ARRAY_SIZE(k->words) - 1)]);
}

void shell_complete(struct shell *sh)
{
    struct completion c = {0};
    char *words[SHELL_WORDS];
    char line[LINE_MAX_LEN + 2];
    int n;

    memcpy(line, sh->edit.text, sh->edit.cursor);
    line[sh->edit.cursor] = '\0';
    n = words_split(line, words, SHELL_WORDS - 1);
    if (n < 0)
        return;
    if (n == 0 || sh->edit.text[sh->edit.cursor - 1] == ' ')
        words[n++] = line + sh->edit.cursor; /* a new, empty word */
    c.prefix = words[n - 1];
    c.len = strlen(c.prefix);
    complete_gather(&c, words, (unsigned)n);
    if (c.count == 0)
        return;
    if (strlen(c.common) > c.len || c.count == 1) {
        line_insert(&sh->edit, c.common + c.len, strlen(c.common) - c.len);
        if (c.count == 1 && c.common[strlen(c.common) - 1] != '=')
            line_insert(&sh->edit, " ", 1);
        return;
    }
    console_shell_enter();
    c.list = sh;
    complete_gather(&c, words, (unsigned)n);
    sh_print(sh, "\n");
}
