/* SPDX-License-Identifier: MIT */
/* Merge, subtract, filter, prune and aggregate, by the results google/pprof's own tests expect. */
#include "config.h"

#include <errno.h>

#include "build.h"
#include "profile/ops.h"
#include "profile/units.h"

static char msg[256];

/* The names of a sample's frames, leaf first, "a b c". */
static const char *names(const struct ht_profile *p, size_t sample)
{
    static char buf[256];
    *buf = '\0';
    const struct ht_sample *s = &p->samples[sample];
    for (size_t i = 0; i < s->n_locations; i++)
        for (size_t j = 0; j < s->locations[i]->n_lines; j++) {
            if (*buf)
                strcat(buf, " ");
            strcat(buf, s->locations[i]->lines[j].function->name);
        }
    return buf;
}

static void label(struct ht_profile *p, size_t sample, const char *key, const char *str,
                  int64_t num, const char *unit)
{
    struct ht_sample *s = &p->samples[sample];
    struct ht_label *labels = ht_profile_alloc(p, (s->n_labels + 1) * sizeof(*labels));
    if (s->n_labels)
        memcpy(labels, s->labels, s->n_labels * sizeof(*labels));
    labels[s->n_labels++] = (struct ht_label){
        ht_profile_str(p, key), str ? ht_profile_str(p, str) : NULL, num, ht_profile_str(p, unit)};
    s->labels = labels;
}

static void merge_elsewhere(void **state)
{
    struct ht_profile *a = small_profile(), *b = small_profile();
    int err = 0;
    /* The second process loaded the binary elsewhere and a few bytes shorter. */
    b->mappings[0]->start += 0x10000;
    b->mappings[0]->limit += 0x10000 - 8;
    for (size_t i = 0; i < b->n_locations; i++)
        b->locations[i]->address += 0x10000;
    b->time_nanos = 5;
    b->period = 600000;
    struct ht_profile *m =
        ht_profile_merge((struct ht_profile *[]){a, b}, 2, &err, msg, sizeof(msg));
    assert_non_null(m);
    assert_int_equal(m->n_samples, 2);
    assert_int_equal(m->n_mappings, 1);
    assert_int_equal(m->n_locations, 4);
    assert_int_equal(m->samples[0].values[1], 600);
    assert_int_equal(m->samples[0].locations[0]->address, 0x400300);
    assert_int_equal(m->time_nanos, 5);
    assert_int_equal(m->period, 600000);
    assert_int_equal(ht_profile_check(m, msg, sizeof(msg)), 0);
    ht_profile_destroy(m);

    b->mappings[0]->build_id = ht_profile_str(b, "other");
    m = ht_profile_merge((struct ht_profile *[]){a, b}, 2, &err, msg, sizeof(msg));
    assert_int_equal(m->n_mappings, 2);
    assert_int_equal(m->n_samples, 4);
    assert_int_equal(m->n_functions, 4);
    ht_profile_destroy(m);
    ht_profile_destroy(a);
    ht_profile_destroy(b);
}

static void merge_labels(void **state)
{
    struct ht_profile *a = small_profile(), *b = small_profile();
    int err = 0;
    label(a, 0, "bytes", NULL, 16, "");
    label(a, 0, "who", "x", 0, "");
    label(b, 0, "who", "x", 0, "");
    label(b, 0, "bytes", NULL, 16, "");
    label(b, 1, "bytes", NULL, 17, "");
    struct ht_profile *m =
        ht_profile_merge((struct ht_profile *[]){a, b}, 2, &err, msg, sizeof(msg));
    assert_int_equal(m->n_samples, 3);
    assert_int_equal(m->samples[0].values[0], 6);
    ht_profile_destroy(m);
    ht_profile_destroy(a);
    ht_profile_destroy(b);
}

