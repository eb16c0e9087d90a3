/* Files that are whole, and get their names many at a time, which costs the disk little more than one. */
#ifndef DOWEL_COMMITS_H
#define DOWEL_COMMITS_H

#include <dowel/runtime.h>
#include <dowel/stream.h>

#include <pthread.h>

enum { DOWEL_COMMITS_MOST = 64 };

typedef struct dowel_commits {
    /* Told of each, by whichever thread committed it; `why` NULL: it has its name. Frees `file`. What it returns ends the work. */
    int (*done)(dowel *d, void *context, void *file, const dowel_error *why, dowel_error *err);
    void *context;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    dowel_sink *sinks[DOWEL_COMMITS_MOST];
    void *files[DOWEL_COMMITS_MOST];
    size_t count, most;
    bool busy; /* a thread commits what was here before */
} dowel_commits;

/* Holds as many open files as suit the limit of the process, where several may be at work. */
void dowel_commits_open(dowel_commits *commits);
/* Takes the sink and `file` over. It is committed here, or by the thread that commits others now. */
int dowel_commits_add(dowel *d, dowel_commits *commits, dowel_sink *sink, void *file, dowel_error *err);
/* When no thread adds any more: all are committed then. */
void dowel_commits_close(dowel_commits *commits);

#endif
