/*
 * trace.c - see trace.h: the rings, and the way of taking exits that writes into them.
 *
 * Locking: none. A ring has one writer, its hart, with interrupts off. The writer fills row
 * head % size and then moves head; so a record n is whole, for a reader that has copied it, if head
 * is below n + size after the copy. Rings are replaced while no hart traces.
 */
#include <abi/sbi.h>
#include <arch/atomic.h>
#include <arch/csr.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/observe.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/run.h>
#include <hearth/core/stats.h>
#include <hearth/kernel/trace.h>
#include <hearth/arch/trap.h>
#include <hearth/arch/upcalls.h>
#include <hearth/core/vm.h>

#include <stdlib.h>
#include <string.h>

static uint32_t boot_events; /* 0: not asked for */

/* atomic: who may change harts[]->trace. The machine's end keeps them for good. */
enum { RINGS_KEPT, RINGS_CHANGE, RINGS_AT_THE_END };
static uint32_t rings_used;

static void put(const struct trace_record *record)
{
    struct trace_ring *ring = this_hart()->trace;
    uint64_t head = ring->head;

    atomic_fence_release(); /* the head of before is seen by who sees any of the new record */
    ring->rows[head & (ring->size - 1)] = *record;
    atomic_store_release(&ring->head, head + 1);
}

static void put_vcpu(enum trace_type type, const struct vcpu *v, uint64_t time, unsigned code,
                     unsigned aux, uint64_t a, uint64_t b)
{
    put(&(struct trace_record){.time = time,
                               .type = (uint8_t)type,
                               .code = (uint8_t)code,
                               .vm = v != NULL ? (uint16_t)v->vm->id : TRACE_NO_ONE,
                               .vcpu = v != NULL ? (uint16_t)v->id : TRACE_NO_ONE,
                               .aux = (uint16_t)aux,
                               .a = a,
                               .b = b});
}

void trace_put(enum trace_type type, const struct vcpu *v, unsigned code, uint64_t a, uint64_t b)
{
    put_vcpu(type, v, timer_now(), code, 0, a, b);
}

void trace_vm(const struct vm *vm, unsigned state)
{
    put(&(struct trace_record){.time = timer_now(),
                               .type = TRACE_VM_STATE,
                               .code = (uint8_t)state,
                               .vm = (uint16_t)vm->id,
                               .vcpu = TRACE_NO_ONE});
}

static void put_exit(const struct vcpu *v, uint64_t time)
{
    const uint64_t cause = csr_read(CSR_SCAUSE);
    uint64_t detail = csr_read(CSR_STVAL);
    unsigned aux = 0;

    if (cause == CAUSE_ECALL_VS) {
        detail = v->ctx.gpr[GPR_A7];
        aux = (unsigned)v->ctx.gpr[GPR_A6] & 0xffff;
    } else if (cause == CAUSE_INSN_GUEST_PAGE || cause == CAUSE_LOAD_GUEST_PAGE ||
               cause == CAUSE_STORE_GUEST_PAGE) {
        detail = csr_read(CSR_HTVAL) << 2 | (detail & 3);
    }
    put_vcpu(TRACE_EXIT, v, time, (unsigned)(cause & 0x7f) | ((cause & TRAP_IRQ) ? 0x80 : 0), aux,
             v->ctx.pc, detail);
}

uint32_t vcpu_exited_traced(struct vcpu *v)
{
    const uint64_t from = timer_now();
    uint64_t to;
    uint32_t leave;
    unsigned reason;

    put_exit(v, from);
    leave = vcpu_exited(v);
    to = timer_now();
    reason = (unsigned)(v->stats.reason - v->stats.by_reason);
    if (observe_get() & OBSERVE_LATENCY)
        stats_latency_add(v, to - from);
    if (trace_on()) /* not any more, if that was the interrupt that said so */
        put_vcpu(leave == RUN_AGAIN ? TRACE_ENTRY : TRACE_LEAVE, v, to, reason, leave, 0, 0);
    return leave;
}

static void free_rings(struct trace_ring **rings)
{
    for (unsigned i = 0; i < harts_count; i++)
        if (rings[i] != NULL)
            page_free_virt(rings[i], page_order(sizeof(*rings[i]) +
                                                rings[i]->size * sizeof(rings[i]->rows[0])));
}

