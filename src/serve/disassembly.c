/* SPDX-License-Identifier: MIT */
/*
 * /api/disassembly?function=NAME: the instructions of a function's own code, by binutils' objdump,
 * with what the profile has at each. A profile is not trusted: its file is read only when it has
 * the build-id that the profile names. 204 where there is no objdump.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "serve/http.h"
#include "serve/webdata.h"
#include "snapshot/region.h"
#include "symbolize/fde.h"
#include "symbolize/find.h"
#include "util/beside.h"

/* A function may have several pieces, as compilers put rare code elsewhere. */
enum { MAX_PIECES = 8, MAX_BYTES = 256 * 1024, SECONDS = 20 };

struct instruction {
    uint64_t at; /* address in the file */
    char *text;
    const struct ht_location *location; /* one that is here */
    size_t seen;                        /* the last sample that passed through, plus 1 */
};

struct code {
    const struct ht_mapping *mapping; /* one of the file's */
    struct {
        uint64_t start, end;
    } pieces[MAX_PIECES];
    size_t n_pieces;
    struct instruction *list; /* by address within a piece, piece after piece */
    size_t n, cap;
    int64_t *values; /* of each: flat for each sample type, then cum */
};

/* The function whose code is at a location: the one that others were inlined into. */
static bool is_of(const struct ht_location *l, const char *name)
{
    return l->n_lines && l->mapping && !strcmp(l->lines[l->n_lines - 1].function->name, name);
}

/* Marks the function's locations with their addresses in the file, and finds its pieces. The number
 * of its locations in any file; those of one file are marked. */
static size_t mark(struct code *c, struct ht_profile *p, const char *name,
                   const struct ht_found *found, const struct ht_fdes *fdes)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        const struct ht_mapping *m = l->mapping;
        uint64_t vaddr, start, end;
        l->mark = 0;
        if (!is_of(l, name))
            continue;
        n++;
        if (m->file != c->mapping->file || m->build_id != c->mapping->build_id ||
            ht_segments_vaddr(&found->main.segments, m->start, m->limit, m->offset, l->address,
                              &vaddr) ||
            !ht_fdes_find(fdes, vaddr, &start, &end) || end - start > MAX_BYTES)
            continue;
        size_t k = 0;
        while (k < c->n_pieces && c->pieces[k].start != start)
            k++;
        if (k == MAX_PIECES)
            continue;
        c->pieces[k].start = start;
        c->pieces[k].end = end;
        c->n_pieces += k == c->n_pieces;
        l->mark = vaddr;
    }
    return n;
}

static int add(struct code *c, uint64_t at, const char *text)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 256;
        struct instruction *more = reallocarray(c->list, cap, sizeof *more);
        if (!more)
            return -ENOMEM;
        c->list = more;
        c->cap = cap;
    }
    char *own = strdup(text);
    if (!own)
        return -ENOMEM;
    c->list[c->n++] = (struct instruction){.at = at, .text = own};
    return 0;
}

/* Instructions are lines "  401136:\tmov ...". */
static int parse(struct code *c, FILE *printed)
{
    char *line = NULL, *end;
    size_t room = 0;
    int err = 0;
    rewind(printed);
    while (!err && getline(&line, &room, printed) > 0) {
        uint64_t at = strtoull(line, &end, 16);
        if (end == line || end[0] != ':' || end[1] != '\t')
            continue;
        end[strcspn(end, "\n")] = '\0';
        err = add(c, at, end + 2);
    }
    free(line);
    return err;
}

static int disassemble(struct code *c, char *path)
{
    FILE *printed = tmpfile();
    int err = printed ? 0 : -errno;
    for (size_t i = 0; !err && i < c->n_pieces; i++) {
        char tool[] = "objdump", all[] = "-dwC", raw[] = "--no-show-raw-insn";
        char from[48], to[48], *argv[] = {tool, all, raw, from, to, path, NULL};
        snprintf(from, sizeof from, "--start-address=0x%" PRIx64, c->pieces[i].start);
        snprintf(to, sizeof to, "--stop-address=0x%" PRIx64, c->pieces[i].end);
        err = ht_run_beside(argv, NULL, printed, SECONDS);
    }
    if (!err)
        err = parse(c, printed);
    if (printed)
        fclose(printed);
    return err;
}

/* The instruction that has an address in it: pieces do not overlap. NULL: none. */
static struct instruction *instruction_at(struct code *c, uint64_t vaddr)
{
    struct instruction *best = NULL;
    for (size_t i = 0; i < c->n; i++)
        if (c->list[i].at <= vaddr && (!best || c->list[i].at > best->at))
            best = &c->list[i];
    return best;
}

/* Over locations' marks: from addresses to numbers of instructions, plus 1. */
static void number(struct code *c, struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_locations; i++) {
        struct ht_location *l = p->locations[i];
        struct instruction *at = l->mark ? instruction_at(c, l->mark) : NULL;
        l->mark = at ? (uintptr_t)(at - c->list) + 1 : 0;
        if (at && !at->location)
            at->location = l;
    }
}

