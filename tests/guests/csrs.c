/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csrs - state that a guest can access by CSR number: role=1 writes every S- and U-level CSR and
 * every indirect register that takes a value, repeatedly; role=2, on the same hart, checks that its
 * own registers do not change. They share a page (a channel of role=1) to see each other's
 * progress. Without role=: all registers are written, and the hart continues.
 */
#include "guest.h"

#define PAGE_AT     0x80900000ul
#define RW          (SBI_CHANNEL_READ | SBI_CHANNEL_WRITE)
#define LONG        40000 /* ms for the other VM */
#define ROUNDS      20    /* of writing between two checks of the other VM */
#define SELECTS     0x1000
#define INDIRECT    2048
#define CHUNK       64 /* registers written in a round */
#define CSR_SELECT  0x150
#define CSR_SCTRCTL 0x14e

enum { WRITER = 1, READER = 2 };

struct shared {
    uint64_t rounds, done;
};

struct reg {
    uint16_t select, csr;
    uint64_t value;
};

static uint32_t code[2] __attribute__((aligned(8)));
static struct reg direct[512], indirect[INDIRECT];
static unsigned directs, indirects;

static const uint16_t alias[] = {0x151, 0x152, 0x153, 0x155, 0x156, 0x157};

/* Runs csrrw a0, csr, a0 or csrrs a0, csr, x0. False if it traps. */
static bool access_csr(unsigned csr, bool write, uint64_t *value)
{
    register uint64_t a0 __asm__("a0") = *value;
    register uint64_t fn __asm__("a1") = (uint64_t)code;
    struct trap t;

    code[0] = csr << 20 | (write ? 0x51573u : 0x2573u);
    code[1] = 0x8067; /* ret */
    t = trap_of(__asm__ volatile("fence.i\n\tjalr %1" : "+r"(a0) : "r"(fn) : "ra", "memory"));
    *value = a0;
    return !t.taken;
}

static bool get(unsigned csr, uint64_t *value)
{
    return access_csr(csr, false, value);
}

static bool set(unsigned csr, uint64_t value)
{
    return access_csr(csr, true, &value);
}

/* CSRs that this program itself needs, or that traps or time change. */
static bool is_excluded(unsigned csr)
{
    static const uint16_t own[] = {0x015, 0x100, 0x104, 0x105, 0x140, 0x141,
                                   0x142, 0x143, 0x144, 0x180, 0xda0, 0xdb0};

    for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
        if (csr == own[i])
            return true;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(alias); i++) {
        if (csr == alias[i])
            return true;
    }
    return csr >= 0xc00 && csr < 0xc20;
}

/* Finds the CSRs and indirect registers that this hart can read. */
static void find_all(void)
{
    uint64_t value = 0;

    for (unsigned csr = 0; csr < 0x1000; csr++) {
        if ((csr & 0x200) == 0 && !is_excluded(csr) && get(csr, &value) &&
            directs < ARRAY_SIZE(direct))
            direct[directs++] = (struct reg){.csr = (uint16_t)csr, .value = value};
    }
    for (unsigned s = 0; s < SELECTS && set(CSR_SELECT, s); s++) {
        for (unsigned i = 0; i < ARRAY_SIZE(alias); i++) {
            if (get(alias[i], &value) && indirects < INDIRECT)
                indirect[indirects++] =
                    (struct reg){.select = (uint16_t)s, .csr = alias[i], .value = value};
        }
    }
    (void)set(CSR_SELECT, 0);
    note("%u registers, %u indirect ones", directs, indirects);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    return x ^ x >> 31;
}

/* Writes a distinct value. Low bits first, for registers that refuse values with high bits. */
static void write_reg(const struct reg *r, uint64_t seed)
{
    const uint64_t value = mix(seed);

    if (r->csr >= 0xc00)
        return;
    if (r->select != 0)
        (void)set(CSR_SELECT, r->select);
    (void)set(r->csr, value & 0xfff);
    (void)set(r->csr, value & 0xff);
    (void)set(r->csr, value & 7);
    (void)set(r->csr, value);
}

