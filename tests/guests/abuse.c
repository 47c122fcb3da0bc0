/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abuse - all harts of a VM make random calls of every extension at once, on the same objects:
 * message queues, memory channels, global events, and each other. Arguments are often at a limit.
 * Every result must be one that the function may return, and all functions must work afterwards.
 * Two VMs with this program may be connected by channels "there" and "back" and by messages.
 *
 * Calls that would end the VM, or overwrite its program, are left out.
 */
#include "guest.h"

#define LIVES     12
#define CALLS     400
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define ARENA     0x8000ul /* the memory that calls may write, 4 KiB-aligned */
#define WINDOWS   0x18000000000ul

#define E(name) BIT(-SBI_ERR_##name)
#define OK      BIT(0)

/* Errors that the functions of an extension may return; NOT_SUPPORTED always. */
static const struct {
    uint64_t eid;
    unsigned fids;
    uint64_t errors;
} rows[] = {
    {SBI_EXT_BASE, 7, OK},
    {SBI_EXT_TIME, 1, OK},
    {SBI_EXT_SPI, 1, OK | E(INVALID_PARAM)},
    {SBI_EXT_RFNC, 7, OK | E(INVALID_PARAM) | E(INVALID_ADDRESS)},
    {SBI_EXT_HSM, 4, OK | E(INVALID_PARAM) | E(INVALID_ADDRESS)},
    {SBI_EXT_SUSP, 1, E(INVALID_PARAM) | E(INVALID_ADDRESS)},
    {SBI_EXT_SRST, 1, E(INVALID_PARAM)},
    {SBI_EXT_DBCN, 2, OK | E(INVALID_PARAM)},
    {SBI_EXT_STA, 1, OK | E(INVALID_PARAM) | E(INVALID_ADDRESS)},
    {SBI_EXT_PMU, 9,
     OK | E(INVALID_PARAM) | E(INVALID_ADDRESS) | E(ALREADY_STARTED) | E(ALREADY_STOPPED) |
         E(NO_SHMEM)},
    {SBI_EXT_SSE, 10,
     OK | E(INVALID_PARAM) | E(DENIED) | E(INVALID_ADDRESS) | E(ALREADY_STARTED) |
         E(ALREADY_STOPPED) | E(INVALID_STATE) | E(BAD_RANGE)},
    {SBI_EXT_FWFT, 2, OK | E(INVALID_PARAM) | E(DENIED) | E(DENIED_LOCKED)},
    {SBI_EXT_DBTR, 8,
     OK | E(FAILED) | E(INVALID_PARAM) | E(INVALID_ADDRESS) | E(NO_SHMEM) | E(BAD_RANGE)},
    {SBI_EXT_MPXY, 8,
     OK | E(INVALID_PARAM) | E(INVALID_ADDRESS) | E(NO_SHMEM) | E(BAD_RANGE) | E(TIMEOUT) | E(IO)},
    {SBI_EXT_HOST_COMM, 2, OK | E(FAILED) | E(INVALID_PARAM)},
    {SBI_EXT_PERF, 3, OK | E(INVALID_PARAM) | E(ALREADY_STOPPED)},
    {SBI_EXT_HVC, 8,
     OK | E(FAILED) | E(INVALID_PARAM) | E(DENIED) | E(INVALID_ADDRESS) | E(ALREADY_AVAILABLE) |
         E(INVALID_STATE)},
};

static char arena[HARTS * ARENA] __attribute__((aligned(4096)));
static uint64_t lives[HARTS], calls, wrong_result[4]; /* the first wrong result: call, a0, a1 */

void abuse_event(void);

/* An event handler that uses no register but a6 and a7. */
__asm__(".text\n.balign 4\nabuse_event:\n  li a6, 6\n  li a7, 0x535345\n  ecall\n  unimp\n");

static uint64_t random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 32;
}

/* A number: small, at a limit, an id in use, or random. */
static uint64_t number(uint64_t *state)
{
    static const uint64_t telling[] = {0xffff0000,
                                       0xffff8000,
                                       0x100000,
                                       0x10000,
                                       0x80000000,
                                       0xf0005,
                                       SBI_EXT_SSE,
                                       0x7fffffff,
                                       0xffffffff,
                                       BIT(32),
                                       BIT(63),
                                       ~0ul,
                                       ~0ul - 1,
                                       ~0xffful,
                                       0x4000,
                                       0x1000,
                                       0x200000,
                                       64,
                                       (uint64_t)6 << 60,
                                       0x6000000000000014,
                                       0x600000000000001c,
                                       1ul << 20,
                                       63,
                                       0x3fffffffffffffff};
    const uint64_t r = random_next(state);

    switch (r % 8) {
    case 0:
    case 1:
    case 2:
        return r >> 8 & 3;
    case 3:
        return r >> 8 & 63;
    case 4:
        return 1ul << (r >> 8 & 63);
    case 5:
        return r << 32 | random_next(state);
    default:
        return telling[(r >> 8) % ARRAY_SIZE(telling)];
    }
}

