/* What the files of the object commands share. */
#ifndef DOWEL_CLI_OBJECTS_H
#define DOWEL_CLI_OBJECTS_H

#include "cli.h"

#include <dowel/object_tasks.h>

typedef struct object_view {
    cli *c;
    const cli_object_command *command;
    cli_progress progress;
    bool verbose, dry_run, list_long, human, source_times, recursive;
    bool quiet;          /* the bytes go to standard output */
    bool whole;          /* more than one object may be meant: a summary is due */
    int failed, skipped; /* lines printed */
    json_t *rows;        /* of --output and --out; NULL: names are printed as they come */
    bool rows_lost;      /* memory was too small for them */
    long long copied, copied_bytes, removed, unchanged, left_out, failures; /* objects, as events told */
    long long listed, bytes;                                                /* objects of a listing */
} object_view;

/* objects_print.c */
void cli_object_event(void *context, const dowel_object_event *event);
void cli_object_result(object_view *v, json_t *result);
/* Prints the collected rows of a listing. Exit status. */
int cli_object_rows(object_view *v);
/* The summary of a run in which objects failed. */
void cli_object_failures(const object_view *v);

#endif