/* Drops the registers that do not keep a value. */
static unsigned keep_writable(struct reg *regs, unsigned count)
{
    unsigned kept = 0;
    uint64_t value = 0;

    for (unsigned i = 0; i < count; i++) {
        write_reg(&regs[i], i + 1);
        if (get(regs[i].csr, &value) && value != regs[i].value)
            regs[kept++] = regs[i];
    }
    return kept;
}

static void write_all(uint64_t round)
{
    for (unsigned i = 0; i < directs; i++)
        write_reg(&direct[i], round << 12 | direct[i].csr);
    for (unsigned i = 0; i < CHUNK && i < indirects; i++)
        write_reg(&indirect[(round * CHUNK + i) % indirects], round << 12 | i);
    (void)set(CSR_SELECT, mix(round) & 0xfff);
    (void)set(CSR_SCTRCTL, 3); /* from here on every jump is recorded */
}

static unsigned changed(struct reg *r)
{
    uint64_t value = 0;

    if (get(r->csr, &value) && value == r->value)
        return 0;
    note("csr 0x%x select 0x%x: 0x%lx, was 0x%lx", r->csr, r->select, value, r->value);
    r->value = value;
    return 1;
}

static unsigned changes(void)
{
    uint64_t select = 0;
    unsigned n = 0;

    (void)get(CSR_SELECT, &select);
    for (unsigned i = 0; i < directs; i++)
        n += changed(&direct[i]);
    if (indirects == 0)
        return n;
    for (unsigned i = 0; i < indirects; i++) {
        (void)set(CSR_SELECT, indirect[i].select);
        n += changed(&indirect[i]);
    }
    (void)set(CSR_SELECT, select);
    return n;
}

static void be_writer(void)
{
    struct shared *s = (struct shared *)PAGE_AT;
    uint64_t round = 1, end = rdtime() + LONG * TICKS_PER_MS;
    const struct sbi_result r = sbi(SBI_EXT_HVC, SBI_HVC_CHANNEL_PUBLISH, 0, PAGE_AT, 0, 4096, RW);

    is((uint64_t)r.error, 0, "published");
    directs = keep_writable(direct, directs);
    indirects = keep_writable(indirect, indirects);
    ok(directs > 0, "%u of them, and %u indirect ones, take a value", directs, indirects);
    for (; !load(&s->done) && rdtime() < end; round++) {
        write_all(round);
        store(&s->rounds, round);
    }
    is(load(&s->done), 1, "%lu rounds of writing", round);
}

static void be_reader(void)
{
    uint64_t end = rdtime() + LONG * TICKS_PER_MS, before;
    unsigned seen = 0, n = 0;
    struct sbi_result r;
    struct shared *s;

    do {
        r = sbi(SBI_EXT_HVC, SBI_HVC_CHANNEL_SUBSCRIBE, 0, RW, 0, 0);
    } while (r.error != 0 && rdtime() < end);
    if (!is((uint64_t)r.error, 0, "subscribed"))
        return;
    s = (struct shared *)r.value;
    /* The writer's own values do not change either. */
    for (unsigned i = 0; i < directs; i++) {
        write_reg(&direct[i], ~(uint64_t)i);
        (void)set(CSR_SCTRCTL, 0);
    }
    for (unsigned i = 0; i < directs; i++)
        (void)get(direct[i].csr, &direct[i].value);
    for (unsigned i = 0; i < ROUNDS; i++) {
        before = load(&s->rounds);
        while (load(&s->rounds) < before + 2 && rdtime() < end)
            ;
        seen += load(&s->rounds) >= before + 2;
        n += changes();
    }
    store(&s->done, 1);
    is(seen, ROUNDS, "the other VM wrote");
    is(n, 0, "nothing changed");
    ok(directs > 0, "%u of its registers were looked at", directs);
}

void test_main(void)
{
    const uint64_t role = boot_option("role");

    tap_plan(role == READER ? 4 : role == WRITER ? 3 : 2);
    csr_set(sstatus, SSTATUS_FS | SSTATUS_VS);
    find_all();
    if (role == WRITER) {
        be_writer();
    } else if (role == READER) {
        be_reader();
    } else {
        write_all(1);
        write_all(2);
        (void)set(CSR_SCTRCTL, 0);
        ok(directs > 0, "%u registers", directs);
        ok(true, "all registers are written");
    }
}
