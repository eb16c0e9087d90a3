/* Refuses a JSON array before a load sends it: BigQuery takes an object on each line. */
#include "client.h"

#include <dowel/stream.h>

#include <stdio.h>
#include <string.h>

enum { LOOKED_AT = 4096 };

/* The first byte that is not white space or part of a byte order mark; 0: there is none. */
static int first_byte(const unsigned char *text, size_t size) {
    size_t i = size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (i < size && dowel_is_space(text[i])) i++;
    return i < size ? text[i] : 0;
}

/* The same of gzip, which starts with these bytes. What does not unpack is left to BigQuery. */
static int first_unpacked_byte(const unsigned char *bytes, size_t size) {
    dowel_error ignored;
    dowel_sink *text = dowel_sink_memory(0), *inflate = text ? dowel_sink_inflate(text) : NULL;
    int first = 0;
    if (inflate && !dowel_sink_write(inflate, bytes, size, &ignored))
        first = first_byte(dowel_sink_bytes(text).data, dowel_sink_bytes(text).size);
    dowel_sink_close(inflate);
    dowel_sink_close(text);
    return first;
}

/* The name in quotes, as a shell reads it; "FILE" for one that quotes do not hold. */
static void quoted(const char *name, char out[300]) {
    bool plain = !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+,")];
    if (strlen(name) > 250 || strchr(name, '\''))
        snprintf(out, 300, "FILE");
    else
        snprintf(out, 300, plain ? "%s" : "'%s'", name);
}

int dowel_bq_check_lines(const char *file, dowel_error *err) {
    dowel_source *source;
    unsigned char bytes[LOOKED_AT];
    size_t used = 0, got = 1;
    int rc = dowel_source_file(file, &source, err);
    if (rc) return rc;
    bool regular = dowel_source_size(source) >= 0; /* anything else is refused later, and must not be read twice */
    while (regular && !rc && got && used < sizeof bytes) {
        rc = dowel_source_read(source, bytes + used, sizeof bytes - used, &got, err);
        if (!rc) used += got;
    }
    dowel_source_close(source);
    if (rc) return rc;
    bool packed = used > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
    if ((packed ? first_unpacked_byte(bytes, used) : first_byte(bytes, used)) != '[') return 0;
    char name[300];
    quoted(file, name);
    (void)dowel_fail(
        err, DOWEL_E_INVALID,
        "field \"file\": %.300s is a JSON array; BigQuery loads newline-delimited JSON, an object on each line", file);
    if (packed)
        dowel_error_hint(err, "convert it: gunzip -c %s | jq -c '.[]' > rows.ndjson", name);
    else
        dowel_error_hint(err, "convert it: jq -c '.[]' %s > rows.ndjson", name);
    return DOWEL_E_INVALID;
}
