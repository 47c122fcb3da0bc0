/* firmware.h - fake: what is below Hearth, for the extensions that ask it. */
#pragma once

#include <hearth/sbi_client.h>

extern bool fake_firmware_has_fwft;
extern int64_t fake_fwft_error;  /* of every FWFT call; 0: they work */
extern uint64_t fake_fwft_value; /* of the one feature, misaligned delegation */
extern unsigned fake_fwft_sets;

/* DBTR: so many triggers on every hart, with what was last installed in each. */
#define FAKE_TRIGGERS_MAX 32
extern unsigned fake_triggers; /* 0: no DBTR */
extern bool fake_dbtr_old;     /* an index goes to the fifth word, as OpenSBI 1.5 has it */
extern int64_t fake_dbtr_error;
extern unsigned fake_dbtr_calls;
extern uint64_t fake_trigger[FAKE_TRIGGERS_MAX][3]; /* tdata1 0: free */
