/* Proxy variables, where libcurl needs help with them. */
#include "http_internal.h"

#include <dowel/url.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ", \t\r\n"

static const char *set(const char *name) {
    const char *value = getenv(name);
    return value && value[strspn(value, " \t\r\n\v\f")] ? value : NULL;
}

const char *dowel_proxy_variable(const char *url) {
    /* libcurl's order. Without HTTP_PROXY, which a client of a CGI program can set with a header "Proxy". */
    static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL},
                             *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
    const char *const *name = dowel_ncasecmp(url, "https:", 6) ? plain : secure;
    while (*name && !set(*name)) name++;
    return *name;
}

static void port_of(const char *url, char port[8]) {
    dowel_url parts;
    bool given = !dowel_url_split(url, &parts, NULL) && parts.port;
    snprintf(port, 8, "%s", given ? parts.port : dowel_ncasecmp(url, "https:", 6) ? "80" : "443");
    dowel_url_clear(&parts);
}

/* Where the port of an entry begins; NULL: it has none. */
static const char *port_in(const char *entry, size_t size) {
    const char *end = entry + size, *colon = NULL;
    size_t colons = 0;
    for (const char *p = entry; p < end; p++)
        if (*p == ':') colons++, colon = p;
    bool bracketed = *entry == '[';
    if (bracketed ? !colon || colon == entry || colon[-1] != ']' : colons != 1) return NULL;
    size_t digits = strspn(colon + 1, "0123456789");
    return digits && colon + 1 + digits == end ? colon + 1 : NULL;
}

static void add_entry(dowel_text *list, const char *entry, size_t size, const char *port) {
    const char *own = port_in(entry, size);
    if (own) {
        size_t own_size = (size_t)(entry + size - own);
        if (own_size != strlen(port) || strncmp(own, port, own_size) != 0) return; /* of another port */
        size -= own_size + 1;
    }
    if (size > 2 && *entry == '[' && entry[size - 1] == ']') entry++, size -= 2;
    if (size > 2 && entry[0] == '*' && entry[1] == '.') entry++, size--; /* as in Go: all hosts of the domain */
    if (list->size) dowel_text_add(list, ",", 1);
    dowel_text_add(list, entry, size);
}

char *dowel_no_proxy(const char *url) {
    const char *given = set("no_proxy");
    if (!given) given = set("NO_PROXY");
    if (!given) return NULL;
    char port[8];
    port_of(url, port);
    dowel_text list = {0};
    for (const char *p = given; *p;) {
        p += strspn(p, SEPARATORS);
        size_t size = strcspn(p, SEPARATORS);
        if (size) add_entry(&list, p, size, port);
        p += size;
    }
    return dowel_text_take(&list, NULL);
}
