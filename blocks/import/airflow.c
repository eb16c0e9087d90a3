/* An Airflow connection, as URI (AIRFLOW_CONN_ID, `airflow connections get -o json`) or as JSON: Amazon's and Google's types. */
#include "import_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the URI: TYPE://LOGIN:PASSWORD@HOST:PORT/SCHEMA?NAME=VALUE ---- */

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decoded; NULL if the result is not UTF-8. New reference. */
static json_t *decode(const char *text, size_t length, bool plus_is_space) {
    char *out = malloc(length + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < length; i++) {
        int high = i + 2 < length ? hex(text[i + 1]) : -1, low = high >= 0 ? hex(text[i + 2]) : -1;
        if (text[i] == '%' && low >= 0) {
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = plus_is_space && text[i] == '+' ? ' ' : text[i];
        }
    }
    json_t *decoded = out && !memchr(out, 0, n) ? json_stringn(out, n) : NULL;
    dowel_wipe_bytes(out, length + 1);
    return decoded;
}

/* Says which character must be percent-encoded; never quotes the text, which holds a secret. */
static int not_encoded(dowel_importing *in, char c, const char *where) {
    dowel_fail(in->err, DOWEL_E_INVALID, "%s: a \"%c\" in %s is not percent-encoded: write it as %%%02X", in->origin, c,
               where, (unsigned char)c);
    dowel_error_hint(in->err, "nothing was saved; in a connection URI / is %%2F, ? is %%3F, # is %%23, @ is %%40, "
                              ": is %%3A, + is %%2B, & is %%26, %% is %%25");
    return DOWEL_E_INVALID;
}

static int no_uri(dowel_importing *in, const char *why) {
    return dowel_fail(in->err, DOWEL_E_INVALID, "%s: not a connection URI (TYPE://LOGIN:PASSWORD@HOST/?NAME=VALUE)%s%s",
                      in->origin, *why ? ": " : "", why);
}

static int put(dowel_importing *in, json_t *connection, const char *name, const char *text, size_t length) {
    if (!length || !json_object_set_new(connection, name, decode(text, length, false))) return 0;
    return no_uri(in, "a percent-encoded part of it is not text");
}

static int read_pair(dowel_importing *in, const char *pair, size_t length, json_t *extra) {
    const char *equals = memchr(pair, '=', length), *text = equals ? equals + 1 : NULL;
    if (!equals) return no_uri(in, "what follows the \"?\" is not NAME=VALUE&NAME=VALUE");
    size_t size = length - (size_t)(text - pair);
    json_t *key = decode(pair, (size_t)(equals - pair), true), *value = decode(text, size, true);
    const char *name = json_string_value(key);
    const json_t *before = name ? json_object_get(extra, name) : NULL;
    int rc = 0;
    if (!name || !value)
        rc = no_uri(in, "a percent-encoded part of it is not text");
    else if (memchr(text, '+', size) && !strncmp(name, "aws_", 4) && dowel_import_is_credential(name))
        rc = not_encoded(in, '+', name); /* it would become a blank, which no key or token has */
    else if (before && !json_equal(before, value))
        rc = dowel_fail(in->err, DOWEL_E_INVALID, "%s: \"%.60s\" is given twice", in->origin, name);
    else
        dowel_import_put(in, extra, name, json_incref(value));
    json_decref(key);
    if (rc)
        dowel_json_cleanse(value);
    else
        json_decref(value);
    return rc;
}

static int read_query(dowel_importing *in, const char *query, json_t *extra) {
    int rc = 0;
    for (const char *p = query; *p && !rc;) {
        size_t length = strcspn(p, "&");
        if (length) rc = read_pair(in, p, length, extra);
        p += length + (p[length] == '&');
    }
    return rc;
}

/* A URI cut at its characters of meaning. */
typedef struct uri_parts {
    const char *authority, *at, *path, *query; /* `at` and `query` may be NULL; `path` begins behind its slash */
    size_t authority_size, path_size;
} uri_parts;

/* A "/", "?" or "#" in a login or password ends the authority too early; what follows must not be taken for a path or a setting. */
static int check_parts(dowel_importing *in, const uri_parts *u) {
    static const char where[] = "the login or password";
    const char *host = u->at ? u->at + 1 : u->authority, *end = u->authority + u->authority_size;
    if (strchr(u->authority, '#')) return not_encoded(in, '#', "the URI");
    if (memchr(u->path, '@', u->path_size)) return not_encoded(in, '/', where);
    bool at_in_query = u->query && strchr(u->query, '@');
    if (at_in_query && *end == '?' && u->authority_size) return not_encoded(in, '?', where);
    if (at_in_query && u->at && host < end) return not_encoded(in, '@', "the URI");
    if (at_in_query && !u->at && u->authority_size) return not_encoded(in, *end, where);
    if (!u->at && memchr(u->authority, ':', u->authority_size))
        return no_uri(in, "a login and password end with \"@\"");
    if (!u->at && (!dowel_ncasecmp(host, "AKIA", 4) || !dowel_ncasecmp(host, "ASIA", 4)))
        return no_uri(in, "a login ends with \"@\"");
    return 0;
}

