/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtc.c - the guest's clock: a Goldfish RTC, nanoseconds since 1970 in two halves, with one alarm.
 * Registers: Android's GOLDFISH-VIRTUAL-HARDWARE, "Goldfish real-time clock", as in QEMU's virt.
 *
 * Guest time = host wall clock + offset. The guest sets its clock by changing the offset, which
 * survives a restart, as in a battery-backed clock.
 *
 * A timer event belongs to a hart, but vcpus that set an alarm move between harts. So there is one
 * event for each hart, and setting an alarm arms the event of the current hart. An event that fires
 * checks under the lock whether an alarm is set and due. Events that earlier alarms left on other
 * harts therefore do no harm, and no event is cancelled across harts. An alarm that is far away is
 * reached in stages: alarm_hart is the hart whose event arms the next stage.
 *
 * Locking: rtc->lock (rank DEVICE) protects all fields except the events. An event is accessed only
 * on its own hart.
 */
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/lock.h>
#include <hearth/guest/board.h>
#include <hearth/kernel/timer.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>
#include <hearth/platform/wallclock.h>
#include <libfdt.h>

enum rtc_reg {
    REG_TIME_LOW = 0x00,
    REG_TIME_HIGH = 0x04,
    REG_ALARM_LOW = 0x08,
    REG_ALARM_HIGH = 0x0c,
    REG_IRQ_ENABLED = 0x10,
    REG_CLEAR_ALARM = 0x14,
    REG_ALARM_STATUS = 0x18,
    REG_CLEAR_INTERRUPT = 0x1c,
};

/* Longest time to which an event is armed. It prevents an overflow in ticks, whatever the guest
 * writes. */
#define STAGE_US (3600ull * 1000 * 1000)

struct rtc_event {
    struct timer_event ev; /* passed to the callback */
    struct vm *vm;
    struct rtc *rtc;
};

struct rtc {
    uint64_t offset;    /* guest time - host wall clock, ns */
    uint64_t alarm;     /* guest time, ns */
    uint32_t time_high; /* latched by the last read of TIME_LOW */
    bool alarm_running;
    bool irq_enabled, irq_pending;
    bool line; /* level last reported to the interrupt controller */

    /* Initialised by rtc_init(), not part of the device's state. A running alarm is armed on one
     * hart. */
    struct spinlock lock;
    const struct vm_device *dev;
    uint32_t alarm_hart;
    struct rtc_event event[HARTS_MAX];
};

static uint64_t rtc_guest_time(const struct rtc *r)
{
    return host_wallclock_ns() + r->offset;
}

static void rtc_update_line(struct vm *vm, struct rtc *r)
{
    bool line = r->irq_pending && r->irq_enabled;

    if (line != r->line) {
        r->line = line;
        vm_set_irq(vm, r->dev->irq, line);
        vm_set_wake(vm, line);
    }
}

/* Fires the running alarm if it is due, else arms this hart's event for its time or the next
 * stage. */
static void rtc_check_alarm(struct vm *vm, struct rtc *r)
{
    uint64_t now = rtc_guest_time(r);
    uint32_t hart = this_hart()->index;

    if (!r->alarm_running)
        return;
    if (r->alarm <= now) {
        r->alarm_running = false;
        r->irq_pending = true;
        rtc_update_line(vm, r);
        return;
    }
    r->alarm_hart = hart;
    timer_arm(&r->event[hart].ev,
              timer_now() + timer_ticks_from_us(MIN((r->alarm - now) / 1000 + 1, STAGE_US)));
}

static void rtc_alarm_event(struct timer_event *ev)
{
    struct rtc_event *e = container_of(ev, struct rtc_event, ev);
    struct rtc *r = e->rtc;

    lock_acquire(&r->lock);
    if (r->alarm_hart == this_hart()->index || r->alarm <= rtc_guest_time(r))
        rtc_check_alarm(e->vm, r);
    lock_release(&r->lock);
}

static void rtc_set_alarm(struct vm *vm, struct rtc *r)
{
    r->alarm_running = true;
    rtc_check_alarm(vm, r);
}

