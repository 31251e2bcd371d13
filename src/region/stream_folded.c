/* SPDX-License-Identifier: MIT */
/* What stands at locations that are no frame's. Samples of folded sites have no labels but their
 * mean size. */
#include "config.h"

#include "region/stream_write.h"
#include "region/text.h"

int64_t ht_stream_folded(struct stream *s, int64_t bytes)
{
    int64_t written = 0;
    for (uint32_t i = 0; i < HT_FOLDED_CLASSES; i++) {
        struct ht_folded_values f;
        if (!ht_view_folded(s->v, i, &f) || f.values.alloc_objects <= 0)
            continue;
        int64_t values[VALUES] = {f.values.alloc_objects, f.values.alloc_bytes};
        uint64_t location = FOLDED_LOCATION;
        PB(Label) size = HEAPTAP__PPROF__LABEL__INIT, *labels[1] = {&size};
        PB(Sample) sample = HEAPTAP__PPROF__SAMPLE__INIT, *samples[1] = {&sample};
        PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
        size.key = size.num_unit = bytes;
        size.num = f.values.alloc_bytes / f.values.alloc_objects;
        sample.n_location_id = sample.n_label = part.n_sample = 1;
        sample.location_id = &location;
        sample.n_value = s->n_values;
        sample.value = values;
        sample.label = labels;
        part.sample = samples;
        ht_stream_put(s, &part);
        s->folded = true;
        written++;
    }
    return written;
}

static void put_mark(struct stream *s, uint64_t id, int64_t name, int64_t system_name)
{
    PB(Function) function = HEAPTAP__PPROF__FUNCTION__INIT, *functions[1] = {&function};
    PB(Line) line = HEAPTAP__PPROF__LINE__INIT, *lines[1] = {&line};
    PB(Location) location = HEAPTAP__PPROF__LOCATION__INIT, *locations[1] = {&location};
    PB(Profile) part = HEAPTAP__PPROF__PROFILE__INIT;
    function.id = line.function_id = id;
    function.name = name;
    function.system_name = system_name;
    location.id = id;
    location.mapping_id = NO_OBJECT;
    location.n_line = part.n_location = part.n_function = 1;
    location.line = lines;
    part.location = locations;
    part.function = functions;
    ht_stream_put(s, &part);
}

/* A cut stack's mark has the depth as its symbol, so that a reader can tell why it was cut. */
void ht_stream_marks(struct stream *s, int64_t folded, int64_t truncated)
{
    if (s->folded)
        put_mark(s, FOLDED_LOCATION, folded, folded);
    if (s->lost)
        put_mark(s, LOST_LOCATION, truncated, truncated);
    if (s->cut) {
        char symbol[64];
        struct ht_text t = ht_text(symbol, sizeof symbol);
        ht_text_string(&t, HT_CUT_SYMBOL);
        ht_text_number(&t, s->cut_at);
        ht_text_string(&t, "]");
        put_mark(s, CUT_LOCATION, truncated, ht_stream_string(s, symbol));
    }
}
