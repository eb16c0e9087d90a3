/* Log lines: to the program's function or standard error, and into the history of the run that they belong to. */
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool dowel_log_enabled(const dowel *d, dowel_log_level level) {
    return (int)level >= d->core->log_level || d->core->options.log;
}

void dowel_set_log_level(dowel *d, dowel_log_level level) {
    d->core->log_level = (int)level;
}

static void write_line(dowel *d, dowel_log_level level, bool recorded, const char *format, va_list args) {
    static const char *const names[] = {"debug", "info", "warning", "error"};
    if (!dowel_log_enabled(d, level) && !recorded) return;
    char line[2048];
    dowel_vformat(line, sizeof line, format, args);
    if (dowel_log_enabled(d, level)) {
        pthread_mutex_lock(&d->core->log_lock);
        if (d->core->options.log) {
            d->core->options.log(d->core->options.log_context, level, line);
        } else {
            char when[DOWEL_TIME_TEXT_SIZE];
            dowel_format_time(dowel_now(), when);
            char *shown = dowel_printable(line, false);
            fprintf(stderr, "%s %s %s\n", when, names[level], shown ? shown : "");
            free(shown);
        }
        pthread_mutex_unlock(&d->core->log_lock);
    }
    if (recorded) dowel_history_log(d->run, names[level], line);
}

void dowel_log(dowel *d, dowel_log_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line(d, level, d->run && level >= DOWEL_LOG_INFO, format, args);
    va_end(args);
}

void dowel_log_unrecorded(dowel *d, dowel_log_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line(d, level, false, format, args);
    va_end(args);
}
