/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sched_sim.c - core/sched/ over random workloads: a model of harts, interrupts and guests
 * that only run, sleep and wake, on a clock that jumps from event to event. After every step: the
 * sums of each queue are right, no vcpu is in two places or runs where it may not, the highest
 * priority runs, and no hart sleeps while a vcpu waits that it may run.
 */
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <hearth/core/hart_sched.h>
#include <hearth/kernel/ipi.h>
#include <hearth/core/sched.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#include <stdlib.h>

#define US     10u /* ticks */
#define MS     10000u
#define SLICE  (3 * MS)
#define PERIOD (20 * MS) /* of caps */
#define VCPUS  24
#define HARTS  4
#define NEVER  UINT64_MAX

/* A guest: runs for `burst` ticks of its own time, then sleeps; 0: never sleeps. */
struct guest {
    struct vcpu *v;
    uint64_t burst, nap;    /* means */
    uint64_t run_left;      /* of this burst */
    uint64_t wake_at;       /* asleep until */
    uint64_t ran, ran_from; /* ticks run so far; when it got its hart */
    uint64_t waits_from;    /* when it began to wait for a hart */
    uint64_t longest_wait;
    bool stops;              /* its VM ends after the burst */
    uint64_t window_ran[16]; /* `ran` at the ends of the last periods */
};

static struct vm vms[VCPUS];
static struct vcpu vcpus[VCPUS];
static struct guest guests[VCPUS];
static unsigned n_vcpus, n_vms;
static bool ipi[HARTS];
static uint64_t seed;
static unsigned steps;

void ipi_send(unsigned hart)
{
    assert_true(hart < harts_count);
    ipi[hart] = true;
}

static uint64_t any(uint64_t below)
{
    return fake_random(&seed) % below;
}

/* The following operations run on some hart, in an interrupt. */
static void somewhere(void)
{
    const unsigned i = (unsigned)any(harts_count);

    fake_this_hart = harts[i];
    ipi[i] = true;
}

static struct guest *guest_of(const struct vcpu *v)
{
    return &guests[v - vcpus];
}

/* ---- the machine ---- */

static void machine(unsigned harts_wanted, uint64_t with_seed)
{
    (void)fake_reset(NULL);
    seed = with_seed;
    harts_count = harts_wanted;
    fake_timer_reset();
    fake_timer_now = 1 + any(1000) * MS;
    n_vcpus = n_vms = 0;
    memset(guests, 0, sizeof(guests));
    memset(ipi, 0, sizeof(ipi));
    for (unsigned i = 0; i < HARTS; i++) {
        sched_init_hart(harts[i]);
        if (i < harts_wanted)
            sched_hart_online(harts[i]);
    }
    for (unsigned i = 0; i < harts_wanted; i++) {
        fake_this_hart = harts[i];
        assert_null(sched_next(harts[i])); /* it sleeps */
    }
}

static struct vm *add_vm(unsigned count)
{
    struct vm *vm = &vms[n_vms++];

    memset(vm, 0, sizeof(*vm));
    vm->config.vcpus = count;
    assert_int_equal(sched_vm_init(vm), 0);
    for (unsigned i = 0; i < count; i++) {
        struct vcpu *v = &vcpus[n_vcpus];

        memset(v, 0, sizeof(*v));
        v->vm = vm;
        v->id = i;
        vm->vcpus[i] = v;
        sched_vcpu_init(v);
        guests[n_vcpus++] = (struct guest){.v = v, .wake_at = NEVER, .waits_from = NEVER};
    }
    return vm;
}

/* The worker's work: `burst` ticks each time, `nap` after the last. */
static struct guest *add_worker(struct vm *vm)
{
    struct vcpu *v = &vcpus[n_vcpus];
    struct guest *g = &guests[n_vcpus++];

    memset(v, 0, sizeof(*v));
    v->vm = vm;
    v->worker = true;
    vm->worker.vcpu = v;
    sched_vcpu_init(v);
    *g = (struct guest){.v = v, .wake_at = NEVER, .waits_from = NEVER};
    return g;
}

