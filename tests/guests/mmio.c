/* SPDX-License-Identifier: Apache-2.0 */
/* mmio - every load and store on device registers, with the MMU off and on; accesses that a device
 * or the bus refuses. */
#include "guest.h"

#define SCR    (UART_BASE + 7)
#define MCR    (UART_BASE + 4)
#define PRIO1  (PLIC_BASE + 4)
#define ENABLE (PLIC_BASE + 0x2000 + 0x80 * (2 * boot_hart + 1))

/* Four-byte encodings: the assembler must not compress them. */
#define LONG(insn) ".option push\n.option norvc\n" insn "\n.option pop"
#define LD(insn, a)                                                                                \
    ({                                                                                             \
        uint64_t v_ = 0x7777777777777777;                                                          \
        __asm__ volatile(LONG(insn " %0, 0(%1)") : "+&r"(v_) : "r"((uint64_t)(a)) : "memory");     \
        v_;                                                                                        \
    })
#define ST(insn, a, v)                                                                             \
    __asm__ volatile(LONG(insn " %1, 0(%0)")::"r"((uint64_t)(a)), "r"((uint64_t)(v)) : "memory")
/* Compressed encodings: value in a5, address in a4. */
#define C_LD(insn, a)                                                                              \
    ({                                                                                             \
        register uint64_t v_ __asm__("a5") = 0x7777777777777777;                                   \
        register uint64_t a_ __asm__("a4") = (a);                                                  \
        __asm__ volatile(insn : "+r"(v_) : "r"(a_) : "memory");                                    \
        v_;                                                                                        \
    })
#define C_ST(insn, a, v)                                                                           \
    ({                                                                                             \
        register uint64_t v_ __asm__("a5") = (v);                                                  \
        register uint64_t a_ __asm__("a4") = (a);                                                  \
        __asm__ volatile(insn ::"r"(v_), "r"(a_) : "memory");                                      \
    })
/* The same with sp as the base. Traps have their own stack. */
#define WITH_SP(insn) "mv t0, sp\nmv sp, a4\n" insn "\nmv sp, t0"
#define SP_LD(insn, a)                                                                             \
    ({                                                                                             \
        register uint64_t v_ __asm__("a5") = 0x7777777777777777;                                   \
        register uint64_t a_ __asm__("a4") = (a);                                                  \
        __asm__ volatile(WITH_SP(insn) : "+r"(v_) : "r"(a_) : "t0", "memory");                     \
        v_;                                                                                        \
    })
#define SP_ST(insn, a, v)                                                                          \
    ({                                                                                             \
        register uint64_t v_ __asm__("a5") = (v);                                                  \
        register uint64_t a_ __asm__("a4") = (a);                                                  \
        __asm__ volatile(WITH_SP(insn)::"r"(v_), "r"(a_) : "t0", "memory");                        \
    })

static const char *mode;
static bool hearth;

/* One test: the access raises an access fault with its address. */
static void fault(struct trap t, uint64_t cause, uint64_t tval, const char *name)
{
    const bool good = t.taken && t.cause == cause && t.tval == tval;

    ok(good, "%s: %s", mode, name);
    if (!good)
        note("taken %d cause %lu tval 0x%lx epc 0x%lx", t.taken, t.cause, t.tval, t.epc);
}

