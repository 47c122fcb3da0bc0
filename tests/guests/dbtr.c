/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dbtr - SBI DBTR: triggers of type mcontrol6 on loads, stores and instructions, in S- and U-mode,
 * separate for each hart; and all errors. On a host without triggers each call says so.
 */
#include "guest.h"

#define SPOT       0x80f00000ul /* dbtrpeer.c uses this address, too, in another VM */
#define CODE       (SPOT + 0x100)
#define STORE      SBI_DBTR_MC6_STORE
#define LOAD       SBI_DBTR_MC6_LOAD
#define EXECUTE    SBI_DBTR_MC6_EXECUTE
#define S          SBI_DBTR_MC6_S
#define U          SBI_DBTR_MC6_U
#define MC6        SBI_DBTR_TYPE_MCONTROL6
#define SIZE_64BIT (5ul << 16)
#define HOLD_MS    400

/* Five words an entry: more than OpenSBI 1.5 uses. */
static uint64_t shmem[64] __attribute__((aligned(64)));

static struct sbi_result call(uint64_t fid, uint64_t a0, uint64_t a1)
{
    return sbi(SBI_EXT_DBTR, fid, a0, a1, 0);
}

static int64_t set_shmem(uint64_t lo, uint64_t hi, uint64_t flags)
{
    return sbi(SBI_EXT_DBTR, SBI_DBTR_SET_SHMEM, lo, hi, flags).error;
}

static void entry(unsigned i, uint64_t tdata1, uint64_t tdata2, uint64_t tdata3)
{
    shmem[4 * i] = ~0ul;
    shmem[4 * i + 1] = tdata1;
    shmem[4 * i + 2] = tdata2;
    shmem[4 * i + 3] = tdata3;
}

static int64_t install(uint64_t tdata1, uint64_t addr)
{
    entry(0, tdata1, addr, 0);
    return call(SBI_DBTR_INSTALL, 1, 0).error;
}

static int64_t uninstall(uint64_t base, uint64_t mask)
{
    return call(SBI_DBTR_UNINSTALL, base, mask).error;
}

static void is_error(int64_t got, int64_t want, const char *name)
{
    is((uint64_t)got, (uint64_t)want, "%s", name);
}

static void is_result(struct sbi_result r, int64_t error, uint64_t value, const char *name)
{
    if (!ok(r.error == error && r.value == value, "%s", name))
        note("error %ld, value %lu", r.error, r.value);
}

static struct trap do_store(void)
{
    return trap_of(__asm__ volatile("sd zero, (%0)" ::"r"(SPOT) : "memory"));
}

static struct trap do_load(void)
{
    uint64_t value;
    struct trap t = trap_of(__asm__ volatile("ld %0, (%1)" : "=r"(value) : "r"(SPOT)));

    return t;
}

static struct trap do_execute(void)
{
    return trap_of_jump(CODE);
}

/* True if an instruction at this address hits a breakpoint, and none elsewhere. */
static bool hit(struct trap t, uint64_t addr)
{
    if (!t.taken)
        return false;
    if (t.cause == CAUSE_BREAKPOINT && t.tval == addr && (addr != CODE || t.epc == CODE))
        return true;
    note("cause %lu tval 0x%lx epc 0x%lx", t.cause, t.tval, t.epc);
    return false;
}

/* Accesses that hit, as bits: 0 store, 1 load, 2 execute. */
static uint64_t hits(void)
{
    return hit(do_store(), SPOT) | (uint64_t)hit(do_load(), SPOT) << 1 |
           (uint64_t)hit(do_execute(), CODE) << 2;
}

USER static void user_store(void)
{
    __asm__ volatile("sd zero, (a0)\n"
                     "ecall" ::
                         : "memory");
}

static uint64_t user_cause(void)
{
    return user_run((uint64_t)user_store, SPOT).cause;
}

#define FIRE_TESTS 9
static void fire(void)
{
    is_error(install(MC6 | STORE | S, SPOT), SBI_SUCCESS, "a trigger on stores");
    is(hits(), 1, "stores hit it, tval is the address");
    is(user_cause(), CAUSE_ECALL_U, "not in U-mode");
    is_error(uninstall(0, 1), SBI_SUCCESS, "uninstalled");
    is(hits(), 0, "nothing hits any more");
    install(MC6 | LOAD | S, SPOT);
    is(hits(), 2, "a trigger on loads");
    uninstall(0, 1);
    install(MC6 | EXECUTE | S, CODE);
    is(hits(), 4, "a trigger on an instruction");
    uninstall(0, 1);
    install(MC6 | LOAD | STORE | S | U | SIZE_64BIT, SPOT);
    ok(hits() == 3 && user_cause() == CAUSE_BREAKPOINT, "one on both, in both modes");
    uninstall(0, 1);
    install(MC6 | STORE | U, SPOT);
    ok(hits() == 0 && user_cause() == CAUSE_BREAKPOINT, "U-mode only");
    uninstall(0, 1);
}

