/* Gives complete files their final names, many at a time: flushing many files together costs the disk little more than flushing one. */
#ifndef DOWEL_COMMITS_H
#define DOWEL_COMMITS_H

#include <dowel/runtime.h>
#include <dowel/stream.h>

#include <pthread.h>

enum { DOWEL_COMMITS_MOST = 64 };

typedef struct dowel_commits {
    /* Called for each file by the thread that committed it; `why` NULL: it has its name. Frees `file`. A nonzero return value ends the run. */
    int (*done)(dowel *d, void *context, void *file, const dowel_error *why, dowel_error *err);
    void *context;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    dowel_sink *sinks[DOWEL_COMMITS_MOST];
    void *files[DOWEL_COMMITS_MOST];
    size_t count, most;
    bool busy; /* a thread is committing earlier files */
} dowel_commits;

/* Derives the batch size from the process's limit of open files, which several runs share. */
void dowel_commits_open(dowel_commits *commits);
/* Takes ownership of `sink` and `file`. Commits the file, or leaves it to the thread that is committing. */
int dowel_commits_add(dowel *d, dowel_commits *commits, dowel_sink *sink, void *file, dowel_error *err);
/* Call when no thread adds files any more; all are committed then. */
void dowel_commits_close(dowel_commits *commits);

#endif