static void widths(void) /* 20 tests */
{
    ST("sb", SCR, 0xffffffffffffffa5);
    is(LD("lb", SCR), 0xffffffffffffffa5, "%s: lb extends the sign", mode);
    is(LD("lbu", SCR), 0xa5, "%s: lbu", mode);
    ST("sh", MCR, 0x0b);
    is(LD("lh", MCR), 0x0b, "%s: sh, lh", mode);
    is(LD("lhu", MCR), 0x0b, "%s: lhu", mode);
    ST("sw", MCR, 0x03);
    is(LD("lw", MCR), 0x03, "%s: sw, lw", mode);
    is(LD("lwu", MCR), 0x03, "%s: lwu", mode);
    ST("sw", ENABLE, 0xffffffff80000000);
    is(LD("lw", ENABLE), 0xffffffff80000000, "%s: lw extends the sign", mode);
    is(LD("lwu", ENABLE), 0x80000000, "%s: lwu does not", mode);
    is(C_LD("c.lw a5, 0(a4)", ENABLE), 0xffffffff80000000, "%s: c.lw", mode);
    is(C_LD("c.lw a5, 124(a4)", ENABLE - 124), 0xffffffff80000000, "%s: c.lw, offset 124", mode);
    is(SP_LD("c.lwsp a5, 0(sp)", ENABLE), 0xffffffff80000000, "%s: c.lwsp", mode);
    is(SP_LD("c.lwsp a5, 252(sp)", ENABLE - 252), 0xffffffff80000000, "%s: c.lwsp, offset 252",
       mode);
    ST("sw", ENABLE, 0);
    C_ST("c.sw a5, 0(a4)", PRIO1, 5);
    is(LD("lw", PRIO1), 5, "%s: c.sw", mode);
    C_ST("c.sw a5, 68(a4)", PRIO1 - 68, 6);
    is(LD("lw", PRIO1), 6, "%s: c.sw, offset 68", mode);
    SP_ST("c.swsp a5, 0(sp)", PRIO1, 3);
    is(LD("lw", PRIO1), 3, "%s: c.swsp", mode);
    SP_ST("c.swsp a5, 196(sp)", PRIO1 - 196, 2);
    is(LD("lw", PRIO1), 2, "%s: c.swsp, offset 196", mode);
    ST("sw", PRIO1, 0);
    is(C_LD(LONG("lbu a5, -2048(a4)"), SCR + 2048), 0xa5, "%s: offset -2048", mode);
    is(C_LD(LONG("lbu a5, 2047(a4)"), SCR - 2047), 0xa5, "%s: offset 2047", mode);
    C_ST(LONG("sb a5, -2048(a4)"), SCR + 2048, 0x3c);
    is(LD("lbu", SCR), 0x3c, "%s: store, offset -2048", mode);
    C_ST(LONG("lbu x0, 0(a4)\nlw x0, -3(a4)\nmv a5, x0\nsb a5, 0(a4)"), SCR, 0x3c);
    is(LD("lbu", SCR), 0, "%s: loads to x0 leave it 0", mode);
}

static void registers(void) /* 1 test */
{
    uint64_t out[32], bad = 0;

    every_register(UART_BASE, out);
    for (uint64_t r = 1; r < 32; r++)
        if (out[r] != 0x40 + r) {
            note("x%lu: 0x%lx", r, out[r]);
            bad++;
        }
    is(bad, 0, "%s: every register, stored and loaded", mode);
}

