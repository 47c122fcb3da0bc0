/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - fake: one message in each direction, and a result that the test chooses. */
#include <hearth/lib/errno.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/ipc/messages.h>

#include "fakes.h"

int fake_messages_answer;
unsigned fake_messages_calls;
char fake_message[4096];
uint64_t fake_message_len;

int messages_send(struct vm *vm, uint64_t len, message_copy copy, void *arg)
{
    (void)vm;
    fake_messages_calls++;
    if (fake_messages_answer != 0)
        return fake_messages_answer;
    fake_message_len = len;
    return copy(arg, fake_message, 0, len) ? 0 : -HV_EFAULT;
}

int messages_receive(struct vm *vm, uint64_t capacity, uint64_t *len, message_copy copy, void *arg)
{
    (void)vm;
    fake_messages_calls++;
    *len = fake_messages_answer == -HV_ERANGE ? fake_message_len : 0;
    if (fake_messages_answer != 0)
        return fake_messages_answer;
    if (fake_message_len > capacity || !copy(arg, fake_message, 0, fake_message_len))
        return -HV_EFAULT;
    *len = fake_message_len;
    return 0;
}

uint32_t messages_waiting(struct vm *vm, uint32_t *len)
{
    (void)vm;
    *len = (uint32_t)fake_message_len;
    return fake_message_len != 0;
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
