/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_host_tree.c - libFuzzer target: any bytes as the host's device tree. */
#include <hearth/arch/isa.h>
#include <hearth/platform/platform.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct platform p;
    static struct host_isa isa;
    const char *why = NULL;
    void *fdt = malloc(size ? size : 1);

    memcpy(fdt, data, size);
    if (platform_read(fdt, size, 0, &p, &why) == 0) {
        if (p.harts == 0 || p.harts > HARTS_MAX || p.mem_count == 0 || p.timebase_hz == 0 ||
            p.uart.irq > p.intc.sources)
            abort();
        if (isa_read(fdt, &isa, &why) == 0 && strncmp(isa.guest_isa, "rv64i", 5) != 0)
            abort();
    } else if (why == NULL) {
        abort();
    }
    free(fdt);
    return 0;
}
