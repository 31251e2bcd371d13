/* SPDX-License-Identifier: MIT */
/* Text heap profiles: read with google/pprof's scaling and repairs, and written so that they read
 * back the same. */
#include "config.h"

#include <errno.h>

#include "build.h"

static char msg[256];

static struct ht_profile *decode(const char *text)
{
    int err = 0;
    struct ht_profile *p = ht_profile_decode(text, strlen(text), &err, msg, sizeof(msg));
    if (!p)
        assert_true(err < 0);
    else
        assert_int_equal(ht_profile_check(p, msg, sizeof(msg)), 0);
    return p;
}

static void gperftools(void **state)
{
    struct ht_profile *p =
        decode("heap profile:    3:     3000 [    9:  9000] @ heapprofile\n"
               "     1:     1000 [    4:   4000] @ 0x0000000000401234 0x00402000\n"
               "\n# a comment\n"
               "     2:     2000 [    5:   5000] @ 0x7f0000001001 0x00402000\n"
               "\nMAPPED_LIBRARIES:\n"
               "00400000-00410000 r-xp 00000000 08:01 12   /usr/bin/my app (deleted)\n"
               "00410000-00420000 rw-p 00010000 08:01 12   /usr/bin/my app\n"
               "7f0000000000-7f0000100000 r-xp 00001000 08:01 13 /lib/libx.so.1\n");
    assert_non_null(p);
    assert_int_equal(p->n_sample_types, 4);
    assert_string_equal(p->sample_types[0].type, "alloc_objects");
    assert_string_equal(p->sample_types[3].type, "inuse_space");
    assert_int_equal(p->period, 1);
    assert_int_equal(p->n_samples, 2);
    assert_int_equal(p->samples[0].values[0], 4);
    assert_int_equal(p->samples[0].values[3], 1000);
    assert_int_equal(p->samples[0].locations[0]->address, 0x401233);
    assert_ptr_equal(p->samples[0].locations[1], p->samples[1].locations[1]);
    assert_string_equal(p->samples[0].labels[0].key, "bytes");
    assert_int_equal(p->samples[0].labels[0].num, 1000);
    assert_int_equal(p->n_mappings, 2);
    assert_string_equal(p->mappings[0]->file, "/usr/bin/my app");
    assert_string_equal(p->samples[1].locations[0]->mapping->file, "/lib/libx.so.1");
    assert_int_equal(p->mappings[1]->offset, 0x1000);
    assert_non_null(strstr(p->drop_frames, "operator new"));
    ht_profile_destroy(p);
}

static void sampled(void **state)
{
    /* 1/(1-exp(-1024/524288)) = 512.5 to one digit */
    struct ht_profile *p = decode("heap profile: 2: 2048 [2: 2048] @ heap_v2/524288\n"
                                  "2: 2048 [2: 2048] @ 0x401234\n");
    assert_int_equal(p->n_sample_types, 2);
    assert_string_equal(p->sample_types[0].type, "objects");
    assert_int_equal(p->period, 524288);
    assert_int_equal(p->samples[0].values[0], 1025);
    assert_int_equal(p->samples[0].values[1], 1049600);
    assert_int_equal(p->samples[0].labels[0].num, 1024);
    /* Without a map there is one mapping that holds everything. */
    assert_int_equal(p->n_mappings, 1);
    ht_profile_destroy(p);

    /* Go prints twice its rate. */
    p = decode("heap profile: 2: 2048 [3: 2048] @ heap/1048576\n"
               "2: 2048 [2: 2048] @ 0x401234\n#\t0x401233\tmain.f+0x1\tf.go:1\n");
    assert_int_equal(p->n_sample_types, 4);
    assert_int_equal(p->period, 524288);
    assert_int_equal(p->samples[0].values[2], 1025);
    ht_profile_destroy(p);
}

static void jemalloc(void **state)
{
    struct ht_profile *p = decode("heap_v2/524288\n"
                                  "  t*: 2: 1049600 [0: 0]\n"
                                  "  t0: 2: 1049600 [0: 0] name\n"
                                  "@ 0x55d0 0x55e0\n"
                                  "  t*: 1: 524288 [0: 0]\n"
                                  "  t0: 1: 524288 [0: 0] name\n"
                                  "@ 0x55f0\n"
                                  "  t*: 1: 525312 [0: 0]\n"
                                  "\nMAPPED_LIBRARIES:\n"
                                  "5000-6000 r-xp 00000000 08:01 12 /usr/bin/app\n");
    assert_non_null(p);
    assert_int_equal(p->n_sample_types, 2);
    assert_string_equal(p->sample_types[1].type, "inuse_space");
    assert_int_equal(p->n_samples, 2);
    assert_int_equal(p->samples[0].n_locations, 2);
    assert_int_equal(p->samples[0].locations[0]->address, 0x55cf);
    assert_int_equal(p->samples[0].values[0], 1); /* 1.58 */
    assert_int_equal(p->samples[0].values[1], 829411);
    assert_string_equal(p->mappings[0]->file, "/usr/bin/app");
    ht_profile_destroy(p);

    p = decode("heap_v2/1\n  t*: 1: 8 [4: 32]\n@ 0x55d0\n  t*: 1: 8 [4: 32]\n");
    assert_int_equal(p->n_sample_types, 4);
    assert_int_equal(p->samples[0].values[1], 32);
    ht_profile_destroy(p);
    p = decode("heap_v2/524288\n  t*: 0: 0 [0: 0]\n\nMAPPED_LIBRARIES:\n");
    assert_int_equal(p->n_samples, 0);
    ht_profile_destroy(p);
}

