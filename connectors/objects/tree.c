/* Several workers copy a tree. They draw from one merge of two sorted listings. Nothing is removed before both listings are complete. */
#include "tree.h"

#include "commits.h"
#include "extraneous.h"
#include "listing.h"
#include "spool.h"

#include <dowel/transfer.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct merge {
    const dowel_tree *tree;
    pthread_mutex_t lock; /* guards what follows */
    dowel_listing *from, *to;
    dowel_item *from_next, *to_next; /* drawn and not used yet */
    bool from_ended, to_ended;
    dowel_filter filter, to_filter;
    bool incomplete; /* a part of the source could not be listed */
    bool any;        /* the source has something to copy, even if the destination has it already */
    dowel_shadow shadow;
    dowel_folder_id from_id, to_id;
    dowel_spool extraneous, blocked, postponed;
    int64_t extraneous_count;
    char *last; /* that was postponed */
    int64_t postponed_count, next_sample;
    int samples, judged; /* begun, ended */
    dowel_commits commits;
} merge;

static int draw(dowel_listing *listing, dowel_item **next, bool *ended, dowel_error *err) {
    if (*next || *ended) return 0;
    int rc = dowel_listing_next(listing, next, err);
    if (!rc && !*next) *ended = true;
    return rc;
}

/* An object whose name ends with a slash, or that of the place itself (its relative name is ""). */
static bool is_folder_object(const dowel_item *item) {
    size_t length = strlen(item->name);
    return !length || item->name[length - 1] == '/';
}

/* An empty object that stands for a folder is not content: a bucket's console leaves one when everything was deleted. */
static bool is_content(const dowel_item *item) {
    return !item->object.odd && (item->object.size || !is_folder_object(item));
}

/* Keeps an object that only the destination has for removal at the end. */
static int keep_extraneous(merge *m, const dowel_item *item, dowel_error *err) {
    if (item->object.odd_code == DOWEL_E_CONFLICT)
        return dowel_fail(err, DOWEL_E_INVALID,
                          "the source lies in the destination, at %s%s, and would be removed with the rest",
                          m->tree->way.to->shown, item->object.name);
    /* The object of the place itself stays. */
    bool place_itself = !*item->name && !item->object.size;
    if (place_itself || item->object.odd_code || dowel_shadow_covers(&m->shadow, item->name)) return 0;
    m->extraneous_count++;
    return dowel_extraneous_add(&m->extraneous, m->tree->way.to, &item->object, err);
}

static void report_kept(const merge *m, const dowel_object *object) {
    char *shown = dowel_place_name(m->tree->way.to, object->name);
    dowel_report_skipped(m->tree->report, shown ? shown : object->name, object->odd);
    free(shown);
}

/* The next object of the source, and the destination's object of the same name. Both NULL at the end. The lock is held. */
static int next_pair(merge *m, dowel_item **from, dowel_item **to, dowel_error *err) {
    *from = *to = NULL;
    for (;;) {
        int rc = draw(m->from, &m->from_next, &m->from_ended, err);
        if (!rc && m->to) rc = draw(m->to, &m->to_next, &m->to_ended, err);
        if (rc) return rc;
        /* A name that cannot be used has no counterpart, and may be out of order. */
        if (m->to_next && m->to_next->object.odd_code && m->to_next->object.odd_code != DOWEL_E_CONFLICT) {
            if (m->tree->delete_extraneous) report_kept(m, &m->to_next->object);
            free(m->to_next);
            m->to_next = NULL;
            continue;
        }
        if (m->from_next && m->from_next->object.odd_code) {
            *from = m->from_next;
            m->from_next = NULL;
            return 0;
        }
        int order = !m->from_next ? 1 : !m->to_next ? -1 : strcmp(m->from_next->name, m->to_next->name);
        if (!m->from_next && !m->to_next) return 0;
        if (order <= 0) {
            m->any |= is_content(m->from_next);
            if (m->from_next->object.odd && (rc = dowel_shadow_add(&m->shadow, m->from_next->name, err))) return rc;
            *from = m->from_next;
            m->from_next = NULL;
            if (order == 0) {
                *to = m->to_next;
                m->to_next = NULL;
            }
            return 0;
        }
        dowel_item *extra = m->to_next;
        m->to_next = NULL;
        if (m->tree->delete_extraneous) rc = keep_extraneous(m, extra, err);
        free(extra);
        if (rc) return rc;
    }
}