static uri_parts split(const char *rest) {
    uri_parts u = {.authority = rest, .authority_size = strcspn(rest, "/?#"), .query = strchr(rest, '?')};
    for (size_t i = 0; i < u.authority_size; i++)
        if (rest[i] == '@') u.at = rest + i;
    u.path = rest + u.authority_size + (rest[u.authority_size] == '/');
    u.path_size = strcspn(u.path, "?");
    if (u.query) u.query++;
    return u;
}

/* {conn_type, login, password, host, schema, extra} of a URI. */
static int read_uri(dowel_importing *in, const char *uri, json_t *connection) {
    const char *rest = strstr(uri, "://");
    json_t *extra = json_object();
    dowel_import_put(in, connection, "extra", extra);
    if (!rest) return no_uri(in, "");
    const uri_parts u = split(rest + 3);
    const char *host = u.at ? u.at + 1 : u.authority, *end = u.authority + u.authority_size;
    int rc = put(in, connection, "conn_type", uri, (size_t)(rest - uri));
    if (!rc) rc = check_parts(in, &u);
    if (!rc && u.at) {
        const char *colon = memchr(u.authority, ':', (size_t)(u.at - u.authority));
        rc = put(in, connection, "login", u.authority, (size_t)((colon ? colon : u.at) - u.authority));
        if (!rc && colon) rc = put(in, connection, "password", colon + 1, (size_t)(u.at - colon) - 1);
    }
    if (!rc) rc = put(in, connection, "host", host, (size_t)(end - host));
    if (!rc) rc = put(in, connection, "schema", u.path, u.path_size);
    if (!rc && u.query) rc = read_query(in, u.query, extra);
    json_t *whole = json_object_get(extra, "__extra__");
    if (!rc && whole) {
        json_incref(whole);
        json_object_del(extra, "__extra__");
        if (json_object_size(extra)) rc = no_uri(in, "__extra__ stands beside other settings");
        dowel_import_put(in, connection, "extra", whole);
    }
    return rc;
}

/* "extra" may be the text of a JSON object. */
static int open_extra(dowel_importing *in, json_t *connection) {
    json_t *extra = json_object_get(connection, "extra"), *opened = NULL;
    int rc = 0;
    if (json_is_string(extra) && !dowel_json_is_number(extra) && json_string_length(extra)) {
        rc = dowel_json_read(json_string_value(extra), json_string_length(extra), DOWEL_JSON_EXACT,
                             "the connection's extra", &opened, in->err);
        if (!rc) dowel_import_put(in, connection, "extra", opened);
    } else if (!extra || json_is_null(extra) || (json_is_string(extra) && !json_string_length(extra))) {
        dowel_import_put(in, connection, "extra", json_object());
    }
    if (!rc && !json_is_object(json_object_get(connection, "extra")))
        rc = dowel_fail(in->err, DOWEL_E_INVALID, "%s: the connection's extra is not a JSON object", in->origin);
    return rc;
}

/* ---- what it becomes ---- */

/* Sets a field from a connection's member. Two members that say different things are an error, as is a secret that was masked. */
static int set_field(dowel_importing *in, json_t *document, const char *field, const char *name, const json_t *value) {
    const char *text = json_string_value(value), *before = json_string_value(json_object_get(document, field));
    if (!text || !*text) return 0;
    if (dowel_import_is_masked(value)) return dowel_import_masked(in, name, "");
    if (before && strcmp(before, text) != 0)
        return dowel_fail(in->err, DOWEL_E_INVALID, "%s: \"%s\" contradicts another setting for %s: remove one of them",
                          in->origin, name, field);
    dowel_import_set(in, document, field, text);
    return 0;
}

/* Takes a text out of `extra`, or a number as it is written where no credential is meant: what is left there was not used. */
static int take(dowel_importing *in, json_t *extra, const char *name, json_t *document, const char *field) {
    json_t *value = json_object_get(extra, name), *text;
    if (dowel_json_is_number(value) && !dowel_import_is_credential(name)) {
        char *digits = dowel_json_number_text(value);
        text = digits ? json_string(digits) : NULL;
        free(digits);
        if (!text) return dowel_no_memory(in->err);
    } else if (json_is_string(value) && !dowel_json_is_number(value)) {
        text = json_incref(value);
    } else {
        return 0;
    }
    int rc = set_field(in, document, field, name, text);
    json_decref(text);
    json_object_del(extra, name);
    return rc;
}

