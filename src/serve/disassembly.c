/* SPDX-License-Identifier: MIT */
/*
 * /api/disassembly?function=NAME: the instructions of a function (serve/code.h), each with the
 * functions and lines that it belongs to, and the stacks that pass through it: what has each
 * instruction is added up by the page, so that its filters and comparisons apply. 204 where there
 * is no objdump.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "serve/code.h"
#include "serve/http.h"
#include "serve/webdata.h"
#include "snapshot/region.h"
#include "symbolize/symbolize.h"

static const struct ht_code_piece *piece_of(const struct ht_code *c, const struct ht_instruction *x)
{
    return &c->pieces[x->piece];
}

static bool same_lines(const struct ht_location *a, const struct ht_location *b)
{
    if (a->n_lines != b->n_lines)
        return false;
    for (size_t i = 0; i < a->n_lines; i++)
        if (a->lines[i].line != b->lines[i].line ||
            strcmp(a->lines[i].function->name, b->lines[i].function->name) ||
            strcmp(a->lines[i].function->filename, b->lines[i].function->filename))
            return false;
    return true;
}

/* Whether an instruction belongs to the same lines as the one before it. */
static bool goes_on(const struct ht_code *c, size_t i)
{
    const struct ht_instruction *x = &c->list[i];
    return i && piece_of(c, x)->own == piece_of(c, x - 1)->own && same_lines(x->known, x[-1].known);
}

/* "[function, file, line, ...]", the innermost first. The outermost one of the function's own code
 * is the function, whatever else knows it as. */
static void write_stack(FILE *out, const struct ht_code *c, const struct ht_instruction *x)
{
    size_t n = x->known->n_lines;
    bool own = piece_of(c, x)->own;
    putc('[', out);
    for (size_t i = 0; i < n; i++) {
        const struct ht_line *l = &x->known->lines[i];
        fputs(i ? "," : "", out);
        ht_web_json_string(out, own && i == n - 1 ? c->name : l->function->name);
        putc(',', out);
        ht_web_json_string(out, l->function->filename);
        fprintf(out, ",%" PRId64, l->line);
    }
    if (!n && own) {
        ht_web_json_string(out, c->name);
        fputs(",\"\",0", out);
    }
    putc(']', out);
}

static void write_code(FILE *out, const struct ht_code *c)
{
    size_t stack = 0;
    fputs("{\"binaries\":[", out);
    for (size_t i = 0; i < c->n_binaries; i++) {
        fputs(i ? ",{\"file\":" : "{\"file\":", out);
        ht_web_json_string(out, c->binaries[i].mapping->file);
        fputs(",\"build_id\":", out);
        ht_web_json_string(out, c->binaries[i].mapping->build_id);
        putc('}', out);
    }
    fputs("],\"stacks\":[", out);
    for (size_t i = 0; i < c->n; i++) {
        if (goes_on(c, i))
            continue;
        fputs(i ? "," : "", out);
        write_stack(out, c, &c->list[i]);
    }
    fputs("],\"instructions\":[", out);
    for (size_t i = 0; i < c->n; i++) {
        const struct ht_instruction *x = &c->list[i];
        stack += i && !goes_on(c, i);
        fprintf(out,
                "%s{\"at\":\"%" PRIx64 "\",\"binary\":%" PRIu32 ",\"piece\":%" PRIu32
                ",\"stack\":%zu,\"text\":",
                i ? "," : "", x->at, piece_of(c, x)->binary, x->piece, stack);
        ht_web_json_string(out, x->text);
        putc('}', out);
    }
    fputs("],\"profile\":", out);
}

/* Leaves the samples that pass through one of the instructions. */
static void keep_marked(struct ht_profile *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_samples; i++)
        for (size_t k = 0; k < p->samples[i].n_locations; k++)
            if (p->samples[i].locations[k]->mark) {
                p->samples[n++] = p->samples[i];
                break;
            }
    p->n_samples = n;
}

/* Names for instructions, which are too many to be remembered. */
static void give_names(void *ctx, struct ht_profile *p, pid_t pid)
{
    struct ht_server *s = ctx;
    const struct ht_symbolize_options o = {.lines_and_inlines = true, .pid = pid, .no_cache = true};
    pthread_mutex_lock(&s->symbols);
    ht_symbolize(p, &o, NULL, 0);
    pthread_mutex_unlock(&s->symbols);
}

static enum MHD_Result answer_code(const struct ht_request *r, struct ht_code *c,
                                   struct ht_profile *p)
{
    struct ht_body b;
    if (ht_body_open(&b))
        return MHD_NO;
    write_code(b.out, c);
    keep_marked(p);
    int err = ht_web_code_data(b.out, p, r->id, c->name);
    putc('}', b.out);
    return ht_body_answer(r, &b, err, "application/json", NULL);
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
    struct ht_code c;
    char why[512];
    pid_t pid = 0;
    if (r->s->source->live)
        ht_region_is_pid(r->id, &pid);
    int err = ht_code_find(&c, p, name, pid, why, sizeof why);
    bool found = !err;
    if (!err) {
        snprintf(why, sizeof why, "objdump failed");
        err = ht_code_disassemble(&c, p, give_names, r->s, pid);
    }
    if (!err)
        answer = answer_code(r, &c, p);
    else if (found && err == -ENOENT)
        answer = ht_answer(r, MHD_HTTP_NO_CONTENT, "text/plain; charset=utf-8", NULL, NULL, 0);
    else
        answer =
            ht_answer_error(r, MHD_HTTP_NOT_FOUND, "%s", err == -ENOMEM ? "out of memory" : why);
    ht_code_finish(&c);
    ht_profile_destroy(p);
    return answer;
}
