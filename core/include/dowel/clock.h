/* dowel/clock.h: clocks, and ids made from them. For modules of dowel, not for programs. */
#ifndef DOWEL_CLOCK_H
#define DOWEL_CLOCK_H

#include <dowel/runtime.h>

/* Microseconds since the epoch. */
int64_t dowel_now(void);
/* Seconds of a clock that never jumps. */
double dowel_clock(void);

/* A UUID of version 7 (RFC 9562): ids sort by the time they were made at. */
void dowel_new_run_id(char id[DOWEL_RUN_ID_SIZE]);

#endif