static void begin_burst(struct guest *g)
{
    g->run_left = g->burst != 0 ? 1 + any(2 * g->burst) : NEVER;
}

/* run.c's part on a hart between two guests: the running one has left by `how`. */
enum how { REQUEUE, YIELD, BLOCK };

static void switch_on(struct hart *h, enum how how)
{
    static unsigned leaves;
    struct vcpu *v = hart_sched(h)->running, *next = NULL;

    fake_this_hart = h;
    if (v != NULL) {
        struct guest *g = guest_of(v);
        const uint64_t ran = fake_timer_now - g->ran_from;

        g->ran += ran;
        if (g->run_left != NEVER)
            g->run_left -= MIN(ran, g->run_left);
        g->waits_from = fake_timer_now;
        if (v->worker) {
            const bool rests = how == BLOCK && sched_worker_idle(v);

            sched_worker_ends(v, rests);
            if (rests) {
                g->wake_at = fake_timer_now + 1 + any(2 * g->nap);
                g->waits_from = NEVER;
            }
        } else if (how == BLOCK && g->stops) {
            sched_stop(v);
            v->vm->vcpus_active--;
            g->wake_at = NEVER - 1;
            g->waits_from = NEVER;
        } else if (how == BLOCK && sched_block(v)) {
            g->wake_at = fake_timer_now + 1 + any(2 * g->nap);
            g->waits_from = NEVER;
        } else {
            if (++leaves % 2 == 0) /* both ways have the same result */
                next = sched_exchange(v, how == YIELD);
            else
                sched_requeue(v, how == YIELD);
        }
    }
    v = next != NULL ? next : sched_next(h);
    if (h->current != NULL && h->current != v && (v != NULL || sched_must_unload(h, h->current))) {
        struct vcpu *old = h->current;

        h->current = NULL;
        sched_unloaded(h, old);
    }
    if (v == NULL)
        return;
    assert_true(v->hart == NULL || v->hart == h);
    if (v->worker) {
        sched_worker_begins(v);
    } else {
        h->current = v;
        v->hart = h;
        sched_contention_changed(h);
    }
    guest_of(v)->ran_from = fake_timer_now;
    if (guest_of(v)->waits_from != NEVER) {
        const uint64_t waited = fake_timer_now - guest_of(v)->waits_from;

        if (waited > guest_of(v)->longest_wait)
            guest_of(v)->longest_wait = waited;
        guest_of(v)->waits_from = NEVER;
    }
    if (guest_of(v)->run_left == 0)
        begin_burst(guest_of(v));
}

static bool has_work(const struct hart *h)
{
    return hart_sched(h)->queued != 0 || (h->current != NULL && sched_must_unload(h, h->current));
}

/* Takes interrupts and their consequences until there is none left at this moment. */
static void settle(void)
{
    bool again = true;

    for (unsigned rounds = 0; again; rounds++) {
        again = false;
        assert_true(rounds < 200);
        for (unsigned i = 0; i < harts_count; i++) {
            struct hart *h = harts[i];
            bool woken = false;

            fake_this_hart = h;
            if (ipi[i]) {
                ipi[i] = false;
                woken = true;
                sched_contention_changed(h);
            }
            if (fake_timer_next(i) <= fake_timer_now) {
                woken = true;
                fake_timer_run(i);
            }
            woken |= hart_sched(h)->running == NULL && has_work(h); /* it was about to sleep */
            if (hart_sched(h)->running == NULL ? woken : h->resched != 0) {
                woken = true;
                switch_on(h, REQUEUE);
            }
            again |= woken;
        }
    }
}

static uint64_t burst_end(const struct hart *h)
{
    const struct vcpu *v = hart_sched(h)->running;

    if (v == NULL || guest_of(v)->run_left == NEVER)
        return NEVER;
    return guest_of(v)->ran_from + guest_of(v)->run_left;
}

static void check(void);

