/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config.c - libFuzzer target: any bytes as the device tree of an otherwise valid bundle. */
#include <hearth/config/config.h>

#include "cpio_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool check(void *arg, const struct vm_config *c, const struct config_error *error)
{
    (void)arg;
    if (c != NULL) {
        if (strlen(c->name) == 0 || strlen(c->cmdline) > VM_CMDLINE_MAX || c->vcpus == 0 ||
            c->vcpus > VCPUS_MAX || c->memory < VM_MEMORY_MIN || c->kernel_size != 6)
            abort();
    } else {
        for (const char *p = error->node; *p != '\0'; p++) {
            if (*p <= ' ' || *p > '~')
                abort();
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct archive a = {0};
    struct bundle b;
    const char *why = NULL;

    archive_file(&a, "bundle.dtb", data, size);
    archive_file(&a, "kernel", "KERNEL", 6);
    archive_file(&a, "initrd", "INITRD", 6);
    archive_end(&a);
    if (bundle_open(&b, a.bytes, a.size, &why) == 0)
        (void)config_read(&b, check, NULL);
    else if (why == NULL)
        abort();
    free(a.bytes);
    return 0;
}
