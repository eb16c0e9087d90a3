/* Fields as text: durations, sizes, times, and values from a command line. */
#include <dowel/fields.h>
#include <dowel/stream.h>
#include <dowel/text.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A decimal number without sign, exponent, hexadecimal, or anything a locale could change. */
static const char *read_number(const char *text, double *number) {
    double value = 0, scale = 1;
    const char *p = text;
    while (isdigit((unsigned char)*p)) value = value * 10 + (*p++ - '0');
    if (p == text) return NULL;
    if (*p == '.') {
        if (!isdigit((unsigned char)*++p)) return NULL;
        /* Divided once, at the end: "0.3" is the double next to it, and digits beyond a double's do not count. */
        for (; isdigit((unsigned char)*p); p++) {
            if (scale >= 1e15) continue;
            value = value * 10 + (*p - '0');
            scale *= 10;
        }
    }
    *number = value / scale;
    return p;
}

int dowel_parse_duration(const char *text, double *seconds) {
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 1e-3}, {"us", 1e-6}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    double total = 0;
    const char *p = text;
    if (!*p) return DOWEL_E_INVALID;
    while (*p) {
        double number;
        const char *rest = read_number(p, &number);
        if (!rest) return DOWEL_E_INVALID;
        if (!*rest && p == text) { /* a bare number is seconds */
            total = number;
            break;
        }
        size_t i, count = sizeof units / sizeof units[0];
        for (i = 0; i < count; i++) {
            size_t length = strlen(units[i].unit);
            if (!strncmp(rest, units[i].unit, length) && !dowel_is_alpha((unsigned char)rest[length])) {
                total += number * units[i].seconds;
                p = rest + length;
                break;
            }
        }
        if (i == count) return DOWEL_E_INVALID;
    }
    *seconds = total;
    return 0;
}

void dowel_format_duration(double seconds, char text[DOWEL_DURATION_TEXT_SIZE]) {
    int used = dowel_format(text, DOWEL_DURATION_TEXT_SIZE - 1, "%.9f", seconds);
    if (used < 0 || used >= DOWEL_DURATION_TEXT_SIZE - 1) used = DOWEL_DURATION_TEXT_SIZE - 2;
    while (used && text[used - 1] == '0') used--;
    if (used && text[used - 1] == '.') used--;
    memcpy(text + used, "s", 2);
}

int dowel_parse_size(const char *text, int64_t *bytes) {
    double number;
    int64_t unit = 1;
    const char *p = read_number(text, &number);
    if (!p) return DOWEL_E_INVALID;
    if (*p && *p != 'B') {
        static const char prefixes[] = "KMGTP";
        const char *prefix = strchr(prefixes, dowel_upper((unsigned char)*p));
        if (!prefix) return DOWEL_E_INVALID;
        int64_t base = p[1] == 'i' ? 1024 : 1000;
        for (const char *q = prefixes; q <= prefix; q++) unit *= base;
        p += p[1] == 'i' ? 2 : 1;
    }
    if (*p == 'B') p++;
    double value = number * (double)unit;
    if (*p || value >= 9.2e18 || value != floor(value)) return DOWEL_E_INVALID;
    /* A whole number never goes through a double. */
    *bytes = text[strspn(text, "0123456789")] == '.' ? (int64_t)value : strtoll(text, NULL, 10) * unit;
    return 0;
}

