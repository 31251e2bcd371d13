/* SPDX-License-Identifier: MIT */
/* /debug/pprof/symbol: names for the addresses that a client found in a profile without any. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "serve/http.h"
#include "serve/keymap.h"

/* Puts a location for each address of "0x1+0x2+..." into a profile that has only mappings. */
static bool add_addresses(struct ht_profile *to, const struct ht_profile *from, const char *list)
{
    for (size_t i = 0; i < from->n_mappings; i++) {
        const struct ht_mapping *m = from->mappings[i];
        struct ht_mapping *copy = ht_profile_add_mapping(to);

        if (!copy)
            return false;
        copy->start = m->start;
        copy->limit = m->limit;
        copy->offset = m->offset;
        copy->file = ht_profile_str(to, m->file);
        copy->build_id = ht_profile_str(to, m->build_id);
        if (!copy->file || !copy->build_id)
            return false;
    }
    for (const char *at = list; *at;) {
        char *end;
        uint64_t address = strtoull(at, &end, 16);

        if (end == at) {
            at++;
            continue;
        }
        at = end;
        struct ht_location *loc = ht_profile_add_location(to);

        if (!loc)
            return false;
        loc->address = address;
        for (size_t i = 0; i < to->n_mappings; i++)
            if (address >= to->mappings[i]->start && address < to->mappings[i]->limit)
                loc->mapping = to->mappings[i];
    }
    return true;
}

/* The location of each address, in the order of the map. */
static int index_locations(const struct ht_profile *p, struct ht_keymap *map, uint32_t **at)
{
    *at = calloc(p->n_locations + 1, sizeof **at);
    if (!*at)
        return -ENOMEM;
    bool added;
    for (size_t i = 0; i < p->n_locations; i++) {
        uint32_t n = ht_keymap_add(map, (struct ht_key){p->locations[i]->address, 0, 0}, &added);

        if (n == UINT32_MAX)
            return -ENOMEM;
        if (added)
            (*at)[n] = (uint32_t)i;
    }
    return 0;
}

static const char *name_of(const struct ht_location *loc)
{
    return loc->n_lines && loc->lines[0].function ? loc->lines[0].function->name : "";
}

static int names(const struct ht_request *r, const struct ht_profile *p, const char *list,
                 FILE *out)
{
    struct ht_profile *q = ht_profile_create();
    struct ht_keymap known = {0};
    uint32_t *at = NULL;
    int err = q && add_addresses(q, p, list) ? index_locations(p, &known, &at) : -ENOMEM;
    if (!err)
        ht_symbols(r->s, q, (pid_t)strtol(r->id, NULL, 10));
    for (size_t i = 0; !err && i < q->n_locations; i++) {
        const struct ht_location *loc = q->locations[i];
        const char *name = name_of(loc);
        uint32_t n =
            *name ? UINT32_MAX : ht_keymap_find(&known, (struct ht_key){loc->address, 0, 0});

        /* A profile from a file may bring its symbols along. */
        if (n != UINT32_MAX)
            name = name_of(p->locations[at[n]]);
        if (*name)
            fprintf(out, "%#" PRIx64 " %s\n", loc->address, name);
    }
    free(at);
    ht_keymap_finish(&known);
    ht_profile_destroy(q);
    return err;
}

/* "/debug/pprof/symbol?0x1+0x2": the query is no name=value, so the library has it as a name,
 * in which '+' has become a space. */
static enum MHD_Result first_key(void *ctx, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    const char **found = ctx;
    *found = key;
    return MHD_NO;
}

enum MHD_Result ht_get_symbol(const struct ht_request *r)
{
    const char *list = NULL;
    if (!strcmp(r->method, "POST"))
        list = r->body;
    else
        MHD_get_connection_values(r->c, MHD_GET_ARGUMENT_KIND, first_key, &list);
    enum MHD_Result answer;
    struct ht_profile *p = ht_request_profile(r, false, &answer);
    if (!p)
        return answer;
    struct ht_body b;
    int err = ht_body_open(&b);
    if (err) {
        ht_profile_destroy(p);
        return MHD_NO;
    }
    fputs("num_symbols: 1\n", b.out);
    if (list && *list)
        err = names(r, p, list, b.out);
    ht_profile_destroy(p);
    return ht_body_answer(r, &b, err, "text/plain; charset=utf-8", NULL);
}
