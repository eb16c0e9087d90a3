/* Reads the shared credentials and config files into sections of settings. */
#include "aws_profile.h"

#include <dowel/stream.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct setting {
    struct setting *next;
    char *section; /* profile name, or "sso-session NAME", "services NAME" */
    char *name;    /* lower case; NULL: the section itself */
    char *value;
    bool credentials; /* from the credentials file */
} setting;

struct dowel_aws_profiles {
    setting *settings;
};

dowel_aws_profiles *dowel_aws_profiles_new(void) {
    return calloc(1, sizeof(dowel_aws_profiles));
}

void dowel_aws_profiles_free(dowel_aws_profiles *profiles) {
    if (!profiles) return;
    for (setting *s = profiles->settings, *next; s; s = next) {
        next = s->next;
        if (s->value) OPENSSL_cleanse(s->value, strlen(s->value));
        free(s->section);
        free(s->name);
        free(s->value);
        free(s);
    }
    free(profiles);
}

static setting *find(const dowel_aws_profiles *profiles, const char *section, const char *name, bool credentials) {
    for (setting *s = profiles->settings; s; s = s->next)
        if (s->credentials == credentials && !strcmp(s->section, section) &&
            (name ? s->name && !strcmp(s->name, name) : !s->name))
            return s;
    return NULL;
}

/* Sets or replaces; a later line wins. */
static setting *put(dowel_aws_profiles *profiles, const char *section, const char *name, const char *value,
                    bool credentials) {
    setting *s = find(profiles, section, name, credentials);
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s) return NULL;
        s->section = strdup(section);
        s->name = name ? strdup(name) : NULL;
        s->credentials = credentials;
        s->next = profiles->settings;
        profiles->settings = s;
    }
    char *copy = value ? strdup(value) : NULL;
    if (s->value) OPENSSL_cleanse(s->value, strlen(s->value));
    free(s->value);
    s->value = copy;
    return s->section && (!name || s->name) && (!value || copy) ? s : NULL;
}

static char *trim(char *text) {
    while (isspace((unsigned char)*text)) text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) *--end = 0;
    return text;
}

static bool is_identifier(const char *name) {
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("_-./%@:+", *name)) return false;
    return true;
}

/* The name that a section line means, or NULL when the section is to be skipped. Cuts `line`. */
static char *section_name(char *line, bool credentials, char *buffer, size_t size) {
    char *name = trim(line);
    char *space = name;
    while (*space && !isspace((unsigned char)*space)) space++;
    char *rest = *space ? trim(space) : space;
    size_t length = (size_t)(space - name);
    if (*rest && length == 7 && !strncmp(name, "profile", 7)) {
        if (credentials || !is_identifier(rest)) return NULL;
        snprintf(buffer, size, "%s", rest);
        return buffer;
    }
    if (*rest && !credentials &&
        ((length == 11 && !strncmp(name, "sso-session", 11)) || (length == 8 && !strncmp(name, "services", 8)))) {
        snprintf(buffer, size, "%.*s %s", (int)length, name, rest);
        return is_identifier(rest) ? buffer : NULL;
    }
    if (*rest || !is_identifier(name)) return NULL;
    if (!credentials && strcmp(name, "default") != 0) return NULL;
    snprintf(buffer, size, "%s", name);
    return buffer;
}

static int problem(dowel_error *err, const char *origin, int line, const char *what) {
    dowel_fail(err, DOWEL_E_CREDENTIALS, "%s, line %d: %s", origin, line, what);
    return DOWEL_E_CREDENTIALS;
}

