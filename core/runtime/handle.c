/* The handle: options, registered tasks and block types, attachments of upper layers. */
#include "handle_internal.h"

#include "pool.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int dowel_check_pid(pid_t pid, dowel_error *err) {
    if (pid == getpid()) return 0;
    dowel_fail(err, DOWEL_E_INVALID, "this process was forked after the dowel handle was opened");
    dowel_error_hint(err, "open a new handle in the child with dowel_open");
    return DOWEL_E_INVALID;
}

int dowel_check_process(const dowel *d, dowel_error *err) {
    return dowel_check_pid(d->core->pid, err);
}

struct dowel_transport *dowel_option_transport(const dowel *d) {
    return d->core->options.transport;
}

int dowel_ask_secret(dowel *d, const char *what, char *answer, size_t size) {
    const dowel_options *options = &d->core->options;
    return options->ask ? options->ask(options->ask_context, what, answer, size) : -1;
}

static int grow(void **list, size_t count, size_t size, dowel_error *err) {
    void *grown = realloc(*list, (count + 1) * size);
    if (!grown) return dowel_no_memory(err);
    *list = grown;
    return 0;
}

int dowel_register_task(dowel *d, const dowel_task *task, dowel_error *err) {
    dowel_core *core = d->core;
    if (dowel_check_process(d, err)) return DOWEL_E_INVALID;
    if (!task->name || !task->run || !task->size)
        return dowel_fail(err, DOWEL_E_INVALID, "the task descriptor has no size, name or body");
    if (task->size < offsetof(dowel_task, flow))
        return dowel_fail(err, DOWEL_E_INVALID, "task %s was built for another version of dowel", task->name);
    pthread_mutex_lock(&core->lock);
    int rc = 0;
    for (size_t i = 0; i < core->task_count && !rc; i++)
        if (!strcmp(core->tasks[i]->name, task->name))
            rc = core->tasks[i] == task ? 1
                                        : dowel_fail(err, DOWEL_E_EXISTS, "task %s is already registered", task->name);
    if (!rc) rc = grow((void **)&core->tasks, core->task_count, sizeof *core->tasks, err);
    if (!rc) core->tasks[core->task_count++] = task;
    pthread_mutex_unlock(&core->lock);
    return rc < 0 ? rc : 0;
}

int dowel_register_block_type(dowel *d, const dowel_block_type *type, dowel_error *err) {
    dowel_core *core = d->core;
    if (dowel_check_process(d, err)) return DOWEL_E_INVALID;
    if (!type->name || !type->table) return dowel_fail(err, DOWEL_E_INVALID, "the block type has no name or no table");
    pthread_mutex_lock(&core->lock);
    int rc = 0;
    for (size_t i = 0; i < core->type_count && !rc; i++)
        if (!strcmp(core->types[i]->name, type->name))
            rc = core->types[i] == type
                     ? 1
                     : dowel_fail(err, DOWEL_E_EXISTS, "block type %s is already registered", type->name);
    if (!rc) rc = grow((void **)&core->types, core->type_count, sizeof *core->types, err);
    if (!rc) core->types[core->type_count++] = type;
    pthread_mutex_unlock(&core->lock);
    return rc < 0 ? rc : 0;
}

static int register_import_source(dowel *d, const dowel_import_source *source, dowel_error *err) {
    dowel_core *core = d->core;
    if (source->size < sizeof *source || !source->name || !source->value || !source->doc || !source->read)
        return dowel_fail(err, DOWEL_E_INVALID, "an import source without size, name, value, doc or read");
    pthread_mutex_lock(&core->lock);
    int rc = 0;
    for (size_t i = 0; i < core->import_count && !rc; i++)
        if (!strcmp(core->imports[i]->name, source->name))
            rc = dowel_fail(err, DOWEL_E_EXISTS, "import source %s is registered already", source->name);
    if (!rc) rc = grow((void **)&core->imports, core->import_count, sizeof *core->imports, err);
    if (!rc) core->imports[core->import_count++] = source;
    pthread_mutex_unlock(&core->lock);
    return rc;
}

const dowel_task *dowel_task_at(dowel *d, size_t n) {
    pthread_mutex_lock(&d->core->lock);
    const dowel_task *task = n < d->core->task_count ? d->core->tasks[n] : NULL;
    pthread_mutex_unlock(&d->core->lock);
    return task;
}

