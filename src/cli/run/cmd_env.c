/* SPDX-License-Identifier: MIT */
/* heaptap env: what run would set, for programs that something else starts. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/run/environment.h"
#include "cli/run/forms.h"
#include "cli/words.h"
#include "util/utf8.h"

static int fill(struct ht_environment *e, const struct ht_run_options *o)
{
    char cwd[PATH_MAX];
    switch (o->form) {
    case HT_ENV_SHELL:
        if (!getcwd(cwd, sizeof cwd))
            strcpy(cwd, "/");
        return ht_environment_inherit(e, o, cwd);
    case HT_ENV_SYSTEMD:
        return ht_environment_elsewhere(e, o, NULL);
    case HT_ENV_DOCKER:
    case HT_ENV_KUBERNETES:
        break;
    }
    return ht_environment_elsewhere(e, o, HT_CONTAINER_LIBRARY);
}

static bool is_utf8(const char *s)
{
    size_t bad;
    return ht_utf8_valid(s, strlen(s), &bad);
}

/* YAML is Unicode. */
static int check_texts(const struct ht_environment *e, const char *container)
{
    const char *bad = is_utf8(container) ? is_utf8(e->library) ? NULL : e->library : container;
    for (size_t i = 0; i < e->n && !bad; i++)
        if (!is_utf8(e->variables[i].value))
            bad = e->variables[i].value;
    return bad ? ht_complain(2, "%s is not UTF-8: a patch cannot hold it", bad) : 0;
}

static int print(const struct ht_environment *e, const struct ht_run_options *o)
{
    switch (o->form) {
    case HT_ENV_SHELL:
        ht_form_shell(stdout, e);
        break;
    case HT_ENV_SYSTEMD:
        ht_form_systemd(stdout, e);
        break;
    case HT_ENV_DOCKER:
        ht_form_docker(stdout, e);
        break;
    case HT_ENV_KUBERNETES:
        if (check_texts(e, o->container))
            return 2;
        ht_form_kubernetes(stdout, e, o->container);
        break;
    }
    return 0;
}

int ht_cmd_env(int argc, char **argv)
{
    struct ht_run_options o;
    struct ht_environment *e = calloc(1, sizeof *e);
    if (!e)
        return ht_complain(1, "out of memory");
    int status = ht_env_options_read(&o, argc, argv);
    if (status < 0 && !(status = fill(e, &o)))
        status = print(e, &o);
    ht_environment_finish(e);
    free(e);
    return status;
}