/* `used`: the members of the connection itself that were taken. */
static int leave_out(dowel_importing *in, const char *id, const json_t *connection, const json_t *extra,
                     const char *const *used) {
    static const char *const harmless[] = {
        "conn_type",          "conn_id",      "id",      "description", "extra", "is_encrypted",
        "is_extra_encrypted", "extra_dejson", "get_uri", NULL};
    json_t *left = json_array(), *value;
    const char *key;
    json_object_foreach((json_t *)connection, key,
                        value) if (!dowel_import_is_one_of(harmless, key) && !dowel_import_is_one_of(used, key))
        dowel_import_leave(in, left, key, value);
    json_object_foreach((json_t *)extra, key, value) {
        char name[128];
        snprintf(name, sizeof name, "extra.%.100s", key);
        dowel_import_leave(in, left, name, value);
    }
    char what[200];
    snprintf(what, sizeof what, "connection %.100s", id);
    return dowel_import_left_out(in, what, left);
}

/* A role that the keys assume. Other ways of assuming one than "assume_role" have no counterpart. */
static int take_role(dowel_importing *in, json_t *extra, json_t *document) {
    json_t *more = json_object_get(extra, "assume_role_kwargs"), *seconds = json_object_get(more, "DurationSeconds");
    const char *how = json_string_value(json_object_get(extra, "assume_role_method"));
    if (!json_is_string(json_object_get(extra, "role_arn")) || (how && *how && strcmp(how, "assume_role") != 0))
        return 0;
    int rc = take(in, extra, "role_arn", document, "role_arn");
    if (!rc) rc = take(in, extra, "external_id", document, "external_id");
    if (!rc) rc = take(in, more, "ExternalId", document, "external_id");
    if (!rc) rc = take(in, more, "RoleSessionName", document, "role_session_name");
    if (json_is_integer(seconds)) {
        dowel_import_put(in, document, "role_duration", json_integer(json_integer_value(seconds)));
        json_object_del(more, "DurationSeconds");
    }
    json_object_del(extra, "assume_role_method");
    if (json_is_object(more) && !json_object_size(more)) json_object_del(extra, "assume_role_kwargs");
    return rc;
}

/* A connection's login and password are text, or absent. */
static int take_login(dowel_importing *in, const json_t *connection, json_t *document) {
    static const char *const members[][2] = {{"login", "access_key_id"}, {"password", "secret_access_key"}};
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(connection, members[i][0]);
        if (value && !json_is_null(value) && (!json_is_string(value) || dowel_json_is_number(value)))
            return dowel_fail(in->err, DOWEL_E_INVALID, "%s: \"%s\" is not text", in->origin, members[i][0]);
        int rc = set_field(in, document, members[i][1], members[i][0], value);
        if (rc) return rc;
    }
    return 0;
}

static int take_amazon(dowel_importing *in, const json_t *connection, json_t *extra, json_t *document, json_t *bucket) {
    static const char *const names[][2] = {{"aws_access_key_id", "access_key_id"},
                                           {"aws_secret_access_key", "secret_access_key"},
                                           {"aws_session_token", "session_token"},
                                           {"profile_name", "profile"},
                                           {"region_name", "region"},
                                           {"endpoint_url", "endpoint"},
                                           {"host", "endpoint"}};
    json_t *session = json_object_get(extra, "session_kwargs"), *services = json_object_get(extra, "service_config"),
           *s3 = json_object_get(services, "s3");
    int rc = take_login(in, connection, document);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !rc; i++) {
        rc = take(in, extra, names[i][0], document, names[i][1]);
        if (!rc && i < 5) rc = take(in, session, names[i][0], document, names[i][1]);
    }
    if (json_is_object(session) && !json_object_size(session)) json_object_del(extra, "session_kwargs");
    if (!rc && json_is_string(json_object_get(s3, "bucket_name"))) {
        rc = take(in, s3, "bucket_name", bucket, "bucket");
        if (!rc) rc = take(in, s3, "endpoint_url", bucket, "endpoint");
        if (!json_object_size(s3)) json_object_del(services, "s3");
        if (!json_object_size(services)) json_object_del(extra, "service_config");
    }
    return rc ? rc : take_role(in, extra, document);
}

