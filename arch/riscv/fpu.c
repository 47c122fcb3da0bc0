/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpu.c - see fpu.h. Layout of the state in memory, which fpu.S and vector.S use: 32 doubles, fcsr;
 * then vstart, vl, vtype, vcsr and 32 vector registers of vlenb bytes.
 */
#include <arch/csr.h>
#include <hearth/arch/fpu.h>
#include <hearth/arch/isa.h>

#include <string.h>

struct fp_state {
    uint64_t f[32];
    uint64_t fcsr;
};

struct vector_state {
    uint64_t vstart, vl, vtype, vcsr;
    uint8_t regs[]; /* 32 * vlenb */
};

/* In fpu.S and vector.S. */
void fpu_save(struct fp_state *s);
void fpu_restore(const struct fp_state *s);
void vector_save(struct vector_state *s);
void vector_save_csrs(struct vector_state *s);
void vector_restore(const struct vector_state *s);

size_t fpu_state_size(void)
{
    return sizeof(struct fp_state) + sizeof(struct vector_state) + 32ul * host_isa.vlenb;
}

static struct vector_state *fpu_vector_part(const struct vcpu_fpu *f)
{
    return (struct vector_state *)((char *)f->regs + sizeof(struct fp_state));
}

void fpu_reset(struct vcpu_fpu *f, struct vcpu_ctx *ctx)
{
    memset(f->regs, 0, fpu_state_size());
    /* A hart that still holds its old registers must load these instead. */
    f->hart = NULL;
    f->blank = true;
    ctx->sstatus &= ~(SSTATUS_FS | SSTATUS_VS);
    if (host_isa.f)
        ctx->sstatus |= SSTATUS_FS_INITIAL;
    if (host_isa.v)
        ctx->sstatus |= SSTATUS_VS_INITIAL;
}

static __noinline void fpu_restore_all(const struct vcpu_fpu *f)
{
    if (host_isa.f) {
        csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
        fpu_restore(f->regs);
    }
    if (host_isa.v) {
        csr_set(CSR_SSTATUS, SSTATUS_VS_INITIAL);
        vector_restore(fpu_vector_part(f));
    }
}

void fpu_load(struct vcpu_fpu *f, struct hart_fpu *h)
{
    const bool blank = h->blank;

    h->blank = false; /* the guest may write the registers from now on */
    if (h->owner == f && f->hart == h)
        return;
    h->owner = f;
    f->hart = h;
    if (!blank || !f->blank)
        fpu_restore_all(f);
}

/*
 * Saves the FP registers if they have changed since the last save; returns whether they have. fcsr
 * is always compared: with QEMU 10 a guest's write to it makes only vsstatus.FS dirty, not
 * sstatus.FS. The same goes for vsstatus.VS and the vector CSRs.
 */
static bool fpu_put_fp(struct fp_state *s, bool dirty)
{
    uint64_t fcsr;

    csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
    if (dirty) {
        fpu_save(s);
        return true;
    }
    fcsr = csr_read(CSR_FCSR);
    if (likely(fcsr == s->fcsr))
        return false;
    s->fcsr = fcsr;
    return true;
}

static bool fpu_put_vector(struct vector_state *s, bool dirty)
{
    const struct vector_state old = *s;

    csr_set(CSR_SSTATUS, SSTATUS_VS_INITIAL);
    if (dirty) {
        vector_save(s);
        return true;
    }
    vector_save_csrs(s);
    return s->vstart != old.vstart || s->vl != old.vl || s->vtype != old.vtype ||
           s->vcsr != old.vcsr;
}

static __noinline void fpu_put_changed(struct vcpu_fpu *f, struct vcpu_ctx *ctx, struct hart_fpu *h)
{
    uint64_t s = ctx->sstatus;

    if (host_isa.f && fpu_put_fp(f->regs, (s & SSTATUS_FS) == SSTATUS_FS)) {
        s = (s & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
        f->blank = false;
    }
    if (host_isa.v && fpu_put_vector(fpu_vector_part(f), (s & SSTATUS_VS) == SSTATUS_VS)) {
        s = (s & ~SSTATUS_VS) | SSTATUS_VS_CLEAN;
        f->blank = false;
    }
    ctx->sstatus = s;
    h->blank = f->blank;
}

void fpu_put(struct vcpu_fpu *f, struct vcpu_ctx *ctx, struct hart_fpu *h)
{
    const struct fp_state *saved = f->regs;

    if (h->owner != f || f->hart != h)
        return; /* the vcpu was reset meanwhile: the registers belong to no vcpu */
    if (host_isa.f && !host_isa.v && (ctx->sstatus & SSTATUS_FS) != SSTATUS_FS) {
        csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
        if (likely(csr_read(CSR_FCSR) == saved->fcsr)) {
            h->blank = f->blank;
            return;
        }
    }
    fpu_put_changed(f, ctx, h);
}

void fpu_detach(struct hart_fpu *h, const struct vcpu_fpu *f)
{
    if (h->owner == f)
        h->owner = NULL;
}
