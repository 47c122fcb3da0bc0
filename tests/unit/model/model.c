/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - see model.h. */
#include "model.h"

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_SIZE 65536
#define BUFFER_MAX 16
#define DEPTH_MAX  2000

struct store {
    volatile void *p;
    unsigned size;
    uint64_t value;
    bool release;
};

struct coroutine {
    ucontext_t first; /* for the first switch; later ones use `here`, without system calls */
    jmp_buf here;
    bool started;
    char stack[STACK_SIZE];
    bool alive;
    bool (*ready)(void); /* condition to continue; NULL: none */
    uint64_t history;    /* hash of all values that the hart has read */
    uint64_t loop;       /* `changes` at the last model_relax() */
    struct store buffer[BUFFER_MAX];
    unsigned buffered;
};

unsigned model_hart;
unsigned model_fence_broken;

static const struct model *model;
static struct model_result result;
static struct coroutine harts_of_model[MODEL_HARTS];
static jmp_buf scheduler;
static uint64_t changes; /* number of changes of memory in this run */
static bool over;        /* the run has failed, or reached a known state */
static bool in_scheduler = true;

/* The choices of the run; those before `given` are replayed. */
static struct {
    unsigned taken, of;
} choices[DEPTH_MAX];
static unsigned depth, given;

/* ---- known states: an open hash table */

static uint64_t *seen;
static size_t seen_size, seen_count;

static bool seen_add(uint64_t key);

static void seen_grow(void)
{
    uint64_t *old = seen;
    const size_t size = seen_size;

    seen_size = size != 0 ? 2 * size : 1 << 16;
    seen = calloc(seen_size, sizeof(*seen));
    assert(seen != NULL);
    seen_count = 0;
    for (size_t i = 0; i < size; i++)
        if (old[i] != 0)
            (void)seen_add(old[i]);
    free(old);
}

/* False: the state was known. */
static bool seen_add(uint64_t key)
{
    size_t i;

    if (2 * seen_count >= seen_size)
        seen_grow();
    key |= key == 0;
    for (i = key % seen_size; seen[i] != 0; i = (i + 1) % seen_size)
        if (seen[i] == key)
            return false;
    seen[i] = key;
    seen_count++;
    return true;
}

static void fail(const char *text)
{
    over = true;
    if (!result.violated)
        snprintf(result.text, sizeof(result.text), "%s", text);
    result.violated = true;
}

/* ---- choices */

static unsigned choose(unsigned n)
{
    if (depth == DEPTH_MAX) {
        fail("a run without an end");
        return 0;
    }
    if (depth >= given)
        choices[depth].taken = 0;
    choices[depth].of = n;
    return choices[depth++].taken;
}

/* Prepares the next run: changes the last choice that has an untried alternative. False: none. */
static bool choose_next(void)
{
    while (depth > 0) {
        if (++choices[depth - 1].taken < choices[depth - 1].of) {
            given = depth;
            return true;
        }
        depth--;
    }
    return false;
}

unsigned model_choose(unsigned n)
{
    const unsigned c = choose(n);

    model_saw(c);
    return c;
}

/* ---- memory */

static uint64_t read_memory(const volatile void *p, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, (const void *)(uintptr_t)p, size);
    return value;
}

static void write_memory(volatile void *p, unsigned size, uint64_t value)
{
    memcpy((void *)(uintptr_t)p, &value, size);
    changes++;
}

static void drain(struct coroutine *c, unsigned i)
{
    write_memory(c->buffer[i].p, c->buffer[i].size, c->buffer[i].value);
    c->buffered--;
    memmove(&c->buffer[i], &c->buffer[i + 1], (c->buffered - i) * sizeof(struct store));
}

/* Returns whether store i may be the next to reach memory. */
static bool drainable(const struct coroutine *c, unsigned i)
{
    if (c->buffer[i].release && i > 0)
        return false;
    for (unsigned j = 0; j < i; j++)
        if (c->buffer[j].p == c->buffer[i].p)
            return false;
    return true;
}

static void empty_buffer(struct coroutine *c)
{
    while (c->buffered > 0)
        drain(c, 0);
}

/* ---- on a hart */

static struct coroutine *self(void)
{
    return &harts_of_model[model_hart];
}

static void to_scheduler(void)
{
    if (_setjmp(self()->here) == 0)
        _longjmp(scheduler, 1);
}

static void pause_hart(bool (*ready)(void))
{
    self()->ready = ready;
    self()->history = model_mix(self()->history, 1);
    to_scheduler();
    self()->ready = NULL;
}

void model_saw(uint64_t value)
{
    struct coroutine *c = &harts_of_model[model_hart];

    c->history = model_mix(c->history, value + 2);
}

void model_here(uint64_t place)
{
    self()->history = place;
}

uint64_t model_load(const volatile void *p, unsigned size)
{
    struct coroutine *c = &harts_of_model[model_hart];
    uint64_t value;

    pause_hart(NULL);
    value = read_memory(p, size);
    for (unsigned i = 0; i < c->buffered; i++)
        if (c->buffer[i].p == p)
            value = c->buffer[i].value;
    model_saw(value);
    return value;
}

