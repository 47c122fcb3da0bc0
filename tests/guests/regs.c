/* SPDX-License-Identifier: Apache-2.0 */
/* regs - an exit changes no register except those of its result. */
#include "guest.h"

static uint64_t out[32];

/* Checks all registers except a0, a6 and a7, which the caller checks; and a1 on demand. */
static void unchanged(bool a1_too, const char *name)
{
    uint64_t bad = 0;

    for (unsigned i = 1; i < 32; i++) {
        if (i == 10 || i == 16 || i == 17 || (i == 11 && !a1_too) || out[i] == REG(i))
            continue;
        note("x%u: 0x%lx", i, out[i]);
        bad++;
    }
    is(bad, 0, "%s", name);
}

static void ecall(uint64_t eid, uint64_t fid, uint64_t a0, int64_t want, const char *name)
{
    registers_over_ecall(a0, eid, fid, out);
    unchanged(eid <= SBI_EXT_LEGACY_SHUTDOWN, name);
    ok(out[17] == eid && out[16] == fid, "%s: a6, a7", name);
    is(out[10], (uint64_t)want, "%s: a0", name);
}

void test_main(void)
{
    irq_disable();
    tap_plan(3 * 14 + 3 + 2);
    ecall(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 1, 0, "base");
    ecall(SBI_EXT_BASE, 99, 1, SBI_ERR_NOT_SUPPORTED, "unknown function");
    ecall(0x0badbeef, 0, 1, SBI_ERR_NOT_SUPPORTED, "unknown extension");
    ecall(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul, 0, "set_timer");
    ecall(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, boot_hart, 0, "get_status");
    ecall(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, ~0ul, SBI_ERR_INVALID_PARAM, "get_status, error");
    ecall(SBI_EXT_DBCN, 77, 1, SBI_ERR_NOT_SUPPORTED, "dbcn");
    if (sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_MPXY).value != 0) {
        ecall(SBI_EXT_MPXY, SBI_MPXY_GET_SHMEM_SIZE, 1, 0, "mpxy size");
        ecall(SBI_EXT_MPXY, SBI_MPXY_SET_SHMEM, 1, SBI_ERR_INVALID_PARAM, "mpxy set_shmem, error");
        ecall(SBI_EXT_MPXY, SBI_MPXY_READ_ATTRIBUTES, 1, SBI_ERR_NO_SHMEM, "mpxy attributes");
    } else {
        tap_skip(9, "no mpxy");
    }
    ecall(SBI_EXT_LEGACY_SET_TIMER, 0, ~0ul, 0, "legacy set_timer");
    ecall(SBI_EXT_LEGACY_CONSOLE_PUTCHAR, 5, '\n', 0, "legacy putchar");
    ecall(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 5, 3, -1, "legacy getchar");
    ecall(SBI_EXT_LEGACY_REMOTE_FENCE_I, 5, 0, 0, "legacy fence.i");

    registers_over_load(UART_BASE, 1, 2, out);
    unchanged(true, "MMIO load");
    registers_over_store(UART_BASE, 1, 2, out);
    unchanged(true, "MMIO store");
    is(out[10], UART_BASE, "MMIO store: a0");

    csr_write(sie, BIT(IRQ_TIMER));
    sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + TICKS_PER_MS);
    registers_over_wfi(10, 17, 16, out);
    unchanged(true, "wfi");
    ok(out[10] == 10 && out[16] == 16 && out[17] == 17, "wfi: a0, a6, a7");
}
