/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_vm.c - the VM of sbi_vm.h, and fakes of functions of core, guest and mm that sbi/ calls. */
#include "sbi_vm.h"
#include "fakes.h"

#include <hearth/core/upcalls.h>
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/guest/board.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/core/vtimer.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

struct sbi_record rec;
struct vm sbi_vm;
struct vcpu *sbi_self;
uint64_t sbi_a4;
uint8_t sbi_ram[SBI_RAM_SIZE];
struct host_ids host_ids = {.mvendorid = 0x11, .marchid = 0x8000000000000022, .mimpid = 0x33};

static struct vcpu vcpus[VCPUS_MAX];

/* Like sbi/sbi_state.c, but each state has its own allocation, so that the sanitizer knows its
 * bounds. */
static void reset_states(uint32_t count)
{
    static void *vm_states[SBI_SLOT_COUNT], *vcpu_states[VCPUS_MAX][SBI_SLOT_COUNT];

    for (unsigned n = 0; n < sbi_extension_count; n++) {
        const struct sbi_extension *ext = sbi_extensions[n];

        if (ext->slot == SBI_SLOT_NONE)
            continue;
        free(vm_states[ext->slot]);
        vm_states[ext->slot] = sbi_vm.slots[VM_SLOT_SBI + ext->slot] = calloc(1, ext->vm_state);
        for (uint32_t i = 0; i < count; i++) {
            free(vcpu_states[i][ext->slot]);
            vcpu_states[i][ext->slot] = vcpus[i].slots[VCPU_SLOT_SBI + ext->slot] =
                calloc(1, ext->vcpu_state);
        }
        if (ext->vm_reset != NULL)
            ext->vm_reset(&sbi_vm, vm_states[ext->slot]);
        for (uint32_t i = 0; ext->vcpu_reset != NULL && i < count; i++)
            ext->vcpu_reset(&vcpus[i], vcpu_states[i][ext->slot]);
    }
}

void sbi_fake_load(const struct sbi_extension *ext, struct vcpu *v)
{
    if (v->switched & BIT(ext->slot))
        ext->vcpu_load(v, sbi_vcpu_state(v, ext->slot));
}

void sbi_fake_put(const struct sbi_extension *ext, struct vcpu *v)
{
    if (v->switched & BIT(ext->slot))
        ext->vcpu_put(v, sbi_vcpu_state(v, ext->slot));
}

void sbi_fake_reset(uint32_t count)
{
    memset(&rec, 0, sizeof(rec));
    memset(&sbi_vm, 0, sizeof(sbi_vm));
    memset(vcpus, 0, sizeof(vcpus));
    memset(sbi_ram, 0, sizeof(sbi_ram));
    memset(fake_virq_level, 0, sizeof(fake_virq_level));
    fake_console_reset();
    fake_stop_calls = 0;
    fake_stop_kind = VM_STOP_NONE;
    fake_stop_reason = NULL;
    sbi_a4 = 0;
    rec.copy_limit = UINT64_MAX;
    sbi_vm.config.vcpus = count;
    sbi_vm.memslots.count = 1;
    sbi_vm.memslots.slot[0] = (struct memslot){.gpa = SBI_RAM_BASE, .size = SBI_RAM_SIZE};
    for (uint32_t i = 0; i < count; i++) {
        vcpus[i].id = i;
        vcpus[i].vm = &sbi_vm;
        vcpus[i].stats.reason = &vcpus[i].stats.by_reason[EXIT_REASON_HYPERCALL];
        vcpus[i].hsm_state = i == 0 ? SBI_HSM_STATE_STARTED : SBI_HSM_STATE_STOPPED;
        sbi_vm.vcpus[i] = &vcpus[i];
    }
    sbi_self = &vcpus[0];
    reset_states(count);
}

struct sbi_answer sbi_ecall(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                            uint64_t a3)
{
    const struct vcpu_exit exit = {.cause = CAUSE_ECALL_VS, .pc = 0x80000100, .from_vs = true};
    uint64_t before[32];
    struct sbi_answer answer;