static int add_up(struct code *c, const struct ht_profile *p)
{
    size_t types = p->n_sample_types;
    c->values = calloc(c->n * 2 * types + 1, sizeof *c->values);
    if (!c->values)
        return -ENOMEM;
    for (size_t i = 0; i < p->n_samples; i++) {
        const struct ht_sample *s = &p->samples[i];
        for (size_t k = 0; k < s->n_locations; k++) {
            if (!s->locations[k]->mark)
                continue;
            size_t at = s->locations[k]->mark - 1;
            int64_t *v = c->values + at * 2 * types;
            for (size_t t = 0; t < types; t++) {
                if (!k)
                    v[t] = (int64_t)((uint64_t)v[t] + (uint64_t)s->values[t]);
                if (c->list[at].seen != i + 1)
                    v[types + t] = (int64_t)((uint64_t)v[types + t] + (uint64_t)s->values[t]);
            }
            c->list[at].seen = i + 1;
        }
    }
    return 0;
}

static void write_code(FILE *out, const struct code *c, const struct ht_profile *p)
{
    size_t types = p->n_sample_types;
    fputs("{\"file\":", out);
    ht_web_json_string(out, c->mapping->file);
    fputs(",\"instructions\":[", out);
    for (size_t i = 0; i < c->n; i++) {
        const struct instruction *x = &c->list[i];
        fprintf(out, "%s{\"at\":\"%" PRIx64 "\",\"text\":", i ? "," : "", x->at);
        ht_web_json_string(out, x->text);
        if (x->location) {
            const struct ht_line *own = &x->location->lines[x->location->n_lines - 1];
            fputs(",\"source\":", out);
            ht_web_json_string(out, own->function->filename);
            fprintf(out, ",\"line\":%" PRId64 ",\"inlined\":", own->line);
            ht_web_json_string(out, x->location->n_lines > 1 ? x->location->lines[0].function->name
                                                             : "");
            fputs(",\"values\":[", out);
            for (size_t t = 0; t < 2 * types; t++)
                fprintf(out, t ? ",%" PRId64 : "%" PRId64, c->values[i * 2 * types + t]);
            putc(']', out);
        }
        putc('}', out);
    }
    fputs("]}", out);
}

static void finish(struct code *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->list[i].text);
    free(c->list);
    free(c->values);
}

/* Its code's file, opened. 0, or -errno with one line in why. */
static int open_file(const struct ht_request *r, const struct code *c, struct ht_found *found,
                     char *why, size_t size)
{
    const struct ht_mapping *m = c->mapping;
    pid_t pid = 0;
    if (!*m->build_id) {
        snprintf(why, size, "%s has no build-id by which it could be known", m->file);
        return -EACCES;
    }
    if (r->s->source->live)
        ht_region_is_pid(r->id, &pid);
    const struct ht_find what = {
        .file = m->file, .build_id = m->build_id, .start = m->start, .pid = pid};
    int err = ht_find_open(found, &what, false);
    if (!err && found->main.elf && !found->from_memory)
        return 0;
    if (!err)
        ht_find_finish(found);
    snprintf(why, size, "%s is not here any more as it was", m->file);
    return -ENOENT;
}

static int look(const struct ht_request *r, struct code *c, struct ht_profile *p, const char *name,
                char *why, size_t size)
{
    struct ht_found found;
    for (size_t i = 0; i < p->n_locations && !c->mapping; i++)
        if (is_of(p->locations[i], name))
            c->mapping = p->locations[i]->mapping;
    if (!c->mapping) {
        snprintf(why, size, "the profile has no code of %s: it is inlined, or not in it", name);
        return -ESRCH;
    }
    int err = open_file(r, c, &found, why, size);
    if (err)
        return err;
    struct ht_fdes *fdes = ht_fdes_create(found.main.elf);
    if (!fdes)
        err = -ENOMEM;
    else if (!mark(c, p, name, &found, fdes) || !c->n_pieces)
        err = -ESRCH, snprintf(why, size, "where %s begins and ends is not known", name);
    if (!err)
        err = disassemble(c, found.main.path);
    if (!err) {
        number(c, p);
        err = add_up(c, p);
    }
    ht_fdes_destroy(fdes);
    ht_find_finish(&found);
    return err;
}

enum MHD_Result ht_get_disassembly(const struct ht_request *r)
{
    const char *name = ht_query(r, "function");
    if (!name || !*name)
        return ht_answer_error(r, MHD_HTTP_BAD_REQUEST,
                               "which function? /api/disassembly?function=NAME");
    enum MHD_Result answer;
    struct ht_profile *p = ht_request_profile(r, true, &answer);
    if (!p)
        return answer;
    struct code c = {0};
    struct ht_body b;
    char why[512] = "objdump failed";
    int err = look(r, &c, p, name, why, sizeof why);
    if (!err && (err = ht_body_open(&b)) == 0) {
        write_code(b.out, &c, p);
        answer = ht_body_answer(r, &b, 0, "application/json", NULL);
    } else if (err == -ENOENT && c.n_pieces) {
        answer = ht_answer(r, MHD_HTTP_NO_CONTENT, "text/plain; charset=utf-8", NULL, NULL, 0);
    } else {
        answer =
            ht_answer_error(r, MHD_HTTP_NOT_FOUND, "%s", err == -ENOMEM ? "out of memory" : why);
    }
    finish(&c);
    ht_profile_destroy(p);
    return answer;
}
