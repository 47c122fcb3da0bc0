/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbi_client.h - calls to the firmware below Hearth (SBI specification v3.0). hearth/sbi/sbi.h
 * serves the guests' calls.
 *
 * Any hart, any context, no locks. Harts are identified by SBI hart id (platform.hart[i].hartid),
 * never by index.
 */
#pragma once

#include <abi/sbi.h>
#include <hearth/lib/types.h>

struct sbi_client_ret {
    int64_t error; /* SBI_ERR_*; legacy extensions: the only result */
    uint64_t value;
};

/* Makes one call. */
struct sbi_client_ret sbi_client_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                                      uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* The machine's identity, from the firmware's Base extension; guests read the same values. */
struct host_ids {
    uint64_t mvendorid, marchid, mimpid;
};
extern struct host_ids host_ids; /* const after sbi_client_init() */

/* Reads host_ids and probes the extensions used below. Boot hart, before any other function here.
 * */
void sbi_client_init(void);

/* True if the firmware has the extension. */
bool sbi_client_probe(uint64_t eid);

/* Programs the supervisor timer interrupt of this hart for host time `ticks`; clears a pending one.
 * UINT64_MAX: none. */
void sbi_client_set_timer(uint64_t ticks);
/* Raises the supervisor software interrupt of harts base + i for each set bit i. SBI_ERR_*. */
int64_t sbi_client_send_ipi(uint64_t hart_mask, uint64_t base);
/* Starts a stopped hart at physical address `entry` with a1 = opaque, MMU off. SBI_ERR_*. */
int64_t sbi_client_hart_start(uint64_t hartid, hpa_t entry, uint64_t opaque);
/* Does not return on success. SBI_ERR_*. */
int64_t sbi_client_system_reset(uint32_t type, uint32_t reason);

/* Firmware console, through DBCN or legacy putchar and getchar. */

/* Writes one byte, without a buffer: any hart, any state. False: the firmware refused. */
bool sbi_client_putchar(char c);
/* Returns the number of bytes written, possibly less than len; 0: the firmware refused. One caller
 * at a time (shared buffer). */
size_t sbi_client_console_write(const char *buf, size_t len);
/* Returns one byte of input, or -1: none. One caller at a time (shared buffer). */
int sbi_client_getchar(void);