int dowel_aws_profiles_parse(dowel_aws_profiles *profiles, const char *text, size_t size, bool credentials,
                             const char *origin, dowel_error *err) {
    char *copy = malloc(size + 1), section[256] = "", *name = NULL;
    if (!copy) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    memcpy(copy, text, size);
    copy[size] = 0;
    int rc = 0, number = 0;
    bool in_section = false, skipped = false;
    setting *last = NULL;
    for (char *line = copy, *next; line && !rc; line = next) {
        char *end = strchr(line, '\n');
        next = end ? end + 1 : NULL;
        if (end) *end = 0;
        number++;
        line[strcspn(line, "\r")] = 0;
        char *content = trim(line);
        bool indented = content > line;
        if (!*content || *line == '#' || *line == ';') continue;
        if (*line == '[') {
            char *close = strchr(line, ']');
            if (!close) {
                rc = problem(err, origin, number, "a section without its closing bracket");
                break;
            }
            *close = 0;
            in_section = true;
            last = NULL;
            name = section_name(line + 1, credentials, section, sizeof section);
            skipped = !name;
            if (name && !put(profiles, section, NULL, NULL, credentials))
                rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
            continue;
        }
        if (!in_section) {
            rc = problem(err, origin, number,
                         indented ? "a continued line before any section" : "a setting before any section");
            break;
        }
        if (indented) {
            if (skipped) continue;
            if (!last) {
                rc = problem(err, origin, number, "a continued line without a setting before it");
                break;
            }
            if (!*last->value || strstr(last->value, "\n") == last->value) {
                /* "s3 =" and indented lines: sub-properties. They are kept both as text and one by one. */
                char *equals = strchr(content, '=');
                if (!equals) {
                    rc = problem(err, origin, number, "a sub-property without =");
                    break;
                }
                char key[256];
                *equals = 0;
                snprintf(key, sizeof key, "%s.%s", last->name, trim(content));
                for (char *c = key; *c; c++) *c = (char)tolower((unsigned char)*c);
                setting *parent = last;
                if (!put(profiles, section, key, trim(equals + 1), credentials))
                    rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
                last = parent;
            } else {
                size_t room = strlen(last->value) + strlen(content) + 2;
                char *joined = malloc(room);
                if (!joined) {
                    rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
                    break;
                }
                snprintf(joined, room, "%s\n%s", last->value, content);
                OPENSSL_cleanse(last->value, strlen(last->value));
                free(last->value);
                last->value = joined;
            }
            continue;
        }
        char *equals = strchr(line, '=');
        if (!equals) {
            rc = problem(err, origin, number, "a setting without =");
            break;
        }
        *equals = 0;
        char *key = trim(line), *value = equals + 1;
        if (!*key) {
            rc = problem(err, origin, number, "a setting without a name");
            break;
        }
        /* A comment starts at white space and # or ;. */
        for (char *p = value; *p; p++)
            if ((*p == '#' || *p == ';') && p > value && isspace((unsigned char)p[-1])) *p = 0;
        if (skipped) continue;
        for (char *c = key; *c; c++) *c = (char)tolower((unsigned char)*c);
        last = put(profiles, section, key, trim(value), credentials);
        if (!last) rc = dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    }
    OPENSSL_cleanse(copy, size);
    free(copy);
    return rc;
}

static int load_file(dowel_aws_profiles *profiles, const char *variable, const char *file, bool credentials,
                     dowel_error *err) {
    char path[PATH_MAX];
    const char *named = getenv(variable), *home = getenv("HOME");
    if (named && *named == '~' && named[1] == '/' && home)
        snprintf(path, sizeof path, "%s%s", home, named + 1);
    else if (named && *named)
        snprintf(path, sizeof path, "%s", named);
    else if (home && *home)
        snprintf(path, sizeof path, "%s/.aws/%s", home, file);
    else
        return 0;
    dowel_source *source;
    if (dowel_source_file(path, &source, NULL)) return 0;
    dowel_sink *sink = dowel_sink_memory(4u << 20);
    int rc = sink ? 0 : dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    char buffer[8192];
    size_t got = 1;
    while (!rc && got) {
        rc = dowel_source_read(source, buffer, sizeof buffer, &got, err);
        if (!rc && got) rc = dowel_sink_write(sink, buffer, got, err);
    }
    OPENSSL_cleanse(buffer, sizeof buffer);
    if (!rc) {
        dowel_bytes bytes = dowel_sink_bytes(sink);
        rc = dowel_aws_profiles_parse(profiles, bytes.data, bytes.size, credentials, path, err);
    }
    dowel_sink_close(sink);
    dowel_source_close(source);
    return rc;
}

int dowel_aws_profiles_load(dowel_aws_profiles **profiles, dowel_error *err) {
    dowel_aws_profiles *p = dowel_aws_profiles_new();
    if (!p) return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
    int rc = load_file(p, "AWS_CONFIG_FILE", "config", false, err);
    if (!rc) rc = load_file(p, "AWS_SHARED_CREDENTIALS_FILE", "credentials", true, err);
    if (rc)
        dowel_aws_profiles_free(p);
    else
        *profiles = p;
    return rc;
}

bool dowel_aws_profile_exists(const dowel_aws_profiles *profiles, const char *profile) {
    return find(profiles, profile, NULL, true) || find(profiles, profile, NULL, false);
}

const char *dowel_aws_profile_get(const dowel_aws_profiles *profiles, const char *profile, const char *name) {
    setting *s = find(profiles, profile, name, true);
    if (!s) s = find(profiles, profile, name, false);
    return s ? s->value : NULL;
}
