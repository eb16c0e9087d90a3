/* The request rate for a service that answers "too many requests": reduced at once, then increased carefully. */
#ifndef DOWEL_PACE_H
#define DOWEL_PACE_H

#include <stdbool.h>

/* Times are seconds of a monotonic clock. Functions neither lock nor wait. */
typedef struct dowel_pace {
    bool limited;  /* the service has complained while several requests were under way; else nothing is delayed */
    double rate;   /* requests a second that may start */
    double room;   /* requests that may start at once */
    int flying;    /* requests without an answer yet */
    int line;      /* requests that wait for their turn */
    double filled; /* when `room` was last increased */
    /* The rate at the last complaint, and when that was: the rate returns along a cubic curve through it. */
    double top, since;
    double seen;   /* requests a second that were started, smoothed */
    double window; /* start of the current counting window */
    int count;     /* requests started in it */
} dowel_pace;

/* Asks to start a request: 0, or seconds to wait before asking again. *in_line is false at the first call. A caller that gives up calls
 * dowel_pace_leave. */
double dowel_pace_take(dowel_pace *pace, double now, bool *in_line);
void dowel_pace_leave(dowel_pace *pace, bool *in_line);
/* A request that started at `started` has ended. `too_many`: the service complained about the rate. */
void dowel_pace_told(dowel_pace *pace, double started, double now, bool too_many);

#endif
