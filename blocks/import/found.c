/* What an import source finds: blocks, warnings, and settings that dowel does not have. */
#include "import_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "My_AWS keys" as "my-aws-keys". */
static void make_name(const char *text, char name[DOWEL_IMPORT_NAME_SIZE]) {
    size_t n = 0;
    for (const char *p = text; *p && n < DOWEL_IMPORT_NAME_SIZE - 1; p++) {
        bool upper = *p >= 'A' && *p <= 'Z', good = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9');
        if (upper || good)
            name[n++] = (char)(upper ? *p - 'A' + 'a' : *p);
        else if (n && name[n - 1] != '-')
            name[n++] = '-';
    }
    while (n && name[n - 1] == '-') n--;
    name[n] = 0;
}

/* A field that could not be set. */
static int check_fields(const dowel_importing *in) {
    if (in->no_memory) return dowel_no_memory(in->err);
    return *in->not_text ? dowel_fail(in->err, DOWEL_E_INVALID, "%s: the value for field \"%s\" is not UTF-8",
                                      in->origin, in->not_text)
                         : 0;
}

int dowel_import_add(dowel_importing *in, const char *type, const char *name, json_t *document,
                     char reference[DOWEL_IMPORT_REFERENCE_SIZE]) {
    char good[DOWEL_IMPORT_NAME_SIZE], whole[DOWEL_IMPORT_REFERENCE_SIZE];
    make_name(name, good);
    if (!*good) {
        dowel_json_cleanse(document);
        dowel_fail(in->err, DOWEL_E_INVALID, "%s: \"%.60s\" cannot be turned into a block name", in->origin, name);
        dowel_error_hint(in->err, "give the block a name: TYPE/NAME");
        return DOWEL_E_INVALID;
    }
    snprintf(whole, sizeof whole, "%s/%s", type, good);
    if (reference) snprintf(reference, DOWEL_IMPORT_REFERENCE_SIZE, "%s", whole);
    int rc = check_fields(in);
    if (rc) {
        dowel_json_cleanse(document);
        return rc;
    }
    if (dowel_import_is_masked(document)) {
        dowel_json_cleanse(document);
        return dowel_import_masked(in, whole, "");
    }
    size_t i;
    json_t *other, *entry = json_pack("{s:s,s:o}", "block", whole, "document", document);
    if (!entry) return dowel_no_memory(in->err);
    json_array_foreach(in->blocks, i, other) {
        if (strcmp(json_string_value(json_object_get(other, "block")), whole) != 0) continue;
        bool same = json_equal(other, entry);
        dowel_json_cleanse(entry);
        return same ? 0
                    : dowel_fail(in->err, DOWEL_E_INVALID, "%s: two different blocks would both be %s", in->origin,
                                 whole);
    }
    return json_array_append_new(in->blocks, entry) ? dowel_no_memory(in->err) : 0;
}

void dowel_import_warn(dowel_importing *in, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t i;
    json_t *said;
    json_array_foreach(in->warnings, i, said) if (!strcmp(json_string_value(said), text)) return;
    if (json_array_append_new(in->warnings, dowel_json_text(text))) in->no_memory = true;
}

bool dowel_import_is_one_of(const char *const *names, const char *name) {
    while (*names && strcmp(*names, name) != 0) names++;
    return *names != NULL;
}

bool dowel_import_is_credential(const char *name) {
    static const char *const parts[] = {
        "secret",       "password",   "passwd",   "passphrase", "token",       "credential",
        "private_key",  "access_key", "api_key",  "apikey",     "keyfile",     "key_path",
        "customer_key", "role_arn",   "iam_role", "impersonat", "account_key", NULL};
    static const char *const others[] = {"url", "uri", "host", "endpoint", "lifetime", "expiry", "duration", NULL};
    char lower[128];
    size_t n = 0;
    for (const char *p = name; *p && n < sizeof lower - 1; p++) lower[n++] = (char)dowel_lower((unsigned char)*p);
    lower[n] = 0;
    for (size_t i = 0; others[i]; i++) {
        size_t length = strlen(others[i]);
        if (n >= length && !strcmp(lower + n - length, others[i])) return false;
    }
    for (size_t i = 0; parts[i]; i++)
        if (strstr(lower, parts[i])) return true;
    return false;
}

bool dowel_import_is_masked(const json_t *value) {
    const char *text = json_string_value(value), *key;
    json_t *inner;
    size_t i;
    if (text) return strstr(text, "********") || (strlen(text) > 2 && strspn(text, "*") == strlen(text));
    json_object_foreach((json_t *)value, key, inner) {
        if (dowel_import_is_masked(inner)) return true;
    }
    json_array_foreach(value, i, inner) if (dowel_import_is_masked(inner)) return true;
    return false;
}

int dowel_import_masked(dowel_importing *in, const char *name, const char *hint) {
    dowel_fail(in->err, DOWEL_E_INVALID, "%s: \"%.100s\" is masked: asterisks stand where the secret was", in->origin,
               name);
    dowel_error_hint(in->err, "%s", *hint ? hint : "nothing was saved; export it again with its secrets");
    return DOWEL_E_INVALID;
}

