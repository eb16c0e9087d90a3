/* Deleting many objects: keeps the first failure and reports each one. */
#include <dowel/buckets.h>

#include <stdio.h>
#include <string.h>

void dowel_removal_begin(dowel_removal *r, void (*failed)(void *context, const char *name, const dowel_error *why),
                         void *context) {
    *r = (dowel_removal){.failed = failed, .context = context};
    pthread_mutex_init(&r->lock, NULL);
}

void dowel_removal_fail(dowel_removal *r, const char *name, const dowel_error *why) {
    pthread_mutex_lock(&r->lock);
    if (!r->rc) {
        r->rc = why->code;
        r->first = *why;
    }
    if (r->failed) r->failed(r->context, name, why);
    pthread_mutex_unlock(&r->lock);
}

int dowel_removal_end(dowel_removal *r, int rc, dowel_error *err) {
    pthread_mutex_destroy(&r->lock);
    if (!rc && r->rc && err) *err = r->first;
    return rc ? rc : r->rc;
}

void dowel_removal_note(void *context, const char *name, const dowel_error *why) {
    dowel_removal_lines *lines = context;
    lines->count++;
    size_t room = sizeof lines->text - lines->used;
    int n = snprintf(lines->text + lines->used, room, "%s%s: %s", lines->used ? "\n" : "", name, why->message);
    if (n > 0 && (size_t)n < room)
        lines->used += (size_t)n;
    else
        lines->text[lines->used] = 0; /* whole lines only */
}

void dowel_removal_explain(const dowel_removal_lines *lines, size_t total, dowel_error *err) {
    if (!err || !lines->count) return;
    dowel_error_prefix(err, "%zu of %zu objects could not be deleted; the first: ", lines->count, total);
    memcpy(err->detail, lines->text, sizeof err->detail);
}
