/* SPDX-License-Identifier: MIT */
/*
 * Goes through /proc and through the directories of regions, and joins both by pid and start
 * time. Processes in other mount namespaces are found through /proc/PID/root.
 */
#include "config.h"

#include "snapshot/list.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "snapshot/copy.h"
#include "snapshot/directory.h"
#include "snapshot/found.h"
#include "snapshot/process.h"
#include "snapshot/title.h"
#include "snapshot/waiting.h"
#include "util/utf8.h"

struct lister {
    struct ht_listed *list;
    size_t n, room;
    struct {
        uint64_t device, inode;
    } * mapped; /* files of living regions */
    size_t n_mapped;
    struct {
        dev_t device;
        ino_t inode;
    } * roots; /* /dev/shm directories that were walked */
    size_t n_roots;
    const char *shown;      /* put before names in another root */
    bool places;            /* titles and units are wanted */
    struct ht_finds *found; /* NULL: nothing is kept */
    int err;
};

static struct ht_listed *add(struct lister *l)
{
    if (l->n == l->room) {
        size_t room = l->room ? l->room * 2 : 32;
        struct ht_listed *more = reallocarray(l->list, room, sizeof *more);
        if (!more) {
            l->err = -ENOMEM;
            return NULL;
        }
        l->list = more;
        l->room = room;
    }
    struct ht_listed *e = &l->list[l->n++];
    memset(e, 0, sizeof *e);
    return e;
}

/* A region's texts come from its owner: control characters are replaced. */
static void put(char *out, size_t size, const char *in, size_t n)
{
    if (n > size - 1)
        n = size - 1;
    n = strnlen(in, n);
    memcpy(out, in, n);
    out[n] = 0;
    ht_plain_text(out, false);
}

static void put_command(struct ht_listed *e, const struct ht_region_header *h)
{
    size_t k = 0;
    for (uint32_t i = 0; i < h->command_line_size && k + 1 < sizeof e->command_line; i++) {
        char c = h->command_line[i];
        e->command_line[k++] = c ? c : ' ';
    }
    while (k && e->command_line[k - 1] == ' ')
        k--;
    e->command_line[k] = 0;
    ht_plain_text(e->command_line, false);
}

static void put_totals(struct ht_listed *e, const struct ht_view *v)
{
    struct ht_region_totals t;
    ht_region_totals(v, &t);
    e->samples = t.samples;
    e->inuse_bytes = t.values.inuse_bytes;
    e->inuse_objects = t.values.inuse_objects;
    e->alloc_bytes = t.values.alloc_bytes;
    e->alloc_objects = t.values.alloc_objects;
}

static void put_place(const struct lister *l, struct ht_listed *e, pid_t pid)
{
    if (!e->alive || !l->places)
        return;
    ht_process_title(pid, e->title, sizeof e->title);
    ht_process_unit(pid, e->unit, sizeof e->unit);
}

static void put_process(struct ht_listed *e, const struct ht_process_info *p)
{
    e->pid = p->pid;
    e->uid = p->uid;
    e->alive = true;
    e->state = p->state;
    e->threads = p->threads;
}

static void describe(const struct lister *l, struct ht_listed *e, const struct ht_region *r)
{
    const struct ht_region_header *h = r->view.header;
    uint32_t flags = atomic_load(&h->flags);
    e->pid = r->alive ? r->pid : (pid_t)h->pid;
    e->uid = h->uid;
    e->alive = r->alive;
    e->state = r->state;
    e->threads = r->alive ? r->threads : 0;
    e->resident = r->alive ? ht_process_resident(r->thread) : 0;
    e->dumped = atomic_load(&h->state) == HT_STATE_DUMPED;
    e->adopted = flags & HT_REGION_ADOPTED;
    e->signal_lost = flags & HT_REGION_SIGNAL_LOST;
    e->run_id = h->run_id;
    e->start_wall_ns = h->start_wall_ns;
    e->rate = atomic_load(&h->rate);
    for (int i = 0; i < HT_LOSS_COUNT; i++)
        e->lost += atomic_load(&h->losses[i]);
    e->lost += atomic_load(&h->inherits);
    e->labels_other = atomic_load(&h->labels_other);
    e->folded = atomic_load(&h->folded_sites);
    put(e->name, sizeof e->name, h->name, sizeof h->name);
    put(e->exe, sizeof e->exe, h->exe, sizeof h->exe);
    put(e->output, sizeof e->output, h->output, sizeof h->output);
    put(e->last_dump, sizeof e->last_dump, h->last_dump, sizeof h->last_dump);
    put(e->path, sizeof e->path, r->path, sizeof r->path);
    put_command(e, h);
    put_place(l, e, r->pid);
    e->unwritten =
        e->dumped || !atomic_load(&h->dump_failures) ? 0 : (int)atomic_load(&h->dump_errno);
    put_totals(e, &r->view);
}