static int amazon(dowel_importing *in, const char *id, const json_t *connection, json_t *extra) {
    static const char *const used[] = {"login", "password", NULL};
    char reference[DOWEL_IMPORT_REFERENCE_SIZE];
    const char *name = in->name ? in->name : id;
    json_t *document = json_object(), *bucket = json_object();
    int rc = take_amazon(in, connection, extra, document, bucket);
    if (!rc) rc = leave_out(in, id, connection, extra, used);
    if (rc) {
        dowel_json_cleanse(document);
        json_decref(bucket);
        return rc;
    }
    rc = dowel_import_add(in, "aws-credentials", name, document, reference);
    if (rc || !json_object_size(bucket)) {
        json_decref(bucket);
        return rc;
    }
    dowel_import_put(in, bucket, "credentials", dowel_import_reference(reference));
    return dowel_import_add(in, "s3-bucket", name, bucket, NULL);
}

/* Scopes are joined by commas. */
static void take_scopes(dowel_importing *in, json_t *extra, json_t *document) {
    const char *text = json_string_value(json_object_get(extra, "scope"));
    json_t *scopes = json_array();
    for (const char *p = text; p && *p;) {
        size_t length = strcspn(p, ", ");
        if (length && json_array_append_new(scopes, json_stringn(p, length))) in->no_memory = true;
        p += length + (p[length] != 0);
    }
    if (json_array_size(scopes)) dowel_import_put(in, document, "scopes", json_incref(scopes));
    json_decref(scopes);
    json_object_del(extra, "scope");
}

/* Airflow takes any text for true, and its forms write "false". */
static int take_anonymous(dowel_importing *in, json_t *extra, json_t *document) {
    static const char *const yes[] = {"true", "True", "1", "yes", "on", NULL}, *const no[] = {"false", "False", "0",
                                                                                              "no",    "off",   "",
                                                                                              NULL};
    const json_t *value = json_object_get(extra, "is_anonymous");
    const char *text = json_string_value(value);
    if (json_is_true(value) || (text && dowel_import_is_one_of(yes, text)))
        dowel_import_put(in, document, "anonymous", json_true());
    else if (value && !json_is_null(value) && !json_is_false(value) && !(text && dowel_import_is_one_of(no, text)))
        return dowel_fail(in->err, DOWEL_E_INVALID, "%s: \"is_anonymous\" is neither true nor false", in->origin);
    json_object_del(extra, "is_anonymous");
    return 0;
}

/* The account that the key's owner acts as: one, or a chain of them. */
static void take_impersonation(json_t *extra, json_t **info) {
    json_t *chain = json_object_get(extra, "impersonation_chain"), *joined = NULL, *one;
    size_t i;
    if (!*info || !json_is_object(*info)) return;
    if (json_is_string(chain) && json_string_length(chain)) joined = json_incref(chain);
    json_array_foreach(chain, i, one) {
        if (!json_is_string(one)) {
            json_decref(joined);
            return;
        }
        json_t *more = i ? json_sprintf("%s,%s", json_string_value(joined), json_string_value(one)) : json_incref(one);
        json_decref(joined);
        joined = more;
    }
    if (!joined) return;
    json_t *source = *info;
    *info = dowel_import_impersonated(json_string_value(joined), source);
    json_decref(source);
    json_decref(joined);
    json_object_del(extra, "impersonation_chain");
}

/* The key as an object or as its text. */
static int take_keyfile(dowel_importing *in, json_t *extra, json_t *document) {
    /* Its content, or its path. */
    const char *config = json_string_value(json_object_get(extra, "credential_config_file"));
    if (config && *config == '{' && !json_object_get(extra, "keyfile_dict")) {
        dowel_import_put(in, extra, "keyfile_dict", json_incref(json_object_get(extra, "credential_config_file")));
        json_object_del(extra, "credential_config_file");
    }
    json_t *keyfile = json_object_get(extra, "keyfile_dict"), *info = NULL;
    int rc = 0;
    if (dowel_import_is_masked(keyfile))
        rc = dowel_import_masked(in, "keyfile_dict", "");
    else if (json_is_object(keyfile))
        info = json_deep_copy(keyfile);
    else if (json_is_string(keyfile) && json_string_length(keyfile))
        rc = dowel_json_read(json_string_value(keyfile), json_string_length(keyfile), DOWEL_JSON_EXACT, "keyfile_dict",
                             &info, in->err);
    if (rc || !info) return rc;
    json_object_del(extra, "keyfile_dict");
    take_impersonation(extra, &info);
    dowel_import_put(in, document, "service_account_info", info);
    return 0;
}