/* An address: mostly the hart's own memory, else another hart's, or one that must be refused. */
static uint64_t address(uint64_t *state, uint64_t id)
{
    static const uint64_t none[] = {HOLE,    UART_BASE, PLIC_BASE, 0x7ffff000, 0x81000000,
                                    WINDOWS, ~0ul,      ~0xffful,  BIT(56),    0x80fffff8 + 8};
    const uint64_t r = random_next(state);
    uint64_t at = (uint64_t)arena + id * ARENA;

    if (r % 8 == 0)
        return none[(r >> 8) % ARRAY_SIZE(none)];
    if (r % 8 == 1)
        at = (uint64_t)arena;
    return at + (r % 8 < 6 ? 0 : r >> 8 & 0x3ff8);
}

static bool takes_address(uint64_t eid, uint64_t fid, unsigned arg)
{
    switch (eid) {
    case SBI_EXT_DBCN:
    case SBI_EXT_HOST_COMM:
        return arg == 1;
    case SBI_EXT_SSE:
        return fid < 2 && arg == 3;
    case SBI_EXT_PMU:
        return (fid == SBI_PMU_SNAPSHOT_SET_SHMEM || fid == SBI_PMU_EVENT_GET_INFO) && arg == 0;
    case SBI_EXT_HVC:
        return fid == SBI_HVC_CHANNEL_PUBLISH ? arg == 1 : fid == SBI_HVC_CHANNEL_FIND && arg == 0;
    default:
        return (eid == SBI_EXT_STA || ((eid == SBI_EXT_MPXY || eid == SBI_EXT_DBTR) && fid == 1)) &&
               arg == 0;
    }
}

/* Changes calls that would end the VM, leave the program, or overwrite it. */
static void sanitize_call(uint64_t eid, uint64_t *fid, uint64_t a[5])
{
    static const uint64_t elsewhere[] = {HOLE, 1, (uint64_t)arena + 1, WINDOWS, ~0ul};

    switch (eid) {
    case SBI_EXT_HSM:
        if (*fid == SBI_HSM_HART_STOP)
            *fid = SBI_HSM_HART_GET_STATUS;
        if (*fid == SBI_HSM_HART_START || (uint32_t)a[0] != 0)
            a[1] = elsewhere[a[1] % ARRAY_SIZE(elsewhere)];
        break;
    case SBI_EXT_SUSP:
        a[1] = elsewhere[a[1] % ARRAY_SIZE(elsewhere)];
        break;
    case SBI_EXT_SRST:
        a[0] |= 4;
        break;
    case SBI_EXT_DBCN:
        if (*fid == SBI_DBCN_CONSOLE_WRITE_BYTE)
            *fid = SBI_DBCN_CONSOLE_WRITE;
        a[0] = *fid == SBI_DBCN_CONSOLE_WRITE ? 0 : MIN(a[0], ARENA / 4);
        break;
    case SBI_EXT_SSE:
        if (*fid == SBI_SSE_REGISTER)
            a[1] = (uint64_t)abuse_event + (a[1] & 1);
        if (*fid == SBI_SSE_WRITE_ATTRS) /* not the return address of its handler */
            a[1] &= 3;
        if (*fid == SBI_SSE_WRITE_ATTRS)
            a[2] &= 3;
        break;
    case SBI_EXT_PMU:
        if (*fid == SBI_PMU_EVENT_GET_INFO)
            a[2] %= ARENA / 32;
        break;
    case SBI_EXT_FWFT: /* cfi.c tests landing pads and the like */
        if (*fid == SBI_FWFT_SET && (uint32_t)a[0] <= SBI_FWFT_POINTER_MASKING_PMLEN)
            a[0] = SBI_FWFT_PTE_AD_HW_UPDATING;
        break;
    case SBI_EXT_HOST_COMM:
        if (*fid == SBI_HOST_COMM_RECEIVE_MESSAGE)
            a[0] = MIN(a[0], ARENA / 4);
        break;
    }
}