/* ---- one object ---- */

static void report_failed(const merge *m, const char *name, const dowel_error *why) {
    char *shown = dowel_place_name(m->tree->way.from, name);
    dowel_report_failed(m->tree->report, shown ? shown : name, why);
    free(shown);
}

static void report_skipped(const merge *m, const char *name, const char *why) {
    char *shown = dowel_place_name(m->tree->way.from, name);
    dowel_report_skipped(m->tree->report, shown ? shown : name, why);
    free(shown);
}

static void odd(merge *m, const dowel_item *item) {
    const dowel_object *object = &item->object;
    dowel_error why;
    if (object->odd_code) {
        pthread_mutex_lock(&m->lock);
        m->incomplete = true;
        pthread_mutex_unlock(&m->lock);
        dowel_fail(&why, object->odd_code, "%s", object->odd);
        report_failed(m, object->name, &why);
    } else if (m->tree->links == DOWEL_LINKS_FAIL) {
        dowel_fail(&why, DOWEL_E_REFUSED, "%s", object->odd);
        report_failed(m, object->name, &why);
    } else {
        report_skipped(m, object->name, object->odd);
    }
}

/* Whether the failure ends everything, and not this object alone. */
static bool fatal(int rc) {
    return rc == DOWEL_E_CANCELLED || rc == DOWEL_E_NO_MEMORY;
}

static int ignore(void *context, const dowel_object *object, dowel_error *err) {
    (void)context, (void)object, (void)err;
    return 0;
}

/* Whether the destination itself is missing: the answer to a single object does not tell. */
static bool destination_is_missing(dowel *d, const merge *m, const dowel_object *object) {
    const dowel_place *to = m->tree->way.to;
    char *name = dowel_place_join(to, object->name + strlen(m->tree->way.from->path));
    const dowel_objects_query query = {.size = sizeof query, .prefix = name};
    int rc = name ? to->objects->list(d, to->block, &query, ignore, NULL, NULL) : 0;
    free(name);
    return rc == DOWEL_E_NOT_FOUND || rc == DOWEL_E_CANCELLED; /* cancelled by another worker that found the same */
}

/* Whether every other object would fail in the same way: bad credentials, a full disk, or a missing destination. */
static bool of_all(dowel *d, const merge *m, const dowel_object *object, const dowel_error *why) {
    static const char *const lasting[] = {"ENOSPC", "EDQUOT", "EROFS"};
    if (why->code == DOWEL_E_CREDENTIALS || why->http_status == 401) return true;
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++)
        if (!strcmp(why->reason, lasting[i])) return true;
    return why->code == DOWEL_E_NOT_FOUND && !m->tree->way.to->objects->sink && destination_is_missing(d, m, object);
}

/* An object that is being copied; `from` and `to` are its names in reports. */
typedef struct copying {
    dowel_item *item;
    char *from, *to;
    int64_t size;
    char *to_name;
    bool again; /* after the object that blocked it was removed */
} copying;

static void copying_free(copying *one) {
    if (!one) return;
    free(one->item);
    free(one->from);
    free(one->to);
    free(one->to_name);
    free(one);
}

/* Records the outcome; `why` NULL: it was copied. */
static int settle(dowel *d, merge *m, const copying *one, const dowel_error *why, dowel_error *err) {
    const dowel_tree *tree = m->tree;
    const dowel_object *object = &one->item->object;
    int rc = why ? why->code : 0;
    if (!rc) {
        dowel_report_copied(tree->report, one->from, one->to, one->size);
    } else if (rc == DOWEL_E_EXISTS && tree->delete_extraneous && !one->again) {
        /* A file blocks a folder or the reverse; it may be removed at the end. */
        pthread_mutex_lock(&m->lock);
        rc = dowel_spool_add(&m->blocked, object->name, err);
        pthread_mutex_unlock(&m->lock);
    } else if (fatal(rc)) {
        if (err) *err = *why;
    } else if (of_all(d, m, object, why)) {
        dowel_report_stopped(tree->report, one->from);
        if (err) *err = *why;
    } else {
        report_failed(m, object->name, why);
        rc = dowel_report_hopeless(tree->report, err);
        if (!rc) rc = dowel_check(d, err); /* the deadline of the run looks like a timeout of the object */
    }
    return rc;
}