/* Goes to the next event, at most until `end`; exits come a little late. */
static void step(uint64_t end)
{
    uint64_t next = end;

    for (unsigned i = 0; i < harts_count; i++) {
        const uint64_t due = fake_timer_next(i);

        if (due != NEVER && due + any(3 * US) < next)
            next = due + any(3 * US);
        next = MIN(next, burst_end(harts[i]));
    }
    for (unsigned i = 0; i < n_vcpus; i++)
        next = MIN(next, guests[i].wake_at);
    fake_timer_now = MAX(next, fake_timer_now);
    for (unsigned i = 0; i < harts_count; i++)
        if (burst_end(harts[i]) <= fake_timer_now)
            switch_on(harts[i], any(8) == 0 ? YIELD : BLOCK);
    for (unsigned i = 0; i < n_vcpus; i++)
        if (guests[i].wake_at <= fake_timer_now) {
            guests[i].wake_at = NEVER;
            guests[i].waits_from = fake_timer_now;
            somewhere(); /* the interrupt is taken */
            sched_wake(guests[i].v);
        }
    settle();
    steps++;
    check();
}

static void start(struct vm *vm)
{
    vm->vcpus_active = vm->config.vcpus;
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        guest_of(vm->vcpus[i])->waits_from = fake_timer_now;
        begin_burst(guest_of(vm->vcpus[i]));
        somewhere();
        sched_start(vm->vcpus[i]);
    }
    settle();
}

/* The worker gets its first item. */
static void give_work(struct guest *g)
{
    g->waits_from = fake_timer_now;
    begin_burst(g);
    somewhere();
    sched_wake(g->v);
    settle();
}

static uint64_t ran(const struct guest *g)
{
    const struct hart *h = g->v->hart;

    return g->ran +
           (h != NULL && hart_sched(h)->running == g->v ? fake_timer_now - g->ran_from : 0);
}

static void run_for(uint64_t ticks)
{
    const uint64_t end = fake_timer_now + ticks;

    while (fake_timer_now < end)
        step(end);
}

/* ---- invariants ---- */

static unsigned check_tree(const struct hart *h, const struct tree *t, bool fair)
{
    const struct sched_hart *q = hart_sched(h);
    int64_t sum = 0;
    uint64_t load = 0, last = 0;
    unsigned count = 0;

    struct tree_walk walk = tree_walk_from_first(t);
    struct tree_node *n;

    while ((n = tree_walk_next(&walk)) != NULL) {
        const struct vcpu *v = container_of(n, struct vcpu, sched.node);

        assert_true(v->sched.queued && v->run_state == VCPU_RUNNABLE);
        assert_int_equal(v->sched.home, h->index);
        assert_false(v->sched.throttled || v->sched.moving);
        assert_int_equal(v->sched.params.priority == 0, fair);
        assert_true(v->sched.params.affinity & BIT(h->index));
        assert_true(v->hart == NULL || (v->hart == h && h->current == v && !v->worker));
        assert_true(count == 0 || !tree_before(n->key, last));
        if (q->running != NULL)
            assert_true(v->sched.params.priority <= q->running->sched.params.priority);
        last = n->key;
        sum += (int64_t)(v->sched.vruntime - q->base) * v->sched.params.weight;
        load += v->sched.params.weight;
        count++;
    }
    if (fair) {
        assert_int_equal(q->sum, sum);
        assert_int_equal(q->load, load);
    }
    return count;
}

/* No vcpu that may run on this sleeping hart waits anywhere. */
static void check_idle(const struct hart *h)
{
    assert_true(hart_sched(h)->idle);
    for (unsigned i = 0; i < n_vcpus; i++) {
        const struct vcpu *v = &vcpus[i];

        assert_false(v->sched.queued && v->hart == NULL &&
                     (v->sched.params.affinity & BIT(h->index)));
    }
}