void model_store(volatile void *p, unsigned size, uint64_t value, bool release)
{
    struct coroutine *c = &harts_of_model[model_hart];

    pause_hart(NULL);
    if (c->buffered == BUFFER_MAX)
        drain(c, 0);
    c->buffer[c->buffered++] = (struct store){p, size, value, release};
}

uint64_t model_rmw(volatile void *p, unsigned size, enum model_rmw op, uint64_t value)
{
    uint64_t old;

    model_step();
    old = read_memory(p, size);
    switch (op) {
    case MODEL_ADD:
        value += old;
        break;
    case MODEL_OR:
        value |= old;
        break;
    case MODEL_AND:
        value &= old;
        break;
    case MODEL_SWAP:
        break;
    }
    write_memory(p, size, value);
    model_saw(old);
    return old;
}

void model_fence(void)
{
    if (model_fence_broken & 1u << model_hart)
        return;
    model_step();
}

void model_step(void)
{
    pause_hart(NULL);
    empty_buffer(&harts_of_model[model_hart]);
}

void model_wait(bool (*ready)(void))
{
    model_step();
    if (!ready())
        pause_hart(ready);
}

static bool memory_has_changed(void)
{
    return changes != harts_of_model[model_hart].loop;
}

void model_relax(void)
{
    pause_hart(memory_has_changed);
    harts_of_model[model_hart].loop = changes;
}

void model_fail(const char *text)
{
    fail(text);
    if (!in_scheduler)
        to_scheduler();
}

/* ---- the scheduler */

static void start_of_hart(void)
{
    model->hart[model_hart]();
    harts_of_model[model_hart].alive = false;
    to_scheduler(); /* buffered stores may still reach memory at any time */
}

static void begin_hart(struct coroutine *c, bool alive)
{
    c->alive = alive;
    c->started = false;
    c->ready = NULL;
    c->history = 0;
    c->loop = 0;
    c->buffered = 0;
    getcontext(&c->first);
    c->first.uc_stack.ss_sp = c->stack;
    c->first.uc_stack.ss_size = sizeof(c->stack);
    c->first.uc_link = NULL;
    makecontext(&c->first, start_of_hart, 0);
}

static void begin_run(void)
{
    for (unsigned h = 0; h < MODEL_HARTS; h++)
        begin_hart(&harts_of_model[h], model->hart[h] != NULL);
    depth = 0;
    changes = 1;
    over = false;
    model->reset();
}

static uint64_t key(void)
{
    uint64_t k = model->state();

    for (unsigned h = 0; h < MODEL_HARTS; h++) {
        const struct coroutine *c = &harts_of_model[h];

        k = model_mix(model_mix(k, c->history), c->alive);
        if (c->ready == memory_has_changed)
            k = model_mix(k, c->loop != changes);
        for (unsigned i = 0; i < c->buffered; i++)
            k = model_mix(model_mix(k, (uintptr_t)c->buffer[i].p), c->buffer[i].value);
        k = model_mix(k, c->buffered);
    }
    return k;
}

static void switch_to(struct coroutine *c)
{
    in_scheduler = false;
    if (_setjmp(scheduler) == 0) {
        if (c->started)
            _longjmp(c->here, 1);
        c->started = true;
        setcontext(&c->first);
    }
    in_scheduler = true;
}

static bool can_go_on(unsigned h)
{
    struct coroutine *c = &harts_of_model[h];

    model_hart = h;
    return c->alive && (c->ready == NULL || c->ready());
}

/* Does one step of a hart, or moves one store to memory. False: the run has ended. */
static bool step(void)
{
    struct {
        unsigned hart;
        int store;
    } options[MODEL_HARTS * (BUFFER_MAX + 1)];
    unsigned n = 0, c;

    for (unsigned h = 0; h < MODEL_HARTS; h++) {
        if (can_go_on(h)) {
            options[n].hart = h;
            options[n++].store = -1;
        }
        for (unsigned i = 0; i < harts_of_model[h].buffered; i++)
            if (drainable(&harts_of_model[h], i)) {
                options[n].hart = h;
                options[n++].store = (int)i;
            }
    }
    if (n == 0)
        return false;
    c = 0;
    if (n > 1) {
        if (depth >= given && !seen_add(key())) {
            over = true;
            return false;
        }
        c = choose(n);
        if (over)
            return false;
    }
    model_hart = options[c].hart;
    if (options[c].store >= 0)
        drain(&harts_of_model[model_hart], (unsigned)options[c].store);
    else
        switch_to(&harts_of_model[model_hart]);
    return !over;
}

static void end_of_run(void)
{
    for (unsigned h = 0; h < MODEL_HARTS; h++) {
        const bool waits = harts_of_model[h].alive && harts_of_model[h].ready == memory_has_changed;

        harts_of_model[h].alive = false;
        if (waits)
            fail("a hart waits for another for ever");
    }
    if (!over)
        model->check();
}

struct model_result model_explore(const struct model *m)
{
    model = m;
    result = (struct model_result){0};
    given = 0;
    do {
        begin_run();
        result.runs++;
        while (step())
            ;
        if (!over)
            end_of_run();
        given = depth;
    } while (!result.violated && choose_next());
    result.states = seen_count;
    free(seen);
    seen = NULL;
    seen_size = seen_count = 0;
    return result;
}
