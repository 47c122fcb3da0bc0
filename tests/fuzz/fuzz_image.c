/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_image.c - libFuzzer target: any bytes as an ELF file, and as a Linux Image. */
#include <hearth/guest/image.h>

#include <stdlib.h>

#define RAM      0x80000000ull
#define RAM_SIZE (64 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, const struct image *image)
{
    if (image->segments == 0 || image->segments > IMAGE_PIECES_MAX ||
        !range_within(image->entry, 2, RAM, RAM_SIZE))
        abort();
    for (unsigned i = 0; i < image->segments; i++) {
        const struct image_segment *p = &image->segment[i];

        if (p->file_size > p->memory_size || !range_within(p->gpa, p->memory_size, RAM, RAM_SIZE) ||
            !range_within((uintptr_t)p->data, p->file_size, (uintptr_t)data, size))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image;
    const char *why = NULL;

    if (image_read_elf(data, size, RAM, RAM_SIZE, &image, &why) == 0)
        check(data, size, &image);
    if (image_read_linux(data, size, RAM, RAM_SIZE, &image, &why) == 0)
        check(data, size, &image);
    return 0;
}
