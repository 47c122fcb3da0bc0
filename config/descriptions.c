/*
 * descriptions.c - see descriptions.h. Locking: the table is constant after boot; the starting is
 * one piece of work and one timer of the boot hart.
 */
#include <hearth/config/descriptions.h>
#include <hearth/lib/errno.h>
#include <hearth/kernel/hart.h>
#include <hearth/core/lifecycle.h>
#include <hearth/kernel/log.h>
#include <hearth/monitor/machine_end.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/monitor/shell.h>
#include <hearth/kernel/work.h>

#include <string.h>

#define LOADING_POLL_US 1000

static struct vm_config *table;
static unsigned count;

static struct {
    uint8_t order[VMS_MAX]; /* indexes of the table, in the order of their start */
    unsigned total, next;
    bool waited; /* for order[next]'s delay */
    struct work work;
    struct timer_event timer;
} starter;

_Static_assert(VMS_MAX <= UINT8_MAX, "starter.order[] has room for an index");

unsigned description_count(void)
{
    return count;
}

const struct vm_config *description_get(unsigned index)
{
    return index < count ? &table[index] : NULL;
}

const struct vm_config *description_find(const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static void report(const struct config_error *error)
{
    log_error("bundle: %s: %s: %s", error->node, error->property, error->problem);
    vm_refused();
}

static bool add(void *arg, const struct vm_config *config, const struct config_error *error)
{
    (void)arg;
    if (error != NULL)
        report(error);
    else
        table[count++] = *config; /* at most VMS_MAX: config_read() */
    return true;
}

int descriptions_read(const void *base, uint64_t size, const char **why)
{
    struct config_error error;
    struct bundle bundle;
    int err = bundle_open(&bundle, base, size, why);

    if (err < 0)
        return err;
    if (management_read(&bundle, &management, &error) < 0)
        report(&error);
    table = page_alloc_zeroed(page_order(VMS_MAX * sizeof(*table)));
    if (table == NULL) {
        *why = "not enough memory for its descriptions";
        return -HV_ENOMEM;
    }
    if (config_read(&bundle, add, NULL) > 0)
        return 0;
    *why = "it describes no VM";
    return -HV_ENOENT;
}

static void begin(const struct vm_config *config)
{
    struct vm *vm;

    if (vm_create(config, &vm) < 0)
        vm_refused();
    else if (vm_start(vm) < 0)
        log_warn("%s: does not start: somebody was faster", config->name);
}

/* Is a VM loaded for the first time? (One that restarts, perhaps for ever, keeps nobody waiting.)
 */
static bool loading(void)
{
    for (unsigned i = 0; i < vm_count(); i++) {
        const struct vm *vm = vm_get(i);

        if (vm != NULL && vm->state == VM_STARTING && vm->restarts == 0)
            return true;
    }
    return false;
}

/* Those with lower orders run before order[next] begins, and its delay counts from then. */
static bool comes_later(void)
{
    const struct vm_policy *policy = &table[starter.order[starter.next]].policy;

    return policy->start_delay != 0 ||
           (starter.next != 0 &&
            table[starter.order[starter.next - 1]].policy.start_order < policy->start_order);
}

/* One VM, or the wait before it. */
static bool start_next(struct work *w)
{
    const struct vm_config *config;

    (void)w;
    if (starter.next == starter.total) {
        vm_boot_done();
        return false;
    }
    config = &table[starter.order[starter.next]];
    if (comes_later() && !starter.waited && loading()) {
        timer_arm(&starter.timer, timer_now() + timer_ticks_from_us(LOADING_POLL_US));
        return false;
    }
    if (config->policy.start_delay != 0 && !starter.waited) {
        starter.waited = true;
        timer_arm(&starter.timer,
                  timer_now() + timer_ticks_from_us(config->policy.start_delay * 1000ull));
        return false;
    }
    starter.waited = false;
    starter.next++;
    begin(config);
    return true;
}

static void delay_over(struct timer_event *ev)
{
    (void)ev;
    work_queue(this_hart(), &starter.work);
}

void descriptions_start(void)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned at = starter.total;

        if (!table[i].policy.autostart)
            continue;
        while (at > 0 &&
               table[starter.order[at - 1]].policy.start_order > table[i].policy.start_order)
            at--;
        memmove(&starter.order[at + 1], &starter.order[at], starter.total - at);
        starter.order[at] = (uint8_t)i;
        starter.total++;
    }
    if (management.shell)
        shell_init();
    starter.work.fn = start_next;
    starter.timer = (struct timer_event){.deadline = UINT64_MAX, .fn = delay_over};
    work_queue(this_hart(), &starter.work);
}
