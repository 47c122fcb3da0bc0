/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages.c - the VMs' message queues (messages.h): each a ring of bytes and a ring of lengths.
 *
 * Most VMs never send a message, so a queue's bytes are allocated with its first message, and then
 * stay.
 *
 * Locking: a queue has one lock for senders and one for receivers, each held while a message is
 * copied. So messages are not interleaved, and a message counts only once it is complete. Senders
 * and receivers synchronise by free-running indexes: each side advances its own with release and
 * reads the other side's with acquire. No two queues' locks are nested. messages->peer is set when
 * the second of two VMs is created and cleared when one of them is destroyed, both under
 * vm_list_lock.
 */
#include <arch/atomic.h>
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/kernel/lock.h>
#include <hearth/ipc/messages.h>
#include <hearth/mm/page_alloc.h>
#include <hearth/core/vm.h>

#include <string.h>

struct message_queue {
    struct spinlock receivers, senders;
    uint32_t head, bytes_head; /* messages and bytes received; written by receivers */
    uint32_t tail, bytes_tail; /* messages and bytes sent; written by senders */
    uint16_t length[MESSAGES_MAX];
    uint8_t *bytes; /* MESSAGES_BYTES; allocated by the first sender */
};

struct messages {
    struct message_queue inbox, outbox;
    struct vm *peer; /* atomic; NULL: none yet */
};

static struct messages *messages_of(const struct vm *vm)
{
    return vm->slots[VM_SLOT_MESSAGES];
}

_Static_assert(MESSAGE_MAX <= MESSAGES_BYTES && MESSAGE_MAX <= UINT16_MAX, "a message fits");
_Static_assert((MESSAGES_MAX & (MESSAGES_MAX - 1)) == 0 &&
                   (MESSAGES_BYTES & (MESSAGES_BYTES - 1)) == 0,
               "free-running indexes wrap with the rings");

static void messages_queue_init(struct message_queue *q)
{
    lock_init(&q->receivers, RANK_DEVICE);
    lock_init(&q->senders, RANK_DEVICE);
}

static int messages_create(struct vm *vm)
{
    struct messages *m = page_alloc_zeroed(page_order(sizeof(struct messages)));

    if (m == NULL)
        return -HV_ENOMEM;
    messages_queue_init(&m->inbox);
    messages_queue_init(&m->outbox);
    vm->slots[VM_SLOT_MESSAGES] = m;
    return 0;
}

static void messages_queue_free(struct message_queue *q)
{
    if (q->bytes != NULL)
        page_free_virt(q->bytes, page_order(MESSAGES_BYTES));
}

static void messages_destroy(struct vm *vm)
{
    messages_queue_free(&messages_of(vm)->inbox);
    messages_queue_free(&messages_of(vm)->outbox);
    page_free_virt(messages_of(vm), page_order(sizeof(struct messages)));
    vm->slots[VM_SLOT_MESSAGES] = NULL;
}

static bool messages_has_peer(const struct vm *vm)
{
    return vm->config.messages[0] != '\0';
}

