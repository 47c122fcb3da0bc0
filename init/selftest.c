/* SPDX-License-Identifier: Apache-2.0 */
/* selftest.c - see selftest.h. Set once before other harts run, const after. */
#include <hearth/kernel/panic.h>
#include <hearth/init/selftest.h>

#include <stdlib.h>
#include <string.h>

static void fault(void)
{
    volatile uintptr_t nowhere = 8;

    *(volatile uint64_t *)nowhere = 1;
}

static void write_text(void)
{
    extern char image_start[];

    *(volatile char *)image_start = 0;
}

static void exec_data(void)
{
    static uint32_t ret = 0x00008067; /* jalr x0, 0(ra) */

    ((void (*)(void))(uintptr_t)&ret)();
}

/* Through a pointer, so that the compiler sees no recursion that it could refuse or turn into a
 * loop. */
static uint64_t deeper(volatile uint64_t *above);
static uint64_t (*volatile deeper_again)(volatile uint64_t *above) = deeper;

static uint64_t deeper(volatile uint64_t *above)
{
    volatile uint64_t here[32];

    here[0] = *above + 1;
    return deeper_again(here) + here[0];
}

static void overflow(void)
{
    volatile uint64_t start = 0;

    (void)deeper(&start);
}

static void give_up(void)
{
    panic("selftest");
}

static const struct {
    const char *name;
    void (*run)(void);
} kinds[] = {
    {"fault", fault},       {"write-text", write_text}, {"exec-data", exec_data},
    {"overflow", overflow}, {"panic", give_up},
};

static void (*chosen)(void);
static unsigned chosen_hart;

bool selftest_set(const char *value, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t n = strlen(kinds[i].name);

        if (len <= n + 1 || memcmp(value, kinds[i].name, n) != 0 || value[n] != '@')
            continue;
        chosen_hart = (unsigned)strtoul(value + n + 1, NULL, 10);
        chosen = kinds[i].run;
        return true;
    }
    return false;
}

void selftest_run(unsigned hart)
{
    if (chosen != NULL && chosen_hart == hart)
        chosen();
}
