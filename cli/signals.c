/* Ctrl-C while a task runs: the first asks it to stop and lets it tidy up, the second ends the process at once. */
#include "cli.h"

#include <signal.h>

/* A signal handler can set nothing else. */
static volatile sig_atomic_t interrupted;

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
