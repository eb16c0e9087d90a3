/* Ctrl-C while a task runs: the first asks it to stop and lets it tidy up, the second ends the process at once. SIGTERM is the same. So is
 * SIGHUP, when a terminal is closed, but it may come twice (from the shell and from the kernel) and is never the one that ends the process;
 * a process that was started to ignore it (nohup) goes on. SIGQUIT ends the process at once, as everywhere. */
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

static void listen_to_hangup(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler}, before;
    if (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

static void on_signal(int number) {
    interrupted = number;
    if (number != SIGHUP) listen(SIG_DFL);
}

void cli_signals_begin(void) {
    interrupted = 0;
    listen(on_signal);
    listen_to_hangup(on_signal);
}

void cli_signals_end(void) {
    listen(SIG_DFL);
    listen_to_hangup(SIG_DFL);
}

bool cli_interrupted(void *context) {
    (void)context;
    return interrupted != 0;
}
