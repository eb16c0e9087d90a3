/* A run's arguments as the history keeps and compares them. */
#ifndef DOWEL_RUN_ARGS_H
#define DOWEL_RUN_ARGS_H

#include "run.h"

enum { DOWEL_ARGS_DIGEST = 32 };

typedef struct dowel_run_args {
    char *text; /* JSON: secrets masked, paths absolute */
    bool whole; /* the run can be started again from the text */
    /* Reasons why it is not whole: */
    bool secret; /* a secret is masked */
    bool unseen; /* data behind a pointer, a pipe or a device: neither recorded nor compared */
    bool local;  /* names files of this machine */
    unsigned char digest[DOWEL_ARGS_DIGEST]; /* SHA-256 of all values, secrets included: never stored as it is */
} dowel_run_args;

int dowel_run_args_of(const dowel_run *run, dowel_run_args *args, dowel_error *err);
void dowel_run_args_clear(dowel_run_args *args);

/* The digest as it is stored: "KEY-ID:...", keyed by the sealer, or "sha256:..." without a key if there is no secret. KEY if there is a secret and no
 * key. Newly allocated. */
int dowel_run_args_digest(dowel_run *run, const dowel_run_args *args, char **digest, dowel_error *err);
/* 1: the arguments with this stored digest are the same. 0: they differ. Negative: they cannot be compared. */
int dowel_run_args_same(dowel_run *run, const dowel_run_args *args, const char *digest, dowel_error *err);

#endif
