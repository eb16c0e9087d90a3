/* Parses the answer to a batch request, which is untrusted input. */
#include "batch_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next part of a multipart body; *rest moves to its end. NULL: no further part. */
static char *next_part(char **rest, const char *mark) {
    char *start = strstr(*rest, mark);
    if (!start || !strncmp(start + strlen(mark), "--", 2)) return NULL;
    start += strlen(mark);
    char *end = strstr(start, mark);
    if (!end) return NULL; /* cut short */
    *rest = end;
    return start;
}

static char *after_blank_line(char *text, const char *end) {
    char *crlf = strstr(text, "\r\n\r\n"), *lf = strstr(text, "\n\n");
    char *found = crlf && (!lf || crlf < lf) ? crlf + 4 : lf ? lf + 2 : NULL;
    return found && found < end ? found : NULL;
}

/* The number of the call that a part answers, from "Content-ID: <response-7>". */
static bool read_call(const char *headers, const char *end, size_t *call) {
    for (const char *line = headers; line && line < end; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (dowel_ncasecmp(line, "Content-ID:", 11) != 0) continue;
        line += strcspn(line, "0123456789\r\n");
        if (*line < '0' || *line > '9') continue;
        *call = strtoul(line, NULL, 10);
        return true;
    }
    return false;
}

static int read_status(const char *answer) {
    int status = 0;
    if (strncmp(answer, "HTTP/", 5) != 0) return 0;
    const char *space = strpbrk(answer, " \r\n");
    return space && *space == ' ' && sscanf(space, " %3d", &status) == 1 ? status : 0;
}

void dowel_gcs_read_batch(const char *type, const void *data, size_t size, dowel_gcs_batch_visitor visit,
                          void *context) {
    const char *boundary = type ? strstr(type, "boundary=") : NULL;
    if (!boundary) return;
    boundary += strlen("boundary=");
    size_t length = *boundary == '"' ? strcspn(++boundary, "\"") : strcspn(boundary, "; ");
    char mark[256];
    if (!length || length > 200) return;
    snprintf(mark, sizeof mark, "--%.*s", (int)length, boundary);
    char *copy = malloc(size + 1), *rest = copy, *part;
    if (!copy) return;
    if (size) memcpy(copy, data, size);
    copy[size] = 0;
    while ((part = next_part(&rest, mark))) {
        size_t call;
        char *answer = after_blank_line(part, rest);
        int status = answer && read_call(part, answer, &call) ? read_status(answer) : 0;
        if (!status) continue;
        const char *body = after_blank_line(answer, rest);
        visit(context, call, status, body ? body : "", body ? (size_t)(rest - body) : 0);
    }
    free(copy);
}
