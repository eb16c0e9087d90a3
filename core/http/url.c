/* URLs in one spelling, and which of them are of this machine. */
#include "http_internal.h"

#include <dowel/url.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* The host in one spelling: "[0:0::1]" is "[::1]", "Host." is "host". Addresses such as 127.1 are written in full already. */
static void add_host(dowel_text *text, const char *host) {
    char shown[INET6_ADDRSTRLEN] = "";
    size_t length = strlen(host);
    struct in6_addr six;
    if (*host == '[' && length - 2 < sizeof shown) {
        memcpy(shown, host + 1, length - 2);
        if (inet_pton(AF_INET6, shown, &six) == 1 && inet_ntop(AF_INET6, &six, shown, sizeof shown)) {
            dowel_text_format(text, "[%s]", shown);
            return;
        }
    }
    if (length > 1 && host[length - 1] == '.') length--; /* the root of all names */
    for (size_t i = 0; i < length; i++) {
        char c = (char)dowel_lower((unsigned char)host[i]);
        dowel_text_add(text, &c, 1);
    }
}

static bool is_web(const char *url) {
    return !dowel_ncasecmp(url, "https://", 8) || !dowel_ncasecmp(url, "http://", 7);
}

char *dowel_url_origin(const char *url) {
    dowel_url parts;
    if (!is_web(url) || dowel_url_split(url, &parts, NULL)) return strdup(url);
    dowel_text text = {0};
    dowel_text_format(&text, "%s://", parts.scheme);
    add_host(&text, parts.host);
    const char *port = parts.port ? parts.port : "", *standard = strcmp(parts.scheme, "https") ? "80" : "443";
    while (*port == '0') port++;
    if (*port && strcmp(port, standard) != 0) dowel_text_format(&text, ":%s", port);
    size_t path = strcspn(parts.rest, "?#");
    while (path && parts.rest[path - 1] == '/') path--;
    dowel_text_add(&text, parts.rest, path);
    dowel_url_clear(&parts);
    return dowel_text_take(&text, NULL);
}

bool dowel_url_is_local(const char *url) {
    dowel_url parts;
    if (!is_web(url) || dowel_url_split(url, &parts, NULL)) return false;
    struct in_addr four;
    bool loopback = inet_pton(AF_INET, parts.host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
    bool local = !parts.user && (loopback || !dowel_casecmp(parts.host, "localhost") || !strcmp(parts.host, "[::1]"));
    dowel_url_clear(&parts);
    return local;
}

bool dowel_url_is_safe(const char *url) {
    if (!dowel_ncasecmp(url, "https://", 8)) return url[8] && url[8] != '/';
    return dowel_url_is_local(url);
}
