/* SPDX-License-Identifier: Apache-2.0 */
/* test_sbi_mpxy.c - SBI MPXY: shared memory, the channel, its attributes and messages, and every
 * error. */
#include "fakes/fake.h"
#include "fakes/fakes.h"
#include "fakes/sbi_vm.h"

#include <hearth/lib/errno.h>
#include <hearth/ipc/messages.h>

#define SHM_GPA (SBI_RAM_BASE + PAGE_SIZE)
#define shm     (sbi_ram + PAGE_SIZE)
#define END     (SBI_RAM_BASE + SBI_RAM_SIZE)
#define CHANNEL SBI_MPXY_CHANNEL_MESSAGES
#define NONE    UINT64_MAX

static int fresh(void **state)
{
    (void)state;
    sbi_fake_reset(2);
    fake_messages_answer = 0;
    fake_messages_calls = 0;
    fake_message_len = 0;
    return 0;
}

static struct sbi_answer mpxy(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return sbi_ecall(SBI_EXT_MPXY, fid, a0, a1, a2, 0);
}

static void enable(void)
{
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SHM_GPA, 0, 0), SBI_SUCCESS, 0);
}

static uint32_t word(unsigned i)
{
    uint32_t w;

    memcpy(&w, shm + 4 * i, sizeof(w));
    return w;
}

static void set_word(unsigned i, uint32_t w)
{
    memcpy(shm + 4 * i, &w, sizeof(w));
}

/* All bytes of RAM from this offset into the shared memory on are `with`. */
static void assert_rest(uint64_t offset, uint8_t with)
{
    for (uint64_t i = offset; i < PAGE_SIZE; i++)
        assert_int_equal(shm[i], with);
}

static void test_functions(void **state)
{
    (void)state;
    assert_sbi(mpxy(SBI_MPXY_GET_SHMEM_SIZE, 1, 2, 3), SBI_SUCCESS, 4096);
    for (uint64_t fid = SBI_MPXY_GET_CHANNEL_IDS; fid <= SBI_MPXY_GET_NOTIFICATION_EVENTS; fid++) {
        assert_sbi(mpxy(fid, 0, 1, 1), SBI_ERR_NO_SHMEM, 0);
        assert_sbi(mpxy(fid, CHANNEL, 1, 1), SBI_ERR_NO_SHMEM, 0);
        assert_sbi(mpxy(fid | BIT(32), CHANNEL, 1, 1), SBI_ERR_NOT_SUPPORTED, 0);
    }
    enable();
    for (uint64_t fid = 8; fid != 0; fid <<= 1)
        assert_sbi(mpxy(fid, CHANNEL, 1, 1), SBI_ERR_NOT_SUPPORTED, 0);
    for (uint64_t fid = SBI_MPXY_READ_ATTRIBUTES; fid <= SBI_MPXY_GET_NOTIFICATION_EVENTS; fid++) {
        assert_sbi(mpxy(fid, 0, 1, 1), SBI_ERR_NOT_SUPPORTED, 0);
        assert_sbi(mpxy(fid, UINT32_MAX, 1, 1), SBI_ERR_NOT_SUPPORTED, 0);
        for (uint64_t bit = 1; bit <= BIT(31); bit <<= 1)
            assert_sbi(mpxy(fid, CHANNEL ^ bit, 1, 1), SBI_ERR_NOT_SUPPORTED, 0);
    }
    assert_int_equal(fake_messages_calls, 0);
    assert_rest(0, 0);
}

static void test_shmem_errors(void **state)
{
    static const uint64_t holes[] = {0,
                                     SBI_RAM_BASE - PAGE_SIZE,
                                     END,
                                     0x10000000,
                                     BIT(63),
                                     BIT(32) + SHM_GPA,
                                     UINT64_MAX - 4095,
                                     SHM_GPA - BIT(30)};

    (void)state;
    for (uint64_t flag = 2; flag != 0; flag <<= 1) {
        assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SHM_GPA, 0, flag), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SHM_GPA, 0, flag | 1), SBI_ERR_INVALID_PARAM, 0);
        assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, NONE, NONE, flag), SBI_ERR_INVALID_PARAM, 0);
    }
    for (uint64_t bit = 1; bit < PAGE_SIZE; bit <<= 1)
        assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SHM_GPA + bit, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, NONE, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(holes); i++)
        assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, holes[i], 0, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SHM_GPA, 1, 0), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SHM_GPA, NONE, 1), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 0, 0), SBI_ERR_NO_SHMEM, 0);

    /* A failed call keeps the earlier shared memory. */
    enable();
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, END, 0, 1), SBI_ERR_INVALID_ADDRESS, 0);
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, NONE, NONE, 2), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 0, 0), SBI_SUCCESS, 0);
}

