/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libc_hooks.c - system functions required by newlib-nano and libfdt. There is no heap: no newlib
 * function that Hearth calls allocates (snprintf writes into the caller's buffer), and allocation
 * returns NULL.
 */
#include <hearth/kernel/panic.h>

struct _reent;

void *_malloc_r(struct _reent *r, size_t size);
void *_realloc_r(struct _reent *r, void *p, size_t size);
void _free_r(struct _reent *r, void *p);
void __stack_chk_fail(void);

/* Debian compiles libfdt.a with stack protectors. */
uintptr_t __stack_chk_guard = 0x5bd1e995a9c37f21;

void __stack_chk_fail(void)
{
    panic("stack smashed");
}

void *_malloc_r(struct _reent *r, size_t size)
{
    (void)r;
    (void)size;
    return NULL;
}

void *_realloc_r(struct _reent *r, void *p, size_t size)
{
    (void)r;
    (void)p;
    (void)size;
    return NULL;
}

void _free_r(struct _reent *r, void *p)
{
    (void)r;
    (void)p;
}