static void messages_connect(struct vm *vm)
{
    for (unsigned i = 0; messages_has_peer(vm) && i < vm_count(); i++) {
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

/* Copies `len` bytes of the ring from free-running index `at`: one chunk, or two across the ring's
 * end. */
static bool messages_copy(struct message_queue *q, uint32_t at, uint64_t len, message_copy copy,
                          void *arg)
{
    const uint64_t start = at % MESSAGES_BYTES;
    const uint64_t first = MIN(len, MESSAGES_BYTES - start);

    return copy(arg, q->bytes + start, 0, first) &&
           (first == len || copy(arg, q->bytes, first, len - first));
}

/* A receiver advances its two indexes one after the other. A sender that sees only the first new
 * value does not use that room yet, because it requires both. */
static bool messages_has_room(const struct message_queue *q, uint64_t len)
{
    return q->tail - atomic_load_acquire(&q->head) < MESSAGES_MAX &&
           len <= MESSAGES_BYTES - (uint64_t)(q->bytes_tail - atomic_load_acquire(&q->bytes_head));
}

static int messages_put(struct message_queue *q, uint64_t len, message_copy copy, void *arg)
{
    int err = 0;

    if (len == 0 || len > MESSAGE_MAX)
        return -HV_EINVAL;
    lock_acquire(&q->senders);
    if (q->bytes == NULL)
        q->bytes = page_alloc_zeroed(page_order(MESSAGES_BYTES));
    if (q->bytes == NULL || !messages_has_room(q, len)) {
        err = -HV_ENOSPC;
    } else if (!messages_copy(q, q->bytes_tail, len, copy, arg)) {
        err = -HV_EFAULT;
    } else {
        q->length[q->tail % MESSAGES_MAX] = (uint16_t)len;
        q->bytes_tail += (uint32_t)len;
        atomic_store_release(&q->tail, q->tail + 1);
    }
    lock_release(&q->senders);
    return err;
}

static int messages_take(struct message_queue *q, uint64_t capacity, uint64_t *len,
                         message_copy copy, void *arg)
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
    } else if (!messages_copy(q, q->bytes_head, waiting, copy, arg)) {
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

    if (!messages_has_peer(vm))
        return messages_put(&messages_of(vm)->outbox, len, copy, arg);
    peer = atomic_load_acquire(&messages_of(vm)->peer);
    if (len == 0 || len > MESSAGE_MAX)
        return -HV_EINVAL; /* also without a peer */
    return peer != NULL ? messages_put(&messages_of(peer)->inbox, len, copy, arg) : -HV_ENOENT;
}

int messages_receive(struct vm *vm, uint64_t capacity, uint64_t *len, message_copy copy, void *arg)
{
    return messages_take(&messages_of(vm)->inbox, capacity, len, copy, arg);
}

uint32_t messages_waiting(struct vm *vm, uint32_t *len)
{
    struct message_queue *q = &messages_of(vm)->inbox;
    uint32_t n;

    lock_acquire(&q->receivers);
    n = atomic_load_acquire(&q->tail) - q->head;
    *len = n != 0 ? q->length[q->head % MESSAGES_MAX] : 0;
    lock_release(&q->receivers);
    return n;
}

bool message_from_guest(void *arg, void *chunk, uint64_t offset, uint64_t len)
{
    const struct message_guest *g = arg;

    return copy_from_guest(g->vcpu, chunk, g->gpa + offset, len) == len;
}

bool message_to_guest(void *arg, void *chunk, uint64_t offset, uint64_t len)
{
    const struct message_guest *g = arg;

    return copy_to_guest(g->vcpu, g->gpa + offset, chunk, len) == len;
}

/* The shell's side: arg points to a pointer to Hearth's buffer. */
static bool messages_copy_from_host(void *arg, void *chunk, uint64_t offset, uint64_t len)
{
    const char *const *from = arg;

    memcpy(chunk, *from + offset, len);
    return true;
}

static bool messages_copy_to_host(void *arg, void *chunk, uint64_t offset, uint64_t len)
{
    char *const *to = arg;

    memcpy(*to + offset, chunk, len);
    return true;
}

int messages_shell_send(struct vm *vm, const void *buf, uint64_t len)
{
    const char *from = buf;

    return messages_has_peer(vm)
               ? -HV_ENODEV
               : messages_put(&messages_of(vm)->inbox, len, messages_copy_from_host, &from);
}

int messages_shell_receive(struct vm *vm, void *buf, uint64_t capacity, uint64_t *len)
{
    char *to = buf;

    *len = 0;
    return messages_has_peer(vm)
               ? -HV_ENODEV
               : messages_take(&messages_of(vm)->outbox, capacity, len, messages_copy_to_host, &to);
}

const struct vm_component messages_component = {
    .name = "messages",
    .vm_create = messages_create,
    .vm_destroy = messages_destroy,
    .vm_listed = messages_connect,
    .vm_unlisted = messages_disconnect,
};
