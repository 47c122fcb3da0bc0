/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.c - creates and frees VMs, and keeps the table of those that exist.
 *
 * An entry of the table is NULL when its VM was destroyed. Readers take no lock: a pointer from
 * vm_get() stays valid until the reader's hart is back in its run loop (vm.h). Locking:
 * vm_list_lock for changes.
 */
#include <abi/sbi.h>
#include <arch/atomic.h>
#include <arch/vs_csr.h>
#include <arch/hfence.h>
#include <hearth/console/console.h>
#include <hearth/lib/errno.h>
#include <hearth/arch/fpu.h>
#include <hearth/kernel/hart.h>
#include <hearth/arch/isa.h>
#include <hearth/kernel/log.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/sched.h>
#include <hearth/core/trace_vcpu.h>
#include <hearth/core/upcalls.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include <string.h>

static struct spinlock vm_list_lock = SPINLOCK_INIT(RANK_VM_LIST);
static struct vm *vms[VMS_MAX]; /* vm_list_lock to change; atomic to read */
static unsigned vms_count;      /* vm_list_lock to change, never decreases; atomic to read */

/* A VM's allocation: its structure, then its worker. */
#define VM_WORKER_OFFSET align_up(sizeof(struct vm), _Alignof(struct vcpu))
#define VM_ORDER         page_order(VM_WORKER_OFFSET + VM_WORKER_SIZE)

unsigned vm_count(void)
{
    return atomic_load_acquire(&vms_count);
}

struct vm *vm_get(unsigned index)
{
    return index < vm_count() ? atomic_load_acquire(&vms[index]) : NULL;
}

struct vm *vm_find(const char *name)
{
    for (unsigned i = 0; i < vm_count(); i++) {
        struct vm *vm = vm_get(i);

        if (vm != NULL && strcmp(vm->config.name, name) == 0)
            return vm;
    }
    return NULL;
}

/* End of the VM's address space; its devices are below its RAM. */
static gpa_t vm_address_end(const struct vm_config *c)
{
    const gpa_t ram = VM_RAM_BASE + c->memory;

    return c->channel_count == 0 ? ram
                                 : MAX(ram, VM_CHANNEL_BASE + c->channel_count * VM_CHANNEL_SIZE);
}

static int vm_map_ram(struct vm *vm)
{
    const unsigned levels = gstage_choose(host_isa.gstage_modes, vm_address_end(&vm->config));
    int err = levels != 0 ? gstage_init(&vm->gstage, levels) : -HV_ERANGE;

    for (uint32_t i = 0; err == 0 && i < vm->memslots.count; i++) {
        const struct memslot *s = &vm->memslots.slot[i];

        err = gstage_map(&vm->gstage, s->gpa, s->hpa, s->size, GSTAGE_R | GSTAGE_W | GSTAGE_X);
        if (err < 0)
            gstage_destroy(&vm->gstage);
    }
    return err;
}

static void vm_destroy_vcpus(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        vcpu_destroy(vm->vcpus[i]);
}

static int vm_create_vcpus(struct vm *vm)
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

/* In reverse order, from the component before `end` to the first. */
static void vm_destroy_components(struct vm *vm, const struct vm_component *const *end)
{
    while (end != vm_components) {
        end--;
        if ((*end)->vm_destroy != NULL)
            (*end)->vm_destroy(vm);
    }
}

/* *failed: the name of the component whose creation failed. */
static int vm_create_components(struct vm *vm, const char **failed)
{
    for (const struct vm_component *const *c = vm_components; *c != NULL; c++) {
        int err = (*c)->vm_create != NULL ? (*c)->vm_create(vm) : 0;

        if (err < 0) {
            *failed = (*c)->name;
            vm_destroy_components(vm, c);
            return err;
        }
    }
    return 0;
}

/* A step that fails undoes the steps before it. *what: the part that could not be created. */
static int vm_build(struct vm *vm, const char **what)
{
    int err;

    *what = "RAM";
    err = memslot_alloc_ram(&vm->memslots, VM_RAM_BASE, vm->config.memory);
    if (err < 0)
        return err;
    *what = "tables";
    err = vm_map_ram(vm);
    if (err < 0)
        goto free_ram;
    vm->console = console_client_create(&vm_console_ops, vm);
    err = vm->console != NULL ? 0 : -HV_ENOMEM;
    if (err < 0)
        goto free_gstage;
    err = vm_create_vcpus(vm);
    if (err < 0)
        goto free_console;
    vm_work_create(vm, (char *)vm + VM_WORKER_OFFSET);
    err = vm_create_components(vm, what);
    if (err == 0)
        return 0;
    vm_work_destroy(vm);
    vm_destroy_vcpus(vm);
free_console:
    console_client_destroy(vm->console);
free_gstage:
    gstage_destroy(&vm->gstage);
free_ram:
    memslot_free_ram(&vm->memslots);
    return err;
}

