/* The handle: private parts. */
#ifndef DOWEL_HANDLE_H
#define DOWEL_HANDLE_H

#include "fields_internal.h"
#include "folders_internal.h"

#include <dowel/clock.h>
#include <dowel/database.h>

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

typedef struct dowel_core dowel_core;
struct dowel_gang;
typedef struct dowel_run dowel_run;

/* A program's handle: the shared core, and the run to which it is scoped. */
struct dowel {
    dowel_core *core;
    dowel_run *run; /* NULL outside a run */
    bool cleanup;   /* goes by the run's clean-up deadline, and not by whether the run was cancelled */
    /* Of a thread that does parts: whom it works with, and which of them it is. */
    struct dowel_gang *gang;
    int slot;
};

typedef struct dowel_attachment {
    struct dowel_attachment *next;
    const void *key;
    void *value;
    void (*end)(void *);
} dowel_attachment;

/* A thread that is in a call which dowel_close waits for; on that thread's stack. */
typedef struct dowel_inside {
    struct dowel_inside *next;
    pthread_t thread;
} dowel_inside;

struct dowel_core {
    dowel top;
    dowel_options options;
    char *database_url;
    const dowel_connector **connectors;
    size_t connector_count, connectors_open;
    const dowel_task **tasks;
    const dowel_block_type **types;
    const dowel_import_source **imports;
    size_t task_count, type_count, import_count;
    dowel_resolver resolver, call_resolver;
    bool has_resolver, has_call_resolver;
    dowel_sealer sealer; /* empty: secret handles are not kept */
    int log_level;
    pid_t pid;           /* the process that opened the handle: a forked child must not use it */
    char nonce[33];      /* identifies the handle among all processes in the history */
    atomic_bool closing; /* set once, with the lock held */
    dowel_inside *inside;
    pthread_cond_t left; /* `inside` became shorter */

    pthread_mutex_t lock;        /* guards the registration tables and attachments */
    pthread_mutex_t attach_lock; /* recursive: held while an attachment is made */
    dowel_attachment *attachments;

    pthread_mutex_t log_lock;

    pthread_mutex_t database_lock;
    dowel_db *idle;
    struct dowel_database_address *address; /* made by the first acquire */
    atomic_uintptr_t migrated[8];
    struct dowel_flushes *flushes; /* made with the address */
    bool history_warned;

    dowel_folders folders;   /* that were made for files to come */
    struct dowel_pool *pool; /* made by the first submit */
};

/* Begins a call that the handle must outlive; CANCELLED, and nothing to leave, once the handle is being closed. */
int dowel_enter(dowel *d, dowel_inside *inside, dowel_error *err);
/* The same for calls that may continue while the handle is being closed. */
void dowel_enter_anyway(dowel_core *core, dowel_inside *inside);
void dowel_leave(dowel_core *core, dowel_inside *inside);

/* A line that does not go into the history of the run: requests, of which a large copy sends many thousands. */
void dowel_log_unrecorded(dowel *d, dowel_log_level level, const char *format, ...) DOWEL_PRINTF(3, 4);

struct dowel_transport *dowel_option_transport(const dowel *d);
void dowel_database_close(dowel_core *core);

/* INVALID in a process that was forked after the handle was opened. */
int dowel_check_process(const dowel *d, dowel_error *err);
int dowel_check_pid(pid_t pid, dowel_error *err);

#endif