int dowel_parse_time(const char *text, int64_t *microseconds) {
    int year, month, day, hour, minute, second, used = 0;
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (strlen(text) < 20 || !isdigit((unsigned char)*text) ||
        sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6 ||
        used != 19)
        return DOWEL_E_INVALID;
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1] || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60)
        return DOWEL_E_INVALID;
    if (month == 2 && day == 29 && (year % 4 || (!(year % 100) && year % 400))) return DOWEL_E_INVALID;
    const char *p = text + used;
    int64_t fraction = 0;
    if (*p == '.') {
        int digits = 0;
        for (p++; isdigit((unsigned char)*p); p++)
            if (digits++ < 6) fraction = fraction * 10 + (*p - '0');
        if (!digits) return DOWEL_E_INVALID;
        for (; digits < 6; digits++) fraction *= 10;
    }
    int64_t offset = 0;
    if (*p == 'Z' || *p == 'z') {
        p++;
    } else {
        int oh, om, got = 0;
        if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &oh, &om, &got) != 2 || got != 5 || oh > 23 ||
            om > 59)
            return DOWEL_E_INVALID;
        offset = (oh * 60 + om) * (*p == '-' ? -60 : 60);
        p += 1 + got;
    }
    if (*p) return DOWEL_E_INVALID;
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    tm.tm_hour = hour;
    tm.tm_min = minute;
    tm.tm_sec = second;
    *microseconds = ((int64_t)timegm(&tm) - offset) * 1000000 + fraction;
    return 0;
}

void dowel_format_time(int64_t microseconds, char text[DOWEL_TIME_TEXT_SIZE]) {
    int64_t seconds = microseconds / 1000000, fraction = microseconds % 1000000;
    if (fraction < 0) {
        fraction += 1000000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm tm;
    gmtime_r(&when, &tm);
    /* RFC 3339 wants four digits of a year, which strftime does not always give. */
    size_t used = (size_t)snprintf(text, DOWEL_TIME_TEXT_SIZE, "%04ld", (long)tm.tm_year + 1900);
    used += strftime(text + used, DOWEL_TIME_TEXT_SIZE - used, "-%m-%dT%H:%M:%S", &tm);
    if (fraction)
        snprintf(text + used, DOWEL_TIME_TEXT_SIZE - used, ".%06" PRId64 "Z", fraction);
    else
        snprintf(text + used, DOWEL_TIME_TEXT_SIZE - used, "Z");
}

char *dowel_field_kind_name(const dowel_field *field) {
    static const char *const names[] = {
        [DOWEL_STRING] = "text",    [DOWEL_BOOL] = "true|false",   [DOWEL_INT] = "number",
        [DOWEL_FLOAT] = "number",   [DOWEL_DURATION] = "duration", [DOWEL_SIZE] = "size",
        [DOWEL_TIME] = "time",      [DOWEL_PATH] = "path",         [DOWEL_BYTES] = "bytes",
        [DOWEL_LIST] = "text ...",  [DOWEL_MAP] = "key=value ...", [DOWEL_TABLE] = "object",
        [DOWEL_TABLES] = "objects", [DOWEL_JSON] = "JSON",         [DOWEL_POINTER] = "pointer",
        [DOWEL_GIVEN] = "names"};
    if (field->kind == DOWEL_ENUM) {
        dowel_text name = {0};
        for (const char *const *v = field->values; *v; v++) {
            if (v != field->values) dowel_text_put(&name, "|");
            dowel_text_put(&name, *v);
        }
        return dowel_text_take(&name, NULL);
    }
    if (field->kind == DOWEL_BLOCK) return strdup(field->blocks ? field->blocks : "block");
    if (field->flags & DOWEL_PAIRS) return strdup("NAME=VALUE ...|JSON");
    return strdup(names[field->kind]);
}

const dowel_field *dowel_field_find(const dowel_table *table, const char *name) {
    for (const dowel_field *f = table->fields; f->name; f++) {
        const char *a = f->name, *b = name;
        while (*a && (*a == *b || (*a == '_' && *b == '-') || (*a == '-' && *b == '_'))) a++, b++;
        if (!*a && !*b) return f;
    }
    return NULL;
}

static int wrong(dowel_error *err, const dowel_table *table, const dowel_field *field, const char *expected,
                 const char *text) {
    if (field->flags & DOWEL_SECRET || !text || strlen(text) > 60)
        return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\": expected %s", table->name, field->name, expected);
    return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\": expected %s, got \"%s\"", table->name, field->name,
                      expected, text);
}

