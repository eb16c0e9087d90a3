/* Any bytes as the answer to a batch; the first line is its Content-Type. What is visited lies inside what came. */
#include "batch_answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(void *context, size_t call, int status, const char *body, size_t size) {
    (void)call;
    size_t *sum = context;
    if (!status) abort();
    for (size_t i = 0; i < size; i++) *sum += (unsigned char)body[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *line = memchr(data, '\n', size);
    size_t length = line ? (size_t)(line - data) : 0, sum = 0;
    char *type = malloc(length + sizeof "multipart/mixed; boundary=");
    if (!type) return 0;
    strcpy(type, "multipart/mixed; boundary=");
    strncat(type, (const char *)data, length);
    dowel_gcs_read_batch(type, data + length, size - length, visit, &sum);
    free(type);
    return 0;
}
