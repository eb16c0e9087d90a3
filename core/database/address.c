/* Parses DOWEL_DATABASE_URL. PostgreSQL URLs are parsed more strictly than by libpq: if a password holds a character that is special in
 * a URL, libpq takes part of the password for a host or database and prints it in its errors. */
#include "address_internal.h"

#include <dowel/text.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 8192

static int refuse(const char *why, dowel_error *err) {
    int rc = dowel_fail(err, DOWEL_E_INVALID, "DOWEL_DATABASE_URL: not a PostgreSQL URL: %s", why);
    dowel_error_hint(
        err, "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with / ? @ : # %% and blanks in a name or password "
             "written as %%2F %%3F %%40 %%3A %%23 %%25 %%20");
    return rc;
}

/* Percent signs must be followed by two hexadecimal digits, and not mean NUL. */
static bool is_encoded(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7f) return false;
        if (c != '%') continue;
        if (i + 2 >= size || !isxdigit((unsigned char)text[i + 1]) || !isxdigit((unsigned char)text[i + 2]) ||
            (text[i + 1] == '0' && text[i + 2] == '0'))
            return false;
    }
    return true;
}

static char *decode(const char *text, size_t size) {
    char *out = malloc(size + 1), *end = out;
    for (size_t i = 0; out && i < size; i++) {
        if (text[i] == '%') {
            const char digits[] = {text[i + 1], text[i + 2], 0};
            *end++ = (char)strtoul(digits, NULL, 16);
            i += 2;
        } else {
            *end++ = text[i];
        }
    }
    if (out) *end = 0;
    return out;
}

static bool is_port(const char *text, size_t size) {
    unsigned long port = 0;
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i]) || i > 4) return false;
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return size && port >= 1 && port <= 65535;
}

/* host[:port], a name, an address, [an IPv6 address] or a folder with / as %2F. */
static const char *bad_host(const char *text, size_t size) {
    size_t name = 0;
    if (size && *text == '[') {
        const char *end = memchr(text, ']', size);
        if (!end) return "an IPv6 address without its closing ]";
        name = (size_t)(end - text) + 1;
        for (size_t i = 1; i + 1 < name; i++)
            if (!isxdigit((unsigned char)text[i]) && !strchr(":.%", text[i])) return "an invalid IPv6 address";
        if (name == 2 || (name < size && text[name] != ':')) return "an invalid IPv6 address";
    } else {
        while (name < size && text[name] != ':') name++;
        for (size_t i = 0; i < name; i++)
            if (!dowel_is_alnum((unsigned char)text[i]) && !strchr("-._%", text[i]))
                return "a host name with an invalid character";
        if (!is_encoded(text, name)) return "a host name with an invalid % in it";
    }
    if (name < size && !is_port(text + name + 1, size - name - 1)) return "a port that is not a number from 1 to 65535";
    return NULL;
}

/* Only parameters that name the place are shown; others may be secret. */
static bool is_shown(const char *name, size_t size) {
    static const char *const names[] = {"host", "hostaddr", "port", "dbname", "user", "sslmode", "service"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == size && !strncmp(names[i], name, size)) return true;
    return false;
}

typedef struct reading {
    dowel_database_address *address;
    char *end; /* of address->shown */
} reading;

static void show(reading *r, const char *text, size_t size) {
    memcpy(r->end, text, size);
    r->end += size;
    *r->end = 0;
}

static bool keep_password(reading *r, const char *text, size_t size) {
    dowel_database_address *address = r->address;
    dowel_wipe(address->password);
    return (address->password = decode(text, size)) != NULL;
}

static const char *bad_parameters(reading *r, const char *text, size_t size) {
    const char *separator = "?";
    for (size_t i = 0; i <= size;) {
        size_t end = i;
        while (end < size && text[end] != '&') end++;
        const char *name = text + i, *equals = memchr(name, '=', end - i);
        if (!equals || equals == name) return "after the ? it must have NAME=VALUE, joined by &";
        size_t length = (size_t)(equals - name), rest = end - i - length - 1;
        for (size_t k = 0; k < length; k++)
            if (!islower((unsigned char)name[k]) && name[k] != '_')
                return "a parameter name with characters other than a-z and _";
        if (!is_encoded(equals + 1, rest) || memchr(equals + 1, '=', rest))
            return "a parameter value that is not percent-encoded";
        if (length == 8 && !strncmp(name, "password", 8) && !keep_password(r, equals + 1, rest)) return "";
        if (is_shown(name, length)) {
            show(r, separator, 1);
            show(r, name, end - i);
            separator = "&";
        }
        i = end + 1;
    }
    return NULL;
}

