/* SPDX-License-Identifier: MIT */
/* Texts of smaps as the kernel writes them of a process that maps memory meanwhile. */
#include "remote/smaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lib/check.h"

static void ht_check_failed(const char *file, int line, const char *claim, const char *condition)
{
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, claim, condition);
    exit(1);
}

static int parse(const char *text, struct ht_smaps *s)
{
    FILE *f = fmemopen((void *)text, strlen(text), "r");
    int err = f ? ht_smaps_parse(f, s) : -errno;
    if (f)
        fclose(f);
    return err;
}

static void check_fields(void)
{
    struct ht_smaps s;
    CHECK(!parse("00400000-00402000 r-xp 00001000 fd:01 77   /bin/a b (deleted)\n"
                 "Size: 8 kB\nRss: 4 kB\nSwap: 8 kB\nVmFlags: rd ex mr mw me sd \n"
                 "00600000-00601000 rw-s 00000000 00:00 0 \nRss: 0 kB\nVmFlags: rd wr io\n"
                 "00601000-00602000 ---p 00000000 00:00 0 \nVmFlags: um dd\n"
                 "00700000-00702000 rw-p 00000000 00:00 0                  [heap]\n",
                 &s),
          "a text as the kernel writes it is read");
    CHECK(s.n == 4, "each mapping is one");
    CHECK(s.map[0].start == 0x400000 && s.map[0].end == 0x402000 && s.map[0].inode == 77 &&
              s.map[0].resident == 4096 && s.map[0].swapped == 8192 &&
              !strcmp(s.map[0].perms, "r-xp"),
          "the first has its figures");
    CHECK(!strcmp(ht_smap_name(&s, &s.map[0]), "/bin/a b (deleted)"), "a name has spaces");
    CHECK(s.map[0].flags == (HT_SMAP_FLAGS | HT_SMAP_MAY_WRITE), "mw: it may be written to");
    CHECK(s.map[1].flags == (HT_SMAP_FLAGS | HT_SMAP_DEVICE), "io: a device");
    CHECK(s.map[2].flags == (HT_SMAP_FLAGS | HT_SMAP_USERFAULT), "um: userfaultfd");
    CHECK(!*ht_smap_name(&s, &s.map[1]) && !*ht_smap_name(&s, &s.map[2]), "anonymous memory");
    CHECK(!strcmp(ht_smap_name(&s, &s.map[3]), "[heap]") && !s.map[3].flags, "no line of flags");
    ht_smaps_free(&s);
}

/* It was written at 1000-3000; when the kernel went on at 3000 it was larger. */
static void check_grown(void)
{
    struct ht_smaps s;
    CHECK(!parse("00000000-00001000 r--p 00000000 00:00 0 \nRss: 4 kB\n"
                 "00001000-00003000 rw-p 00000000 00:00 0 [heap]\nRss: 8 kB\n"
                 "00001000-00005000 rw-p 00000000 00:00 0 [heap]\nRss: 12 kB\n"
                 "00006000-00007000 r--p 00000000 00:00 0 \n",
                 &s),
          "a mapping that grew is read");
    CHECK(s.n == 3, "it counts once");
    CHECK(s.map[1].start == 0x1000 && s.map[1].end == 0x5000 && s.map[1].resident == 12288,
          "with what it was last");
    CHECK(!strcmp(ht_smap_name(&s, &s.map[1]), "[heap]"), "and its name");
    ht_smaps_free(&s);
}

/* Three became one with the memory behind them. */
static void check_merged(void)
{
    struct ht_smaps s;
    CHECK(!parse("00001000-00002000 rw-p 00000000 00:00 0 \nRss: 4 kB\n"
                 "00002000-00003000 ---p 00000000 00:00 0 \nRss: 0 kB\n"
                 "00003000-00004000 rw-p 00000000 00:00 0 \nRss: 4 kB\n"
                 "00001000-00008000 rw-p 00000000 00:00 0 \nRss: 20 kB\n",
                 &s),
          "mappings that became one are read");
    CHECK(s.n == 1 && s.map[0].end == 0x8000 && s.map[0].resident == 20480, "they count once");
    ht_smaps_free(&s);
}

