/* SPDX-License-Identifier: Apache-2.0 */
/* test_trace.c - kernel/trace.c and monitor/trace_dump.c: the rings, their reader beside
 * a writer, the text of the dump. (tests/e2e/test_trace.py has what goes into them.) */
#include "fakes/fakes.h"

#include <hearth/arch/upcalls.h>
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/log.h>
#include <hearth/kernel/observe.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/platform/platform.h>
#include <hearth/core/run.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/monitor/trace_control.h>
#include <hearth/core/vm.h>

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h wants the above */
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct platform host_platform = {.timebase_hz = 10000000};
static struct vm vm = {.id = 3, .config.name = "alpha"};
static struct vcpu v = {.vm = &vm, .id = 2};
static uint32_t observed;
static bool late_to_notice, off_in_exit;
static char out[1 << 20];
static size_t out_len;

void observe_set(uint32_t what, bool on)
{
    observed = on ? observed | what : observed & ~what;
    if (on || !late_to_notice)
        this_hart()->tracing = (observed & OBSERVE_TRACE) != 0;
}

uint32_t observe_get(void)
{
    return observed;
}

uint32_t vcpu_exited(struct vcpu *vcpu)
{
    trace_put(TRACE_INJECT, vcpu, 2, 0, 0);
    if (off_in_exit)
        trace_stop();
    fake_timer_now += 7;
    vcpu->stats.reason = &vcpu->stats.by_reason[EXIT_REASON_HALT];
    return RUN_BLOCK;
}

void console_write(const char *buf, size_t len)
{
    assert_in_range(len, 1, TRACE_LINE_MAX - 1);
    assert_in_range(out_len + len, 1, sizeof(out) - 1);
    memcpy(out + out_len, buf, len);
    out_len += len;
}

void log_warn(const char *fmt, ...)
{
    (void)fmt;
}

static int fresh(void **state)
{
    (void)state;
    fake_timer_reset();
    fake_timer_now = 500;
    memset(out, 0, sizeof(out));
    out_len = 0;
    observed = 0;
    this_hart()->tracing = 0;
    assert_int_equal(trace_start(100), 0); /* 128 */
    harts[0]->trace->head = harts[0]->trace->from = 0;
    memset(harts[0]->trace->records, 0, 128 * sizeof(struct trace_record));
    return 0;
}

static struct trace_ring *ring(void)
{
    return harts[0]->trace;
}

static void test_start(void **state)
{
    struct trace_ring *first = ring();
    struct trace_record r;

    (void)state;
    assert_int_equal(first->size, 128);
    assert_true(trace_on());
    trace_stop();
    assert_false(trace_on());
    assert_int_equal(trace_start(TRACE_EVENTS_MIN - 1), -HV_ERANGE);
    assert_int_equal(trace_start(TRACE_EVENTS_MAX + 1), -HV_ERANGE);
    assert_false(trace_on());
    assert_int_equal(trace_start(0), 0); /* the ring that is there stays */
    assert_ptr_equal(ring(), first);
    assert_true(trace_on());
    assert_int_equal(trace_start(65), 0);
    assert_ptr_equal(ring(), first);

    /* What was traced before is forgotten, but not when it was on all the time. */
    trace_put(TRACE_VIRQ, &v, 0, 1, 0);
    assert_int_equal(trace_start(0), 0);
    assert_int_equal(trace_oldest(ring()), 0);
    trace_stop();
    assert_true(trace_read(ring(), 0, &r));
    assert_int_equal(trace_start(128), 0);
    assert_int_equal(trace_oldest(ring()), 1);
    trace_put(TRACE_VIRQ, &v, 0, 2, 0);
    trace_dump_all();
    assert_non_null(strstr(out, "trace rec 0 1 "));
    assert_null(strstr(out, "trace rec 0 0 "));
}

/* Rings of another size: not before all harts have left the old ones. */
static void test_resize(void **state)
{
    (void)state;
    late_to_notice = true;
    assert_int_equal(trace_start(1000), -HV_EBUSY);
    assert_int_equal(observed & OBSERVE_TRACE, 0);
    assert_int_equal(ring()->size, 128);
    assert_int_equal(trace_start(1000), -HV_EBUSY);
    late_to_notice = false;
    this_hart()->tracing = 0;
    assert_int_equal(trace_start(1000), 0);
    assert_int_equal(ring()->size, 1024);
    assert_int_equal(ring()->head, 0);
    assert_true(trace_on());
    assert_int_equal(trace_start(64), 0);
    assert_int_equal(ring()->size, 64);
    /* None to be had: the old ones are as they were. */
    trace_put(TRACE_VIRQ, &v, 0, 1, 0);
    fake_pages_fail = 1;
    assert_int_equal(trace_start(65536), -HV_ENOMEM);
    fake_pages_fail = 0;
    assert_int_equal(ring()->size, 64);
    assert_int_equal(ring()->head, 1);
    assert_int_equal(trace_start(0), 0);
}