static int rtc_read_locked(struct rtc *r, uint64_t offset, uint64_t *value)
{
    uint64_t now;

    switch (offset) {
    case REG_TIME_LOW:
        now = rtc_guest_time(r);
        r->time_high = (uint32_t)(now >> 32);
        *value = (uint32_t)now;
        return 0;
    case REG_TIME_HIGH:
        *value = r->time_high;
        return 0;
    case REG_ALARM_LOW:
        *value = (uint32_t)r->alarm;
        return 0;
    case REG_ALARM_HIGH:
        *value = r->alarm >> 32;
        return 0;
    case REG_IRQ_ENABLED:
        *value = r->irq_enabled;
        return 0;
    case REG_ALARM_STATUS:
        *value = r->alarm_running;
        return 0;
    case REG_CLEAR_ALARM:
    case REG_CLEAR_INTERRUPT:
        *value = 0;
        return 0;
    default:
        return -HV_EFAULT;
    }
}

static int rtc_write_locked(struct vm *vm, struct rtc *r, uint64_t offset, uint32_t value)
{
    uint64_t now;

    switch (offset) {
    case REG_TIME_LOW: /* drivers write it last: compares the alarm with the new time */
        now = rtc_guest_time(r);
        r->offset += ((now & ~(uint64_t)UINT32_MAX) | value) - now;
        rtc_check_alarm(vm, r);
        return 0;
    case REG_TIME_HIGH:
        now = rtc_guest_time(r);
        r->offset += ((uint64_t)value << 32 | (uint32_t)now) - now;
        return 0;
    case REG_ALARM_LOW: /* drivers write it last: sets the alarm */
        r->alarm = (r->alarm & ~(uint64_t)UINT32_MAX) | value;
        rtc_set_alarm(vm, r);
        return 0;
    case REG_ALARM_HIGH:
        r->alarm = (uint64_t)value << 32 | (uint32_t)r->alarm;
        return 0;
    case REG_IRQ_ENABLED:
        r->irq_enabled = value & 1;
        rtc_update_line(vm, r);
        return 0;
    case REG_CLEAR_ALARM:
        r->alarm_running = false;
        return 0;
    case REG_CLEAR_INTERRUPT:
        r->irq_pending = false;
        rtc_update_line(vm, r);
        return 0;
    case REG_ALARM_STATUS: /* read-only */
        return 0;
    default:
        return -HV_EFAULT;
    }
}

static int rtc_read(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size, uint64_t *value)
{
    struct rtc *r = state;
    int err;

    (void)vcpu;
    (void)size;
    lock_acquire(&r->lock);
    err = rtc_read_locked(r, offset, value);
    lock_release(&r->lock);
    return err;
}

static int rtc_write(struct vcpu *vcpu, void *state, uint64_t offset, unsigned size, uint64_t value)
{
    struct rtc *r = state;
    int err;

    (void)size;
    lock_acquire(&r->lock);
    err = rtc_write_locked(vcpu->vm, r, offset, (uint32_t)value);
    lock_release(&r->lock);
    return err;
}

static int rtc_init(struct vm *vm, struct vm_device *dev)
{
    struct rtc *r = dev->state;

    lock_init(&r->lock, RANK_DEVICE);
    r->dev = dev;
    for (unsigned i = 0; i < HARTS_MAX; i++)
        r->event[i] = (struct rtc_event){
            .ev = {.deadline = UINT64_MAX, .fn = rtc_alarm_event},
            .vm = vm,
            .rtc = r,
        };
    return 0;
}

static void rtc_reset(struct vm *vm, void *state)
{
    struct rtc *r = state;

    lock_acquire(&r->lock);
    r->alarm = 0;
    r->time_high = 0;
    r->alarm_running = r->irq_enabled = r->irq_pending = false;
    rtc_update_line(vm, r);
    lock_release(&r->lock);
}

static void rtc_detach(struct vm *vm, void *state)
{
    struct rtc *r = state;

    (void)vm;
    timer_cancel(&r->event[this_hart()->index].ev);
}

static int rtc_fdt(const struct vm *vm, void *fdt, const struct vm_device *dev)
{
    static const char compatible[] = "google,goldfish-rtc";
    int err = board_fdt_begin(fdt, dev, "rtc", compatible, sizeof(compatible));

    (void)vm;
    err = err ? err : fdt_property_u32(fdt, "interrupts", dev->irq);
    err = err ? err : fdt_property_u32(fdt, "interrupt-parent", BOARD_PHANDLE_PLIC);
    return err ? err : fdt_end_node(fdt);
}

const struct device_ops rtc_ops = {
    .name = "rtc",
    .access_sizes = 4,
    .state_size = sizeof(struct rtc),
    .init = rtc_init,
    .reset = rtc_reset,
    .detach = rtc_detach,
    .read = rtc_read,
    .write = rtc_write,
    .fdt = rtc_fdt,
};
