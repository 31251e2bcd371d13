/* SPDX-License-Identifier: MIT */
/*
 * The kernel writes smaps piece by piece, and each piece goes on at the end of the last mapping of
 * the one before. A mapping that grew meanwhile contains that address, so it is written again, as a
 * whole. The later line is the truth: of earlier ones only what lies below it is kept.
 */
#include "config.h"

#include "remote/smaps.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct reading {
    struct ht_smaps *out;
    size_t room, name_size, name_room;
};

static int add_name(struct reading *r, const char *name, size_t *at)
{
    struct ht_smaps *s = r->out;
    size_t size = strlen(name) + 1;
    *at = s->n ? s->map[s->n - 1].name : 0;
    if (s->n && !strcmp(s->names + *at, name))
        return 0;
    if (r->name_room - r->name_size < size) {
        size_t room = 2 * r->name_room + size + 4096;
        char *more = realloc(s->names, room);
        if (!more)
            return -ENOMEM;
        s->names = more;
        r->name_room = room;
    }
    *at = r->name_size;
    memcpy(s->names + *at, name, size);
    r->name_size += size;
    return 0;
}

/* Takes away of the mappings before this one what it covers too. */
static void cut_earlier(struct ht_smaps *s, uint64_t start)
{
    while (s->n && s->map[s->n - 1].start >= start)
        s->n--;
    struct ht_smap *last = s->n ? &s->map[s->n - 1] : NULL;
    if (!last || last->end <= start)
        return;
    last->end = start;
    uint64_t size = last->end - last->start;
    if (last->resident > size)
        last->resident = size;
    if (last->swapped > size)
        last->swapped = size;
}

static int add_map(struct reading *r, struct ht_smap m, const char *name)
{
    struct ht_smaps *s = r->out;
    cut_earlier(s, m.start);
    int err = add_name(r, name, &m.name);
    if (err)
        return err;
    if (s->n == r->room) {
        size_t room = r->room ? 2 * r->room : 256;
        struct ht_smap *more = reallocarray(s->map, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        s->map = more;
        r->room = room;
    }
    s->map[s->n++] = m;
    return 0;
}

static unsigned parse_flags(char *words)
{
    static const struct {
        char word[3];
        unsigned flag;
    } known[] = {{"mw", HT_SMAP_MAY_WRITE}, {"io", HT_SMAP_DEVICE},    {"pf", HT_SMAP_DEVICE},
                 {"um", HT_SMAP_USERFAULT}, {"uw", HT_SMAP_USERFAULT}, {"ui", HT_SMAP_USERFAULT}};
    unsigned flags = HT_SMAP_FLAGS;
    char *rest = NULL;
    for (char *w = strtok_r(words, " \n", &rest); w; w = strtok_r(NULL, " \n", &rest))
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (!strcmp(w, known[i].word))
                flags |= known[i].flag;
    return flags;
}

/* True: the line begins a mapping. *name is a part of it. */
static bool parse_head(char *line, struct ht_smap *m, char **name)
{
    unsigned long start, end, inode;
    int at = 0;
    *m = (struct ht_smap){0};
    if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %lu%n", &start, &end, m->perms, &inode, &at) < 4 ||
        start >= end)
        return false;
    m->start = start;
    m->end = end;
    m->inode = inode;
    *name = line + at + strspn(line + at, " ");
    (*name)[strcspn(*name, "\n")] = 0;
    return true;
}

int ht_smaps_parse(FILE *f, struct ht_smaps *out)
{
    struct reading r = {.out = out};
    char *line = NULL;
    size_t room = 0;
    int err = 0;
    *out = (struct ht_smaps){0};
    while (!err && getline(&line, &room, f) > 0) {
        unsigned long long kb;
        struct ht_smap head, *last = out->n ? &out->map[out->n - 1] : NULL;
        char *name;
        if (parse_head(line, &head, &name))
            err = add_map(&r, head, name);
        else if (last && sscanf(line, "Rss: %llu kB", &kb) == 1)
            last->resident = kb * 1024;
        else if (last && sscanf(line, "Swap: %llu kB", &kb) == 1)
            last->swapped = kb * 1024;
        else if (last && !strncmp(line, "VmFlags:", 8))
            last->flags = parse_flags(line + 8);
    }
    free(line);
    if (!err)
        err = ferror(f) ? -EIO : out->n ? 0 : -ESRCH;
    if (err)
        ht_smaps_free(out);
    return err;
}

static int read_file(pid_t thread, const char *name, struct ht_smaps *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)thread, name);
    FILE *f = fopen(path, "re");
    *out = (struct ht_smaps){0};
    if (!f)
        return errno == ENOENT ? -ESRCH : -errno;
    int err = ht_smaps_parse(f, out);
    fclose(f);
    return err;
}

int ht_smaps_read(pid_t thread, struct ht_smaps *out)
{
    return read_file(thread, "smaps", out);
}

/* A descriptor of userfaultfd is open, or which ones are cannot be seen. */
static bool may_have_userfault(pid_t thread)
{
    char path[64], to[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)thread);
    DIR *d = opendir(path);
    if (!d)
        return true;
    bool found = false;
    const struct dirent *e;
    while (!found && (e = readdir(d))) {
        ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof to - 1);
        to[n > 0 ? n : 0] = 0;
        found = !strcmp(to, "anon_inode:[userfaultfd]");
    }
    closedir(d);
    return found;
}

static bool is_device(const char *name)
{
    static const char *const memory[] = {"/dev/shm/", "/dev/zero", "/dev/hugepages/"};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        if (!strncmp(name, memory[i], strlen(memory[i])))
            return false;
    return !strncmp(name, "/dev/", 5) || !strncmp(name, "/sys/", 5);
}

/* The mode of the entry in map_files is that of the open file (proc(5)), so VM_MAYWRITE's. */
static void guess_flags(pid_t thread, struct ht_smap *m, const char *name)
{
    char path[96];
    struct stat st;
    if (is_device(name))
        m->flags |= HT_SMAP_DEVICE;
    if (m->perms[3] != 's' || m->perms[1] == 'w' || !m->inode)
        return;
    snprintf(path, sizeof path, "/proc/%d/map_files/%llx-%llx", (int)thread,
             (unsigned long long)m->start, (unsigned long long)m->end);
    if (!lstat(path, &st))
        m->flags |= HT_SMAP_FLAGS | (st.st_mode & S_IWUSR ? (unsigned)HT_SMAP_MAY_WRITE : 0);
}

/* A pagemap has eight bytes for each page of address space, empty or not. */
#define MOST_SPACE (64ull << 30)

int ht_smaps_read_maps(pid_t thread, struct ht_smaps *out)
{
    int err = may_have_userfault(thread) ? -EAGAIN : read_file(thread, "maps", out);
    if (err)
        return err;
    uint64_t space = 0;
    for (size_t i = 0; i < out->n; i++) {
        struct ht_smap *m = &out->map[i];
        m->resident = m->end - m->start;
        space += m->resident;
        guess_flags(thread, m, ht_smap_name(out, m));
    }
    if (space > MOST_SPACE) {
        ht_smaps_free(out);
        return -EAGAIN;
    }
    return 0;
}

void ht_smaps_free(struct ht_smaps *s)
{
    free(s->map);
    free(s->names);
    *s = (struct ht_smaps){0};
}