/* An exit in which tracing was switched off writes no end: the ring may be gone by then. */
static void test_off_during_an_exit(void **state)
{
    (void)state;
    off_in_exit = true;
    (void)vcpu_exited_traced(&v);
    off_in_exit = false;
    assert_int_equal(ring()->head, 2); /* the exit, the injection */
}

static void test_no_memory(void **state)
{
    struct trace_ring *kept = ring();

    (void)state;
    harts[0]->trace = NULL;
    trace_stop();
    fake_pages_fail = 1;
    assert_int_equal(trace_start(64), -HV_ENOMEM);
    fake_pages_fail = 0;
    assert_false(trace_on());
    assert_null(harts[0]->trace);
    harts[0]->trace = kept;
}

static void test_wrap(void **state)
{
    struct trace_record r;

    (void)state;
    assert_false(trace_read(ring(), 0, &r));
    for (uint64_t i = 0; i < 300; i++) {
        fake_timer_now = 1000 + i;
        trace_put(TRACE_VIRQ, &v, 0, i, ~i);
        assert_true(trace_read(ring(), i, &r));
        assert_int_equal(r.a, i);
        assert_true(r.b == ~i);
        assert_int_equal(r.time, 1000 + i);
        assert_int_equal(r.type, TRACE_VIRQ);
        assert_int_equal(r.vm, 3);
        assert_int_equal(r.vcpu, 2);
        assert_false(trace_read(ring(), i + 1, &r));
        assert_int_equal(trace_oldest(ring()), i + 1 > 128 ? i + 1 - 128 : 0);
    }
    /* The oldest is in the row that the writer may be filling. */
    assert_false(trace_read(ring(), 300 - 128, &r));
    assert_true(trace_read(ring(), 300 - 127, &r));
    assert_int_equal(r.a, 300 - 127);
    assert_false(trace_read(ring(), 5, &r));
    assert_false(trace_read(ring(), UINT64_MAX, &r));
}

static void test_exit(void **state)
{
    struct trace_record r;

    (void)state;
    v.ctx.pc = 0x80201234;
    assert_int_equal(vcpu_exited_traced(&v), RUN_BLOCK);
    assert_true(trace_read(ring(), 0, &r));
    assert_int_equal(r.type, TRACE_EXIT);
    assert_int_equal(r.a, 0x80201234);
    assert_int_equal(r.time, 500);
    assert_true(trace_read(ring(), 1, &r));
    assert_int_equal(r.type, TRACE_INJECT);
    assert_true(trace_read(ring(), 2, &r));
    assert_int_equal(r.type, TRACE_LEAVE);
    assert_int_equal(r.code, EXIT_REASON_HALT);
    assert_int_equal(r.aux, RUN_BLOCK);
    assert_int_equal(r.time, 507);
    assert_int_equal(v.stats.latency[7][EXIT_REASON_HALT], 0);
    observed |= OBSERVE_LATENCY;
    (void)vcpu_exited_traced(&v);
    assert_int_equal(v.stats.latency[7][EXIT_REASON_HALT], 1);
}

enum { WRITES = 400000 };

