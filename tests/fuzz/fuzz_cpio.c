/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_cpio.c - libFuzzer target: any bytes as an archive. Files found lie inside it. */
#include <hearth/lib/cpio.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"bundle.dtb", "kernel", "a", ""};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        const void *found;
        uint64_t n;

        if (cpio_find(data, size, names[i], &found, &n) == 0 &&
            ((const uint8_t *)found < data || n > size ||
             (size_t)((const uint8_t *)found - data) > size - n))
            abort();
    }
    return 0;
}
