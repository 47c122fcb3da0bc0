/* SPDX-License-Identifier: Apache-2.0 */
/* guest.c - harts, traps, U-mode and Sv39 of the test guests; contracts in guest.h. */
#include "guest.h"

#define STACK_SIZE 8192

uint64_t boot_hart;
static const uint8_t *boot_fdt;

static struct hart harts[HARTS];
static char stacks[HARTS][2][STACK_SIZE] __attribute__((aligned(16)));

_Static_assert(offsetof(struct hart, saved_sp) == 24 && offsetof(struct hart, user) == 32,
               "start.S");
_Static_assert(sizeof(struct trap_frame) == 272, "start.S");

struct hart *guest_boot(uint64_t id, const uint8_t *fdt);
void guest_boot_main(void) __attribute__((noreturn));
void hart_main(void) __attribute__((noreturn));
void hart_entry(void);
void trap_handler(struct trap_frame *f);
void user_enter(uint64_t pc, uint64_t arg, uint64_t sp, struct hart *h);

struct sbi_result sbi_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                           uint64_t a3, uint64_t a4)
{
    register uint64_t r0 __asm__("a0") = a0;
    register uint64_t r1 __asm__("a1") = a1;
    register uint64_t r2 __asm__("a2") = a2;
    register uint64_t r3 __asm__("a3") = a3;
    register uint64_t r4 __asm__("a4") = a4;
    register uint64_t r6 __asm__("a6") = fid;
    register uint64_t r7 __asm__("a7") = eid;

    __asm__ volatile("ecall"
                     : "+r"(r0), "+r"(r1)
                     : "r"(r2), "r"(r3), "r"(r4), "r"(r6), "r"(r7)
                     : "memory");
    return (struct sbi_result){(int64_t)r0, r1};
}

bool on_hearth(void)
{
    return sbi(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID).value == SBI_IMPL_ID_HEARTH;
}

void shutdown(void)
{
    sbi(SBI_EXT_SRST, SBI_SRST_RESET, SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_NONE);
    sbi(SBI_EXT_LEGACY_SHUTDOWN, 0);
    for (;;)
        ;
}

/* ---- harts */

struct hart *hart_get(uint64_t id)
{
    return &harts[id];
}

static struct hart *hart_init(uint64_t id)
{
    struct hart *h = &harts[id];

    *h = (struct hart){.id = id};
    h->stack_top = (uint64_t)stacks[id][1];
    h->trap_top = (uint64_t)stacks[id][1] + STACK_SIZE;
    return h;
}

struct hart *guest_boot(uint64_t id, const uint8_t *fdt)
{
    boot_hart = id;
    boot_fdt = fdt;
    if (id >= HARTS)
        bail_out("boot hart id too large");
    return hart_init(id);
}

/* Searches the whole tree for the text: only the bootargs contain such options. */
uint64_t boot_option(const char *name)
{
    const uint8_t *f = boot_fdt;
    const uint32_t size = (uint32_t)f[4] << 24 | (uint32_t)f[5] << 16 | (uint32_t)f[6] << 8 | f[7];

    for (uint32_t at = 0; at < size; at++) {
        uint32_t n = 0;
        uint64_t value = 0;

        while (name[n] && at + n < size && f[at + n] == (uint8_t)name[n])
            n++;
        if (name[n] || at + n >= size || f[at + n] != '=')
            continue;
        while (at + ++n < size && f[at + n] >= '0' && f[at + n] <= '9')
            value = value * 10 + f[at + n] - '0';
        return value;
    }
    return 0;
}

bool boot_tree_has(const char *text)
{
    const uint8_t *f = boot_fdt;
    const uint32_t size = (uint32_t)f[4] << 24 | (uint32_t)f[5] << 16 | (uint32_t)f[6] << 8 | f[7];

    for (uint32_t at = 0; at < size; at++) {
        uint32_t n = 0;

        while (text[n] && at + n < size && f[at + n] == (uint8_t)text[n])
            n++;
        if (!text[n])
            return true;
    }
    return false;
}

void guest_boot_main(void)
{
    test_main();
    shutdown();
}

void hart_main(void)
{
    struct hart *h = this_hart();

    h->fn(h->arg);
    irq_disable();
    sbi(SBI_EXT_HSM, SBI_HSM_HART_STOP);
    bail_out("hart_stop returned");
}

unsigned hart_count(void)
{
    unsigned n = 0;

    while (n < HARTS && sbi(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, n).error == SBI_SUCCESS)
        n++;
    return n;
}

uint64_t other_hart(unsigned n)
{
    return n < boot_hart ? n : n + 1;
}

