/* SPDX-License-Identifier: Apache-2.0 */
/* selftest.c - see selftest.h. Set once before other harts run, then constant. */
#include <hearth/kernel/panic.h>
#include <hearth/init/selftest.h>

#include <stdlib.h>
#include <string.h>

static void selftest_fault(void)
{
    volatile uintptr_t nowhere = 8;

    *(volatile uint64_t *)nowhere = 1;
}

static void selftest_write_text(void)
{
    extern char image_start[];

    *(volatile char *)image_start = 0;
}

static void selftest_exec_data(void)
{
    static uint32_t ret = 0x00008067; /* jalr x0, 0(ra) */

    ((void (*)(void))(uintptr_t)&ret)();
}

/* Calls itself through a pointer, so that the compiler cannot reject the recursion or convert it to
 * a loop. */
static uint64_t selftest_recurse(volatile uint64_t *above);
static uint64_t (*volatile selftest_recurse_pointer)(volatile uint64_t *above) = selftest_recurse;

static uint64_t selftest_recurse(volatile uint64_t *above)
{
    volatile uint64_t here[32];

    here[0] = *above + 1;
    return selftest_recurse_pointer(here) + here[0];
}

static void selftest_overflow(void)
{
    volatile uint64_t start = 0;

    (void)selftest_recurse(&start);
}

static void selftest_panic(void)
{
    panic("selftest");
}

static const struct {
    const char *name;
    void (*run)(void);
} selftest_kinds[] = {
    {"fault", selftest_fault},         {"write-text", selftest_write_text},
    {"exec-data", selftest_exec_data}, {"overflow", selftest_overflow},
    {"panic", selftest_panic},
};

static void (*selftest_chosen)(void);
static unsigned selftest_hart;

bool selftest_set(const char *value, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(selftest_kinds); i++) {
        size_t n = strlen(selftest_kinds[i].name);

        if (len <= n + 1 || memcmp(value, selftest_kinds[i].name, n) != 0 || value[n] != '@')
            continue;
        selftest_hart = (unsigned)strtoul(value + n + 1, NULL, 10);
        selftest_chosen = selftest_kinds[i].run;
        return true;
    }
    return false;
}

void selftest_run(unsigned hart)
{
    if (selftest_chosen != NULL && selftest_hart == hart)
        selftest_chosen();
}