static void assert_returned(const uint8_t *at, uint64_t lo, uint64_t hi)
{
    uint64_t old[2];

    memcpy(old, at, sizeof(old));
    assert_int_equal(old[0], lo);
    assert_int_equal(old[1], hi);
}

static void test_shmem(void **state)
{
    (void)state;
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SHM_GPA, 0, SBI_MPXY_OVERWRITE_RETURN), SBI_SUCCESS, 0);
    assert_returned(shm, NONE, NONE);
    assert_rest(16, 0);
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, END - PAGE_SIZE, 0, 1), SBI_SUCCESS, 0);
    assert_returned(sbi_ram + SBI_RAM_SIZE - PAGE_SIZE, SHM_GPA, 0);
    assert_returned(shm, NONE, NONE);
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SBI_RAM_BASE, 0, 0), SBI_SUCCESS, 0);
    assert_returned(sbi_ram, 0, 0); /* not requested */
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SBI_RAM_BASE, 0, 1), SBI_SUCCESS, 0);
    assert_returned(sbi_ram, SBI_RAM_BASE, 0);
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, NONE, NONE, 1), SBI_SUCCESS, 0);
    assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 0, 0), SBI_ERR_NO_SHMEM, 0);
    assert_sbi(mpxy(SBI_MPXY_SET_SHMEM, SHM_GPA, 0, 1), SBI_SUCCESS, 0);
    assert_returned(shm, NONE, NONE);

    /* Each hart has its own; a start clears it. */
    sbi_self = sbi_vm.vcpus[1];
    assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 0, 0), SBI_ERR_NO_SHMEM, 0);
    sbi_self = sbi_vm.vcpus[0];
    assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 0, 0), SBI_SUCCESS, 0);
    sbi_ext_mpxy.vcpu_reset(sbi_self, sbi_vcpu_state(sbi_self, SBI_SLOT_MPXY));
    assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 0, 0), SBI_ERR_NO_SHMEM, 0);
}

static void test_channel_ids(void **state)
{
    (void)state;
    enable();
    for (uint64_t start = 1; start <= BIT(31); start <<= 1)
        assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, start, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, UINT64_MAX, 0, 0), SBI_ERR_INVALID_PARAM, 0);
    assert_rest(0, 0);
    memset(shm, 0xee, PAGE_SIZE);
    assert_sbi(mpxy(SBI_MPXY_GET_CHANNEL_IDS, 0, 7, 7), SBI_SUCCESS, 0);
    assert_int_equal(word(0), 0);
    assert_int_equal(word(1), 1);
    assert_int_equal(word(2), CHANNEL);
    assert_rest(12, 0xee);
}

/* The result of read_attributes(base, count) according to the specification. */
static int64_t range_error(uint64_t base, uint64_t count)
{
    const bool proto = base >= 0x80000000;
    const uint64_t end = proto ? 0x80000002 : 12;

    if (count == 0 || count > 1024 || base >= end)
        return SBI_ERR_INVALID_PARAM;
    return base + count > end ? SBI_ERR_BAD_RANGE : SBI_SUCCESS;
}