/* The content of `path` ("-": standard input). */
static int read_all(const dowel_table *table, const dowel_field *field, const char *path, dowel_sink *into,
                    dowel_error *err) {
    dowel_source *source = NULL;
    int rc = dowel_source_file(path, &source, err);
    char buffer[4096];
    size_t got = 1;
    while (!rc && got) {
        rc = dowel_source_read(source, buffer, sizeof buffer, &got, err);
        if (!rc && got) rc = dowel_sink_write(into, buffer, got, err);
    }
    OPENSSL_cleanse(buffer, sizeof buffer); /* it may be a secret */
    dowel_source_close(source);
    if (rc) dowel_error_prefix(err, "%s: field \"%s\": ", table->name, field->name);
    return rc;
}

static int add_value(json_t *object, const dowel_field *field, json_t *value, dowel_error *err) {
    if (!value) return dowel_no_memory(err);
    if (json_object_set_new(object, field->name, value)) return dowel_no_memory(err);
    return 0;
}

/* JSON text as a value that is written in the same bytes, also JSON that jansson refuses (such as duplicate members). */
static int read_verbatim(const char *origin, const char *text, size_t size, json_t **value, dowel_error *err) {
    enum { LARGE = 1 << 16 }; /* a tree of it would take many times its memory */
    json_t *plain = NULL;
    if (size > LARGE && !dowel_text_check(origin, &text, &size, NULL) && (*value = dowel_json_verbatim(text, size)))
        return 0;
    int rc = dowel_json_read(text, size, DOWEL_JSON_EXACT, origin, &plain, err);
    if (dowel_text_check(origin, &text, &size, NULL)) return rc;
    char *written = plain && !json_object_get(plain, "$json") ? dowel_json_dump(plain, 0) : NULL;
    bool same = written && strlen(written) == size && !memcmp(written, text, size);
    *value = same ? json_incref(plain) : dowel_json_verbatim(text, size);
    if (*value)
        rc = 0;
    else if (!rc)
        rc = dowel_no_memory(err);
    free(written);
    json_decref(plain);
    return rc;
}

/* Text that does not begin like JSON is often the name of a file without the @. */
static void hint_at_file(const char *text, dowel_error *err) {
    if (!*text || strchr("{[\"", *text)) return;
    if (strlen(text) < 200 && !access(text, F_OK))
        dowel_error_hint(err, "%s is a file: write @%s for its content", text, text);
    else
        dowel_error_hint(err, "give JSON, or @FILE for the content of a file");
}

/* `file`: where the text comes from; NULL: an argument. Numbers keep their text: what they mean is for the field to say. */
static int parse_json_text(const dowel_table *table, const dowel_field *field, const char *file, const char *text,
                           size_t size, json_t *object, dowel_error *err) {
    json_t *value = NULL;
    char origin[512];
    snprintf(origin, sizeof origin, "%s: field \"%s\"%s%.300s", table->name, field->name, file ? ": " : "",
             file ? file : "");
    int rc = field->flags & DOWEL_VERBATIM ? read_verbatim(origin, text ? text : "", size, &value, err)
                                           : dowel_json_read(text, size, DOWEL_JSON_EXACT, origin, &value, err);
    if (rc && !file && text) hint_at_file(text, err);
    return rc ? rc : add_value(object, field, value, err);
}

/* Text of a file as a field's value. */
static int parse_file_text(const dowel_table *table, const dowel_field *field, const char *file, dowel_bytes bytes,
                           json_t *object, dowel_error *err) {
    const char *text = bytes.size ? bytes.data : "";
    size_t size = bytes.size;
    char origin[512];
    snprintf(origin, sizeof origin, "%s: field \"%s\": %.300s", table->name, field->name, file);
    int rc = dowel_text_check(origin, &text, &size, err);
    if (rc) return rc;
    /* The newline after a secret of one line comes from the editor or echo, not from the secret. */
    const char *newline = size ? memchr(text, '\n', size) : NULL;
    if (field->flags & DOWEL_SECRET && newline == text + size - 1) size -= size > 1 && newline[-1] == '\r' ? 2 : 1;
    if (!size && field->flags & DOWEL_REQUIRED) return dowel_fail(err, DOWEL_E_INVALID, "%s: it is empty", origin);
    return add_value(object, field, json_stringn(text, size), err);
}

