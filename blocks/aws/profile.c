/* The grammar of the shared config and credentials files: sections of settings.
 *
 * There are two readings. The strict one is that of the SDKs' common test suite. What people have in their files was written for the AWS CLI and
 * boto3, whose reader (Python's configparser) takes more: indented settings and sections, colons, quoted names with blanks. */
#include "profile_internal.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANK " \t"
#define WHITE " \t\v\f\r\n"

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
    atomic_int held; /* beyond the one that made it */
    section *sections;
    dowel_error problem; /* the first line that nobody can read; code 0: none */
    char files[2 * DOWEL_AWS_PATH_SIZE];
};

dowel_aws_profiles *dowel_aws_profiles_new(void) {
    return calloc(1, sizeof(dowel_aws_profiles));
}

static void drop_settings(section *s) {
    for (setting *e = s->settings, *next; e; e = next) {
        next = e->next;
        free(e->name);
        dowel_wipe(e->value);
        free(e);
    }
    s->settings = NULL;
}

dowel_aws_profiles *dowel_aws_profiles_retain(dowel_aws_profiles *profiles) {
    atomic_fetch_add(&profiles->held, 1);
    return profiles;
}

void dowel_aws_profiles_release(dowel_aws_profiles *profiles) {
    if (profiles && atomic_fetch_sub(&profiles->held, 1) == 0) dowel_aws_profiles_free(profiles);
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
        dowel_wipe((*end)->value);
        (*end)->value = value;
        return *end;
    }
    setting *e = value ? calloc(1, sizeof *e) : NULL;
    char *copy = e ? strdup(name) : NULL;
    if (!copy) {
        free(e);
        dowel_wipe(value);
        return NULL;
    }
    *e = (setting){NULL, copy, value};
    return *end = e;
}

/* ---- lines ---- */

#define NO_BREAK_SPACE "\xc2\xa0" /* as web pages have it in what is copied from them */

static char *trim(char *text) {
    for (;;) {
        size_t blanks = strspn(text, WHITE);
        if (!blanks && !strncmp(text, NO_BREAK_SPACE, 2)) blanks = 2;
        if (!blanks) break;
        text += blanks;
    }
    for (char *end = text + strlen(text); end > text; *end = 0) {
        if (strchr(WHITE, end[-1]))
            end--;
        else if (end - text >= 2 && !memcmp(end - 2, NO_BREAK_SPACE, 2))
            end -= 2;
        else
            break;
    }
    return text;
}

static bool is_identifier(const char *name) {
    if (!*name) return false;
    for (; *name; name++)
        if (!dowel_is_alnum((unsigned char)*name) && !strchr("_-./%@:+", *name)) return false;
    return true;
}

/* Where the text of one file stands. */
typedef struct reader {
    dowel_aws_profiles *profiles;
    bool credentials, strict;
    const char *origin;
    int line;
    size_t indent; /* of the last section or setting: what is further in continues it */
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

/* The words of a section's name, as a shell has them: quotes around blanks, a backslash before one. Works in place; false: more than two, or a
 * quote without an end. */
static bool split(char *text, char **first, char **second) {
    char **words[] = {first, second}, *to = text, quote = 0;
    size_t count = 0;
    bool open = false; /* a word has begun */
    *first = *second = NULL;
    for (const char *p = text; *p; p++) {
        if (!quote && strchr(BLANK, *p)) {
            if (open) *to++ = 0;
            open = false;
            continue;
        }
        if (!open) {
            if (count == 2) return false;
            *words[count++] = to;
            open = true;
        }
        if (quote && *p == quote)
            quote = 0;
        else if (!quote && (*p == '"' || *p == '\''))
            quote = *p;
        else if (*p == '\\' && (!quote || (quote == '"' && (p[1] == '"' || p[1] == '\\'))) && p[1])
            *to++ = *++p;
        else
            *to++ = *p;
    }
    *to = 0;
    return !quote && count == 2;
}

/* As botocore has it: of the config file "profile NAME" and the like, of the credentials file anything. */
static bool loose_section(const reader *r, char *text, dowel_aws_section *kind, char **name, bool *bare) {
    static const struct {
        const char *word;
        dowel_aws_section kind;
    } words[] = {
        {"profile", DOWEL_AWS_PROFILE}, {"sso-session", DOWEL_AWS_SSO_SESSION}, {"services", DOWEL_AWS_SERVICES}};
    char *first;
    *kind = DOWEL_AWS_PROFILE;
    *name = text;
    *bare = false;
    if (r->credentials) return *text;
    *bare = !strcmp(text, "default");
    if (*bare) return true;
    if (!split(text, &first, name)) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp(words[i].word, first, strlen(words[i].word)) != 0) continue;
        *kind = words[i].kind;
        return **name;
    }
    return false;
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
    if (r->strict || !strchr(line, ']')) line[strcspn(line, "#;")] = 0;
    line = trim(line);
    char *end = line + strlen(line) - 1;
    if (!r->strict && *end != ']') end = strchr(line, ']'); /* what follows means nothing */
    if (!end || *end != ']') return problem(r, "the section's name must end with a ]");
    *end = 0;
    dowel_aws_section kind;
    char *name;
    bool bare;
    r->in_section = true;
    r->section = NULL;
    r->setting = NULL;
    r->passed_over = false;
    line = trim(line + 1);
    if (!(r->strict ? section_of : loose_section)(r, line, &kind, &name, &bare)) return 0;
    section *s = find_section(r->profiles, kind, name);
    if (s && bare && !s->bare) return 0;
    if (s && s->bare && !bare && !r->credentials) {
        drop_settings(s);
        s->bare = false;
    }
    if (!s) {
        s = add_section(r->profiles, kind, name);
        if (!s) return dowel_no_memory(r->err);
        s->bare = bare;
    }
    r->section = s;
    return 0;
}