static void merge_types(void **state)
{
    struct ht_profile *a = small_profile(), *b = small_profile();
    int err = 0;
    /* Only inuse_space is common, and one says it in kilobytes. */
    a->sample_types[0].type = ht_profile_str(a, "alloc_objects");
    a->sample_types[1].unit = ht_profile_str(a, "kilobytes");
    struct ht_profile *m =
        ht_profile_merge((struct ht_profile *[]){a, b}, 2, &err, msg, sizeof(msg));
    assert_non_null(m);
    assert_int_equal(m->n_sample_types, 1);
    assert_string_equal(m->sample_types[0].unit, "bytes");
    assert_int_equal(m->samples[0].values[0], 300 * 1024 + 300);
    ht_profile_destroy(m);
    a->sample_types[0].type = ht_profile_str(a, "cpu");
    assert_null(ht_profile_merge((struct ht_profile *[]){a, b}, 2, &err, msg, sizeof(msg)));
    assert_int_equal(err, -EINVAL);
    ht_profile_destroy(a);
    ht_profile_destroy(b);
}

static void subtract(void **state)
{
    struct ht_profile *a = small_profile(), *b = small_profile();
    int err = 0;
    a->samples[0].values[1] = 1000;
    struct ht_profile *d = ht_profile_subtract(a, b, false, false, &err, msg, sizeof(msg));
    assert_int_equal(d->n_samples, 1); /* the other came to zero, and its frames went */
    assert_int_equal(d->samples[0].values[0], 0);
    assert_int_equal(d->samples[0].values[1], 700);
    assert_int_equal(d->n_locations, 3);
    ht_profile_destroy(d);
    ht_profile_destroy(b);

    b = small_profile();
    d = ht_profile_subtract(a, b, true, false, &err, msg, sizeof(msg));
    assert_int_equal(d->n_samples, 4);
    assert_false(ht_sample_is_diff_base(&d->samples[0]));
    assert_true(ht_sample_is_diff_base(&d->samples[2]));
    assert_int_equal(d->samples[2].values[1], -300);
    ht_profile_destroy(d);
    ht_profile_destroy(a);
    ht_profile_destroy(b);
}

static void normalize(void **state)
{
    struct ht_profile *a = small_profile(), *b = small_profile();
    a->samples[0].values[1] = 1007;
    a->samples[1].values[1] = 0;
    assert_int_equal(ht_profile_normalize(a, b, msg, sizeof(msg)), 0);
    assert_int_equal(a->samples[0].values[1], 293);
    assert_int_equal(a->samples[0].values[0], 3);
    ht_profile_destroy(a);
    ht_profile_destroy(b);
}

struct filter_case {
    struct ht_filter f;
    size_t samples;
    const char *first;
    unsigned unmatched;
};

