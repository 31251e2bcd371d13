/* SPDX-License-Identifier: MIT */
/*
 * Puts the program's file and build-id into the mapping that it stands for, so that naming finds
 * it.
 */
#include "config.h"

#include "cli/source/binary.h"

#include <errno.h>
#include <string.h>

#include "cli/words.h"
#include "symbolize/elffile.h"

bool ht_binary_is(const char *path)
{
    struct ht_elf e;
    bool is = !ht_elf_open(&e, path);
    if (is)
        ht_elf_finish(&e);
    return is;
}

/* A text without a memory map: all of it is the program's. */
static struct ht_mapping *add_mapping(struct ht_profile *p)
{
    struct ht_mapping *m = ht_profile_add_mapping(p);
    if (!m)
        return NULL;
    m->limit = UINT64_MAX;
    for (size_t i = 0; i < p->n_locations; i++)
        p->locations[i]->mapping = m;
    return m;
}

int ht_binary_override(struct ht_profile *p, const char *path)
{
    struct ht_elf e;
    if (ht_elf_open(&e, path))
        return 0;
    struct ht_mapping *m = p->n_mappings ? p->mappings[0] : add_mapping(p);
    for (size_t i = 0; *e.build_id && i < p->n_mappings; i++)
        if (!strcmp(p->mappings[i]->build_id, e.build_id)) {
            m = p->mappings[i];
            break;
        }
    int err = m ? 0 : -ENOMEM;
    if (m && *m->build_id && *e.build_id && strcmp(m->build_id, e.build_id) != 0)
        ht_complain(0, "%s is not used: its build-id is %s, the profile's %s", path, e.build_id,
                    m->build_id);
    else if (m && !(m->file = ht_profile_str(p, path)))
        err = -ENOMEM;
    ht_elf_finish(&e);
    return err;
}
