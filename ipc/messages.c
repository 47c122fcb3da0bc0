/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages.c - the message queues of the VMs (messages.h): rings of bytes with a ring of lengths.
 *
 * Most VMs never send a message: a queue's bytes are allocated with the first, and stay.
 *
 * Locking: a queue has one lock for senders and one for receivers, each held over the copy of a
 * message: so nobody gets between its bytes, and it counts only once all of them are there. Between
 * the two sides go the free-running indexes: a side moves its own, release, and looks at the
 * other's, acquire. No two queues' locks are nested. messages->peer is set when the later
 * of two VMs has been created, cleared when one goes away, both under vm_list_lock.
 */
#include <arch/atomic.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/kernel/lock.h>
#include <hearth/ipc/messages.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vm.h>

#include <string.h>

struct queue {
    struct spinlock receivers, senders;
    uint32_t head, bytes_head; /* taken: messages, bytes; receivers move them */
    uint32_t tail, bytes_tail; /* put; senders move them */
    uint16_t length[MESSAGES_MAX];
    uint8_t *bytes; /* MESSAGES_BYTES; senders: from the first message on */
};

struct messages {
    struct queue inbox, outbox;
    struct vm *peer; /* atomic; NULL: none, or not yet */
};

static struct messages *messages_of(const struct vm *vm)
{
    return vm->slots[VM_SLOT_MESSAGES];
}

_Static_assert(MESSAGE_MAX <= MESSAGES_BYTES && MESSAGE_MAX <= UINT16_MAX, "a message fits");
_Static_assert((MESSAGES_MAX & (MESSAGES_MAX - 1)) == 0 &&
                   (MESSAGES_BYTES & (MESSAGES_BYTES - 1)) == 0,
               "free-running indexes wrap with the rings");

static void queue_init(struct queue *q)
{
    lock_init(&q->receivers, RANK_DEVICE);
    lock_init(&q->senders, RANK_DEVICE);
}

static int messages_create(struct vm *vm)
{
    struct messages *m = page_alloc_zeroed(page_order(sizeof(struct messages)));

    if (m == NULL)
        return -HV_ENOMEM;
    queue_init(&m->inbox);
    queue_init(&m->outbox);
    vm->slots[VM_SLOT_MESSAGES] = m;
    return 0;
}

static void queue_free(struct queue *q)
{
    if (q->bytes != NULL)
        page_free_virt(q->bytes, page_order(MESSAGES_BYTES));
}

static void messages_destroy(struct vm *vm)
{
    queue_free(&messages_of(vm)->inbox);
    queue_free(&messages_of(vm)->outbox);
    page_free_virt(messages_of(vm), page_order(sizeof(struct messages)));
    vm->slots[VM_SLOT_MESSAGES] = NULL;
}

static bool has_peer(const struct vm *vm)
{
    return vm->config.messages[0] != '\0';
}

static void messages_connect(struct vm *vm)
{
    for (unsigned i = 0; has_peer(vm) && i < vm_count(); i++) {
        struct vm *other = vm_get(i);

        if (other == NULL || other == vm || strcmp(other->config.name, vm->config.messages) != 0 ||
            strcmp(other->config.messages, vm->config.name) != 0)
            continue;
        atomic_store_release(&messages_of(vm)->peer, other);
        atomic_store_release(&messages_of(other)->peer, vm);
        return;
    }
}

static void messages_disconnect(struct vm *vm)
{
    struct vm *peer = atomic_load_acquire(&messages_of(vm)->peer);

    if (peer != NULL)
        atomic_store_release(&messages_of(peer)->peer, NULL);
}

/* `len` bytes of the ring from free-running index `at`, in one piece or, over the ring's end, two.
 */
static bool copy_pieces(struct queue *q, uint32_t at, uint64_t len, message_copy copy, void *arg)
{
    const uint64_t start = at % MESSAGES_BYTES;
    const uint64_t first = MIN(len, MESSAGES_BYTES - start);

    return copy(arg, q->bytes + start, 0, first) &&
           (first == len || copy(arg, q->bytes, first, len - first));
}

/* Of the two indexes that a side moves, the other side may see the first one moved alone: that is
 * room it does not use yet, for it wants both. */
static bool has_room(const struct queue *q, uint64_t len)
{
    return q->tail - atomic_load_acquire(&q->head) < MESSAGES_MAX &&
           len <= MESSAGES_BYTES - (uint64_t)(q->bytes_tail - atomic_load_acquire(&q->bytes_head));
}

