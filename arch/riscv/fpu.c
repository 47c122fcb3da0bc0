/*
 * fpu.c - see fpu.h. The layout that fpu.S and vector.S use: 32 doubles, fcsr; then vstart, vl,
 * vtype, vcsr and 32 vector registers of vlenb bytes.
 */
#include <arch/csr.h>
#include <hearth/errno.h>
#include <hearth/fpu.h>
#include <hearth/hart.h>
#include <hearth/isa.h>
#include <hearth/page_alloc.h>
#include <hearth/vcpu.h>

#include <string.h>

struct fp_state {
    uint64_t f[32];
    uint64_t fcsr;
};

struct vector_state {
    uint64_t vstart, vl, vtype, vcsr;
    uint8_t regs[]; /* 32 * vlenb */
};

/* _fcsr, _csrs: these alone. */
void fpu_save(struct fp_state *s);
void fpu_save_fcsr(struct fp_state *s);
void fpu_restore(const struct fp_state *s);
void vector_save(struct vector_state *s);
void vector_save_csrs(struct vector_state *s);
void vector_restore(const struct vector_state *s);

static size_t state_size(void)
{
    return sizeof(struct fp_state) + sizeof(struct vector_state) + 32ul * host_isa.vlenb;
}

static struct vector_state *vector_part(struct vcpu *v)
{
    return (struct vector_state *)((char *)v->fpu + sizeof(struct fp_state));
}

int fpu_create(struct vcpu *v)
{
    v->fpu = page_alloc_zeroed(page_order(state_size()));
    return v->fpu == NULL ? -HV_ENOMEM : 0;
}

void fpu_destroy(struct vcpu *v)
{
    if (v->fpu != NULL)
        page_free_virt(v->fpu, page_order(state_size()));
    v->fpu = NULL;
}

void fpu_reset(struct vcpu *v)
{
    memset(v->fpu, 0, state_size());
    /* A hart that still holds its old registers must load these instead. */
    v->fpu_hart = NULL;
    v->ctx.sstatus &= ~(SSTATUS_FS | SSTATUS_VS);
    if (host_isa.f)
        v->ctx.sstatus |= SSTATUS_FS_INITIAL;
    if (host_isa.v)
        v->ctx.sstatus |= SSTATUS_VS_INITIAL;
}

void fpu_load(struct vcpu *v, struct hart *h)
{
    if (h->fpu_owner == v && v->fpu_hart == h)
        return;
    if (host_isa.f) {
        csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
        fpu_restore(v->fpu);
    }
    if (host_isa.v) {
        csr_set(CSR_SSTATUS, SSTATUS_VS_INITIAL);
        vector_restore(vector_part(v));
    }
    h->fpu_owner = v;
    v->fpu_hart = h;
}

void fpu_put(struct vcpu *v, struct hart *h)
{
    uint64_t s = v->ctx.sstatus;

    if (h->fpu_owner != v || v->fpu_hart != h)
        return; /* reset meanwhile: what the registers hold is nobody's */
    /* The control registers always: where a guest's csrw to one makes only its own vsstatus.FS or
     * VS dirty (QEMU 10), ours does not show it. */
    if (host_isa.f) {
        csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
        if ((s & SSTATUS_FS) == SSTATUS_FS) {
            fpu_save(v->fpu);
            s = (s & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
        } else {
            fpu_save_fcsr(v->fpu);
        }
    }
    if (host_isa.v) {
        csr_set(CSR_SSTATUS, SSTATUS_VS_INITIAL);
        if ((s & SSTATUS_VS) == SSTATUS_VS) {
            vector_save(vector_part(v));
            s = (s & ~SSTATUS_VS) | SSTATUS_VS_CLEAN;
        } else {
            vector_save_csrs(vector_part(v));
        }
    }
    v->ctx.sstatus = s;
}