static const char *bad_user(reading *r, const char *text, size_t size) {
    const char *colon = memchr(text, ':', size);
    size_t name = colon ? (size_t)(colon - text) : size;
    if (!is_encoded(text, size)) return "a user or password with an invalid % or a blank in it";
    if (colon && memchr(colon + 1, ':', size - name - 1)) return "a user or password with a : in it";
    show(r, text, name);
    show(r, "@", 1);
    return colon && !keep_password(r, colon + 1, size - name - 1) ? "" : NULL;
}

/* NULL, or why the URL is refused; "" if memory ran out. */
static const char *read_postgres(reading *r, const char *url) {
    const char *authority = strstr(url, "://") + 3;
    show(r, "postgresql://", 13);
    size_t size = strcspn(authority, "/?#");
    const char *at = memchr(authority, '@', size), *hosts = authority, *wrong = NULL;
    if (at) {
        hosts = at + 1;
        if (memchr(hosts, '@', size - (size_t)(hosts - authority))) return "it has more than one @";
        wrong = bad_user(r, authority, (size_t)(at - authority));
        if (wrong) return wrong;
    }
    const char *end = authority + size;
    for (const char *host = hosts; host <= end && end > hosts;) {
        const char *comma = memchr(host, ',', (size_t)(end - host));
        size_t length = (size_t)((comma ? comma : end) - host);
        if ((wrong = bad_host(host, length))) return wrong;
        host += length + 1;
    }
    if (strchr(end, '@')) return "it has an @ after the host";
    if (strchr(end, '#')) return "it has a #";
    show(r, hosts, (size_t)(end - hosts));
    if (*end == '/') {
        size_t name = strcspn(end, "?");
        if (memchr(end + 1, '/', name - 1)) return "a database name with a / in it";
        if (!is_encoded(end, name)) return "a database name with an invalid % or a blank in it";
        show(r, end, name);
        end += name;
    }
    return *end == '?' ? bad_parameters(r, end + 1, strlen(end + 1)) : NULL;
}

static int parse_postgres(const char *url, dowel_database_address *address, dowel_error *err) {
    size_t size = strlen(url);
    address->kind = DOWEL_DATABASE_POSTGRES;
    address->path = strdup(url);
    address->shown = malloc(size + 16);
    if (!address->path || !address->shown) return dowel_no_memory(err);
    reading r = {address, address->shown};
    const char *wrong = read_postgres(&r, url);
    return !wrong ? 0 : *wrong ? refuse(wrong, err) : dowel_no_memory(err);
}

int dowel_database_address_parse(const char *url, dowel_database_address *address, dowel_error *err) {
    dowel_database_address found = {0};
    int rc = 0;
    if (strlen(url) > LARGEST) {
        rc = dowel_fail(err, DOWEL_E_INVALID, "DOWEL_DATABASE_URL: longer than %d characters", LARGEST);
    } else if (!strcmp(url, "memory:")) {
        found.kind = DOWEL_DATABASE_MEMORY;
        found.shown = strdup(url);
        if (!found.shown) rc = dowel_no_memory(err);
    } else if (!strncmp(url, "sqlite:", 7) && url[7]) {
        found = (dowel_database_address){.path = strdup(url + 7), .shown = strdup(url + 7)};
        if (!found.path || !found.shown) rc = dowel_no_memory(err);
    } else if (!strncmp(url, "postgresql://", 13) || !strncmp(url, "postgres://", 11)) {
        rc = parse_postgres(url, &found, err);
    } else {
        size_t kind = strcspn(url, ":");
        /* The text after the colon may be a password. Without a colon the text is probably a path. */
        rc = url[kind]
                 ? dowel_fail(err, DOWEL_E_INVALID, "DOWEL_DATABASE_URL: \"%.*s:\" is not a supported kind of database",
                              (int)(kind < 30 ? kind : 30), url)
                 : dowel_fail(err, DOWEL_E_INVALID, "DOWEL_DATABASE_URL: it does not begin with a kind of database");
        dowel_error_hint(err, "use sqlite:PATH, postgresql://USER@HOST/DATABASE or memory:");
    }
    if (rc)
        dowel_database_address_clear(&found);
    else
        *address = found;
    return rc;
}

void dowel_database_address_clear(dowel_database_address *address) {
    dowel_wipe(address->path);
    dowel_wipe(address->password);
    free(address->shown);
    *address = (dowel_database_address){0};
}
