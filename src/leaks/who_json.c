/* SPDX-License-Identifier: MIT */
/* Who holds blocks, as JSON: of `heaptap leaks --who --json` and of the server. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "leaks/sites.h"
#include "leaks/who.h"
#include "util/jansson.h"

static json_t *holder_json(const struct ht_who *w, const struct ht_who_holder *h)
{
    char text[4500];
    json_t *o = json_pack("{s:s, s:s}", "kind", ht_who_kind_name(h->kind), "text",
                          ht_who_text(w, h, text, sizeof text));
    if (h->kind == HT_WHO_BLOCK) {
        bool sampled = h->name != HT_WHO_NO_SAMPLE;
        json_object_set_new(o, "name", sampled ? json_string(w->owner[h->name].name) : json_null());
        json_object_set_new(o, "least", json_integer(h->least));
        json_object_set_new(o, "most", json_integer(h->most));
        json_object_set_new(o, "oldest_seconds",
                            h->aged ? json_integer((json_int_t)h->oldest_s) : json_null());
        return o;
    }
    const struct ht_who_place *p = &w->place[h->name];
    json_object_set_new(o, "name", json_string(p->name));
    json_object_set_new(o, "object", json_string(p->object));
    json_object_set_new(o, "thread", json_string(h->tid ? h->thread : p->thread));
    json_object_set_new(o, "tid", json_integer(h->tid));
    json_object_set_new(o, "low", json_integer((json_int_t)h->low));
    json_object_set_new(o, "high", json_integer((json_int_t)h->high));
    return o;
}

static json_t *row_json(const struct ht_who *w, const struct ht_who_row *r)
{
    struct ht_interval bytes = ht_who_bytes(r), objects = ht_who_objects(r);
    json_t *held = json_array();
    for (uint32_t i = 0; i < r->n_holders; i++)
        json_array_append_new(held, holder_json(w, &r->holder[i]));
    json_t *o = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "site", w->owner[r->owner].name,
        "path", w->owner[r->owner].path, "bytes", (json_int_t)llround(r->bytes.value), "bytes_low",
        (json_int_t)llround(bytes.low), "bytes_high", (json_int_t)llround(bytes.high), "objects",
        (json_int_t)llround(r->objects.value), "objects_low", (json_int_t)llround(objects.low),
        "objects_high", (json_int_t)llround(objects.high), "blocks", (json_int_t)r->blocks,
        "oldest_seconds", (json_int_t)r->oldest_s);
    json_object_set_new(o, "own_most", json_integer(r->own));
    json_object_set_new(o, "cut", json_boolean(r->cut));
    json_object_set_new(o, "held_by", held);
    return o;
}

int ht_who_json(FILE *out, const struct ht_who *w, const char *site)
{
    char name[256];
    const struct ht_leaks *l = &w->look;
    json_t *rows = json_array(), *unseen = json_object();
    for (int k = 0; k < HT_UNSEEN_KINDS; k++)
        json_object_set_new(unseen, ht_leak_unseen_key((enum ht_leak_unseen)k),
                            json_integer((json_int_t)l->unseen[k]));
    for (size_t i = 0; i < w->n; i++)
        json_array_append_new(rows, row_json(w, &w->row[i]));
    json_t *root = json_pack("{s:I, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "pid",
                             (json_int_t)l->region.pid, "program", ht_leaks_program(l, name), "who",
                             site, "exact", (int)l->exact, "asked", (json_int_t)w->asked, "freed",
                             (json_int_t)w->freed, "unheld", (json_int_t)w->unheld, "outside_heap",
                             (json_int_t)w->outside, "passes", (json_int_t)l->n_passes,
                             "read_bytes", (json_int_t)l->read, "not_read", unseen, "rows", rows);
    json_object_set_new(root, "registers",
                        l->stopped || l->unstopped
                            ? json_pack("{s:i, s:i, s:f}", "threads", (int)l->stopped,
                                        "not_stopped", (int)l->unstopped, "longest_stop_ms",
                                        (double)l->longest_stop_ns / 1e6)
                            : json_null());
    json_object_set_new(root, "all_blocks_known", json_boolean(l->exact || l->walked));
    json_object_set_new(root, "not_known_because",
                        l->exact || l->walked ? json_null() : json_string(l->unwalked));
    json_object_set_new(root, "heap_not_walked_bytes", json_integer((json_int_t)l->not_walked));
    int err = !root || json_dumpf(root, out, JSON_INDENT(2)) ? -ENOMEM : 0;
    putc('\n', out);
    json_decref(root);
    return err;
}
