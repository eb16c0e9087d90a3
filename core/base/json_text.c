/* Reading JSON text. Errors give the position and never quote the text, which may be secret. */
#include <dowel/json.h>
#include <dowel/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How an exact number is written for jansson: as text that dowel_json_number() would have made. */
#define MARK "\\u0000number"
enum { ADDED = sizeof MARK - 1 + 2 }; /* the quotes too */

/* The number literals that jansson would change. */
typedef struct literals {
    struct {
        size_t at, length;
    } * list;
    size_t count, room;
    bool nul, marked; /* \u0000 is in some text; some text looks like an exact number */
} literals;

static int keep(literals *found, size_t at, size_t length) {
    if (found->count == found->room) {
        size_t room = found->room ? 2 * found->room : 16;
        void *list = realloc(found->list, room * sizeof *found->list);
        if (!list) return -1;
        found->list = list;
        found->room = room;
    }
    found->list[found->count].at = at;
    found->list[found->count++].length = length;
    return 0;
}

/* The offset behind the text that begins at `at`. */
static size_t skip_text(const char *text, size_t size, size_t at, literals *found) {
    static const char nul[] = "\\u0000", marked[] = MARK "\"";
    for (at++; at < size && text[at] != '"'; at++) {
        if (text[at] != '\\') continue;
        if (size - at >= sizeof nul - 1 && !memcmp(text + at, nul, sizeof nul - 1)) found->nul = true;
        if (size - at >= sizeof marked - 1 && !memcmp(text + at, marked, sizeof marked - 1)) found->marked = true;
        at++;
    }
    return at < size ? at + 1 : size;
}

/* Whether it is a number that jansson would change. */
static bool is_changed(const char *text, size_t length) {
    json_t *number = dowel_json_number(text, length);
    bool exact = dowel_json_is_exact(number);
    json_decref(number);
    return exact;
}

static int find_literals(const char *text, size_t size, bool exact, literals *found) {
    for (size_t at = 0; at < size;) {
        if (text[at] == '"') {
            at = skip_text(text, size, at, found);
            continue;
        }
        size_t length = 0;
        if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9'))
            while (at + length < size && strchr("+-.0123456789eE", text[at + length]) && text[at + length]) length++;
        if (length && exact && is_changed(text + at, length) && keep(found, at, length)) return -1;
        at += length ? length : 1;
    }
    return 0;
}

/* The document with quotes and marks around the literals. Newly allocated. */
static char *mark_literals(const char *text, size_t size, const literals *found) {
    char *marked = malloc(size + found->count * ADDED + 1), *out = marked;
    size_t from = 0;
    for (size_t i = 0; marked && i < found->count; i++) {
        size_t end = found->list[i].at + found->list[i].length;
        memcpy(out, text + from, found->list[i].at - from);
        out += found->list[i].at - from;
        *out++ = '"';
        memcpy(out, text + found->list[i].at, found->list[i].length);
        out += found->list[i].length;
        memcpy(out, MARK "\"", sizeof MARK);
        out += sizeof MARK;
        from = end;
    }
    if (marked) memcpy(out, text + from, size - from);
    return marked;
}

/* The column in the document for a column in the marked document, as jansson reports it. */
static int column_of(const json_error_t *problem, const char *text, const literals *found) {
    size_t before = 0, on_line = 0, at = problem->position > 0 ? (size_t)problem->position : 0;
    while (before < found->count && found->list[before].at + before * ADDED < at) before++;
    size_t start = at > before * ADDED ? at - before * ADDED : 0;
    while (start && text[start - 1] != '\n') start--;
    for (size_t i = 0; i < before; i++) on_line += found->list[i].at >= start;
    return problem->column - (int)(on_line * ADDED);
}

