/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fwft.c - SBI FWFT extension (v3.0, chapter "SBI Firmware Features Extension"): features that a
 * guest switches for each vcpu. Most are fields of henvcfg, which is switched with the vcpu.
 * Whether misaligned accesses are delegated or emulated is a setting of the host's firmware; Hearth
 * calls the firmware when the hart switches to or from a vcpu whose setting differs from the
 * firmware's default. isa_probe() finds at boot which features the host has.
 *
 * No locks: a vcpu's settings are its own, and each hart has its own record of the firmware's
 * state.
 */
#include <arch/csr.h>
#include <arch/vs_csr.h>
#include <arch/hfence.h>
#include <hearth/kernel/hart.h>
#include <hearth/arch/isa.h>
#include <hearth/sbi/sbi.h>
#include <hearth/arch/sbi_client.h>
#include <hearth/core/vcpu.h>

struct fwft_vcpu {
    uint64_t misaligned; /* MISALIGNED_EXC_DELEG */
    uint32_t locked;     /* bit number: feature */
};

/* Each hart's record of the firmware's misaligned delegation. */
static struct fwft_hart {
    bool known, supported;
    uint8_t initial, now;
} delegation[HARTS_MAX];

struct fwft_feature {
    bool (*supported)(void);
    bool (*valid)(uint64_t value);
    uint64_t (*get)(const struct vcpu *vcpu, const struct fwft_vcpu *f);
    int64_t (*set)(struct vcpu *vcpu, struct fwft_vcpu *f, uint64_t value);
    uint64_t henvcfg; /* if get and set are NULL: the feature's henvcfg bit */
};

static bool fwft_bool_valid(uint64_t value)
{
    return value <= 1;
}

/* ---- misaligned accesses, on this hart */

static struct fwft_hart *fwft_this_hart(void)
{
    struct fwft_hart *d = &delegation[this_hart()->index];

    if (!d->known) {
        struct sbi_client_ret r = {.error = SBI_ERR_NOT_SUPPORTED};

        if (sbi_client_probe(SBI_EXT_FWFT))
            r = sbi_client_call(SBI_EXT_FWFT, SBI_FWFT_GET, SBI_FWFT_MISALIGNED_EXC_DELEG, 0, 0, 0,
                                0, 0);
        d->supported = r.error == SBI_SUCCESS && r.value <= 1;
        d->initial = d->now = d->supported && r.value == 1;
        d->known = true;
    }
    return d;
}

static bool fwft_misaligned_supported(void)
{
    return fwft_this_hart()->supported;
}

static uint64_t fwft_misaligned_get(const struct vcpu *vcpu, const struct fwft_vcpu *f)
{
    (void)vcpu;
    return f->misaligned;
}

static int64_t fwft_misaligned_switch(uint64_t value)
{
    struct fwft_hart *d = fwft_this_hart();
    int64_t err;

    if (d->now == value || !d->supported)
        return SBI_SUCCESS;
    err = sbi_client_call(SBI_EXT_FWFT, SBI_FWFT_SET, SBI_FWFT_MISALIGNED_EXC_DELEG, value, 0, 0, 0,
                          0)
              .error;
    if (err == SBI_SUCCESS)
        d->now = (uint8_t)value;
    return err;
}

static int64_t fwft_misaligned_set(struct vcpu *vcpu, struct fwft_vcpu *f, uint64_t value)
{
    /* The firmware refused: report that the platform denies it. */
    if (fwft_misaligned_switch(value) != SBI_SUCCESS)
        return SBI_ERR_DENIED;
    f->misaligned = value;
    sbi_vcpu_switches(vcpu, SBI_SLOT_FWFT, value != fwft_this_hart()->initial);
    return SBI_SUCCESS;
}

/* ---- henvcfg: the hart's CSR and the vcpu's saved copy */

static void fwft_henvcfg_set(struct vcpu *vcpu, uint64_t mask, uint64_t bits)
{
    uint64_t value = (vcpu->csrs.henvcfg & ~mask) | bits;

    if (value == vcpu->csrs.henvcfg)
        return;
    vcpu->csrs.henvcfg = value;
    vs_set_envcfg(value);
    hfence_vvma_all(); /* cached translations used the old value */
    if (mask & HENVCFG_PMM)
        hfence_gvma_all(); /* "Interaction with Pointer Masking" */
}

static bool fwft_adue_supported(void)
{
    return host_isa.adue;
}

static bool fwft_landing_pad_supported(void)
{
    return host_isa.landing_pad;
}

static bool fwft_shadow_stack_supported(void)
{
    return host_isa.shadow_stack;
}

static bool fwft_double_trap_supported(void)
{
    return host_isa.double_trap;
}

static bool fwft_pmlen_supported(void)
{
    return host_isa.pmlen7 || host_isa.pmlen16;
}

static bool fwft_pmlen_valid(uint64_t value)
{
    return value == 0 || (value == 7 && host_isa.pmlen7) || (value == 16 && host_isa.pmlen16);
}

static uint64_t fwft_pmlen_get(const struct vcpu *vcpu, const struct fwft_vcpu *f)
{
    (void)f;
    switch (vcpu->csrs.henvcfg & HENVCFG_PMM) {
    case HENVCFG_PMM_7:
        return 7;
    case HENVCFG_PMM_16:
        return 16;
    default:
        return 0;
    }
}

