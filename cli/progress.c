/* Progress on a terminal: bytes, rate, time left, how many objects. Quiet elsewhere. */
#include "cli.h"

#include <dowel/clock.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void cli_size_text(double bytes, char text[32]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    dowel_format(text, 32, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* What can take a line back. */
static bool is_terminal(void) {
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && !(kind && !strcmp(kind, "dumb"));
}

typedef struct line {
    char text[256];
    size_t used;
} line;

static void add(line *l, const char *format, ...) DOWEL_PRINTF(2, 3);
static void add(line *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = dowel_vformat(l->text + l->used, sizeof l->text - l->used, format, args);
    va_end(args);
    if (n > 0) l->used += (size_t)n < sizeof l->text - l->used ? (size_t)n : sizeof l->text - l->used - 1;
}

static void add_time(line *l, double seconds) {
    long s = seconds < 359999 ? (long)seconds : 359999;
    if (s >= 3600)
        add(l, "  %ld:%02ld:%02ld left", s / 3600, s / 60 % 60, s % 60);
    else
        add(l, "  %ld:%02ld left", s / 60, s % 60);
}

static void add_bytes(line *l, const cli_progress *p, double seconds) {
    char amount[32], whole[32], rate[32];
    double speed = (double)(p->done - p->first) / seconds;
    if (speed < 0) speed = 0;
    cli_size_text((double)p->done, amount);
    cli_size_text(speed, rate);
    add(l, "%s", amount);
    if (p->total > 0) {
        cli_size_text((double)p->total, whole);
        add(l, " of %s  %.0f%%", whole, 100.0 * (double)p->done / (double)p->total);
    }
    add(l, "  %s/s", rate);
    if (p->total > p->done && speed > 0) add_time(l, (double)(p->total - p->done) / speed);
}

/* The lock is held. */
static void show(cli_progress *p) {
    double t = dowel_clock();
    struct winsize size;
    line l = {"", 0};
    if (!p->started) {
        p->started = true;
        p->shown = !p->quiet && is_terminal();
        p->begin = t;
        p->first = p->done;
    }
    /* Nothing in the first moments: short work should not flicker. */
    if (!p->shown || t - p->begin < 0.5 || t - p->last < 0.1) return;
    p->last = t;
    if (p->objects) add(&l, "%ld objects  ", p->objects);
    if (p->unchanged) add(&l, "%ld unchanged  ", p->unchanged);
    if (p->done || p->total > 0)
        add_bytes(&l, p, t - p->begin);
    else
        add(&l, "%.0f/s", (double)(p->objects + p->unchanged) / (t - p->begin));
    /* A line that wraps could not be taken back. */
    size_t room = !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col > 1 ? (size_t)size.ws_col - 1 : sizeof l.text;
    fprintf(stderr, "\r\033[K%.*s", (int)(l.used < room ? l.used : room), l.text);
    fflush(stderr);
}

void cli_progress_show(void *context, int64_t done, int64_t total) {
    cli_progress *p = context;
    pthread_mutex_lock(&p->lock);
    p->done = done;
    p->total = total;
    show(p);
    pthread_mutex_unlock(&p->lock);
}

void cli_progress_count(cli_progress *p, bool unchanged) {
    pthread_mutex_lock(&p->lock);
    ++*(unchanged ? &p->unchanged : &p->objects);
    show(p);
    pthread_mutex_unlock(&p->lock);
}

void cli_progress_end(cli_progress *p) {
    pthread_mutex_lock(&p->lock);
    if (p->shown && p->last > 0) fputs("\r\033[K", stderr);
    pthread_mutex_unlock(&p->lock);
}
