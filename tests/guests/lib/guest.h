/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.h - library of the bare test guests: TAP on the console, SBI calls, traps that a test
 * expects, other harts, U-mode, Sv39. Memory is identity-mapped: a pointer is a physical address.
 *
 * The same binaries run in VS-mode on Hearth and in S-mode on OpenSBI; see on_hearth().
 */
#pragma once

#include <abi/sbi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARTS 8 /* guests use hart ids 0..HARTS - 1 */

#define CAUSE_INSN_MISALIGNED  0
#define CAUSE_INSN_ACCESS      1
#define CAUSE_ILLEGAL          2
#define CAUSE_BREAKPOINT       3
#define CAUSE_LOAD_MISALIGNED  4
#define CAUSE_LOAD_ACCESS      5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS     7
#define CAUSE_ECALL_U          8
#define CAUSE_INSN_PAGE        12
#define CAUSE_LOAD_PAGE        13
#define CAUSE_STORE_PAGE       15
#define CAUSE_SOFTWARE_CHECK   18

#define IRQ_SOFT  1
#define IRQ_TIMER 5
#define IRQ_EXT   9

#define SSTATUS_SIE   (1ul << 1)
#define SSTATUS_FS    (3ul << 13)
#define SSTATUS_VS    (3ul << 9)
#define SSTATUS_SPELP (1ul << 23)
#define SSTATUS_SDT   (1ul << 24)

#define UART_BASE 0x10000000ul
#define PLIC_BASE 0x0c000000ul
#define RTC_BASE  0x00101000ul
#define HOLE      0x18000000ul /* no device or memory, on QEMU's virt neither */
#define UART_IRQ  10

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)        (1ul << (n))

