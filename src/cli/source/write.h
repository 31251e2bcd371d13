/* SPDX-License-Identifier: MIT */
/* A profile into a file, in the form that the file's name or --format asks for. */
#ifndef HEAPTAP_SRC_CLI_SOURCE_WRITE_H
#define HEAPTAP_SRC_CLI_SOURCE_WRITE_H

#include "profile/profile.h"

#define HT_WRITE_HELP                                                                              \
    "  -o, --output=OUT     the file to write; - is standard output\n"                             \
    "  --format=FORMAT      pb.gz (pprof's, gzipped), pb (the same, not gzipped) or text\n"        \
    "                       (gperftools' heap profile); without it OUT's end decides: .pb,\n"      \
    "                       .txt, .heap, else pb.gz\n"

/* Returns the exit status; a failure was printed. format may be NULL. */
int ht_write_profile(const struct ht_profile *p, const char *path, const char *format);

/* True when --format's word is known. */
bool ht_write_format_known(const char *format);

#endif
