/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console_test.h - fakes for the console's tests: a device, clients, a shell. Each .c file is a
 * test program of its own, so the definitions are static.
 */
#pragma once

#include <hearth/console/console.h>
#include <hearth/drivers/console_device.h>
#include <hearth/console/console_ring.h>
#include <hearth/platform/hostirq.h>
#include <hearth/kernel/log.h>
#include <hearth/platform/platform.h>
#include <hearth/arch/sbi_client.h>

#include "fakes/fakes.h"

#define TEST static __attribute__((unused))

/* A client that takes the place of a VM. */
struct end {
    struct console_client *c;
    char name[32];
    unsigned inputs, rooms;
    uint64_t charged; /* ticks */
    /* Output that was refused: written when ops->room() is called. */
    char waiting[64];
    size_t waiting_len;
};

static char out[1 << 19];
static size_t out_len;
static const char *typed;
static size_t typed_len;
static unsigned firmware_bytes, idle_looks, panic_writes;
static struct end ends[12];
static struct console_client *shell;
static unsigned shell_inputs, shell_rooms;

static void emit(const char *buf, size_t len)
{
    assert_true(out_len + len < sizeof(out));
    memcpy(out + out_len, buf, len);
    out_len += len;
    out[out_len] = '\0';
}

/*
 * The device: a FIFO of 16 bytes that is empty byte_ticks (100 ns each) a byte after it was filled;
 * 0: it always has room. write_ticks: the hart's time to write a byte. `stuck`: takes nothing.
 * held_most: the most bytes written while the lock was held once.
 */
static unsigned byte_ticks, write_ticks;
static bool stuck;
static uint64_t empty_at;
static size_t fifo_room, held_bytes, held_most;
static unsigned held_lock, irqs, lost_input;

static void (*dev_write_hook)(void); /* what another hart does meanwhile */

static size_t dev_write(const char *buf, size_t len)
{
    assert_int_equal(fake_locks_held, 1);
    if (dev_write_hook != NULL)
        dev_write_hook();
    if (stuck)
        return 0;
    if (byte_ticks != 0) {
        if (fake_timer_now >= empty_at)
            fifo_room = 16;
        len = len < fifo_room ? len : fifo_room;
        fifo_room -= len;
        if (len != 0)
            empty_at = fake_timer_now + 16 * byte_ticks;
    }
    if (fake_lock_count != held_lock)
        held_bytes = 0;
    held_lock = fake_lock_count;
    held_bytes += len;
    if (held_bytes > held_most)
        held_most = held_bytes;
    fake_timer_now += len * write_ticks;
    emit(buf, len);
    return len;
}

static size_t dev_write_panic(const char *buf, size_t len)
{
    if (stuck)
        return 0;
    panic_writes++;
    emit(buf, 1);
    return len != 0;
}

static int dev_read(void)
{
    if (lost_input != 0) {
        lost_input--;
        return CONSOLE_READ_LOST;
    }
    if (typed_len == 0)
        return CONSOLE_READ_NONE;
    typed_len--;
    return (uint8_t)*typed++;
}

static void dev_set_irqs(unsigned which)
{
    assert_int_equal(fake_locks_held, 1);
    irqs = which;
}

static bool dev_is_idle(void)
{
    return ++idle_looks >= 3;
}

static const struct console_ops dev = {
    .name = "test",
    .write = dev_write,
    .write_panic = dev_write_panic,
    .read = dev_read,
    .set_irqs = dev_set_irqs,
    .is_idle = dev_is_idle,
};

static const struct console_ops *device;
static int irq_answer;
static void (*irq_fn)(void *arg);
static struct platform plat = {.uart = {.irq = 10}};

const struct console_ops *console_device_get(void)
{
    return device;
}

int hostirq_request(uint32_t source, unsigned hart, void (*fn)(void *arg), void *arg)
{
    (void)hart;
    (void)arg;
    assert_int_equal(source, 10);
    irq_fn = fn;
    return irq_answer;
}

bool sbi_client_putchar(char c)
{
    firmware_bytes++;
    emit(&c, 1);
    return true;
}

int sbi_client_getchar(void)
{
    return dev_read();
}

/* ---- clients ---- */

static void end_input(void *owner)
{
    struct end *e = owner;

    assert_int_equal(fake_locks_held, 0);
    e->inputs++;
}

static void end_room(void *owner)
{
    struct end *e = owner;
    size_t n;

    assert_int_equal(fake_locks_held, 0);
    e->rooms++;
    n = console_client_write(e->c, e->waiting, e->waiting_len);
    e->waiting_len -= n;
    memmove(e->waiting, e->waiting + n, e->waiting_len);
}

static void end_charge(void *owner, uint64_t ticks)
{
    struct end *e = owner;

    assert_int_equal(fake_locks_held, 1);
    e->charged += ticks;
}

static const struct console_client_ops end_ops = {
    .input = end_input, .room = end_room, .charge = end_charge};

static void shell_input(void *owner)
{
    assert_null(owner);
    assert_int_equal(fake_locks_held, 0);
    shell_inputs++;
}

