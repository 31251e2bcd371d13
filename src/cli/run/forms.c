/* SPDX-License-Identifier: MIT */
/*
 * Each form has one function that quotes a text. A text may hold any byte: it is a path or what a
 * user wrote, and it must come out of the shell, of systemd or of YAML as it went in.
 */
#include "config.h"

#include "cli/run/forms.h"

#include <string.h>

/* 'it'\''s': as the shells have it, fish too. */
static void quote_shell(FILE *out, const char *s)
{
    putc('\'', out);
    for (; *s; s++)
        if (*s == '\'')
            fputs("'\\''", out);
        else
            putc(*s, out);
    putc('\'', out);
}

/* Without quotes where every shell takes it as it is, so that $(heaptap env --docker) needs no
 * eval. */
static void word_shell(FILE *out, const char *name, const char *value)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.,_+:@%=-";
    fprintf(out, "%s=", name);
    if (value[strspn(value, plain)])
        quote_shell(out, value);
    else
        fputs(value, out);
}

/* systemd.syntax(7): double quotes with C's escapes, and %% for a percent sign. */
static void quote_systemd(FILE *out, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '%')
            fputs("%%", out);
        else if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < ' ' || c == 127)
            fprintf(out, "\\x%02x", c);
        else
            putc(c, out);
    }
}

/* A JSON string, which YAML reads alike. */
static void quote_yaml(FILE *out, const char *s)
{
    putc('"', out);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < ' ' || c == 127)
            fprintf(out, "\\u%04x", c);
        else
            putc(c, out);
    }
    putc('"', out);
}

/* In a container's env "$(NAME)" is a reference and "$$" a dollar. */
static void quote_kubernetes(FILE *out, const char *s)
{
    char doubled[2 * 8192];
    size_t n = 0;
    for (; *s && n + 3 < sizeof doubled; s++) {
        if (*s == '$')
            doubled[n++] = '$';
        doubled[n++] = *s;
    }
    doubled[n] = 0;
    quote_yaml(out, doubled);
}

void ht_form_shell(FILE *out, const struct ht_environment *e)
{
    for (size_t i = 0; i < e->n; i++) {
        fprintf(out, "export %s=", e->variables[i].name);
        quote_shell(out, e->variables[i].value);
        fputs(";\n", out);
    }
}

void ht_form_systemd(FILE *out, const struct ht_environment *e)
{
    const char *percent = strchr(e->pattern, '%');
    size_t n = percent ? (size_t)(percent - e->pattern) : strlen(e->pattern);
    while (n > 1 && e->pattern[n] != '/')
        n--;
    fputs("# systemctl edit NAME.service, then systemctl restart NAME.service\n[Service]\n", out);
    for (size_t i = 0; i < e->n; i++) {
        fprintf(out, "Environment=\"%s=", e->variables[i].name);
        quote_systemd(out, e->variables[i].value);
        fputs("\"\n", out);
    }
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%.*s", (int)n, e->pattern);
    fputs("# For a unit that may not write there (ProtectSystem=strict, ReadOnlyPaths=):\n"
          "#ReadWritePaths=\"",
          out);
    quote_systemd(out, directory);
    fputs(
        "\"\n"
        "# A unit under a seccomp filter (SystemCallFilter= and others) is not profiled, because a "
        "filter\n"
        "# may kill. If its filter allows @system-service, or answers with an error, add:\n"
        "#Environment=\"HEAPTAP_SECCOMP=trust\"\n",
        out);
}

void ht_form_docker(FILE *out, const struct ht_environment *e)
{
    char mount[PATH_MAX + sizeof HT_CONTAINER_LIBRARY + 8];
    snprintf(mount, sizeof mount, "%s:" HT_CONTAINER_LIBRARY ":ro", e->library);
    word_shell(out, "--volume", mount);
    for (size_t i = 0; i < e->n; i++) {
        fputs(" --env=", out);
        word_shell(out, e->variables[i].name, e->variables[i].value);
    }
    putc('\n', out);
}

void ht_form_kubernetes(FILE *out, const struct ht_environment *e, const char *container)
{
    fputs("spec:\n  template:\n    spec:\n      containers:\n      - name: ", out);
    quote_yaml(out, container);
    fputs("\n        env:\n", out);
    for (size_t i = 0; i < e->n; i++) {
        fprintf(out, "        - name: %s\n          value: ", e->variables[i].name);
        quote_kubernetes(out, e->variables[i].value);
        putc('\n', out);
    }
    fputs("        volumeMounts:\n"
          "        - name: heaptap-library\n"
          "          mountPath: " HT_CONTAINER_LIBRARY "\n"
          "          readOnly: true\n"
          "        - name: heaptap-regions\n"
          "          mountPath: /dev/shm\n"
          "      volumes:\n"
          "      # The nodes need the library at this path.\n"
          "      - name: heaptap-library\n"
          "        hostPath:\n"
          "          path: ",
          out);
    quote_yaml(out, e->library);
    fputs("\n          type: File\n"
          "      - name: heaptap-regions\n"
          "        emptyDir:\n"
          "          medium: Memory\n",
          out);
}
