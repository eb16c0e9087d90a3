/* Policy documents of signed forms ("Policy documents", version 4). */
#include "sign.h"

#include "client.h"

#include <dowel/json.h>
#include <dowel/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ASCII JSON with lower-case escapes, as other implementations write it: the signature is over these bytes. Newly allocated. */
static char *ascii(const json_t *document) {
    char *utf8 = dowel_json_dump(document, JSON_ENSURE_ASCII);
    for (char *p = utf8; p && (p = strchr(p, '\\')); p += 2)
        if (p[1] == 'u')
            for (int i = 2; i < 6; i++) p[i] = (char)dowel_lower((unsigned char)p[i]);
    return utf8;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const dowel_pair *const *)a)->name, (*(const dowel_pair *const *)b)->name);
}

static bool ours(const char *name) {
    static const char *const names[] = {"key",         "policy",           "x-goog-algorithm", "x-goog-credential",
                                        "x-goog-date", "x-goog-signature", "bucket",           NULL};
    for (size_t i = 0; names[i]; i++)
        if (!dowel_casecmp(names[i], name)) return true;
    return false;
}

/* Adds the caller's fields, each with its condition, in the order of names. */
static int add_fields(const dowel_pair *fields, json_t *conditions, json_t *form, dowel_error *err) {
    size_t count = 0;
    while (fields && fields[count].name) count++;
    if (!count) return 0;
    const dowel_pair **sorted = malloc(count * sizeof(const dowel_pair *));
    if (!sorted) return dowel_no_memory(err);
    for (size_t i = 0; i < count; i++) sorted[i] = &fields[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        if (ours(sorted[i]->name))
            rc =
                dowel_fail(err, DOWEL_E_INVALID, "field \"fields.%s\": set by dowel, cannot be given", sorted[i]->name);
        else if (json_object_set_new(form, sorted[i]->name, json_string(sorted[i]->value)))
            rc = dowel_fail(err, DOWEL_E_INVALID, "field \"fields.%s\": expected text in UTF-8", sorted[i]->name);
        else if (dowel_ncasecmp(sorted[i]->name, "x-ignore-", 9) != 0)
            rc = json_array_append_new(conditions, json_pack("{s:s}", sorted[i]->name, sorted[i]->value))
                     ? dowel_no_memory(err)
                     : 0;
    }
    free(sorted);
    return rc;
}

static int add_required(const dowel_gcs_signing *s, const dowel_gcs_stamp *stamp, json_t *conditions, json_t *form,
                        dowel_error *err) {
    const dowel_pair required[] = {{"bucket", s->bucket},
                                   {"key", s->object},
                                   {"x-goog-date", stamp->moment},
                                   {"x-goog-credential", stamp->credential},
                                   {"x-goog-algorithm", DOWEL_GCS_ALGORITHM}};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (json_array_append_new(conditions, json_pack("{s:s}", required[i].name, required[i].value)))
            return dowel_fail(err, DOWEL_E_INVALID, "%s \"%s\": expected text in UTF-8", required[i].name,
                              required[i].value);
        if (i && json_object_set_new(form, required[i].name, json_string(required[i].value)))
            return dowel_no_memory(err);
    }
    return 0;
}

static char *form_url(const dowel_gcs_signing *s, const char *base) {
    bool in_path = s->style == DOWEL_GCS_PATH_STYLE;
    dowel_text url = {0};
    dowel_text_format(&url, "%s/%s%s", base, in_path ? s->bucket : "", in_path ? "/" : "");
    return dowel_text_take(&url, NULL);
}

int dowel_gcs_sign_policy(const dowel_gcs_signing *s, dowel_gcs_signable *signable, dowel_error *err) {
    memset(signable, 0, sizeof *signable);
    dowel_gcs_stamp stamp;
    int rc = dowel_gcs_stamp_make(s, &stamp, err);
    if (rc) return rc;
    time_t end = (time_t)(s->time + s->seconds);
    struct tm tm;
    char expiration[32];
    gmtime_r(&end, &tm);
    strftime(expiration, sizeof expiration, "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_t *conditions = json_array();
    signable->fields = json_object();
    if (s->conditions) json_array_extend(conditions, (json_t *)s->conditions);
    rc = add_fields(s->fields, conditions, signable->fields, err);
    if (!rc) rc = add_required(s, &stamp, conditions, signable->fields, err);
    json_t *policy = rc ? NULL : json_pack("{s:O,s:s}", "conditions", conditions, "expiration", expiration);
    char *text = policy ? ascii(policy) : NULL;
    if (text) {
        signable->text = dowel_base64(text, strlen(text));
        signable->url = form_url(s, stamp.base);
        if (signable->text && json_object_set_new(signable->fields, "policy", json_string(signable->text)))
            rc = dowel_no_memory(err);
    }
    if (!rc && (!signable->text || !signable->url)) rc = dowel_no_memory(err);
    if (rc) dowel_gcs_signable_clear(signable);
    free(text);
    json_decref(policy);
    json_decref(conditions);
    dowel_gcs_stamp_clear(&stamp);
    return rc;
}
