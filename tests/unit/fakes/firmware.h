/* firmware.h - fake: what is below Hearth, for the extensions that ask it. */
#pragma once

#include <hearth/sbi_client.h>

extern bool fake_firmware_has_fwft;
extern int64_t fake_fwft_error;  /* of every FWFT call; 0: they work */
extern uint64_t fake_fwft_value; /* of the one feature, misaligned delegation */
extern unsigned fake_fwft_sets;