static void check(void)
{
    unsigned queued = 0;

    for (unsigned i = 0; i < harts_count; i++) {
        const struct hart *h = harts[i];
        const struct sched_hart *q = hart_sched(h);
        const struct vcpu *r = q->running;
        const unsigned here = check_tree(h, &q->fair, true) + check_tree(h, &q->fixed, false);

        assert_int_equal(here, q->queued);
        queued += here;
        if (r == NULL) {
            check_idle(h);
            continue;
        }
        assert_true(r->run_state == VCPU_RUNNING && !r->sched.queued);
        assert_ptr_equal(r->worker ? NULL : r, h->current);
        assert_ptr_equal(r->worker ? r : NULL, q->worker);
        assert_true(r->sched.params.affinity & BIT(i));
        if (r->worker) {
            assert_true(here == 0 || r->sched.params.priority != 0 ||
                        h->slice <= fake_timer_now + SLICE + 1);
            continue;
        }
        /* Others wait, or it has a cap: WFI traps, and its slice ends. It may have become
         * alone without being told: seen when its turn ends. */
        if (here != 0 || r->sched.cap.quota != 0 || r->vm->sched.budget.quota != 0)
            assert_true(r->ctx.hstatus & HSTATUS_VTW);
        if (!(r->ctx.hstatus & HSTATUS_VTW))
            assert_int_equal(h->slice, NEVER);
        if (here != 0 && tree_first(&q->fixed) == NULL && r->sched.params.priority == 0)
            assert_true(h->slice <= fake_timer_now + SLICE + 1);
    }
    for (unsigned i = 0; i < n_vcpus; i++)
        if (vcpus[i].sched.queued)
            queued--;
    assert_int_equal(queued, 0);
}

/* ---- workloads ---- */

static uint64_t total_weight(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < n_vcpus; i++)
        sum += vcpus[i].sched.params.weight;
    return sum;
}

/* The longest wait of a vcpu that always wants to run; load: the weight of all. A slice puts it
 * ahead of its share by slice * load / weight at most; then its deadline is as far off; and the
 * running vcpu may finish its slice, which an exit ends a little late. */
static uint64_t bound(const struct vcpu *v, uint64_t load)
{
    return 2 * SLICE * load / v->sched.params.weight + 2 * SLICE + 10 * US;
}

static void set_weight(struct vcpu *v, uint32_t weight)
{
    assert_int_equal(sched_set_weight(v->vm, v->id, weight), 0);
}

/* All always want to run, on one hart: after 100 slices the shares are within 1 % of the weights.
 * */
static void test_shares(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 400; s++) {
        uint64_t load, from, most = 0;

        machine(1, s);
        for (unsigned i = 2 + (unsigned)any(10); i > 0; i--)
            add_vm(1);
        for (unsigned i = 0; i < n_vcpus; i++)
            set_weight(&vcpus[i], 20 + (uint32_t)any(s % 2 ? 100 : 1000));
        for (unsigned i = 0; i < n_vms; i++)
            start(&vms[i]);
        load = total_weight();
        for (unsigned i = 0; i < n_vcpus; i++)
            most = MAX(most, load / vcpus[i].sched.params.weight + 1);
        from = fake_timer_now;
        for (unsigned i = 0; i < n_vcpus; i++)
            guests[i].ran = 0, guests[i].ran_from = from;
        run_for(100 * SLICE); /* 100 slices in all: within 1 % of the whole */
        for (unsigned i = 0; i < n_vcpus; i++) {
            const uint64_t due = 100ull * SLICE * vcpus[i].sched.params.weight / load;

            assert_in_range(ran(&guests[i]), due - MIN(due, SLICE), due + SLICE);
        }
        run_for(100 * SLICE * (most - 1)); /* 100 slices each: within 1 % of its own share */
        for (unsigned i = 0; i < n_vcpus; i++) {
            const uint64_t due = (fake_timer_now - from) * vcpus[i].sched.params.weight / load;

            assert_in_range(ran(&guests[i]), due - due / 100, due + due / 100);
            assert_true(guests[i].longest_wait <= bound(&vcpus[i], load));
        }
    }
}

