/* Ctrl-C while a task runs: the first asks it to stop and lets it tidy up, the second ends the process at once. */
#include "cli.h"

#include <signal.h>
#include <stdatomic.h>

/* Set by a signal handler, which may set nothing that needs a lock; read by every thread of a transfer. */
static atomic_int interrupted;

static void listen(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void on_signal(int number) {
    interrupted = number;
    listen(SIG_DFL);
}

void cli_signals_begin(void) {
    interrupted = 0;
    listen(on_signal);
}

void cli_signals_end(void) {
    listen(SIG_DFL);
}

bool cli_interrupted(void *context) {
    (void)context;
    return interrupted != 0;
}