#define csr_read(csr)                                                                              \
    ({                                                                                             \
        uint64_t v_;                                                                               \
        __asm__ volatile("csrr %0, " #csr : "=r"(v_)::"memory");                                   \
        v_;                                                                                        \
    })
#define csr_write(csr, val) __asm__ volatile("csrw " #csr ", %0" ::"r"((uint64_t)(val)) : "memory")
#define csr_set(csr, val)   __asm__ volatile("csrs " #csr ", %0" ::"r"((uint64_t)(val)) : "memory")
#define csr_clear(csr, val) __asm__ volatile("csrc " #csr ", %0" ::"r"((uint64_t)(val)) : "memory")

#define load(p)     __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define store(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)

/* ---- time: virt's timebase, 10 MHz */
#define TICKS_PER_MS 10000ul
static inline uint64_t rdtime(void)
{
    uint64_t t;

    __asm__ volatile("rdtime %0" : "=r"(t)::"memory");
    return t;
}

#define SOON 5000 /* ms: limit of the wait for an event on a busy machine */

/* Waits until cond is true, at most ms milliseconds. Its value is cond's. */
#define wait_for(cond, ms)                                                                         \
    ({                                                                                             \
        uint64_t end_ = rdtime() + (ms) * TICKS_PER_MS;                                            \
        while (!(cond) && rdtime() < end_)                                                         \
            ;                                                                                      \
        (cond) ? 1u : 0u;                                                                          \
    })

/* ---- TAP. Only the boot hart prints. Formats: %d %u %x, also with l, and %s */
void tap_plan(unsigned n);
bool ok(bool cond, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tap_skip(unsigned n, const char *why);
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Like ok(got == want), and prints both values if they differ. */
bool is(uint64_t got, uint64_t want, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Prints the reason and ends the machine. Any hart may call it. */
void bail_out(const char *why) __attribute__((noreturn));
void shutdown(void) __attribute__((noreturn));

/* ---- SBI */
struct sbi_result {
    int64_t error;
    uint64_t value;
};
struct sbi_result sbi_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                           uint64_t a3, uint64_t a4);
#define SBI_ARGS_(eid, fid, a0, a1, a2, a3, a4, ...) sbi_call(eid, fid, a0, a1, a2, a3, a4)
/* sbi(eid, fid[, a0..a4]) */
#define sbi(...) SBI_ARGS_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
bool on_hearth(void);

/* ---- harts and traps */
struct trap {
    bool taken;
    bool elp; /* a landing pad was expected */
    uint64_t cause, epc, tval;
};

struct trap_frame {
    uint64_t gpr[32], sepc, sstatus;
};

struct hart {
    uint64_t trap_top, stack_top, id, saved_sp; /* start.S knows these */
    uint64_t user[16];
    void (*fn)(void *);
    void *arg;
    bool expect;    /* the test expects the next synchronous trap */
    bool resume_ra; /* resume at ra after it, not after the instruction */
    bool in_trap;
    struct trap trap; /* the trap that the test expected */
    struct trap user_trap;
    uint64_t user_a0;             /* a0 when U-mode trapped */
    uint64_t irqs[16];            /* taken, by number */
    uint64_t irq_time;            /* rdtime at the last of them */
    void (*irq_fn)(unsigned irq); /* called for each; NULL: its sie bit is cleared */
};

extern uint64_t boot_hart;
/* The number that follows "name=" in the bootargs; 0 without that option. */
uint64_t boot_option(const char *name);
/* True if the device tree contains this text. */
bool boot_tree_has(const char *text);
static inline struct hart *this_hart(void)
{
    struct hart *h;

    __asm__ volatile("mv %0, tp" : "=r"(h));
    return h;
}
struct hart *hart_get(uint64_t id);

unsigned hart_count(void); /* existing hart ids are 0..count - 1 */
/* Starts hart `id` on fn(arg); it stops when fn returns. SBI_ERR_*. */
int64_t hart_start(uint64_t id, void (*fn)(void *), void *arg);
bool hart_wait_state(uint64_t id, uint64_t state, unsigned ms);
/* Id of the n-th hart (n from 0) besides the boot hart. */
uint64_t other_hart(unsigned n);

/* Runs stmt and returns its trap, if it has one. The trapping instruction is skipped. */
#define trap_of(stmt)                                                                              \
    ({                                                                                             \
        struct hart *h_ = this_hart();                                                             \
        h_->trap = (struct trap){0};                                                               \
        store(&h_->expect, true);                                                                  \
        stmt;                                                                                      \
        store(&h_->expect, false);                                                                 \
        h_->trap;                                                                                  \
    })
/* The trap of a jump to addr. */
struct trap trap_of_jump(uint64_t addr);

static inline void irq_enable(uint64_t sie)
{
    csr_set(sie, sie);
    csr_set(sstatus, SSTATUS_SIE);
}
static inline void irq_disable(void)
{
    csr_clear(sstatus, SSTATUS_SIE);
}

/* Runs code at pc in U-mode with a0 = arg until it traps, and returns the trap. */
struct trap user_run(uint64_t pc, uint64_t arg);
#define USER __attribute__((section(".user"), noinline, used))
extern char user_start[], user_end[];

int context_save(uint64_t ctx[16]) __attribute__((returns_twice));
void suspend_resume(void);

/* ---- Sv39: RAM and devices identity-mapped by gigapages, S-mode only; test pages from MAP_BASE
 * on. */
#define PTE_V    BIT(0)
#define PTE_R    BIT(1)
#define PTE_W    BIT(2)
#define PTE_X    BIT(3)
#define PTE_U    BIT(4)
#define PTE_A    BIT(6)
#define PTE_D    BIT(7)
#define PTE_RW   (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define MAP_BASE 0x40000000ul
void paging_init(void);
void paging_on(void); /* on this hart */
void paging_off(void);
/* Maps a 4 KiB page in MAP_BASE..+2 MiB; 0: unmaps it. No fence. */
void map_page(uint64_t va, uint64_t pa, uint64_t flags);
static inline void sfence(void)
{
    __asm__ volatile("sfence.vma" ::: "memory");
}

/* ---- memory-mapped registers */
static inline uint8_t read8(uint64_t a)
{
    return *(volatile uint8_t *)a;
}
static inline void write8(uint64_t a, uint8_t v)
{
    *(volatile uint8_t *)a = v;
}
static inline uint32_t read32(uint64_t a)
{
    return *(volatile uint32_t *)a;
}
static inline void write32(uint64_t a, uint32_t v)
{
    *(volatile uint32_t *)a = v;
}

/* Defined by each guest. The library shuts the machine down when it returns. */
void test_main(void);

/* ---- regs.S */
void every_register(uint64_t uart, uint64_t out[32]);
#define REG(i) (0x5a5a000000000000 + (uint64_t)(i) * 0x100000001)
void registers_over_ecall(uint64_t a0, uint64_t a7, uint64_t a6, uint64_t out[32]);
void registers_over_load(uint64_t a0, uint64_t a7, uint64_t a6, uint64_t out[32]);
void registers_over_store(uint64_t a0, uint64_t a7, uint64_t a6, uint64_t out[32]);
void registers_over_wfi(uint64_t a0, uint64_t a7, uint64_t a6, uint64_t out[32]);

/* ---- fpv.S */
void fp_fill(uint64_t pattern);
uint64_t fp_check(uint64_t pattern, uint64_t step);
void v_fill(uint64_t pattern);
uint64_t v_config(void);
uint64_t v_check(uint64_t pattern, uint64_t step, void *buf);
