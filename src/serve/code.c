/* SPDX-License-Identifier: MIT */
/*
 * A location of the function leads to its binary, and there to the code around it, from .eh_frame.
 * The heaviest pieces are disassembled. Where an instruction belongs in the sources is told by the
 * symboliser, by a profile that has a location for each.
 */
#include "config.h"

#include "serve/code.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/profile.h"
#include "util/beside.h"

enum { MAX_PIECE = 256 * 1024, SECONDS = 20 };

static bool has_function(const struct ht_location *l, const char *name)
{
    for (size_t i = 0; i < l->n_lines; i++)
        if (!strcmp(l->lines[i].function->name, name))
            return true;
    return false;
}

/* Its code is the function's own: the others were inlined into it. */
static bool is_own(const struct ht_location *l, const char *name)
{
    return l->n_lines && !strcmp(l->lines[l->n_lines - 1].function->name, name);
}

/* Opens a mapping's file. False with one line in why. */
static bool open_binary(struct ht_code_binary *b, pid_t pid, char *why, size_t size)
{
    const struct ht_mapping *m = b->mapping;
    const struct ht_find what = {
        .file = m->file, .build_id = m->build_id, .start = m->start, .pid = pid};
    if (!*m->build_id) {
        snprintf(why, size, "%s has no build-id by which it could be known", m->file);
        return false;
    }
    if (!ht_find_open(&b->found, &what, false)) {
        if (b->found.main.elf && !b->found.from_memory)
            b->fdes = ht_fdes_create(b->found.main.elf);
        if (b->fdes)
            return true;
        ht_find_finish(&b->found);
    }
    snprintf(why, size, "%s is not here any more as it was", m->file);
    return false;
}

/* The number of a mapping's binary, which is opened when it is new. -1: it cannot be used. */
static int binary_of(struct ht_code *c, const struct ht_mapping *m, pid_t pid, char *why,
                     size_t size)
{
    size_t i = 0;
    while (i < c->n_binaries && (c->binaries[i].mapping->file != m->file ||
                                 c->binaries[i].mapping->build_id != m->build_id))
        i++;
    if (i == HT_CODE_BINARIES)
        return -1;
    if (i == c->n_binaries) {
        c->binaries[i] = (struct ht_code_binary){.mapping = m};
        c->n_binaries++;
        open_binary(&c->binaries[i], pid, why, size);
    }
    return c->binaries[i].fdes ? (int)i : -1;
}

/* The piece around a location of the function. False: it is not known. */
static bool piece_of(struct ht_code *c, const struct ht_location *l, pid_t pid,
                     struct ht_code_piece *piece, uint64_t *vaddr, char *why, size_t size)
{
    const struct ht_mapping *m = l->mapping;
    int binary = m ? binary_of(c, m, pid, why, size) : -1;
    if (binary < 0)
        return false;
    const struct ht_code_binary *b = &c->binaries[binary];
    *piece = (struct ht_code_piece){
        .binary = (uint32_t)binary, .own = is_own(l, c->name), .weight = l->mark, .mapping = m};
    if (ht_segments_vaddr(&b->found.main.segments, m->start, m->limit, m->offset, l->address,
                          vaddr) ||
        !ht_fdes_find(b->fdes, *vaddr, &piece->start, &piece->end) ||
        piece->end - piece->start > MAX_PIECE)
        return false;
    piece->slide = l->address - *vaddr;
    return true;
}

static struct ht_code_piece *same_piece(const struct ht_code *c, const struct ht_code_piece *piece)
{
    for (size_t i = 0; i < c->n_pieces; i++)
        if (c->pieces[i].binary == piece->binary && c->pieces[i].start == piece->start)
            return &c->pieces[i];
    return NULL;
}

static int heaviest_first(const void *pa, const void *pb)
{
    const struct ht_code_piece *a = pa, *b = pb;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return a->start < b->start ? -1 : a->start > b->start;
}

static int by_place(const void *pa, const void *pb)
{
    const struct ht_code_piece *a = pa, *b = pb;
    if (a->binary != b->binary)
        return a->binary < b->binary ? -1 : 1;
    return a->start < b->start ? -1 : a->start > b->start;
}

/* Pieces that were found at several locations become one, of the weight of all. */
static void merge_pieces(struct ht_code *c)
{
    size_t kept = 0, bytes = 0, n = 0;
    qsort(c->pieces, c->n_pieces, sizeof *c->pieces, by_place);
    for (size_t i = 0; i < c->n_pieces; i++) {
        struct ht_code_piece *last = kept ? &c->pieces[kept - 1] : NULL;
        if (last && !by_place(last, &c->pieces[i])) {
            last->weight += c->pieces[i].weight;
            last->own |= c->pieces[i].own;
        } else {
            c->pieces[kept++] = c->pieces[i];
        }
    }
    qsort(c->pieces, kept, sizeof *c->pieces, heaviest_first);
    for (size_t i = 0; i < kept && n < HT_CODE_PIECES; i++) {
        size_t size = c->pieces[i].end - c->pieces[i].start;
        if (bytes + size > HT_CODE_BYTES)
            continue;
        bytes += size;
        c->pieces[n++] = c->pieces[i];
    }
    c->n_pieces = n;
}

/* Over locations' marks: how many samples pass through each. */
static void count_samples(struct ht_profile *p)
{
    for (size_t i = 0; i < p->n_locations; i++)
        p->locations[i]->mark = 0;
    for (size_t i = 0; i < p->n_samples; i++)
        for (size_t k = 0; k < p->samples[i].n_locations; k++)
            p->samples[i].locations[k]->mark++;
}

