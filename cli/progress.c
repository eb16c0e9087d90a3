/* Progress on a terminal: bytes, rate, time left. Quiet elsewhere. */
#include "cli.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void cli_size_text(double bytes, char text[32]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void show(cli_progress *p, int64_t done, int64_t total) {
    double t = now();
    if (!p->started) {
        p->started = true;
        p->shown = isatty(STDERR_FILENO);
        p->begin = t;
        p->first = done;
    }
    /* Nothing in the first moments: short work should not flicker. */
    if (!p->shown || t - p->begin < 0.5 || t - p->last < 0.1) return;
    p->last = t;
    char amount[32], rate[32], whole[32] = "";
    char count[32] = "";
    long objects = atomic_load(&p->objects);
    if (objects) snprintf(count, sizeof count, "%ld objects  ", objects);
    double speed = (double)(done - p->first) / (t - p->begin);
    cli_size_text((double)done, amount);
    cli_size_text(speed, rate);
    if (total > 0) {
        cli_size_text((double)total, whole);
        double left = speed > 0 ? (double)(total - done) / speed : 0;
        fprintf(stderr, "\r\033[K%s%s of %s  %.0f%%  %s/s  %d:%02d left", count, amount, whole,
                100.0 * (double)done / (double)total, rate, (int)(left / 60), (int)left % 60);
    } else {
        fprintf(stderr, "\r\033[K%s%s  %s/s", count, amount, rate);
    }
    fflush(stderr);
}

void cli_progress_show(void *context, int64_t done, int64_t total) {
    cli_progress *p = context;
    pthread_mutex_lock(&p->lock);
    show(p, done, total);
    pthread_mutex_unlock(&p->lock);
}

void cli_progress_end(cli_progress *p) {
    pthread_mutex_lock(&p->lock);
    if (p->shown && p->last > 0) fputs("\r\033[K", stderr);
    pthread_mutex_unlock(&p->lock);
}
