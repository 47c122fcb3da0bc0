/* SPDX-License-Identifier: Apache-2.0 */
/* hs.h - shared by HS-mode test programs, hs.c and start.S. */
#pragma once

#include <hearth/lib/types.h>

void hs_main(void); /* defined by the test program */

extern unsigned hs_traps; /* number of traps taken; each had an exception-table entry */

/* "# text number" on the console. */
void hs_say(const char *text, uint64_t number);
__noreturn void hs_end(void);
__noreturn void hs_fail(const char *file, int line, const char *what);
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            hs_fail(__FILE__, __LINE__, #cond);                                                    \
    } while (0)

uint64_t hs_random(void);

/* Instructions that the statement executes, plus a few for counting, by instret: exact with
 * -icount. */
#define COUNT(text, statement)                                                                     \
    do {                                                                                           \
        uint64_t before_ = csr_read(CSR_INSTRET);                                                  \
        statement;                                                                                 \
        hs_say(text, csr_read(CSR_INSTRET) - before_);                                             \
    } while (0)
