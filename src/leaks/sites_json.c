/* SPDX-License-Identifier: MIT */
/* What leaked, as JSON: of `heaptap leaks --json` and of the server. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "leaks/sites.h"
#include "util/jansson.h"
#include "util/utf8.h"

const char *ht_leaks_program(const struct ht_leaks *l, char out[256])
{
    const char *name = l->region.view.header->name;
    ht_utf8_escape(name, strnlen(name, sizeof l->region.view.header->name), out, 256);
    ht_plain_text(out, false);
    return out;
}

static json_t *site_json(const struct ht_leak_site *s)
{
    struct ht_interval bytes = ht_leak_site_bytes(s), objects = ht_leak_site_objects(s);
    json_t *o = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "site", s->name, "path",
        s->text, "leak", ht_leak_grade_name(s->grade), "bytes", (json_int_t)llround(s->bytes.value),
        "bytes_low", (json_int_t)llround(bytes.low), "bytes_high", (json_int_t)llround(bytes.high),
        "objects", (json_int_t)llround(s->objects.value), "objects_low",
        (json_int_t)llround(objects.low), "objects_high", (json_int_t)llround(objects.high),
        "blocks", (json_int_t)s->blocks, "oldest_seconds", (json_int_t)s->oldest_s, "inuse_bytes",
        (json_int_t)llround(s->inuse));
    json_object_set_new(o, "held_objects", json_integer((json_int_t)llround(s->held)));
    json_object_set_new(o, "held_bytes", json_integer((json_int_t)llround(s->held_bytes)));
    return o;
}

int ht_leaks_json(FILE *out, const struct ht_leaks *l, const struct ht_leak_sites *s)
{
    char name[256];
    json_t *passes = json_array(), *sites = json_array(), *unseen = json_object();
    for (unsigned i = 0; i < l->n_passes; i++)
        json_array_append_new(passes, json_integer((json_int_t)l->candidates[i]));
    for (int k = 0; k < HT_UNSEEN_KINDS; k++)
        json_object_set_new(unseen, ht_leak_unseen_key((enum ht_leak_unseen)k),
                            json_integer((json_int_t)l->unseen[k]));
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(sites, site_json(&s->site[i]));
    json_t *root = json_pack(
        "{s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "pid", (json_int_t)l->region.pid,
        "program", ht_leaks_program(l, name), "exact", (int)l->exact, "asked", (json_int_t)l->n,
        "read_bytes", (json_int_t)l->read, "leaked_bytes", (json_int_t)llround(s->bytes),
        "inuse_bytes", (json_int_t)llround(s->inuse), "lost_frees", (json_int_t)l->lost_frees,
        "candidates", passes, "not_read", unseen, "sites", sites);
    json_object_set_new(root, "registers",
                        l->stopped || l->unstopped
                            ? json_pack("{s:i, s:i, s:f, s:I}", "threads", (int)l->stopped,
                                        "not_stopped", (int)l->unstopped, "longest_stop_ms",
                                        (double)l->longest_stop_ns / 1e6, "held",
                                        (json_int_t)l->in_registers)
                            : json_null());
    json_object_set_new(root, "idle_seconds",
                        l->idle_ns ? json_real((double)l->idle_ns / 1e9) : json_null());
    json_object_set_new(root, "idle_of",
                        l->idle_ns ? json_string(l->idle_writes ? "writes" : "touches")
                                   : json_null());
    json_object_set_new(root, "unreachable_told", json_boolean(l->exact || l->walked));
    json_object_set_new(root, "not_told_because",
                        l->exact || l->walked ? json_null() : json_string(l->unwalked));
    json_object_set_new(root, "outside_heap", json_integer((json_int_t)l->outside));
    json_object_set_new(root, "heap_not_walked_bytes", json_integer((json_int_t)l->not_walked));
    int err = !root || json_dumpf(root, out, JSON_INDENT(2)) ? -ENOMEM : 0;
    putc('\n', out);
    json_decref(root);
    return err;
}
