/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi.c - SBI calls from guests: the table of extensions, used by dispatch and probe, and the
 * hart-mask arguments that several extensions share. SBI specification v3.0, "Binary encoding".
 *
 * No state, no locks. A new extension is one file with a struct sbi_extension, and one entry here.
 */
#include <hearth/core/upcalls.h>
#include <hearth/lib/errno.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include <string.h>

#define ECALL_LEN 4

_Static_assert(GPR_A7 - GPR_A0 == 7 && offsetof(struct sbi_call, eid) == 7 * sizeof(uint64_t) &&
                   offsetof(struct sbi_call, fid) == 6 * sizeof(uint64_t),
               "struct sbi_call lies over a0..a7");

/* Searched in order: the most frequent calls come first. Ranges must not overlap (a unit test
 * checks this). */
const struct sbi_extension *const sbi_extensions[] = {
    &sbi_ext_base, &sbi_ext_time,      &sbi_ext_rfnc, &sbi_ext_spi,  &sbi_ext_dbcn, &sbi_ext_hsm,
    &sbi_ext_srst, &sbi_ext_legacy,    &sbi_ext_pmu,  &sbi_ext_perf, &sbi_ext_fwft, &sbi_ext_sse,
    &sbi_ext_susp, &sbi_ext_host_comm, &sbi_ext_hvc,  &sbi_ext_sta,  &sbi_ext_dbtr, &sbi_ext_mpxy,
};
const unsigned sbi_extension_count = ARRAY_SIZE(sbi_extensions);

_Static_assert(ARRAY_SIZE(sbi_extensions) <= 64, "vm->sbi_hidden has a bit for each");

/* NULL: no entry, or one that is hidden from this VM. */
static inline const struct sbi_extension *sbi_find(const struct vm *vm, uint64_t eid)
{
    uint64_t hidden = vm->sbi_hidden;

    for (unsigned i = 0; i < ARRAY_SIZE(sbi_extensions); i++, hidden >>= 1) {
        const struct sbi_extension *ext = sbi_extensions[i];

        /* One comparison: an EID below first wraps to a large number. */
        if (eid - ext->first <= ext->last - ext->first)
            return unlikely(hidden & 1) ? NULL : ext;
    }
    return NULL;
}

int sbi_index(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(sbi_extensions); i++) {
        if (strcmp(sbi_extensions[i]->name, name) == 0)
            return (int)i;
    }
    return -HV_ENOENT;
}

/* Handles an EID without an entry: ret is preset to NOT_SUPPORTED. */
static struct exit_result sbi_unknown_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                             struct sbi_ret *ret)
{
    (void)vcpu;
    (void)call;
    (void)ret;
    return exit_next(ECALL_LEN);
}

static const struct sbi_extension sbi_unknown = {.name = "unknown", .handle = sbi_unknown_handle};

bool sbi_probe(const struct vcpu *vcpu, uint64_t eid)
{
    return sbi_find(vcpu->vm, eid) != NULL;
}

struct exit_result exit_ecall(struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    uint64_t *gpr = vcpu->ctx.gpr;
    struct sbi_ret ret = {.error = SBI_ERR_NOT_SUPPORTED, .value = 0};
    const struct sbi_call *call = (const struct sbi_call *)&gpr[GPR_A0];
    const struct sbi_extension *ext = sbi_find(vcpu->vm, call->eid);
    struct exit_result result;

    (void)exit;
    if (unlikely(ext == NULL))
        ext = &sbi_unknown;
    result = ext->handle(vcpu, call, &ret);
    /* Without a length the call does not return to its caller. */
    if (likely(result.code == EXIT_NEXT) ||
        (result.insn_len != 0 && (result.code == EXIT_BLOCK || result.code == EXIT_YIELD))) {
        gpr[GPR_A0] = (uint64_t)ret.error;
        if (likely(!ext->legacy))
            gpr[GPR_A1] = ret.value;
    }
    return result;
}

int64_t sbi_hart_mask(const struct vcpu *vcpu, uint64_t hart_mask, uint64_t hart_mask_base,
                      uint64_t *mask)
{
    const uint64_t harts = vcpu->vm->config.vcpus; /* 1..VCPUS_MAX */

    *mask = 0;
    if (hart_mask_base == UINT64_MAX) {
        *mask = UINT64_MAX >> (64 - harts);
        return SBI_SUCCESS;
    }
    if (hart_mask == 0)
        return SBI_SUCCESS;
    /* The base is checked first, so that base + bit cannot wrap to a small hart number. */
    if (hart_mask_base >= harts)
        return SBI_ERR_INVALID_PARAM;
    if (hart_mask & ~(UINT64_MAX >> (64 - (harts - hart_mask_base))))
        return SBI_ERR_INVALID_PARAM;
    *mask = hart_mask << hart_mask_base;
    return SBI_SUCCESS;
}