static void filters(void **state)
{
    const struct filter_case cases[] = {
        {{.focus = "work"}, 1, "malloc work main", 0},
        {{.focus = "/src/main"}, 2, "malloc work main", 0},
        {{.focus = "^app$"}, 0, NULL, HT_FOCUS},
        {{.focus = "/bin/app"}, 2, "malloc work main", 0},
        {{.ignore = "idle"}, 1, "malloc work main", 0},
        {{.focus = "main", .ignore = "m.lloc"}, 1, "idle main", 0},
        {{.hide = "^work$"}, 2, "malloc main", 0},
        {{.show = "^(work|idle)$"}, 2, "work", 0},
        {{.show = "^work$"}, 1, "work", 0},
        {{.show_from = "^work$"}, 1, "malloc work", 0},
        {{.show_from = "nothing"}, 0, NULL, HT_SHOW_FROM},
        {{.tagfocus = "100b"}, 1, "malloc work main", 0},
        {{.tagfocus = ":1kb"}, 2, "malloc work main", 0},
        {{.tagfocus = "1kb:"}, 1, "idle main", 0},
        {{.tagfocus = "bytes=200b:2mb"}, 1, "idle main", 0},
        {{.tagfocus = "size=1b:"}, 0, NULL, HT_TAGFOCUS},
        {{.tagfocus = "who:x"}, 1, "idle main", 0},
        {{.tagfocus = "who=y,x"}, 1, "idle main", 0},
        {{.tagfocus = "who:y,who:x"}, 0, NULL, HT_TAGFOCUS},
        {{.tagignore = "who=x"}, 1, "malloc work main", 0},
        {{.prune_from = "work"}, 2, "work main", 0},
        {{.ignore = "zzz", .hide = "zzz"}, 2, "malloc work main", HT_IGNORE | HT_HIDE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct ht_profile *p = small_profile();
        unsigned unmatched = 0;
        label(p, 0, "bytes", NULL, 100, "bytes");
        label(p, 1, "bytes", NULL, 1024, "bytes");
        label(p, 1, "who", "x", 0, "");
        assert_int_equal(ht_profile_filter(p, &cases[i].f, &unmatched, msg, sizeof(msg)), 0);
        if (p->n_samples != cases[i].samples || unmatched != cases[i].unmatched)
            fail_msg("case %zu: %zu samples, unmatched %u", i, p->n_samples, unmatched);
        if (cases[i].first)
            assert_string_equal(names(p, 0), cases[i].first);
        ht_profile_destroy(p);
    }
    struct ht_profile *p = small_profile();
    assert_int_equal(
        ht_profile_filter(p, &(struct ht_filter){.hide = "(x"}, NULL, msg, sizeof(msg)), -EINVAL);
    assert_non_null(strstr(msg, "hide"));
    ht_profile_destroy(p);
}

static void tags_shown(void **state)
{
    struct ht_profile *p = small_profile();
    label(p, 0, "bytes", NULL, 100, "bytes");
    label(p, 0, "who", "x", 0, "");
    struct ht_filter f = {.taghide = "^by"};
    assert_int_equal(ht_profile_filter(p, &f, NULL, msg, sizeof(msg)), 0);
    assert_int_equal(p->samples[0].n_labels, 1);
    assert_string_equal(p->samples[0].labels[0].key, "who");
    ht_profile_destroy(p);
}

/* Equal stacks and equal labels are one array in memory: who filters one does not filter twice. */
static void shared_arrays(void **state)
{
    struct ht_profile *p = small_profile();
    int err = 0;
    for (int i = 0; i < 3; i++) {
        struct ht_sample *s = add_stack(p, (int64_t[]){1, 1}, p->samples[0].locations, 3);
        s->labels = NULL;
        label(p, p->n_samples - 1, "bytes", NULL, 100, "bytes");
        label(p, p->n_samples - 1, "n", i == 2 ? "y" : "x", 0, "");
        label(p, p->n_samples - 1, "who", "z", 0, "");
    }
    p->samples[3].values[0] = 5;
    void *data;
    size_t size;
    assert_int_equal(ht_profile_encode(p, true, &data, &size), 0);
    ht_profile_destroy(p);
    p = ht_profile_decode(data, size, &err, msg, sizeof(msg));
    free(data);
    assert_non_null(p);
    assert_int_equal(p->n_samples, 5);
    assert_ptr_equal(p->samples[0].locations, p->samples[4].locations);
    assert_ptr_equal(p->samples[2].labels, p->samples[3].labels);
    assert_ptr_not_equal(p->samples[3].labels, p->samples[4].labels);
    struct ht_filter f = {.hide = "^work$", .taghide = "^bytes$"};
    assert_int_equal(ht_profile_filter(p, &f, NULL, msg, sizeof(msg)), 0);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(names(p, i), i == 1 ? "idle main" : "malloc main");
    for (size_t i = 2; i < 5; i++) {
        assert_int_equal(p->samples[i].n_labels, 2);
        assert_string_equal(p->samples[i].labels[0].key, "n");
        assert_string_equal(p->samples[i].labels[0].str, i == 4 ? "y" : "x");
        assert_string_equal(p->samples[i].labels[1].key, "who");
    }
    ht_profile_destroy(p);
}

/* A file with the profile, gzipped, at its first byte. */
static FILE *file_of(const struct ht_profile *p)
{
    void *data;
    size_t size;
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(ht_profile_encode(p, true, &data, &size), 0);
    assert_int_equal(fwrite(data, 1, size, f), size);
    rewind(f);
    free(data);
    return f;
}

/* Whether it has to be added in another way. */
static bool add_file(struct ht_merge *m, const struct ht_profile *p)
{
    bool other;
    struct ht_profile *rest;
    FILE *f = file_of(p);
    assert_int_equal(ht_merge_add_file(m, fileno(f), NULL, NULL, &rest, &other, msg, sizeof(msg)),
                     0);
    assert_int_equal(rest == NULL, other);
    assert_true(!other || !ftell(f));
    ht_profile_destroy(rest);
    fclose(f);
    return other;
}

/* Takes sum. */
static void assert_same(const struct ht_profile *all, struct ht_profile *sum)
{
    void *a, *b;
    size_t na, nb;
    assert_non_null(all);
    assert_non_null(sum);
    assert_int_equal(ht_profile_encode(all, false, &a, &na), 0);
    assert_int_equal(ht_profile_encode(sum, false, &b, &nb), 0);
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na);
    free(a);
    free(b);
    ht_profile_destroy(sum);
}

