/* SPDX-License-Identifier: Apache-2.0 */
/* test_cpio.c - lib/cpio.c: archives as they should be, and every way they should not. */
#include "damage.h"

#include "cpio_write.h"

#include <hearth/lib/cpio.h>
#include <hearth/lib/errno.h>

static const char hello[] = "hello, world";

static struct archive small_archive(void)
{
    struct archive a = {0};

    archive_member(&a, "070701", 0040755, "dir", 4, "", 0);
    archive_member(&a, "070701", 0100644, "dir/a", 6, hello, sizeof(hello));
    archive_member(&a, "070702", 0100644, "b", 2, "BB", 2);
    archive_member(&a, "070701", 0100644, "padded", 64, "PPP", 3);
    archive_member(&a, "070701", 0100644, "empty", 6, "", 0);
    archive_end(&a);
    return a;
}

static int find(const struct archive *a, const char *name, const void **data, uint64_t *size)
{
    *data = NULL;
    *size = 0;
    return cpio_find(a->bytes, a->size, name, data, size);
}

static void test_find(void **state)
{
    struct archive a = small_archive();
    const void *data;
    uint64_t size;

    (void)state;
    assert_int_equal(find(&a, "dir/a", &data, &size), 0);
    assert_int_equal(size, sizeof(hello));
    assert_memory_equal(data, hello, sizeof(hello));
    assert_int_equal(find(&a, "b", &data, &size), 0);
    assert_memory_equal(data, "BB", 2);
    assert_int_equal(size, 2);
    assert_int_equal(find(&a, "padded", &data, &size), 0);
    assert_memory_equal(data, "PPP", 3);
    assert_int_equal(find(&a, "empty", &data, &size), 0);
    assert_int_equal(size, 0);
    assert_non_null(data);

    assert_int_equal(find(&a, "dir", &data, &size), -HV_ENOENT); /* not a file */
    assert_int_equal(find(&a, "c", &data, &size), -HV_ENOENT);
    assert_int_equal(find(&a, "", &data, &size), -HV_ENOENT);
    assert_int_equal(find(&a, "TRAILER!!!", &data, &size), -HV_ENOENT);
    free(a.bytes);
}

static void test_first_of_a_name(void **state)
{
    struct archive a = {0};
    const void *data;
    uint64_t size;

    (void)state;
    archive_file(&a, "x", "one", 3);
    archive_file(&a, "x", "second", 6);
    archive_end(&a);
    assert_int_equal(find(&a, "x", &data, &size), 0);
    assert_int_equal(size, 3);
    free(a.bytes);
}

/* Archives made by the real cpio program. */
static void test_real_cpio(void **state)
{
    static uint8_t buf[65536];
    FILE *f = popen("d=$(mktemp -d) && cd $d && mkdir s && printf abc >s/f && printf 1234567 >g && "
                    "printf 's\\ns/f\\ng\\n' | cpio -o -H newc --quiet; rm -rf $d",
                    "r");
    struct archive a = {.bytes = buf};
    const void *data;
    uint64_t size;

    (void)state;
    assert_non_null(f);
    a.size = fread(buf, 1, sizeof(buf), f);
    assert_int_equal(pclose(f), 0);
    assert_int_equal(find(&a, "s/f", &data, &size), 0);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "abc", 3);
    assert_int_equal(find(&a, "g", &data, &size), 0);
    assert_memory_equal(data, "1234567", 7);
    assert_int_equal(find(&a, "h", &data, &size), -HV_ENOENT);
}

/* Field numbers of the header, as in cpio.c's head: mode 1, filesize 6, namesize 11. */
static void expect_refused(unsigned field, const char *digits)
{
    struct archive a = {0};
    const void *data;
    uint64_t size;

    archive_member(&a, "070701", 0100644, "x", 2, hello, sizeof(hello));
    archive_member(&a, "070701", 0100644, "y", 2, hello, sizeof(hello));
    archive_end(&a);
    memcpy(a.bytes + 6 + (size_t)8 * field, digits, 8);
    assert_int_equal(find(&a, "y", &data, &size), -HV_EINVAL);
    assert_null(data);
    free(a.bytes);
}

static void test_bad_fields(void **state)
{
    (void)state;
    expect_refused(6, "ffffffff"); /* filesize */
    expect_refused(6, "fffffffc");
    expect_refused(6, "7fffffff");
    expect_refused(6, "00001000");
    expect_refused(6, "0000 00d");
    expect_refused(6, "+000000d");
    expect_refused(6, "0x00000d");
    expect_refused(6, "0000000g");
    expect_refused(11, "ffffffff"); /* namesize */
    expect_refused(11, "00001001");
    expect_refused(11, "00000000");
    expect_refused(11, "00000001"); /* the name has no NUL */
    expect_refused(11, "0000000c"); /* the name runs into the data */
    expect_refused(1, "zzzzzzzz");
}

static void test_bad_magic(void **state)
{
    static const char *const magics[] = {"070707", "070703", "070700", "\x1f\x8b\x08\x00\x00\x00"};

    (void)state;
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        struct archive a = {0};
        const void *data;
        uint64_t size;

        archive_member(&a, "070701", 0100644, "x", 2, hello, sizeof(hello));
        archive_end(&a);
        memcpy(a.bytes, magics[i], 6);
        assert_int_equal(find(&a, "x", &data, &size), -HV_EINVAL);
        free(a.bytes);
    }
}

static void test_no_trailer(void **state)
{
    struct archive a = {0};
    const void *data;
    uint64_t size;

    (void)state;
    assert_int_equal(cpio_find("", 0, "x", &data, &size), -HV_EINVAL);
    archive_member(&a, "070701", 0100644, "x", 2, hello, sizeof(hello));
    assert_int_equal(find(&a, "x", &data, &size), 0);
    assert_int_equal(find(&a, "y", &data, &size), -HV_EINVAL);
    free(a.bytes);
}

static void test_member_limit(void **state)
{
    struct archive a = {0};
    const void *data;
    uint64_t size;

    (void)state;
    for (unsigned i = 0; i < CPIO_MEMBERS_MAX; i++)
        archive_member(&a, "070701", 0100644, "x", 2, "", 0);
    archive_member(&a, "070701", 0100644, "last", 5, "", 0);
    archive_end(&a);
    assert_int_equal(find(&a, "last", &data, &size), -HV_EINVAL);
    free(a.bytes);
}

static void try_all_names(const void *bytes, size_t size)
{
    static const char *const names[] = {"dir/a", "b", "padded", "empty", "none"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const void *data;
        uint64_t n;
        int err = cpio_find(bytes, size, names[i], &data, &n);

        if (err == 0) {
            const uint8_t *from = data, *lo = bytes;

            assert_true(from >= lo && n <= size && (size_t)(from - lo) <= size - n);
        } else {
            assert_true(err == -HV_EINVAL || err == -HV_ENOENT);
        }
    }
}

static void test_damage(void **state)
{
    struct archive a = small_archive();

    (void)state;
    damage_all(a.bytes, a.size, 50000, try_all_names);
    /* Cut anywhere, the trailer is not there to say "no such file". */
    for (size_t n = 0; n < a.size - 3; n++) {
        const void *data;
        uint64_t size;

        assert_int_equal(cpio_find(a.bytes, n, "none", &data, &size), -HV_EINVAL);
    }
    free(a.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),         cmocka_unit_test(test_first_of_a_name),
        cmocka_unit_test(test_real_cpio),    cmocka_unit_test(test_bad_fields),
        cmocka_unit_test(test_bad_magic),    cmocka_unit_test(test_no_trailer),
        cmocka_unit_test(test_member_limit), cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
