/* firmware.c - see firmware.h. Also the host's ISA, with nothing in it until a test says so. */
#include "firmware.h"

#include <hearth/isa.h>

struct host_isa host_isa;
bool fake_firmware_has_fwft;
int64_t fake_fwft_error;
uint64_t fake_fwft_value;
unsigned fake_fwft_sets;

bool sbi_client_probe(uint64_t eid)
{
    return eid == SBI_EXT_FWFT && fake_firmware_has_fwft;
}

struct sbi_client_ret sbi_client_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                                      uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct sbi_client_ret ret = {.error = SBI_ERR_NOT_SUPPORTED};

    (void)a2, (void)a3, (void)a4, (void)a5;
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
