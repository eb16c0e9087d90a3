/* What every cmocka program includes first. */
#ifndef DOWEL_TEST_H
#define DOWEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dowel/dowel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fails with dowel's own message. */
#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        dowel_error assert_error = {0};                                                                                \
        dowel_error *err = &assert_error;                                                                              \
        int assert_code = (call);                                                                                      \
        if (assert_code) fail_msg("%s: %d: %s", #call, assert_code, err->message);                                     \
    } while (0)

/* The whole of a file, NUL-terminated; NULL when it cannot be read. The caller frees it. */
static inline char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    size_t room = 1 << 16, used = 0, n;
    char *data = malloc(room + 1);
    while (data && (n = fread(data + used, 1, room - used, file)) > 0) {
        used += n;
        if (used == room) {
            char *grown = realloc(data, (room *= 2) + 1);
            if (!grown) free(data);
            data = grown;
        }
    }
    fclose(file);
    if (data) data[used] = 0;
    if (size) *size = used;
    return data;
}

static inline const char *variable(const char *name) {
    const char *value = getenv(name);
    if (!value || !*value) {
        print_message("%s is not set: run through ctest\n", name);
        exit(1);
    }
    return value;
}

#endif
