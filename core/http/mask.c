/* Names of headers and query parameters that carry secrets, and URLs as logs and recordings may show them. */
#include "http_internal.h"

#include <string.h>

static bool same_word(const char *name, const char *word, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (dowel_lower(name[i] == '_' ? '-' : name[i]) != word[i]) return false;
    return true;
}

/* "X-Any-Signature" ends in the word "signature"; so does "signature". */
static bool ends_in_word(const char *name, size_t length, const char *const *words) {
    for (; *words; words++) {
        size_t size = strlen(*words), before = length - size;
        if (size > length || !same_word(name + before, *words, size)) continue;
        if (!before || name[before - 1] == '-' || name[before - 1] == '_') return true;
    }
    return false;
}

static bool is_listed(const char *name, size_t length, const char *const *list) {
    for (; list && *list; list++)
        if (strlen(*list) == length && !dowel_ncasecmp(*list, name, length)) return true;
    return false;
}

bool dowel_http_secret_header_name(const dowel_http_names *names, const char *header) {
    static const char *const words[] = {"authorization", "cookie", "credential", "key",   "password",
                                        "secret",        "sig",    "signature",  "token", NULL};
    size_t length = strlen(header);
    return ends_in_word(header, length, words) || (names && is_listed(header, length, names->secret_headers));
}

static bool is_secret_parameter(const dowel_http_names *names, const char *name, size_t length) {
    /* Page tokens and object keys end in "token" and "key" but are not secrets. */
    static const char *const words[] = {"access-token", "api-key",  "assertion",     "credential",
                                        "id-token",     "password", "refresh-token", "security-token",
                                        "secret",       "sig",      "signature",     NULL};
    static const char *const whole[] = {"code", "key", "token", NULL};
    return ends_in_word(name, length, words) || is_listed(name, length, whole) ||
           (names && is_listed(name, length, names->secret_parameters));
}

static void add_mask(dowel_text *line) {
    dowel_text_add(line, DOWEL_MASK, strlen(DOWEL_MASK));
}

void dowel_http_mask_url(dowel_text *line, const char *url, const dowel_http_names *names, bool secret_url,
                         bool secret_query) {
    size_t path = strcspn(url, "?");
    const char *scheme = strstr(url, "://"), *slash = scheme ? strchr(scheme + 3, '/') : NULL;
    if (secret_url && slash) {
        dowel_text_add(line, url, (size_t)(slash + 1 - url));
        add_mask(line);
        return;
    }
    dowel_text_add(line, url, path);
    if (!url[path]) return;
    if (secret_query) {
        dowel_text_add(line, "?", 1);
        add_mask(line);
        return;
    }
    for (const char *p = url + path; *p;) {
        dowel_text_add(line, p++, 1); /* ? or & */
        const char *end = p + strcspn(p, "&"), *equals = memchr(p, '=', (size_t)(end - p));
        bool secret = equals && is_secret_parameter(names, p, (size_t)(equals - p));
        dowel_text_add(line, p, (size_t)((secret ? equals + 1 : end) - p));
        if (secret) add_mask(line);
        p = end;
    }
}
