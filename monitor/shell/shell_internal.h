/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_internal.h - between shell.c and the files of its commands (cmd_*.c). All of it runs as the
 * shell's work, one call after the other.
 */
#pragma once

#include <hearth/config/config.h>
#include <hearth/monitor/line_edit.h>
#include <hearth/monitor/shell.h>
#include <hearth/kernel/timer.h>
#include <hearth/kernel/work.h>

#define SHELL_WORDS 16u
#define SHELL_OUT   3072u /* output limit of one call of a command, in bytes */

enum shell_result {
    SHELL_DONE,  /* the command has ended, well or with what it said */
    SHELL_MORE,  /* call it again when its output has gone out */
    SHELL_WAIT,  /* the same, after wait_us */
    SHELL_USAGE, /* ill-formed: nothing was done; its usage is printed */
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
    const char *name;  /* one word or two */
    const char *usage; /* behind the name */
    const char *help;
    enum shell_word words[3]; /* from the first behind the name on */
    uint8_t least, most;      /* words behind the name */
    bool json;                /* takes --json */
    bool keys;                /* without --json, takes what is typed while it waits: sh_key() */
    enum shell_result (*run)(struct shell *sh);
};

struct shell {
    struct line_edit edit;

    /* The command that runs; NULL: a line is being edited. */
    const struct shell_command *command;
    char line[LINE_MAX_LEN + 1];
    char *words[SHELL_WORDS]; /* all of the line's */
    unsigned argc;            /* those behind the command's name... */
    char **argv;              /* ...without --json */
    bool as_json;
    struct json json;
    /* The command's own, 0 at its first call. */
    uint32_t step;
    uint64_t number[4];
    void *state; /* SHELL_STATE bytes */

    uint64_t wait_us;
    struct timer_event timer;
    bool waiting;

    char out[SHELL_OUT];
    size_t out_len, out_done;
};

#define SHELL_STATE (3 * PAGE_SIZE)

/* Adds to the output; what a call prints beyond SHELL_OUT is lost. */
void sh_print(struct shell *sh, const char *fmt, ...) __printf(2, 3);
/* Adds bytes from a guest, escaped (text.h). */
void sh_print_text(struct shell *sh, const char *text, size_t len);
/* The VM of this name, or NULL after printing an error. */
struct vm *sh_vm(struct shell *sh, const char *name);
/* An operation's error as a message to the user. NULL: no error. */
const char *sh_error(int err);
/* The VM may be looked into, else said. */
bool sh_may_inspect(struct shell *sh, const struct vm *vm);
/* For one JSON value. */
void sh_json_begin(struct shell *sh);
/* For a listing: opens the JSON array (first call), and closes the line behind it. */
void sh_list_begin(struct shell *sh);
void sh_list_end(struct shell *sh);
/* The user pressed q, or the like, while a command waits. */
bool sh_key(struct shell *sh, char *key);

/* The command whose name the first words are, or NULL; *used: how many they are. */
const struct shell_command *shell_find_command(char *const words[], unsigned count, unsigned *used);
/* Completes the word before the cursor, or prints what it may be. */
void shell_complete(struct shell *sh);

/* The tables of commands of each file, NULL-terminated. */
extern const struct shell_command shell_list_commands[], shell_vm_commands[], shell_talk_commands[],
    shell_look_commands[], shell_observe_commands[], shell_host_commands[];
extern const struct shell_command *const shell_commands[]; /* those tables, NULL-terminated */
