/* SPDX-License-Identifier: MIT */
/* A process's memory map, sorted by address as the kernel writes it. */
#include "config.h"

#include "remote/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A whole file of /proc, NUL-terminated, to free. NULL with errno. */
static char *read_proc(pid_t pid, const char *name, size_t *size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    size_t room = 65536, n = 0;
    char *text = malloc(room);
    ssize_t got = 1;
    while (text && (got = read(fd, text + n, room - n - 1)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        n += got > 0 ? (size_t)got : 0;
        if (room - n < 4096) {
            char *more = realloc(text, room *= 2);
            if (!more)
                free(text);
            text = more;
        }
    }
    int err = errno;
    close(fd);
    if (text && got < 0) {
        free(text);
        text = NULL;
        errno = err;
    }
    if (text)
        text[n] = 0;
    *size = n;
    return text;
}

static bool parse(char *line, struct ht_remote_map *m)
{
    unsigned major, minor;
    char perms[5];
    int name = 0;
    if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu%n", &m->start, &m->end, perms, &m->offset, &major,
               &minor, &m->inode, &name) < 7)
        return false;
    m->device = makedev(major, minor);
    m->readable = perms[0] == 'r';
    m->writable = perms[1] == 'w';
    m->executable = perms[2] == 'x';
    m->name = line + name + strspn(line + name, " ");
    m->module = NULL;
    return true;
}

/* The kernel goes on at the end of the last line that it wrote: a mapping that grew meanwhile is
 * written again, as a whole (see smaps.c). maps[n] is the new one; how many there are then. */
static size_t settle(struct ht_remote_map *maps, size_t n)
{
    struct ht_remote_map new = maps[n];
    while (n && maps[n - 1].start >= new.start)
        n--;
    if (n && maps[n - 1].end > new.start)
        maps[n - 1].end = new.start;
    maps[n] = new;
    return n + 1;
}

int ht_remote_maps_read(struct ht_remote *r)
{
    size_t size, n = 0, room = 0;
    char *text = read_proc(r->living, "maps", &size);
    struct ht_remote_map *maps = NULL;
    if (!text)
        return errno ? -errno : -ENOMEM;
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = 0;
        if (n == room) {
            room = room ? room * 2 : 256;
            struct ht_remote_map *more = realloc(maps, room * sizeof *maps);
            if (!more) {
                free(maps);
                free(text);
                return -ENOMEM;
            }
            maps = more;
        }
        if (parse(line, &maps[n]))
            n = settle(maps, n);
    }
    free(r->maps);
    free(r->map_text);
    r->maps = maps;
    r->n_maps = n;
    r->map_text = text;
    return n ? 0 : -ESRCH;
}

struct ht_remote_map *ht_remote_map_at(const struct ht_remote *r, uint64_t at)
{
    size_t lo = 0, hi = r->n_maps;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        if (r->maps[middle].end <= at)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < r->n_maps && r->maps[lo].start <= at ? &r->maps[lo] : NULL;
}

/* A copy that lives as long as the process is open. NULL: out of memory. */
static const char *keep_name(struct ht_remote *r, const char *name)
{
    for (size_t i = r->n_names; i-- > 0;)
        if (!strcmp(r->names[i], name))
            return r->names[i];
    char **more = realloc(r->names, (r->n_names + 1) * sizeof *more);
    if (!more)
        return NULL;
    r->names = more;
    char *copy = strdup(name);
    if (copy)
        r->names[r->n_names++] = copy;
    return copy;
}

static int insert(struct ht_remote *r, size_t at, const struct ht_remote_map *m)
{
    struct ht_remote_map *more = realloc(r->maps, (r->n_maps + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    r->maps = more;
    memmove(more + at + 1, more + at, (r->n_maps - at) * sizeof *more);
    more[at] = *m;
    r->n_maps++;
    return 0;
}

static void set_start(struct ht_remote_map *m, uint64_t start)
{
    m->offset += start - m->start;
    m->start = start;
}

int ht_remote_map_add(struct ht_remote *r, const struct ht_remote_map *new)
{
    struct ht_remote_map m = *new;
    size_t i = 0;
    m.module = NULL;
    m.name = keep_name(r, new->name);
    if (!m.name || m.start >= m.end)
        return m.name ? -EINVAL : -ENOMEM;
    while (i < r->n_maps && r->maps[i].end <= m.start)
        i++;
    if (i < r->n_maps && r->maps[i].start < m.start) { /* the part in front stays */
        struct ht_remote_map back = r->maps[i];
        r->maps[i].end = m.start;
        i++;
        if (back.end > m.end) {
            set_start(&back, m.end);
            int err = insert(r, i, &back);
            if (err)
                return err;
        }
    }
    size_t gone = i;
    while (gone < r->n_maps && r->maps[gone].end <= m.end)
        gone++;
    if (gone < r->n_maps && r->maps[gone].start < m.end)
        set_start(&r->maps[gone], m.end);
    memmove(r->maps + i, r->maps + gone, (r->n_maps - gone) * sizeof *r->maps);
    r->n_maps -= gone - i;
    return insert(r, i, &m);
}

int ht_remote_maps_copy_to(struct ht_remote *to, const struct ht_remote *from)
{
    struct ht_remote_map *maps = malloc((from->n_maps + 1) * sizeof *maps);
    if (!maps)
        return -ENOMEM;
    free(to->maps);
    to->maps = maps;
    to->n_maps = 0;
    for (size_t i = 0; i < from->n_maps; i++) {
        maps[i] = from->maps[i];
        maps[i].module = NULL;
        maps[i].name = keep_name(to, from->maps[i].name);
        if (!maps[i].name)
            return -ENOMEM;
        to->n_maps++;
    }
    return 0;
}

void ht_remote_maps_free(struct ht_remote *r)
{
    for (size_t i = 0; i < r->n_names; i++)
        free(r->names[i]);
    free(r->names);
    free(r->maps);
    free(r->map_text);
    r->names = NULL;
    r->maps = NULL;
    r->map_text = NULL;
    r->n_names = r->n_maps = 0;
}
