/*
 * vm.c - making VMs, starting and stopping them, and the end of the machine after the last one.
 *
 * A stop is a request: it is recorded, every vcpu is told, and the last one to leave finishes it on
 * its hart, where the VM is then reloaded (reboot) or ended. VMs are created during boot by one
 * hart; the table only grows.
 */
#include <abi/sbi.h>
#include <arch/atomic.h>
#include <hearth/channels.h>
#include <hearth/console.h>
#include <hearth/errno.h>
#include <hearth/hart.h>
#include <hearth/isa.h>
#include <hearth/loader.h>
#include <hearth/log.h>
#include <hearth/machine.h>
#include <hearth/messages.h>
#include <hearth/page_alloc.h>
#include <hearth/sched.h>
#include <hearth/stats.h>
#include <hearth/timer.h>
#include <hearth/vcpu.h>
#include <hearth/vm.h>

static struct vm *vms[VMS_MAX];
static unsigned vms_count;
static uint32_t vms_refused;
static uint32_t boot_done;

unsigned vm_count(void)
{
    return atomic_load_acquire(&vms_count);
}

struct vm *vm_get(unsigned index)
{
    return index < vm_count() ? vms[index] : NULL;
}

void vm_refused(void)
{
    (void)atomic_fetch_add(&vms_refused, 1);
}

static int map_ram(struct vm *vm)
{
    int err = gstage_init(&vm->gstage, host_isa.gstage_levels);

    for (uint32_t i = 0; err == 0 && i < vm->memslots.count; i++) {
        const struct memslot *s = &vm->memslots.slot[i];

        err = gstage_map(&vm->gstage, s->gpa, s->hpa, s->size, GSTAGE_R | GSTAGE_W | GSTAGE_X);
        if (err < 0)
            gstage_destroy(&vm->gstage);
    }
    return err;
}

static int create_vcpus(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        vm->vcpus[i] = vcpu_create(vm, i);
        if (vm->vcpus[i] != NULL)
            continue;
        while (i-- > 0)
            vcpu_destroy(vm->vcpus[i]);
        return -HV_ENOMEM;
    }
    return 0;
}

/* Each step's failure undoes the steps before it. NULL: done; else what is wrong. */
static const char *build(struct vm *vm)
{
    if (memslot_alloc_ram(&vm->memslots, BOARD_RAM_BASE, vm->config.memory) < 0)
        return "not enough memory for its RAM";
    if (map_ram(vm) < 0)
        goto free_ram;
    vm->console = console_guest_create(vm);
    if (vm->console == NULL)
        goto free_gstage;
    if (messages_create(vm) < 0)
        goto free_console;
    if (channels_create(vm) < 0)
        goto free_messages;
    if (sbi_vm_create(vm) < 0)
        goto free_channels;
    if (create_vcpus(vm) < 0)
        goto free_sbi;
    if (board_init(vm) == 0)
        return NULL;
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        vcpu_destroy(vm->vcpus[i]);
free_sbi:
    sbi_vm_destroy(vm);
free_channels:
    channels_destroy(vm);
free_messages:
    messages_destroy(vm);
free_console:
    console_guest_destroy(vm);
free_gstage:
    gstage_destroy(&vm->gstage);
free_ram:
    memslot_free_ram(&vm->memslots);
    return "not enough memory for its tables";
}

struct vm *vm_create(const struct vm_config *config)
{
    struct vm *vm;
    const char *why;

    if (vms_count == VMS_MAX)
        return NULL;
    vm = page_alloc_zeroed(page_order(sizeof(*vm)));
    if (vm == NULL) {
        log_error("%s: not enough memory for the VM", config->name);
        return NULL;
    }
    vm->id = vms_count;
    vm->config = *config;
    lock_init(&vm->lock, RANK_VM);
    lock_init(&vm->remap_lock, RANK_REMAP);
    vm->state = VM_DEFINED;
    if (sched_vm_init(vm) < 0) {
        log_error("%s: affinity: none of its harts is there", config->name);
        page_free_virt(vm, page_order(sizeof(*vm)));
        return NULL;
    }
    why = build(vm);
    if (why != NULL) {
        log_error("%s: %s (%lu MiB asked for, %lu MiB free)", config->name, why,
                  config->memory / MIB, page_alloc_free_bytes() / MIB);
        page_free_virt(vm, page_order(sizeof(*vm)));
        return NULL;
    }
    vms[vms_count] = vm;
    atomic_store_release(&vms_count, vms_count + 1);
    messages_connect(vm);
    return vm;
}

static bool has_ended(enum vm_state state)
{
    return state == VM_OFF || state == VM_CRASHED || state == VM_NOT_STARTED;
}

static void set_state(struct vm *vm, enum vm_state state)
{
    lock_acquire(&vm->lock);
    vm->state = state;
    if (has_ended(state))
        vm->ended_at = timer_now();
    lock_release(&vm->lock);
}

