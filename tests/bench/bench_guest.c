/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_guest.c - the cost of an exit: instructions that the hart executes for each round of an
 * operation, in loops of hand-written assembly. Needs QEMU's -icount shift=0, where instret counts
 * every instruction of the hart, the hypervisor's and the firmware's included. Each figure includes
 * the two instructions of the loop and those that load an operation's arguments.
 *
 * The same binary runs on Hearth and on OpenSBI. After all measurements it prints the number of
 * instructions that the machine had executed when it started (entry), and a line for each
 * operation, which bench.py reads:
 *     # bench NAME rounds=N instructions=N ticks=N last=X
 */
#include "guest.h"

#define ROUNDS     10000
#define TEXT_LEN   64
#define WFI_ROUNDS 100
#define PAGE       4096ul
#define TOUCH_BASE 0x84000000ul /* unused RAM: ROUNDS pages, in VMs of 128 MiB and more */
#define FAR_FUTURE (1ul << 62)

#define PLIC_PRIORITY  (PLIC_BASE + 4 * UART_IRQ)
#define PLIC_PENDING   (PLIC_BASE + 0x1000)
#define PLIC_ENABLE(c) (PLIC_BASE + 0x2000 + 0x80 * (c))
#define PLIC_THRESH(c) (PLIC_BASE + 0x200000 + 0x1000 * (c))
#define PLIC_CLAIM(c)  (PLIC_THRESH(c) + 4)
#define UART_IER       1
#define UART_IIR       2
#define UART_LSR       5
#define UART_SCR       7
#define UART_IER_THRE  2
#define SYSCON_BASE    0x00100000ul
#define ANY            UINT64_MAX

struct figures {
    uint64_t instructions, ticks, last;
};

struct op {
    const char *name;
    void (*run)(const struct op *op, struct figures *out);
    uint64_t rounds;
    uint64_t a7, a6, x, y; /* x and y: see the loops */
    uint64_t last;         /* a0 after the last round, or ANY */
};

static char text[TEXT_LEN];

/*
 * A loop around `body`. Registers in each round: s2 = x and s3 = y (the body may change both), a7
 * and a6, a2 = a3 = 0, a4 = UART_IER_THRE. The body may change a0, a1, a5 and t0..t6. The last a0
 * is checked.
 */
#define LOOP(name, body)                                                                           \
    static void name(const struct op *op, struct figures *out)                                     \
    {                                                                                              \
        register uint64_t s2 __asm__("s2") = op->x;                                                \
        register uint64_t s3 __asm__("s3") = op->y;                                                \
        register uint64_t s4 __asm__("s4") = op->rounds;                                           \
        register uint64_t s5 __asm__("s5");                                                        \
        register uint64_t s6 __asm__("s6");                                                        \
        register uint64_t a0 __asm__("a0") = 0;                                                    \
        register uint64_t a2 __asm__("a2") = 0;                                                    \
        register uint64_t a3 __asm__("a3") = 0;                                                    \
        register uint64_t a4 __asm__("a4") = UART_IER_THRE;                                        \
        register uint64_t a6 __asm__("a6") = op->a6;                                               \
        register uint64_t a7 __asm__("a7") = op->a7;                                               \
                                                                                                   \
        __asm__ volatile(".option push\n\t.option norvc\n\t"                                       \
                         "rdtime s5\n\t"                                                           \
                         "rdinstret s6\n"                                                          \
                         "1:\n\t" body "\n\t"                                                      \
                         "addi s4, s4, -1\n\t"                                                     \
                         "bnez s4, 1b\n\t"                                                         \
                         "rdinstret t0\n\t"                                                        \
                         "rdtime t1\n\t"                                                           \
                         "sub s6, t0, s6\n\t"                                                      \
                         "sub s5, t1, s5\n\t"                                                      \
                         ".option pop"                                                             \
                         : "+r"(s2), "+r"(s3), "+r"(s4), "=r"(s5), "=r"(s6), "+r"(a0), "+r"(a2),   \
                           "+r"(a3)                                                                \
                         : "r"(a4), "r"(a6), "r"(a7)                                               \
                         : "a1", "a5", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "memory");        \
        *out = (struct figures){s6, s5, a0};                                                       \
    }

LOOP(loop_empty, "")
LOOP(loop_call, "ecall")
LOOP(loop_call_2, "mv a0, s2\n\t mv a1, s3\n\t ecall")               /* ecall(x, y, 0, 0) */
LOOP(loop_call_3, "mv a0, s2\n\t mv a1, s3\n\t li a2, 64\n\t ecall") /* ecall(x, y, 64, 0) */
LOOP(loop_ipi, "mv a0, s2\n\t mv a1, s3\n\t ecall\n2:\t"
               "csrr t0, sip\n\t andi t0, t0, 2\n\t beqz t0, 2b\n\t csrci sip, 2")
