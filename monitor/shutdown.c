/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shutdown.c - see shutdown.h.
 *
 * A Linux guest without additional software responds to Magic SysRq on its serial console: a break
 * condition, then a key. The keys for sync, remount read-only and power off are sent one second
 * apart. (Debian's kernel allows all three, and has no driver for a power key on such a board.)
 * Guests that use HOST_COMM can receive a message instead.
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

static const char shutdown_sysrq_keys[] = {'s', 'u', 'o'};
static const char shutdown_message[] = "shutdown";

#define KEY_GAP_US 1000000

/* Locks: vm->lock for the marked fields; the timer and the step belong to the hart `hart`. */
struct vm_shutdown {
    struct vm *vm;
    uint32_t hart;    /* constant: index of the hart that created the VM */
    bool queued;      /* vm->lock: `work` is queued */
    uint64_t asked;   /* vm->lock: ticks at the request; 0: no request is pending */
    struct work work; /* passes the request to the hart */
    struct timer_event timer;
    uint32_t step;
};

/* On the VM's shutdown hart, no lock held. */
static void shutdown_next_step(struct timer_event *ev)
{
    struct vm_shutdown *s = container_of(ev, struct vm_shutdown, timer);
    struct vm *vm = s->vm;
    const uint64_t timeout =
        timer_ticks_from_us((uint64_t)vm->config.policy.shutdown_timeout * 1000000);
    uint64_t asked;

    lock_acquire(&vm->lock);
    asked = s->asked;
    if (asked != 0 && timer_now() - asked >= timeout)
        s->asked = 0; /* a new request is allowed */
    lock_release(&vm->lock);
    if (asked == 0)
        return;
    if (timer_now() - asked >= timeout) {
        log_vm(vm, "has not shut down within %u s of being asked",
               vm->config.policy.shutdown_timeout);
        return;
    }
    if (vm->config.policy.shutdown == VM_SHUTDOWN_SYSRQ &&
        s->step < ARRAY_SIZE(shutdown_sysrq_keys)) {
        if (board_console_break(vm, shutdown_sysrq_keys[s->step]))
            s->step++; /* else the guest has not read the previous key yet */
        timer_arm(ev, MIN(timer_now() + timer_ticks_from_us(KEY_GAP_US), asked + timeout));
        return;
    }
    timer_arm(ev, asked + timeout);
}

static bool shutdown_begin(struct work *w)
{
    struct vm_shutdown *s = container_of(w, struct vm_shutdown, work);

    lock_acquire(&s->vm->lock);
    s->queued = false;
    lock_release(&s->vm->lock);
    s->step = 0;
    timer_cancel(&s->timer);
    shutdown_next_step(&s->timer);
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
                              .work.fn = shutdown_begin,
                              .timer = {.deadline = UINT64_MAX, .fn = shutdown_next_step}};
    vm->slots[VM_SLOT_SHUTDOWN] = s;
    return 0;
}

static void shutdown_destroy(struct vm *vm)
{
    page_free_virt(shutdown_of(vm), page_order(sizeof(struct vm_shutdown)));
}

/* Sends the message if that is the VM's method. 0, or the reason why a shutdown cannot be
 * requested. */
static int shutdown_ask_by_message(struct vm *vm)
{
    int err;

    if (vm->config.policy.shutdown == VM_SHUTDOWN_NONE)
        return -HV_ENOTSUP;
    if (vm->config.policy.shutdown != VM_SHUTDOWN_MESSAGE)
        return 0;
    err = messages_shell_send(vm, shutdown_message, sizeof(shutdown_message) - 1);
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
        err = shutdown_ask_by_message(vm);
    if (err == 0) {
        s->asked = MAX(timer_now(), 1);
        queue = !s->queued;
        s->queued = true;
    }
    if (queue) /* with the lock, so that work that frees the VM can only be queued after it */
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