#define UNKNOWN_FILTER "not profiled: it was started under a seccomp filter (HEAPTAP_SECCOMP=trust)"

static void put_name(struct ht_listed *e, pid_t pid)
{
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *f = fopen(path, "re");
    if (f && fgets(name, sizeof name, f))
        name[strcspn(name, "\n")] = 0;
    if (f)
        fclose(f);
    put(e->name, sizeof e->name, name, sizeof name);
}

/* A program or a forked child without a region before its first sample. */
static void list_waiting(struct lister *l, const struct ht_process_info *p,
                         const struct ht_waiting *w, bool forked)
{
    struct ht_region_header h = {.command_line_size = w->command_line_size};
    struct ht_listed *e = add(l);
    if (!e)
        return;
    put_process(e, p);
    e->waiting = true;
    e->adopted = forked;
    e->relative = l->places && ht_waiting_is_relative(p);
    e->resident = ht_process_resident(p->thread);
    e->run_id = w->run_id;
    e->rate = w->rate;
    e->start_wall_ns = w->start_wall_ns;
    put(e->name, sizeof e->name, w->name, sizeof w->name);
    put(e->exe, sizeof e->exe, w->exe, sizeof w->exe);
    put(e->output, sizeof e->output, w->output, sizeof w->output);
    memcpy(h.command_line, w->command_line, sizeof h.command_line);
    put_command(e, &h);
    put_place(l, e, p->pid);
}

static bool remember_mapped(struct lister *l, const struct ht_process_map *map)
{
    void *more = reallocarray(l->mapped, l->n_mapped + 1, sizeof *l->mapped);
    if (!more) {
        l->err = -ENOMEM;
        return false;
    }
    l->mapped = more;
    l->mapped[l->n_mapped].device = map->device;
    l->mapped[l->n_mapped++].inode = map->inode;
    return true;
}

static void list_process(struct lister *l, pid_t pid)
{
    struct ht_process_info p;
    struct ht_process_map map;
    struct ht_region r;
    char msg[200];
    bool kept;
    if (ht_found_look(l->found, pid, &p, &map, &kept))
        return;
    struct ht_waiting waiting;
    bool forked = ht_waiting_forked(&p, &map, &waiting);
    if (forked || ht_waiting_read(&p, &map, &waiting)) {
        list_waiting(l, &p, &waiting, forked);
        return;
    }
    if (!map.address) {
        /* Not for a forked child that waits for its first sample: it never had a region. */
        struct ht_listed *e = map.library && p.filtered && !map.parents ? add(l) : NULL;
        if (e) {
            put_process(e, &p);
            e->filtered = true;
            put_name(e, pid);
            put_place(l, e, pid);
            put(e->damage, sizeof e->damage, UNKNOWN_FILTER, sizeof UNKNOWN_FILTER);
        }
        return;
    }
    int err = ht_region_open_process(&r, &p, &map, HT_COPY_HEADER, msg, sizeof msg);
    if (err && kept) {
        ht_found_forget(l->found, pid);
        list_process(l, pid);
        return;
    }
    if (map.inode && !remember_mapped(l, &map)) {
        if (!err)
            ht_region_close(&r);
        return;
    }
    for (int i = 0; i < 3 && err == -EINVAL; i++) { /* it may be filling in its header */
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        err = ht_region_open_process(&r, &p, &map, HT_COPY_HEADER, msg, sizeof msg);
    }
    if (!err || !ht_process_read(pid, &p)) { /* still there */
        struct ht_listed *e = add(l);
        if (e && !err) {
            describe(l, e, &r);
            e->relative = l->places && ht_waiting_is_relative(&p);
        } else if (e) {
            put_process(e, &p);
            put_place(l, e, pid);
            put(e->path, sizeof e->path, map.path, sizeof map.path);
            put(e->damage, sizeof e->damage, msg, sizeof msg);
        }
    }
    if (!err)
        ht_region_close(&r);
}

