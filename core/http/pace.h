/* How fast requests go to a service that says that they are too many: slower at once, then carefully faster. */
#ifndef DOWEL_PACE_H
#define DOWEL_PACE_H

#include <stdbool.h>

/* Times are seconds of one steady clock. Nothing here locks or waits. */
typedef struct dowel_pace {
    bool limited;  /* nobody waits before a service has complained of more than one at a time */
    double rate;   /* requests a second that may start */
    double room;   /* that may start at once */
    int flying;    /* requests that were started and not answered */
    int line;      /* how many wait for their turn */
    double filled; /* when room was last made */
    double top,
        since; /* the rate at which it complained last, and when: the rate comes back along a cubic curve through it */
    double seen;   /* requests a second that were started, smoothed */
    double window; /* since when they are counted */
    int count;
} dowel_pace;

/* A request wants to start: 0, or the seconds after which it asks again. *in_line is false when it asks for the first time. One that gives up waiting
 * leaves the line. */
double dowel_pace_take(dowel_pace *pace, double now, bool *in_line);
void dowel_pace_leave(dowel_pace *pace, bool *in_line);
/* A request that started at `started` has ended: the service said that there are too many, or not. */
void dowel_pace_told(dowel_pace *pace, double started, double now, bool too_many);

#endif
