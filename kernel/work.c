/* SPDX-License-Identifier: Apache-2.0 */
/* work.c - see work.h. */
#include <arch/atomic.h>
#include <hearth/kernel/hart.h>
#include <hearth/kernel/ipi.h>
#include <hearth/kernel/work.h>

/* Makes work due again: the running vcpu yields (run.c). */
static void work_gap_ended(struct timer_event *ev)
{
    struct hart *h = container_of(ev, struct hart, work_timer);

    atomic_store_relaxed(&h->work_due, 1);
    atomic_store_relaxed(&h->resched, 1);
}

void work_init_hart(struct hart *h)
{
    lock_init(&h->work.lock, RANK_WORK);
    h->work_timer.deadline = UINT64_MAX;
    h->work_timer.fn = work_gap_ended;
}

void work_list_append(struct work_list *list, struct work *w)
{
    w->next = NULL;
    if (list->tail != NULL)
        list->tail->next = w;
    else
        atomic_store_relaxed(&list->head, w);
    list->tail = w;
}

struct work *work_list_take(struct work_list *list)
{
    struct work *w;

    lock_acquire(&list->lock);
    w = list->head;
    if (w != NULL) {
        atomic_store_relaxed(&list->head, w->next);
        if (w->next == NULL)
            list->tail = NULL;
        w->next = NULL;
    }
    lock_release(&list->lock);
    return w;
}

void work_queue(struct hart *h, struct work *w)
{
    bool first;

    lock_acquire(&h->work.lock);
    first = h->work.head == NULL;
    work_list_append(&h->work, w);
    lock_release(&h->work.lock);
    /* Work queued earlier has already set work_due or armed work_timer. */
    if (!first)
        return;
    /* A hart between its check of work_due and its choice of a vcpu may clear resched as belonging
     * to that choice; the IPI then sets it again (work_interrupted()). */
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
    return atomic_load_relaxed(&h->work.head) != NULL;
}

void work_run(struct hart *h)
{
    const uint64_t end = timer_now() + timer_ticks_from_us(WORK_SLICE_US);
    struct work *w;

    timer_cancel(&h->work_timer);
    /* Clear before the queue is checked: work queued after the check sets it again. */
    (void)atomic_exchange(&h->work_due, 0);
    do {
        w = work_list_take(&h->work);
        if (w == NULL)
            return;
        if (w->fn(w)) {
            lock_acquire(&h->work.lock);
            work_list_append(&h->work, w);
            lock_release(&h->work.lock);
        }
    } while (timer_now() < end);
    if (work_pending(h))
        timer_arm(&h->work_timer, timer_now() + timer_ticks_from_us(WORK_GAP_US));
}
