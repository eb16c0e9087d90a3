/* JSON text that is passed on byte for byte, as a jansson string that ends in bytes that no UTF-8 text has. */
#include <dowel/json.h>
#include <dowel/text.h>

#include <stdlib.h>
#include <string.h>

/* The NUL ends the text for json_string_value(); 0xff is in no text that was read. */
static const char mark[] = "\0\xffjson";
enum { MARK = sizeof mark - 1, DEEPEST = 1 << 15 };

#define WRAPPED "$json"

/* ---- RFC 8259 ---- */

typedef struct scan {
    const char *text;
    size_t size, at, depth;
    unsigned char open[DEEPEST / 8]; /* a bit for each container: 1 for an object */
} scan;

static char look(const scan *s) {
    return s->at < s->size ? s->text[s->at] : 0;
}

static void skip_space(scan *s) {
    while (s->at < s->size && strchr(" \t\r\n", s->text[s->at]) && s->text[s->at]) s->at++;
}

static bool skip_word(scan *s, const char *word) {
    size_t length = strlen(word);
    if (s->size - s->at < length || memcmp(s->text + s->at, word, length) != 0) return false;
    s->at += length;
    return true;
}

static size_t skip_digits(scan *s) {
    size_t from = s->at;
    while (look(s) >= '0' && look(s) <= '9') s->at++;
    return s->at - from;
}

static bool skip_number(scan *s) {
    if (look(s) == '-') s->at++;
    bool zero = look(s) == '0';
    size_t digits = skip_digits(s);
    if (!digits || (zero && digits > 1)) return false;
    if (look(s) == '.') {
        s->at++;
        if (!skip_digits(s)) return false;
    }
    if (look(s) == 'e' || look(s) == 'E') {
        s->at++;
        if (look(s) == '+' || look(s) == '-') s->at++;
        if (!skip_digits(s)) return false;
    }
    return true;
}

static bool skip_escape(scan *s) {
    char c = look(s);
    if (!c || !strchr("\"\\/bfnrtu", c)) return false;
    s->at++;
    if (c != 'u') return true;
    for (int i = 0; i < 4; i++, s->at++)
        if (!look(s) || !strchr("0123456789abcdefABCDEF", look(s))) return false;
    return true;
}

static bool skip_string(scan *s) {
    if (look(s) != '"') return false;
    for (s->at++; s->at < s->size && s->text[s->at] != '"';) {
        uint32_t character;
        size_t length = dowel_utf8_read((const unsigned char *)s->text + s->at, s->size - s->at, &character);
        if (!length || character < 0x20) return false;
        s->at += length;
        if (character == '\\' && !skip_escape(s)) return false;
    }
    return s->at++ < s->size;
}

static bool skip_name(scan *s) {
    skip_space(s);
    if (!skip_string(s)) return false;
    skip_space(s);
    return skip_word(s, ":");
}

static bool is_object(const scan *s) {
    return s->open[(s->depth - 1) / 8] >> (s->depth - 1) % 8 & 1;
}

/* The beginning of a value: a whole scalar, an empty container, or a container up to its first value (*more). */
static bool begin_value(scan *s, bool *more) {
    *more = false;
    skip_space(s);
    char c = look(s);
    if (c == '"') return skip_string(s);
    if (c == 't') return skip_word(s, "true");
    if (c == 'f') return skip_word(s, "false");
    if (c == 'n') return skip_word(s, "null");
    if (c != '{' && c != '[') return skip_number(s);
    s->at++;
    skip_space(s);
    if (look(s) == (c == '{' ? '}' : ']')) {
        s->at++;
        return true;
    }
    if (s->depth == DEEPEST) return false;
    unsigned char bit = (unsigned char)(1u << s->depth % 8);
    if (c == '{')
        s->open[s->depth / 8] |= bit;
    else
        s->open[s->depth / 8] &= (unsigned char)~bit;
    s->depth++;
    *more = true;
    return c == '[' || skip_name(s);
}