/* What google/pprof's ParseMemoryMap puts right. */
static void maps(void **state)
{
    struct ht_profile *p = decode("heap profile: 1: 8 [1: 8] @ heapprofile\n"
                                  "1: 8 [1: 8] @ 0x7f0000000801 0x401001\n"
                                  "--- Memory map: ---\n"
                                  "  7f0000001000-7f0000002000: /lib/liby.so (@1000) abc123\n"
                                  "  7f0000002000-7f0000003000: /lib/liby.so (@2000) abc123\n"
                                  "  00401000-00402000: /bin/prog\n");
    assert_int_equal(p->n_mappings, 2);
    assert_string_equal(p->mappings[0]->file, "/bin/prog");
    assert_string_equal(p->mappings[1]->build_id, "abc123");
    /* The halves are one again, and it grew down to the part that was left out. */
    assert_int_equal(p->mappings[1]->limit, 0x7f0000003000);
    assert_int_equal(p->mappings[1]->start, 0x7f0000000000);
    assert_ptr_equal(p->locations[0]->mapping, p->mappings[1]);
    assert_int_equal(p->mappings[0]->id, 1);
    ht_profile_destroy(p);
}

static void refused(void **state)
{
    static const char *const texts[] = {
        "heap profile: x\n",
        "heap profile: 1: 8 [1: 8] @ nonsense\n",
        "heap profile: 1: 8 [1: 8] @ heapprofile\nrubbish\n",
        "heap profile: 1: 8 [1: 8] @ heapprofile\n0: 8 [1: 8] @ 0x1\n",
        "heap profile: 1: 8 [1: 8] @ heapprofile\n99999999999999999999: 8 [1: 8] @ 0x1\n",
        "heap profile: 1: 8 [1: 8] @ heapprofile\n1: 8 [1: 8] @ 0x11111111111111111\n",
        "heap_v2/\n",
        "heap_v2/1\nrubbish\n",
        "heap_v2/1\n@ 0x1\n  t*: 0: 8 [0: 0]\n",
        "heap profile: 1: 8 [1: 8] @ heapprofile\nMAPPED_LIBRARIES:\n"
        "1000-2000 r-xp 00000000 08:01 12 /caf\xe9\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        *msg = '\0';
        if (decode(texts[i]))
            fail_msg("text %zu was taken", i);
        assert_non_null(strstr(msg, "line"));
    }
}

/* gperftools abbreviates its map by attributes; glog puts a prefix before each line. */
static void attributes(void **state)
{
    struct ht_profile *p =
        decode("I0101 12:00:00.000 123 a.cc:12] heap profile: 1: 8 [1: 8] @ heapprofile\n"
               "I0101 12:00:00.000 123 a.cc:12] 1: 8 [1: 8] @ 0x401234 0x7f01\n"
               "MAPPED_LIBRARIES:\n"
               "build=/home/user/out\n"
               "W0101 12:00:00.000 123 a.cc:12]   more = $build/lib \n"
               "build=/second/is/not/taken\n"
               "00400000-00410000: $build/server\n"
               "x:1] 7000-8000 r-xp 00000000 08:01 13 $more/libx.so.1\n");
    assert_non_null(p);
    assert_int_equal(p->n_mappings, 2);
    assert_string_equal(p->mappings[0]->file, "/home/user/out/server");
    assert_string_equal(p->mappings[1]->file, "/home/user/out/lib/libx.so.1");
    assert_int_equal(p->samples[0].n_locations, 2);
    ht_profile_destroy(p);
    assert_null(
        decode("heap profile: 1: 8 [1: 8] @ heap_v2/9223372036854775808\n1: 8 [1: 8] @ 0x7\n"));
    assert_non_null(strstr(msg, "rate is too large"));
    p = decode("heap profile: 1: 8 [1: 8] @ heap_v2/-5\n1: 8 [1: 8] @ 0x7\n");
    assert_int_equal(p->period, 0);
    ht_profile_destroy(p);
}

static void written(void **state)
{
    struct ht_profile *p = small_profile();
    void *data;
    size_t size;
    assert_int_equal(ht_profile_encode_text(p, &data, &size, msg, sizeof(msg)), -EINVAL);
    assert_non_null(strstr(msg, "difference"));
    p->samples[1].values[1] = 7;
    assert_int_equal(ht_profile_encode_text(p, &data, &size, msg, sizeof(msg)), 0);
    assert_non_null(strstr(data, "heap profile: 4: 307 [4: 307] @ heapprofile\n"));
    assert_non_null(strstr(data, "#\t0x400301\tmalloc\t/src/malloc.c:30\n"));
    struct ht_profile *q = decode(data);
    assert_non_null(q);
    assert_int_equal(q->n_samples, 2);
    assert_int_equal(q->samples[0].values[1], 300);
    assert_int_equal(q->samples[0].locations[2]->address, 0x400100);
    assert_string_equal(q->mappings[0]->file, "/bin/app");
    ht_profile_destroy(q);
    free(data);
    /* A name with the end of a line in it is no line of its own. */
    p->functions[0]->name = ht_profile_str(p, "a\nb\tc");
    p->mappings[0]->file = ht_profile_str(p, "/bin/a\nb");
    assert_int_equal(ht_profile_encode_text(p, &data, &size, msg, sizeof(msg)), 0);
    assert_non_null(strstr(data, "\ta?b?c\t"));
    q = decode(data);
    assert_non_null(q);
    assert_string_equal(q->mappings[0]->file, "/bin/a?b");
    ht_profile_destroy(q);
    ht_profile_destroy(p);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gperftools), cmocka_unit_test(sampled), cmocka_unit_test(jemalloc),
        cmocka_unit_test(maps),       cmocka_unit_test(refused), cmocka_unit_test(written),
        cmocka_unit_test(attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