/* Time charged to a VM comes out of its share and its cap. */
static void test_charge(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 100; s++) {
        uint64_t charged[4] = {0}, total, from;

        machine(1, s);
        for (unsigned i = 0; i < 4; i++)
            set_weight(add_vm(1)->vcpus[0], 100 * (i + 1));
        for (unsigned i = 0; i < n_vms; i++)
            start(&vms[i]);
        from = fake_timer_now;
        for (unsigned i = 0; i < n_vcpus; i++)
            guests[i].ran = 0, guests[i].ran_from = from;
        while (fake_timer_now < from + 400 * SLICE) {
            const unsigned i = (unsigned)any(4);
            const uint64_t ticks = any(200 * US);

            run_for(any(2 * MS));
            charged[i] += ticks;
            sched_charge(&vms[i], ticks);
        }
        total = fake_timer_now - from;
        for (unsigned i = 0; i < 4; i++)
            total += charged[i];
        for (unsigned i = 0; i < 4; i++) {
            const uint64_t due = total * (i + 1) / 10;

            assert_in_range(ran(&guests[i]) + charged[i], due - 2 * SLICE, due + 2 * SLICE);
            assert_int_equal(vms[i].sched.charged, charged[i]);
        }
    }
    for (unsigned own = 0; own < 2; own++) { /* the VM's cap, then the vcpu's */
        machine(1, 1);
        add_vm(1);
        assert_int_equal(sched_set_cap(&vms[0], own ? 0 : SCHED_ALL, 50), 0);
        start(&vms[0]);
        for (unsigned i = 0; i < 50; i++) {
            run_for(PERIOD);
            sched_charge(&vms[0], PERIOD / 10);
        }
        assert_in_range(ran(&guests[0]), 19 * PERIOD, 21 * PERIOD);
    }
}

/* Start of the time over which shares are measured. */
static uint64_t count_from_now(void)
{
    for (unsigned i = 0; i < n_vcpus; i++)
        guests[i].ran = 0, guests[i].ran_from = fake_timer_now;
    return fake_timer_now;
}

static void in_share(uint64_t had, uint64_t total, uint64_t weight, uint64_t all)
{
    const uint64_t due = total * weight / all;

    assert_in_range(had, due - MIN(due, 3 * SLICE), due + 3 * SLICE);
}

/* A VM with work, beside computing vcpus or instead of them, gets the share of its vcpus; the work
 * gets some of that, and at most half of a vcpu's share. */
static void test_work_share(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 100; s++) {
        const bool loads = s % 2;
        struct guest *w;
        uint64_t load, from, both;

        machine(1, s);
        for (unsigned i = 2 + (unsigned)any(4); i > 0; i--)
            add_vm(1);
        w = add_worker(&vms[0]);
        for (unsigned i = 0; i < n_vms; i++)
            set_weight(vms[i].vcpus[0], 20 + (uint32_t)any(300));
        load = total_weight() - w->v->sched.params.weight;
        for (unsigned i = loads; i < n_vms; i++)
            start(&vms[i]);
        give_work(w);
        run_for(20 * SLICE);
        from = count_from_now();
        run_for(600 * SLICE);
        both = ran(w) + ran(&guests[0]);
        in_share(both, fake_timer_now - from, guests[0].v->sched.params.weight, load);
        for (unsigned i = 1; i < n_vms; i++)
            in_share(ran(&guests[i]), fake_timer_now - from, guests[i].v->sched.params.weight,
                     load);
        if (!loads)
            assert_in_range(ran(w), both * 2 / 5, both * 3 / 5);
    }
}

/* A VM that loads and runs by turns, for ever, gets its share by weight, not more and not much
 * less, and no more than its cap: lag is carried over. Without others it gets the whole hart. */