static void shell_has_room(void *owner)
{
    assert_null(owner);
    assert_int_equal(fake_locks_held, 0);
    shell_rooms++;
}

static const struct console_client_ops shell_ops = {
    .input = shell_input,
    .room = shell_has_room,
    .cancel_key = 3,
    .has_lost_mark = true,
};

TEST void end_add(unsigned i, const char *name, bool buffered)
{
    struct end *e = &ends[i];

    memset(e, 0, sizeof(*e));
    strcpy(e->name, name);
    e->c = console_client_create(&end_ops, e);
    assert_non_null(e->c);
    console_client_list(e->c, e->name, i, buffered);
}

TEST void vm_add(unsigned i, const char *name)
{
    end_add(i, name, false);
}

/* From now on Ctrl-] attaches a shell. */
TEST void shell_add(void)
{
    shell = console_client_create(&shell_ops, NULL);
    assert_non_null(shell);
    console_set_shell(shell);
}

TEST void shell_clear(void)
{
    char byte;

    while (console_client_read(shell, &byte, 1) == 1)
        ;
}

TEST void expect_at_shell(const char *want)
{
    char got[64];
    const size_t n = console_client_read(shell, got, sizeof(got) - 1);

    got[n] = '\0';
    assert_string_equal(got, want);
}

TEST void reset_out(void)
{
    out_len = 0;
    out[0] = '\0';
}

/* Sets the device, for which output does not wait. */
TEST void use(const struct console_ops *d)
{
    device = d;
    console_init_device();
    console_start(&plat);
}

static int setup(void **state)
{
    (void)state;
    fake_timer_reset();
    byte_ticks = write_ticks = 0;
    stuck = false;
    empty_at = 0;
    lost_input = irqs = 0;
    typed_len = 0;
    irq_answer = 0;
    dev_write_hook = NULL;
    console_init();
    use(&dev);
    reset_out();
    idle_looks = panic_writes = firmware_bytes = 0;
    held_most = 0;
    shell_inputs = shell_rooms = 0;
    return 0;
}

/* Raises one interrupt: now if there is input, else when the device has room. False: none is
 * enabled. */
TEST bool interrupt(void)
{
    const bool received = (irqs & CONSOLE_IRQ_RX) != 0 && typed_len != 0;

    if (!received && (irqs & CONSOLE_IRQ_TX) == 0)
        return false;
    if (!received && fake_timer_now < empty_at)
        fake_timer_now = empty_at;
    irq_fn(NULL);
    return true;
}

/* Runs interrupts and timers until there is nothing left to do. */
TEST void pump(void)
{
    for (unsigned i = 0;; i++) {
        assert_true(i < 1000000);
        if (!interrupt()) {
            if (fake_timer_armed[0] == NULL)
                return;
            fake_timer_now = fake_timer_next(0);
        }
        fake_timer_run(0);
    }
}

static int teardown(void **state)
{
    (void)state;
    byte_ticks = write_ticks = 0;
    stuck = false;
    empty_at = 0;
    fake_timer_step = 0;
    pump();
    if (console_shell_attached()) {
        end_add(ARRAY_SIZE(ends) - 1, "last", false);
        console_attach(ends[ARRAY_SIZE(ends) - 1].c);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        if (ends[i].c != NULL) {
            console_client_unlist(ends[i].c);
            console_client_destroy(ends[i].c);
        }
        ends[i].c = NULL;
    }
    console_set_shell(NULL);
    console_client_destroy(shell);
    shell = NULL;
    pump();
    console_write("\n", 1); /* the next test finds an empty line */
    assert_int_equal(fake_pages_out, 0);
    assert_int_equal(fake_locks_held, 0);
    return 0;
}

/* ---- actions of clients ---- */

TEST size_t put(unsigned i, const char *buf, size_t len)
{
    return console_client_write(ends[i].c, buf, len);
}

TEST void say(unsigned i, const char *text)
{
    assert_int_equal(put(i, text, strlen(text)), strlen(text));
}

/* Types these bytes, as far as the console reads the device. */
TEST void type(const char *bytes, size_t len)
{
    typed = bytes;
    typed_len = len;
    while ((irqs & CONSOLE_IRQ_RX) != 0 && typed_len != 0)
        irq_fn(NULL);
}

TEST size_t take(unsigned i, char *buf, size_t len)
{
    return console_client_read(ends[i].c, buf, len);
}

TEST void __attribute__((format(printf, 2, 3))) log_end_line(unsigned i, const char *fmt, ...)
{
    const struct log_subject subject = {.name = ends[i].name, .sink = ends[i].c};
    va_list args;

    va_start(args, fmt);
    log_about(&subject, fmt, args);
    va_end(args);
}

TEST bool log_text(unsigned i, const char *text, size_t len)
{
    const struct log_subject subject = {.name = ends[i].name, .sink = ends[i].c};

    return log_about_text(&subject, "Guest Log: ", text, len);
}

TEST struct console_counts counts(void)
{
    struct console_counts c;

    assert_string_equal(console_counts(&c), device->name);
    return c;
}

TEST void expect(const char *want)
{
    assert_string_equal(out, want);
    reset_out();
}