const dowel_block_type *dowel_block_type_at(dowel *d, size_t n) {
    pthread_mutex_lock(&d->core->lock);
    const dowel_block_type *type = n < d->core->type_count ? d->core->types[n] : NULL;
    pthread_mutex_unlock(&d->core->lock);
    return type;
}

const dowel_import_source *dowel_import_source_at(dowel *d, size_t n) {
    pthread_mutex_lock(&d->core->lock);
    const dowel_import_source *source = n < d->core->import_count ? d->core->imports[n] : NULL;
    pthread_mutex_unlock(&d->core->lock);
    return source;
}

/* NOT_FOUND with the nearest of the names. */
static int not_found(dowel_error *err, const char *what, const char *name, const char **names, const char *list) {
    const char *near = names ? dowel_nearest(name, names) : NULL;
    dowel_fail(err, DOWEL_E_NOT_FOUND, "no %s \"%.100s\"%s%s%s", what, name, near ? "; did you mean \"" : "",
               near ? near : "", near ? "\"?" : "");
    if (!near) dowel_error_hint(err, "`%s` lists them", list);
    free((void *)names);
    return DOWEL_E_NOT_FOUND;
}

/* Whether two names differ in nothing but -, _, dots and blanks between their words. */
static bool same_words(const char *a, const char *b) {
    while (*a && (*a == *b || (strchr("-_. ", *a) && *b && strchr("-_. ", *b)))) a++, b++;
    return !*a && !*b;
}

/* The one task whose name has the same words; NULL: there is none, or several. */
static const dowel_task *task_of_words(dowel *d, const char *name) {
    const dowel_task *found = NULL, *t;
    for (size_t i = 0; (t = dowel_task_at(d, i)); i++) {
        if (!same_words(t->name, name)) continue;
        if (found) return NULL;
        found = t;
    }
    return found;
}

int dowel_find_task(dowel *d, const char *name, const dowel_task **task, dowel_error *err) {
    const dowel_task *t;
    size_t n = 0;
    if (dowel_check_process(d, err)) return DOWEL_E_INVALID;
    for (; (t = dowel_task_at(d, n)); n++) {
        if (strcmp(t->name, name)) continue;
        *task = t;
        return 0;
    }
    if ((t = task_of_words(d, name))) {
        *task = t;
        return 0;
    }
    const char **names = calloc(n + 1, sizeof *names);
    for (size_t i = 0; names && i < n; i++) names[i] = dowel_task_at(d, i)->name;
    return not_found(err, "task", name, names, "dowel task list");
}

int dowel_find_block_type(dowel *d, const char *name, const dowel_block_type **type, dowel_error *err) {
    const dowel_block_type *t;
    size_t n = 0;
    if (dowel_check_process(d, err)) return DOWEL_E_INVALID;
    for (; (t = dowel_block_type_at(d, n)); n++) {
        if (strcmp(t->name, name)) continue;
        *type = t;
        return 0;
    }
    const char **names = calloc(n + 1, sizeof *names);
    for (size_t i = 0; names && i < n; i++) names[i] = dowel_block_type_at(d, i)->name;
    return not_found(err, "block type", name, names, "dowel block types");
}

int dowel_find_import_source(dowel *d, const char *name, const dowel_import_source **source, dowel_error *err) {
    const dowel_import_source *s;
    size_t n = 0;
    if (dowel_check_process(d, err)) return DOWEL_E_INVALID;
    for (; (s = dowel_import_source_at(d, n)); n++) {
        if (strcmp(s->name, name)) continue;
        *source = s;
        return 0;
    }
    const char **names = calloc(n + 1, sizeof *names);
    for (size_t i = 0; names && i < n; i++) names[i] = dowel_import_source_at(d, i)->name;
    return not_found(err, "import source", name, names, "dowel block import --help");
}

void dowel_set_resolver(dowel *d, const dowel_resolver *resolver) {
    d->core->resolver = *resolver;
    d->core->has_resolver = true;
}

void dowel_set_sealer(dowel *d, const dowel_sealer *sealer) {
    d->core->sealer = *sealer;
}

const dowel_resolver *dowel_get_resolver(dowel *d) {
    return d->core->has_resolver ? &d->core->resolver : NULL;
}