/* Removes the source of a move that was copied, then records the outcome. */
static int settle_move(dowel *d, merge *m, const copying *one, const dowel_error *why, dowel_error *err) {
    dowel_error failed;
    if (!why && m->tree->move && !m->tree->dry_run &&
        dowel_move_finish(d, m->tree, &one->item->object, one->to_name, &failed))
        why = &failed;
    return settle(d, m, one, why, err);
}

static int has_its_name(dowel *d, void *context, void *file, const dowel_error *why, dowel_error *err) {
    int rc = settle_move(d, context, file, why, err);
    copying_free(file);
    return rc;
}

static bool makes_folders(const dowel_objects *objects) {
    return objects->size >= offsetof(dowel_objects, make_folder) + sizeof objects->make_folder && objects->make_folder;
}

/* A folder on this machine cannot hold bytes: it is made, and the object's content is skipped. An object without content makes no folder. Takes the
 * item over. */
static int copy_folder(dowel *d, merge *m, dowel_item *item, dowel_error *err) {
    const dowel_place *to = m->tree->way.to;
    const dowel_object *object = &item->object;
    dowel_error why;
    char *name = dowel_place_join(to, item->name), held[160];
    int rc = name ? 0 : dowel_no_memory(&why);
    if (!rc && object->size && !m->tree->dry_run) rc = to->objects->make_folder(d, to->block, name, &why);
    if (rc && (fatal(rc) || of_all(d, m, object, &why))) {
        if (err) *err = why;
    } else if (rc) {
        report_failed(m, object->name, &why);
        rc = 0;
    } else if (object->size) {
        snprintf(held, sizeof held, "the folder was made, but cannot hold the %" PRId64 " bytes of this object",
                 object->size);
        report_skipped(m, object->name, held);
    } else {
        report_skipped(m, object->name, "an empty object that stands for a folder");
    }
    free(name);
    free(item);
    return rc;
}

/* The object of the source's folder would have no name in a destination that is a whole bucket. Takes the item over. */
static int copy_nameless(const merge *m, dowel_item *item) {
    report_skipped(m, item->object.name, "it would have an empty name at the destination");
    free(item);
    return 0;
}

/* Takes the item over. */
static int copy(dowel *d, merge *m, dowel_item *item, bool again, dowel_error *err) {
    const dowel_tree *tree = m->tree;
    if (!*item->name && !*tree->way.to->path && !makes_folders(tree->way.to->objects)) return copy_nameless(m, item);
    if (is_folder_object(item) && makes_folders(tree->way.to->objects)) return copy_folder(d, m, item, err);
    char *name = dowel_place_join(tree->way.to, item->name);
    copying *one = calloc(1, sizeof *one);
    if (!one)
        free(item);
    else
        *one = (copying){item,
                         name ? dowel_place_name(tree->way.from, item->object.name) : NULL,
                         name ? dowel_place_name(tree->way.to, name) : NULL,
                         item->object.size,
                         name ? strdup(name) : NULL,
                         again};
    dowel_error why;
    dowel_sink *open = NULL;
    int rc = 0;
    if (!one || !one->from || !one->to || !one->to_name) {
        rc = dowel_no_memory(err);
    } else if (!(rc = dowel_place_check_name(tree->way.to, name, &why))) {
        if (tree->move) rc = dowel_move_check(d, tree, item->object.name, name, &why);
        if (!rc && !tree->dry_run)
            rc = dowel_way_copy(d, &tree->way, &item->object, name, &one->size, again ? NULL : &open, &why);
        if (!open) rc = settle_move(d, m, one, rc ? &why : NULL, err);
    } else {
        rc = settle(d, m, one, &why, err);
    }
    free(name);
    if (open) return dowel_commits_add(d, &m->commits, open, one, err);
    copying_free(one);
    return rc;
}