int64_t hart_start(uint64_t id, void (*fn)(void *), void *arg)
{
    struct hart *h = hart_init(id);

    h->fn = fn;
    h->arg = arg;
    __asm__ volatile("fence rw, rw" ::: "memory");
    return sbi(SBI_EXT_HSM, SBI_HSM_HART_START, id, (uint64_t)hart_entry, (uint64_t)h).error;
}

bool hart_wait_state(uint64_t id, uint64_t state, unsigned ms)
{
    return wait_for(sbi(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, id).value == state, ms);
}

/* ---- traps */

static unsigned insn_len(uint64_t pc)
{
    return (*(volatile uint16_t *)pc & 3) == 3 ? 4 : 2;
}

static void user_return(struct hart *h, struct trap_frame *f)
{
    static const uint8_t saved[] = {1, 2, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27};

    h->user_a0 = f->gpr[10];
    for (unsigned i = 0; i < ARRAY_SIZE(saved); i++)
        f->gpr[saved[i]] = h->user[i];
    f->gpr[4] = (uint64_t)h;
    f->sepc = h->user[0];
    f->sstatus &= ~SSTATUS_SPELP;
    f->sstatus |= 1ul << 8;    /* SPP: back to S-mode */
    f->sstatus &= ~(1ul << 5); /* SPIE */
}

void trap_handler(struct trap_frame *f)
{
    struct hart *h = this_hart();
    const uint64_t cause = csr_read(scause), tval = csr_read(stval);
    const struct trap trap = {true, (f->sstatus & SSTATUS_SPELP) != 0, cause, f->sepc, tval};

    if (h->in_trap)
        bail_out("trap in the trap handler");
    h->in_trap = true;
    if (cause >> 63) {
        const unsigned irq = cause & 15;

        h->irq_time = rdtime();
        if (h->irq_fn)
            h->irq_fn(irq);
        else
            csr_clear(sie, BIT(irq));
        store(&h->irqs[irq], h->irqs[irq] + 1);
    } else if (!(f->sstatus & (1ul << 8))) {
        h->user_trap = trap;
        user_return(h, f);
    } else if (h->expect) {
        h->trap = trap;
        f->sstatus &= ~SSTATUS_SPELP; /* return to the caller of the jump */
        h->expect = false;
        f->sepc = h->resume_ra ? f->gpr[1] : f->sepc + insn_len(f->sepc);
    } else {
        note("hart %lu: cause %lu epc %lx tval %lx ra %lx", h->id, cause, f->sepc, tval, f->gpr[1]);
        bail_out("unexpected trap");
    }
    h->in_trap = false;
}

struct trap trap_of_jump(uint64_t addr)
{
    struct hart *h = this_hart();
    struct trap t;

    h->resume_ra = true;
    t = trap_of(((void (*)(void))addr)());
    h->resume_ra = false;
    return t;
}

static char user_stack[4096] __attribute__((aligned(4096)));

struct trap user_run(uint64_t pc, uint64_t arg)
{
    struct hart *h = this_hart();

    h->user_trap = (struct trap){0};
    user_enter(pc, arg, (uint64_t)user_stack + sizeof(user_stack), h);
    return h->user_trap;
}

/* ---- Sv39 */

static uint64_t root[512] __attribute__((aligned(4096)));
static uint64_t level1[512] __attribute__((aligned(4096)));
static uint64_t level0[512] __attribute__((aligned(4096)));

void paging_init(void)
{
    root[0] = PTE_RW | PTE_X;
    root[2] = (0x80000000ul >> 12 << 10) | PTE_RW | PTE_X;
    root[1] = ((uint64_t)level1 >> 12 << 10) | PTE_V;
    level1[0] = ((uint64_t)level0 >> 12 << 10) | PTE_V;
}

void paging_on(void)
{
    sfence();
    csr_write(satp, (8ul << 60) | ((uint64_t)root >> 12));
    sfence();
}

void paging_off(void)
{
    csr_write(satp, 0);
    sfence();
}

void map_page(uint64_t va, uint64_t pa, uint64_t flags)
{
    *(volatile uint64_t *)&level0[(va - MAP_BASE) >> 12 & 511] = (pa >> 12 << 10) | flags;
}

/* ---- functions that the compiler calls */

void *memset(void *dst, int c, size_t n);
void *memcpy(void *dst, const void *src, size_t n);

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *dst, int c,
                                                                           size_t n)
{
    char *d = dst;

    while (n--)
        *d++ = (char)c;
    return dst;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *
memcpy(void *dst, const void *src, size_t n)
{
    char *d = dst;
    const char *s = src;

    while (n--)
        *d++ = *s++;
    return dst;
}
