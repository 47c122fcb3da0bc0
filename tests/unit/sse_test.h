/* SPDX-License-Identifier: Apache-2.0 */
/* sse_test.h - shared by the SSE tests: a VM of several harts, their calls, and the run loop's part
 * of the extension. */
#pragma once

#include "fakes/sbi_vm.h"
#include "fakes/fakes.h"

#include <arch/csr.h>
#include <hearth/core/upcalls.h>
#include <hearth/lib/errno.h>
#include <hearth/arch/isa.h>
#include <hearth/sbi/sse.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define HARTS  4
#define ENTRY  0x80400000ull
#define EVENTS 4 /* the last one is global */

static const uint32_t ids[EVENTS] = {SBI_SSE_LOCAL_HIGH_RAS, SBI_SSE_LOCAL_LOW_RAS,
                                     SBI_SSE_LOCAL_SOFTWARE, SBI_SSE_GLOBAL_SOFTWARE};

/* VS CSRs of the vcpus that do not run. */
static struct {
    uint64_t vsstatus, vsepc;
} csrs[HARTS];

static inline void run_as(uint32_t hart)
{
    csrs[sbi_self->id].vsstatus = fake_csr[CSR_VSSTATUS];
    csrs[sbi_self->id].vsepc = fake_csr[CSR_VSEPC];
    sbi_self = sbi_vm.vcpus[hart];
    fake_csr[CSR_VSSTATUS] = csrs[hart].vsstatus;
    fake_csr[CSR_VSEPC] = csrs[hart].vsepc;
}

static inline int fresh(void **state)
{
    (void)state;
    sbi_fake_reset(HARTS);
    for (unsigned i = 0; i < HARTS; i++) {
        sbi_vm.vcpus[i]->hsm_state = SBI_HSM_STATE_STARTED;
        sbi_vm.vcpus[i]->ctx.sstatus = SSTATUS_SPP;
        sbi_vm.vcpus[i]->ctx.hstatus = HSTATUS_SPV | HSTATUS_SPVP;
    }
    memset(csrs, 0, sizeof(csrs));
    memset(fake_csr, 0, sizeof(fake_csr));
    memset(&host_isa, 0, sizeof(host_isa));
    fake_woken = 0;
    return 0;
}

/* Like the run loop: skips an answered ecall and handles requests. */
static inline struct sbi_answer sse(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                                    uint64_t a3, uint64_t a4)
{
    const struct vcpu_exit exit = {.cause = CAUSE_ECALL_VS, .from_vs = true};
    uint64_t *gpr = sbi_self->ctx.gpr;
    struct sbi_answer answer;

    gpr[GPR_A0] = a0;
    gpr[GPR_A1] = a1;
    gpr[GPR_A2] = a2;
    gpr[GPR_A3] = a3;
    gpr[GPR_A4] = a4;
    gpr[GPR_A6] = fid;
    gpr[GPR_A7] = SBI_EXT_SSE;
    answer.result = exit_ecall(sbi_self, &exit);
    answer.a0 = (int64_t)gpr[GPR_A0];
    answer.a1 = gpr[GPR_A1];
    assert_int_equal(exit_action(answer.result), EXIT_NEXT);
    sbi_self->ctx.pc += answer.result.insn_len;
    return answer;
}

#define assert_sse(want, ...) assert_sbi(sse(__VA_ARGS__), want, 0)

/* Lets the vcpus in a mask handle their requests until there are none. */
static inline void run_requests_of(uint64_t harts)
{
    const uint32_t self = sbi_self->id;
    bool again;

    do {
        again = false;
        for (uint32_t i = 0; i < HARTS; i++) {
            struct vcpu *v = sbi_vm.vcpus[i];

            if (!(harts & BIT(i)) || !(v->requests & VCPU_REQ_COMPONENTS))
                continue;
            again = true;
            v->requests = 0;
            if (v->hsm_state == SBI_HSM_STATE_SUSPENDED)
                assert_true(fake_woken & BIT(i));
            fake_woken &= ~BIT(i);
            run_as(i);
            sbi_ext_sse.requested(v, sbi_vcpu_state(v, SBI_SLOT_SSE));
        }
    } while (again);
    run_as(self);
}

static inline void run_requests(void)
{
    run_requests_of(UINT64_MAX);
}

static inline uint64_t *shared(void)
{
    return (uint64_t *)(void *)sbi_ram;
}
