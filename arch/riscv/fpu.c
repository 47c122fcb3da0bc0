/*
 * fpu.c - see fpu.h. The layout that fpu.S and vector.S use: 32 doubles, fcsr; then vstart, vl,
 * vtype, vcsr and 32 vector registers of vlenb bytes.
 */
#include <arch/csr.h>
#include <hearth/lib/errno.h>
#include <hearth/arch/fpu.h>
#include <hearth/kernel/hart.h>
#include <hearth/arch/isa.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vcpu.h>

#include <string.h>

struct fp_state {
    uint64_t f[32];
    uint64_t fcsr;
};

struct vector_state {
    uint64_t vstart, vl, vtype, vcsr;
    uint8_t regs[]; /* 32 * vlenb */
};

/* _csrs: these alone. */
void fpu_save(struct fp_state *s);
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
    v->fpu_blank = true;
    v->ctx.sstatus &= ~(SSTATUS_FS | SSTATUS_VS);
    if (host_isa.f)
        v->ctx.sstatus |= SSTATUS_FS_INITIAL;
    if (host_isa.v)
        v->ctx.sstatus |= SSTATUS_VS_INITIAL;
}

static __noinline void restore(struct vcpu *v)
{
    if (host_isa.f) {
        csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
        fpu_restore(v->fpu);
    }
    if (host_isa.v) {
        csr_set(CSR_SSTATUS, SSTATUS_VS_INITIAL);
        vector_restore(vector_part(v));
    }
}

void fpu_load(struct vcpu *v, struct hart *h)
{
    const bool blank = h->fpu_blank;

    h->fpu_blank = false; /* its guest may write them from now on */
    if (h->fpu_owner == v && v->fpu_hart == h)
        return;
    h->fpu_owner = v;
    v->fpu_hart = h;
    if (!blank || !v->fpu_blank)
        restore(v);
}

/*
 * The control registers are looked at always: where a guest's csrw to one makes only its own
 * vsstatus.FS or VS dirty (QEMU 10), ours does not show it. True: something differs from what was
 * saved before, and is saved now.
 */
static bool fp_put(struct fp_state *s, bool dirty)
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

static bool vector_put(struct vector_state *s, bool dirty)
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

static __noinline void put_changed(struct vcpu *v, struct hart *h)
{
    uint64_t s = v->ctx.sstatus;

    if (host_isa.f && fp_put(v->fpu, (s & SSTATUS_FS) == SSTATUS_FS)) {
        s = (s & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
        v->fpu_blank = false;
    }
    if (host_isa.v && vector_put(vector_part(v), (s & SSTATUS_VS) == SSTATUS_VS)) {
        s = (s & ~SSTATUS_VS) | SSTATUS_VS_CLEAN;
        v->fpu_blank = false;
    }
    v->ctx.sstatus = s;
    h->fpu_blank = v->fpu_blank;
}

void fpu_put(struct vcpu *v, struct hart *h)
{
    const struct fp_state *saved = v->fpu;

    if (h->fpu_owner != v || v->fpu_hart != h)
        return; /* reset meanwhile: what the registers hold is nobody's */
    if (host_isa.f && !host_isa.v && (v->ctx.sstatus & SSTATUS_FS) != SSTATUS_FS) {
        csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
        if (likely(csr_read(CSR_FCSR) == saved->fcsr)) {
            h->fpu_blank = v->fpu_blank;
            return;
        }
    }
    put_changed(v, h);
}
