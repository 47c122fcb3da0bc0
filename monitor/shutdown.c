/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shutdown.c - see shutdown.h.
 *
 * A Linux guest without additional software responds to Magic SysRq on its serial console: a
 * break on the line, then a key. Sync, remount read-only, power off, each given a
 * second. (Debian's kernel lets all three through; it has no driver for a power key that a board
 * like this one could have.) Guests that know HOST_COMM can be sent a message instead.
 */
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/log.h>
#include <hearth/ipc/messages.h>
#include <hearth/guest/board.h>
#include <hearth/kernel/timer.h>
#include <hearth/kernel/work.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/monitor/shutdown.h>
#include <hearth/core/vm.h>

static const char sysrq_keys[] = {'s', 'u', 'o'};
static const char message[] = "shutdown";

#define KEY_GAP_US 1000000

/* Locks: vm->lock for the marked fields; the timer and the step belong to the hart `hart`. */
struct vm_shutdown {
    struct vm *vm;
    uint32_t hart;    /* constant: that of the VM's creation */
    bool queued;      /* vm->lock: the work is */
    uint64_t asked;   /* vm->lock: ticks when it was asked; 0: it is not being asked */
    struct work work; /* takes the request to the hart */
    struct timer_event timer;
    uint32_t step;
};

/* On the VM's shutdown hart, no lock held. */
static void next_step(struct timer_event *ev)
{
    struct vm_shutdown *s = container_of(ev, struct vm_shutdown, timer);
    struct vm *vm = s->vm;
    const uint64_t timeout =
        timer_ticks_from_us((uint64_t)vm->config.policy.shutdown_timeout * 1000000);
    uint64_t asked;

    lock_acquire(&vm->lock);
    asked = s->asked;
    if (asked != 0 && timer_now() - asked >= timeout)
        s->asked = 0; /* it may be asked again */
    lock_release(&vm->lock);
    if (asked == 0)
        return;
    if (timer_now() - asked >= timeout) {
        log_vm(vm, "has not shut down within %u s of being asked",
               vm->config.policy.shutdown_timeout);
        return;
    }
    if (vm->config.policy.shutdown == VM_SHUTDOWN_SYSRQ && s->step < ARRAY_SIZE(sysrq_keys)) {
        if (board_console_break(vm, sysrq_keys[s->step]))
            s->step++; /* else its guest has not had the time for the one before */
        timer_arm(ev, MIN(timer_now() + timer_ticks_from_us(KEY_GAP_US), asked + timeout));
        return;
    }
    timer_arm(ev, asked + timeout);
}

static bool begin(struct work *w)
{
    struct vm_shutdown *s = container_of(w, struct vm_shutdown, work);

    lock_acquire(&s->vm->lock);
    s->queued = false;
    lock_release(&s->vm->lock);
    s->step = 0;
    timer_cancel(&s->timer);
    next_step(&s->timer);
    return false;
}

static struct vm_shutdown *shutdown_of(const struct vm *vm)
{
    return vm->slots[VM_SLOT_SHUTDOWN];
}

static int shutdown_create(struct vm *vm)
{
    struct vm_shutdown *s = page_alloc_zeroed(page_order(sizeof(*s)));

    if (s == NULL)
        return -HV_ENOMEM;
    *s = (struct vm_shutdown){.vm = vm,
                              .hart = this_hart()->index,
                              .work.fn = begin,
                              .timer = {.deadline = UINT64_MAX, .fn = next_step}};
    vm->slots[VM_SLOT_SHUTDOWN] = s;
    return 0;
}

static void shutdown_destroy(struct vm *vm)
{
    page_free_virt(shutdown_of(vm), page_order(sizeof(struct vm_shutdown)));
}

/* 0, or the error for which the guest cannot be asked. */
static int ask_by_message(struct vm *vm)
{
    int err;

    if (vm->config.policy.shutdown == VM_SHUTDOWN_NONE)
        return -HV_ENOTSUP;
    if (vm->config.policy.shutdown != VM_SHUTDOWN_MESSAGE)
        return 0;
    err = messages_shell_send(vm, message, sizeof(message) - 1);
    return err == -HV_ENODEV ? -HV_ENOTSUP : err;
}

int shutdown_ask(struct vm *vm)
{
    struct vm_shutdown *s = shutdown_of(vm);
    bool queue = false;
    int err;

    lock_acquire(&vm->lock);
    if (vm->state != VM_RUNNING || vm->destroying)
        err = -HV_EBUSY;
    else if (s->asked != 0)
        err = -HV_EEXIST;
    else
        err = ask_by_message(vm);
    if (err == 0) {
        s->asked = MAX(timer_now(), 1);
        queue = !s->queued;
        s->queued = true;
    }
    if (queue) /* with the lock: before any work that frees the VM can be queued behind it */
        work_queue(harts[s->hart], &s->work);
    lock_release(&vm->lock);
    return err;
}

/* The VM has stopped: cancel the request. */
static void shutdown_over(struct vm *vm)
{
    shutdown_of(vm)->asked = 0;
}

static void shutdown_detach(struct vm *vm)
{
    struct vm_shutdown *s = shutdown_of(vm);

    if (this_hart()->index == s->hart)
        timer_cancel(&s->timer);
}

const struct vm_component shutdown_component = {
    .name = "shutdown",
    .vm_create = shutdown_create,
    .vm_destroy = shutdown_destroy,
    .vm_detach = shutdown_detach,
    .vm_stopping = shutdown_over,
};