static int64_t fwft_pmlen_set(struct vcpu *vcpu, struct fwft_vcpu *f, uint64_t value)
{
    (void)f;
    fwft_henvcfg_set(vcpu, HENVCFG_PMM,
                     value == 16  ? HENVCFG_PMM_16
                     : value == 7 ? HENVCFG_PMM_7
                                  : 0);
    return SBI_SUCCESS;
}

/* ---- the calls */

/* All features that the specification defines. */
static const struct fwft_feature fwft_features[] = {
    [SBI_FWFT_MISALIGNED_EXC_DELEG] = {fwft_misaligned_supported, fwft_bool_valid,
                                       .get = fwft_misaligned_get, .set = fwft_misaligned_set},
    [SBI_FWFT_LANDING_PAD] = {fwft_landing_pad_supported, fwft_bool_valid, .henvcfg = HENVCFG_LPE},
    [SBI_FWFT_SHADOW_STACK] = {fwft_shadow_stack_supported, fwft_bool_valid,
                               .henvcfg = HENVCFG_SSE},
    [SBI_FWFT_DOUBLE_TRAP] = {fwft_double_trap_supported, fwft_bool_valid, .henvcfg = HENVCFG_DTE},
    [SBI_FWFT_PTE_AD_HW_UPDATING] = {fwft_adue_supported, fwft_bool_valid, .henvcfg = HENVCFG_ADUE},
    [SBI_FWFT_POINTER_MASKING_PMLEN] = {fwft_pmlen_supported, fwft_pmlen_valid,
                                        .get = fwft_pmlen_get, .set = fwft_pmlen_set},
};

/* Returns the feature's entry, or NULL with *error. Reserved and platform-specific features, local
 * or global, are denied. */
static const struct fwft_feature *fwft_find(uint32_t id, int64_t *error)
{
    *error = SBI_ERR_DENIED;
    if (id >= ARRAY_SIZE(fwft_features))
        return NULL;
    *error = SBI_ERR_NOT_SUPPORTED;
    if (!fwft_features[id].supported())
        return NULL;
    *error = SBI_SUCCESS;
    return &fwft_features[id];
}

static uint64_t fwft_value_get(const struct fwft_feature *feature, const struct vcpu *vcpu,
                               const struct fwft_vcpu *f)
{
    return feature->get != NULL ? feature->get(vcpu, f)
                                : (vcpu->csrs.henvcfg & feature->henvcfg) != 0;
}

static int64_t fwft_value_set(const struct fwft_feature *feature, struct vcpu *vcpu,
                              struct fwft_vcpu *f, uint64_t value)
{
    if (feature->set != NULL)
        return feature->set(vcpu, f, value);
    fwft_henvcfg_set(vcpu, feature->henvcfg, value != 0 ? feature->henvcfg : 0);
    return SBI_SUCCESS;
}

static int64_t fwft_set(struct vcpu *vcpu, struct fwft_vcpu *f, uint32_t id, uint64_t value,
                        uint64_t flags)
{
    int64_t error;
    const struct fwft_feature *feature = fwft_find(id, &error);

    if (feature == NULL)
        return error;
    if (flags & ~SBI_FWFT_FLAG_LOCK)
        return SBI_ERR_INVALID_PARAM;
    if (f->locked & BIT(id))
        return SBI_ERR_DENIED_LOCKED;
    if (!feature->valid(value))
        return SBI_ERR_INVALID_PARAM;
    error = fwft_value_set(feature, vcpu, f, value);
    if (error == SBI_SUCCESS && (flags & SBI_FWFT_FLAG_LOCK))
        f->locked |= (uint32_t)BIT(id);
    return error;
}

static struct exit_result fwft_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    struct fwft_vcpu *f = sbi_vcpu_state(vcpu, SBI_SLOT_FWFT);
    const uint32_t id = (uint32_t)call->arg[0]; /* a uint32_t: the upper half is ignored */
    const struct fwft_feature *feature;

    switch (call->fid) {
    case SBI_FWFT_SET:
        ret->error = fwft_set(vcpu, f, id, call->arg[1], call->arg[2]);
        break;
    case SBI_FWFT_GET:
        feature = fwft_find(id, &ret->error);
        if (feature != NULL)
            ret->value = fwft_value_get(feature, vcpu, f);
        break;
    default:
        break;
    }
    return exit_next(4);
}

/* Resets the features, all of which are local to a hart. vcpu_reset() resets henvcfg. */
static void fwft_vcpu_reset(struct vcpu *vcpu, void *state)
{
    struct fwft_vcpu *f = state;

    (void)vcpu;
    f->misaligned = fwft_this_hart()->initial;
    f->locked = 0;
}

static void fwft_vcpu_load(struct vcpu *vcpu, void *state)
{
    const struct fwft_vcpu *f = state;

    (void)vcpu;
    /* The call succeeded when the guest made it. If the firmware refuses now, its own setting
     * stays, which also suits the guest. */
    (void)fwft_misaligned_switch(f->misaligned);
}

static void fwft_vcpu_put(struct vcpu *vcpu, void *state)
{
    (void)vcpu;
    (void)state;
    (void)fwft_misaligned_switch(fwft_this_hart()->initial);
}

const struct sbi_extension sbi_ext_fwft = {
    .first = SBI_EXT_FWFT,
    .last = SBI_EXT_FWFT,
    .name = "fwft",
    .slot = SBI_SLOT_FWFT,
    .vcpu_state = sizeof(struct fwft_vcpu),
    .vcpu_reset = fwft_vcpu_reset,
    .vcpu_load = fwft_vcpu_load,
    .vcpu_put = fwft_vcpu_put,
    .handle = fwft_handle,
};