/* Whether the text is base64 of text that begins with a brace. */
static bool is_base64(const char *text, size_t size) {
    if (size < 16 || *text != 'e' || !text[1] || !strchr("wxyz0123456789+/", text[1])) return false;
    for (size_t i = 0; i < size; i++)
        if (!text[i] || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n", text[i]))
            return false;
    return true;
}

/* A hint for text that is often saved by mistake instead of JSON; NULL: no hint. */
static const char *advice(const char *text, size_t size, const char *said) {
    size_t at = 0;
    while (at < size && text[at] && strchr(" \t\r\n", text[at])) at++;
    if (is_base64(text, size)) return "this is base64 of JSON: decode it first (base64 -d)";
    if (size - at > 1 && strchr("{[", text[at])) {
        size_t next = at + 1;
        while (next < size && text[next] && strchr(" \t\r\n", text[next])) next++;
        if (next < size && text[next] == '\'')
            return "this looks like Python: JSON has double quotes around names and text, not single quotes";
    }
    if (strstr(said, "duplicate object key")) return "a member is given twice: remove one of them";
    if (strstr(said, "unexpected newline")) return "write a line break within text as \\n";
    return NULL;
}

static int syntax_error(const char *origin, const char *text, size_t size, const json_error_t *problem, int column,
                        dowel_error *err) {
    /* jansson quotes the text beside the error and bad escapes; keep only what comes before that. */
    char said[sizeof problem->text];
    snprintf(said, sizeof said, "%s", problem->text);
    char *near = strstr(said, " near ");
    if (near) *near = 0;
    char *escape = strncmp(said, "invalid Unicode", 15) ? NULL : strchr(said, '\'');
    if (escape && escape > said) escape[-1] = 0;
    int rc = dowel_fail(err, DOWEL_E_INVALID, "%s: not valid JSON at line %d, column %d: %s", origin,
                        problem->line > 0 ? problem->line : 1, column > 0 ? column : 1, size ? said : "it is empty");
    const char *what_to_do = advice(text, size, said);
    if (what_to_do) dowel_error_hint(err, "%s", what_to_do);
    return rc;
}

static int read_exact(const char *text, size_t size, unsigned flags, size_t how, const char *origin, json_t **document,
                      dowel_error *err) {
    literals found = {0};
    json_error_t problem;
    char *marked = NULL;
    int rc = 0;
    if (find_literals(text, size, flags & DOWEL_JSON_EXACT, &found) ||
        (found.count && !(marked = mark_literals(text, size, &found)))) {
        rc = dowel_no_memory(err);
    } else if (found.marked || (found.nul && !(flags & DOWEL_JSON_NUL))) {
        rc = dowel_fail(err, DOWEL_E_INVALID, "%s: \\u0000 is not allowed in text here", origin);
    } else {
        if (found.count) how |= JSON_ALLOW_NUL;
        *document = json_loadb(marked ? marked : text, marked ? size + found.count * ADDED : size, how, &problem);
        if (!*document) rc = syntax_error(origin, text, size, &problem, column_of(&problem, text, &found), err);
    }
    dowel_wipe_bytes(marked, size + found.count * ADDED);
    free(found.list);
    return rc;
}

int dowel_json_read(const char *text, size_t size, unsigned flags, const char *origin, json_t **document,
                    dowel_error *err) {
    size_t how = JSON_DECODE_ANY | (flags & DOWEL_JSON_DUPLICATES ? 0 : JSON_REJECT_DUPLICATES) |
                 (flags & DOWEL_JSON_NUL ? JSON_ALLOW_NUL : 0);
    if (!text) text = "";
    int rc = dowel_text_check(origin, &text, &size, err);
    if (rc) return rc;
    /* If NUL is allowed, text that looks like an exact number must be found. */
    if (flags & (DOWEL_JSON_EXACT | DOWEL_JSON_NUL)) return read_exact(text, size, flags, how, origin, document, err);
    json_error_t problem;
    json_t *value = json_loadb(text, size, how, &problem);
    if (!value) return syntax_error(origin, text, size, &problem, problem.column, err);
    *document = value;
    return 0;
}

int dowel_json_parse(const char *text, size_t size, const char *origin, json_t **document, dowel_error *err) {
    return dowel_json_read(text, size, 0, origin, document, err);
}
