/* SPDX-License-Identifier: MIT */
/* A program's variables, written for what will start it. */
#ifndef HEAPTAP_SRC_CLI_RUN_FORMS_H
#define HEAPTAP_SRC_CLI_RUN_FORMS_H

#include <stdio.h>

#include "cli/run/environment.h"

/* Where a container finds the library, which is mounted there from the machine. */
#define HT_CONTAINER_LIBRARY "/opt/heaptap/libheaptap.so"

/* Each writes e to out as its reader quotes texts. Errors are the stream's. */
void ht_form_shell(FILE *out, const struct ht_environment *e);
void ht_form_systemd(FILE *out, const struct ht_environment *e);
void ht_form_docker(FILE *out, const struct ht_environment *e);

/* A strategic merge patch of what has a pod template. The texts must be UTF-8. */
void ht_form_kubernetes(FILE *out, const struct ht_environment *e, const char *container);

#endif