/* One source after the other gives what all at once give, as models and from files; units that get finer, and samples that
 * come to zero on the way, included. */
static void merge_one_by_one(void **state)
{
    for (int which = 0; which < 3; which++) {
        struct ht_profile *s[3], *t[3];
        int err = 0;
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 2; k++) {
                struct ht_profile *p = (k ? t : s)[i] = small_profile();
                label(p, 0, "bytes", NULL, 100, "bytes");
                if (which == 1 && i == 0) { /* kilobytes: 300 kB, and one that rounds to nothing */
                    p->sample_types[1].unit = ht_profile_str(p, "kilobytes");
                }
                if (which == 2 && i == 1)
                    ht_profile_scale(p, -1);
                if (i == 2)
                    add_stack(p, (int64_t[]){2, 2}, p->samples[0].locations + 1, 2);
            }
        }
        struct ht_profile *all = ht_profile_merge(s, 3, &err, msg, sizeof(msg));
        struct ht_merge *m = ht_merge_create(), *f = ht_merge_create();
        for (int i = 0; i < 3; i++) {
            bool other = add_file(f, t[i]);
            assert_int_equal(other, which == 1 && i == 1); /* the sum has the finer unit then */
            if (other) {                                   /* in other units */
                struct ht_profile *copy = ht_profile_copy(t[i]);
                assert_int_equal(ht_merge_add(f, copy, msg, sizeof(msg)), 0);
                ht_profile_destroy(copy);
            }
            assert_int_equal(ht_merge_add(m, t[i], msg, sizeof(msg)), 0);
            ht_profile_destroy(t[i]);
            ht_profile_destroy(s[i]);
        }
        assert_same(all, ht_merge_finish(m, &err, msg, sizeof(msg)));
        assert_same(all, ht_merge_finish(f, &err, msg, sizeof(msg)));
        ht_profile_destroy(all);
    }
}

static int see_two(void *ctx, struct ht_profile *rest, const struct ht_sample *s)
{
    int *seen = ctx;
    assert_int_equal(rest->n_samples, 0);
    assert_int_equal(s->locations[0]->mapping == rest->mappings[0], true);
    return ++*seen == 2 ? -ENODATA : 0;
}

/* A label for each sample of a source, in place of its own; and a look at each that ends it all. */
static void merge_labelled(void **state)
{
    int err = 0, seen = 0;
    struct ht_merge *m = ht_merge_create();
    struct ht_profile *p = small_profile(), *rest = NULL;
    label(p, 0, "run", "old", 0, "");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ht_merge_label(m, "run", i ? "one" : "zero"), 0);
        assert_false(add_file(m, p));
    }
    struct ht_profile *sum = ht_merge_finish(m, &err, msg, sizeof(msg));
    assert_int_equal(sum->n_samples, 2 * p->n_samples);
    for (size_t i = 0; i < sum->n_samples; i++) {
        assert_int_equal(sum->samples[i].n_labels, 1);
        assert_string_equal(sum->samples[i].labels[0].str, i < p->n_samples ? "zero" : "one");
    }
    ht_profile_destroy(sum);

    bool other;
    FILE *file = file_of(p);
    m = ht_merge_create();
    assert_int_equal(
        ht_merge_add_file(m, fileno(file), see_two, &seen, &rest, &other, msg, sizeof(msg)),
        -ENODATA);
    assert_int_equal(seen, 2);
    assert_null(rest);
    ht_merge_destroy(m);
    fclose(file);
    ht_profile_destroy(p);
}

