/* SPDX-License-Identifier: MIT */
/* Fills the cells of all rows first, so that each column is as wide as its widest cell. */
#include "config.h"

#include "cli/process/ps_table.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/process/figures.h"
#include "region/pattern.h"

const char *ht_ps_state(const struct ht_listed *e)
{
    if (*e->damage)
        return e->filtered ? "sandboxed" : "unreadable";
    if (!e->alive)
        return e->dumped ? "dumped" : "dead";
    return e->state == 'T' || e->state == 't' ? "stopped" : "alive";
}

double ht_ps_age(const struct ht_listed *e)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double age = (double)now.tv_sec - (double)e->start_wall_ns / 1e9;
    return age > 0 && e->start_wall_ns ? age : 0;
}

void ht_ps_age_text(const struct ht_listed *e, char *out, size_t size)
{
    if (e->start_wall_ns)
        ht_figure_age(ht_ps_age(e), out, size);
    else
        snprintf(out, size, "-");
}

void ht_ps_rate_text(const struct ht_listed *e, char *out, size_t size)
{
    if (e->rate > 1)
        ht_figure_bytes((double)e->rate, out, size);
    else
        snprintf(out, size, "%s", *e->damage ? "-" : e->rate ? "exact" : "off");
}

void ht_ps_inuse_text(const struct ht_listed *e, char *out, size_t size)
{
    if (*e->damage || e->waiting)
        snprintf(out, size, "-");
    else
        ht_figure_bytes((double)e->inuse_bytes, out, size);
}

void ht_ps_samples_text(const struct ht_listed *e, char *out, size_t size)
{
    if (*e->damage)
        snprintf(out, size, "-");
    else
        snprintf(out, size, "%llu", (unsigned long long)e->samples);
}

/* A pattern that names one file gets the pid of each process but the first (region/pattern.h). */
static bool lacks_pid(const char *pattern)
{
    for (const char *c = pattern; (c = strchr(c, '%')) && c[1]; c += 2)
        if (c[1] == 'p')
            return false;
    return true;
}

const char *ht_ps_goes_to(const struct ht_listed *e, char *out, size_t size)
{
    if (*e->damage)
        return e->damage;
    if (*e->last_dump && (e->dumped || !e->alive))
        return e->last_dump;
    snprintf(out, size, "%s", e->output);
    return *out && e->relative && lacks_pid(out) && !ht_pattern_insert(out, size, (uint64_t)e->pid)
               ? e->output
               : out;
}

bool ht_ps_is_there(const struct ht_listed *e)
{
    return e->alive || *e->path;
}

const char *ht_ps_user(uid_t uid, char *out, size_t size)
{
    const struct passwd *user = getpwuid(uid);
    if (user)
        snprintf(out, size, "%s", user->pw_name);
    else
        snprintf(out, size, "%u", (unsigned)uid);
    return out;
}

enum column {
    PID,
    USER,
    PROGRAM,
    STATE,
    AGE,
    RATE,
    IN_USE,
    RESIDENT,
    SAMPLES,
    FOLDED,
    UNIT,
    TITLE,
    PROFILE,
    COLUMNS
};

static const struct {
    const char *head;
    int most; /* characters shown */
    bool left, optional;
} columns_of[COLUMNS] = {
    [PID] = {"PID", 10, false, false},         [USER] = {"USER", 12, true, false},
    [PROGRAM] = {"PROGRAM", 20, true, false},  [STATE] = {"STATE", 10, true, false},
    [AGE] = {"AGE", 6, false, false},          [RATE] = {"RATE", 7, false, false},
    [IN_USE] = {"IN USE", 9, false, false},    [RESIDENT] = {"RSS", 9, false, false},
    [SAMPLES] = {"SAMPLES", 12, false, false}, [FOLDED] = {"FOLDED", 12, false, true},
    [UNIT] = {"UNIT", 24, true, true},         [TITLE] = {"TITLE", 32, true, false},
    [PROFILE] = {"PROFILE", 4096, true, false}};

#define CELL 1400

struct row {
    char cell[COLUMNS][64];
    char profile[CELL];
    bool dead;
};

