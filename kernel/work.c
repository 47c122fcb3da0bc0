/* work.c - see work.h. */
#include <arch/atomic.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/work.h>

/* Time for work again: the vcpu that runs gives way (run.c). */
static void gap_ended(struct timer_event *ev)
{
    struct hart *h = container_of(ev, struct hart, work_timer);

    atomic_store_relaxed(&h->work_due, 1);
    atomic_store_relaxed(&h->resched, 1);
}

void work_init_hart(struct hart *h)
{
    lock_init(&h->work_lock, RANK_WORK);
    h->work_timer.deadline = UINT64_MAX;
    h->work_timer.fn = gap_ended;
}

/* With the lock. */
static void append(struct hart *h, struct work *w) __must_hold(&h->work_lock)
{
    w->next = NULL;
    if (h->work_tail != NULL)
        h->work_tail->next = w;
    else
        atomic_store_relaxed(&h->work_head, w);
    h->work_tail = w;
}

static struct work *take(struct hart *h)
{
    struct work *w;

    lock_acquire(&h->work_lock);
    w = h->work_head;
    if (w != NULL) {
        atomic_store_relaxed(&h->work_head, w->next);
        if (w->next == NULL)
            h->work_tail = NULL;
        w->next = NULL;
    }
    lock_release(&h->work_lock);
    return w;
}

void work_queue(struct hart *h, struct work *w)
{
    bool first;

    lock_acquire(&h->work_lock);
    first = h->work_head == NULL;
    append(h, w);
    lock_release(&h->work_lock);
    /* Behind other work it waits for its turn. */
    if (!first)
        return;
    /* Another hart, between its look at work_due and its choice of a vcpu, may take resched for
     * what has led to that choice: the interrupt says it again, after all that. */
    atomic_store_relaxed(&h->work_due, 1);
    atomic_store_seq(&h->resched, 1);
    if (h != this_hart())
        ipi_send(h->index);
}

void work_interrupted(void)
{
    struct hart *h = this_hart();

    if (atomic_load_relaxed(&h->work_due) != 0)
        atomic_store_relaxed(&h->resched, 1);
}

bool work_pending(const struct hart *h)
{
    return atomic_load_relaxed(&h->work_head) != NULL;
}

void work_run(struct hart *h)
{
    const uint64_t end = timer_now() + timer_ticks_from_us(WORK_SLICE_US);
    struct work *w;

    timer_cancel(&h->work_timer);
    /* Before the queue is looked at: who queues after that look says so again. */
    (void)atomic_exchange(&h->work_due, 0);
    do {
        w = take(h);
        if (w == NULL)
            return;
        if (w->fn(w)) {
            lock_acquire(&h->work_lock);
            append(h, w);
            lock_release(&h->work_lock);
        }
    } while (timer_now() < end);
    if (work_pending(h))
        timer_arm(&h->work_timer, timer_now() + timer_ticks_from_us(WORK_GAP_US));
}