static int put(struct queue *q, uint64_t len, message_copy copy, void *arg)
{
    int err = 0;

    if (len == 0 || len > MESSAGE_MAX)
        return -HV_EINVAL;
    lock_acquire(&q->senders);
    if (q->bytes == NULL)
        q->bytes = page_alloc_zeroed(page_order(MESSAGES_BYTES));
    if (q->bytes == NULL || !has_room(q, len)) {
        err = -HV_ENOSPC;
    } else if (!copy_pieces(q, q->bytes_tail, len, copy, arg)) {
        err = -HV_EFAULT;
    } else {
        q->length[q->tail % MESSAGES_MAX] = (uint16_t)len;
        q->bytes_tail += (uint32_t)len;
        atomic_store_release(&q->tail, q->tail + 1);
    }
    lock_release(&q->senders);
    return err;
}

static int take(struct queue *q, uint64_t capacity, uint64_t *len, message_copy copy, void *arg)
{
    uint32_t waiting;
    int err = 0;

    *len = 0;
    lock_acquire(&q->receivers);
    if (atomic_load_acquire(&q->tail) == q->head) {
        lock_release(&q->receivers);
        return -HV_ENOENT;
    }
    waiting = q->length[q->head % MESSAGES_MAX];
    if (waiting > capacity) {
        *len = waiting;
        err = -HV_ERANGE;
    } else if (!copy_pieces(q, q->bytes_head, waiting, copy, arg)) {
        err = -HV_EFAULT;
    } else {
        *len = waiting;
        atomic_store_release(&q->bytes_head, q->bytes_head + waiting);
        atomic_store_release(&q->head, q->head + 1);
    }
    lock_release(&q->receivers);
    return err;
}

int messages_send(struct vm *vm, uint64_t len, message_copy copy, void *arg)
{
    struct vm *peer;

    if (!has_peer(vm))
        return put(&messages_of(vm)->outbox, len, copy, arg);
    peer = atomic_load_acquire(&messages_of(vm)->peer);
    if (len == 0 || len > MESSAGE_MAX)
        return -HV_EINVAL; /* whether or not there is somebody */
    return peer != NULL ? put(&messages_of(peer)->inbox, len, copy, arg) : -HV_ENOENT;
}

int messages_receive(struct vm *vm, uint64_t capacity, uint64_t *len, message_copy copy, void *arg)
{
    return take(&messages_of(vm)->inbox, capacity, len, copy, arg);
}

uint32_t messages_waiting(struct vm *vm, uint32_t *len)
{
    struct queue *q = &messages_of(vm)->inbox;
    uint32_t n;

    lock_acquire(&q->receivers);
    n = atomic_load_acquire(&q->tail) - q->head;
    *len = n != 0 ? q->length[q->head % MESSAGES_MAX] : 0;
    lock_release(&q->receivers);
    return n;
}

bool message_from_guest(void *arg, void *piece, uint64_t offset, uint64_t len)
{
    const struct message_guest *g = arg;

    return copy_from_guest(g->vcpu, piece, g->gpa + offset, len) == len;
}

bool message_to_guest(void *arg, void *piece, uint64_t offset, uint64_t len)
{
    const struct message_guest *g = arg;

    return copy_to_guest(g->vcpu, g->gpa + offset, piece, len) == len;
}

/* The shell's end: arg points to a pointer to a buffer of ours. */
static bool copy_from_host(void *arg, void *piece, uint64_t offset, uint64_t len)
{
    const char *const *from = arg;

    memcpy(piece, *from + offset, len);
    return true;
}

static bool copy_to_host(void *arg, void *piece, uint64_t offset, uint64_t len)
{
    char *const *to = arg;

    memcpy(*to + offset, piece, len);
    return true;
}

int messages_shell_send(struct vm *vm, const void *buf, uint64_t len)
{
    const char *from = buf;

    return has_peer(vm) ? -HV_ENODEV : put(&messages_of(vm)->inbox, len, copy_from_host, &from);
}

int messages_shell_receive(struct vm *vm, void *buf, uint64_t capacity, uint64_t *len)
{
    char *to = buf;

    *len = 0;
    return has_peer(vm) ? -HV_ENODEV
                        : take(&messages_of(vm)->outbox, capacity, len, copy_to_host, &to);
}

const struct vm_component messages_component = {
    .name = "messages",
    .vm_create = messages_create,
    .vm_destroy = messages_destroy,
    .vm_listed = messages_connect,
    .vm_unlisted = messages_disconnect,
};
