/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plic - the interrupt controller, tested with the UART's transmit interrupt: priorities, enables,
 * thresholds, claim, complete. OpenSBI's console is the same UART, so results are printed only at
 * the end.
 */
#include "guest.h"

#define PRIORITY     (PLIC_BASE + 4 * UART_IRQ)
#define PENDING      (PLIC_BASE + 0x1000)
#define ENABLE(h)    (PLIC_BASE + 0x2000 + 0x80 * (2 * (h) + 1))
#define THRESHOLD(h) (PLIC_BASE + 0x200000 + 0x1000 * (2 * (h) + 1))
#define CLAIM(h)     (THRESHOLD(h) + 4)
#define UART_BIT     (1u << UART_IRQ)
#define IER          (UART_BASE + 1)
#define IIR          (UART_BASE + 2)
#define SEIP         BIT(IRQ_EXT)

static struct {
    bool good;
    const char *name;
    const char *skipped; /* why; NULL: it is not */
} results[40];
static unsigned count;
static bool hearth;

static void check(bool good, const char *name)
{
    results[count].good = good;
    results[count++].name = name;
}

static void skip(unsigned n, const char *why)
{
    while (n-- > 0)
        results[count++].skipped = why;
}

/* The line follows the registers at once; on QEMU's PLIC after a moment. */
static bool external(bool want)
{
    return wait_for(!!(csr_read(sip) & SEIP) == want, want ? SOON : 20);
}

static void raise(void) /* the transmitter is always idle: enabling its interrupt raises the line */
{
    write8(IER, 0);
    write8(IER, 2);
}

static void lower(void)
{
    write8(IER, 0);
    (void)read8(IIR);
}

static uint32_t claimed[HARTS], taken[HARTS];

static void on_irq(unsigned irq)
{
    const uint64_t h = this_hart()->id;

    if (irq != IRQ_EXT)
        return;
    claimed[h] = read32(CLAIM(h));
    lower();
    write32(CLAIM(h), claimed[h]);
    store(&taken[h], taken[h] + 1);
}

static void listener(void *arg)
{
    this_hart()->irq_fn = on_irq;
    irq_enable(SEIP);
    store((bool *)arg, true);
    wait_for(load(&taken[this_hart()->id]) != 0, SOON);
}

static void registers(uint64_t h) /* 6 */
{
    write32(PRIORITY, 0xffffffff);
    check(read32(PRIORITY) == 7, "a priority has 3 bits");
    write32(THRESHOLD(h), 0xffffffff);
    check(read32(THRESHOLD(h)) == 7, "a threshold too");
    write32(THRESHOLD(h), 0);
    write32(PRIORITY, 0);
    write32(ENABLE(h), UART_BIT | 1u << 31);
    check((read32(ENABLE(h)) & ~1u) == (UART_BIT | 1u << 31), "enables read back");
    check(read32(ENABLE(h) - 0x80) == 0, "enables are separate for each context");
    write32(ENABLE(h), 0);
    check(read32(CLAIM(h)) == 0, "nothing to claim");
    check(!(csr_read(sip) & SEIP), "nothing pending");
}

static void gates(uint64_t h) /* 10 */
{
    raise();
    check(wait_for(read32(PENDING) & UART_BIT, SOON), "the line sets pending");
    check(external(false), "not enabled: no interrupt");
    write32(ENABLE(h), UART_BIT);
    check(external(false), "priority 0: no interrupt");
    check(read32(CLAIM(h)) == 0, "priority 0: nothing to claim");
    write32(PRIORITY, 1);
    check(external(true), "priority 1: interrupt");
    write32(THRESHOLD(h), 1);
    check(external(false), "threshold 1 masks it");
    write32(PRIORITY, 2);
    check(external(true), "priority 2 is above threshold 1");
    write32(ENABLE(h), 0);
    check(!hearth || external(false), "disabled"); /* QEMU notices later */
    write32(ENABLE(h), UART_BIT);
    write32(THRESHOLD(h), 0);
    check(external(true), "enabled");
    check(read32(PENDING) & UART_BIT, "masked interrupts stay pending");
}

static void claims(uint64_t h) /* 6 */
{
    check(read32(CLAIM(h)) == UART_IRQ, "claim");
    check(external(false), "claimed: no interrupt");
    check(!(read32(PENDING) & UART_BIT), "claimed: not pending");
    check(read32(CLAIM(h)) == 0, "claimed: nothing to claim");
    lower();
    write32(CLAIM(h), UART_IRQ);
    check(external(false), "completed with the line low: no interrupt");
    check(read32(CLAIM(h)) == 0, "nothing to claim");
}

/* Rules of the specification that QEMU's PLIC does not follow. */
static void gateway(uint64_t h) /* 5 */
{
    raise();
    check(read32(CLAIM(h)) == UART_IRQ, "claim");
    write32(CLAIM(h), UART_IRQ);
    check(external(true), "completed with the line high: interrupt");
    __asm__ volatile("lw x0, 0(%0)" ::"r"(CLAIM(h)) : "memory");
    check(external(false), "a load into x0 claims");
    lower();
    write32(CLAIM(h), 77); /* another source than the claimed one */
    write32(CLAIM(h), 0);
    write32(CLAIM(h), 0xffffffff);
    raise();
    check(external(false), "completion of another source is ignored");
    lower();
    write32(CLAIM(h), UART_IRQ);
    check(external(false), "the right completion: no interrupt");
}

static void delivery(uint64_t h, unsigned harts) /* 4 */
{
    bool ready = false;

    this_hart()->irq_fn = on_irq;
    irq_enable(SEIP);
    raise();
    check(wait_for(load(&taken[h]) == 1, SOON) && claimed[h] == UART_IRQ, "interrupt taken");
    for (unsigned i = 2; i <= 50; i++) {
        raise();
        if (!wait_for(load(&taken[h]) == i, SOON))
            break;
    }
    check(taken[h] == 50, "50 interrupts");
    irq_disable();
    csr_write(sie, 0);
    write32(ENABLE(h), 0);
    if (harts == 1) {
        skip(2, "one hart");
        return;
    }
    h = other_hart(0);
    hart_start(h, listener, &ready);
    wait_for(load(&ready), SOON);
    write32(THRESHOLD(h), 0); /* OpenSBI initializes a hart's context when the hart starts */
    write32(ENABLE(h), UART_BIT);
    raise();
    check(wait_for(load(&taken[h]) == 1, SOON) && claimed[h] == UART_IRQ, "taken by another hart");
    check(taken[boot_hart] == 50 && !(csr_read(sip) & SEIP), "taken by no other hart");
    hart_wait_state(h, SBI_HSM_STATE_STOPPED, SOON);
    write32(ENABLE(h), 0);
}

void test_main(void)
{
    const unsigned harts = hart_count();

    hearth = on_hearth();
    lower();
    registers(boot_hart);
    gates(boot_hart);
    claims(boot_hart);
    if (hearth)
        gateway(boot_hart);
    else
        skip(5, "QEMU's PLIC");
    delivery(boot_hart, harts);
    write32(PRIORITY, 0);
    lower();

    tap_plan(31);
    for (unsigned i = 0; i < count; i++) {
        if (results[i].skipped != NULL)
            tap_skip(1, results[i].skipped);
        else
            ok(results[i].good, "%s", results[i].name);
    }
}
