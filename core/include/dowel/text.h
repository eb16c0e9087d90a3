/* dowel/text.h: text that grows. For modules of dowel, not for programs. */
#ifndef DOWEL_TEXT_H
#define DOWEL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Text that grows; `failed` remembers that memory ran out. Starts as {0}. */
typedef struct dowel_text {
    char *data; /* NULL while empty; otherwise followed by a NUL */
    size_t size, room;
    bool failed;
} dowel_text;

void dowel_text_add(dowel_text *text, const char *data, size_t size);
void dowel_text_add_encoded(dowel_text *text, const char *data, const char *keep);
void dowel_text_free(dowel_text *text); /* cleanses */

#endif
