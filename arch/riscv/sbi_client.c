/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi_client.c - calls to the firmware (SBI specification v3.0, "Binary encoding" and each
 * extension's chapter). No locks: results of probing are cached by idempotent writes.
 */
#include <arch/atomic.h>
#include <arch/layout.h>
#include <hearth/arch/sbi_client.h>

#include <string.h>

struct host_ids host_ids;

enum probe_state {
    PROBE_NOT_DONE,
    PROBE_ABSENT,
    PROBE_PRESENT,
};

/* enum probe_state; atomic. */
static uint32_t sbi_client_dbcn_state, sbi_client_time_state, sbi_client_srst_state;

/* In its own page: OpenSBI 1.5 hangs on DBCN buffers at some boundaries. */
static struct {
    char out[PAGE_SIZE / 2];
    uint8_t in;
} sbi_client_dbcn __aligned(PAGE_SIZE);

struct sbi_client_ret sbi_client_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                                      uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    register uint64_t r0 __asm__("a0") = a0;
    register uint64_t r1 __asm__("a1") = a1;
    register uint64_t r2 __asm__("a2") = a2;
    register uint64_t r3 __asm__("a3") = a3;
    register uint64_t r4 __asm__("a4") = a4;
    register uint64_t r5 __asm__("a5") = a5;
    register uint64_t r6 __asm__("a6") = fid;
    register uint64_t r7 __asm__("a7") = eid;

    __asm__ volatile("ecall"
                     : "+r"(r0), "+r"(r1)
                     : "r"(r2), "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7)
                     : "memory");
    return (struct sbi_client_ret){.error = (int64_t)r0, .value = r1};
}

static struct sbi_client_ret sbi_client_call0(uint64_t eid, uint64_t fid)
{
    return sbi_client_call(eid, fid, 0, 0, 0, 0, 0, 0);
}

bool sbi_client_probe(uint64_t eid)
{
    struct sbi_client_ret r =
        sbi_client_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eid, 0, 0, 0, 0, 0);

    return r.error == SBI_SUCCESS && r.value != 0;
}

/* Probes once. Harts that probe concurrently find the same result. */
static bool sbi_client_probe_once(uint32_t *state, uint64_t eid)
{
    uint32_t s = atomic_load_relaxed(state);

    if (unlikely(s == PROBE_NOT_DONE)) {
        s = sbi_client_probe(eid) ? PROBE_PRESENT : PROBE_ABSENT;
        atomic_store_relaxed(state, s);
    }
    return s == PROBE_PRESENT;
}

static uint64_t sbi_client_base_value(uint64_t fid)
{
    struct sbi_client_ret r = sbi_client_call0(SBI_EXT_BASE, fid);

    return r.error == SBI_SUCCESS ? r.value : 0;
}

void sbi_client_init(void)
{
    host_ids.mvendorid = sbi_client_base_value(SBI_BASE_GET_MVENDORID);
    host_ids.marchid = sbi_client_base_value(SBI_BASE_GET_MARCHID);
    host_ids.mimpid = sbi_client_base_value(SBI_BASE_GET_MIMPID);
    (void)sbi_client_probe_once(&sbi_client_dbcn_state, SBI_EXT_DBCN);
    (void)sbi_client_probe_once(&sbi_client_time_state, SBI_EXT_TIME);
    (void)sbi_client_probe_once(&sbi_client_srst_state, SBI_EXT_SRST);
}

void sbi_client_set_timer(uint64_t ticks)
{
    if (sbi_client_probe_once(&sbi_client_time_state, SBI_EXT_TIME))
        (void)sbi_client_call(SBI_EXT_TIME, 0, ticks, 0, 0, 0, 0, 0);
    else
        (void)sbi_client_call(SBI_EXT_LEGACY_SET_TIMER, 0, ticks, 0, 0, 0, 0, 0);
}

int64_t sbi_client_send_ipi(uint64_t hart_mask, uint64_t base)
{
    return sbi_client_call(SBI_EXT_SPI, 0, hart_mask, base, 0, 0, 0, 0).error;
}

int64_t sbi_client_hart_start(uint64_t hartid, hpa_t entry, uint64_t opaque)
{
    return sbi_client_call(SBI_EXT_HSM, SBI_HSM_HART_START, hartid, entry, opaque, 0, 0, 0).error;
}

int64_t sbi_client_system_reset(uint32_t type, uint32_t reason)
{
    if (sbi_client_probe_once(&sbi_client_srst_state, SBI_EXT_SRST))
        return sbi_client_call(SBI_EXT_SRST, SBI_SRST_RESET, type, reason, 0, 0, 0, 0).error;
    if (type != SBI_SRST_TYPE_SHUTDOWN)
        return SBI_ERR_NOT_SUPPORTED;
    return sbi_client_call0(SBI_EXT_LEGACY_SHUTDOWN, 0).error;
}

bool sbi_client_putchar(char c)
{
    uint64_t byte = (uint8_t)c;

    if (sbi_client_probe_once(&sbi_client_dbcn_state, SBI_EXT_DBCN)) {
        return sbi_client_call(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE_BYTE, byte, 0, 0, 0, 0, 0)
                   .error == SBI_SUCCESS;
    }
    return sbi_client_call(SBI_EXT_LEGACY_CONSOLE_PUTCHAR, 0, byte, 0, 0, 0, 0, 0).error == 0;
}

size_t sbi_client_console_write(const char *buf, size_t len)
{
    struct sbi_client_ret r;

    if (!sbi_client_probe_once(&sbi_client_dbcn_state, SBI_EXT_DBCN))
        return len != 0 && sbi_client_putchar(buf[0]) ? 1 : 0;

    len = MIN(len, sizeof(sbi_client_dbcn.out));
    memcpy(sbi_client_dbcn.out, buf, len);
    r = sbi_client_call(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE, len,
                        image_to_phys(sbi_client_dbcn.out), 0, 0, 0, 0);
    if (r.error != SBI_SUCCESS)
        return 0;
    return MIN(r.value, len);
}

int sbi_client_getchar(void)
{
    struct sbi_client_ret r;

    if (!sbi_client_probe_once(&sbi_client_dbcn_state, SBI_EXT_DBCN)) {
        int64_t c = sbi_client_call0(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0).error;

        return c >= 0 && c <= UINT8_MAX ? (int)c : -1;
    }
    r = sbi_client_call(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_READ, 1, image_to_phys(&sbi_client_dbcn.in),
                        0, 0, 0, 0);
    if (r.error != SBI_SUCCESS || r.value == 0)
        return -1;
    return sbi_client_dbcn.in;
}
