/* dowel/clock.h: the time, deadlines, and ids that begin with the time. For modules of dowel and its command, not for programs. */
#ifndef DOWEL_CLOCK_H
#define DOWEL_CLOCK_H

#include <dowel/runtime.h>
#include <time.h>

/* Microseconds since the epoch. */
DOWEL_API int64_t dowel_now(void);
/* Seconds on a monotonic clock. */
DOWEL_API double dowel_clock(void);
/* `seconds` from now on CLOCK_REALTIME or CLOCK_MONOTONIC: the deadline of a pthread_cond_timedwait(). Capped at about 30 years. */
DOWEL_API struct timespec dowel_deadline(clockid_t clock, double seconds);

/* A UUID of version 7 (RFC 9562): ids sort by the time they were made. */
void dowel_new_run_id(char id[DOWEL_RUN_ID_SIZE]);

#endif
