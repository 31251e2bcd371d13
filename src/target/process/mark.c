/* SPDX-License-Identifier: MIT */
/*
 * The text is composed first and made a link's target in one system call; a later state replaces
 * the link.
 */
#include "config.h"

#include "target/process/mark.h"

#include <errno.h>
#include <sys/stat.h>

#include "region/text.h"
#include "target/os/sys.h"
#include "target/process/namespaces.h"
#include "target/state/process_info.h"
#include "target/state/state.h"

/* The same check as in create.c: the user's own, 0700, not a link. Without a descriptor, because
 * there may be none. */
static bool is_directory_ours(const char *path)
{
    struct stat st;
    SYS2(SYS_mkdir, path, 0700);
    return !SYS_FAILED(SYS2(SYS_lstat, path, &st)) && S_ISDIR(st.st_mode) &&
           st.st_uid == (uid_t)SYS0(SYS_geteuid) && !(st.st_mode & 077);
}

static long make(const char *at, char state, int err, const char *path)
{
    char text[1400];
    struct ht_text t = ht_text(text, sizeof text);
    ht_text_string(&t, "heaptap:");
    ht_text_number(&t, ht_config.run_id);
    ht_text_char(&t, ':');
    ht_text_number(&t, ht_state->header->pid_namespace);
    ht_text_char(&t, ':');
    ht_text_char(&t, state);
    ht_text_char(&t, ':');
    ht_text_number(&t, (uint64_t)-err);
    ht_text_char(&t, ':');
    for (const char *c = ht_process.name; *c; c++)
        ht_text_char(&t, *c == ':' ? '_' : *c);
    ht_text_char(&t, ':');
    ht_text_string(&t, path);
    return SYS2(SYS_symlink, text, at);
}

void ht_mark_make(void)
{
    struct ht_state *s = ht_state;
    s->mark_path[0] = 0;
    if (!ht_config.run_id || !is_directory_ours(ht_config.region_dir))
        return;
    long r = -EEXIST;
    for (uint64_t i = 0; r == -EEXIST && i < 1000; i++) {
        struct ht_text t = ht_text(s->mark_path, sizeof s->mark_path);
        ht_text_string(&t, ht_config.region_dir);
        ht_text_char(&t, '/');
        ht_text_number(&t, s->header->pid);
        ht_text_char(&t, '.');
        ht_text_number(&t, s->header->start_ticks);
        ht_text_char(&t, '.');
        ht_text_number(&t, i);
        r = t.cut ? -ENAMETOOLONG : make(s->mark_path, 'p', 0, "");
    }
    if (SYS_FAILED(r))
        s->mark_path[0] = 0;
}

void ht_mark_result(int err, const char *path)
{
    struct ht_state *s = ht_state;
    if (!s->mark_path[0])
        return;
    SYS1(SYS_unlink, s->mark_path);
    if (SYS_FAILED(make(s->mark_path, err ? 'f' : 'w', err, path)))
        s->mark_path[0] = 0;
}

void ht_mark_remove(void)
{
    struct ht_state *s = ht_state;
    if (s->mark_path[0])
        SYS1(SYS_unlink, s->mark_path);
    s->mark_path[0] = 0;
}

bool ht_mark_is_found(void)
{
    struct stat st;
    const struct ht_state *s = ht_state;
    return s->mark_path[0] &&
           (!ht_config.run_device ||
            (!SYS_FAILED(SYS2(SYS_lstat, s->mark_path, &st)) && st.st_dev == ht_config.run_device));
}
