/* The answer to a batch of calls: multipart/mixed, one application/http answer in each part. */
#ifndef DOWEL_GCS_BATCH_ANSWER_H
#define DOWEL_GCS_BATCH_ANSWER_H

#include <dowel/http.h>

/* One call's answer: which call (the number of its Content-ID), its status, its body (not NUL-terminated). */
typedef void (*dowel_gcs_batch_visitor)(void *context, size_t call, int status, const char *body, size_t size);

/* Visits what can be read; answers that are cut short, or do not say which call they are of, are left out. `type` is the Content-Type. */
void dowel_gcs_read_batch(const char *type, const void *data, size_t size, dowel_gcs_batch_visitor visit,
                          void *context);

#endif