/* A policy may refuse a part of the names. Before the first refusals count as a refusal of everything, objects further on are tried, and those
 * between wait. */
enum { FIRST_SAMPLE = 8, SAMPLES = 4 }; /* each is eight times as far as the previous one */

static int postpone(merge *m, const char *name, bool *wait, bool *sample, dowel_error *err) {
    int rc = 0;
    *wait = *sample = false;
    if (!dowel_report_doubts(m->tree->report)) return 0;
    pthread_mutex_lock(&m->lock);
    if (!m->next_sample) m->next_sample = FIRST_SAMPLE;
    *sample = ++m->postponed_count == m->next_sample && m->samples < SAMPLES;
    *wait = !*sample;
    if (*sample) {
        m->next_sample *= FIRST_SAMPLE;
        m->samples++;
    } else {
        rc = dowel_spool_add(&m->postponed, name, err);
        if (!rc && (!m->last || strcmp(name, m->last) > 0)) { /* threads come in any order */
            free(m->last);
            m->last = strdup(name);
            if (!m->last) rc = dowel_no_memory(err);
        }
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int compare(dowel *d, const merge *m, const dowel_item *from, const dowel_item *to, bool *differs,
                   dowel_error *err) {
    *differs = true;
    if (to && m->tree->skip_existing && !to->object.odd)
        *differs = false;
    else if (to)
        return dowel_differs(d, m->tree, &from->object, &to->object, differs, err);
    return 0;
}

/* Sets *drawn to NULL when it takes the item over. */
static int one_pair(dowel *d, merge *m, dowel_item **drawn, const dowel_item *to, dowel_error *err) {
    dowel_item *from = *drawn;
    if (from->object.odd) {
        odd(m, from);
        return 0;
    }
    /* An empty object of the source's folder itself says nothing that the copy needs. */
    if (!*from->name && !from->object.size && !to) return 0;
    bool differs, wait, sample;
    dowel_error why;
    int rc = compare(d, m, from, to, &differs, &why);
    if (rc && fatal(rc)) {
        if (err) *err = why;
        return rc;
    }
    if (rc) {
        report_failed(m, from->object.name, &why);
        rc = dowel_report_hopeless(m->tree->report, err);
        return rc ? rc : dowel_check(d, err);
    }
    if (!differs) {
        char *shown = dowel_place_name(m->tree->way.from, from->object.name);
        dowel_report_unchanged(m->tree->report, shown ? shown : from->object.name);
        free(shown);
        return 0;
    }
    rc = postpone(m, from->object.name, &wait, &sample, err);
    if (rc || wait) return rc;
    pthread_mutex_lock(&m->tree->report->lock);
    m->tree->report->known_bytes += from->object.size;
    pthread_mutex_unlock(&m->tree->report->lock);
    *drawn = NULL;
    rc = copy(d, m, from, false, err);
    if (rc || !sample) return rc;
    pthread_mutex_lock(&m->lock);
    bool all = ++m->judged == SAMPLES;
    pthread_mutex_unlock(&m->lock);
    if (all) dowel_report_refused(m->tree->report);
    return dowel_report_hopeless(m->tree->report, err);
}

static int next_object(dowel *d, void *context, int64_t index, dowel_error *err) {
    (void)index;
    merge *m = context;
    dowel_item *from, *to;
    pthread_mutex_lock(&m->lock);
    int rc = next_pair(m, &from, &to, err);
    pthread_mutex_unlock(&m->lock);
    if (rc) return rc;
    if (!from) return 1;
    rc = one_pair(d, m, &from, to, err);
    free(from);
    free(to);
    return rc;
}

static int64_t known_bytes(void *context) {
    dowel_report *report = ((merge *)context)->tree->report;
    pthread_mutex_lock(&report->lock);
    int64_t known = report->known_bytes;
    pthread_mutex_unlock(&report->lock);
    return known;
}

/* ---- afterwards ---- */

static int keep(void *context, const dowel_object *object, dowel_error *err) {
    dowel_item **item = context;
    *item = dowel_item_of(object, 0);
    return *item ? 0 : dowel_no_memory(err);
}

static int copy_named(dowel *d, merge *m, const char *name, bool again, dowel_error *err) {
    const dowel_place *place = m->tree->way.from;
    dowel_item *item = NULL;
    dowel_error why;
    int rc = place->objects->stat(d, place->block, name, NULL, keep, &item, &why);
    if (!rc) {
        item->name += strlen(place->path);
        return copy(d, m, item, again, err);
    }
    if (fatal(rc)) {
        if (err) *err = why;
        return rc;
    }
    report_failed(m, name, &why);
    return dowel_report_hopeless(m->tree->report, err);
}

static int copy_blocked(dowel *d, merge *m, dowel_error *err) {
    int rc = dowel_spool_rewind(&m->blocked, err);
    char *name = NULL;
    while (!rc && !(rc = dowel_spool_next(&m->blocked, &name, err)) && name) {
        rc = copy_named(d, m, name, true, err);
        free(name);
    }
    return rc;
}

static int next_postponed(dowel *d, void *context, int64_t index, dowel_error *err) {
    (void)index;
    merge *m = context;
    char *name;
    pthread_mutex_lock(&m->lock);
    int rc = dowel_spool_next(&m->postponed, &name, err);
    pthread_mutex_unlock(&m->lock);
    if (rc || !name) return rc ? rc : 1;
    if (strcmp(name, m->last) != 0) rc = copy_named(d, m, name, false, err);
    free(name);
    return rc;
}

/* The last one is tried first. */
static int copy_postponed(dowel *d, merge *m, dowel_error *err) {
    if (!m->postponed.file) return 0;
    int rc = copy_named(d, m, m->last, false, err);
    if (!rc) dowel_report_refused(m->tree->report);
    if (!rc) rc = dowel_report_hopeless(m->tree->report, err);
    if (!rc) rc = dowel_spool_rewind(&m->postponed, err);
    const dowel_parts parts = {
        .count = -1, .width = m->tree->width, .part = next_postponed, .context = m, .total_now = known_bytes};
    return rc ? rc : dowel_parts_run(d, &parts, err);
}

/* An empty source is usually a mistake (a disk that is not mounted, a mistyped name), and the destination may be the last copy. */
static int check_source(const merge *m, dowel_error *err) {
    const dowel_tree *tree = m->tree;
    const dowel_place *from = tree->way.from;
    bool found = dowel_listing_found_any(m->from);
    if (tree->delete_extraneous && tree->allow_empty) return 0;
    if (!found && tree->move && tree->resumed) return 0;
    if (!found && (tree->delete_extraneous || from->pattern || !from->objects->source || *from->path)) {
        dowel_place_nothing(from, err);
        dowel_error_hint(err, "`dowel ls` shows what is there; nothing was copied or removed%s",
                         tree->delete_extraneous        ? "; allow_empty (--allow-empty) empties the destination"
                         : from->pattern && !tree->deep ? "; recursive (-r) also takes what is below folders that match"
                                                        : "");
        return DOWEL_E_NOT_FOUND;
    }
    if (!tree->delete_extraneous || m->any || m->incomplete || !m->extraneous.file) return 0;
    dowel_fail(err, DOWEL_E_NOT_FOUND, "there is nothing to copy below %s%s, so that %s%s would be emptied",
               from->shown, from->path, tree->way.to->shown, tree->way.to->path);
    dowel_error_hint(err, "everything there is skipped (links, include, exclude); nothing was removed; allow_empty "
                          "(--allow-empty) empties the destination");
    return DOWEL_E_NOT_FOUND;
}

/* An object that failed may have been renamed: the extraneous one under its old name may be the only good copy. */
static void keep_all(dowel *d, const merge *m, int64_t failed) {
    const dowel_place *to = m->tree->way.to;
    char why[160], *shown = dowel_place_name(to, to->path);
    if (m->incomplete)
        snprintf(why, sizeof why, "nothing is removed, because a part of the source could not be listed");
    else
        snprintf(why, sizeof why, "nothing is removed, because %" PRId64 " failed", failed);
    dowel_log(d, DOWEL_LOG_WARNING, "%s; %" PRId64 " extraneous %s", why, m->extraneous_count,
              m->extraneous_count == 1 ? "object stays" : "objects stay");
    dowel_report_kept(m->tree->report, shown ? shown : to->path, m->extraneous_count, why);
    free(shown);
}

static int remove_extraneous(dowel *d, merge *m, dowel_error *err) {
    int64_t failed = dowel_report_failures(m->tree->report);
    if (!failed) return dowel_extraneous_remove(d, m->tree, &m->extraneous, err);
    if (m->extraneous_count) keep_all(d, m, failed);
    return 0;
}

static int finish(dowel *d, merge *m, dowel_error *err) {
    const dowel_tree *tree = m->tree;
    int rc = check_source(m, err);
    if (!rc) dowel_report_unmatched(d, tree->report, tree->way.from, &m->filter);
    if (!rc) rc = copy_postponed(d, m, err);
    if (rc) return rc;
    if (tree->delete_extraneous) rc = remove_extraneous(d, m, err);
    return rc ? rc : copy_blocked(d, m, err);
}

/* Starts both listings. A listing of files never enters the other place's folder, whatever leads there (a link, a mount). */
static int start(dowel *d, merge *m, bool looks, dowel_error *err) {
    const dowel_tree *tree = m->tree;
    const dowel_place *from = tree->way.from, *to = tree->way.to;
    dowel_listing_options options = {.filter = &m->filter, .ordered = looks};
    int rc = dowel_filter_open(&m->filter, from->pattern, tree->deep, tree->include, tree->exclude, err);
    if (!rc) rc = dowel_filter_open(&m->to_filter, from->pattern, tree->deep, tree->include, tree->exclude, err);
    if (rc) return rc;
    /* A pattern for one level does not look into folders, and may have its destination in one. */
    if (!m->filter.shallow && dowel_place_folder_id(to, &m->to_id)) options.apart = &m->to_id;
    rc = dowel_listing_start(d, from, &options, &m->from, err);
    if (rc || !looks) return rc;
    options.filter = &m->to_filter;
    options.may_be_absent = to->objects->sink != NULL;
    options.apart = tree->delete_extraneous && dowel_place_folder_id(from, &m->from_id) ? &m->from_id : NULL;
    return dowel_listing_start(d, to, &options, &m->to, err);
}

int dowel_tree_copy(dowel *d, const dowel_tree *tree, dowel_error *err) {
    dowel_gate gate;
    dowel_tree own = *tree;
    own.way.gate = &gate;
    merge m = {.tree = &own, .commits = {.done = has_its_name, .context = &m}};
    dowel_gate_open(&gate);
    pthread_mutex_init(&m.lock, NULL);
    dowel_commits_open(&m.commits);
    own.merge |= tree->resumed && !tree->move;
    own.way.whole |= tree->move;
    int rc = start(d, &m, own.merge || tree->skip_existing, err);
    const dowel_parts parts = {
        .count = -1, .width = tree->width, .part = next_object, .context = &m, .total_now = known_bytes};
    if (!rc) rc = dowel_parts_run(d, &parts, err);
    if (!rc) rc = finish(d, &m, err);
    dowel_listing_close(m.from);
    dowel_listing_close(m.to);
    free(m.from_next);
    free(m.to_next);
    dowel_shadow_close(&m.shadow);
    dowel_spool_close(&m.extraneous);
    dowel_spool_close(&m.blocked);
    dowel_spool_close(&m.postponed);
    free(m.last);
    dowel_filter_close(&m.filter);
    dowel_filter_close(&m.to_filter);
    dowel_commits_close(&m.commits);
    pthread_mutex_destroy(&m.lock);
    dowel_gate_close(&gate);
    return rc;
}
