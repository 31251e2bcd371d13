/* SPDX-License-Identifier: MIT */
/* web: the flame graph in a browser, or where to find it. */
#include "config.h"

#include "cli/shell/web.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "profile/ops.h"
#include "serve/flame.h"
#include "serve/outfile.h"

extern char **environ;

static int write_page(const struct ht_profile *profile, const struct ht_report_args *a,
                      const char *path, char *msg, size_t msg_size)
{
    const struct ht_report_options *r = &a->report;
    const struct ht_filter filter = ht_report_filter(r);
    struct ht_outfile out;
    struct ht_profile *p = ht_profile_copy(profile);
    int err = p ? ht_profile_filter(p, &filter, NULL, msg, msg_size) : -ENOMEM, type;
    if (!err && (type = ht_profile_sample_index(p, r->sample_index, msg, msg_size)) >= 0)
        p->default_sample_type = p->sample_types[type].type;
    if (!err && !(err = ht_outfile_open(&out, path)))
        err = ht_outfile_close(
            &out, ht_flame_write(out.f, p, NULL, a->sources[0], r->confidence, a->full));
    ht_profile_destroy(p);
    return err;
}

/* In a temporary directory, so that the file can have a readable name. */
static char *temporary(void)
{
    const char *tmp = getenv("TMPDIR");
    char *dir, *path = NULL;
    if (asprintf(&dir, "%s/heaptap.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
        return NULL;
    if (mkdtemp(dir) && asprintf(&path, "%s/flame.html", dir) < 0)
        path = NULL;
    free(dir);
    return path;
}

/* xdg-open returns at once; the browser outlives this command. */
static bool open_in_browser(const char *path)
{
    const char *browser = getenv("BROWSER");
    char program[] = "xdg-open", *file = strdup(path);
    char *argv[] = {browser && *browser ? (char *)(uintptr_t)browser : program, file, NULL};
    pid_t pid;
    int status = 1;
    if (!file || (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY") && !browser)) {
        free(file);
        return false;
    }
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    free(file);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool ht_shell_web(const struct ht_profile *p, const struct ht_report_args *a, const char *path,
                  bool show)
{
    char msg[512] = "", *made = path ? NULL : temporary();
    const char *to = path ? path : made;
    int err = to ? write_page(p, a, to, msg, sizeof(msg)) : -errno;
    if (err)
        fprintf(stderr, "flame graph: %s\n", *msg ? msg : strerror(-err));
    else if (!show || !open_in_browser(to))
        printf("The flame graph is in %s\n", to);
    free(made);
    return !err;
}
