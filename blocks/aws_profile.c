/* The grammar of the shared config and credentials files: sections of settings. */
#include "aws_profile.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANK " \t"

typedef struct setting {
    struct setting *next;
    char *name;  /* lower case */
    char *value; /* a secret for all we know */
} setting;

typedef struct section {
    struct section *next;
    dowel_aws_section kind;
    bool bare; /* [default] of the config file: [profile default] takes its place */
    char *name;
    setting *settings;
} section;

struct dowel_aws_profiles {
    section *sections;
};

dowel_aws_profiles *dowel_aws_profiles_new(void) {
    return calloc(1, sizeof(dowel_aws_profiles));
}

static void drop(char *text) {
    if (text) OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static void drop_settings(section *s) {
    for (setting *e = s->settings, *next; e; e = next) {
        next = e->next;
        free(e->name);
        drop(e->value);
        free(e);
    }
    s->settings = NULL;
}

void dowel_aws_profiles_free(dowel_aws_profiles *profiles) {
    if (!profiles) return;
    for (section *s = profiles->sections, *next; s; s = next) {
        next = s->next;
        drop_settings(s);
        free(s->name);
        free(s);
    }
    free(profiles);
}

static section *find_section(const dowel_aws_profiles *profiles, dowel_aws_section kind, const char *name) {
    section *s = profiles->sections;
    while (s && (s->kind != kind || strcmp(s->name, name) != 0)) s = s->next;
    return s;
}

static setting *find_setting(const section *s, const char *name) {
    setting *e = s ? s->settings : NULL;
    while (e && strcmp(e->name, name) != 0) e = e->next;
    return e;
}

static section *add_section(dowel_aws_profiles *profiles, dowel_aws_section kind, const char *name) {
    section **end = &profiles->sections;
    while (*end) end = &(*end)->next;
    section *s = calloc(1, sizeof *s);
    char *copy = s ? strdup(name) : NULL;
    if (!copy) {
        free(s);
        return NULL;
    }
    s->kind = kind;
    s->name = copy;
    return *end = s;
}

/* Sets or replaces: a later line wins. Takes `value`. */
static setting *put(section *s, const char *name, char *value) {
    setting **end = &s->settings;
    while (*end && strcmp((*end)->name, name) != 0) end = &(*end)->next;
    if (*end) {
        drop((*end)->value);
        (*end)->value = value;
        return *end;
    }
    setting *e = value ? calloc(1, sizeof *e) : NULL;
    char *copy = e ? strdup(name) : NULL;
    if (!copy) {
        free(e);
        drop(value);
        return NULL;
    }
    *e = (setting){NULL, copy, value};
    return *end = e;
}

/* ---- lines ---- */

static char *trim(char *text) {
    text += strspn(text, BLANK);
    char *end = text + strlen(text);
    while (end > text && strchr(BLANK, end[-1])) *--end = 0;
    return text;
}

static bool is_identifier(const char *name) {
    if (!*name) return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("_-./%@:+", *name)) return false;
    return true;
}

/* Where the text of one file stands. */
typedef struct reader {
    dowel_aws_profiles *profiles;
    bool credentials;
    const char *origin;
    int line;
    bool in_section;
    section *section; /* NULL: one that is passed over */
    setting *setting; /* what an indented line continues */
    bool passed_over; /* indented lines belong to a setting that is passed over */
    dowel_error *err;
} reader;

static int problem(const reader *r, const char *what) {
    int rc = dowel_fail(r->err, DOWEL_E_CREDENTIALS, "%s, line %d: %s", r->origin, r->line, what);
    dowel_error_hint(r->err,
                     "correct the file; its settings are written \"name = value\" below a line \"[profile NAME]\"");
    return rc;
}

static int no_memory(const reader *r) {
    return dowel_fail(r->err, DOWEL_E_NO_MEMORY, "out of memory");
}

/* Kind and name that stand between the brackets; false for a section that means nothing here. */
static bool section_of(const reader *r, char *text, dowel_aws_section *kind, char **name, bool *bare) {
    static const struct {
        const char *word;
        dowel_aws_section kind;
    } words[] = {
        {"profile", DOWEL_AWS_PROFILE}, {"sso-session", DOWEL_AWS_SSO_SESSION}, {"services", DOWEL_AWS_SERVICES}};
    char *space = text + strcspn(text, BLANK);
    *kind = DOWEL_AWS_PROFILE;
    *name = text;
    *bare = false;
    if (r->credentials) return is_identifier(text);
    if (!*space) {
        *bare = !strcmp(text, "default");
        return *bare;
    }
    *name = space + strspn(space, BLANK);
    *space = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, text) != 0) continue;
        *kind = words[i].kind;
        return is_identifier(*name);
    }
    return false;
}

static int read_section(reader *r, char *line) {
    line[strcspn(line, "#;")] = 0;
    line = trim(line);
    size_t length = strlen(line);
    if (line[length - 1] != ']') return problem(r, "the section's name must end with a ]");
    line[length - 1] = 0;
    dowel_aws_section kind;
    char *name;
    bool bare;
    r->in_section = true;
    r->section = NULL;
    r->setting = NULL;
    r->passed_over = false;
    if (!section_of(r, trim(line + 1), &kind, &name, &bare)) return 0;
    section *s = find_section(r->profiles, kind, name);
    if (s && bare && !s->bare) return 0;
    if (s && s->bare && !bare && !r->credentials) {
        drop_settings(s);
        s->bare = false;
    }
    if (!s) {
        s = add_section(r->profiles, kind, name);
        if (!s) return no_memory(r);
        s->bare = bare;
    }
    r->section = s;
    return 0;
}