/* The value that a file holds, or standard input where `path` is "-". */
static int parse_file(const dowel_table *table, const dowel_field *field, const char *path, bool json_kind,
                      json_t *object, dowel_error *err) {
    const char *file = strcmp(path, "-") ? path : "standard input";
    dowel_sink *sink = dowel_sink_memory(64u << 20);
    if (!sink) return dowel_no_memory(err);
    int rc = read_all(table, field, path, sink, err);
    dowel_bytes bytes = dowel_sink_bytes(sink);
    if (rc) {
    } else if (field->kind == DOWEL_BYTES) {
        char *encoded = dowel_base64(bytes.data, bytes.size);
        rc = add_value(object, field, encoded ? json_string(encoded) : NULL, err);
        free(encoded);
    } else if (json_kind) {
        rc = parse_json_text(table, field, file, bytes.data, bytes.size, object, err);
    } else {
        rc = parse_file_text(table, field, file, bytes, object, err);
    }
    dowel_sink_close(sink);
    return rc;
}

/* A container that flags add to one by one, or that one flag gives whole as JSON. */
static int parse_collection(const dowel_table *table, const dowel_field *field, const char *text, json_t *object,
                            dowel_error *err) {
    bool map = field->kind == DOWEL_MAP;
    if (*text == (map ? '{' : '[')) return parse_json_text(table, field, NULL, text, strlen(text), object, err);
    json_t *held = json_object_get(object, field->name);
    if (!held) {
        int rc = add_value(object, field, map ? json_object() : json_array(), err);
        if (rc) return rc;
        held = json_object_get(object, field->name);
    }
    if (!map) {
        if (json_array_append_new(held, json_string(text))) return wrong(err, table, field, "UTF-8 text", NULL);
        return 0;
    }
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) return wrong(err, table, field, "key=value", text);
    char *key = strndup(text, (size_t)(equals - text));
    json_t *value = key ? json_string(equals + 1) : NULL;
    int rc = value && !json_object_set_new(held, key, value) ? 0 : wrong(err, table, field, "UTF-8 text", NULL);
    free(key);
    return rc;
}

/* The value of NAME=VALUE: text unless it is a JSON literal or begins like JSON. */
static int parse_pair_value(const char *origin, const char *text, json_t **value, dowel_error *err) {
    if (*text && strchr("{[\"", *text))
        return dowel_json_read(text, strlen(text), DOWEL_JSON_EXACT, origin, value, err);
    *value = !strcmp(text, "true")    ? json_true()
             : !strcmp(text, "false") ? json_false()
             : !strcmp(text, "null")  ? json_null()
                                      : dowel_json_number(text, strlen(text));
    if (!*value) *value = json_string(text);
    return *value ? 0 : dowel_fail(err, DOWEL_E_INVALID, "%s: expected UTF-8 text", origin);
}

/* NAME=VALUE, added to what earlier flags gave. */
static int parse_pair(const dowel_table *table, const dowel_field *field, const char *text, json_t *object,
                      dowel_error *err) {
    const char *equals = strchr(text, '=');
    json_t *held = json_object_get(object, field->name), *value = NULL;
    char origin[256];
    if (!equals || equals == text) {
        int rc = wrong(err, table, field, "NAME=VALUE or JSON", text);
        if (!access(text, F_OK)) hint_at_file(text, err);
        return rc;
    }
    if (held && !json_is_object(held)) return wrong(err, table, field, "a JSON object before NAME=VALUE", NULL);
    snprintf(origin, sizeof origin, "%s: field \"%s.%.*s\"", table->name, field->name,
             (int)(equals - text < 60 ? equals - text : 60), text);
    int rc = parse_pair_value(origin, equals + 1, &value, err);
    if (!rc && !held) rc = add_value(object, field, held = json_object(), err);
    char *name = rc ? NULL : strndup(text, (size_t)(equals - text));
    if (!rc && (!name || json_object_set(held, name, value))) rc = wrong(err, table, field, "UTF-8 text", NULL);
    json_decref(value);
    free(name);
    return rc;
}