static void test_read_attributes(void **state)
{
    static const uint32_t want[] = {0xC8454152, 0x10000, 4096, 0, 0, 0x3c, 0, 0, 0, 0, 0, 0};
    static const uint64_t bases[] = {0,          1,          5,          11,         12,        13,
                                     0x7fffffff, 0x80000000, 0x80000001, 0x80000002, 0xffffffff};
    static const uint64_t counts[] = {0, 1, 2, 11, 12, 13, 1024, 1025, BIT(31), UINT32_MAX};

    (void)state;
    enable();
    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++)
        for (unsigned n = 0; n < ARRAY_SIZE(counts); n++) {
            const int64_t error = range_error(bases[i], counts[n]);
            const uint64_t sign = bases[i] & BIT(31) ? 0xffffffff00000000 : 0;

            memset(shm, 0xee, PAGE_SIZE);
            assert_sbi(mpxy(SBI_MPXY_READ_ATTRIBUTES, CHANNEL, bases[i] | sign, counts[n]), error,
                       0);
            assert_rest(error == 0 ? 4 * counts[n] : 0, 0xee);
            for (uint64_t k = 0; error == 0 && bases[i] < 12 && k < counts[n]; k++)
                assert_int_equal(word((unsigned)k), want[bases[i] + k]);
        }
    assert_sbi(mpxy(SBI_MPXY_READ_ATTRIBUTES, CHANNEL, SBI_MPXY_QUEUE_MESSAGES, 2), 0, 0);
    assert_int_equal(word(0), MESSAGES_MAX);
    assert_int_equal(word(1), MESSAGES_BYTES);
    rec.copy_limit = 47;
    assert_sbi(mpxy(SBI_MPXY_READ_ATTRIBUTES, CHANNEL, 0, 12), SBI_ERR_FAILED, 0);
}

static uint32_t events_state(void)
{
    assert_sbi(mpxy(SBI_MPXY_READ_ATTRIBUTES, CHANNEL, 11, 1), SBI_SUCCESS, 0);
    return word(0);
}

static void test_write_attributes(void **state)
{
    (void)state;
    enable();
    for (uint64_t base = 0; base <= 12; base++)
        for (uint64_t count = 0; count <= 14; count++) {
            int64_t error = range_error(base, count);

            if (error == 0 && base < SBI_MPXY_ATTR_MSI_CONTROL)
                error = SBI_ERR_BAD_RANGE;
            memset(shm, 0, PAGE_SIZE);
            assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, base, count), error, 0);
        }
    assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, 7, 1025), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, 0x7fffffff, 1), SBI_ERR_INVALID_PARAM, 0);
    assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, 0x80000000, 1), SBI_ERR_BAD_RANGE, 0);
    assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, 0x80000002, 1), SBI_ERR_INVALID_PARAM, 0);
    assert_int_equal(events_state(), 0);

    for (unsigned i = 0; i < 5; i++)
        set_word(i, i < 4 ? 0xffffffff : 1);
    assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, 7, 5), SBI_SUCCESS, 0);
    assert_sbi(mpxy(SBI_MPXY_READ_ATTRIBUTES, CHANNEL, 7, 5), SBI_SUCCESS, 0);
    assert_int_equal(word(0) | word(1) | word(2) | word(3), 0); /* no MSI: ignored */
    assert_int_equal(word(4), 1);
    set_word(0, 2);
    assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, 11, 1), SBI_ERR_INVALID_PARAM, 0);
    set_word(0, 0);
    rec.copy_limit = 3;
    assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, 11, 1), SBI_ERR_FAILED, 0);
    rec.copy_limit = UINT64_MAX;
    assert_int_equal(events_state(), 1);

    /* The attribute belongs to the channel and is the same on all harts; a restart of the VM clears
     * it. */
    sbi_self = sbi_vm.vcpus[1];
    enable();
    assert_int_equal(events_state(), 1);
    sbi_ext_mpxy.vm_reset(&sbi_vm, sbi_vm_state(&sbi_vm, SBI_SLOT_MPXY));
    assert_int_equal(events_state(), 0);
}

static void test_send(void **state)
{
    static const struct {
        int answer;
        int64_t error;
    } rows[] = {{0, SBI_SUCCESS},
                {-HV_EINVAL, SBI_ERR_INVALID_PARAM},
                {-HV_ENOENT, SBI_ERR_IO},
                {-HV_ENOSPC, SBI_ERR_TIMEOUT},
                {-HV_EFAULT, SBI_ERR_FAILED}};
    const uint64_t fid = SBI_MPXY_SEND_MESSAGE_WITHOUT_RESPONSE;

    (void)state;
    enable();
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        shm[i] = (uint8_t)(i * 11);
    for (uint64_t bit = 2; bit <= BIT(31); bit <<= 1)
        assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_SEND ^ bit, 1), SBI_ERR_NOT_SUPPORTED, 0);
    assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, 0), SBI_ERR_NOT_SUPPORTED, 0);
    assert_int_equal(fake_messages_calls, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_messages_answer = rows[i].answer;
        assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_SEND, 9), rows[i].error, 0);
    }
    fake_messages_answer = 0;
    assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_SEND, PAGE_SIZE), SBI_SUCCESS, 0);
    assert_int_equal(fake_message_len, PAGE_SIZE);
    assert_memory_equal(fake_message, shm, PAGE_SIZE);
    rec.copy_limit = 8;
    assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_SEND, 9), SBI_ERR_FAILED, 0);
}

