/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_internal.h - interface between shell.c and the files of its commands (cmd_*.c). All calls
 * are made, one after the other, by the shell's work item.
 */
#pragma once

#include <hearth/config/config.h>
#include <hearth/monitor/line_edit.h>
#include <hearth/monitor/shell.h>
#include <hearth/kernel/timer.h>
#include <hearth/kernel/work.h>

#define SHELL_WORDS 16u
#define SHELL_OUT   6144u /* output limit of one call of a command, in bytes */

enum shell_result {
    SHELL_DONE,  /* the command has ended, successfully or after printing an error */
    SHELL_MORE,  /* call it again when its output has been sent */
    SHELL_WAIT,  /* the same, after wait_us */
    SHELL_USAGE, /* invalid arguments: nothing was done; print the usage */
};

/* Kinds of a command's arguments, for completion. */
enum shell_word {
    WORD_NONE,
    WORD_VM,
    WORD_DESCRIPTION,
    WORD_COMMAND,
    WORD_SETTING,
    WORD_SPACE,
};

struct shell;

struct shell_command {
    const char *name;  /* one or two words */
    const char *usage; /* arguments */
    const char *help;
    enum shell_word words[3]; /* kinds of the first arguments; the last applies to the rest */
    uint8_t least, most;      /* number of arguments */
    bool json;                /* accepts --json */
    bool keys;                /* without --json, reads keys while it waits: sh_key() */
    enum shell_result (*run)(struct shell *sh);
};

struct shell {
    struct line_edit edit;

    /* The running command; NULL: a line is being edited. */
    const struct shell_command *command;
    char line[LINE_MAX_LEN + 1];
    char *words[SHELL_WORDS]; /* of the line */
    unsigned argc;            /* arguments, after the command's name... */
    char **argv;              /* ...and without --json */
    bool as_json;
    struct json json;
    /* For the command; step counts its calls. 0 at the first call. */
    uint32_t step;
    uint64_t number[4];
    void *state; /* SHELL_STATE bytes */

    uint64_t wait_us;
    struct timer_event timer;
    bool waiting;

    char out[SHELL_OUT];
    size_t out_len, out_done;
    size_t out_lost; /* bytes beyond SHELL_OUT that no line has reported */
};

#define SHELL_STATE (3 * PAGE_SIZE)

/* Appends to the output. Output of one call beyond SHELL_OUT is lost, and reported. */
void sh_print(struct shell *sh, const char *fmt, ...) __printf(2, 3);
/* Appends untrusted bytes, escaped (text.h). */
void sh_print_text(struct shell *sh, const char *text, size_t len);
/* Returns the VM with this name, or NULL after printing an error. */
struct vm *sh_vm(struct shell *sh, const char *name);
/* Message for an operation's error; NULL: no error. */
const char *sh_error(int err);
/* Returns whether policy allows to inspect the VM; if not, prints an error. */
bool sh_may_inspect(struct shell *sh, const struct vm *vm);
/* Begins one JSON value. */
void sh_json_begin(struct shell *sh);
/* Begin and end a JSON array for a listing; without --json they do nothing. */
void sh_list_begin(struct shell *sh);
void sh_list_end(struct shell *sh);
/* Reads a key typed while a command waits. False: none. */
bool sh_key(struct shell *sh, char *key);

/* Returns the command named by the first words, or NULL; *used: number of words in its name. */
const struct shell_command *shell_find_command(char *const words[], unsigned count, unsigned *used);
/* Completes the word before the cursor, or prints the candidates. */
void shell_complete(struct shell *sh);

/* Each file's table of commands; the name of the last entry is NULL. */
extern const struct shell_command shell_list_commands[], shell_vm_commands[], shell_talk_commands[],
    shell_look_commands[], shell_observe_commands[], shell_host_commands[];
extern const struct shell_command *const shell_commands[]; /* all tables, NULL-terminated */
