/* dowel/program.h: runs a program that credentials name, and reads its output. For modules of dowel, not for programs. */
#ifndef DOWEL_PROGRAM_H
#define DOWEL_PROGRAM_H

#include <dowel/runtime.h>

typedef struct dowel_program {
    char *const *words;
    char *const *environment; /* NULL: this process's */
    size_t largest;           /* limit of its output in bytes */
    double limit;             /* time limit in seconds */
    const char *late;         /* hint if it exceeds the time limit */
    bool quiet;               /* its standard error is discarded */
    /* It may ask a person at a terminal: then it gets the terminal and has no time limit. */
    bool asks;
} dowel_program;

/* *text: its output, newly allocated and followed by a NUL that is not counted; free it with dowel_wipe_bytes(). The program and its children are killed
 * at the time limit and when the run ends. Messages call the program "it". */
int dowel_program_run(dowel *d, const dowel_program *program, char **text, size_t *size, dowel_error *err);

#endif