static int take_google(dowel_importing *in, json_t *extra, json_t *document) {
    static const char *const names[][2] = {{"project", "project"},
                                           {"project_id", "project"},
                                           {"key_path", "service_account_file"},
                                           {"quota_project_id", "quota_project"}};
    int rc = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !rc; i++)
        rc = take(in, extra, names[i][0], document, names[i][1]);
    if (!rc) rc = take_keyfile(in, extra, document);
    if (!rc) rc = take(in, extra, "credential_config_file", document, "service_account_file");
    if (!rc) rc = take_anonymous(in, extra, document);
    take_scopes(in, extra, document);
    json_object_del(extra, "num_retries"); /* dowel's own retries hold */
    return rc;
}

static int google(dowel_importing *in, const char *id, const json_t *connection, json_t *given) {
    static const char prefix[] = "extra__google_cloud_platform__"; /* as older versions name them */
    static const char *const used[] = {NULL};
    json_t *document = json_object(), *extra = json_object(), *value;
    const char *key;
    int rc = 0;
    json_object_foreach(given, key, value) {
        const char *name = strncmp(key, prefix, sizeof prefix - 1) ? key : key + sizeof prefix - 1;
        const json_t *before = json_object_get(extra, name);
        if (!rc && before && !json_equal(before, value))
            rc = dowel_fail(in->err, DOWEL_E_INVALID, "%s: \"%.60s\" is given twice", in->origin, name);
        dowel_import_put(in, extra, name, json_incref(value));
    }
    if (!rc) rc = take_google(in, extra, document);
    if (!rc) rc = leave_out(in, id, connection, extra, used);
    dowel_json_cleanse(extra);
    if (rc) {
        dowel_json_cleanse(document);
        return rc;
    }
    return dowel_import_add(in, "gcp-credentials", in->name ? in->name : id, document, NULL);
}

/* `airflow connections get -o json` gives an array of one. */
static int read_json(dowel_importing *in, const char *text, size_t size, json_t **connection) {
    json_t *whole = NULL;
    int rc = dowel_json_read(text, size, DOWEL_JSON_EXACT, in->origin, &whole, in->err);
    if (rc) return rc;
    *connection = json_is_array(whole) && json_array_size(whole) == 1 ? json_incref(json_array_get(whole, 0))
                                                                      : json_incref(whole);
    if (!json_is_object(*connection))
        rc = dowel_fail(in->err, DOWEL_E_INVALID, "%s: expected one connection as a JSON object", in->origin);
    json_decref(whole);
    return rc;
}

static int read_airflow(dowel *d, const dowel_import_request *request, dowel_importing *in, dowel_error *err) {
    (void)d;
    (void)err; /* in->err */
    const char *id = request->which ? request->which : "airflow", *text = request->text;
    size_t size = request->size;
    json_t *connection = NULL;
    char *uri = NULL;
    int rc = dowel_text_check(in->origin, &text, &size, in->err);
    if (rc) return rc;
    while (size && strchr(" \t\r\n", text[size - 1])) size--;
    while (size && strchr(" \t\r\n", *text)) text++, size--;
    if (size && (*text == '{' || *text == '[')) {
        rc = read_json(in, text, size, &connection);
    } else {
        connection = json_object();
        uri = strndup(text, size);
        rc = uri ? read_uri(in, uri, connection) : dowel_no_memory(in->err);
    }
    if (!rc) rc = open_extra(in, connection);
    if (!rc) {
        const char *type = json_string_value(json_object_get(connection, "conn_type"));
        json_t *extra = json_object_get(connection, "extra");
        if (type && (!strcmp(type, "aws") || !strcmp(type, "s3")))
            rc = amazon(in, id, connection, extra);
        else if (type && (!strcmp(type, "google_cloud_platform") || !strcmp(type, "google-cloud-platform")))
            rc = google(in, id, connection, extra);
        else if (!type)
            rc = dowel_fail(in->err, DOWEL_E_INVALID, "%s: the connection has no \"conn_type\"", in->origin);
        else
            rc = dowel_fail(in->err, DOWEL_E_INVALID,
                            "%s: connection type \"%.60s\" has no counterpart: aws and google-cloud-platform have one",
                            in->origin, type);
    }
    dowel_wipe(uri);
    dowel_json_cleanse(connection);
    return rc;
}

const dowel_import_source dowel_airflow_import = {
    .size = sizeof(dowel_import_source),
    .name = "airflow",
    .value = "@FILE|-|env:VAR",
    .doc = "a connection of Airflow",
    .input = DOWEL_IMPORT_SECRET,
    .variable = "AIRFLOW_CONN_",
    .read = read_airflow,
};