static int make_rings(struct trace_ring **rings, uint64_t size)
{
    for (unsigned i = 0; i < harts_count; i++) {
        rings[i] =
            page_alloc_zeroed(page_order(sizeof(**rings) + size * sizeof(rings[i]->rows[0])));
        if (rings[i] == NULL) {
            free_rings(rings);
            return -HV_ENOMEM;
        }
        rings[i]->size = size;
    }
    return 0;
}

static bool any_hart_traces(void)
{
    for (unsigned i = 0; i < harts_count; i++)
        if (atomic_load_acquire(&harts[i]->tracing))
            return true;
    return false;
}

/* New rings in the place of those that are there, which no hart uses. */
static int replace_rings(uint64_t size)
{
    struct trace_ring *rings[HARTS_MAX] = {NULL};
    uint32_t unused = RINGS_KEPT;
    int err = make_rings(rings, size);

    if (err < 0)
        return err;
    if (!atomic_cas(&rings_used, &unused, RINGS_CHANGE)) { /* the machine's end dumps them */
        free_rings(rings);
        return -HV_EBUSY;
    }
    for (unsigned i = 0; i < harts_count; i++) {
        struct trace_ring *old = harts[i]->trace;

        harts[i]->trace = rings[i];
        rings[i] = old;
    }
    atomic_store_release(&rings_used, RINGS_KEPT);
    free_rings(rings);
    return 0;
}

static uint64_t size_for(uint32_t events)
{
    const struct trace_ring *ring = harts[0]->trace;
    uint64_t size = TRACE_EVENTS_MIN;

    if (events == 0)
        return ring != NULL ? ring->size : TRACE_EVENTS_DEFAULT;
    while (size < events)
        size *= 2;
    return size;
}

int trace_start(uint32_t events)
{
    const uint64_t size = size_for(events);
    int err = 0;

    if (events != 0 && (events < TRACE_EVENTS_MIN || events > TRACE_EVENTS_MAX))
        return -HV_ERANGE;
    if (harts[0]->trace == NULL || harts[0]->trace->size != size) {
        trace_stop();
        err = any_hart_traces() ? -HV_EBUSY : replace_rings(size);
    }
    if (err < 0)
        return err;
    if (!(observe_get() & OBSERVE_TRACE))
        for (unsigned i = 0; i < harts_count; i++)
            atomic_store_relaxed(&harts[i]->trace->from,
                                 atomic_load_relaxed(&harts[i]->trace->head));
    observe_set(OBSERVE_TRACE, true);
    return 0;
}

void trace_stop(void)
{
    observe_set(OBSERVE_TRACE, false);
}

uint64_t trace_oldest(const struct trace_ring *ring)
{
    const uint64_t head = atomic_load_acquire(&ring->head);

    return MAX(head > ring->size ? head - ring->size : 0, atomic_load_relaxed(&ring->from));
}

bool trace_read(const struct trace_ring *ring, uint64_t number, struct trace_record *record)
{
    if (number >= atomic_load_acquire(&ring->head))
        return false;
    *record = ring->rows[number & (ring->size - 1)];
    atomic_fence_acquire();
    return atomic_load_relaxed(&ring->head) - number < ring->size;
}

bool trace_arg(const char *value, size_t len)
{
    char number[8] = "";
    char *end;
    unsigned long events;

    boot_events = 0;
    if (len == 3 && memcmp(value, "off", 3) == 0)
        return true;
    if (len < 2 || memcmp(value, "on", 2) != 0)
        return false;
    boot_events = TRACE_EVENTS_DEFAULT;
    if (len == 2)
        return true;
    boot_events = 0;
    if (value[2] != ',' || len - 3 == 0 || len - 3 >= sizeof(number))
        return false;
    memcpy(number, value + 3, len - 3);
    if (number[0] < '0' || number[0] > '9')
        return false;
    events = strtoul(number, &end, 10);
    if (*end != '\0' || events < TRACE_EVENTS_MIN || events > TRACE_EVENTS_MAX)
        return false;
    boot_events = (uint32_t)events;
    return true;
}

void trace_init(void)
{
    if (boot_events != 0 && trace_start(boot_events) < 0) {
        log_warn("no memory for traces of %u events", boot_events);
        boot_events = 0;
    }
}

void trace_finish(void)
{
    uint32_t kept = RINGS_KEPT;

    if (boot_events == 0)
        return;
    while (!atomic_cas(&rings_used, &kept, RINGS_AT_THE_END) && kept == RINGS_CHANGE)
        kept = RINGS_KEPT; /* another hart is at a few stores */
    trace_stop();
    trace_dump_all();
}
