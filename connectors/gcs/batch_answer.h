/* Parses the answer to a batch request: multipart/mixed, with one application/http answer in each part. */
#ifndef DOWEL_GCS_BATCH_ANSWER_H
#define DOWEL_GCS_BATCH_ANSWER_H

#include <dowel/http.h>

/* Receives the answer to one call: the number of its Content-ID, its status, its body (not NUL-terminated). */
typedef void (*dowel_gcs_batch_visitor)(void *context, size_t call, int status, const char *body, size_t size);

/* Visits each complete answer that names its call. `type` is the Content-Type. */
void dowel_gcs_read_batch(const char *type, const void *data, size_t size, dowel_gcs_batch_visitor visit,
                          void *context);

#endif