/* Of a program's words, # and ; may be some: they are in quotes, or for the shell to read. */
static bool is_command(const char *line, const char *equals) {
    static const char ending[] = "_process";
    while (equals > line && strchr(BLANK, equals[-1])) equals--;
    size_t size = sizeof ending - 1;
    return (size_t)(equals - line) > size && !dowel_ncasecmp(equals - size, ending, size);
}

static int read_setting(reader *r, char *line) {
    if (!r->in_section) return problem(r, "a section such as [default] must come before the first setting");
    char *equals = line + strcspn(line, r->strict ? "=" : "=:");
    bool whole = !r->strict && (!*equals || is_command(line, equals));
    /* A comment begins at white space and # or ;. */
    for (char *p = r->strict ? line + 1 : equals + 1; !whole && *p; p++)
        if ((*p == '#' || *p == ';') && strchr(BLANK, p[-1])) *p = 0;
    if (!*equals) return problem(r, "a setting needs a =");
    *equals = 0;
    char *name = trim(line);
    if (!*name) return problem(r, "a setting without a name");
    r->setting = NULL;
    r->passed_over = !r->section || (r->strict && !is_identifier(name));
    if (r->passed_over) return 0;
    for (char *c = name; *c; c++) *c = (char)dowel_lower((unsigned char)*c);
    char *value = strdup(trim(equals + 1));
    r->setting = value ? put(r->section, name, value) : NULL;
    return r->setting ? 0 : dowel_no_memory(r->err);
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
    if (!joined) return dowel_no_memory(r->err);
    snprintf(joined, room, "%s\n%s", old, line);
    dowel_wipe(old);
    r->setting->value = joined;
    return 0;
}

static int read_strictly(reader *r, char *line) {
    if (!line[strspn(line, BLANK)] || *line == '#' || *line == ';') return 0;
    if (*line == '[') return read_section(r, line);
    return strchr(BLANK, *line) ? read_continued(r, line) : read_setting(r, line);
}

/* As configparser: further in than the setting before it continues that one; a comment may stand at any depth. */
static int read_line(reader *r, char *line) {
    if (r->strict) return read_strictly(r, line);
    size_t indent = strspn(line, WHITE);
    line = trim(line);
    if (!*line || *line == '#' || *line == ';') return 0;
    bool begun = r->in_section && (r->setting || r->passed_over);
    if (begun && indent > r->indent) return read_continued(r, line);
    r->indent = indent;
    return *line == '[' ? read_section(r, line) : read_setting(r, line);
}

/* Where a line ends, without the characters that end it; *next: the one after it, NULL: it was the last. */
static size_t line_size(const reader *r, char *line, char **next) {
    size_t size = strcspn(line, r->strict ? "\n" : "\r\n");
    *next = line[size] ? line + size + (line[size] == '\r' && line[size + 1] == '\n' ? 2 : 1) : NULL;
    if (size && line[size - 1] == '\r') size--;
    return size;
}

static int parse(dowel_aws_profiles *profiles, const char *text, size_t size, bool credentials, bool strict,
                 const char *origin, dowel_error *err) {
    reader r = {.profiles = profiles, .credentials = credentials, .strict = strict, .origin = origin, .err = err};
    if (size && memchr(text, 0, size))
        return dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: a NUL byte: this is not a text file", origin);
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark, as editors on Windows leave it */
        text += 3;
        size -= 3;
    }
    char *copy = calloc(1, size + 1);
    if (!copy) return dowel_no_memory(r.err);
    if (size) memcpy(copy, text, size);
    int rc = 0;
    for (char *line = copy, *next; line && !rc; line = next) {
        line[line_size(&r, line, &next)] = 0;
        r.line++;
        rc = read_line(&r, line);
        if (rc == DOWEL_E_CREDENTIALS && !strict) { /* the lines after it are read all the same */
            if (!profiles->problem.code) profiles->problem = *err;
            rc = 0;
        }
    }
    dowel_wipe_bytes(copy, size);
    return rc;
}

int dowel_aws_profiles_parse(dowel_aws_profiles *profiles, const char *text, size_t size, bool credentials,
                             const char *origin, dowel_error *err) {
    return parse(profiles, text, size, credentials, true, origin, err);
}

int dowel_aws_profiles_read(dowel_aws_profiles *profiles, const char *text, size_t size, bool credentials,
                            const char *origin, dowel_error *err) {
    dowel_error *why = calloc(1, sizeof *why);
    if (!why) return dowel_no_memory(err);
    int rc = parse(profiles, text, size, credentials, false, origin, why);
    if (rc == DOWEL_E_CREDENTIALS) { /* it is not text */
        dowel_aws_profiles_note(profiles, why);
        rc = 0;
    }
    if (rc && err) *err = *why;
    free(why);
    return rc;
}

void dowel_aws_profiles_note(dowel_aws_profiles *profiles, const dowel_error *problem) {
    if (!profiles->problem.code) profiles->problem = *problem;
}

void dowel_aws_profiles_looked_at(dowel_aws_profiles *profiles, const char *path, const char *why) {
    size_t used = strlen(profiles->files);
    snprintf(profiles->files + used, sizeof profiles->files - used, "%s%s%s%s%s", used ? " and " : "", path,
             why ? " (" : "", why ? why : "", why ? ")" : "");
}

/* ---- what was read ---- */

const dowel_error *dowel_aws_profiles_problem(const dowel_aws_profiles *profiles) {
    return profiles->problem.code ? &profiles->problem : NULL;
}

const char *dowel_aws_profiles_files(const dowel_aws_profiles *profiles) {
    return profiles->files;
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
        if (key != wanted || dowel_ncasecmp(line, name, wanted) != 0 || start > line + length) continue;
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
