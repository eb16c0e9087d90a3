#include "extraneous.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- names that hide others ---- */

static bool begins_with(const char *name, const char *start) {
    return !strncmp(name, start, strlen(start));
}

static void drop(dowel_shadow *s, const char *name) {
    while (s->count && !begins_with(name, s->names[s->count - 1])) free(s->names[--s->count]);
}

int dowel_shadow_add(dowel_shadow *s, const char *name, dowel_error *err) {
    drop(s, name);
    if (s->count == s->room) {
        size_t room = s->room ? s->room * 2 : 8;
        char **more = realloc(s->names, room * sizeof *more);
        if (!more) return dowel_no_memory(err);
        s->names = more;
        s->room = room;
    }
    s->names[s->count] = strdup(name);
    return s->names[s->count] ? (s->count++, 0) : dowel_no_memory(err);
}

bool dowel_shadow_covers(dowel_shadow *s, const char *name) {
    drop(s, name);
    for (size_t i = 0; i < s->count; i++) {
        size_t length = strlen(s->names[i]);
        if (length && (s->names[i][length - 1] == '/' || name[length] == '/')) return true;
    }
    return false;
}

void dowel_shadow_close(dowel_shadow *s) {
    while (s->count) free(s->names[--s->count]);
    free(s->names);
    *s = (dowel_shadow){0};
}

/* ---- objects to remove ---- */

/* Remember size and time of files: on a file system that ignores case, or normalises Unicode, the "extraneous" file may be the one that this run just
 * wrote under another spelling. */
static bool is_watched(const dowel_place *place) {
    return place->objects->sink != NULL;
}

int dowel_extraneous_add(dowel_spool *spool, const dowel_place *place, const dowel_object *object, dowel_error *err) {
    char state[64];
    int rc = dowel_spool_add(spool, object->name, err);
    if (rc || !is_watched(place)) return rc;
    snprintf(state, sizeof state, "%" PRId64 " %" PRId64, object->odd ? -1 : object->size, object->modified);
    return dowel_spool_add(spool, state, err);
}

typedef struct removal {
    dowel *d;
    const dowel_tree *tree;
    dowel_spool *spool;
} removal;

static int note(void *context, const dowel_object *object, dowel_error *err) {
    (void)err;
    snprintf(context, 64, "%" PRId64 " %" PRId64, object->size, object->modified);
    return 0;
}

static bool is_as_listed(const removal *r, const char *name, const char *state) {
    const dowel_place *place = r->tree->way.to;
    char now[64] = "";
    if (*state == '-') return true; /* a link or a device, which this run does not write */
    return place->objects->stat(r->d, place->block, name, NULL, note, now, NULL) || !strcmp(now, state);
}

static int next(void *context, char **name, dowel_error *err) {
    removal *r = context;
    const dowel_place *place = r->tree->way.to;
    for (;;) {
        char *state = NULL;
        int rc = dowel_spool_next(r->spool, name, err);
        if (rc || !*name || !is_watched(place)) return rc;
        rc = dowel_spool_next(r->spool, &state, err);
        bool as_listed = rc || !state || is_as_listed(r, *name, state);
        free(state);
        if (as_listed) return rc;
        char *shown = dowel_place_name(place, *name);
        dowel_report_skipped(r->tree->report, shown ? shown : *name,
                             "it changed after it was listed, and is not removed");
        free(shown);
        free(*name);
    }
}

int dowel_extraneous_remove(dowel *d, const dowel_tree *tree, dowel_spool *spool, dowel_error *err) {
    removal r = {d, tree, spool};
    int rc = dowel_spool_rewind(spool, err);
    return rc ? rc : dowel_remove_batches(d, tree->way.to, next, &r, tree->dry_run, tree->report, err);
}