int vm_start(struct vm *vm)
{
    struct loader_result loaded;
    const char *why = NULL;
    int err;

    if (vm->started_at == 0)
        vm->started_at = timer_now();
    board_reset(vm);
    sbi_vm_reset(vm);
    err = loader_load(vm, &loaded, &why);
    if (err < 0) {
        log_error("%s: %s", vm->config.name, why);
        vm->stop_reason = why;
        console_guest_ended(vm);
        set_state(vm, VM_NOT_STARTED);
        return err;
    }
    channels_vm_started(vm);
    vm->time_delta = -timer_now();
    atomic_store_relaxed(&vm->asleep, 0);
    for (unsigned i = 0; i < HARTS_MAX; i++)
        if (vm->last_vcpu[i] != 0) /* new contents: no hart may use what it fetched before */
            vm->last_vcpu[i] = LAST_VCPU_NONE;
    lock_acquire(&vm->lock);
    vm->stop = VM_STOP_NONE;
    vm->state = VM_RUNNING;
    lock_release(&vm->lock);
    return vcpu_hsm_start(vm->vcpus[0], loaded.entry, loaded.fdt);
}

void vm_request_stop(struct vm *vm, enum vm_stop_kind kind, const char *reason)
{
    lock_acquire(&vm->lock);
    if (vm->state != VM_RUNNING) {
        lock_release(&vm->lock);
        return;
    }
    vm->state = VM_STOPPING;
    vm->stop = kind;
    vm->stop_reason = reason;
    /* Under the lock: no vcpu can be told after the VM has already been restarted. */
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        if (vcpu_hsm_state(vm->vcpus[i]) != SBI_HSM_STATE_STOPPED)
            vcpu_request(vm->vcpus[i], VCPU_REQ_STOP);
    lock_release(&vm->lock);
}

void vm_set_wake(struct vm *vm, bool level)
{
    atomic_store_relaxed(&vm->wake_level, level);
    if (!level)
        return;
    atomic_fence_seq(); /* against the suspend, which becomes SUSPENDED and then looks here */
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        if (vcpu_hsm_state(vm->vcpus[i]) == SBI_HSM_STATE_SUSPENDED)
            vcpu_wake(vm->vcpus[i]);
}

static void summarise(const struct vm *vm)
{
    uint64_t exits = 0;
    uint64_t run = 0;

    for (uint32_t i = 0; i < vm->config.vcpus; i++) {
        exits += vm->vcpus[i]->stats.exits;
        run += vm->vcpus[i]->stats.run_ticks;
    }
    log_info("summary: %s: %s (%s), up %lu ms, ran %lu ms, %lu exits, %u restarts", vm->config.name,
             vm->state == VM_CRASHED       ? "crashed"
             : vm->state == VM_NOT_STARTED ? "not started"
                                           : "ended",
             vm->stop_reason, timer_us_from_ticks(vm->ended_at - vm->started_at) / 1000,
             timer_us_from_ticks(run) / 1000, exits, vm->restarts);
    stats_report(vm);
}

static void end_machine_if_done(void)
{
    static uint32_t ending;
    enum machine_exit code =
        atomic_load_relaxed(&vms_refused) ? MACHINE_EXIT_VM_REFUSED : MACHINE_EXIT_OK;

    if (!atomic_load_acquire(&boot_done))
        return;
    for (unsigned i = 0; i < vm_count(); i++) {
        struct vm *vm = vms[i];

        lock_acquire(&vm->lock);
        bool ended = has_ended(vm->state);

        if (vm->state == VM_CRASHED)
            code = MACHINE_EXIT_VM_CRASHED;
        else if (vm->state == VM_NOT_STARTED && code == MACHINE_EXIT_OK)
            code = MACHINE_EXIT_VM_REFUSED;
        lock_release(&vm->lock);
        if (!ended)
            return;
    }
    if (atomic_exchange(&ending, 1) != 0)
        return; /* another hart found the same */
    for (unsigned i = 0; i < vm_count(); i++)
        summarise(vms[i]);
    log_info("machine off: %s",
             code == MACHINE_EXIT_OK ? "all VMs ended" : "not all VMs ended well");
    machine_off(code);
}

void vm_finish_stop(struct vm *vm)
{
    channels_vm_ended(vm);
    if (vm->stop == VM_STOP_REBOOT) {
        vm->restarts++;
        log_vm(vm, "restarts (%s)", vm->stop_reason);
        if (vm_start(vm) == 0)
            return;
    } else {
        /* Before the state says so: from then on another hart may find all VMs ended and end the
         * machine. */
        log_vm(vm, "%s (%s)", vm->stop == VM_STOP_CRASH ? "crashed" : "ended", vm->stop_reason);
        console_guest_ended(vm);
        set_state(vm, vm->stop == VM_STOP_CRASH ? VM_CRASHED : VM_OFF);
    }
    end_machine_if_done();
}

void vm_boot_done(void)
{
    atomic_store_release(&boot_done, 1);
    end_machine_if_done();
}
