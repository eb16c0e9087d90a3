/* A run's arguments as the history keeps and compares them. */
#ifndef DOWEL_RUN_ARGS_H
#define DOWEL_RUN_ARGS_H

#include "run.h"

enum { DOWEL_ARGS_DIGEST = 32 };

typedef struct dowel_run_args {
    char *text; /* JSON: secrets masked, paths absolute */
    bool whole; /* the run can be started again from the text */
    /* Why it is not, and what the digest does not cover: */
    bool secret;                             /* a secret is masked */
    bool unseen;                             /* data behind a pointer, a pipe or a device: neither kept nor compared */
    bool local;                              /* names files of this machine */
    unsigned char digest[DOWEL_ARGS_DIGEST]; /* SHA-256 of all values, secrets included: never stored as it is */
} dowel_run_args;

int dowel_run_args_of(const dowel_run *run, dowel_run_args *args, dowel_error *err);
void dowel_run_args_clear(dowel_run_args *args);

/* What the database keeps of the digest: "KEY-ID:..." by a key of the sealer, or "sha256:..." where there is no key and no secret. With a
 * secret and without a key it fails. Newly allocated. */
int dowel_run_args_digest(dowel_run *run, const dowel_run_args *args, char **digest, dowel_error *err);
/* 1: those whose stored digest this is are the same. 0: others. Negative: cannot be told. */
int dowel_run_args_same(dowel_run *run, const dowel_run_args *args, const char *digest, dowel_error *err);

#endif
