/* SPDX-License-Identifier: Apache-2.0 */
/* test_messages.c - ipc/messages.c: queues filled to the last byte and message, refused copies,
 * peers, and a long random run compared with a model. */
#include "fakes/fake.h"
#include "fakes/fakes.h"

#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/ipc/messages.h>
#include <hearth/core/vm.h>

#include <stdlib.h>

static struct vm *vms[4];
static unsigned count;
static char buf[MESSAGE_MAX], back[MESSAGE_MAX];
static uint64_t copy_limit; /* bytes of a message after which a guest's copy fails */

unsigned vm_count(void)
{
    return count;
}

struct vm *vm_get(unsigned index)
{
    return index < count ? vms[index] : NULL;
}

/* Guest-physical addresses are offsets into the test's buffer. */
uint64_t copy_from_guest(struct vcpu *vcpu, void *to, gpa_t gpa, uint64_t len)
{
    (void)vcpu;
    assert_int_equal(fake_locks_held, 1);
    len = MIN(len, copy_limit);
    memcpy(to, (void *)gpa, len);
    copy_limit -= len;
    return len;
}

uint64_t copy_to_guest(struct vcpu *vcpu, gpa_t gpa, const void *from, uint64_t len)
{
    (void)vcpu;
    assert_int_equal(fake_locks_held, 1);
    len = MIN(len, copy_limit);
    memcpy((void *)gpa, from, len);
    copy_limit -= len;
    return len;
}

static struct vm *add(const char *name, const char *peer)
{
    struct vm *vm = calloc(1, sizeof(*vm));

    strcpy(vm->config.name, name);
    strcpy(vm->config.messages, peer);
    assert_int_equal(messages_component.vm_create(vm), 0);
    vms[count++] = vm;
    messages_component.vm_listed(vm);
    return vm;
}

static int fresh(void **state)
{
    (void)state;
    copy_limit = UINT64_MAX;
    for (unsigned i = 0; i < sizeof(buf); i++)
        buf[i] = (char)(i * 7 + i / 256);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    while (count > 0) {
        messages_component.vm_destroy(vms[--count]);
        free(vms[count]);
    }
    assert_int_equal(fake_pages_out, 0);
    assert_int_equal(fake_locks_held, 0);
    return 0;
}

static int send(struct vm *vm, const void *p, uint64_t len)
{
    struct message_guest g = {.gpa = (uintptr_t)p};

    return messages_send(vm, len, message_from_guest, &g);
}

static int receive(struct vm *vm, void *p, uint64_t capacity, uint64_t *len)
{
    struct message_guest g = {.gpa = (uintptr_t)p};

    return messages_receive(vm, capacity, len, message_to_guest, &g);
}

#define expect(call, want_err, len, want_len)                                                      \
    do {                                                                                           \
        int err_ = (call);                                                                         \
        assert_int_equal(err_, want_err);                                                          \
        assert_int_equal(len, want_len);                                                           \
    } while (0)

