/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpv - floating-point and vector registers: zero at a hart's first start, and preserved when other
 * vcpus run on the hart. Run it with more vcpus than harts, and as two VMs at once.
 */
#include "guest.h"

#define ROUNDS   48
#define FS_CLEAN (2ul << 13)
#define VS_CLEAN (2ul << 9)

static uint64_t salt; /* different in each VM */
static bool vector;
static char buffer[HARTS][2048];
static struct {
    uint64_t fp_start, v_start, fp_wrong, v_wrong, config_wrong;
    bool done;
} result[HARTS];

static void state(uint64_t fs, uint64_t vs)
{
    csr_clear(sstatus, SSTATUS_FS | SSTATUS_VS);
    csr_set(sstatus, fs | (vector ? vs : 0));
}

/* Spins with the registers loaded. */
static void wait(unsigned round)
{
    const uint64_t until = rdtime() + TICKS_PER_MS;

    switch (round % 4) {
    case 0:
        while (rdtime() < until)
            ;
        break;
    case 1:
        sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, until);
        while (rdtime() < until)
            __asm__ volatile("wfi");
        break;
    case 2:
        for (unsigned i = 0; i < 100; i++)
            sbi(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION);
        break;
    default:
        for (unsigned i = 0; i < 100; i++)
            (void)read8(UART_BASE + 5);
        while (rdtime() < until)
            ;
    }
}

/* Long enough for every other vcpu of the hart to run. */
static void wait_for_others(void)
{
    const uint64_t until = rdtime() + 30 * TICKS_PER_MS;

    while (rdtime() < until)
        ;
}

/* The registers are saved and clean; then only a control register is written. */
static void control_only(uint64_t id)
{
    for (unsigned round = 0; round < 3; round++) {
        wait_for_others();
        __asm__ volatile("fscsr %0" ::"r"(0x15 + round));
        if (vector)
            csr_write(vcsr, 1 + round);
        wait_for_others();
        result[id].fp_wrong += csr_read(fcsr) != 0x15 + round;
        if (vector)
            result[id].config_wrong += csr_read(vcsr) != 1 + round;
    }
}

static void worker(void *arg)
{
    const uint64_t id = this_hart()->id;
    char *buf = buffer[id];

    (void)arg;
    state(SSTATUS_FS, SSTATUS_VS);
    result[id].fp_start = fp_check(0, 0);
    if (vector)
        result[id].v_start = v_check(0, 0, buf);
    csr_write(sie, BIT(IRQ_TIMER));

    for (unsigned round = 0; round < ROUNDS; round++) {
        const uint64_t pattern = salt + (id << 40) + round * 64;
        uint64_t config = 0;

        fp_fill(pattern);
        if (vector) {
            v_fill(pattern);
            config = v_config();
        }
        /* Registers are preserved even if the guest sets FS and VS to clean or off. */
        if (round & 1)
            state(FS_CLEAN, VS_CLEAN);
        if (round & 2)
            state(0, 0);
        wait(round);
        state(SSTATUS_FS, SSTATUS_VS);
        result[id].fp_wrong += fp_check(pattern, 1);
        if (vector) {
            result[id].config_wrong += v_config() != config;
            result[id].v_wrong += v_check(pattern, 1, buf);
        }
    }
    control_only(id);
    store(&result[id].done, true);
}

/* With FS off accesses trap. A write to a register sets FS to dirty. */
static void status_bits(void)
{
    struct trap t;

    state(0, 0);
    t = trap_of(__asm__ volatile("fmv.d.x ft0, zero"));
    is(t.cause, CAUSE_ILLEGAL, "FS off: illegal instruction");
    state(FS_CLEAN, 0);
    ok((csr_read(sstatus) & SSTATUS_FS) == FS_CLEAN, "FS clean");
    __asm__ volatile("fmv.d.x ft0, zero");
    ok((csr_read(sstatus) & SSTATUS_FS) == SSTATUS_FS, "dirty after a write");
    state(SSTATUS_FS, SSTATUS_VS);
}

void test_main(void)
{
    const unsigned harts = hart_count();

    salt = rdtime() * 0x9e3779b97f4a7c15;
    csr_set(sstatus, SSTATUS_VS);
    vector = (csr_read(sstatus) & SSTATUS_VS) != 0;
    tap_plan(3 + 6 * HARTS);
    note("%u harts, vector %d", harts, vector);
    for (unsigned n = 0; n + 1 < harts; n++)
        hart_start(other_hart(n), worker, NULL);
    worker(NULL);
    status_bits();
    for (unsigned h = 0; h < HARTS; h++) {
        if (h >= harts) {
            tap_skip(6, "hart does not exist");
            continue;
        }
        ok(wait_for(load(&result[h].done), SOON), "hart %u ends", h);
        if (on_hearth()) {
            is(result[h].fp_start, 0, "hart %u: f registers are 0 at first", h);
        } else {
            tap_skip(1, "OpenSBI leaves them as they are");
        }
        is(result[h].fp_wrong, 0, "hart %u: f registers kept", h);
        if (!vector) {
            tap_skip(3, "no vectors");
            continue;
        }
        if (on_hearth())
            is(result[h].v_start, 0, "hart %u: v registers are 0 at first", h);
        else
            tap_skip(1, "OpenSBI leaves them as they are");
        is(result[h].v_wrong, 0, "hart %u: v registers kept", h);
        is(result[h].config_wrong, 0, "hart %u: vector configuration kept", h);
    }
}