static void restart_for_ever(uint32_t weight, uint32_t cap, unsigned others)
{
    struct vm *vm;
    struct guest *g, *w;
    uint64_t from, had, due;

    machine(1, weight + cap);
    vm = add_vm(1);
    g = &guests[0];
    w = add_worker(vm);
    set_weight(g->v, weight);
    assert_int_equal(sched_set_cap(vm, SCHED_ALL, cap), 0);
    for (unsigned i = 0; i < others; i++)
        start(add_vm(1));
    w->burst = 5 * SLICE;
    g->burst = SLICE;
    g->stops = true;
    w->nap = 1000000 * SLICE; /* later than the end of the test */
    from = count_from_now();
    give_work(w);
    while (fake_timer_now < from + 4000ull * MS) {
        step(from + 4000ull * MS);
        if (w->wake_at != NEVER) { /* loaded */
            w->wake_at = NEVER;
            start(vm);
        } else if (g->wake_at != NEVER) { /* it restarts */
            g->wake_at = NEVER;
            give_work(w);
        }
    }
    had = ran(g) + ran(w);
    due = (fake_timer_now - from) * weight / (weight + 100 * others);
    if (cap == 0) /* a vcpu that stops loses positive lag */
        assert_in_range(had, due - MIN(due, due / 10 + 3 * SLICE), due + 3 * SLICE);
    else
        assert_true(had <= (fake_timer_now - from) * cap / 100 + 2 * PERIOD * cap / 100);
    if (cap != 0 && others == 0)
        assert_true(had >= (fake_timer_now - from) * cap / 100 - 2 * PERIOD * cap / 100 - SLICE);
}

static void test_restarts(void **state)
{
    (void)state;
    for (uint32_t weight = 10; weight <= 1000; weight *= 10)
        for (unsigned others = 0; others < 4; others++) {
            restart_for_ever(weight, 0, others);
            restart_for_ever(weight, 5, others);
        }
}

/* A vcpu with a priority preempts a VM that loads, whatever that VM's priority; work for which the
 * vcpus may wait in a loop has their priority. */
static void test_work_priority(void **state)
{
    struct guest *w, *other;

    (void)state;
    machine(1, 1);
    w = add_worker(add_vm(1));
    assert_int_equal(sched_set_priority(&vms[0], SCHED_ALL, 50), 0);
    other = &guests[n_vcpus];
    assert_int_equal(sched_set_priority(add_vm(1), 0, 1), 0);
    give_work(w);
    run_for(10 * SLICE);
    assert_int_equal(ran(w), 10 * SLICE); /* no other vcpu wants the hart */
    start(&vms[1]);
    run_for(10 * SLICE);
    assert_int_equal(ran(w), 10 * SLICE);
    assert_int_equal(ran(other), 10 * SLICE);

    machine(1, 1);
    w = add_worker(add_vm(1));
    assert_int_equal(sched_set_priority(&vms[0], SCHED_ALL, 50), 0);
    other = &guests[n_vcpus];
    start(add_vm(1));
    start(&vms[0]);
    give_work(w);
    run_for(20 * SLICE);
    assert_in_range(ran(w), 9 * SLICE, 11 * SLICE);
    assert_true(ran(other) < US);
}

static void random_guest(struct guest *g)
{
    if (any(3) != 0) {
        g->burst = 1 + any(any(2) ? 5 * MS : 200 * US);
        g->nap = 1 + any(any(2) ? 10 * MS : 300 * US);
    }
}

static void random_vms(bool workers)
{
    while (n_vcpus < VCPUS - 5 && (n_vcpus < 2 || any(6) != 0)) {
        struct vm *vm = add_vm(1 + (unsigned)any(4));

        if (workers && any(2))
            add_worker(vm);
    }
    for (unsigned i = 0; i < n_vcpus; i++) {
        random_guest(&guests[i]);
        if (!guests[i].v->worker)
            set_weight(&vcpus[i], 1 + (uint32_t)any(any(2) ? 10000 : 200));
    }
}

/* Sleepers come and go on one hart: a vcpu waits no longer than twice its bound, because the others
 * may be behind their shares. */