/* Its end was taken away and is part of the next one. */
static void check_split(void)
{
    struct ht_smaps s;
    CHECK(!parse("00001000-00005000 rw-p 00000000 00:00 0 \nRss: 16 kB\nSwap: 12 kB\n"
                 "00002000-00009000 ---p 00000000 00:00 0 \nRss: 0 kB\n",
                 &s),
          "a mapping that lost its end is read");
    CHECK(s.n == 2 && s.map[0].end == 0x2000 && s.map[1].start == 0x2000, "they lie apart");
    CHECK(s.map[0].resident == 4096 && s.map[0].swapped == 4096,
          "no more of it is resident than there is");
    ht_smaps_free(&s);
}

static void check_bad(void)
{
    struct ht_smaps s;
    CHECK(parse("\n", &s) == -ESRCH && !s.map, "nothing is a process that ended");
    CHECK(parse("Rss: 4 kB\nVmFlags: io\n", &s) == -ESRCH, "lines before the first mapping");
    CHECK(parse("00005000-00005000 rw-p 00000000 00:00 0 \nRss: 4 kB\n", &s) == -ESRCH,
          "a mapping without a byte");
    CHECK(ht_smaps_read(-1, &s) == -ESRCH, "no such process");
}

static const struct ht_smap *map_at(const struct ht_smaps *s, const void *at)
{
    for (size_t i = 0; i < s->n; i++)
        if ((uint64_t)at >= s->map[i].start && (uint64_t)at < s->map[i].end)
            return &s->map[i];
    return NULL;
}

/* What maps and map_files tell of this process is what smaps does. Seen failing: with the mode of
 * the file that the entry leads to. */
static void check_maps(void)
{
    char path[] = "/tmp/heaptap-smaps-XXXXXX";
    int both = mkstemp(path), in = both < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    CHECK(in >= 0 && !ftruncate(both, 8192), "a file");
    void *written = mmap(NULL, 4096, PROT_READ, MAP_SHARED, both, 0),
         *only_read = mmap(NULL, 8192, PROT_READ, MAP_SHARED, in, 0);
    CHECK(written != MAP_FAILED && only_read != MAP_FAILED, "it is mapped");
    struct ht_smaps maps, smaps;
    CHECK(!ht_smaps_read(getpid(), &smaps) && !ht_smaps_read_maps(getpid(), &maps),
          "they are read");
    const void *const at[] = {written, only_read};
    for (size_t i = 0; i < 2; i++) {
        const struct ht_smap *a = map_at(&maps, at[i]), *b = map_at(&smaps, at[i]);
        CHECK(a && b && a->start == b->start && a->end == b->end && a->inode == b->inode,
              "each mapping is there");
        CHECK(a->flags == (b->flags & (HT_SMAP_FLAGS | HT_SMAP_MAY_WRITE)), "with its flags");
        CHECK(a->resident == a->end - a->start, "resident is its size");
    }
    CHECK(map_at(&maps, written)->flags & HT_SMAP_MAY_WRITE, "opened to be written to");
    ht_smaps_free(&maps);
    ht_smaps_free(&smaps);
    void *space =
        mmap(NULL, 65ull << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(space != MAP_FAILED && ht_smaps_read_maps(getpid(), &maps) == -EAGAIN && !maps.map,
          "much empty address space");
    munmap(space, 65ull << 30);
    int fault = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fault < 0)
        printf("SKIP userfaultfd: %s\n", strerror(errno));
    else
        CHECK(ht_smaps_read_maps(getpid(), &maps) == -EAGAIN, "userfaultfd");
    CHECK(ht_smaps_read_maps(-1, &maps), "no such process");
    unlink(path);
}

int main(void)
{
    check_maps();
    check_fields();
    check_grown();
    check_merged();
    check_split();
    check_bad();
    printf("smaps: a mapping counts once, however it changes while it is read\n");
    return 0;
}