static bool reads(uint64_t state, uint64_t tdata1, uint64_t tdata2)
{
    for (unsigned i = 0; i < 5; i++)
        shmem[i] = 0x5555;
    return call(SBI_DBTR_READ, 0, 1).error == SBI_SUCCESS && shmem[0] == state &&
           shmem[1] == tdata1 && shmem[2] == tdata2 && shmem[3] == 0 && shmem[4] == 0x5555;
}

#define SWITCH_TESTS 8
static void switches(void)
{
    const uint64_t on = MC6 | STORE | S;

    ok(reads(0, 0, 0), "read: nothing is installed");
    install(on, SPOT);
    is(shmem[0], 0, "its index is written back");
    ok(reads(SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_S, on, SPOT), "read: state and configuration");
    is_error(call(SBI_DBTR_DISABLE, 0, 1).error, SBI_SUCCESS, "disabled");
    ok(hits() == 0 && reads(SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_S, MC6 | STORE, SPOT),
       "it does not hit, its mode is kept in its state");
    ok(call(SBI_DBTR_ENABLE, 0, 1).error == SBI_SUCCESS && hits() == 1, "enabled");
    entry(0, MC6 | LOAD | S | U, SPOT, 0);
    shmem[0] = 0;
    is_result(call(SBI_DBTR_UPDATE, 1, 0), SBI_SUCCESS, 0, "updated");
    ok(hits() == 2 && reads(SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_S | SBI_DBTR_STATE_U,
                            MC6 | LOAD | S | U, SPOT),
       "the configuration is the updated one");
    uninstall(0, 1);
}

static void is_install_error(uint64_t tdata1, uint64_t tdata3, int64_t error, const char *name)
{
    entry(0, tdata1, SPOT, tdata3);
    is_result(call(SBI_DBTR_INSTALL, 1, 0), error, 0, name);
}

#define CONFIG_TESTS 15
static void configurations(void)
{
    is_install_error(MC6 | STORE | S | SBI_DBTR_DMODE, 0, SBI_ERR_INVALID_PARAM, "dmode");
    is_install_error(MC6 | STORE | S | SBI_DBTR_MC6_M, 0, SBI_ERR_INVALID_PARAM, "M-mode");
    is_install_error(MC6 | STORE | S | BIT(40), 0, SBI_ERR_INVALID_PARAM, "reserved bits");
    is_install_error(MC6 | STORE | S | BIT(12), 0, SBI_ERR_INVALID_PARAM, "action: debug mode");
    is_install_error(MC6 | STORE | S | SBI_DBTR_MC6_CHAIN, 0, SBI_ERR_INVALID_PARAM,
                     "a chain that does not end");
    is_install_error(SBI_DBTR_TYPE_MCONTROL | STORE | S | SBI_DBTR_MC6_CHAIN, 0,
                     SBI_ERR_INVALID_PARAM, "a chain of the older type");
    is_install_error(SBI_DBTR_TYPE_MCONTROL | STORE | S, 0, SBI_ERR_FAILED, "another type");
    is_install_error(0, 0, SBI_ERR_FAILED, "no type");
    is_install_error(MC6 | STORE | S | BIT(7), 0, SBI_ERR_NOT_SUPPORTED, "match");
    is_install_error(MC6 | STORE | S | SBI_DBTR_MC6_SELECT, 0, SBI_ERR_NOT_SUPPORTED, "data");
    is_install_error(MC6 | STORE | SBI_DBTR_MC6_VS, 0, SBI_ERR_NOT_SUPPORTED, "VS-mode");
    is_install_error(MC6 | STORE | SBI_DBTR_MC6_VU, 0, SBI_ERR_NOT_SUPPORTED, "VU-mode");
    is_install_error(MC6 | STORE | S, 1, SBI_ERR_NOT_SUPPORTED, "tdata3");
    is(hits() | user_cause() << 8, CAUSE_ECALL_U << 8, "no trigger is installed");
    is(call(SBI_DBTR_NUM_TRIGGERS, MC6 | SBI_DBTR_DMODE, 0).value |
           call(SBI_DBTR_NUM_TRIGGERS, SBI_DBTR_TYPE_MCONTROL, 0).value |
           call(SBI_DBTR_NUM_TRIGGERS, 9ul << 60, 0).value,
       0, "operations on triggers that are not installed");
}

