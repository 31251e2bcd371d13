/* SPDX-License-Identifier: MIT */
/* What is encoded is decoded the same; what is malformed is refused with a line. */
#include "config.h"

#include <errno.h>
#include <zlib.h>

#include "build.h"
#include "profile/apart.h"
#include "profile/wire.h"

static struct ht_profile *decode(const void *data, size_t size, char *msg)
{
    int err = 0;
    struct ht_profile *p = ht_profile_decode(data, size, &err, msg, 256);
    if (!p) {
        assert_true(err < 0);
        assert_true(*msg != '\0');
        assert_null(strchr(msg, '\n'));
    }
    return p;
}

static void assert_small(const struct ht_profile *p)
{
    assert_int_equal(p->n_sample_types, 2);
    assert_string_equal(p->sample_types[1].type, "inuse_space");
    assert_int_equal(p->period, 524288);
    assert_string_equal(p->period_type.unit, "bytes");
    assert_int_equal(p->n_samples, 2);
    assert_int_equal(p->samples[0].n_locations, 3);
    assert_string_equal(p->samples[0].locations[1]->lines[0].function->name, "work");
    assert_int_equal(p->samples[0].locations[1]->lines[0].line, 20);
    assert_int_equal(p->samples[0].locations[0]->address, 0x400300);
    assert_int_equal(p->samples[1].values[1], -7);
    assert_string_equal(p->mappings[0]->build_id, "abcd");
    assert_ptr_equal(p->samples[0].locations[0]->mapping, p->mappings[0]);
    assert_int_equal(p->samples[0].n_labels, 2);
    assert_string_equal(p->samples[0].labels[0].str, "worker");
    assert_null(p->samples[0].labels[1].str);
    assert_int_equal(p->samples[0].labels[1].num, 100);
    assert_string_equal(p->samples[0].labels[1].num_unit, "bytes");
    assert_string_equal(p->comments[0], "a comment");
    assert_string_equal(p->drop_frames, "malloc");
}

static struct ht_profile *labelled(void)
{
    struct ht_profile *p = small_profile();
    struct ht_sample *s = &p->samples[0];
    s->labels = ht_profile_alloc(p, 2 * sizeof(*s->labels));
    s->n_labels = 2;
    const char *none = ht_profile_str(p, "");
    s->labels[0] =
        (struct ht_label){ht_profile_str(p, "bytes"), NULL, 100, ht_profile_str(p, "bytes")};
    s->labels[1] =
        (struct ht_label){ht_profile_str(p, "thread"), ht_profile_str(p, "worker"), 0, none};
    ht_profile_add_comment(p, "a comment");
    p->drop_frames = ht_profile_str(p, "malloc");
    return p;
}

static void round_trip(void **state)
{
    char msg[256] = "";
    for (int gzip = 0; gzip < 2; gzip++) {
        struct ht_profile *p = labelled();
        assert_int_equal(ht_profile_check(p, msg, sizeof(msg)), 0);
        void *data;
        size_t size;
        assert_int_equal(ht_profile_encode(p, gzip, &data, &size), 0);
        ht_profile_destroy(p);
        struct ht_profile *q = decode(data, size, msg);
        assert_non_null(q);
        assert_small(q);
        assert_int_equal(ht_profile_check(q, msg, sizeof(msg)), 0);
        struct ht_location *fresh = ht_profile_add_location(q);
        assert_int_equal(fresh->id, 5);
        ht_profile_destroy(q);
        free(data);
    }
}

/* Every prefix of a profile is refused or read, never a crash; every cut gzip is refused. */
static void truncated(void **state)
{
    char msg[256];
    struct ht_profile *p = labelled();
    for (int gzip = 0; gzip < 2; gzip++) {
        void *data;
        size_t size;
        assert_int_equal(ht_profile_encode(p, gzip, &data, &size), 0);
        for (size_t n = 0; n < size; n++) {
            char *cut = malloc(n ? n : 1); /* its own block, so that a read past it is seen */
            memcpy(cut, data, n);
            struct ht_profile *q = decode(cut, n, msg);
            if (gzip)
                assert_null(q);
            ht_profile_destroy(q);
            free(cut);
        }
        free(data);
    }
    ht_profile_destroy(p);
}

static void damaged(void **state)
{
    char msg[256];
    struct ht_profile *p = labelled();
    void *data;
    size_t size;
    assert_int_equal(ht_profile_encode(p, false, &data, &size), 0);
    unsigned char *b = data;
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b[i] ^= (unsigned char)(1 << bit);
            ht_profile_destroy(decode(b, size, msg));
            b[i] ^= (unsigned char)(1 << bit);
        }
    }
    free(data);
    assert_int_equal(ht_profile_encode(p, true, &data, &size), 0);
    ((unsigned char *)data)[size - 6] ^= 1; /* the CRC */
    assert_null(decode(data, size, msg));
    assert_non_null(strstr(msg, "gzip"));
    free(data);
    ht_profile_destroy(p);
}