void dowel_set_call_resolver(dowel *d, const dowel_resolver *resolver) {
    d->core->call_resolver = *resolver;
    d->core->has_call_resolver = true;
}

const dowel_resolver *dowel_get_call_resolver(dowel *d) {
    bool completes = d->core->has_call_resolver && !d->core->options.no_history;
    return completes ? &d->core->call_resolver : dowel_get_resolver(d);
}

void *dowel_attach(dowel *d, const void *key, void *(*make)(dowel *d), void (*end)(void *value)) {
    dowel_core *core = d->core;
    if (dowel_check_process(d, NULL)) return NULL;
    pthread_mutex_lock(&core->attach_lock);
    dowel_attachment *a = core->attachments;
    while (a && a->key != key) a = a->next;
    if (!a) {
        void *value = make(&core->top);
        a = value ? calloc(1, sizeof *a) : NULL;
        if (a) {
            *a = (dowel_attachment){core->attachments, key, value, end};
            core->attachments = a;
        } else if (value && end) {
            end(value);
        }
    }
    void *value = a ? a->value : NULL;
    pthread_mutex_unlock(&core->attach_lock);
    return value;
}

static int open_connector(dowel *d, const dowel_connector *connector, dowel_error *err) {
    if (connector->abi != DOWEL_ABI)
        return dowel_fail(err, DOWEL_E_INVALID, "connector %s was built for ABI %u, but this dowel has ABI %d",
                          connector->name, connector->abi, DOWEL_ABI);
    int rc = 0;
    for (const dowel_block_type *const *type = connector->block_types; type && *type && !rc; type++)
        rc = dowel_register_block_type(d, *type, err);
    for (const dowel_task *const *task = connector->tasks; task && *task && !rc; task++)
        rc = dowel_register_task(d, *task, err);
    bool imports = connector->size >= offsetof(dowel_connector, imports) + sizeof connector->imports;
    for (const dowel_import_source *const *source = imports ? connector->imports : NULL; source && *source && !rc;
         source++)
        rc = register_import_source(d, *source, err);
    if (!rc && connector->open) rc = connector->open(d, err);
    if (rc) dowel_error_prefix(err, "connector %s: ", connector->name);
    return rc;
}

static void set_log_level(dowel_core *core) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    char *wanted = dowel_variable("DOWEL_LOG");
    bool known = !wanted;
    core->log_level = DOWEL_LOG_WARNING;
    for (int i = 0; i < 4 && !known; i++) {
        known = !strcmp(wanted, names[i]);
        if (known) core->log_level = i;
    }
    if (!known)
        dowel_log(&core->top, DOWEL_LOG_WARNING,
                  "DOWEL_LOG: \"%.40s\" is not one of debug, info, warning, error; using warning", wanted);
    free(wanted);
}

int dowel_open_with(dowel **d, const dowel_options *options, dowel_error *err) {
    dowel_core *core = calloc(1, sizeof *core);
    if (!core) return dowel_no_memory(err);
    core->top.core = core;
    core->pid = getpid();
    /* Seeds jansson before there are threads: a child forked while one of them seeds would wait for ever. */
    json_decref(json_object());
    unsigned char nonce[16];
    if (getentropy(nonce, sizeof nonce)) { /* OpenSSL would take a millisecond to start for it */
        free(core);
        return dowel_fail(err, DOWEL_E_INTERNAL, "the system gives no random numbers");
    }
    for (size_t i = 0; i < sizeof nonce; i++) snprintf(core->nonce + 2 * i, 3, "%02x", nonce[i]);
    if (options)
        memcpy(&core->options, options,
               options->size && options->size < sizeof *options ? options->size : sizeof *options);
    pthread_mutex_init(&core->lock, NULL);
    pthread_cond_init(&core->left, NULL);
    pthread_mutex_init(&core->log_lock, NULL);
    set_log_level(core);
    pthread_mutex_init(&core->database_lock, NULL);
    dowel_folders_open(&core->folders);
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&core->attach_lock, &recursive);
    pthread_mutexattr_destroy(&recursive);

    int rc = 0, workers = core->options.workers;
    if (workers < 0 || workers > DOWEL_MOST_WORKERS)
        rc = dowel_fail(err, DOWEL_E_INVALID, "options: field \"workers\": %d is not between 0 and %d", workers,
                        DOWEL_MOST_WORKERS);
    if (!rc && core->options.database_url && !*core->options.database_url)
        rc = dowel_fail(err, DOWEL_E_INVALID,
                        "options: field \"database_url\": the address is empty; NULL is the default");
    if (!rc && core->options.database_url && !(core->database_url = strdup(core->options.database_url)))
        rc = dowel_no_memory(err);
    const dowel_connector *const *list = core->options.connectors;
    while (list && list[core->connector_count]) core->connector_count++;
    core->connectors = calloc(core->connector_count + 1, sizeof *core->connectors);
    if (!core->connectors) rc = dowel_no_memory(err);
    for (size_t i = 0; list && i < core->connector_count && !rc; i++) {
        core->connectors[i] = list[i];
        rc = open_connector(&core->top, list[i], err);
        if (!rc) core->connectors_open++;
    }
    core->options.connectors = NULL;
    if (rc)
        dowel_close(&core->top);
    else
        *d = &core->top;
    return rc;
}

