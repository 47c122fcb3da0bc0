/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fwft.c - SBI FWFT extension (v3.0, chapter "SBI Firmware Features Extension"): what a guest may
 * switch for itself, per vcpu: fields of henvcfg, which is switched with the vcpu; and whether
 * misaligned accesses are delegated or emulated by the firmware below, which is asked whenever this
 * hart goes over to or from a vcpu that wants other than the firmware's own. What this host can do
 * is found at boot (isa_probe()).
 *
 * No locks: a vcpu's settings are its own, and so is what a hart knows of its firmware.
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
    uint32_t locked;     /* bit: feature */
};

/* Misaligned delegation as each hart's firmware has it. */
static struct hart_delegation {
    bool known, supported;
    uint8_t initial, now;
} delegation[HARTS_MAX];

struct feature {
    bool (*supported)(void);
    bool (*valid)(uint64_t value);
    uint64_t (*get)(const struct vcpu *vcpu, const struct fwft_vcpu *f);
    int64_t (*set)(struct vcpu *vcpu, struct fwft_vcpu *f, uint64_t value);
    uint64_t henvcfg; /* get and set are NULL: it is this bit */
};

static bool valid_switch(uint64_t value)
{
    return value <= 1;
}

/* ---- misaligned accesses: on this hart */

static struct hart_delegation *misaligned_here(void)
{
    struct hart_delegation *d = &delegation[this_hart()->index];

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

static bool misaligned_supported(void)
{
    return misaligned_here()->supported;
}

static uint64_t misaligned_get(const struct vcpu *vcpu, const struct fwft_vcpu *f)
{
    (void)vcpu;
    return f->misaligned;
}

static int64_t misaligned_switch(uint64_t value)
{
    struct hart_delegation *d = misaligned_here();
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

static int64_t misaligned_set(struct vcpu *vcpu, struct fwft_vcpu *f, uint64_t value)
{
    /* Firmware that says no: the platform denies it, whatever its reason. */
    if (misaligned_switch(value) != SBI_SUCCESS)
        return SBI_ERR_DENIED;
    f->misaligned = value;
    sbi_vcpu_switches(vcpu, SBI_SLOT_FWFT, value != misaligned_here()->initial);
    return SBI_SUCCESS;
}

/* ---- henvcfg: live, and in the vcpu's CSR state for its next load */

static void henvcfg_set(struct vcpu *vcpu, uint64_t mask, uint64_t bits)
{
    uint64_t value = (vcpu->csrs.henvcfg & ~mask) | bits;

    if (value == vcpu->csrs.henvcfg)
        return;
    vcpu->csrs.henvcfg = value;
    vs_set_envcfg(value);
    hfence_vvma_all(); /* what is cached was translated as the old value has it */
    if (mask & HENVCFG_PMM)
        hfence_gvma_all(); /* "Interaction with Pointer Masking" */
}

static bool adue_supported(void)
{
    return host_isa.adue;
}

static bool landing_pad_supported(void)
{
    return host_isa.landing_pad;
}

static bool shadow_stack_supported(void)
{
    return host_isa.shadow_stack;
}

static bool double_trap_supported(void)
{
    return host_isa.double_trap;
}

static bool pmlen_supported(void)
{
    return host_isa.pmlen7 || host_isa.pmlen16;
}

static bool pmlen_valid(uint64_t value)
{
    return value == 0 || (value == 7 && host_isa.pmlen7) || (value == 16 && host_isa.pmlen16);
}

static uint64_t pmlen_get(const struct vcpu *vcpu, const struct fwft_vcpu *f)
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

static int64_t pmlen_set(struct vcpu *vcpu, struct fwft_vcpu *f, uint64_t value)
{
    (void)f;
    henvcfg_set(vcpu, HENVCFG_PMM, value == 16 ? HENVCFG_PMM_16 : value == 7 ? HENVCFG_PMM_7 : 0);
    return SBI_SUCCESS;
}

/* ---- the calls */

/* Every feature that the specification defines. */
static const struct feature features[] = {
    [SBI_FWFT_MISALIGNED_EXC_DELEG] = {misaligned_supported, valid_switch, .get = misaligned_get,
                                       .set = misaligned_set},
    [SBI_FWFT_LANDING_PAD] = {landing_pad_supported, valid_switch, .henvcfg = HENVCFG_LPE},
    [SBI_FWFT_SHADOW_STACK] = {shadow_stack_supported, valid_switch, .henvcfg = HENVCFG_SSE},
    [SBI_FWFT_DOUBLE_TRAP] = {double_trap_supported, valid_switch, .henvcfg = HENVCFG_DTE},
    [SBI_FWFT_PTE_AD_HW_UPDATING] = {adue_supported, valid_switch, .henvcfg = HENVCFG_ADUE},
    [SBI_FWFT_POINTER_MASKING_PMLEN] = {pmlen_supported, pmlen_valid, .get = pmlen_get,
                                        .set = pmlen_set},
};

/* The feature's row; or NULL with *error: reserved and platform-specific ones, local or global, are
 * denied. */
static const struct feature *find(uint32_t id, int64_t *error)
{
    *error = SBI_ERR_DENIED;
    if (id >= ARRAY_SIZE(features))
        return NULL;
    *error = SBI_ERR_NOT_SUPPORTED;
    if (!features[id].supported())
        return NULL;
    *error = SBI_SUCCESS;
    return &features[id];
}

static uint64_t value_get(const struct feature *feature, const struct vcpu *vcpu,
                          const struct fwft_vcpu *f)
{
    return feature->get != NULL ? feature->get(vcpu, f)
                                : (vcpu->csrs.henvcfg & feature->henvcfg) != 0;
}

static int64_t value_set(const struct feature *feature, struct vcpu *vcpu, struct fwft_vcpu *f,
                         uint64_t value)
{
    if (feature->set != NULL)
        return feature->set(vcpu, f, value);
    henvcfg_set(vcpu, feature->henvcfg, value != 0 ? feature->henvcfg : 0);
    return SBI_SUCCESS;
}

static int64_t fwft_set(struct vcpu *vcpu, struct fwft_vcpu *f, uint32_t id, uint64_t value,
                        uint64_t flags)
{
    int64_t error;
    const struct feature *feature = find(id, &error);

    if (feature == NULL)
        return error;
    if (flags & ~SBI_FWFT_FLAG_LOCK)
        return SBI_ERR_INVALID_PARAM;
    if (f->locked & BIT(id))
        return SBI_ERR_DENIED_LOCKED;
    if (!feature->valid(value))
        return SBI_ERR_INVALID_PARAM;
    error = value_set(feature, vcpu, f, value);
    if (error == SBI_SUCCESS && (flags & SBI_FWFT_FLAG_LOCK))
        f->locked |= (uint32_t)BIT(id);
    return error;
}

static struct exit_result fwft_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    struct fwft_vcpu *f = sbi_vcpu_state(vcpu, SBI_SLOT_FWFT);
    const uint32_t id = (uint32_t)call->arg[0]; /* a uint32_t: what is above is not looked at */
    const struct feature *feature;

    switch (call->fid) {
    case SBI_FWFT_SET:
        ret->error = fwft_set(vcpu, f, id, call->arg[1], call->arg[2]);
        break;
    case SBI_FWFT_GET:
        feature = find(id, &ret->error);
        if (feature != NULL)
            ret->value = value_get(feature, vcpu, f);
        break;
    default:
        break;
    }
    return exit_next(4);
}

/* A hart's reset: its features are all local. henvcfg is vcpu_reset()'s. */
static void fwft_vcpu_reset(struct vcpu *vcpu, void *state)
{
    struct fwft_vcpu *f = state;

    (void)vcpu;
    f->misaligned = misaligned_here()->initial;
    f->locked = 0;
}

static void fwft_vcpu_load(struct vcpu *vcpu, void *state)
{
    const struct fwft_vcpu *f = state;

    (void)vcpu;
    /* It worked when the guest asked; a refusal now leaves what is, which is right for the guest
     * too: as the host's firmware has it. */
    (void)misaligned_switch(f->misaligned);
}

static void fwft_vcpu_put(struct vcpu *vcpu, void *state)
{
    (void)vcpu;
    (void)state;
    (void)misaligned_switch(misaligned_here()->initial);
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
