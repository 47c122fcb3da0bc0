/*
 * hostirq.c - the host's interrupt sources and who handles them.
 *
 * Owns: the chosen driver and the table of handlers. Locking: hostirq_lock for adding; a row is
 * complete before the count that shows it is raised, and is never changed after, so dispatching
 * takes no lock.
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
static struct handler handlers[HANDLERS_MAX];
static uint32_t handler_count;      /* atomic */
static const struct intc_ops *intc; /* set once at boot; NULL: none */

void hostirq_set_controller(const struct intc_ops *ops)
{
    intc = ops;
}

void hostirq_init_hart(unsigned hart)
{
    if (intc == NULL)
        return;
    intc->init_hart(hart);
    irq_enable(IRQ_S_EXT);
}

static bool is_taken(uint32_t source)
{
    for (uint32_t i = 0; i < handler_count; i++) {
        if (handlers[i].source == source)
            return true;
    }
    return false;
}

int hostirq_request(uint32_t source, unsigned hart, void (*fn)(void *arg), void *arg)
{
    int err;

    if (intc == NULL)
        return -HV_ENODEV;
    if (source == 0 || hart >= HARTS_MAX || fn == NULL)
        return -HV_EINVAL;

    lock_acquire(&hostirq_lock);
    if (is_taken(source)) {
        err = -HV_EINVAL;
    } else if (handler_count == HANDLERS_MAX) {
        err = -HV_ENOSPC;
    } else {
        handlers[handler_count] = (struct handler){.source = source, .fn = fn, .arg = arg};
        atomic_store_release(&handler_count, handler_count + 1);
        err = intc->enable(source, hart);
        /* Refused: the driver has unmasked nothing, so nobody has looked for the row. */
        if (err != 0)
            atomic_store_release(&handler_count, handler_count - 1);
    }
    lock_release(&hostirq_lock);
    return err;
}

void hostirq_dispatch(uint32_t source)
{
    uint32_t count = atomic_load_acquire(&handler_count);

    for (uint32_t i = 0; i < count; i++) {
        if (handlers[i].source == source) {
            handlers[i].fn(handlers[i].arg);
            return;
        }
    }
}

void hostirq_interrupt(void)
{
    if (likely(intc != NULL))
        intc->handle(this_hart()->index);
}