static void test_waits(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 400; s++) {
        machine(1, s);
        random_vms(false);
        for (unsigned i = 0; i < n_vcpus; i++)
            set_weight(&vcpus[i], 50 + (uint32_t)any(400));
        for (unsigned i = 0; i < n_vms; i++)
            start(&vms[i]);
        run_for(500 * MS);
        for (unsigned i = 0; i < n_vcpus; i++) {
            struct guest *g = &guests[i];

            if (g->waits_from != NEVER)
                g->longest_wait = MAX(g->longest_wait, fake_timer_now - g->waits_from);
            assert_true(g->longest_wait <= 2 * bound(g->v, total_weight()));
        }
    }
}

static void work_for_all(void)
{
    for (unsigned i = 0; i < n_vms; i++)
        if (vms[i].worker.vcpu != NULL)
            give_work(guest_of(vms[i].worker.vcpu));
}

/* A random change of a parameter, as by the shell. */
static void change_something(void)
{
    struct vcpu *v = &vcpus[any(n_vcpus)];
    const uint32_t which = any(4) ? v->id : SCHED_ALL;

    somewhere();
    switch (any(4)) {
    case 0:
        assert_int_equal(sched_set_weight(v->vm, which, 1 + (uint32_t)any(10000)), 0);
        break;
    case 1:
        assert_int_equal(sched_set_priority(v->vm, which, (uint32_t)(any(3) ? 0 : any(4))), 0);
        break;
    case 2:
        assert_int_equal(
            sched_set_affinity(v->vm, which, (1 + any(BIT(harts_count) - 1)) | BIT(40)), 0);
        break;
    default:
        assert_int_equal(sched_set_cap(v->vm, which, (uint32_t)(any(3) ? 0 : 1 + any(100))), 0);
    }
    settle();
    check();
}

/* Random operations on several harts; the invariants are the test. */
static void test_anything(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 1500; s++) {
        machine(1 + (unsigned)(s % HARTS), s);
        random_vms(true);
        for (unsigned i = 0; i < n_vms; i++)
            start(&vms[i]);
        work_for_all();
        for (unsigned i = 0; i < 60; i++) {
            run_for(any(3 * MS));
            change_something();
        }
        /* Whatever was set: a vcpu with the highest priority gets its share. */
        somewhere();
        for (unsigned i = 0; i < n_vms; i++) {
            assert_int_equal(sched_set_priority(&vms[i], SCHED_ALL, 0), 0);
            assert_int_equal(sched_set_cap(&vms[i], SCHED_ALL, 0), 0);
        }
        for (unsigned i = 0; i < n_vcpus; i++) {
            assert_int_equal(sched_set_cap(vcpus[i].vm, vcpus[i].id, 0), 0);
            set_weight(&vcpus[i], 100);
            guests[i].ran = 0;
        }
        settle();
        run_for(VCPUS * 4 * SLICE);
        for (unsigned i = 0; i < n_vcpus; i++)
            assert_true(ran(&guests[i]) > 0);
    }
}

/* Over any number of periods (and one more, as they begin anywhere) a vcpu gets no more than its
 * cap; nearly all of it if it always wants to run and is alone. */
static void check_caps(unsigned period)
{
    for (unsigned i = 0; i < n_vms; i++) {
        const struct vm *vm = &vms[i];
        uint64_t of_vm[16] = {0}, now_vm = 0;

        for (unsigned k = 0; k < vm->config.vcpus; k++) {
            struct guest *g = guest_of(vm->vcpus[k]);
            const uint64_t now = ran(g), cap = g->v->sched.params.cap;

            now_vm += now;
            if (k == 0 && vm->worker.vcpu != NULL) {
                struct guest *w = guest_of(vm->worker.vcpu);

                now_vm += ran(w);
                for (unsigned back = 1; back < 16 && back <= period; back++)
                    of_vm[back] += w->window_ran[(period - back) % 16];
                w->window_ran[period % 16] = ran(w);
            }
            for (unsigned back = 1; back < 16 && back <= period; back++) {
                const uint64_t before = g->window_ran[(period - back) % 16];

                of_vm[back] += before;
                if (cap != 0)
                    assert_true(now - before <= (back + 1) * (PERIOD * cap / 100) + 50 * US);
            }
            g->window_ran[period % 16] = now;
        }
        for (unsigned back = 1; back < 16 && back <= period && vm->sched.cap != 0; back++)
            assert_true(now_vm - of_vm[back] <=
                        (back + 1) * (PERIOD * vm->sched.cap / 100) + 200 * US);
    }
}

