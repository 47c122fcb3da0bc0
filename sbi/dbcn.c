/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dbcn.c - SBI DBCN extension (v3.0, chapter "Debug Console Extension"): the VM's console by
 * buffers and bytes. Stateless; the console has its own lock.
 *
 * A call moves at most DBCN_CHUNK bytes, as the specification permits, so that a guest cannot keep
 * a hart's interrupts disabled for long. A write takes as many bytes as the console has room for,
 * perhaps none. A single byte must wait for room: the guest's ecall is retried, so that its hart
 * can do other work in between.
 */
#include <hearth/console/console.h>
#include <hearth/mm/guest_mem.h>
#include <hearth/guest/board.h>
#include <hearth/sbi/sbi.h>
#include <hearth/core/vcpu.h>
#include <hearth/core/vm.h>

#define DBCN_CHUNK 256

/* Arguments: size in bytes, low and high half of the address. On RV64 the low half is the whole
 * address. */
static bool dbcn_range_valid(const struct vm *vm, const struct sbi_call *call)
{
    return call->arg[2] == 0 && memslot_is_ram(&vm->memslots, call->arg[1], call->arg[0]);
}

static int64_t dbcn_write(struct vcpu *vcpu, const struct sbi_call *call, uint64_t *written)
{
    char buf[DBCN_CHUNK];
    const uint64_t len = MIN(call->arg[0], sizeof(buf));

    if (!dbcn_range_valid(vcpu->vm, call))
        return SBI_ERR_INVALID_PARAM;
    if (len == 0)
        return SBI_SUCCESS;
    if (copy_from_guest(vcpu, buf, call->arg[1], len) != len)
        return SBI_ERR_FAILED;
    *written = console_client_write(vcpu->vm->console, buf, len);
    return SBI_SUCCESS;
}

static int64_t dbcn_read(struct vcpu *vcpu, const struct sbi_call *call, uint64_t *read)
{
    char buf[DBCN_CHUNK];
    uint64_t len = MIN(call->arg[0], sizeof(buf));

    if (!dbcn_range_valid(vcpu->vm, call))
        return SBI_ERR_INVALID_PARAM;
    if (len == 0)
        return SBI_SUCCESS;
    len = board_console_read(vcpu->vm, buf, len);
    if (copy_to_guest(vcpu, call->arg[1], buf, len) != len)
        return SBI_ERR_FAILED;
    *read = len;
    return SBI_SUCCESS;
}

static struct exit_result dbcn_handle(struct vcpu *vcpu, const struct sbi_call *call,
                                      struct sbi_ret *ret)
{
    char byte;

    switch (call->fid) {
    case SBI_DBCN_CONSOLE_WRITE:
        ret->error = dbcn_write(vcpu, call, &ret->value);
        break;
    case SBI_DBCN_CONSOLE_READ:
        ret->error = dbcn_read(vcpu, call, &ret->value);
        break;
    case SBI_DBCN_CONSOLE_WRITE_BYTE:
        byte = (char)call->arg[0];
        if (console_client_write(vcpu->vm->console, &byte, 1) == 0)
            return exit_plain(EXIT_RETRY);
        ret->error = SBI_SUCCESS;
        break;
    default:
        break;
    }
    return exit_next(4);
}

const struct sbi_extension sbi_ext_dbcn = {
    .first = SBI_EXT_DBCN,
    .last = SBI_EXT_DBCN,
    .name = "dbcn",
    .handle = dbcn_handle,
};
