/*
 * shutdown.c - see shutdown.h.
 *
 * What a Linux guest without any further software in it answers to is Magic SysRq on its serial
 * console: a break on the line, then a key. Sync, remount read-only, power off, each given a
 * second. (Debian's kernel lets all three through; it has no driver for a power key that a board
 * like this one could have.) Guests that know HOST_COMM can be sent a message instead.
 */
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/log.h>
#include <hearth/ipc/messages.h>
#include <hearth/guest/mmio.h>
#include <hearth/monitor/shutdown.h>
#include <hearth/core/vm.h>

static const char sysrq_keys[] = {'s', 'u', 'o'};
static const char message[] = "shutdown";

#define KEY_GAP_US 1000000

/* On the VM's shutdown hart, no lock held. */
static void next_step(struct timer_event *ev)
{
    struct vm *vm = container_of(ev, struct vm, shutdown.timer);
    struct vm_shutdown *s = &vm->shutdown;
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
    struct vm *vm = container_of(w, struct vm, shutdown.work);

    lock_acquire(&vm->lock);
    vm->shutdown.queued = false;
    lock_release(&vm->lock);
    vm->shutdown.step = 0;
    timer_cancel(&vm->shutdown.timer);
    next_step(&vm->shutdown.timer);
    return false;
}

void shutdown_init(struct vm *vm)
{
    vm->shutdown = (struct vm_shutdown){.hart = this_hart()->index,
                                        .work.fn = begin,
                                        .timer = {.deadline = UINT64_MAX, .fn = next_step}};
}

/* 0, or why the guest cannot be asked. */
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
    struct vm_shutdown *s = &vm->shutdown;
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

void shutdown_over(struct vm *vm)
{
    vm->shutdown.asked = 0;
}

void shutdown_forget(struct vm *vm)
{
    if (this_hart()->index == vm->shutdown.hart)
        timer_cancel(&vm->shutdown.timer);
}
