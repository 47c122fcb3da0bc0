/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_vcpu.c - see trace_vcpu.h: events of vcpus and VMs, and the traced exit path. Locking:
 * none; each hart writes its own ring.
 */
#include <arch/hart_csr.h>
#include <hearth/arch/upcalls.h>
#include <hearth/core/run.h>
#include <hearth/core/stats.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/kernel/observe.h>

static void trace_put_vcpu(enum trace_type type, const struct vcpu *v, uint64_t time, unsigned code,
                           unsigned aux, uint64_t a, uint64_t b)
{
    trace_write(&(struct trace_record){.time = time,
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
    trace_put_vcpu(type, v, timer_now(), code, 0, a, b);
}

void trace_vm(const struct vm *vm, unsigned state)
{
    trace_write(&(struct trace_record){.time = timer_now(),
                                       .type = TRACE_VM_STATE,
                                       .code = (uint8_t)state,
                                       .vm = (uint16_t)vm->id,
                                       .vcpu = TRACE_NO_ONE});
}

static void trace_put_exit(const struct vcpu *v, uint64_t time)
{
    const uint64_t cause = trap_scause();
    uint64_t detail = trap_stval();
    unsigned aux = 0;

    if (cause == CAUSE_ECALL_VS) {
        detail = v->ctx.gpr[GPR_A7];
        aux = (unsigned)v->ctx.gpr[GPR_A6] & 0xffff;
    } else if (cause == CAUSE_INSN_GUEST_PAGE || cause == CAUSE_LOAD_GUEST_PAGE ||
               cause == CAUSE_STORE_GUEST_PAGE) {
        detail = trap_htval() << 2 | (detail & 3);
    }
    trace_put_vcpu(TRACE_EXIT, v, time, (unsigned)(cause & 0x7f) | ((cause & TRAP_IRQ) ? 0x80 : 0),
                   aux, v->ctx.pc, detail);
}

uint32_t vcpu_exited_traced(struct vcpu *v)
{
    const uint64_t from = timer_now();
    uint64_t to;
    uint32_t leave;
    unsigned reason;

    trace_put_exit(v, from);
    leave = vcpu_exited(v);
    to = timer_now();
    reason = (unsigned)(v->stats.reason - v->stats.by_reason);
    if (observe_get() & OBSERVE_LATENCY)
        stats_latency_add(v, to - from);
    if (trace_on()) /* the exit may have been the interrupt that ended tracing */
        trace_put_vcpu(leave == RUN_AGAIN ? TRACE_ENTRY : TRACE_LEAVE, v, to, reason, leave, 0, 0);
    return leave;
}