/* A regular expression that would backtrack for ever gives up. */
static void runaway(void **state)
{
    struct ht_profile *p = small_profile();
    p->functions[0]->name = ht_profile_str(p, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    struct ht_filter f = {.focus = "(a+)+(a+)+(a+)+$b"};
    assert_int_equal(ht_profile_filter(p, &f, NULL, msg, sizeof(msg)), 0);
    assert_int_equal(p->n_samples, 0);
    ht_profile_destroy(p);
}

static void prune(void **state)
{
    struct ht_profile *p = small_profile();
    p->functions[2]->name = ht_profile_str(p, "ns::(anonymous namespace)::get(int)");
    p->drop_frames = ht_profile_str(p, "ns::\\(anonymous namespace\\)::get|idle|main");
    p->keep_frames = ht_profile_str(p, "id.*");
    assert_int_equal(ht_profile_remove_uninteresting(p, msg, sizeof(msg)), 0);
    /* main is the root: no frame of the user's own before it, so it stays. */
    assert_string_equal(names(p, 0), "work main");
    assert_string_equal(names(p, 1), "idle main");
    p->drop_frames = ht_profile_str(p, "wor");
    assert_int_equal(ht_profile_remove_uninteresting(p, msg, sizeof(msg)), 0);
    assert_string_equal(names(p, 0), "work main");
    p->drop_frames = ht_profile_str(p, "(");
    assert_int_equal(ht_profile_remove_uninteresting(p, msg, sizeof(msg)), -EINVAL);
    ht_profile_destroy(p);
}

/* An inlined frame that is dropped takes the ones inlined in it along, not those around it. */
static void prune_inlined(void **state)
{
    struct ht_profile *p = small_profile();
    struct ht_location *l = p->samples[0].locations[1];
    struct ht_line *lines = ht_profile_alloc(p, 3 * sizeof(*lines));
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof(name), "in%d", i);
        lines[i].function = ht_profile_add_function(p);
        lines[i].function->name = ht_profile_str(p, name);
    }
    l->lines = lines;
    l->n_lines = 3;
    p->drop_frames = ht_profile_str(p, "in1");
    assert_int_equal(ht_profile_remove_uninteresting(p, msg, sizeof(msg)), 0);
    assert_string_equal(names(p, 0), "in2 main");
    ht_profile_destroy(p);
}

static void aggregate(void **state)
{
    struct ht_profile *p = small_profile();
    ht_profile_aggregate(p, HT_BY_ADDRESSES, false, false);
    assert_int_equal(p->locations[0]->address, 0x400100);
    ht_profile_aggregate(p, HT_BY_LINES, false, false);
    assert_int_equal(p->locations[0]->address, 0);
    assert_int_equal(p->locations[0]->lines[0].line, 10);
    ht_profile_aggregate(p, HT_BY_FUNCTIONS, false, false);
    assert_int_equal(p->locations[0]->lines[0].line, 0);
    assert_string_equal(p->functions[0]->filename, "");
    assert_string_equal(p->functions[0]->name, "main");
    ht_profile_destroy(p);
    p = small_profile();
    ht_profile_aggregate(p, HT_BY_FILES, false, false);
    assert_string_equal(p->functions[0]->name, "");
    assert_string_equal(p->functions[0]->filename, "/src/main.c");
    ht_profile_destroy(p);
}

