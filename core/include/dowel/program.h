/* Programs that credentials name, run for what they print. */
#ifndef DOWEL_PROGRAM_H
#define DOWEL_PROGRAM_H

#include <dowel/runtime.h>

typedef struct dowel_program {
    char *const *words;
    char *const *environment; /* NULL: this process's */
    size_t largest;           /* bytes that it may print */
    double limit;             /* seconds that it may take */
    const char *late;         /* hint for when it takes longer */
    bool quiet;               /* what it says on standard error is shown to nobody */
    bool
        asks; /* a person at a terminal may have to answer it: then it may take as long as it likes, and gets the terminal */
} dowel_program;

/* *text: what it printed, newly allocated and followed by a NUL that does not count; cleanse it. The program is ended, with whatever it
 * started, when it takes too long or the run ends. Errors are about "it". */
int dowel_program_run(dowel *d, const dowel_program *program, char **text, size_t *size, dowel_error *err);

#endif
