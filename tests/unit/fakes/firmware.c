/* SPDX-License-Identifier: Apache-2.0 */
/* firmware.c - see firmware.h. Also the host's ISA, which is empty until a test fills it. */
#include "firmware.h"

#include <arch/layout.h>
#include <hearth/arch/isa.h>

#include <string.h>

struct host_isa host_isa;
bool fake_firmware_has_fwft;
int64_t fake_fwft_error;
uint64_t fake_fwft_value;
unsigned fake_fwft_sets;

unsigned fake_triggers;
bool fake_dbtr_old;
int64_t fake_dbtr_error;
unsigned fake_dbtr_calls;
uint64_t fake_trigger[FAKE_TRIGGERS_MAX][3];
static uint64_t *shmem;

hpa_t image_to_phys(const void *p)
{
    return (uintptr_t)p;
}

static int64_t install(void)
{
    for (unsigned i = 0; i < fake_triggers; i++) {
        if (fake_trigger[i][0] == 0) {
            memcpy(fake_trigger[i], shmem + 1, sizeof(fake_trigger[i]));
            shmem[fake_dbtr_old ? 4 : 0] = i;
            return SBI_SUCCESS;
        }
    }
    return SBI_ERR_FAILED;
}

static struct sbi_client_ret dbtr(uint64_t fid, uint64_t a0, uint64_t a1)
{
    struct sbi_client_ret ret = {.error = fake_dbtr_error};

    fake_dbtr_calls++;
    if (ret.error != SBI_SUCCESS)
        return ret;
    switch (fid) {
    case SBI_DBTR_NUM_TRIGGERS:
        ret.value = fake_triggers;
        break;
    case SBI_DBTR_SET_SHMEM:
        shmem = (uint64_t *)(uintptr_t)a0;
        break;
    case SBI_DBTR_INSTALL:
        ret.error = a0 == 1 ? install() : SBI_ERR_FAILED;
        break;
    case SBI_DBTR_UNINSTALL:
        if (a0 < fake_triggers && a1 == 1 && fake_trigger[a0][0] != 0)
            fake_trigger[a0][0] = 0;
        else
            ret.error = SBI_ERR_INVALID_PARAM;
        break;
    default:
        ret.error = SBI_ERR_NOT_SUPPORTED;
    }
    return ret;
}

bool sbi_client_probe(uint64_t eid)
{
    if (eid == SBI_EXT_DBTR)
        return fake_triggers != 0;
    if (eid == SBI_EXT_PMU)
        return fake_pmu_counters != 0;
    return eid == SBI_EXT_FWFT && fake_firmware_has_fwft;
}

struct sbi_client_ret sbi_client_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                                      uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct sbi_client_ret ret = {.error = SBI_ERR_NOT_SUPPORTED};

    (void)a5;
    if (eid == SBI_EXT_DBTR)
        return dbtr(fid, a0, a1);
    if (eid == SBI_EXT_PMU)
        return fake_pmu_call(fid, a0, a1, a2, a3, a4);
    if (eid != SBI_EXT_FWFT || !fake_firmware_has_fwft || a0 != SBI_FWFT_MISALIGNED_EXC_DELEG)
        return ret;
    ret.error = fake_fwft_error;
    if (ret.error != SBI_SUCCESS)
        return ret;
    if (fid == SBI_FWFT_SET) {
        fake_fwft_sets++;
        fake_fwft_value = a1;
    } else {
        ret.value = fake_fwft_value;
    }
    return ret;
}