    for (unsigned i = 1; i < 32; i++)
        sbi_self->ctx.gpr[i] = 0x1111111111111111ull * (i % 15 + 1);
    sbi_self->ctx.gpr[GPR_A0] = a0;
    sbi_self->ctx.gpr[GPR_A1] = a1;
    sbi_self->ctx.gpr[GPR_A2] = a2;
    sbi_self->ctx.gpr[GPR_A3] = a3;
    sbi_self->ctx.gpr[GPR_A4] = sbi_a4;
    sbi_self->ctx.gpr[GPR_A6] = fid;
    sbi_self->ctx.gpr[GPR_A7] = eid;
    memcpy(before, sbi_self->ctx.gpr, sizeof(before));

    answer.result = exit_ecall(sbi_self, &exit);
    answer.a0 = (int64_t)sbi_self->ctx.gpr[GPR_A0];
    answer.a1 = sbi_self->ctx.gpr[GPR_A1];
    for (unsigned i = 0; i < 32; i++)
        if (i != GPR_A0 && i != GPR_A1)
            assert_int_equal(sbi_self->ctx.gpr[i], before[i]);
    if (exit_action(answer.result) == EXIT_RETRY || exit_action(answer.result) == EXIT_INJECT ||
        answer.result.insn_len == 0) {
        assert_int_equal(answer.a0, a0);
        assert_int_equal(answer.a1, a1);
    } else {
        assert_int_equal(answer.result.insn_len, 4);
    }
    return answer;
}

int vcpu_hsm_start(struct vcpu *vcpu, uint64_t pc, uint64_t opaque)
{
    if (vcpu->hsm_state != SBI_HSM_STATE_STOPPED)
        return -HV_EBUSY;
    vcpu->hsm_state = SBI_HSM_STATE_START_PENDING;
    vcpu->hsm_pc = pc;
    vcpu->hsm_opaque = opaque;
    return 0;
}

void vcpu_hsm_resume(struct vcpu *vcpu)
{
    if (vcpu->hsm_state == SBI_HSM_STATE_SUSPENDED)
        vcpu->hsm_state = SBI_HSM_STATE_STARTED;
}

unsigned vcpu_hsm_active(struct vm *vm)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        n += vm->vcpus[i]->hsm_state != SBI_HSM_STATE_STOPPED;
    return n;
}

void vcpu_reset_suspended(struct vcpu *vcpu, uint64_t pc, uint64_t opaque)
{
    assert_ptr_equal(vcpu, sbi_self);
    rec.resets++;
    rec.reset_pc = pc;
    rec.reset_opaque = opaque;
}

void vcpu_request_fence(struct vcpu *self, uint64_t mask, uint32_t bits)
{
    assert_ptr_equal(self, sbi_self);
    rec.fences++;
    rec.fence_mask = mask;
    rec.fence_bits = bits;
}

void vtimer_set_soft(struct vcpu *vcpu, uint64_t guest_time)
{
    assert_ptr_equal(vcpu, sbi_self);
    rec.timers++;
    rec.timer = guest_time;
}

uint64_t copy_from_guest(struct vcpu *vcpu, void *buf, gpa_t gpa, uint64_t len)
{
    assert_ptr_equal(vcpu, sbi_self);
    assert_true(range_within(gpa, len, SBI_RAM_BASE, SBI_RAM_SIZE));
    len = MIN(len, rec.copy_limit);
    memcpy(buf, sbi_ram + (gpa - SBI_RAM_BASE), len);
    return len;
}

uint64_t copy_to_guest(struct vcpu *vcpu, gpa_t gpa, const void *buf, uint64_t len)
{
    assert_ptr_equal(vcpu, sbi_self);
    assert_true(range_within(gpa, len, SBI_RAM_BASE, SBI_RAM_SIZE));
    len = MIN(len, rec.copy_limit);
    memcpy(sbi_ram + (gpa - SBI_RAM_BASE), buf, len);
    return len;
}

bool guest_read_gva(struct vcpu *vcpu, gva_t gva, void *buf, uint64_t len, struct guest_trap *trap)
{
    assert_ptr_equal(vcpu, sbi_self);
    assert_int_equal(len, sizeof(rec.gva_value));
    rec.gva_reads++;
    rec.gva = gva;
    if (rec.gva_faults) {
        *trap = (struct guest_trap){.cause = CAUSE_LOAD_PAGE, .tval = gva};
        return false;
    }
    memcpy(buf, &rec.gva_value, len);
    return true;
}

/* No device holds input. */
size_t board_console_read(struct vm *v, char *buf, size_t len)
{
    return console_client_read(v->console, buf, len);
}
