/* SPDX-License-Identifier: Apache-2.0 */
/* example - what the example's extension, device and exit cause look like from inside a guest. */
#include "guest.h"

#include <abi/echo.h>

static char text[] = "desrever";

static uint64_t read_scratch(unsigned i)
{
    return read32(SCRATCH_BASE + 4ul * i);
}

static void extension(void)
{
    const uint64_t at = (uint64_t)text, len = sizeof(text) - 1;
    struct sbi_result r = sbi(SBI_EXT_ECHO, SBI_ECHO_WORD, 0x123456789abcdef0);

    is(sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_ECHO).value, 1, "probe finds it");
    ok(r.error == 0 && r.value == 0x123456789abcdef0, "ECHO_WORD");
    r = sbi(SBI_EXT_ECHO, SBI_ECHO_REVERSE, len, at);
    ok(r.error == 0 && r.value == 0 && text[0] == 'r' && text[len - 1] == 'd', "ECHO_REVERSE");
    is((uint64_t)sbi(SBI_EXT_ECHO, SBI_ECHO_REVERSE, SBI_ECHO_MAX + 1, at).error,
       (uint64_t)SBI_ERR_INVALID_PARAM, "too long");
    is((uint64_t)sbi(SBI_EXT_ECHO, SBI_ECHO_REVERSE, len, at, 1).error,
       (uint64_t)SBI_ERR_INVALID_PARAM, "an address above 64 bits");
    is((uint64_t)sbi(SBI_EXT_ECHO, SBI_ECHO_REVERSE, len, SCRATCH_BASE).error,
       (uint64_t)SBI_ERR_INVALID_PARAM, "an address that is no RAM");
    is((uint64_t)sbi(SBI_EXT_ECHO, 3).error, (uint64_t)SBI_ERR_NOT_SUPPORTED, "no such function");
}

static struct sbi_result checksum(uint64_t low, uint64_t high, uint64_t len)
{
    return sbi(SBI_EXT_HVC, HVC_CHECKSUM, low, high, len);
}

static void hypercall(void)
{
    static const uint8_t bytes[] = {1, 2, 3, 250, 255};
    const uint64_t at = (uint64_t)bytes;
    struct sbi_result r = checksum(at, 0, sizeof(bytes));

    ok(r.error == 0 && r.value == 511, "CHECKSUM");
    ok(checksum(at, 0, 0).error == SBI_ERR_INVALID_PARAM &&
           checksum(at, 0, 1025).error == SBI_ERR_INVALID_PARAM,
       "of nothing, of too much");
    is((uint64_t)checksum(at, ~0ul, 1).error, (uint64_t)SBI_ERR_INVALID_PARAM, "no address");
    r = checksum(HOLE, 0, 1);
    ok(r.error == SBI_ERR_FAILED && r.value == 0, "no RAM");
}

static bool scratch_pending(void)
{
    return read32(PLIC_BASE + 0x1000 + 4 * (SCRATCH_IRQ / 32)) & 1u << SCRATCH_IRQ % 32;
}

static void device(void)
{
    struct trap t;

    for (unsigned i = 0; i < 4; i++)
        write32(SCRATCH_BASE + 4ul * i, 0x25a5a500 + i);
    ok(read_scratch(0) == 0x25a5a500 && read_scratch(3) == 0x25a5a503, "registers keep values");
    ok(!scratch_pending(), "no interrupt yet");
    write32(SCRATCH_BASE, 1u << 31);
    ok(scratch_pending(), "bit 31 of the first one raises its interrupt");
    t = trap_of(read8(SCRATCH_BASE));
    ok(t.taken && t.cause == CAUSE_LOAD_ACCESS && t.tval == SCRATCH_BASE, "no bytes");
    t = trap_of(write32(SCRATCH_BASE + 16, 1));
    ok(t.taken && t.cause == CAUSE_STORE_ACCESS, "no fifth register");
}

static void exit_cause(void)
{
    const uint64_t before = sbi(SBI_EXT_ECHO, SBI_ECHO_BREAKPOINTS).value;
    struct trap t;

    for (unsigned i = 0; i < 3; i++)
        t = trap_of(
            __asm__ volatile(".option push\n.option norvc\nebreak\n.option pop" :: : "memory"));
    ok(t.taken && t.cause == CAUSE_BREAKPOINT, "ebreak is still the guest's own");
    is(sbi(SBI_EXT_ECHO, SBI_ECHO_BREAKPOINTS).value, before + 3, "and is counted");
}

void test_main(void)
{
    tap_plan(19);
    is(read_scratch(0), 7, "registers have the value of the description at first");
    extension();
    hypercall();
    device();
    exit_cause();
}