static void test_receive(void **state)
{
    const uint64_t fid = SBI_MPXY_SEND_MESSAGE_WITH_RESPONSE;

    (void)state;
    enable();
    assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_SEND, 1), SBI_ERR_NOT_SUPPORTED, 0);
    for (uint64_t bit = 1; bit <= BIT(31); bit <<= 1)
        assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE ^ bit, 0), SBI_ERR_NOT_SUPPORTED, 0);
    for (uint64_t len = 1; len != 0; len <<= 1)
        assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, len), SBI_ERR_INVALID_PARAM, 0);
    assert_int_equal(fake_messages_calls, 0);
    fake_messages_answer = -HV_ENOENT;
    assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, 0), SBI_ERR_TIMEOUT, 0);
    fake_messages_answer = -HV_EFAULT;
    assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, 0), SBI_ERR_FAILED, 0);
    fake_messages_answer = 0;
    memset(shm, 0xee, PAGE_SIZE);
    memset(fake_message, 0x5a, sizeof(fake_message));
    fake_message_len = 100;
    assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, 0), SBI_SUCCESS, 100);
    assert_memory_equal(fake_message, shm, 100);
    assert_rest(100, 0xee);
    fake_message_len = PAGE_SIZE;
    assert_sbi(mpxy(fid, CHANNEL, SBI_MPXY_MESSAGE_RECEIVE, 0), SBI_SUCCESS, PAGE_SIZE);
    assert_rest(0, 0x5a);
}

static void test_notifications(void **state)
{
    const uint64_t fid = SBI_MPXY_GET_NOTIFICATION_EVENTS;

    (void)state;
    enable();
    memset(shm, 0xee, PAGE_SIZE);
    assert_sbi(mpxy(fid, CHANNEL, 0, 0), SBI_SUCCESS, 0);
    assert_rest(0, 0xee);
    fake_message_len = 77;
    assert_sbi(mpxy(fid, CHANNEL, 0, 0), SBI_SUCCESS, 16);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(word(i), 0xeeeeeeee);
    assert_int_equal(word(4), SBI_MPXY_EVENT_WAITING);
    assert_int_equal(word(5), 1);
    assert_int_equal(word(6), 77);
    assert_int_equal(word(7), 0);
    assert_rest(32, 0xee);
    rec.copy_limit = 15;
    assert_sbi(mpxy(fid, CHANNEL, 0, 0), SBI_ERR_FAILED, 0);
    rec.copy_limit = UINT64_MAX;

    set_word(0, 1);
    assert_sbi(mpxy(SBI_MPXY_WRITE_ATTRIBUTES, CHANNEL, 11, 1), SBI_SUCCESS, 0);
    memset(shm, 0xee, PAGE_SIZE);
    assert_sbi(mpxy(fid, CHANNEL, 0, 0), SBI_SUCCESS, 16);
    assert_int_equal(word(0), 0);
    assert_int_equal(word(1), 1);
    assert_int_equal(word(2) | word(3), 0);
    assert_rest(32, 0xee);
    rec.copy_limit = 15;
    assert_sbi(mpxy(fid, CHANNEL, 0, 0), SBI_ERR_FAILED, 0);
    rec.copy_limit = UINT64_MAX;
    fake_message_len = 0;
    memset(shm, 0xee, PAGE_SIZE);
    assert_sbi(mpxy(fid, CHANNEL, 0, 0), SBI_SUCCESS, 0);
    assert_int_equal(word(0) | word(1) | word(2) | word(3), 0);
    assert_rest(16, 0xee);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_functions, fresh),
        cmocka_unit_test_setup(test_shmem_errors, fresh),
        cmocka_unit_test_setup(test_shmem, fresh),
        cmocka_unit_test_setup(test_channel_ids, fresh),
        cmocka_unit_test_setup(test_read_attributes, fresh),
        cmocka_unit_test_setup(test_write_attributes, fresh),
        cmocka_unit_test_setup(test_send, fresh),
        cmocka_unit_test_setup(test_receive, fresh),
        cmocka_unit_test_setup(test_notifications, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