int ht_code_find(struct ht_code *c, struct ht_profile *p, const char *name, pid_t pid, char *why,
                 size_t why_size)
{
    bool any = false;
    *c = (struct ht_code){.name = name};
    c->pieces = malloc((p->n_locations + 1) * sizeof *c->pieces);
    if (!c->pieces)
        return -ENOMEM;
    snprintf(why, why_size, "where %s begins and ends is not known", name);
    count_samples(p);
    for (size_t i = 0; i < p->n_locations; i++) {
        uint64_t vaddr;
        if (!has_function(p->locations[i], name))
            continue;
        any = true;
        if (piece_of(c, p->locations[i], pid, &c->pieces[c->n_pieces], &vaddr, why, why_size))
            c->n_pieces++;
    }
    if (!any)
        snprintf(why, why_size, "the profile has no code of %s", name);
    merge_pieces(c);
    return c->n_pieces ? 0 : -ESRCH;
}

static int add(struct ht_code *c, uint32_t piece, uint64_t at, const char *text)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 256;
        struct ht_instruction *more = reallocarray(c->list, cap, sizeof *more);
        if (!more)
            return -ENOMEM;
        c->list = more;
        c->cap = cap;
    }
    char *own = strdup(text);
    if (!own)
        return -ENOMEM;
    c->list[c->n++] = (struct ht_instruction){.at = at, .text = own, .piece = piece};
    return 0;
}

/* Instructions are lines "  401136:\tmov ...". */
static int parse(struct ht_code *c, uint32_t piece, FILE *printed)
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
        err = add(c, piece, at, end + 2);
    }
    free(line);
    return err;
}

static int disassemble(struct ht_code *c, uint32_t number)
{
    const struct ht_code_piece *piece = &c->pieces[number];
    char tool[] = "objdump", all[] = "-dwC", raw[] = "--no-show-raw-insn", from[48], to[48];
    char *argv[] = {tool, all, raw, from, to, c->binaries[piece->binary].found.main.path, NULL};
    FILE *printed = tmpfile();
    if (!printed)
        return -errno;
    snprintf(from, sizeof from, "--start-address=0x%" PRIx64, piece->start);
    snprintf(to, sizeof to, "--stop-address=0x%" PRIx64, piece->end);
    int err = ht_run_beside(argv, NULL, printed, SECONDS);
    if (!err)
        err = parse(c, number, printed);
    fclose(printed);
    return err;
}

/* Adds a piece's mapping to the profile of instructions. */
static struct ht_mapping *copy_mapping(struct ht_profile *to, const struct ht_mapping *m)
{
    struct ht_mapping *copy = ht_profile_add_mapping(to);
    if (!copy)
        return NULL;
    copy->start = m->start;
    copy->limit = m->limit;
    copy->offset = m->offset;
    copy->file = ht_profile_str(to, m->file);
    copy->build_id = ht_profile_str(to, m->build_id);
    return copy->file && copy->build_id ? copy : NULL;
}

static int make_names(struct ht_code *c)
{
    struct ht_mapping *mappings[HT_CODE_PIECES] = {0};
    c->names = ht_profile_create();
    bool ok = c->names != NULL;
    for (size_t i = 0; ok && i < c->n_pieces; i++)
        ok = (mappings[i] = copy_mapping(c->names, c->pieces[i].mapping)) != NULL;
    for (size_t i = 0; ok && i < c->n; i++) {
        struct ht_location *l = ht_profile_add_location(c->names);
        ok = l != NULL;
        if (!ok)
            break;
        l->mapping = mappings[c->list[i].piece];
        l->address = c->list[i].at + c->pieces[c->list[i].piece].slide;
        c->list[i].known = l;
    }
    return ok ? 0 : -ENOMEM;
}

/* The instruction of a piece that has an address in it, as a number plus 1; 0: none. */
static size_t instruction_at(const struct ht_code *c, uint32_t piece, uint64_t vaddr)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct ht_instruction *x = &c->list[middle];
        if (x->piece < piece || (x->piece == piece && x->at <= vaddr))
            low = middle + 1;
        else
            high = middle;
    }
    return low && c->list[low - 1].piece == piece ? low : 0;
}

/* Of what was inlined, only its instructions stay. */
static void drop_others(struct ht_code *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->pieces[c->list[i].piece].own || has_function(c->list[i].known, c->name))
            c->list[n++] = c->list[i];
        else
            free(c->list[i].text);
    c->n = n;
}

int ht_code_disassemble(struct ht_code *c, struct ht_profile *p,
                        void (*names)(void *ctx, struct ht_profile *p, pid_t pid), void *ctx,
                        pid_t pid)
{
    char none[256];
    int err = 0;
    for (uint32_t i = 0; !err && i < c->n_pieces; i++)
        err = disassemble(c, i);
    if (!err)
        err = make_names(c);
    if (err)
        return err;
    names(ctx, c->names, pid);
    /* What the profile itself says of a place goes first: it may be from another machine. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < p->n_locations; i++) {
            struct ht_location *l = p->locations[i];
            struct ht_code_piece piece, *at;
            uint64_t vaddr;
            l->mark = 0;
            if (has_function(l, c->name) &&
                piece_of(c, l, pid, &piece, &vaddr, none, sizeof none) &&
                (at = same_piece(c, &piece)))
                l->mark = instruction_at(c, (uint32_t)(at - c->pieces), vaddr);
            if (l->mark && !pass)
                c->list[l->mark - 1].known = l;
        }
        if (!pass)
            drop_others(c);
    }
    return 0;
}

void ht_code_finish(struct ht_code *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->list[i].text);
    for (size_t i = 0; i < c->n_binaries; i++) {
        if (!c->binaries[i].fdes)
            continue;
        ht_fdes_destroy(c->binaries[i].fdes);
        ht_find_finish(&c->binaries[i].found);
    }
    free(c->list);
    free(c->pieces);
    ht_profile_destroy(c->names);
}