LOOP(loop_lbu, "lbu a0, 0(s2)")
LOOP(loop_lw, "lw a0, 0(s2)")
LOOP(loop_compressed_lw, ".option rvc\n\t mv a5, s2\n\t c.lw a0, 0(a5)")
LOOP(loop_sb, "sb s3, 0(s2)")
LOOP(loop_sw, "sw s3, 0(s2)")
LOOP(loop_claim, "lw a0, 0(s2)\n\t sw a0, 0(s2)")
LOOP(loop_raise, "sb zero, 1(s3)\n\t sb a4, 1(s3)")
LOOP(loop_raise_claim, "sb zero, 1(s3)\n\t sb a4, 1(s3)\n\t lw a0, 0(s2)\n\t sw a0, 0(s2)")
LOOP(loop_touch, "sd zero, 0(s2)\n\t add s2, s2, s3")
LOOP(loop_rdtime, "rdtime t0")
LOOP(loop_stimecmp, "csrw 0x14d, s2")
LOOP(loop_sfence, "sfence.vma")

#define PLIC_LOAD(what, addr)      {what, loop_lw, ROUNDS, 0, 0, addr, 0, ANY}
#define UART_LOAD(what, reg, last) {what, loop_lbu, ROUNDS, 0, 0, UART_BASE + (reg), 0, last}
#define BAD                        (uint64_t)SBI_ERR_NOT_SUPPORTED

/* The boot hart is hart 0, so its S-mode context of the PLIC is 1. */
static const struct op ops[] = {
    {"empty_loop", loop_empty, ROUNDS, 0, 0, 0, 0, 0},
    {"base_spec_version", loop_call, ROUNDS, SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0, 0},
    {"legacy_putchar", loop_call_2, ROUNDS, SBI_EXT_LEGACY_CONSOLE_PUTCHAR, 0, 0, 0, 0},
    {"legacy_set_timer", loop_call_2, ROUNDS, SBI_EXT_LEGACY_SET_TIMER, 0, FAR_FUTURE, 0, 0},
    {"set_timer", loop_call_2, ROUNDS, SBI_EXT_TIME, SBI_TIME_SET_TIMER, FAR_FUTURE, 0, 0},
    {"hsm_get_status", loop_call_2, ROUNDS, SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, 0, 0, 0},
    {"ipi_self", loop_ipi, ROUNDS, SBI_EXT_SPI, SBI_SPI_SEND_IPI, 1, 0, 0},
    {"rfence_i_self", loop_call_2, ROUNDS, SBI_EXT_RFNC, SBI_RFNC_FENCE_I, 1, 0, 0},
    {"rfence_vma_self", loop_call_2, ROUNDS, SBI_EXT_RFNC, SBI_RFNC_SFENCE_VMA, 1, 0, 0},
    {"unknown_extension", loop_call, ROUNDS, 0x0BADBAD0, 0, 0, 0, BAD},
    {"dbcn_byte", loop_call_2, ROUNDS, SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE_BYTE, 0, 0, 0},
    {"dbcn_64_bytes", loop_call_2, ROUNDS / 10, SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE, TEXT_LEN,
     (uint64_t)text, 0},
    {"log_message_64_bytes", loop_call_3, ROUNDS / 10, SBI_EXT_HVC, SBI_HVC_LOG_MESSAGE,
     (uint64_t)text, 0, 0},
    {"host_comm_empty", loop_call_2, ROUNDS, SBI_EXT_HOST_COMM, SBI_HOST_COMM_RECEIVE_MESSAGE, 0,
     (uint64_t)text, (uint64_t)SBI_ERR_FAILED},
    UART_LOAD("uart_lsr_read", UART_LSR, 0x60),
    UART_LOAD("uart_iir_read", UART_IIR, ANY),
    UART_LOAD("uart_rbr_read", 0, 0),
    UART_LOAD("uart_scr_read", UART_SCR, 0),
    {"uart_scr_write", loop_sb, ROUNDS, 0, 0, UART_BASE + UART_SCR, 0, 0},
    PLIC_LOAD("plic_priority_read", PLIC_PRIORITY),
    {"plic_priority_read_c", loop_compressed_lw, ROUNDS, 0, 0, PLIC_PRIORITY, 0, 1},
    {"plic_priority_write", loop_sw, ROUNDS, 0, 0, PLIC_PRIORITY, 1, 0},
    PLIC_LOAD("plic_pending_read", PLIC_PENDING),
    PLIC_LOAD("plic_enable_read", PLIC_ENABLE(1)),
    PLIC_LOAD("plic_threshold_read", PLIC_THRESH(1)),
    {"plic_claim_read", loop_lw, ROUNDS, 0, 0, PLIC_CLAIM(1), 0, 0},
    {"plic_claim_none", loop_claim, ROUNDS, 0, 0, PLIC_CLAIM(1), 0, 0},
    {"plic_raise_claim", loop_raise_claim, ROUNDS, 0, 0, PLIC_CLAIM(1), UART_BASE, UART_IRQ},
    {"uart_ier_raise", loop_raise, ROUNDS, 0, 0, 0, UART_BASE, ANY},
    {"rtc_read", loop_lw, ROUNDS, 0, 0, RTC_BASE, 0, ANY},
    {"rdtime", loop_rdtime, ROUNDS, 0, 0, 0, 0, 0},
    {"stimecmp_write", loop_stimecmp, ROUNDS, 0, 0, FAR_FUTURE, 0, 0},
    {"local_sfence_vma", loop_sfence, ROUNDS, 0, 0, 0, 0, 0},
    {"first_touch", loop_touch, ROUNDS, 0, 0, TOUCH_BASE, PAGE, 0},
};