#define SET_TESTS 12
static void sets(uint64_t n)
{
    static const uint64_t fids[] = {SBI_DBTR_UNINSTALL, SBI_DBTR_ENABLE, SBI_DBTR_DISABLE};
    unsigned bad = 0, empty = 0;
    uint64_t i;

    install(MC6 | STORE | S, SPOT);
    for (unsigned k = 0; k < ARRAY_SIZE(fids); k++) {
        bad += call(fids[k], n, 1).error == SBI_ERR_INVALID_PARAM;
        bad += call(fids[k], ~0ul, 3).error == SBI_ERR_INVALID_PARAM; /* wraps to 0 */
        bad += call(fids[k], 0, BIT(63) | 1).error == SBI_ERR_INVALID_PARAM;
        bad += call(fids[k], 0, ~0ul).error == SBI_ERR_INVALID_PARAM;
        empty += call(fids[k], 0, 0).error == SBI_SUCCESS;
    }
    is(bad, 12, "sets with triggers that do not exist");
    is(empty, 3, "empty sets");
    is(hits(), 1, "the installed trigger is unchanged");
    uninstall(0, 1);
    bad = 0;
    for (unsigned k = 0; k < ARRAY_SIZE(fids); k++)
        bad += call(fids[k], 0, 1).error == SBI_ERR_INVALID_PARAM;
    is(bad, 3, "sets with a trigger that is not installed");

    for (i = 0; i < n && install(MC6 | (i == 0 ? STORE : LOAD) | S, SPOT) == 0; i++)
        if (shmem[0] != i)
            break;
    is(i, n, "all triggers installed");
    entry(0, MC6 | STORE | S, SPOT, 0);
    is_result(call(SBI_DBTR_INSTALL, 1, 0), SBI_ERR_FAILED, 0, "no further trigger");
    is(hits(), n > 1 ? 3 : 1, "all of them hit");
    is_error(uninstall(0, BIT(n) - 1), SBI_SUCCESS, "all uninstalled");
    is(hits(), 0, "no trigger hits");

    entry(0, MC6 | STORE | S, SPOT, 0);
    shmem[0] = n;
    is_result(call(SBI_DBTR_UPDATE, 1, 0), SBI_ERR_INVALID_PARAM, 0, "update: no such trigger");
    shmem[0] = 0;
    is_result(call(SBI_DBTR_UPDATE, 1, 0), SBI_ERR_FAILED, 0, "update: not installed");
    install(MC6 | STORE | S, SPOT);
    shmem[0] = 0;
    shmem[1] = SBI_DBTR_TYPE_MCONTROL | STORE | S;
    is_result(call(SBI_DBTR_UPDATE, 1, 0), SBI_ERR_INVALID_PARAM, 0, "update: another type");
    uninstall(0, 1);
}

#define SHMEM_TESTS 14
static void shared_memory(uint64_t n)
{
    const uint64_t here = (uint64_t)shmem;

    is_result(call(SBI_DBTR_READ, 0, 0), SBI_ERR_NO_SHMEM, 0, "read without shared memory");
    is_result(call(SBI_DBTR_INSTALL, 1, 0), SBI_ERR_NO_SHMEM, 0, "install without it");
    is_result(call(SBI_DBTR_UPDATE, 1, 0), SBI_ERR_NO_SHMEM, 0, "update without it");
    is_error(set_shmem(here, 0, 1), SBI_ERR_INVALID_PARAM, "flags");
    is_error(set_shmem(~0ul, ~0ul, 1), SBI_ERR_INVALID_PARAM, "flags of no memory");
    is_error(set_shmem(here + 4, 0, 0), SBI_ERR_INVALID_PARAM, "alignment");
    is_error(set_shmem(~0ul, 0, 0), SBI_ERR_INVALID_PARAM, "one half of the address of no memory");
    is_error(set_shmem(here, 1, 0), SBI_ERR_INVALID_ADDRESS, "above 2^64");
    is_error(set_shmem(here, ~0ul, 0), SBI_ERR_INVALID_ADDRESS, "far above");
    if (n != 0)
        is((uint64_t)(set_shmem(HOLE, 0, 0) & set_shmem(UART_BASE, 0, 0) & set_shmem(0, 0, 0) &
                      set_shmem(~7ul, 0, 0)),
           (uint64_t)SBI_ERR_INVALID_ADDRESS, "no RAM");
    else
        tap_skip(1, "no triggers need no memory");
    is_error(set_shmem(here, 0, 0), SBI_SUCCESS, "shared memory");
    is_error(set_shmem(~0ul, ~0ul, 0), SBI_SUCCESS, "none");
    is_result(call(SBI_DBTR_READ, 0, 0), SBI_ERR_NO_SHMEM, 0, "shared memory disabled");
    is_error(set_shmem(here, 0, 0), SBI_SUCCESS, "again");
}

