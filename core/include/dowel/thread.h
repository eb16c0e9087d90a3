/* dowel/thread.h: starts threads. For modules of dowel, not for programs. */
#ifndef DOWEL_THREAD_H
#define DOWEL_THREAD_H

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* pthread_create() with all signals blocked in the new thread: signals are for the threads that the program made. Returns 0 or errno's number; the
 * caller joins the thread. */
int dowel_thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

#ifdef __cplusplus
}
#endif
#endif