static void test_caps(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 200; s++) {
        machine(1 + (unsigned)(s % HARTS), s);
        random_vms(true);
        for (unsigned i = 0; i < n_vms; i++)
            if (any(2))
                assert_int_equal(
                    sched_set_cap(&vms[i], SCHED_ALL, 1 + (uint32_t)any(100 * vms[i].config.vcpus)),
                    0);
        for (unsigned i = 0; i < n_vcpus; i++)
            if (any(2))
                assert_int_equal(sched_set_cap(vcpus[i].vm, vcpus[i].id, 1 + (uint32_t)any(100)),
                                 0);
        for (unsigned i = 0; i < n_vms; i++)
            start(&vms[i]);
        work_for_all();
        for (unsigned period = 0; period < 30; period++) {
            check_caps(period);
            run_for(PERIOD);
        }
    }
    for (uint32_t cap = 1; cap < 100; cap += 7) {
        struct vm *vm;

        machine(2, cap);
        vm = add_vm(2); /* the first has a cap of its own, the second its VM's */
        assert_int_equal(sched_set_cap(vm, 0, cap), 0);
        assert_int_equal(sched_set_cap(vm, SCHED_ALL, 100), 0);
        start(vm);
        run_for(50 * PERIOD);
        /* Each of the two is granted half of the VM's. */
        assert_in_range(ran(&guests[0]), 49 * (PERIOD * MIN(cap, 50) / 100) - 10 * US,
                        51 * (PERIOD * MIN(cap, 50) / 100));
        assert_in_range(ran(&guests[0]) + ran(&guests[1]), 49 * PERIOD, 51 * PERIOD);
    }
}

/* More vcpus than harts, not a multiple: all get equal time in the long run. */
static void test_many_harts(void **state)
{
    (void)state;
    for (unsigned harts_wanted = 2; harts_wanted <= HARTS; harts_wanted++)
        for (unsigned n = harts_wanted; n <= 3 * harts_wanted; n++) {
            const uint64_t due = 4000ull * MS * harts_wanted / n;

            machine(harts_wanted, n);
            for (unsigned i = 0; i < n; i++)
                start(add_vm(1));
            run_for(4000 * MS);
            for (unsigned i = 0; i < n; i++)
                assert_in_range(ran(&guests[i]), due - due / 20, due + due / 20);
        }
}

/* A VM's vcpus start on different harts, and stay there while no others run. */
static void test_spread(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 20; s++) {
        uint64_t used = 0;

        machine(HARTS, s);
        start(add_vm(HARTS));
        run_for(100 * MS);
        for (unsigned i = 0; i < HARTS; i++) {
            used |= BIT(vcpus[i].hart->index);
            assert_int_equal(ran(&guests[i]), 100 * MS);
            assert_int_equal(vcpus[i].hart->slice, NEVER); /* no tick, native WFI */
            assert_int_equal(vcpus[i].ctx.hstatus & HSTATUS_VTW, 0);
        }
        assert_int_equal(used, BIT(HARTS) - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),     cmocka_unit_test(test_waits),
        cmocka_unit_test(test_charge),     cmocka_unit_test(test_work_share),
        cmocka_unit_test(test_restarts),   cmocka_unit_test(test_work_priority),
        cmocka_unit_test(test_anything),   cmocka_unit_test(test_caps),
        cmocka_unit_test(test_many_harts), cmocka_unit_test(test_spread),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);

    print_message("%u steps\n", steps);
    return failed;
}
