/* Refuses several sources of which two would have one name at the destination. Names of patterns and folders come from a merge of their sorted listings,
 * so that memory does not depend on the number of objects. */
#include "copy.h"
#include "listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTINGS = 64 };

static int clash(const dowel_copy *copy, size_t a, size_t b, const char *name, dowel_error *err) {
    return dowel_fail(err, DOWEL_E_INVALID, "%.200s and %.200s would both be %s as %.200s%.200s",
                      copy->texts[a < b ? a : b], copy->texts[a < b ? b : a], copy->verb, copy->tree.way.to->shown,
                      name);
}

/* ---- the sources themselves ---- */

static size_t without_slash(const char *name) {
    size_t length = strlen(name);
    return length && name[length - 1] == '/' ? length - 1 : length;
}

/* Patterns last; "a" and "a/" next to each other. */
static int by_name(const void *a, const void *b) {
    const dowel_target *first = a, *second = b;
    if (!first->name || !second->name) return (first->name == NULL) - (second->name == NULL);
    size_t m = without_slash(first->name), n = without_slash(second->name);
    int order = memcmp(first->name, second->name, m < n ? m : n);
    return order ? order : m != n ? (m > n) - (m < n) : strcmp(first->name, second->name);
}

static int check_sorted(const dowel_copy *copy, const dowel_target *sorted, dowel_error *err) {
    bool files = copy->tree.way.to->objects->sink != NULL; /* a file and a folder cannot have one name */
    for (size_t i = 1; i < copy->count && sorted[i].name; i++) {
        const dowel_target *a = &sorted[i - 1], *b = &sorted[i];
        size_t m = without_slash(a->name), n = without_slash(b->name);
        bool same = !strcmp(a->name, b->name) || (files && m == n && !memcmp(a->name, b->name, n));
        if (same) return clash(copy, a->source, b->source, a->name, err);
    }
    return 0;
}

/* ---- what patterns and folders hold ---- */

/* The names of one source at the destination, in byte order. */
typedef struct names {
    const dowel_copy *copy;
    size_t source;
    const char *prefix; /* of the names */
    dowel_filter filter;
    dowel_listing *listing; /* NULL: a single object */
    char *next;             /* NULL after the last one */
    bool any;
} names;

/* Objects of which no copy is made, or no object but a folder. */
static bool is_left_out(const names *n, const dowel_item *item) {
    size_t length = strlen(item->name);
    bool folder = !length || item->name[length - 1] == '/';
    return item->object.odd || (!length && !item->object.size) ||
           (folder && n->copy->tree.way.to->objects->sink != NULL);
}

/* A source that is missing or must not be read copies nothing, and its own copy reports it. */
static bool has_nothing(int rc) {
    return rc == DOWEL_E_NOT_FOUND || rc == DOWEL_E_PERMISSION;
}

/* "folder/" may be the object "folder". */
static int single_object(names *n, dowel_error *err) {
    const dowel_place *from = &n->copy->places[n->source];
    const char *text = n->copy->texts[n->source];
    if (n->any || from->pattern || from->files || text[strlen(text) - 1] == '/') return 0;
    n->any = true;
    n->next = strndup(n->prefix, without_slash(n->prefix));
    return n->next ? 0 : dowel_no_memory(err);
}

static int advance(names *n, dowel_error *err) {
    dowel_item *item = NULL;
    free(n->next);
    n->next = NULL;
    for (int rc; n->listing; free(item)) {
        rc = dowel_listing_next(n->listing, &item, err);
        if (has_nothing(rc)) return 0;
        if (rc == DOWEL_E_PROTOCOL) dowel_error_hint(err, "copy one source at a time");
        if (rc) return rc;
        if (!item) return single_object(n, err);
        n->any = true;
        if (is_left_out(n, item)) continue;
        size_t size = strlen(n->prefix) + strlen(item->name) + 1;
        n->next = malloc(size);
        if (n->next) snprintf(n->next, size, "%s%s", n->prefix, item->name);
        free(item);
        return n->next ? 0 : dowel_no_memory(err);
    }
    return 0;
}

static int start(dowel *d, names *n, const dowel_target *target, dowel_error *err) {
    const dowel_copy *copy = n->copy;
    const dowel_place *from = &copy->places[target->source], *to = copy->tree.way.to;
    n->source = target->source;
    n->prefix = target->name ? target->name : to->path;
    if (!from->folder) {
        n->next = strdup(n->prefix);
        return n->next ? 0 : dowel_no_memory(err);
    }
    int rc =
        dowel_filter_open(&n->filter, from->pattern, copy->recursive, copy->args->include, copy->args->exclude, err);
    if (!rc)
        rc = dowel_listing_start(d, from, &(dowel_listing_options){.filter = &n->filter, .ordered = true}, &n->listing,
                                 err);
    return rc ? rc : advance(n, err);
}

static names *smallest(names *all, size_t count) {
    names *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (all[i].next && (!found || strcmp(all[i].next, found->next) < 0)) found = &all[i];
    return found;
}

static int merge(dowel *d, const dowel_copy *copy, names *all, dowel_error *err) {
    char *last = NULL;
    size_t source = 0;
    int rc = 0;
    for (names *n; !rc && (n = smallest(all, copy->count));) {
        if (last && !strcmp(last, n->next)) rc = clash(copy, source, n->source, last, err);
        free(last);
        last = n->next;
        n->next = NULL;
        source = n->source;
        if (!rc) rc = advance(n, err);
        if (!rc) rc = dowel_check(d, err);
    }
    free(last);
    return rc;
}

static int check_contents(dowel *d, const dowel_copy *copy, const dowel_target *sorted, dowel_error *err) {
    names *all = calloc(copy->count, sizeof *all);
    int rc = all ? 0 : dowel_no_memory(err);
    for (size_t i = 0; !rc && i < copy->count; i++) {
        all[i].copy = copy;
        rc = start(d, &all[i], &sorted[i], err);
    }
    if (!rc) rc = merge(d, copy, all, err);
    for (size_t i = 0; all && i < copy->count; i++) {
        dowel_listing_close(all[i].listing);
        dowel_filter_close(&all[i].filter);
        free(all[i].next);
    }
    free(all);
    return rc;
}

static int check_count(const dowel_copy *copy, size_t patterns, dowel_error *err) {
    size_t folders = 0;
    for (size_t i = 0; i < copy->count; i++) folders += copy->places[i].folder;
    if (!patterns || folders <= LISTINGS) return 0;
    dowel_fail(err, DOWEL_E_INVALID, "%zu patterns and folders in one command; with a pattern there may be at most %d",
               folders, LISTINGS);
    dowel_error_hint(err, "copy them with several commands: their names are compared only within one command");
    return DOWEL_E_INVALID;
}

int dowel_copy_check_clashes(dowel *d, const dowel_copy *copy, const dowel_target *targets, dowel_error *err) {
    dowel_target *sorted = malloc((copy->count + 1) * sizeof *sorted);
    size_t patterns = 0;
    if (!sorted) return dowel_no_memory(err);
    memcpy(sorted, targets, copy->count * sizeof *sorted);
    qsort(sorted, copy->count, sizeof *sorted, by_name);
    for (size_t i = 0; i < copy->count; i++) patterns += copy->places[i].pattern != NULL;
    int rc = check_sorted(copy, sorted, err);
    if (!rc) rc = check_count(copy, patterns, err);
    /* Without a pattern the names lie in folders of their own. */
    if (!rc && patterns) rc = check_contents(d, copy, sorted, err);
    free(sorted);
    return rc;
}