#define REFUSED(bytes, what)                                                                       \
    do {                                                                                           \
        char msg_[256] = "";                                                                       \
        assert_null(decode(bytes, sizeof(bytes) - 1, msg_));                                       \
        if (!strstr(msg_, what))                                                                   \
            fail_msg("\"%s\" does not say \"%s\"", msg_, what);                                    \
    } while (0)

/* sample_type {} string_table "" : the least that is a profile */
#define HEAD "\x0a\x00\x32\x00"

static void refused(void **state)
{
    REFUSED("", "empty");
    REFUSED("hello, world\n", "text");
    REFUSED("\x32\x01x", "string_table[0]");
    REFUSED("\x0a\x00", "string index 0");
    REFUSED(HEAD "\x12\xff\xff\xff\xff\x07", "malformed field at byte 4"); /* a 2 GB length */
    REFUSED(HEAD "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "malformed");
    REFUSED(HEAD "\x12\x02\x08\x05", "0 values for 1 sample types");
    REFUSED(HEAD "\x12\x04\x08\x05\x10\x01", "location 5, which is not there");
    REFUSED(HEAD "\x22\x02\x08\x01\x22\x02\x08\x01", "two locations have the id 1");
    REFUSED(HEAD "\x22\x02\x18\x01", "reserved id 0");
    REFUSED(HEAD "\x22\x04\x08\x01\x10\x09", "mapping 9, which is not there");
    REFUSED(HEAD "\x22\x06\x08\x01\x22\x02\x08\x07", "function 7, which is not there");
    REFUSED(HEAD "\x2a\x04\x08\x01\x10\x07", "string index 7");
    REFUSED(HEAD "\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "string index -1");
    REFUSED(HEAD "\x32\x02\xc3\x28", "not valid UTF-8");
    REFUSED(HEAD "\x32\x03\xed\xa0\x80", "not valid UTF-8");
    REFUSED(HEAD "\x48\x01\x48\x01", "concatenated");
    REFUSED("\x32\x00\x12\x02\x10\x01\x0a\x00\x12\x02\x10\x01\x0a\x00", "sample types");
    REFUSED(HEAD "\x0b", "malformed");     /* a group */
    REFUSED(HEAD "\x10\x01", "malformed"); /* a sample that is a number */
}

/* A small file that unpacks without end is stopped. */
static void bomb(void **state)
{
    size_t plain = (size_t)100 << 20;
    unsigned char *zeros = calloc(1, plain);
    uLong cap = compressBound(plain);
    unsigned char *packed = malloc(cap);
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = zeros;
    z.avail_in = (uInt)plain;
    z.next_out = packed;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    char msg[256];
    assert_null(decode(packed, z.total_out, msg));
    assert_non_null(strstr(msg, "grows past"));
    deflateEnd(&z);
    free(packed);
    free(zeros);
}

/* Names that are not UTF-8 come out so that any reader takes them. */
static void foreign_text(void **state)
{
    char msg[256];
    struct ht_profile *p = small_profile();
    p->mappings[0]->file = ht_profile_str(p, "/tmp/caf\xe9/app");
    void *data;
    size_t size;
    assert_int_equal(ht_profile_encode(p, true, &data, &size), 0);
    struct ht_profile *q = decode(data, size, msg);
    assert_non_null(q);
    assert_string_equal(q->mappings[0]->file, "/tmp/caf\\xe9/app");
    ht_profile_destroy(q);
    ht_profile_destroy(p);
    free(data);
}

/* Takes a profile field by field, as a stream of a region gives it. */
static void take_all(struct ht_apart *a, const struct ht_profile *p, unsigned *n_strings)
{
    void *data;
    size_t size;
    *n_strings = 0;
    assert_int_equal(ht_profile_encode(p, false, &data, &size), 0);
    struct ht_wire w = {data, (const uint8_t *)data + size};
    while (w.at < w.end) {
        const uint8_t *from = w.at;
        struct ht_field f = {0};
        assert_true(ht_wire_field(&w, &f));
        *n_strings += f.number == 6;
        assert_int_equal(ht_apart_take(a, from, (size_t)(w.at - from)), 0);
    }
    free(data);
}

/* Samples go by while the rest is a model: what they refer to stays where it is, also behind a
 * string that is there twice, and when the model has got more. */
static void samples_apart(void **state)
{
    char msg[256] = "";
    int err = 0;
    void *data;
    size_t size;
    unsigned n;
    struct ht_apart *a = ht_apart_create();
    struct ht_profile *p = labelled();
    take_all(a, p, &n);
    ht_profile_destroy(p);
    assert_true(n < 100);
    const unsigned char strings[] = "\x32\x04work\x32\x04late";
    assert_int_equal(ht_apart_take(a, strings, sizeof(strings) - 1), 0);
    /* location 1, values 5 and 6, and a label whose key and text are "late" */
    const unsigned char next = (unsigned char)(n + 1),
                        sample[] = {0x12, 13,   0x0a, 1,    1,    0x12, 2,   5,
                                    6,    0x1a, 4,    0x08, next, 0x10, next};
    assert_int_equal(ht_apart_take(a, sample, sizeof(sample)), 0);

    struct ht_profile *rest = ht_apart_rest(a, &err, msg, sizeof(msg));
    assert_non_null(rest);
    assert_int_equal(rest->n_samples, 0);
    assert_string_equal(rest->functions[0]->name, rest->functions[0]->system_name);
    rest->functions[0]->filename = ht_profile_str(rest, "a new file");
    struct ht_location *more = ht_profile_add_location(rest);
    more->address = 0x400900;
    assert_int_equal(ht_apart_finish(a, rest, &data, &size), 0);
    ht_apart_destroy(a);

    struct ht_profile *q = decode(data, size, msg);
    assert_non_null(q);
    assert_int_equal(q->n_samples, 3);
    assert_string_equal(q->functions[0]->filename, "a new file");
    assert_int_equal(q->locations[q->n_locations - 1]->address, 0x400900);
    assert_int_equal(q->samples[2].values[1], 6);
    assert_string_equal(q->samples[2].labels[0].key, "late");
    assert_string_equal(q->samples[2].labels[0].str, "late");
    assert_int_equal(q->samples[2].locations[0]->id, 1);
    q->n_samples = 2;
    assert_small(q);
    ht_profile_destroy(q);
    ht_profile_destroy(rest);
    free(data);
}

/* No file is written that would not be read. */
static void samples_that_lack(void **state)
{
    static const struct {
        unsigned char sample[9];
        int err;
    } wrong[] = {
        {{0x12, 7, 0x0a, 1, 99, 0x12, 2, 5, 6}, 0}, /* no such location */
        {{0x12, 7, 0x0a, 1, 0x80, 0x12, 2, 5, 6}, -EINVAL},
        {{0x12, 7, 0x0a, 9, 1, 0x12, 2, 5, 6}, -EINVAL},
        {{0x12, 7, 0x0a, 1, 1, 0x12, 2, 5, 6}, 0},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        char msg[256];
        int err = 0;
        void *data;
        size_t size;
        unsigned n;
        struct ht_apart *a = ht_apart_create();
        struct ht_profile *p = labelled();
        take_all(a, p, &n);
        assert_int_equal(ht_apart_take(a, wrong[i].sample, 9), wrong[i].err);
        struct ht_profile *rest = ht_apart_rest(a, &err, msg, sizeof(msg));
        assert_non_null(rest);
        if (!wrong[i].err)
            assert_int_equal(ht_apart_finish(a, rest, &data, &size), i ? 0 : -EINVAL);
        if (i == 3)
            free(data);
        ht_profile_destroy(rest);
        ht_profile_destroy(p);
        ht_apart_destroy(a);
    }
}

static void files(void **state)
{
    char dir[] = "/tmp/heaptap-codec-XXXXXX", path[64], msg[256];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/p.pb.gz", dir);
    struct ht_profile *p = labelled();
    assert_int_equal(ht_profile_write_file(p, path), 0);
    assert_int_equal(ht_profile_write_file(p, path), 0);
    ht_profile_destroy(p);
    int err = 0;
    p = ht_profile_read_file(path, &err, msg, sizeof(msg));
    assert_non_null(p);
    assert_small(p);
    ht_profile_destroy(p);
    assert_null(ht_profile_read_file(dir, &err, msg, sizeof(msg)));
    assert_int_equal(err, -EISDIR);
    assert_non_null(strstr(msg, dir));
    remove(path);
    assert_null(ht_profile_read_file(path, &err, msg, sizeof(msg)));
    assert_int_equal(err, -ENOENT);
    remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(truncated),
        cmocka_unit_test(damaged),
        cmocka_unit_test(refused),
        cmocka_unit_test(bomb),
        cmocka_unit_test(foreign_text),
        cmocka_unit_test(files),
        cmocka_unit_test(samples_apart),
        cmocka_unit_test(samples_that_lack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