static int characters(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

/* A text cut to so many characters. Returns its bytes. */
static size_t cut(const char *s, int most)
{
    size_t n = 0;
    for (; s[n] && (most > 0 || (s[n] & 0xc0) == 0x80); n++)
        most -= (s[n] & 0xc0) != 0x80;
    return n;
}

/* A path below this directory, without the directory. */
static const char *shorten(const char *path, const char *here)
{
    size_t n = strlen(here);
    return n > 1 && !strncmp(path, here, n) && path[n] == '/' ? path + n + 1 : path;
}

static void fill(struct row *r, const struct ht_listed *e, const char *here)
{
    const size_t size = sizeof r->cell[0];
    const char *title = *e->title ? e->title : e->command_line;
    char to[HT_PS_PATH];
    snprintf(r->cell[PID], size, "%d", (int)e->pid);
    ht_ps_user(e->uid, r->cell[USER], size);
    snprintf(r->cell[PROGRAM], size, "%s", *e->name ? e->name : "?");
    snprintf(r->cell[STATE], size, "%s", ht_ps_state(e));
    ht_ps_age_text(e, r->cell[AGE], size);
    ht_ps_rate_text(e, r->cell[RATE], size);
    ht_ps_inuse_text(e, r->cell[IN_USE], size);
    if (e->resident)
        ht_figure_bytes((double)e->resident, r->cell[RESIDENT], size);
    else
        snprintf(r->cell[RESIDENT], size, "-");
    ht_ps_samples_text(e, r->cell[SAMPLES], size);
    if (e->folded)
        snprintf(r->cell[FOLDED], size, "%llu", (unsigned long long)e->folded);
    snprintf(r->cell[UNIT], size, "%.*s", (int)size - 1, e->unit);
    snprintf(r->cell[TITLE], size, "%.*s", (int)cut(title, 32), title);
    snprintf(r->profile, sizeof r->profile, "%s", shorten(ht_ps_goes_to(e, to, sizeof to), here));
    r->dead = !e->alive;
}

static const char *cell_of(const struct row *r, enum column c)
{
    return c == PROFILE ? r->profile : r->cell[c];
}

/* `r` NULL: the heading. */
static void print_row(const struct row *r, const int width[COLUMNS], int columns)
{
    char line[CELL + COLUMNS * 72];
    size_t at = 0;
    for (int c = 0; c < COLUMNS; c++) {
        if (!width[c])
            continue;
        const char *text = r ? cell_of(r, (enum column)c) : columns_of[c].head;
        size_t n = cut(text, width[c]);
        int gap = c == PROFILE ? 0 : width[c] - characters(text);
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%*s%.*s%*s", at ? "  " : "",
                               !columns_of[c].left && gap > 0 ? gap : 0, "", (int)n, text,
                               columns_of[c].left && gap > 0 ? gap : 0, "");
    }
    while (at && line[at - 1] == ' ')
        line[--at] = '\0';
    printf("%.*s\n", columns ? (int)cut(line, columns) : (int)at, line);
}

/* Leaves out columns, those first that are easiest to do without, until so much of each profile's
 * name can be seen. */
static void make_room(int width[COLUMNS], int columns)
{
    static const enum column spare[] = {UNIT, USER, TITLE, FOLDED, RATE, SAMPLES, AGE};
    enum { NAME = 20 };
    int need = width[PROFILE] < NAME ? width[PROFILE] : NAME;
    for (int c = 0; c < PROFILE; c++)
        need += width[c] ? width[c] + 2 : 0;
    for (size_t i = 0; i < sizeof spare / sizeof *spare && need > columns; i++) {
        need -= width[spare[i]] ? width[spare[i]] + 2 : 0;
        width[spare[i]] = 0;
    }
}

static const char below[] =
    "--- dead: heaptap recover writes their profiles, heaptap forget discards them";

void ht_ps_print_long(const struct ht_listed *list, size_t n, bool all, int columns)
{
    char here[4096];
    int width[COLUMNS] = {0};
    size_t shown = 0;
    struct row *rows = calloc(n + 1, sizeof *rows);
    if (!getcwd(here, sizeof here))
        *here = '\0';
    for (size_t i = 0; rows && i < n; i++)
        if (ht_ps_is_there(&list[i]) && (all || !list[i].other_version))
            fill(&rows[shown++], &list[i], here);
    for (int c = 0; c < COLUMNS; c++)
        for (size_t i = 0; i < shown; i++) {
            int k = characters(cell_of(&rows[i], (enum column)c));
            int least = k || !columns_of[c].optional ? characters(columns_of[c].head) : 0;
            k = k > columns_of[c].most ? columns_of[c].most : k;
            width[c] = k > width[c] ? k : width[c];
            width[c] = least > width[c] ? least : width[c];
        }
    if (columns)
        make_room(width, columns);
    print_row(NULL, width, columns);
    for (size_t i = 0; i < shown; i++) {
        if (rows[i].dead && (!i || !rows[i - 1].dead))
            printf("%.*s\n", columns ? columns : (int)strlen(below), below);
        print_row(&rows[i], width, columns);
    }
    free(rows);
}
