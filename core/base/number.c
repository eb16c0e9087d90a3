/* Numbers as text, whatever the locale of the program is, and JSON numbers that keep their text. */
#include <dowel/json.h>

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For the calling thread only: a library must not change the locale of its program. */
typedef struct plain {
    locale_t own, before;
} plain;

static plain begin(void) {
    plain p = {.own = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    if (p.own) p.before = uselocale(p.own);
    return p;
}

static void end(plain p) {
    if (!p.own) return;
    uselocale(p.before);
    freelocale(p.own);
}

int dowel_vformat(char *text, size_t size, const char *format, va_list args) {
    plain p = begin();
    int n = vsnprintf(text, size, format, args);
    end(p);
    return n;
}

int dowel_format(char *text, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = dowel_vformat(text, size, format, args);
    va_end(args);
    return n;
}

double dowel_read_real(const char *text, char **stop) {
    plain p = begin();
    double value = strtod(text, stop);
    end(p);
    return value;
}

void dowel_format_real(double value, char text[DOWEL_REAL_TEXT_SIZE]) {
    plain p = begin();
    int digits = isnormal(value) ? 15 : 1; /* the smallest numbers have fewer digits than 15 */
    do snprintf(text, DOWEL_REAL_TEXT_SIZE, "%.*g", digits, value);
    while (strtod(text, NULL) != value && digits++ < 17);
    end(p);
    if (!strpbrk(text, ".en")) strcat(text, ".0"); /* "n": not finite, which JSON does not have */
}

/* ---- exact numbers: text with an ending that no other text has ---- */

static const char mark[] = "\0number";
enum { MARK = sizeof mark - 1 };

static size_t digits(const char *text, size_t length) {
    size_t n = 0;
    while (n < length && text[n] >= '0' && text[n] <= '9') n++;
    return n;
}

/* Whether text is a number of JSON; *whole: without fraction and exponent. */
static bool is_literal(const char *text, size_t length, bool *whole) {
    size_t at = length && *text == '-', n = digits(text + at, length - at);
    if (!n || (n > 1 && text[at] == '0')) return false;
    at += n;
    *whole = at == length;
    if (at < length && text[at] == '.') {
        n = digits(text + at + 1, length - at - 1);
        if (!n) return false;
        at += n + 1;
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < length && (text[at] == '+' || text[at] == '-')) at++;
        n = digits(text + at, length - at);
        if (!n) return false;
        at += n;
    }
    return at == length;
}

json_t *dowel_json_number(const char *literal, size_t length) {
    bool whole;
    if (!is_literal(literal, length, &whole)) return NULL;
    char *text = malloc(length + MARK + 1), back[DOWEL_REAL_TEXT_SIZE];
    if (!text) return NULL;
    memcpy(text, literal, length);
    memcpy(text + length, mark, sizeof mark);
    json_t *value = NULL;
    errno = 0;
    if (whole) {
        long long number = strtoll(text, NULL, 10);
        if (!errno && strcmp(text, "-0") != 0) value = json_integer(number);
    } else if (length < sizeof back) {
        double number = dowel_read_real(text, NULL);
        dowel_format_real(number, back);
        if (!strcmp(text, back)) value = json_real(number);
    }
    if (!value) value = json_stringn(text, length + MARK);
    free(text);
    return value;
}

bool dowel_json_is_exact(const json_t *value) {
    size_t length = json_string_length(value);
    bool whole;
    return length > MARK && !memcmp(json_string_value(value) + length - MARK, mark, MARK) &&
           is_literal(json_string_value(value), length - MARK, &whole);
}

bool dowel_json_is_number(const json_t *value) {
    return json_is_number(value) || dowel_json_is_exact(value);
}

double dowel_json_double(const json_t *value) {
    return dowel_json_is_exact(value) ? dowel_read_real(json_string_value(value), NULL) : json_number_value(value);
}

char *dowel_json_number_text(const json_t *value) {
    char text[DOWEL_REAL_TEXT_SIZE];
    if (dowel_json_is_exact(value)) return strdup(json_string_value(value));
    if (!json_is_number(value)) return NULL;
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        dowel_format_real(json_real_value(value), text);
    return strdup(text);
}