static struct figures figures[ARRAY_SIZE(ops)];

/*
 * Nanoseconds from a timer's deadline to the return of wfi. Time has steps of 100 ns. The function
 * refines this by the instructions, of 1 ns each, from the return to the next step.
 */
static uint64_t wfi_lateness(void)
{
    uint64_t due = rdtime() + TICKS_PER_MS, woken, i0, i1, seen, now;

    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, due);
    __asm__ volatile("wfi\n\trdinstret %0" : "=r"(i0)::"memory");
    woken = now = rdtime();
    do {
        __asm__ volatile("rdtime %0\n\trdinstret %1" : "=r"(seen), "=r"(i1)::"memory");
    } while (seen == now);
    if (!(csr_read(sip) & BIT(IRQ_TIMER)) || woken < due)
        bail_out("wfi came back early");
    return (seen - due) * 100 - (i1 - i0);
}

static void bench_wfi(uint64_t *worst, uint64_t *sum)
{
    *worst = *sum = 0;
    irq_disable();
    csr_set(sie, BIT(IRQ_TIMER));
    for (unsigned n = 0; n < WFI_ROUNDS; n++) {
        uint64_t late = wfi_lateness();

        *sum += late;
        *worst = late > *worst ? late : *worst;
    }
    csr_clear(sie, BIT(IRQ_TIMER));
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, FAR_FUTURE);
}

static void board_init(void)
{
    write8(UART_BASE + UART_IER, 0);
    write8(UART_BASE + UART_SCR, 0);
    write32(PLIC_PRIORITY, 1);
    write32(PLIC_THRESH(1), 0);
    write32(PLIC_ENABLE(1), BIT(UART_IRQ));
}

/* The last round of uart_ier_raise left an interrupt pending. */
static void board_quiet(void)
{
    write8(UART_BASE + UART_IER, 0);
    write32(PLIC_CLAIM(1), read32(PLIC_CLAIM(1)));
}

void test_main(void)
{
    uint64_t entry, entry_time, worst, sum;

    __asm__ volatile("rdtime %1\n\trdinstret %0" : "=r"(entry), "=r"(entry_time));
    if (boot_hart != 0)
        bail_out("the boot hart is not hart 0");
    for (unsigned i = 0; i < TEXT_LEN; i++)
        text[i] = i == TEXT_LEN - 1 ? '\n' : '.';

    irq_disable();
    csr_write(sie, BIT(IRQ_SOFT));
    board_init();
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
        ops[i].run(&ops[i], &figures[i]);
    board_quiet();
    bench_wfi(&worst, &sum);

    note("\n# bench entry instructions=%lu ticks=%lu", entry, entry_time);
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
        const struct figures *f = &figures[i];

        if (ops[i].a7 == SBI_EXT_HVC && !on_hearth())
            continue; /* firmware has no hypercalls */
        if (ops[i].last != ANY && f->last != ops[i].last)
            note("bench %s wrong last=0x%lx want=0x%lx", ops[i].name, f->last, ops[i].last);
        else
            note("bench %s rounds=%lu instructions=%lu ticks=%lu", ops[i].name, ops[i].rounds,
                 f->instructions, f->ticks);
    }
    note("bench wfi_lateness rounds=%u ns=%lu worst_ns=%lu", WFI_ROUNDS, sum, worst);
    note("bench end");
}
