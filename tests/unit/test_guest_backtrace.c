/* SPDX-License-Identifier: Apache-2.0 */
/* test_guest_backtrace.c - monitor/guest_backtrace.c: stacks that are right, and a guest's
 * inventions.
 */
#include "damage.h"

#include <hearth/monitor/guest_backtrace.h>

#include <arch/csr.h>

#define RAM   0x80000000ull
#define WORDS 8192u
#define CODE  0x90000000ull

static uint64_t ram[WORDS];
static unsigned reads;
static struct backtrace_frame frame[BACKTRACE_FRAMES];

uint64_t memslot_read(const struct memslots *s, gpa_t gpa, void *buf, uint64_t len)
{
    (void)s;
    reads++;
    if (!range_within(gpa, len, RAM, sizeof(ram)))
        return 0;
    memcpy(buf, (const char *)ram + (gpa - RAM), len);
    return len;
}

static int clear(void **state)
{
    (void)state;
    memset(ram, 0, sizeof(ram));
    memset(frame, 0xee, sizeof(frame));
    reads = 0;
    return 0;
}

/* The frame whose pointer is at fp: its return address and its caller's frame. */
static void put_frame(gva_t fp, uint64_t ra, gva_t up)
{
    ram[(fp - RAM) / 8 - 1] = ra;
    ram[(fp - RAM) / 8 - 2] = up;
}

static unsigned trace(const struct backtrace_from *from)
{
    const unsigned count = guest_backtrace(NULL, from, frame);

    assert_in_range(count, 1, BACKTRACE_FRAMES);
    return count;
}

static void is(unsigned i, gva_t pc, enum backtrace_kind kind)
{
    assert_int_equal(frame[i].pc, pc);
    assert_int_equal(frame[i].kind, kind);
}

static void test_calls(void **state)
{
    const struct backtrace_from from = {
        .pc = CODE, .ra = CODE + 0x666, .fp = RAM + 0x100, .vstvec = CODE + 0x800};

    (void)state;
    put_frame(RAM + 0x100, CODE + 0x10, RAM + 0x200);
    put_frame(RAM + 0x200, CODE + 0x20, RAM + 0x300);
    put_frame(RAM + 0x300, CODE + 0x30, 0);
    assert_int_equal(trace(&from), 4);
    is(0, CODE, BACKTRACE_AT);
    for (unsigned i = 1; i < 4; i++)
        is(i, CODE + 0x10 * i, BACKTRACE_RETURN);
}

static void test_leaf(void **state)
{
    struct backtrace_from from = {.pc = CODE, .ra = CODE + 0x10, .fp = RAM + 0x100};

    (void)state;
    put_frame(RAM + 0x100, RAM + 0x200, 0x1234);
    put_frame(RAM + 0x200, CODE + 0x20, 0);
    assert_int_equal(trace(&from), 3);
    is(1, CODE + 0x10, BACKTRACE_RETURN);
    is(2, CODE + 0x20, BACKTRACE_RETURN);
    /* Only the innermost function calls nobody, and only near frames are its caller's. */
    put_frame(RAM + 0x200, RAM + 0x300, RAM + 0x300);
    put_frame(RAM + 0x300, CODE + 0x30, 0);
    assert_int_equal(trace(&from), 4);
    is(2, RAM + 0x300, BACKTRACE_RETURN);
    is(3, CODE + 0x30, BACKTRACE_RETURN);
    from.ra = 0;
    assert_int_equal(trace(&from), 2);
    is(1, RAM + 0x200, BACKTRACE_RETURN);
}

static void test_trapped(void **state)
{
    struct backtrace_from from = {.pc = CODE,
                                  .ra = CODE + 0x10,
                                  .fp = RAM + 0x100,
                                  .vstvec = CODE | 1,
                                  .vsepc = CODE + 0x500};

    (void)state;
    put_frame(RAM + 0x100, CODE + 0x20, 0);
    assert_int_equal(trace(&from), 3);
    is(0, CODE, BACKTRACE_AT);
    is(1, CODE + 0x500, BACKTRACE_TRAPPED);
    is(2, CODE + 0x20, BACKTRACE_RETURN);
    /* It had jumped to where nothing is: the jumper is in ra. */
    from.fetch_failed = true;
    assert_int_equal(trace(&from), 4);
    is(2, CODE + 0x10, BACKTRACE_RETURN);
    is(3, CODE + 0x20, BACKTRACE_RETURN);
}

/* Frames in pages that do not lie beside each other. */
static void test_paging(void **state)
{
    const gva_t high = 0xffffffc000000000ull;
    struct backtrace_from from = {
        .pc = CODE, .fp = high + 0x1008, .vsatp = 8ull << ATP_MODE_SHIFT | RAM >> 12};

    (void)state;
    ram[256] = (RAM + 0x1000) >> 2 | 1;              /* root */
    ram[512] = (RAM + 0x2000) >> 2 | 1;              /* 1 GiB */
    ram[1024] = (RAM + 0x6000) >> 2 | 0xc7;          /* high */
    ram[1025] = (RAM + 0x4000) >> 2 | 0xc7;          /* high + 0x1000 */
    ram[0x4000 / 8] = CODE + 0x10;                   /* high + 0x1000 */
    ram[0x6ff8 / 8] = high + 0x1100;                 /* high + 0xff8 */
    put_frame(RAM + 0x4100, CODE + 0x20, high - 16); /* above comes nothing */
    assert_int_equal(trace(&from), 3);
    is(1, CODE + 0x10, BACKTRACE_RETURN);
    is(2, CODE + 0x20, BACKTRACE_RETURN);
    ram[1024] = 0;
    assert_int_equal(trace(&from), 1);
    ram[1025] = 0;
    assert_int_equal(trace(&from), 1);
}

static void test_bad_frames(void **state)
{
    static const gva_t bad[] = {
        0,       8,       15,         RAM,      RAM + 8, RAM + 0x101, RAM + sizeof(ram) + 8,
        1 << 20, RAM - 8, UINT64_MAX, ~0ull - 7};
    struct backtrace_from from = {.pc = CODE, .ra = CODE + 0x666};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        from.fp = bad[i];
        assert_int_equal(trace(&from), 1);
    }
    from.fp = RAM + 0x100;
    put_frame(RAM + 0x100, CODE + 0x10, RAM + 0x100); /* itself */
    assert_int_equal(trace(&from), 2);
    put_frame(RAM + 0x100, CODE + 0x10, RAM + 0x80); /* below */
    assert_int_equal(trace(&from), 2);
    put_frame(RAM + 0x100, 0, RAM + 0x200); /* the first of all */
    assert_int_equal(trace(&from), 1);
}

static void test_endless(void **state)
{
    const struct backtrace_from from = {.pc = CODE, .fp = RAM + 0x100};

    (void)state;
    for (gva_t fp = RAM + 0x100; fp < RAM + sizeof(ram); fp += 16)
        put_frame(fp, CODE + (fp - RAM), fp + 16);
    assert_int_equal(trace(&from), BACKTRACE_FRAMES);
    assert_true(reads <= 2 * BACKTRACE_FRAMES);
    is(BACKTRACE_FRAMES - 1, CODE + 0x100 + (BACKTRACE_FRAMES - 2) * 16, BACKTRACE_RETURN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_calls, clear),      cmocka_unit_test_setup(test_leaf, clear),
        cmocka_unit_test_setup(test_trapped, clear),    cmocka_unit_test_setup(test_paging, clear),
        cmocka_unit_test_setup(test_bad_frames, clear), cmocka_unit_test_setup(test_endless, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