static void copies(void **state)
{
    struct ht_profile *p = small_profile();
    p->locations[3]->id = (uint64_t)-1;
    label(p, 0, "who", "x", 0, "");
    struct ht_profile *q = ht_profile_copy(p);
    ht_profile_destroy(p);
    assert_int_equal(ht_profile_check(q, msg, sizeof(msg)), 0);
    assert_string_equal(names(q, 0), "malloc work main");
    assert_string_equal(q->samples[0].labels[0].str, "x");
    assert_true(q->locations[3]->id == (uint64_t)-1);
    assert_int_equal(ht_profile_add_location(q)->id, 5);
    ht_profile_destroy(q);
}

static void select_type(void **state)
{
    struct ht_profile *p = small_profile();
    assert_int_equal(ht_profile_sample_index(p, NULL, msg, sizeof(msg)), 1);
    assert_int_equal(ht_profile_sample_index(p, "inuse_objects", msg, sizeof(msg)), 0);
    assert_int_equal(ht_profile_sample_index(p, "0", msg, sizeof(msg)), 0);
    assert_int_equal(ht_profile_sample_index(p, "2", msg, sizeof(msg)), -EINVAL);
    assert_int_equal(ht_profile_sample_index(p, "cpu", msg, sizeof(msg)), -EINVAL);
    assert_non_null(strstr(msg, "inuse_space"));
    p->sample_types[1].type = ht_profile_str(p, "space");
    assert_int_equal(ht_profile_sample_index(p, "inuse_space", msg, sizeof(msg)), 1);
    p->default_sample_type = ht_profile_str(p, "inuse_objects");
    assert_int_equal(ht_profile_sample_index(p, "", msg, sizeof(msg)), 0);
    ht_profile_destroy(p);
}

static void units(void **state)
{
    /* clang-format off */
    static const struct {
        int64_t value;
        const char *from, *to, *want;
    } cases[] = {
        {0, "bytes", "auto", "0"},
        {100, "bytes", "auto", "100B"},
        {1024, "bytes", "minimum", "1kB"},
        {1536, "bytes", "auto", "1.50kB"},
        {-1536, "bytes", "auto", "-1.50kB"},
        {1048576, "bytes", "MB", "1MB"},
        {524288, "bytes", "MB", "0.50MB"},
        {10, "count", "auto", "10"},
        {10, "count", "minimum", "10"},
        {1, "bytes", "MB", "0"},
        {3, "kilobytes", "bytes", "3072B"},
        {1500000, "nanoseconds", "auto", "1.50ms"},
        {7200, "seconds", "auto", "2hrs"},
        {5, "widgets", "gadgets", "5gadgets"},
        {5, "bytes", "gadgets", "5B"},
        {INT64_MIN, "bytes", "B", "-9223372036854775808B"},
    };
    /* clang-format on */
    char buf[400];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(
            ht_unit_label(cases[i].value, cases[i].from, cases[i].to, buf, sizeof(buf)),
            cases[i].want);
    assert_string_equal(ht_percentage(1, 3, buf, sizeof(buf)), "33.33%");
    assert_string_equal(ht_percentage(1, 1, buf, sizeof(buf)), "  100%");
    assert_string_equal(ht_percentage(-1, 200, buf, sizeof(buf)), "  0.5%");
    assert_string_equal(ht_percentage(1, 30000000, buf, sizeof(buf)), "3.3e-06%");
    assert_string_equal(ht_percentage(1, 0, buf, sizeof(buf)), "    0%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_elsewhere), cmocka_unit_test(merge_labels),
        cmocka_unit_test(merge_types),     cmocka_unit_test(subtract),
        cmocka_unit_test(normalize),       cmocka_unit_test(filters),
        cmocka_unit_test(tags_shown),      cmocka_unit_test(runaway),
        cmocka_unit_test(prune),           cmocka_unit_test(prune_inlined),
        cmocka_unit_test(aggregate),       cmocka_unit_test(copies),
        cmocka_unit_test(select_type),     cmocka_unit_test(units),
        cmocka_unit_test(shared_arrays),   cmocka_unit_test(merge_one_by_one),
        cmocka_unit_test(merge_labelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