static void check_result(unsigned row, uint64_t fid, struct sbi_result r)
{
    const bool fine = r.error <= 0 && r.error >= SBI_ERR_DENIED_LOCKED &&
                      ((rows[row].errors | E(NOT_SUPPORTED)) & BIT(-r.error));

    if (fine || __atomic_exchange_n(&wrong_result[3], 1, __ATOMIC_SEQ_CST))
        return;
    wrong_result[0] = rows[row].eid << 16 | (fid & 0xffff);
    wrong_result[1] = (uint64_t)r.error;
    wrong_result[2] = r.value;
}

static void random_call(uint64_t *state, uint64_t id)
{
    const unsigned row = (unsigned)(random_next(state) % ARRAY_SIZE(rows));
    const uint64_t eid = rows[row].eid;
    uint64_t fid = random_next(state) % (rows[row].fids + 1), a[5];

    if (eid == SBI_EXT_HVC)
        fid += SBI_HVC_CHANNEL_FIND;
    for (unsigned i = 0; i < 5; i++)
        a[i] = takes_address(eid, fid, i) ? address(state, id) : number(state);
    sanitize_call(eid, &fid, a);
    if (eid == SBI_EXT_HSM && fid == SBI_HSM_HART_SUSPEND)
        sbi(SBI_EXT_TIME, SBI_TIME_SET_TIMER, rdtime() + 100);
    check_result(row, fid, sbi_call(eid, fid, a[0], a[1], a[2], a[3], a[4]));
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

/* Accesses without a check: memory that other harts change, legacy calls, unmapped pages. */
static void random_access(uint64_t *state, uint64_t id)
{
    const uint64_t r = random_next(state), at = (uint64_t)arena + id * ARENA + (r >> 8 & 0x7ff8);
    const uint64_t page = WINDOWS + (r >> 8 & 1) * (1ul << 30) + (r >> 16 & 0x1ff8);

    switch (r % 8) {
    case 0:
        (void)trap_of(sbi(SBI_EXT_LEGACY_SEND_IPI + (r >> 32) % 4, 0, page));
        break;
    case 1:
        (void)trap_of(load((uint64_t *)page));
        break;
    case 2:
        (void)trap_of(store((uint64_t *)page, r));
        break;
    case 3:
        sbi(SBI_EXT_LEGACY_CLEAR_IPI, 0);
        break;
    default:
        store((uint64_t *)at, number(state));
        break;
    }
}

static void run_calls(uint64_t id)
{
    uint64_t state = rdtime() ^ id << 40;

    csr_write(sie, BIT(IRQ_TIMER) | BIT(IRQ_SOFT)); /* end a suspend; SIE is off */
    for (unsigned n = 0; n < CALLS; n++) {
        random_call(&state, id);
        random_access(&state, id);
    }
}

static void worker(void *arg)
{
    (void)arg;
    run_calls(this_hart()->id);
    store(&lives[this_hart()->id], lives[this_hart()->id] + 1);
}

static uint64_t messages_work(void)
{
    const uint64_t at = (uint64_t)arena;

    /* Receives queued messages until the queue is empty or the limit is reached. */
    for (unsigned i = 0; i < 64; i++)
        sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_RECEIVE_MESSAGE, 4096, at);
    return (uint64_t)sbi(SBI_EXT_HOST_COMM, SBI_HOST_COMM_SEND_MESSAGE, 0, at).error;
}

void test_main(void)
{
    const unsigned harts = hart_count();
    uint64_t refused = 0, asleep = 0, few = 0;

    tap_plan(6);
    if (!on_hearth()) {
        tap_skip(6, "a test for Hearth only");
        return;
    }
    irq_disable();
    for (unsigned i = 0; i < LIVES; i++) {
        for (unsigned n = 0; n + 1 < harts; n++)
            refused += hart_start(other_hart(n), worker, NULL) != 0;
        run_calls(boot_hart);
        for (unsigned n = 0; n + 1 < harts; n++)
            asleep += !hart_wait_state(other_hart(n), SBI_HSM_STATE_STOPPED, 6 * SOON);
    }
    for (unsigned n = 0; n + 1 < harts; n++)
        few += lives[other_hart(n)] != LIVES;
    if (!ok(wrong_result[3] == 0, "every result is allowed for its function"))
        note("call %lx: error %ld, value %lx", wrong_result[0], (int64_t)wrong_result[1],
             wrong_result[2]);
    is(refused, 0, "every stopped hart starts");
    is(asleep, 0, "every hart stops");
    is(few, 0, "each hart ran as often as it was started");
    is(calls, (uint64_t)LIVES * CALLS * harts, "every call returned once");
    is(messages_work(), (uint64_t)SBI_ERR_INVALID_PARAM, "messages still work");
}