int dowel_field_parse(const dowel_table *table, const dowel_field *field, const char *text, json_t *object,
                      dowel_error *err) {
    char *end;
    double seconds;
    int64_t number;
    bool from_file = *text == '@' || !strcmp(text, "-");
    bool json_kind = field->kind == DOWEL_JSON || field->kind == DOWEL_TABLE || field->kind == DOWEL_TABLES ||
                     field->kind == DOWEL_BLOCK; /* of which a file has the whole document */
    from_file =
        from_file && (field->kind == DOWEL_BYTES || field->flags & (DOWEL_MULTILINE | DOWEL_SECRET) || json_kind);
    if (from_file && !strcmp(text, "@")) /* as of a variable that is not set */
        return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\": expected a file name after the @", table->name,
                          field->name);
    if (from_file) return parse_file(table, field, *text == '@' ? text + 1 : text, json_kind, object, err);
    switch (field->kind) {
    case DOWEL_BOOL: {
        static const char *const yes[] = {"true", "yes", "1", "on"}, *const no[] = {"false", "no", "0", "off"};
        for (size_t i = 0; i < 4; i++) {
            if (!strcmp(text, yes[i])) return add_value(object, field, json_true(), err);
            if (!strcmp(text, no[i])) return add_value(object, field, json_false(), err);
        }
        return wrong(err, table, field, "true or false", text);
    }
    case DOWEL_INT:
        errno = 0;
        number = strtoll(text, &end, 10);
        if (errno || end == text || *end || dowel_is_space((unsigned char)*text))
            return wrong(err, table, field, "a whole number", text);
        return add_value(object, field, json_integer(number), err);
    case DOWEL_FLOAT:
        seconds = dowel_read_real(text, &end);
        if (end == text || *end || !isfinite(seconds)) return wrong(err, table, field, "a number", text);
        return add_value(object, field, json_real(seconds), err);
    case DOWEL_DURATION:
        if (dowel_parse_duration(text, &seconds))
            return wrong(err, table, field, "a duration such as 90s or 1h30m", text);
        return add_value(object, field, json_real(seconds), err);
    case DOWEL_SIZE:
        if (dowel_parse_size(text, &number)) return wrong(err, table, field, "a size such as 64MiB", text);
        return add_value(object, field, json_integer(number), err);
    case DOWEL_BYTES: {
        char *encoded = dowel_base64(text, strlen(text));
        int rc = add_value(object, field, encoded ? json_string(encoded) : NULL, err);
        free(encoded);
        return rc;
    }
    case DOWEL_LIST:
    case DOWEL_MAP: return parse_collection(table, field, text, object, err);
    case DOWEL_TABLE:
    case DOWEL_TABLES:
    case DOWEL_JSON:
        if (field->flags & DOWEL_PAIRS && !strchr("{[\"", *text)) return parse_pair(table, field, text, object, err);
        return parse_json_text(table, field, NULL, text, strlen(text), object, err);
    case DOWEL_BLOCK: {
        if (*text == '{') return parse_json_text(table, field, NULL, text, strlen(text), object, err);
        /* A name without a type is enough if the field accepts only one type. */
        bool named = !strchr(text, '/') && field->blocks && !strchr(field->blocks, '|');
        json_t *reference =
            json_pack("{s:o}", "$block", named ? json_sprintf("%s/%s", field->blocks, text) : json_string(text));
        return reference ? add_value(object, field, reference, err) : wrong(err, table, field, "type/name", "");
    }
    case DOWEL_POINTER:
    case DOWEL_GIVEN:
        return dowel_fail(err, DOWEL_E_INVALID, "%s: field \"%s\" can only be given in C", table->name, field->name);
    default: {
        json_t *value = json_string(text);
        return value ? add_value(object, field, value, err) : wrong(err, table, field, "UTF-8 text", NULL);
    }
    }
}
