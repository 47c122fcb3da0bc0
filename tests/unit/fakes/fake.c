/* SPDX-License-Identifier: Apache-2.0 */
/* fake.c - see fake.h. */
#include "fakes/fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <arch/bulk.h>
#include <hearth/kernel/log.h>
#include <hearth/core/vm.h>

uint64_t fake_csr[4096];
uint64_t fake_csr_writes;
struct fake_fences fake_fences;
struct hart fake_harts[HARTS_MAX];
struct hart *harts[HARTS_MAX];
unsigned harts_count;
struct hart *fake_this_hart = &fake_harts[0];
jmp_buf fake_panic_jmp;
int fake_panic_expected;
char fake_panic_text[256];
char fake_log_text[2048];
unsigned fake_log_lines;

uint8_t *fake_ram;

__attribute__((constructor)) static void fake_start(void)
{
    void *p = mmap(NULL, FAKE_RAM_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        abort();
    fake_ram = p;
    (void)fake_reset(NULL);
}

int fake_reset(void **state)
{
    (void)state;
    memset(fake_csr, 0, sizeof(fake_csr));
    memset(&fake_fences, 0, sizeof(fake_fences));
    memset(fake_harts, 0, sizeof(fake_harts));
    fake_csr_writes = 0;
    fake_panic_expected = 0;
    fake_log_lines = 0;
    for (unsigned i = 0; i < HARTS_MAX; i++) {
        harts[i] = &fake_harts[i];
        fake_harts[i].index = i;
        fake_harts[i].hartid = i;
    }
    harts_count = HARTS_MAX;
    fake_this_hart = &fake_harts[0];
    return madvise(fake_ram, FAKE_RAM_SIZE, MADV_DONTNEED);
}

void fake_bad_address(uint64_t address)
{
    fail_msg("0x%llx is not in the fake memory", (unsigned long long)address);
    abort();
}

void fake_spin_fail(const char *what)
{
    fail_msg("%s", what);
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(fake_panic_text, sizeof(fake_panic_text), fmt, args);
    va_end(args);
    if (fake_panic_expected)
        longjmp(fake_panic_jmp, 1);
    fail_msg("panic: %s", fake_panic_text);
    abort();
}

static void fake_log(const char *fmt, va_list args)
{
    vsnprintf(fake_log_text, sizeof(fake_log_text), fmt, args);
    fake_log_lines++;
}

#define FAKE_LOG(fmt)                                                                              \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, fmt);                                                                       \
        fake_log(fmt, args);                                                                       \
        va_end(args);                                                                              \
    } while (0)

void log_info(const char *fmt, ...)
{
    FAKE_LOG(fmt);
}

void log_warn(const char *fmt, ...)
{
    FAKE_LOG(fmt);
}

void log_error(const char *fmt, ...)
{
    FAKE_LOG(fmt);
}

void log_vm(const struct vm *vm, const char *fmt, ...)
{
    (void)vm;
    FAKE_LOG(fmt);
}

bool fake_log_full;

bool log_vm_text(const struct vm *vm, const char *label, const char *text, size_t len)
{
    (void)vm;
    if (fake_log_full)
        return false;
    snprintf(fake_log_text, sizeof(fake_log_text), "%s%.*s", label, (int)len, text);
    fake_log_lines++;
    return true;
}
