/* SPDX-License-Identifier: MIT */
/*
 * A region to profile.proto without a model in memory: the tables are walked once for each kind
 * of message, and strings, ids and samples are written as they come, through zlib over a fixed
 * workspace. The library does this in a process that may be out of memory, so nothing here
 * allocates.
 */
#include "config.h"

#include "region/stream.h"

#include <errno.h>
#include <string.h>

#include "region/labels.h"
#include "region/stream_strings.h"
#include "region/stream_write.h"
#include "region/text.h"
#include "util/utf8.h"

/* A region that is damaged has any number of sites without a stack. */
enum { REFRESHES = 1000 };

static void put_comment(struct stream *s, const char *what, uint64_t n, const char *unit)
{
    char line[160];
    struct ht_text t = ht_text(line, sizeof line);
    ht_text_string(&t, what);
    ht_text_number(&t, n);
    ht_text_string(&t, unit);
    int64_t index = ht_stream_string(s, line);
    PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
    part.n_comment = 1;
    part.comment = &index;
    ht_stream_put(s, &part);
}

static uint64_t load(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void put_head(struct stream *s)
{
    const struct ht_region_header *h = s->v->header;
    PB(ValueType) types[VALUES], period = HEAPTAP__PPROF__VALUE_TYPE__INIT, *list[VALUES];
    static const int64_t names[VALUES][2] = {
        {S_ALLOC_OBJECTS, S_COUNT}, {S_ALLOC_SPACE, S_BYTES},  {S_INUSE_OBJECTS, S_COUNT},
        {S_INUSE_SPACE, S_BYTES},   {S_MMAP_OBJECTS, S_COUNT}, {S_MMAP_SPACE, S_BYTES},
        {S_PEAK_OBJECTS, S_COUNT},  {S_PEAK_SPACE, S_BYTES},
    };
    size_t n_types = 0;
    for (int i = 0; i < VALUES; i++) {
        if ((i / 2 == 2 && !s->mappings) || (i / 2 == 3 && !s->peak))
            continue;
        types[n_types] = (PB(ValueType))HEAPTAP__PPROF__VALUE_TYPE__INIT;
        types[n_types].type = names[i][0];
        types[n_types].unit = names[i][1];
        list[n_types] = &types[n_types];
        n_types++;
    }
    period.type = S_SPACE;
    period.unit = S_BYTES;
    PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
    part.n_sample_type = n_types;
    part.sample_type = list;
    part.period_type = &period;
    part.period = (int64_t)load(&h->rate);
    part.time_nanos = s->o->time_nanos;
    part.drop_frames = S_DROP;
    if (n_types > HEAP_VALUES) /* the reader's default is the last type */
        part.default_sample_type = S_INUSE_SPACE;
    int64_t version = S_VERSION;
    part.n_comment = 1;
    part.comment = &version;
    part.n_string_table = S_FIXED;
    part.string_table = (char **)fixed_strings;
    s->n_strings = S_FIXED;
    ht_stream_put(s, &part);

    put_comment(s, "pid: ", h->pid, "");
    put_comment(s, "samples: ", ht_region_samples(s->v), "");
    put_comment(s, "truncated stacks: ", load(&h->truncated), " samples");
    if (atomic_load_explicit(&h->flags, memory_order_relaxed) & HT_REGION_TEMPORARY) {
        put_comment(s, "temporary: ", load(&h->temporary_objects), " objects");
        put_comment(s, "temporary: ", load(&h->temporary_bytes), " bytes");
    }
    if (load(&h->folded_sites))
        put_comment(s, "folded: ", load(&h->folded_sites), " sites, whose sums are at [folded]");
    for (int i = 0; i < HT_LOSS_COUNT; i++)
        if (load(&h->losses[i]))
            put_comment(s, lost_strings[i], load(&h->losses[i]), " samples");
    if (s->v->incomplete) {
        struct ht_cursor c = {.kind = HT_KIND_SITE};
        const struct ht_site *site;
        uint64_t here = 0, all = ht_region_samples(s->v);
        while ((site = ht_view_next(s->v, &c)))
            here += site->flags & HT_SITE_MAPPING ? 0 : ht_site_samples(s->v, site);
        struct ht_folded_values folded;
        for (uint32_t i = 0; i < HT_FOLDED_CLASSES; i++)
            here += ht_view_folded(s->v, i, &folded) ? folded.samples : 0;
        if (here < all)
            put_comment(s, "lost: in memory of the process that is gone: ", all - here, " samples");
    }
    if (load(&h->labels_other))
        put_comment(s, "labels: no room for more sets: \"other\" in ", load(&h->labels_other),
                    " samples");
    uint32_t inherits = atomic_load_explicit(&h->inherits, memory_order_relaxed);
    if (inherits)
        put_comment(s, "lost: not taken over from the parent: ", inherits, " samples");
}

static void refresh(const struct stream *s)
{
    if (HT_VIEW_SOURCE(s->v))
        HT_VIEW_SOURCE(s->v)->refresh(HT_VIEW_SOURCE(s->v));
}

/* What a site refers to came after what was fetched of it: true when it is worth another look. */
static bool refresh_for_site(struct stream *s)
{
    if (!HT_VIEW_SOURCE(s->v) || s->refreshes == REFRESHES)
        return false;
    s->refreshes++;
    refresh(s);
    return true;
}

/* The locations of a site's stack, leaf first, in the workspace; -1 when the stack is damaged,
 * or newer than the view. */
static int32_t find_locations(struct stream *s, const struct ht_site *site)
{
    const struct ht_stack *stack = ht_view_record(s->v, site->stack, HT_KIND_STACK);
    uint32_t n = 0, kept = 0;
    if (!stack || !ht_view_frames(s->v, stack, &n))
        return -1;
    if (stack->flags & HT_STACK_FOLDED) {
        s->folded = true;
        s->w->locations[0] = FOLDED_LOCATION;
        return 1;
    }
    ht_ref list = stack->frames;
    for (uint32_t i = 0; i < n; i++) {
        /* Asked for each time: the frames between may have been fetched in its place. */
        const ht_ref *frames = ht_view_at(s->v, list, (uint64_t)n * sizeof(ht_ref));
        ht_ref frame = frames ? frames[i] : 0;
        const struct ht_frame *f = ht_view_record(s->v, frame, HT_KIND_FRAME);
        /* In a chunk that was made after the view: so was the site. It is left out whole, rather
         * than shown with a part of its stack. */
        if (!f || (f->module && !ht_view_record(s->v, f->module, HT_KIND_MODULE)))
            return -1;
        s->w->locations[kept++] = frame;
    }
    if (stack->flags & HT_STACK_DEPTH) {
        s->cut = true;
        s->cut_at = n;
        s->w->locations[kept++] = CUT_LOCATION;
    } else if (stack->flags & HT_STACK_TRUNCATED) {
        s->lost = true;
        s->w->locations[kept++] = LOST_LOCATION;
    }
    return (int32_t)kept;
}

/* The strings of a set, key and value in turn. Returns the number of the first. */
static int64_t put_label_strings(struct stream *s, const struct ht_label_pair *label, unsigned n)
{
    char text[4 * UINT8_MAX + 1];
    const int64_t first = s->n_strings;
    for (const struct ht_label_pair *end = label + n; label < end; label++) {
        ht_utf8_escape(label->key, label->key_size, text, sizeof text);
        ht_stream_string(s, text);
        ht_utf8_escape(label->value, label->value_size, text, sizeof text);
        ht_stream_string(s, text);
    }
    return first;
}

/* A site's labels, at most HT_LABELS. The strings of a set are written once. */
static unsigned put_labels(struct stream *s, const struct ht_site *site, PB(Label) * to)
{
    struct ht_label_pair label[HT_LABELS];
    unsigned n = ht_view_labels(s->v, site->labels, label);
    if (!n && site->labels && refresh_for_site(s))
        n = ht_view_labels(s->v, site->labels, label);
    int64_t *first = n ? &s->w->label_strings[site->labels - 1] : NULL;
    if (n && !*first)
        *first = put_label_strings(s, label, n);
    for (unsigned i = 0; i < n; i++) {
        to[i] = (PB(Label))HEAPTAP__PPROF__LABEL__INIT;
        to[i].key = *first + 2 * i;
        to[i].str = to[i].key + 1;
    }
    return n;
}

/* The values of a sample, of which there are n_values. False: they are all 0. */
static bool values_of(const struct stream *s, const struct ht_site *site, const struct ht_values *x,
                      uint32_t epoch, int64_t *values)
{
    if (site->flags & HT_SITE_MAPPING && !s->o->mappings_alone) {
        values[HEAP_VALUES] = x->inuse_objects;
        values[HEAP_VALUES + 1] = x->inuse_bytes;
        return s->mappings && (x->inuse_objects || x->inuse_bytes);
    }
    values[0] = x->alloc_objects;
    values[1] = x->alloc_bytes;
    values[2] = x->inuse_objects;
    values[3] = x->inuse_bytes;
    if (s->at_peak)
        memcpy(&values[s->n_values - 2], &values[2], 2 * sizeof *values);
    else if (s->peak)
        ht_site_peak(s->v, site, epoch, x, &values[s->n_values - 2], &values[s->n_values - 1]);
    return values[0] || values[1] || values[2] || values[3];
}

/* What the label "bytes" says: the mean where a site has several sizes. */
static int64_t size_of(const struct ht_site *site, const struct ht_values *x)
{
    if (site->flags & HT_SITE_MAPPING)
        return x->inuse_objects > 0 ? x->inuse_bytes / x->inuse_objects : x->inuse_bytes;
    if (site->size_bits && x->alloc_objects > 0)
        return x->alloc_bytes / x->alloc_objects;
    return (int64_t)site->size_low;
}

static bool put_part(struct stream *s, const struct ht_site *site, const struct ht_stream_part *p,
                     uint32_t epoch)
{
    const struct ht_values *x = &p->values;
    int64_t values[VALUES] = {0};
    if (!values_of(s, site, x, epoch, values))
        return false;

    int32_t n = find_locations(s, site);
    if (n < 0 && refresh_for_site(s))
        n = find_locations(s, site);
    if (n < 0)
        return false;
    PB(Label) label[2 + HT_LABELS] = {HEAPTAP__PPROF__LABEL__INIT, HEAPTAP__PPROF__LABEL__INIT};
    PB(Label) * labels[2 + HT_LABELS];
    for (unsigned i = 0; i < 2 + HT_LABELS; i++)
        labels[i] = &label[i];
    label[0].key = S_BYTES;
    label[0].num = size_of(site, x);
    label[0].num_unit = S_BYTES;
    label[1].key = S_AGE;
    label[1].num = p->age;
    label[1].num_unit = S_SECONDS;
    PB(Sample) sample = HEAPTAP__PPROF__SAMPLE__INIT, *samples[1] = {&sample};
    sample.n_location_id = (size_t)n;
    sample.location_id = s->w->locations;
    sample.n_value = s->n_values;
    sample.value = values;
    const unsigned numeric = p->age < 0 ? 1 : 2;
    sample.n_label = numeric + put_labels(s, site, &label[numeric]);
    sample.label = labels;
    PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
    part.n_sample = 1;
    part.sample = samples;
    ht_stream_put(s, &part);
    return true;
}

static int64_t put_site(struct stream *s, ht_ref ref, const struct ht_site *site, uint32_t epoch)
{
    struct ht_stream_part part = {.age = -1};
    int64_t written = 0;
    if (s->o->without_inherited && (site->flags & HT_SITE_INHERITED))
        return 0;
    if (!s->o->part) {
        ht_site_values(s->v, site, &part.values);
        return put_part(s, site, &part, epoch);
    }
    const bool mapping = site->flags & HT_SITE_MAPPING;
    if (mapping != s->o->mappings_alone)
        return 0;
    for (uint32_t i = 0; s->o->part(s->o->ctx, ref, site, i, &part); i++)
        written += put_part(s, site, &part, epoch);
    return written;
}

static uint64_t mapping_id(ht_ref module, uint32_t segment)
{
    return (uint64_t)module * 8 + segment + 1;
}

static void put_no_object(struct stream *s)
{
    PB(Mapping) mapping = HEAPTAP__PPROF__MAPPING__INIT, *one[1] = {&mapping};
    mapping.id = NO_OBJECT;
    mapping.memory_limit = UINT64_MAX;
    mapping.filename = ht_stream_string(s, (char *)"[anon]");
    PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
    part.n_mapping = 1;
    part.mapping = one;
    ht_stream_put(s, &part);
}

/* A function by its symbol; its id is its location's. */
static void put_function(struct stream *s, uint64_t id, const char *symbol)
{
    PB(Function) function = HEAPTAP__PPROF__FUNCTION__INIT, *one[1] = {&function};
    ht_utf8_escape(symbol, strlen(symbol), s->w->path, sizeof s->w->path);
    function.id = id;
    function.name = function.system_name = ht_stream_string(s, s->w->path);
    PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
    part.n_function = 1;
    part.function = one;
    ht_stream_put(s, &part);
}

/* True when some location lies in no object. */
static bool put_locations(struct stream *s)
{
    bool outside = false;
    struct ht_cursor c = {.kind = HT_KIND_FRAME};
    const struct ht_frame *f;
    while (!s->error && (f = ht_view_next(s->v, &c))) {
        PB(Location) location = HEAPTAP__PPROF__LOCATION__INIT, *one[1] = {&location};
        location.id = c.ref;
        /* Every address is a return address: one less is inside the call (pprof's rule). */
        location.address = f->pc ? f->pc - 1 : 0;
        location.mapping_id = NO_OBJECT;
        const struct ht_module *m =
            f->module ? ht_view_record(s->v, f->module, HT_KIND_MODULE) : NULL;
        for (uint32_t i = 0; m && i < m->n_segments && i < HT_MAX_SEGMENTS; i++)
            if (location.address >= m->segments[i].start &&
                location.address < m->segments[i].limit) {
                location.mapping_id = mapping_id(f->module, i);
                break;
            }
        outside |= location.mapping_id == NO_OBJECT;
        const char *name = m && s->o->name ? s->o->name(m, location.address) : NULL;
        PB(Line) line = HEAPTAP__PPROF__LINE__INIT, *lines[1] = {&line};
        if (name) {
            put_function(s, c.ref, name);
            line.function_id = c.ref;
            location.n_line = 1;
            location.line = lines;
        }
        PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
        part.n_location = 1;
        part.location = one;
        ht_stream_put(s, &part);
    }
    return outside;
}

static void put_modules(struct stream *s)
{
    static const char hex[] = "0123456789abcdef";
    struct ht_cursor c = {.kind = HT_KIND_MODULE};
    const struct ht_module *m;
    while (!s->error && (m = ht_view_next(s->v, &c))) {
        char id[2 * sizeof m->build_id + 1];
        uint32_t n = m->build_id_size <= sizeof m->build_id ? m->build_id_size : 0, path_size;
        for (uint32_t i = 0; i < n; i++) {
            id[2 * i] = hex[m->build_id[i] >> 4];
            id[2 * i + 1] = hex[m->build_id[i] & 15];
        }
        id[2 * n] = 0;
        const char *path = ht_view_path(s->v, m, &path_size);
        ht_utf8_escape(path, strlen(path), s->w->path, sizeof s->w->path);
        int64_t file = ht_stream_string(s, s->w->path);
        int64_t build_id = n ? ht_stream_string(s, id) : 0;
        for (uint32_t i = 0; i < m->n_segments && i < HT_MAX_SEGMENTS; i++) {
            if (m->segments[i].start >= m->segments[i].limit)
                continue;
            PB(Mapping) mapping = HEAPTAP__PPROF__MAPPING__INIT, *one[1] = {&mapping};
            mapping.id = mapping_id(c.ref, i);
            mapping.memory_start = m->segments[i].start;
            mapping.memory_limit = m->segments[i].limit;
            mapping.file_offset = m->segments[i].offset;
            mapping.filename = file;
            mapping.build_id = build_id;
            PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
            part.n_mapping = 1;
            part.mapping = one;
            ht_stream_put(s, &part);
        }
    }
}

int64_t ht_stream_profile(const struct ht_view *v, const struct ht_stream_options *o,
                          struct ht_stream_workspace *w, ht_sink_fn sink, void *sink_ctx)
{
    struct stream s = {.v = v, .o = o, .w = w, .sink = sink, .sink_ctx = sink_ctx};
    if (o->gzip && ht_stream_gzip(&s))
        return -ENOMEM;
    memset(w->label_strings, 0, sizeof w->label_strings);
    const uint32_t flags = atomic_load_explicit(&v->header->flags, memory_order_relaxed);
    s.peak = flags & HT_REGION_PEAK && !o->mappings_alone;
    /* What asks for parts asks about blocks of the heap. */
    s.mappings = flags & HT_REGION_MAPPINGS && !o->part;
    s.n_values = HEAP_VALUES + (s.mappings ? 2 : 0) + (s.peak ? 2 : 0);
    put_head(&s);
    s.at_peak = s.peak && ht_view_at_peak(v);
    uint32_t epoch = atomic_load_explicit(&v->header->peak_epoch, memory_order_acquire);
    int64_t written = 0;
    /* Samples before locations before mappings: each refers only to what was committed before
     * it, so the later walks see all that the earlier ones named while the target goes on. */
    struct ht_cursor c = {.kind = HT_KIND_SITE};
    const struct ht_site *site;
    while (!s.error && (site = ht_view_next(v, &c)))
        written += put_site(&s, c.ref, site, epoch);
    if (!o->without_dead)
        written += ht_stream_folded(&s, S_BYTES);
    refresh(&s);
    bool outside = put_locations(&s);
    refresh(&s);
    put_modules(&s);
    if (outside || s.folded || s.lost || s.cut)
        put_no_object(&s);
    ht_stream_marks(&s, S_FOLDED, S_TRUNCATED);
    ht_stream_finish(&s);
    return s.error ? s.error : written;
}

bool ht_region_has_samples(const struct ht_view *v)
{
    return ht_region_samples(v) || load(&v->header->mappings.alloc_objects);
}