static void refused(void) /* 12 tests; 18 more on Hearth */
{
    fault(trap_of(LD("lb", PRIO1)), CAUSE_LOAD_ACCESS, PRIO1, "PLIC lb");
    fault(trap_of(LD("lhu", PRIO1)), CAUSE_LOAD_ACCESS, PRIO1, "PLIC lhu");
    fault(trap_of(ST("sb", PRIO1, 1)), CAUSE_STORE_ACCESS, PRIO1, "PLIC sb");
    fault(trap_of(ST("sh", PRIO1 + 2, 1)), CAUSE_STORE_ACCESS, PRIO1 + 2, "PLIC sh");
    fault(trap_of(LD("lb", HOLE + 1)), CAUSE_LOAD_ACCESS, HOLE + 1, "hole lb");
    fault(trap_of(LD("lw", HOLE)), CAUSE_LOAD_ACCESS, HOLE, "hole lw");
    fault(trap_of(LD("ld", HOLE + 8)), CAUSE_LOAD_ACCESS, HOLE + 8, "hole ld");
    fault(trap_of(ST("sb", HOLE, 1)), CAUSE_STORE_ACCESS, HOLE, "hole sb");
    fault(trap_of(ST("sd", HOLE, 1)), CAUSE_STORE_ACCESS, HOLE, "hole sd");
    fault(trap_of(C_LD("c.lw a5, 4(a4)", HOLE)), CAUSE_LOAD_ACCESS, HOLE + 4, "hole c.lw");
    fault(trap_of(C_ST("c.sd a5, 8(a4)", HOLE, 1)), CAUSE_STORE_ACCESS, HOLE + 8, "hole c.sd");
    fault(trap_of_jump(HOLE), CAUSE_INSN_ACCESS, HOLE, "jump to a hole");
    if (!hearth) {
        tap_skip(18, "QEMU's devices accept more accesses");
        return;
    }
    fault(trap_of_jump(UART_BASE), CAUSE_INSN_ACCESS, UART_BASE, "jump to a device");
    fault(trap_of(LD("ld", UART_BASE)), CAUSE_LOAD_ACCESS, UART_BASE, "UART ld");
    fault(trap_of(ST("sd", UART_BASE, 1)), CAUSE_STORE_ACCESS, UART_BASE, "UART sd");
    fault(trap_of(C_LD("c.ld a5, 0(a4)", PLIC_BASE)), CAUSE_LOAD_ACCESS, PLIC_BASE, "PLIC c.ld");
    fault(trap_of(SP_ST("c.sdsp a5, 0(sp)", PLIC_BASE, 1)), CAUSE_STORE_ACCESS, PLIC_BASE,
          "PLIC c.sdsp");
    fault(trap_of(LD("lhu", UART_BASE + 3)), CAUSE_LOAD_ACCESS, UART_BASE + 3, "UART lhu, odd");
    fault(trap_of(LD("lw", PRIO1 + 2)), CAUSE_LOAD_ACCESS, PRIO1 + 2, "PLIC lw, unaligned");
    fault(trap_of(ST("sw", PRIO1 + 1, 1)), CAUSE_STORE_ACCESS, PRIO1 + 1, "PLIC sw, unaligned");
    fault(trap_of(LD("lw", PLIC_BASE + 0x1800)), CAUSE_LOAD_ACCESS, PLIC_BASE + 0x1800,
          "PLIC, load from a missing register");
    fault(trap_of(ST("sw", PLIC_BASE + 0x1ff008, 1)), CAUSE_STORE_ACCESS, PLIC_BASE + 0x1ff008,
          "PLIC, store to a missing register");
    fault(trap_of(LD("lbu", UART_BASE + 8)), CAUSE_LOAD_ACCESS, UART_BASE + 8,
          "UART, missing register");
    fault(trap_of(C_ST("amoadd.w zero, a5, (a4)", PRIO1, 1)), CAUSE_STORE_ACCESS, PRIO1,
          "PLIC amoadd.w");
    fault(trap_of(C_ST("amoswap.d a5, a5, (a4)", UART_BASE, 1)), CAUSE_STORE_ACCESS, UART_BASE,
          "UART amoswap.d");
    fault(trap_of(C_LD("lr.w a5, (a4)", PRIO1)), CAUSE_LOAD_ACCESS, PRIO1, "PLIC lr.w");
    fault(trap_of(C_LD(LONG("flw ft0, 0(a4)"), PRIO1)), CAUSE_LOAD_ACCESS, PRIO1, "PLIC flw");
    fault(trap_of(C_LD("c.fld fa0, 8(a4)", PLIC_BASE)), CAUSE_LOAD_ACCESS, PLIC_BASE + 8,
          "PLIC c.fld");
    fault(trap_of(C_LD(LONG("fsw ft0, 0(a4)"), PRIO1)), CAUSE_STORE_ACCESS, PRIO1, "PLIC fsw");
    fault(trap_of(C_LD(LONG("fsd ft0, 0(a4)"), UART_BASE)), CAUSE_STORE_ACCESS, UART_BASE,
          "UART fsd");
}

/* Addresses beyond the range of the G-stage; MMU off only. 3 tests. */
static void beyond_gstage(void)
{
    fault(trap_of(LD("lw", 0xfffffffffffff000)), CAUSE_LOAD_ACCESS, 0xfffffffffffff000, "lw, top");
    fault(trap_of(ST("sw", BIT(62), 1)), CAUSE_STORE_ACCESS, BIT(62), "sw, bit 62");
    fault(trap_of(LD("ld", 0xfffffff000)), CAUSE_LOAD_ACCESS, 0xfffffff000, "ld, far above RAM");
}