static bool says_nothing(const json_t *value) {
    return !value || json_is_null(value) || (json_is_string(value) && !json_string_length(value)) ||
           ((json_is_object(value) || json_is_array(value)) && !json_object_size(value) && !json_array_size(value));
}

/* The path of the first credential in a setting that is left out. */
static void find_credential(dowel_importing *in, const char *path, const char *name, const json_t *value) {
    static const char *const switches[] = {"true", "false", "True", "False", NULL};
    const char *key, *text = json_string_value(value);
    json_t *inner;
    if (*in->lost || says_nothing(value) || json_is_boolean(value)) return;
    if (dowel_import_is_credential(name) && !(text && dowel_import_is_one_of(switches, text))) {
        snprintf(in->lost, sizeof in->lost, "%s", path);
        return;
    }
    json_object_foreach((json_t *)value, key, inner) {
        char below[sizeof in->lost];
        if (snprintf(below, sizeof below, "%s.%s", path, key) < (int)sizeof below)
            find_credential(in, below, key, inner);
    }
}

void dowel_import_leave(dowel_importing *in, json_t *left, const char *name, const json_t *value) {
    if (says_nothing(value)) return;
    const char *dot = strrchr(name, '.');
    find_credential(in, name, dot ? dot + 1 : name, value);
    if (json_array_append_new(left, json_string(name))) in->no_memory = true;
}

int dowel_import_left_out(dowel_importing *in, const char *what, json_t *left) {
    char text[768] = "";
    size_t i, used = 0;
    json_t *one;
    json_array_foreach(left, i, one) {
        int n = snprintf(text + used, sizeof text - used, "%s%.100s", i ? ", " : "", json_string_value(one));
        used += n > 0 ? (size_t)n : 0;
        if (used >= sizeof text) break;
    }
    json_decref(left);
    if (*in->lost) {
        int rc = dowel_fail(in->err, DOWEL_E_INVALID,
                            "%s: %.200s: \"%s\" decides whose credentials are used, and a block cannot hold it",
                            in->origin, what, in->lost);
        dowel_error_hint(in->err, "nothing was saved; remove it there if it is not needed, or use `dowel block save`");
        return rc;
    }
    if (*text) dowel_import_warn(in, "%.200s: not imported, because dowel has no such setting: %s", what, text);
    return 0;
}

json_t *dowel_import_path(dowel_importing *in, const char *what, const char *path) {
    const char *home = getenv("HOME");
    if (strncmp(path, "~/", 2) != 0 || !home || !*home) return json_string(path);
    json_t *whole = json_sprintf("%s%s", home, path + 1);
    if (whole) dowel_import_warn(in, "%s: %.200s is saved as %.400s", what, path, json_string_value(whole));
    return whole;
}

json_t *dowel_import_reference(const char *reference) {
    return json_pack("{s:s}", "$block", reference);
}

void dowel_import_put(dowel_importing *in, json_t *document, const char *field, json_t *value) {
    if (json_object_set_new(document, field, value)) in->no_memory = true;
}

void dowel_import_set(dowel_importing *in, json_t *document, const char *field, const char *text) {
    if (!text || !*text) return;
    if (dowel_is_utf8(text, strlen(text)))
        dowel_import_put(in, document, field, json_string(text));
    else if (!*in->not_text)
        snprintf(in->not_text, sizeof in->not_text, "%s", field);
}

void dowel_import_bucket_path(dowel_importing *in, json_t *document, const char *path) {
    const char *slash = strchr(path, '/');
    size_t bucket = slash ? (size_t)(slash - path) : strlen(path), folder = slash ? strlen(slash + 1) : 0;
    while (folder && slash[folder] == '/') folder--;
    dowel_import_put(in, document, "bucket", json_stringn(path, bucket));
    if (folder) dowel_import_put(in, document, "folder", json_stringn(slash + 1, folder));
}

json_t *dowel_import_impersonated(const char *chain, const json_t *source) {
    dowel_builder delegates = dowel_build(json_array()), info = dowel_build(json_object());
    const char *target = chain;
    json_t *list = NULL, *made = NULL;
    for (const char *comma; (comma = strchr(target, ',')); target = comma + 1)
        dowel_build_item(&delegates, json_stringn(target, (size_t)(comma - target)));
    bool failed = dowel_build_end(&delegates, &list, NULL);
    dowel_build_text(&info, "type", "impersonated_service_account");
    dowel_build_json(
        &info, "service_account_impersonation_url",
        json_sprintf("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/%.300s:generateAccessToken",
                     target));
    dowel_build_json(&info, "source_credentials", json_deep_copy(source));
    if (failed || json_array_size(list))
        dowel_build_json(&info, "delegates", list);
    else
        json_decref(list);
    (void)dowel_build_end(&info, &made, NULL);
    return made;
}