static int list_file(void *ctx, int dir, const char *directory, const char *file, int fd,
                     const struct stat *st, const struct ht_region_name *name)
{
    struct lister *l = ctx;
    struct ht_region r;
    char path[1400], msg[240];
    for (size_t i = 0; i < l->n_mapped; i++)
        if (l->mapped[i].inode == st->st_ino && l->mapped[i].device == st->st_dev)
            return 0;
    snprintf(path, sizeof path, "%s/%s", directory, file);
    int err = ht_region_open_fd(&r, fd, path, HT_COPY_HEADER, msg, sizeof msg);
    const bool made_now = err && err != -EPROTO && st->st_mode & 0200 && /* list.h */
                          st->st_mtime + 60 >= time(NULL);
    struct ht_listed *e = add(l);
    if (!e)
        return l->err;
    if (err) {
        e->pid = name->pid;
        e->other_version = err == -EPROTO;
        put(e->path, sizeof e->path, path, sizeof path);
        /* Not for a region that is being made; another version's has a message of its own. */
        if (!e->other_version && !made_now)
            strncat(msg, "; nothing can be had of it: remove it", sizeof msg - strlen(msg) - 1);
        put(e->damage, sizeof e->damage, msg, sizeof msg);
    } else {
        describe(l, e, &r);
        ht_region_close(&r);
    }
    e->uid = st->st_uid;
    e->file_bytes = (uint64_t)st->st_blocks * 512;
    /* Cleaning marks a region that it found dead by removing the owner's right to write: list.h. */
    e->met_dead = st->st_mode & 0200 ? 0 : (int64_t)st->st_mtime;
    /* The lock of one that is being made is left for its process to take. */
    e->removable = !e->alive && !made_now && st->st_uid == geteuid() && !*l->shown;
    return 0;
}

/* The directories of other mount namespaces, each once, through a process that lives there. */
static void walk_root_of(struct lister *l, pid_t pid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return;
    bool known = fstatat(root, "dev/shm", &st, AT_SYMLINK_NOFOLLOW) != 0;
    for (size_t i = 0; i < l->n_roots && !known; i++)
        known = l->roots[i].device == st.st_dev && l->roots[i].inode == st.st_ino;
    void *more = known ? NULL : reallocarray(l->roots, l->n_roots + 1, sizeof *l->roots);
    if (more) {
        l->roots = more;
        l->roots[l->n_roots].device = st.st_dev;
        l->roots[l->n_roots++].inode = st.st_ino;
        l->shown = path;
        ht_region_directory_walk_root(root, path, list_file, l);
        l->shown = "";
    }
    close(root);
}

static void each_process(struct lister *l, void (*fn)(struct lister *l, pid_t pid))
{
    DIR *d = opendir("/proc");
    struct dirent *e;
    while (d && !l->err && (e = readdir(d)))
        if (isdigit((unsigned char)e->d_name[0]))
            fn(l, (pid_t)atol(e->d_name));
    if (d)
        closedir(d);
}

static int by_start(const void *a, const void *b)
{
    const struct ht_listed *x = a, *y = b;
    if (x->alive != y->alive)
        return x->alive ? -1 : 1;
    if (x->start_wall_ns != y->start_wall_ns)
        return x->start_wall_ns < y->start_wall_ns ? -1 : 1;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static int list(bool places, struct ht_finds *found, struct ht_listed **out, size_t *n)
{
    struct lister l = {.shown = "", .places = places, .found = found};
    struct stat st;
    each_process(&l, list_process);
    ht_found_sweep(found);
    if (!l.err)
        l.err = ht_region_directory_walk(list_file, &l);
    if (!l.err && !geteuid() && !stat("/dev/shm", &st) && (l.roots = calloc(1, sizeof *l.roots))) {
        l.roots[0].device = st.st_dev;
        l.roots[0].inode = st.st_ino;
        l.n_roots = 1;
        each_process(&l, walk_root_of);
    }
    free(l.mapped);
    free(l.roots);
    if (l.err) {
        free(l.list);
        return l.err;
    }
    if (l.n)
        qsort(l.list, l.n, sizeof *l.list, by_start);
    *out = l.list;
    *n = l.n;
    return 0;
}

int ht_list(struct ht_listed **out, size_t *n)
{
    return list(true, NULL, out, n);
}

int ht_list_figures(struct ht_finds *found, struct ht_listed **out, size_t *n)
{
    return list(false, found, out, n);
}
