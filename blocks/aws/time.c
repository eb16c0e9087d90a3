/* Times as Amazon's services, tools and the programs that people write for them have them: ISO 8601, in its long and its short form. */
#include "aws.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Copies `count` digits; NULL: there are not as many. */
static const char *digits(const char *from, size_t count, char *to) {
    for (size_t i = 0; i < count; i++) {
        if (!from || !isdigit((unsigned char)from[i])) return NULL;
        to[i] = from[i];
    }
    to[count] = 0;
    return from + count;
}

/* What stands between two numbers in the long form, and is left out in the short one. */
static const char *skip(const char *from, char separator, bool full) {
    if (!from || !full) return from;
    return *from == separator ? from + 1 : NULL;
}

/* "+01:00" from Z, UTC, GMT, +01:00, +0100, +01. */
static bool read_zone(const char *from, char zone[8]) {
    char hours[3], minutes[3] = "00", sign = *from;
    snprintf(zone, 8, "Z");
    if (!dowel_casecmp(from, "Z") || !dowel_casecmp(from, "UTC") || !dowel_casecmp(from, "GMT")) return true;
    if (sign != '+' && sign != '-') return false;
    from = digits(from + 1, 2, hours);
    if (from && *from) from = digits(from + (*from == ':'), 2, minutes);
    if (!from || *from) return false;
    snprintf(zone, 8, "%c%s:%s", sign, hours, minutes);
    return true;
}

int dowel_aws_parse_time(const char *given, int64_t *microseconds) {
    char copy[64] = "", date[3][5], time[3][3], fraction[16] = "", zone[8], text[64];
    size_t size = strlen(given += strspn(given, " \t\r\n"));
    while (size && strchr(" \t\r\n", given[size - 1])) size--;
    if (size >= sizeof copy) return DOWEL_E_INVALID;
    memcpy(copy, given, size);
    copy[size] = 0;
    const char *p = digits(copy, 4, date[0]);
    bool full = p && *p == '-';
    p = digits(skip(p, '-', full), 2, date[1]);
    p = digits(skip(p, '-', full), 2, date[2]);
    if (!p || !strchr("Tt ", *p) || !*p) return DOWEL_E_INVALID;
    p = digits(p + 1, 2, time[0]);
    full = p && *p == ':';
    p = digits(skip(p, ':', full), 2, time[1]);
    p = digits(skip(p, ':', full), 2, time[2]);
    if (p && (*p == '.' || *p == ',')) {
        size_t count = strspn(p + 1, "0123456789");
        snprintf(fraction, sizeof fraction, ".%.*s", (int)(count < 9 ? count : 9), p + 1);
        p = count ? p + 1 + count : NULL;
    }
    if (!p || !read_zone(p + strspn(p, " "), zone)) return DOWEL_E_INVALID;
    snprintf(text, sizeof text, "%s-%s-%sT%s:%s:%s%s%s", date[0], date[1], date[2], time[0], time[1], time[2], fraction,
             zone);
    return dowel_parse_time(text, microseconds);
}