/* After a value: closes what ends there. *more: a comma says that another value comes. */
static bool end_value(scan *s, bool *more) {
    *more = false;
    for (;;) {
        skip_space(s);
        if (!s->depth) return s->at == s->size;
        if (skip_word(s, ",")) {
            *more = true;
            return !is_object(s) || skip_name(s);
        }
        if (!skip_word(s, is_object(s) ? "}" : "]")) return false;
        s->depth--;
    }
}

static bool is_json(const char *text, size_t size) {
    scan *s = calloc(1, sizeof *s);
    bool valid = s, more = true;
    if (!s) return false;
    s->text = text;
    s->size = size;
    while (valid && more) {
        valid = begin_value(s, &more);
        if (valid && !more) valid = end_value(s, &more);
    }
    free(s);
    return valid;
}

/* ---- values ---- */

json_t *dowel_json_verbatim(const char *text, size_t size) {
    if (!is_json(text, size)) return NULL;
    char *marked = malloc(size + sizeof mark);
    if (!marked) return NULL;
    memcpy(marked, text, size);
    memcpy(marked + size, mark, sizeof mark);
    json_t *value = json_stringn_nocheck(marked, size + MARK);
    free(marked);
    return value;
}

const char *dowel_json_verbatim_text(const json_t *value, size_t *size) {
    size_t length = json_string_length(value);
    const char *text = json_string_value(value);
    if (length <= MARK || memcmp(text + length - MARK, mark, MARK) != 0) return NULL;
    if (size) *size = length - MARK;
    return text;
}

static json_t *wrap_text(const char *text, size_t size) {
    return json_pack("{s:o}", WRAPPED, json_stringn(text, size));
}

/* The innermost text of nested {"$json": ...}; NULL: the value is not of that form. {"$json": {"$json": "TEXT"}} stands for {"$json": "TEXT"}. */
static const json_t *wrapped_text(const json_t *value) {
    if (json_object_size(value) != 1) return NULL;
    while (json_object_size(value) == 1) value = json_object_get(value, WRAPPED);
    return json_is_string(value) && !dowel_json_is_exact(value) ? value : NULL;
}

static json_t *convert_parts(const json_t *value, json_t *(*convert)(const json_t *value, bool deep)) {
    dowel_builder b = dowel_build(json_is_array(value) ? json_array() : json_object());
    json_t *converted, *part;
    const char *name;
    size_t i;
    json_object_foreach((json_t *)value, name, part) dowel_build_json(&b, name, convert(part, true));
    json_array_foreach(value, i, part) dowel_build_item(&b, convert(part, true));
    return dowel_build_end(&b, &converted, NULL) ? NULL : converted;
}

json_t *dowel_json_wrap(const json_t *value, bool deep) {
    size_t size;
    const char *text = dowel_json_verbatim_text(value, &size);
    if (text) return wrap_text(text, size);
    const json_t *looks = wrapped_text(value);
    if (looks && dowel_json_verbatim_text(looks, NULL)) { /* whose parts could be read in two ways */
        char *own = dowel_json_dump(value, 0);
        json_t *wrapped = own ? wrap_text(own, strlen(own)) : NULL;
        free(own);
        return wrapped;
    }
    if (looks) return json_pack("{s:o}", WRAPPED, json_deep_copy(value)); /* means itself */
    return deep && (json_is_object(value) || json_is_array(value)) ? convert_parts(value, dowel_json_wrap)
                                                                   : json_deep_copy(value);
}

json_t *dowel_json_unwrap(const json_t *value, bool deep) {
    const json_t *inner = wrapped_text(value) ? json_object_get(value, WRAPPED) : NULL;
    if (inner && !json_is_string(inner)) return json_deep_copy(inner);
    json_t *own = inner ? dowel_json_verbatim(json_string_value(inner), json_string_length(inner)) : NULL;
    if (own) return own;
    return deep && (json_is_object(value) || json_is_array(value)) ? convert_parts(value, dowel_json_unwrap)
                                                                   : json_deep_copy(value);
}
