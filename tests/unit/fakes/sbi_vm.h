/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_vm.h - a VM for the tests of sbi/: RAM, vcpus, and records of the handlers' calls of other
 * layers. */
#pragma once

#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define SBI_RAM_BASE 0x80000000ull
#define SBI_RAM_SIZE 0x4000ull

struct sbi_record {
    unsigned fences; /* vcpu_request_fence() */
    uint64_t fence_mask;
    uint32_t fence_bits;
    unsigned timers; /* vtimer_set_soft() */
    uint64_t timer;
    unsigned resets; /* vcpu_reset_suspended() */
    uint64_t reset_pc, reset_opaque;
    unsigned gva_reads; /* guest_read_gva() returns gva_value, or faults */
    uint64_t gva, gva_value;
    bool gva_faults;
    uint64_t copy_limit; /* limit of bytes copied by copy_*_guest() */
};

extern struct sbi_record rec;
extern struct vm sbi_vm;
extern struct vcpu *sbi_self; /* vcpu 0, STARTED; the others are STOPPED */
extern uint64_t sbi_a4;       /* a4 of the next calls */
extern uint8_t sbi_ram[SBI_RAM_SIZE];

/* Makes a new VM with this number of vcpus. */
void sbi_fake_reset(uint32_t vcpus);
/* A switch to and from the vcpu, as sbi/state.c has it. */
void sbi_fake_load(const struct sbi_extension *ext, struct vcpu *v);
void sbi_fake_put(const struct sbi_extension *ext, struct vcpu *v);

/* Makes one ecall from vcpu 0 and returns a0 and a1. Checks that no other register has changed, and
 * that a call that returns ends as EXIT_NEXT or EXIT_BLOCK after the instruction. */
struct sbi_answer {
    struct exit_result result;
    int64_t a0;
    uint64_t a1;
};
struct sbi_answer sbi_ecall(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                            uint64_t a3);

#define A1_BEFORE 0xa1a1a1a1a1a1a1a1ull

#define assert_sbi(answer, error_, value_)                                                         \
    do {                                                                                           \
        struct sbi_answer ans_ = (answer);                                                         \
        assert_int_equal(exit_action(ans_.result), EXIT_NEXT);                                     \
        assert_int_equal(ans_.result.insn_len, 4);                                                 \
        assert_int_equal(ans_.a0, (error_));                                                       \
        assert_int_equal(ans_.a1, (value_));                                                       \
    } while (0)
