/* CUBIC (RFC 9438) for requests instead of bytes: the rate falls by 30% when the service complains, rises quickly to nearly the old rate, stays there
 * for a while, and then rises further. */
#include "pace.h"

#include <math.h>

#define KEPT 0.7 /* of the rate, when there were too many */
#define STEEP 0.4
#define LOWEST 2.0
#define WINDOW 0.5     /* seconds */
#define SHORTEST 0.002 /* seconds of waiting */
#define FORGOTTEN 60.0 /* seconds after which a complaint is too old to matter */

static void count(dowel_pace *p, double now) {
    if (now - p->window > WINDOW) {
        double rate = p->count / (now - p->window);
        p->seen = p->seen > 0 ? 0.8 * rate + 0.2 * p->seen : rate;
        p->window = now;
        p->count = 0;
    }
}

/* Requests a second that were started lately, also before the first window has passed. */
static double lately(const dowel_pace *p, double now) {
    return fmax(p->seen, p->count / fmax(now - p->window, WINDOW));
}

static void fill(dowel_pace *p, double now) {
    p->room = fmin(p->room + (now - p->filled) * p->rate, fmax(p->rate * WINDOW, 1));
    p->filled = now;
}

void dowel_pace_leave(dowel_pace *p, bool *in_line) {
    if (*in_line) p->line--;
    *in_line = false;
}

double dowel_pace_take(dowel_pace *p, double now, bool *in_line) {
    count(p, now);
    if (p->limited) {
        fill(p, now);
        /* Not a promise of a turn: the rate may have fallen until then. */
        double ahead = *in_line ? 0 : p->line;
        if (p->room < 1 + ahead) {
            if (!*in_line) p->line++;
            *in_line = true;
            return fmax((1 + ahead - p->room) / p->rate, SHORTEST);
        }
        p->room -= 1;
    }
    dowel_pace_leave(p, in_line);
    p->count++;
    p->flying++;
    return 0;
}

void dowel_pace_told(dowel_pace *p, double started, double now, bool too_many) {
    bool alone = p->flying-- == 1;
    count(p, now);
    /* A single request at a time is not slowed down: it waits before its retry anyway. */
    if (too_many && alone && !p->limited) return;
    if (too_many) {
        /* Requests that started before the last complaint are no new information. */
        if (p->limited && started <= p->since) return;
        double rate = lately(p, now);
        p->top = fmax(p->limited ? fmin(rate, p->rate) : rate, LOWEST);
        p->since = p->filled = now;
        p->rate = fmax(KEPT * p->top, LOWEST);
        p->room = p->limited ? fmin(p->room, 1) : 1;
        p->limited = true;
    } else if (p->limited && now - p->since > FORGOTTEN) {
        p->limited = false;
    } else if (p->limited) {
        double flat = cbrt(p->top * (1 - KEPT) / STEEP), past = now - p->since - flat;
        fill(p, now);
        /* An unused rate does not grow. */
        p->rate = fmax(fmin(STEEP * past * past * past + p->top, fmax(2 * lately(p, now), p->rate)), LOWEST);
    }
}