/* ---- closing ---- */

/* With the lock held. */
static void enter(dowel_core *core, dowel_inside *inside) {
    inside->thread = pthread_self();
    inside->next = core->inside;
    core->inside = inside;
}

void dowel_enter_anyway(dowel_core *core, dowel_inside *inside) {
    pthread_mutex_lock(&core->lock);
    enter(core, inside);
    pthread_mutex_unlock(&core->lock);
}

int dowel_enter(dowel *d, dowel_inside *inside, dowel_error *err) {
    dowel_core *core = d->core;
    if (dowel_check_process(d, err)) return DOWEL_E_INVALID;
    pthread_mutex_lock(&core->lock);
    bool closing = atomic_load(&core->closing);
    if (!closing) enter(core, inside);
    pthread_mutex_unlock(&core->lock);
    return closing ? dowel_fail(err, DOWEL_E_CANCELLED, "cancelled: the handle is being closed") : 0;
}

void dowel_leave(dowel_core *core, dowel_inside *inside) {
    pthread_mutex_lock(&core->lock);
    dowel_inside **at = &core->inside;
    while (*at != inside) {
        at = &(*at)->next;
        assert(*at); /* it entered */
    }
    *at = inside->next;
    pthread_cond_broadcast(&core->left);
    pthread_mutex_unlock(&core->lock);
}

static bool is_inside(dowel_core *core) {
    pthread_mutex_lock(&core->lock);
    const dowel_inside *i = core->inside;
    while (i && !pthread_equal(i->thread, pthread_self())) i = i->next;
    pthread_mutex_unlock(&core->lock);
    return i || dowel_pool_has_thread(core);
}

static void wait_until_all_left(dowel_core *core) {
    pthread_mutex_lock(&core->lock);
    atomic_store(&core->closing, true);
    while (core->inside) pthread_cond_wait(&core->left, &core->lock);
    pthread_mutex_unlock(&core->lock);
}

void dowel_close(dowel *d) {
    /* In a forked child the threads are missing, and the connections are the parent's: nothing may be ended there. */
    if (!d || dowel_check_process(d, NULL)) return;
    dowel_core *core = d->core;
    if (d->run || is_inside(core)) {
        dowel_log(d, DOWEL_LOG_ERROR, "dowel_close was called from inside a task or callback: the handle stays open");
        return;
    }
    wait_until_all_left(core);
    dowel_pool_close(core);
    wait_until_all_left(core); /* threads that waited for the workers */
    if (core->pool) dowel_pool_release(core->pool);
    while (core->connectors_open--)
        if (core->connectors[core->connectors_open]->close) core->connectors[core->connectors_open]->close(d);
    for (dowel_attachment *a = core->attachments, *next; a; a = next) {
        next = a->next;
        if (a->end) a->end(a->value);
        free(a);
    }
    dowel_database_close(core);
    pthread_cond_destroy(&core->left);
    pthread_mutex_destroy(&core->lock);
    pthread_mutex_destroy(&core->log_lock);
    pthread_mutex_destroy(&core->database_lock);
    dowel_folders_close(&core->folders);
    pthread_mutex_destroy(&core->attach_lock);
    free(core->database_url);
    free(core->connectors);
    free(core->tasks);
    free(core->types);
    free(core->imports);
    free(core);
}