static void test_shell(void **state)
{
    struct vm *vm = add("a", "");
    uint64_t len = 1;

    (void)state;
    expect(receive(vm, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
    expect(messages_shell_receive(vm, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
    assert_int_equal(send(vm, "one", 3), 0);
    expect(receive(vm, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
    assert_int_equal(messages_shell_send(vm, "eleven", 6), 0);
    expect(messages_shell_receive(vm, back, 2, &len), -HV_ERANGE, len, 3);
    expect(messages_shell_receive(vm, back, 3, &len), 0, len, 3);
    assert_memory_equal(back, "one", 3);
    expect(receive(vm, back, 0, &len), -HV_ERANGE, len, 6);
    expect(receive(vm, back, 5, &len), -HV_ERANGE, len, 6);
    expect(receive(vm, back, UINT64_MAX, &len), 0, len, 6);
    assert_memory_equal(back, "eleven", 6);
    expect(receive(vm, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
}

static void test_waiting(void **state)
{
    struct vm *vm = add("a", "");
    uint32_t first = 1;
    uint64_t len;

    (void)state;
    assert_int_equal(messages_waiting(vm, &first), 0);
    assert_int_equal(first, 0);
    for (unsigned i = 0; i < 3 * MESSAGES_MAX; i++) {
        assert_int_equal(messages_shell_send(vm, buf, 7 + i), 0);
        assert_int_equal(send(vm, buf, 1), i < MESSAGES_MAX ? 0 : -HV_ENOSPC); /* to its peer */
        assert_int_equal(messages_waiting(vm, &first), i == 0 ? 1 : 2);
        assert_int_equal(first, i == 0 ? 7 : 7 + i - 1);
        if (i > 0)
            expect(receive(vm, back, MESSAGE_MAX, &len), 0, len, first);
    }
    expect(receive(vm, back, MESSAGE_MAX, &len), 0, len, 6 + 3 * MESSAGES_MAX);
    assert_int_equal(messages_waiting(vm, &first), 0);
    assert_int_equal(first, 0);
}

static void test_sizes(void **state)
{
    struct vm *vm = add("a", "");

    (void)state;
    assert_int_equal(send(vm, buf, 0), -HV_EINVAL);
    assert_int_equal(send(vm, buf, MESSAGE_MAX + 1), -HV_EINVAL);
    assert_int_equal(send(vm, buf, UINT64_MAX), -HV_EINVAL);
    assert_int_equal(messages_shell_send(vm, buf, 0), -HV_EINVAL);
    assert_int_equal(messages_shell_send(vm, buf, BIT(32) + 1), -HV_EINVAL);
}

static void test_full(void **state)
{
    struct vm *vm = add("a", "");
    uint64_t len;

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MESSAGES_MAX; i++)
            assert_int_equal(send(vm, buf + i, 1), 0);
        assert_int_equal(send(vm, buf, 1), -HV_ENOSPC);
        expect(messages_shell_receive(vm, back, 1, &len), 0, len, 1);
        assert_int_equal(send(vm, buf + MESSAGES_MAX, 1), 0);
        for (unsigned i = 1; i <= MESSAGES_MAX; i++) {
            expect(messages_shell_receive(vm, back, 1, &len), 0, len, 1);
            assert_int_equal(back[0], buf[i]);
        }
        for (unsigned i = 0; i < MESSAGES_BYTES / MESSAGE_MAX; i++)
            assert_int_equal(send(vm, buf, i == 0 ? MESSAGE_MAX - 1 : MESSAGE_MAX), 0);
        assert_int_equal(send(vm, buf, 2), -HV_ENOSPC);
        assert_int_equal(send(vm, buf, 1), 0);
        assert_int_equal(send(vm, buf, 1), -HV_ENOSPC);
        for (unsigned i = 0; i < MESSAGES_BYTES / MESSAGE_MAX + 1; i++)
            assert_int_equal(messages_shell_receive(vm, back, MESSAGE_MAX, &len), 0);
        expect(messages_shell_receive(vm, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
    }
}

/* In one chunk and, when the message crosses the ring's end, in two. */
static void test_refused_copies(void **state)
{
    struct vm *vm = add("a", "");
    uint64_t len;

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        copy_limit = 2999;
        assert_int_equal(send(vm, buf, 3000), -HV_EFAULT);
        expect(messages_shell_receive(vm, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
        assert_int_equal(messages_shell_send(vm, buf, 3000), 0);
        for (copy_limit = 0; copy_limit < 2;) {
            uint64_t next = copy_limit + 1;

            expect(receive(vm, back, MESSAGE_MAX, &len), -HV_EFAULT, len, 0);
            copy_limit = next;
        }
        copy_limit = 2999;
        expect(receive(vm, back, MESSAGE_MAX, &len), -HV_EFAULT, len, 0);
        copy_limit = UINT64_MAX;
        memset(back, 0, sizeof(back));
        expect(receive(vm, back, 3000, &len), 0, len, 3000);
        assert_memory_equal(back, buf, 3000);
        assert_int_equal(send(vm, buf, 3000), 0);
        expect(messages_shell_receive(vm, back, MESSAGE_MAX, &len), 0, len, 3000);
    }
}

static void test_peers(void **state)
{
    struct vm *a = add("a", "c"), *b = add("b", ""), *c;
    uint64_t len;

    (void)state;
    assert_int_equal(send(a, "early", 5), -HV_ENOENT);
    assert_int_equal(send(a, "early", 0), -HV_EINVAL);
    c = add("c", "a");
    assert_int_equal(send(a, "to c", 4), 0);
    assert_int_equal(send(c, "to a!", 5), 0);
    assert_int_equal(send(b, "to the shell", 12), 0);
    expect(receive(b, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
    expect(receive(a, back, MESSAGE_MAX, &len), 0, len, 5);
    assert_memory_equal(back, "to a!", 5);
    expect(receive(c, back, MESSAGE_MAX, &len), 0, len, 4);
    expect(messages_shell_receive(b, back, MESSAGE_MAX, &len), 0, len, 12);
    expect(messages_shell_receive(a, back, MESSAGE_MAX, &len), -HV_ENODEV, len, 0);
    assert_int_equal(messages_shell_send(a, "x", 1), -HV_ENODEV);
}

/* Sends fail after the peer is destroyed; a new VM of its name replaces it. */
static void test_peer_leaves(void **state)
{
    struct vm *a = add("a", "c"), *c = add("c", "a"), *again;
    uint64_t len;

    (void)state;
    assert_int_equal(send(a, "one", 3), 0);
    assert_int_equal(send(c, "two", 3), 0);
    vms[1] = NULL;
    messages_component.vm_unlisted(c);
    assert_int_equal(send(a, "x", 1), -HV_ENOENT);
    expect(receive(a, back, MESSAGE_MAX, &len), 0, len, 3); /* accepted messages stay */
    messages_component.vm_destroy(c);
    assert_null(c->slots[VM_SLOT_MESSAGES]);
    free(c);
    again = add("c", "a");
    assert_int_equal(send(a, "three", 5), 0);
    expect(receive(again, back, MESSAGE_MAX, &len), 0, len, 5);
    assert_int_equal(send(again, "four", 4), 0);
    vms[1] = add("d", "");
    count--;
}

/* Only one of the two names the other, or a VM names itself: config.c refuses this, and so does
 * messages.c. */
static void test_one_sided(void **state)
{
    struct vm *a = add("a", "b"), *b = add("b", "c"), *c = add("c", "c");

    (void)state;
    assert_int_equal(send(a, "x", 1), -HV_ENOENT);
    assert_int_equal(send(b, "x", 1), -HV_ENOENT);
    assert_int_equal(send(c, "x", 1), -HV_ENOENT);
}

static void test_no_memory(void **state)
{
    struct vm vm = {0}, *a;
    uint64_t len;

    (void)state;
    fake_pages_fail = 1;
    assert_int_equal(messages_component.vm_create(&vm), -HV_ENOMEM);
    fake_pages_fail = 0;
    /* A queue's memory is allocated with its first message. */
    a = add("a", "");
    fake_pages_fail = 1;
    assert_int_equal(send(a, "x", 1), -HV_ENOSPC);
    expect(messages_shell_receive(a, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
    fake_pages_fail = 0;
    assert_int_equal(send(a, "y", 1), 0);
    expect(messages_shell_receive(a, back, MESSAGE_MAX, &len), 0, len, 1);
}

static void test_random(void **state)
{
    struct vm *vm = add("a", "");
    uint64_t seed = 7, len, put = 0, taken = 0, bytes = 0, lengths[MESSAGES_MAX];

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        const uint64_t r = fake_random(&seed);

        if (r & 1) {
            const uint64_t want = 1 + (r >> 8) % ((r & 2) != 0 ? 100 : MESSAGE_MAX);
            const bool room = put - taken < MESSAGES_MAX && bytes + want <= MESSAGES_BYTES;

            memset(buf, (char)put, want);
            assert_int_equal(send(vm, buf, want), room ? 0 : -HV_ENOSPC);
            if (room) {
                lengths[put++ % MESSAGES_MAX] = want;
                bytes += want;
            }
        } else {
            const uint64_t here = put == taken ? 0 : lengths[taken % MESSAGES_MAX];

            if (put == taken) {
                expect(messages_shell_receive(vm, back, MESSAGE_MAX, &len), -HV_ENOENT, len, 0);
                continue;
            }
            expect(messages_shell_receive(vm, back, here, &len), 0, len, here);
            for (uint64_t k = 0; k < here; k++)
                assert_int_equal(back[k], (char)taken);
            taken++;
            bytes -= here;
        }
    }
    assert_true(put > 10000);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fresh, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_shell),          T(test_waiting), T(test_sizes),       T(test_full),
        T(test_refused_copies), T(test_peers),   T(test_peer_leaves), T(test_one_sided),
        T(test_no_memory),      T(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