static int read_setting(reader *r, char *line) {
    if (!r->in_section) return problem(r, "a section such as [default] must come before the first setting");
    /* A comment begins at white space and # or ;. */
    for (char *p = line + 1; *p; p++)
        if ((*p == '#' || *p == ';') && strchr(BLANK, p[-1])) *p = 0;
    char *equals = strchr(line, '=');
    if (!equals) return problem(r, "a setting needs a =");
    *equals = 0;
    char *name = trim(line);
    if (!*name) return problem(r, "a setting without a name");
    r->setting = NULL;
    r->passed_over = !r->section || !is_identifier(name);
    if (r->passed_over) return 0;
    for (char *c = name; *c; c++) *c = (char)tolower((unsigned char)*c);
    char *value = strdup(trim(equals + 1));
    r->setting = value ? put(r->section, name, value) : NULL;
    return r->setting ? 0 : no_memory(r);
}

static int read_continued(reader *r, char *line) {
    line = trim(line);
    if (!r->in_section) return problem(r, "a section such as [default] must come before the first setting");
    if (r->passed_over || !r->section) return 0;
    if (!r->setting) return problem(r, "an indented line continues a setting, and there is none before it");
    char *old = r->setting->value;
    if (!*old || *old == '\n') { /* settings of the setting */
        if (!strchr(line, '=')) return problem(r, "a setting below another needs a =");
        if (*line == '=') return problem(r, "a setting below another without a name");
    }
    size_t room = strlen(old) + strlen(line) + 2;
    char *joined = malloc(room);
    if (!joined) return no_memory(r);
    snprintf(joined, room, "%s\n%s", old, line);
    drop(old);
    r->setting->value = joined;
    return 0;
}

static int read_line(reader *r, char *line) {
    if (!line[strspn(line, BLANK)] || *line == '#' || *line == ';') return 0;
    if (*line == '[') return read_section(r, line);
    return strchr(BLANK, *line) ? read_continued(r, line) : read_setting(r, line);
}

int dowel_aws_profiles_parse(dowel_aws_profiles *profiles, const char *text, size_t size, bool credentials,
                             const char *origin, dowel_error *err) {
    reader r = {.profiles = profiles, .credentials = credentials, .origin = origin, .err = err};
    if (size && memchr(text, 0, size))
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: a NUL byte: this is no text file", origin);
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark, as editors on Windows leave it */
        text += 3;
        size -= 3;
    }
    char *copy = malloc(size + 1);
    if (!copy) return no_memory(&r);
    if (size) memcpy(copy, text, size);
    copy[size] = 0;
    int rc = 0;
    for (char *line = copy, *next; line && !rc; line = next) {
        size_t length = strcspn(line, "\n");
        next = line[length] ? line + length + 1 : NULL;
        if (length && line[length - 1] == '\r') length--;
        line[length] = 0;
        r.line++;
        rc = read_line(&r, line);
    }
    OPENSSL_cleanse(copy, size);
    free(copy);
    return rc;
}

/* ---- asking ---- */

bool dowel_aws_section_exists(const dowel_aws_profiles *profiles, dowel_aws_section kind, const char *name) {
    return find_section(profiles, kind, name) != NULL;
}

const char *dowel_aws_setting(const dowel_aws_profiles *profiles, dowel_aws_section kind, const char *name,
                              const char *setting_name) {
    const setting *e = find_setting(find_section(profiles, kind, name), setting_name);
    return e ? e->value : NULL;
}

char *dowel_aws_sub_setting(const char *value, const char *name) {
    size_t wanted = strlen(name);
    const char *found = NULL;
    size_t size = 0;
    for (const char *line = value && *value == '\n' ? value : NULL; line; line = strchr(line, '\n')) {
        line++;
        size_t length = strcspn(line, "\n"), key = strcspn(line, "=");
        const char *start = line + key + 1;
        while (key && strchr(BLANK, line[key - 1])) key--;
        if (key != wanted || strncasecmp(line, name, wanted) != 0 || start > line + length) continue;
        found = start + strspn(start, BLANK); /* the last one counts */
        size = found < line + length ? (size_t)(line + length - found) : 0;
    }
    return found ? strndup(found, size) : NULL;
}

const char *dowel_aws_section_at(const dowel_aws_profiles *profiles, dowel_aws_section kind, size_t n) {
    for (const section *s = profiles->sections; s; s = s->next)
        if (s->kind == kind && !n--) return s->name;
    return NULL;
}

const char *dowel_aws_setting_at(const dowel_aws_profiles *profiles, dowel_aws_section kind, const char *name,
                                 size_t n) {
    const section *s = find_section(profiles, kind, name);
    for (const setting *e = s ? s->settings : NULL; e; e = e->next)
        if (!n--) return e->name;
    return NULL;
}