static const char *build_error(int err)
{
    switch (err) {
    case -HV_EINVAL:
        return "a value is invalid";
    case -HV_ERANGE:
        return "a value is out of range";
    case -HV_EEXIST:
        return "an address or a number is used twice";
    case -HV_ENOSPC:
        return "a table is full";
    default:
        return "a device or the firmware failed";
    }
}

static void log_build_failed(const struct vm_config *config, const char *what, int err)
{
    if (err == -HV_ENOMEM)
        log_error("%s: not enough memory for its %s (%lu MiB asked for, %lu MiB free)",
                  config->name, what, config->memory / MIB, page_alloc_free_bytes() / MIB);
    else
        log_error("%s: its %s cannot be created: %s", config->name, what, build_error(err));
}

/* Puts the VM into the first free entry. 0; -HV_EEXIST: its name is taken; -HV_ENOSPC. */
static int vm_list(struct vm *vm)
{
    unsigned i = 0;
    int err = 0;

    lock_acquire(&vm_list_lock);
    while (i < vms_count && vms[i] != NULL)
        i++;
    if (vm_find(vm->config.name) != NULL) {
        err = -HV_EEXIST;
    } else if (i == VMS_MAX) {
        err = -HV_ENOSPC;
    } else {
        vm->id = i;
        atomic_store_release(&vms[i], vm);
        if (i == vms_count)
            atomic_store_release(&vms_count, i + 1);
        trace_name(i, vm->config.name);
        VM_COMPONENTS_CALL(vm_listed, vm);
    }
    lock_release(&vm_list_lock);
    return err;
}

void vm_unlist(struct vm *vm)
{
    lock_acquire(&vm_list_lock);
    atomic_store_release(&vms[vm->id], NULL);
    VM_COMPONENTS_CALL(vm_unlisted, vm);
    lock_release(&vm_list_lock);
    console_client_unlist(vm->console);
}

void vm_detach(struct vm *vm)
{
    struct hart *h = this_hart();

    VM_COMPONENTS_CALL(vm_detach, vm);
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        fpu_detach(&h->fpu, &vm->vcpus[i]->fpu);
    /* No walk, not even a speculative one, may use tables after they are freed. No vcpu is loaded,
     * so nothing here uses HLV. */
    if (h->current == NULL) {
        hgatp_set(0);
        hfence_gvma_all();
    }
}

void vm_free(struct vm *vm)
{
    const struct vm_component *const *end = vm_components;

    while (*end != NULL)
        end++;
    vm_destroy_components(vm, end);
    vm_work_destroy(vm);
    vm_destroy_vcpus(vm);
    console_client_destroy(vm->console);
    gstage_destroy(&vm->gstage);
    memslot_free_ram(&vm->memslots);
    page_free_virt(vm, VM_ORDER);
}

static int vm_refused(const struct vm_config *config, int err)
{
    log_error("%s: %s", config->name,
              err == -HV_EEXIST ? "a VM of this name exists" : "no more VMs: the table is full");
    return err;
}

int vm_create(const struct vm_config *config, struct vm **out)
{
    struct vm *vm;
    const char *what;
    int err;

    if (vm_find(config->name) != NULL)
        return vm_refused(config, -HV_EEXIST);
    vm = page_alloc_zeroed(VM_ORDER);
    if (vm == NULL) {
        log_error("%s: not enough memory for the VM", config->name);
        return -HV_ENOMEM;
    }
    vm->config = *config;
    lock_init(&vm->lock, RANK_VM);
    lock_init(&vm->remap_lock, RANK_REMAP);
    vm->state = VM_DEFINED;
    vm->stop_reason = "never started";
    if (sched_vm_init(vm) < 0) {
        log_error("%s: affinity: none of its harts is there", config->name);
        page_free_virt(vm, VM_ORDER);
        return -HV_EINVAL;
    }
    err = vm_build(vm, &what);
    if (err < 0) {
        log_build_failed(config, what, err);
        page_free_virt(vm, VM_ORDER);
        return err;
    }
    err = vm_list(vm);
    if (err < 0) {
        vm_free(vm);
        return vm_refused(config, err);
    }
    console_client_list(vm->console, vm->config.name, vm->id, vm->config.policy.console_buffered);
    if (out != NULL)
        *out = vm;
    return 0;
}

void vm_set_wake(struct vm *vm, bool level)
{
    (void)atomic_fetch_add(&vm->wake_lines, level ? 1 : (uint32_t)-1);
    if (!level)
        return;
    atomic_fence_seq(); /* pairs with the suspend, which sets SUSPENDED and then reads wake_lines */
    for (uint32_t i = 0; i < vm->config.vcpus; i++)
        if (vcpu_hsm_state(vm->vcpus[i]) == SBI_HSM_STATE_SUSPENDED)
            vcpu_wake(vm->vcpus[i]);
}
