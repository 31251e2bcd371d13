/* SPDX-License-Identifier: MIT */
/* Prints a line to standard error, by one write, and only while descriptor 2 is the file it was at
 * start. */
#include "config.h"

#include "target/state/say.h"

#include <sys/stat.h>

#include "region/text.h"
#include "target/os/sys.h"

static struct stat error_file; /* descriptor 2 at start */
static bool error_file_known;

void ht_say_start(void)
{
    error_file_known = !SYS_FAILED(SYS2(SYS_fstat, 2, &error_file));
}

void ht_say(const char *a, const char *b, const char *c)
{
    struct stat now;
    /* By now a daemon's descriptor 2 may be another file, such as a database. */
    if (!error_file_known || SYS_FAILED(SYS2(SYS_fstat, 2, &now)) ||
        now.st_dev != error_file.st_dev || now.st_ino != error_file.st_ino)
        return;
    char line[1400];
    struct ht_text t = ht_text(line, sizeof line - 1);
    ht_text_string(&t, "heaptap: ");
    ht_text_string(&t, a);
    ht_text_string(&t, b);
    ht_text_string(&t, c);
    *t.at++ = '\n';
    struct ht_held held = ht_hold_write_signals(0);
    ht_release_write_signals(held, (int)SYS3(SYS_write, 2, line, t.at - line));
}
