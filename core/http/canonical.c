/* The canonical request: method, path, query, headers and the digest of the body in one form, whatever the order on the wire. */
#include <dowel/canonical.h>

#include <stdlib.h>
#include <string.h>

/* ---- path ---- */

void dowel_canonical_path(dowel_text *out, const char *path) {
    dowel_text clean = {0};
    const char *p = path;
    bool folder = true;
    while (*p && !clean.failed) {
        while (*p == '/') p++;
        size_t size = strcspn(p, "/");
        folder = true;
        if (size == 0) break;
        if (size == 2 && p[0] == '.' && p[1] == '.') {
            while (clean.size && clean.data[--clean.size] != '/') continue;
            if (clean.data) clean.data[clean.size] = 0;
        } else if (!(size == 1 && *p == '.')) {
            dowel_text_put(&clean, "/");
            dowel_text_add(&clean, p, size);
            folder = p[size] == '/';
        }
        p += size;
    }
    if (folder) dowel_text_put(&clean, "/");
    if (clean.failed)
        out->failed = true;
    else
        dowel_text_add_encoded(out, clean.data, "/");
    dowel_text_free(&clean);
}

/* ---- query ---- */

typedef struct parameter {
    char *name, *value; /* encoded */
} parameter;

static int compare_parameters(const void *a, const void *b) {
    const parameter *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->value, y->value);
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes percent-encoded characters, then encodes every character that must be. NULL: out of memory. */
static char *recode(const char *data, size_t size) {
    dowel_text out = {0};
    dowel_text_put(&out, "");
    for (size_t i = 0; i < size; i++) {
        char c[2] = {data[i], 0};
        int high = *c == '%' && i + 2 < size ? hex_value(data[i + 1]) : -1,
            low = high < 0 ? -1 : hex_value(data[i + 2]);
        if (low >= 0) {
            *c = (char)(high * 16 + low);
            i += 2;
        }
        if (*c)
            dowel_text_add_encoded(&out, c, NULL);
        else
            dowel_text_put(&out, "%00");
    }
    return dowel_text_take(&out, NULL);
}

static void add_sorted(dowel_text *out, parameter *list, size_t count) {
    qsort(list, count, sizeof *list, compare_parameters);
    for (size_t i = 0; i < count; i++) {
        if (i) dowel_text_put(out, "&");
        dowel_text_put(out, list[i].name);
        dowel_text_put(out, "=");
        dowel_text_put(out, list[i].value);
    }
}

void dowel_canonical_query(dowel_text *out, const char *query) {
    size_t count = 0, room = 1;
    for (const char *p = query; *p; p++) room += *p == '&';
    parameter *list = calloc(room, sizeof *list);
    if (!list) {
        out->failed = true;
        return;
    }
    for (const char *p = query; *p;) {
        const char *end = p + strcspn(p, "&"), *equals = memchr(p, '=', (size_t)(end - p));
        if (end > p) {
            list[count].name = recode(p, (size_t)((equals ? equals : end) - p));
            list[count].value = equals ? recode(equals + 1, (size_t)(end - equals - 1)) : strdup("");
            if (!list[count].name || !list[count].value) out->failed = true;
            count++;
        }
        p = *end ? end + 1 : end;
    }
    if (!out->failed) add_sorted(out, list, count);
    for (size_t i = 0; i < count; i++) {
        dowel_wipe(list[i].name);
        dowel_wipe(list[i].value);
    }
    free(list);
}

/* ---- headers ---- */

typedef struct signed_header {
    char *name; /* lower case */
    const char *value;
    size_t order;
} signed_header;

static int compare_headers(const void *a, const void *b) {
    const signed_header *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

static char *lower_case(const char *name) {
    char *copy = strdup(name);
    for (char *c = copy; c && *c; c++) *c = (char)dowel_lower((unsigned char)*c);
    return copy;
}

/* Trims white space and folds each run of it into one space. */
static void add_folded(dowel_text *out, const char *value) {
    for (const char *p = value; *p;) {
        size_t space = 0;
        while (dowel_is_space((unsigned char)p[space])) space++;
        size_t word = space;
        while (p[word] && !dowel_is_space((unsigned char)p[word])) word++;
        if (space && word > space && p != value) dowel_text_put(out, " ");
        dowel_text_add(out, p + space, word - space);
        p += word;
    }
}

static void add_header(dowel_text *lines, dowel_text *names, const signed_header *header, bool repeated) {
    if (repeated && lines->size) {
        lines->data[--lines->size] = 0; /* the line break: another value on the same line */
        dowel_text_put(lines, ",");
    } else {
        if (names->size) dowel_text_put(names, ";");
        dowel_text_put(names, header->name);
        dowel_text_put(lines, header->name);
        dowel_text_put(lines, ":");
    }
    add_folded(lines, header->value);
    dowel_text_put(lines, "\n");
}

void dowel_canonical_headers(const dowel_header *const *lists, bool (*skip)(const char *name), dowel_text *lines,
                             dowel_text *names) {
    size_t room = 0, count = 0;
    for (size_t i = 0; lists[i]; i++)
        for (const dowel_header *h = lists[i]; h->name; h++) room++;
    signed_header *list = calloc(room + 1, sizeof *list);
    if (!list) lines->failed = true;
    for (size_t i = 0; list && lists[i]; i++) {
        for (const dowel_header *h = lists[i]; h->name; h++) {
            if (skip && skip(h->name)) continue;
            list[count] = (signed_header){lower_case(h->name), h->value, count};
            if (!list[count++].name) lines->failed = true;
        }
    }
    if (!lines->failed) qsort(list, count, sizeof *list, compare_headers);
    for (size_t i = 0; i < count && !lines->failed; i++)
        add_header(lines, names, &list[i], i && !strcmp(list[i].name, list[i - 1].name));
    for (size_t i = 0; i < count; i++) free(list[i].name);
    free(list);
}

void dowel_canonical_request(dowel_text *out, const dowel_canonical *parts) {
    const char *const lines[] = {parts->method, parts->path, parts->query, parts->headers, parts->names};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        dowel_text_put(out, lines[i]);
        dowel_text_put(out, "\n");
    }
    dowel_text_put(out, parts->payload);
}
