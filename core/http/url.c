/* Growing text, percent-encoding, and which addresses are this machine's own. */
#include "http_internal.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* The host in one spelling: also "127.1" and "[0:0::1]" are addresses. `host` has no brackets. */
static void add_host(dowel_text *text, const char *host) {
    char shown[INET6_ADDRSTRLEN] = "";
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET6, host, &six) == 1 && inet_ntop(AF_INET6, &six, shown, sizeof shown)) {
        dowel_text_add(text, "[", 1);
        dowel_text_add(text, shown, strlen(shown));
        dowel_text_add(text, "]", 1);
        return;
    }
    if (inet_aton(host, &four) && inet_ntop(AF_INET, &four, shown, sizeof shown)) host = shown;
    size_t length = strlen(host);
    if (length > 1 && host[length - 1] == '.') length--; /* the root of all names */
    for (size_t i = 0; i < length; i++) {
        char c = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] - 'A' + 'a') : host[i];
        dowel_text_add(text, &c, 1);
    }
}

char *dowel_url_origin(const char *url) {
    size_t scheme = !dowel_ncasecmp(url, "https://", 8) ? 8 : !dowel_ncasecmp(url, "http://", 7) ? 7 : 0;
    if (!scheme) return strdup(url);
    const char *authority = url + scheme, *end = authority + strcspn(authority, "/?#"), *host = authority;
    for (const char *p = authority; p < end; p++)
        if (*p == '@') host = p + 1;
    bool bracket = *host == '[';
    const char *after = host + strcspn(host, bracket ? "]/?#" : ":/?#");
    char *name = strndup(host + bracket, (size_t)(after - host) - bracket);
    if (!name) return NULL;
    if (bracket && *after == ']') after++;
    dowel_text text = {0};
    dowel_text_add(&text, scheme == 8 ? "https://" : "http://", scheme);
    add_host(&text, name);
    free(name);
    const char *port = *after == ':' ? after + 1 : "", *standard = scheme == 8 ? "443" : "80";
    while (*port == '0') port++;
    size_t digits = *after == ':' && port < end ? (size_t)(end - port) : 0;
    if (digits && !(digits == strlen(standard) && !strncmp(port, standard, digits))) {
        dowel_text_add(&text, ":", 1);
        dowel_text_add(&text, port, digits);
    }
    size_t path = strcspn(end, "?#");
    while (path && end[path - 1] == '/') path--;
    dowel_text_add(&text, end, path);
    if (text.failed) dowel_text_free(&text);
    return text.data;
}

bool dowel_url_is_local(const char *url) {
    size_t scheme = !dowel_ncasecmp(url, "https://", 8) ? 8 : !dowel_ncasecmp(url, "http://", 7) ? 7 : 0;
    if (!scheme) return false;
    const char *host = url + scheme;
    size_t length = strcspn(host, "/?#");
    if (memchr(host, '@', length) || memchr(host, '\\', length)) return false;
    size_t name = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    if (name > length) return false;
    if (name == 9 && !dowel_ncasecmp(host, "localhost", 9)) return true;
    if (name == 5 && !strncmp(host, "[::1]", 5)) return true;
    char text[INET_ADDRSTRLEN] = "";
    struct in_addr address;
    if (name >= sizeof text) return false;
    memcpy(text, host, name);
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool dowel_url_is_safe(const char *url) {
    if (!dowel_ncasecmp(url, "https://", 8)) return url[8] && url[8] != '/';
    return dowel_url_is_local(url);
}