static uint16_t code_a[2048] __attribute__((aligned(4096)));
static uint16_t code_b[2048] __attribute__((aligned(4096)));

/* Calls addr with a0 = arg, and returns the trap. */
static struct trap jump_with(uint64_t addr, uint64_t a0)
{
    struct trap t;

    this_hart()->resume_ra = true;
    t = trap_of(((uint64_t (*)(uint64_t))addr)(a0));
    this_hart()->resume_ra = false;
    return t;
}

/* With 4 KiB mappings: data pages, and instructions at a page's end. MMU on only. 10 tests. */
static void mapped(void)
{
    const uint64_t uart = MAP_BASE, hole = MAP_BASE + 0x1000, first = MAP_BASE + 0x10000;
    const uint64_t end = first + 4096;
    const uint64_t rx = PTE_V | PTE_R | PTE_X | PTE_A, x = PTE_V | PTE_X | PTE_A;
    struct trap t;

    map_page(uart, UART_BASE, PTE_RW);
    map_page(hole, HOLE, PTE_RW | PTE_X);
    /* lw a0, 4(a0) with its halves on two pages that are not physically adjacent; then ret. */
    code_a[2047] = 0x2503;
    code_b[0] = 0x0045;
    code_b[1] = 0x8082;
    map_page(first, (uint64_t)code_a, rx);
    map_page(end, (uint64_t)code_b, rx);
    __asm__ volatile("fence.i");
    sfence();

    ST("sb", uart + 7, 0x96);
    is(LD("lb", uart + 7), 0xffffffffffffff96, "device at a mapping");
    is(LD("lbu", SCR), 0x96, "device at its own address");
    fault(trap_of(LD("lw", hole + 4)), CAUSE_LOAD_ACCESS, hole + 4, "load, mapped to a hole");
    fault(trap_of(ST("sb", hole + 4, 1)), CAUSE_STORE_ACCESS, hole + 4, "store, mapped to a hole");
    fault(trap_of_jump(hole), CAUSE_INSN_ACCESS, hole, "jump, mapped to a hole");

    write32(PRIO1, 7);
    is(((uint64_t (*)(uint64_t))(end - 2))(PLIC_BASE), 7, "instruction across two pages");
    map_page(first, (uint64_t)code_a, x);
    map_page(end, (uint64_t)code_b, x);
    sfence();
    is(((uint64_t (*)(uint64_t))(end - 2))(PLIC_BASE), 7,
       "instruction across two execute-only pages");

    /* c.lw a0, 4(a0) in the last two bytes before an unmapped page. */
    code_a[2047] = 0x4148;
    __asm__ volatile("fence.i");
    map_page(end, 0, 0);
    sfence();
    t = jump_with(end - 2, PLIC_BASE);
    ok(t.taken && t.cause == CAUSE_INSN_PAGE && t.epc == end, "%s: 2 bytes at a page's end", mode);
    map_page(end, HOLE, x);
    sfence();
    code_a[2047] =
        0x2503; /* the first half of a 4-byte instruction; the second half is not memory */
    __asm__ volatile("fence.i");
    t = jump_with(end - 2, PLIC_BASE);
    ok(t.taken && t.cause == CAUSE_INSN_ACCESS, "%s: half an instruction in a hole", mode);
    map_page(end, 0, 0);
    sfence();
    t = jump_with(end - 2, PLIC_BASE);
    ok(t.taken && t.cause == CAUSE_INSN_PAGE && t.tval == end, "%s: half an instruction unmapped",
       mode);
    write32(PRIO1, 0);
}

void test_main(void)
{
    const unsigned both = 20 + 1 + 12 + 18;

    hearth = on_hearth();
    tap_plan(2 * both + 3 + 10);
    paging_init();
    mode = "bare";
    widths();
    registers();
    refused();
    beyond_gstage();
    paging_on();
    mode = "sv39";
    widths();
    registers();
    refused();
    mapped();
    paging_off();
}
