/* SPDX-License-Identifier: MIT */
/* C with static, split and nested-block functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    char text[32];
};

static inline struct node *make(const char *text)
{
    struct node *n = malloc(sizeof *n);
    if (!n)
        abort();
    n->next = NULL;
    strncpy(n->text, text, sizeof n->text - 1);
    n->text[sizeof n->text - 1] = 0;
    return n;
}

static inline struct node *push(struct node *list, const char *text)
{
    struct node *n = make(text);
    n->next = list;
    return n;
}

static __attribute__((noinline)) struct node *build(int n)
{
    struct node *list = NULL;
    for (int i = 0; i < n; i++) {
        char text[32];
        snprintf(text, sizeof text, "node %d", i);
        {
            struct node *more = push(list, text);
            list = more;
        }
    }
    return list;
}

static void drop(struct node *list)
{
    while (list) {
        struct node *next = list->next;
        free(list);
        list = next;
    }
}

int main(int argc, char **argv)
{
    struct node *list = build(argc + 3);
    puts(list->text);
    drop(list);
    return 0;
}