#define RANGE_TESTS 6
static void ranges(uint64_t n)
{
    is_error(call(SBI_DBTR_READ, n, 0).error, SBI_ERR_BAD_RANGE, "read: index after the last");
    is_error(call(SBI_DBTR_READ, 0, n).error, SBI_ERR_BAD_RANGE, "read: all triggers");
    is_error(call(SBI_DBTR_READ, 1, ~0ul).error, SBI_ERR_BAD_RANGE, "read: wraps");
    is_error(call(SBI_DBTR_INSTALL, n, 0).error, SBI_ERR_BAD_RANGE, "install: too many");
    is_error(call(SBI_DBTR_INSTALL, BIT(59), 0).error, SBI_ERR_BAD_RANGE, "install: wraps");
    is_error(call(SBI_DBTR_UPDATE, n, 0).error, SBI_ERR_BAD_RANGE, "update: too many");
}

/* Runs on another hart, which has no triggers. Counts hits. */
static uint64_t peer_state; /* 1: running, 2: request to end */
static uint64_t peer_hits, peer_rounds;

static void peer(void *arg)
{
    (void)arg;
    store(&peer_state, 1);
    while (load(&peer_state) == 1) {
        peer_hits += hits() != 0;
        peer_hits += call(SBI_DBTR_INSTALL, 1, 0).error != SBI_ERR_NO_SHMEM;
        store(&peer_rounds, peer_rounds + 1);
    }
}

#define HOLD_TESTS 4
static void hold(void)
{
    const bool two = hart_count() > 1;
    unsigned good = 0, rounds = 0;
    uint64_t end;

    install(MC6 | STORE | S, SPOT);
    if (two) {
        hart_start(other_hart(0), peer, NULL);
        wait_for(load(&peer_state) == 1, SOON);
    }
    end = rdtime() + HOLD_MS * TICKS_PER_MS;
    while (rdtime() < end) {
        rounds++;
        good += hits() == 1;
    }
    is(good, rounds, "hits each time while other vcpus run");
    if (two) {
        store(&peer_state, 2);
        ok(hart_wait_state(other_hart(0), SBI_HSM_STATE_STOPPED, SOON), "the other hart ends");
        ok(peer_rounds > 0, "the other hart ran the code");
        is(peer_hits, 0, "the other hart had no hit and no shared memory");
    } else {
        tap_skip(3, "one hart");
    }
    uninstall(0, 1);
}

void test_main(void)
{
    static const uint32_t code[] = {0x00000013, 0x00008067}; /* nop; ret */
    const uint64_t n = call(SBI_DBTR_NUM_TRIGGERS, 0, 0).value;
    const bool probed = sbi(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_DBTR).value != 0;

    for (unsigned i = 0; i < ARRAY_SIZE(code); i++)
        ((volatile uint32_t *)CODE)[i] = code[i];
    __asm__ volatile("fence.i" ::: "memory");
    if (!on_hearth()) {
        tap_plan(FIRE_TESTS);
        if (probed && n > 0 && set_shmem((uint64_t)shmem, 0, 0) == SBI_SUCCESS)
            fire();
        else
            tap_skip(FIRE_TESTS, "firmware without triggers");
        return;
    }
    tap_plan(3 + SHMEM_TESTS + RANGE_TESTS +
             (n == 0 ? 1 : FIRE_TESTS + SWITCH_TESTS + CONFIG_TESTS + SET_TESTS + HOLD_TESTS));
    note("%lu triggers", n);
    ok(probed, "DBTR is present");
    is_error(call(8, 0, 0).error & call(~0ul, 0, 0).error, SBI_ERR_NOT_SUPPORTED,
             "unknown functions");
    is_result(call(SBI_DBTR_NUM_TRIGGERS, MC6, 0), SBI_SUCCESS, n, "all are of type mcontrol6");
    shared_memory(n);
    ranges(n);
    if (n == 0) {
        is_error(uninstall(0, 1), SBI_ERR_INVALID_PARAM, "nothing to uninstall");
        return;
    }
    fire();
    switches();
    configurations();
    sets(n);
    hold();
}
