/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostirq.c - the host's interrupt sources and their handlers.
 *
 * Owns: the chosen driver and the table of handlers. Locking: hostirq_lock for adding. An entry is
 * complete before the count includes it, and constant afterwards, so dispatching takes no lock.
 */
#include <arch/atomic.h>
#include <arch/hart_csr.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/platform/hostirq.h>
#include <hearth/kernel/lock.h>
#include <hearth/arch/trap.h>

#define HANDLERS_MAX 32

struct handler {
    uint32_t source;
    void (*fn)(void *arg);
    void *arg;
};

static struct spinlock hostirq_lock = SPINLOCK_INIT(RANK_HOSTIRQ);
static struct handler hostirq_handlers[HANDLERS_MAX];
static uint32_t hostirq_handler_count;      /* atomic */
static const struct intc_ops *hostirq_intc; /* set once at boot; NULL: none */

void hostirq_set_controller(const struct intc_ops *ops)
{
    hostirq_intc = ops;
}

void hostirq_init_hart(unsigned hart)
{
    if (hostirq_intc == NULL)
        return;
    hostirq_intc->init_hart(hart);
    irq_enable(IRQ_S_EXT);
}

static bool hostirq_is_taken(uint32_t source)
{
    for (uint32_t i = 0; i < hostirq_handler_count; i++) {
        if (hostirq_handlers[i].source == source)
            return true;
    }
    return false;
}

int hostirq_request(uint32_t source, unsigned hart, void (*fn)(void *arg), void *arg)
{
    int err;

    if (hostirq_intc == NULL)
        return -HV_ENODEV;
    if (source == 0 || hart >= HARTS_MAX || fn == NULL)
        return -HV_EINVAL;

    lock_acquire(&hostirq_lock);
    if (hostirq_is_taken(source)) {
        err = -HV_EINVAL;
    } else if (hostirq_handler_count == HANDLERS_MAX) {
        err = -HV_ENOSPC;
    } else {
        hostirq_handlers[hostirq_handler_count] =
            (struct handler){.source = source, .fn = fn, .arg = arg};
        atomic_store_release(&hostirq_handler_count, hostirq_handler_count + 1);
        err = hostirq_intc->enable(source, hart);
        /* On failure the source is still masked, so no dispatch has used the entry. */
        if (err != 0)
            atomic_store_release(&hostirq_handler_count, hostirq_handler_count - 1);
    }
    lock_release(&hostirq_lock);
    return err;
}

void hostirq_dispatch(uint32_t source)
{
    uint32_t count = atomic_load_acquire(&hostirq_handler_count);

    for (uint32_t i = 0; i < count; i++) {
        if (hostirq_handlers[i].source == source) {
            hostirq_handlers[i].fn(hostirq_handlers[i].arg);
            return;
        }
    }
}

void hostirq_interrupt(void)
{
    if (likely(hostirq_intc != NULL))
        hostirq_intc->handle(this_hart()->index);
}