static void *writer(void *done)
{
    for (uint64_t i = 1; i <= WRITES; i++)
        trace_put(TRACE_VIRQ, &v, (unsigned)i & 0xff, i * 3, ~(i * 5));
    __atomic_store_n((int *)done, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* What trace_read() calls a record is one, however fast its hart goes on. */
static void test_read_while_written(void **state)
{
    struct trace_record r;
    pthread_t thread;
    int done = 0;
    unsigned good = 0;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, writer, &done), 0);
    for (uint64_t n = 0; !__atomic_load_n(&done, __ATOMIC_ACQUIRE);) {
        if (trace_read(ring(), n, &r)) {
            assert_int_equal(r.a, (n + 1) * 3);
            assert_true(r.b == ~((n + 1) * 5));
            assert_int_equal(r.code, (n + 1) & 0xff);
            good++;
            n++;
        } else if (n < trace_oldest(ring())) {
            n = trace_oldest(ring());
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (uint64_t n = trace_oldest(ring()) + 1; n < WRITES; n++) {
        assert_true(trace_read(ring(), n, &r));
        good++;
    }
    assert_true(good >= 127);
}

static void test_dump(void **state)
{
    (void)state;
    trace_name(3, "alpha");
    trace_vm(&vm, 1);
    for (unsigned i = 0; i < 7; i++)
        trace_put(TRACE_SWITCH, &v, 0, 0, 0);
    trace_dump_all();
    /* The reference: Python's struct, base64 and zlib. */
    assert_string_equal(
        out, "hearth: trace begin 1 10000000 1 128\n"
             "hearth: trace vm 3 alpha 500\n"
             "hearth: trace rec 0 0 "
             "9AEAAAAAAAAIAQMA//"
             "8AAAAAAAAAAAAAAAAAAAAAAAD0AQAAAAAAAAQAAwACAAAAAAAAAAAAAAAAAAAAAAAAAPQBAAAAAAAA"
             "BAADAAIAAAAAAAAAAAAAAAAAAAAAAAAA9AEAAAAAAAAEAAMAAgAAAAAAAAAAAAAAAAAAAAAAAAD0AQAAAAAAA"
             "AQAAwACAAAA"
             "AAAAAAAAAAAAAAAAAAAAAPQBAAAAAAAABAADAAIAAAAAAAAAAAAAAAAAAAAAAAAA 7239ec6f\n"
             "hearth: trace rec 0 6 "
             "9AEAAAAAAAAEAAMAAgAAAAAAAAAAAAAAAAAAAAAAAAD0AQAAAAAAAAQAAwACAAAAAAAAAAAAAAAAAAAAAAAAA"
             "AAAAAAAAAAA"
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
             "AAAAAAAAAAA"
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 6bef3b8a\n"
             "hearth: trace end 5\n");
}

/* The latest names, of VMs that are gone too. */
static void test_names(void **state)
{
    const char *at = out;
    unsigned last = 0, count = 0;

    (void)state;
    for (unsigned i = 0; i < 3 * TRACE_NAMES; i++) {
        char name[40];

        (void)snprintf(name, sizeof(name), "n%0*u", i % 2 ? 31 : 3, i); /* too long ones are cut */
        fake_timer_now++;
        trace_name(i % 5, name);
    }
    trace_dump_all();
    while ((at = strstr(at, "hearth: trace vm ")) != NULL) {
        unsigned id, from;
        char name[40];

        assert_int_equal(sscanf(at, "hearth: trace vm %u %39s %u\n", &id, name, &from), 3);
        assert_true(strlen(name) <= 31);
        assert_true(from > last);
        last = from;
        count++;
        at++;
    }
    assert_int_equal(last, fake_timer_now);
    assert_int_equal(count, TRACE_NAMES - 1); /* the oldest may be half written over */
}

static void test_arguments(void **state)
{
    static const char *const bad[] = {
        "",         "o",       "yes",     "on,",  "on,x",    "on,63", "on,1e4",
        "on,65537", "on,-100", "on,+100", "on 1", "on, 100", "offf",  "on,99999999999999999999"};
    static const char *const good[] = {"on", "off", "on,64", "on,65536", "on,00100"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(trace_arg(bad[i], strlen(bad[i])));
    for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(trace_arg(good[i], strlen(good[i])));
    trace_stop();
    assert_true(trace_arg("off", 3));
    trace_init();
    assert_false(trace_on());
    trace_finish();
    assert_int_equal(out_len, 0);
    assert_true(trace_arg("on", 2));
    trace_init();
    assert_true(trace_on());
    trace_finish();
    assert_false(trace_on());
    assert_int_not_equal(out_len, 0);
}

static int end(void **state)
{
    (void)state;
    page_free_virt(harts[0]->trace, page_order(sizeof(struct trace_ring) + 128 * 32));
    assert_int_equal(fake_pages_out, 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_start, fresh),
        cmocka_unit_test_setup(test_resize, fresh),
        cmocka_unit_test_setup(test_off_during_an_exit, fresh),
        cmocka_unit_test_setup(test_no_memory, fresh),
        cmocka_unit_test_setup(test_wrap, fresh),
        cmocka_unit_test_setup(test_exit, fresh),
        cmocka_unit_test_setup(test_read_while_written, fresh),
        cmocka_unit_test_setup(test_dump, fresh),
        cmocka_unit_test_setup(test_names, fresh),
        cmocka_unit_test_setup(test_arguments, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
