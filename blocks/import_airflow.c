/* An Airflow connection, as URI (AIRFLOW_CONN_ID, `airflow connections get -o json`) or as JSON: Amazon's and Google's types. */
#include "import.h"
#include "sealing.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the URI: TYPE://LOGIN:PASSWORD@HOST:PORT/SCHEMA?NAME=VALUE ---- */

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decoded; NULL where that is no text. New reference. */
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
    if (out) OPENSSL_cleanse(out, length + 1);
    free(out);
    return decoded;
}

static bool put(json_t *connection, const char *name, const char *text, size_t length) {
    return !length || !json_object_set_new(connection, name, decode(text, length, false));
}

static bool read_query(const char *query, json_t *extra) {
    for (const char *p = query; *p;) {
        size_t length = strcspn(p, "&"), name = strcspn(p, "=&");
        json_t *key = decode(p, name, true),
               *value = name < length ? decode(p + name + 1, length - name - 1, true) : json_string("");
        bool good = key && value && !json_object_set(extra, json_string_value(key), value);
        json_decref(key);
        json_decref(value);
        if (!good) return false;
        p += length + (p[length] == '&');
    }
    return true;
}

/* {conn_type, login, password, host, port, schema, extra} of a URI. */
static int read_uri(dowel_importing *in, const char *uri, json_t *connection) {
    const char *rest = strstr(uri, "://");
    json_t *extra = json_object();
    json_object_set_new(connection, "extra", extra);
    bool good = rest && put(connection, "conn_type", uri, (size_t)(rest - uri));
    if (good) {
        rest += 3;
        const char *query = strchr(rest, '?');
        size_t length = query ? (size_t)(query - rest) : strlen(rest), place = strcspn(rest, "/?");
        const char *at = NULL;
        for (size_t i = 0; i < place; i++)
            if (rest[i] == '@') at = rest + i;
        if (at) {
            size_t who = (size_t)(at - rest);
            const char *colon = memchr(rest, ':', who);
            good = put(connection, "login", rest, colon ? (size_t)(colon - rest) : who) &&
                   (!colon || put(connection, "password", colon + 1, (size_t)(at - colon) - 1));
        }
        const char *host = at ? at + 1 : rest;
        good = good && put(connection, "host", host, place - (size_t)(host - rest)) &&
               (place + 1 >= length || put(connection, "schema", rest + place + 1, length - place - 1)) &&
               (!query || read_query(query + 1, extra));
    }
    if (!good)
        return dowel_fail(in->err, DOWEL_E_INVALID, "%s: no connection URI: TYPE://LOGIN:PASSWORD@HOST/?NAME=VALUE",
                          in->origin);
    json_t *whole = json_object_get(extra, "__extra__");
    if (whole) json_object_set(connection, "extra", whole);
    return 0;
}

/* "extra" may be the text of a JSON object. */
static int open_extra(dowel_importing *in, json_t *connection) {
    json_t *extra = json_object_get(connection, "extra"), *opened = NULL;
    int rc = 0;
    if (json_is_string(extra) && json_string_length(extra)) {
        rc = dowel_json_parse(json_string_value(extra), json_string_length(extra), "the connection's extra", &opened,
                              in->err);
        if (!rc) json_object_set_new(connection, "extra", opened);
    } else if (!json_is_object(extra)) {
        json_object_set_new(connection, "extra", json_object());
    }
    if (!rc && !json_is_object(json_object_get(connection, "extra")))
        rc = dowel_fail(in->err, DOWEL_E_INVALID, "%s: the connection's extra is no JSON object", in->origin);
    return rc;
}

/* ---- what it becomes ---- */

/* Takes a text out of `extra`, so that what stays in it was not used. */
static void take(json_t *extra, const char *name, json_t *document, const char *field) {
    json_t *value = json_object_get(extra, name);
    if (json_is_string(value)) {
        if (!json_object_get(document, field)) dowel_import_set(document, field, json_string_value(value));
        json_object_del(extra, name);
    }
}

static void leave_out(dowel_importing *in, const char *id, const json_t *connection, const json_t *extra) {
    static const char *const members[] = {"host", "port", "schema", NULL};
    json_t *left = json_array(), *value;
    const char *key;
    for (size_t i = 0; members[i]; i++) {
        value = json_object_get(connection, members[i]);
        if (value && !json_is_null(value) && !(json_is_string(value) && !json_string_length(value)))
            json_array_append_new(left, json_string(members[i]));
    }
    json_object_foreach((json_t *)extra, key, value) {
        bool empty = json_is_null(value) || (json_is_string(value) && !json_string_length(value));
        if (!empty) json_array_append_new(left, json_sprintf("extra.%.60s", key));
    }
    char what[200];
    snprintf(what, sizeof what, "connection %.100s", id);
    dowel_import_left_out(in, what, left);
}

/* A role that the keys assume. Other ways of assuming one than "assume_role" have no counterpart. */
static void take_role(json_t *extra, json_t *document) {
    json_t *more = json_object_get(extra, "assume_role_kwargs"), *seconds = json_object_get(more, "DurationSeconds");
    const char *how = json_string_value(json_object_get(extra, "assume_role_method"));
    if (!json_is_string(json_object_get(extra, "role_arn")) || (how && strcmp(how, "assume_role") != 0)) return;
    take(extra, "role_arn", document, "role_arn");
    take(extra, "external_id", document, "external_id");
    take(more, "ExternalId", document, "external_id");
    take(more, "RoleSessionName", document, "role_session_name");
    if (json_is_integer(seconds)) {
        json_object_set_new(document, "role_duration", json_integer(json_integer_value(seconds)));
        json_object_del(more, "DurationSeconds");
    }
    json_object_del(extra, "assume_role_method");
    if (json_is_object(more) && !json_object_size(more)) json_object_del(extra, "assume_role_kwargs");
}

static int amazon(dowel_importing *in, const char *id, const json_t *connection, json_t *extra) {
    char reference[DOWEL_IMPORT_REFERENCE_SIZE];
    const char *name = in->name ? in->name : id;
    json_t *document = json_object(), *session = json_object_get(extra, "session_kwargs"), *bucket = NULL;
    json_t *s3 = json_object_get(json_object_get(extra, "service_config"), "s3");
    dowel_import_set(document, "access_key_id", json_string_value(json_object_get(connection, "login")));
    dowel_import_set(document, "secret_access_key", json_string_value(json_object_get(connection, "password")));
    static const char *const names[][2] = {{"aws_access_key_id", "access_key_id"},
                                           {"aws_secret_access_key", "secret_access_key"},
                                           {"aws_session_token", "session_token"},
                                           {"profile_name", "profile"},
                                           {"region_name", "region"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        take(extra, names[i][0], document, names[i][1]);
        take(session, names[i][0], document, names[i][1]);
    }
    take(extra, "endpoint_url", document, "endpoint");
    take(extra, "host", document, "endpoint");
    if (json_is_object(session) && !json_object_size(session)) json_object_del(extra, "session_kwargs");
    if (json_is_string(json_object_get(s3, "bucket_name"))) {
        bucket = json_object();
        take(s3, "bucket_name", bucket, "bucket");
        take(s3, "endpoint_url", bucket, "endpoint");
        if (!json_object_size(s3)) json_object_del(json_object_get(extra, "service_config"), "s3");
        if (!json_object_size(json_object_get(extra, "service_config"))) json_object_del(extra, "service_config");
    }
    take_role(extra, document);
    leave_out(in, id, connection, extra);
    int rc = dowel_import_add(in, "aws-credentials", name, document, reference);
    if (rc || !bucket) {
        json_decref(bucket);
        return rc;
    }
    json_object_set_new(bucket, "credentials", dowel_import_reference(reference));
    return dowel_import_add(in, "s3-bucket", name, bucket, NULL);
}

/* Scopes are joined by commas. */
static void take_scopes(json_t *extra, json_t *document) {
    const char *text = json_string_value(json_object_get(extra, "scope"));
    json_t *scopes = json_array();
    for (const char *p = text; p && *p;) {
        size_t length = strcspn(p, ", ");
        if (length) json_array_append_new(scopes, json_stringn(p, length));
        p += length + (p[length] != 0);
    }
    if (json_array_size(scopes)) json_object_set(document, "scopes", scopes);
    json_decref(scopes);
    json_object_del(extra, "scope");
}

static int google(dowel_importing *in, const char *id, const json_t *connection, json_t *given) {
    static const char prefix[] = "extra__google_cloud_platform__"; /* as older versions name them */
    json_t *document = json_object(), *extra = json_object(), *value, *info = NULL;
    const char *key;
    json_object_foreach(given, key, value)
        json_object_set(extra, strncmp(key, prefix, sizeof prefix - 1) ? key : key + sizeof prefix - 1, value);
    static const char *const names[][2] = {{"project", "project"},
                                           {"project_id", "project"},
                                           {"key_path", "service_account_file"},
                                           {"quota_project_id", "quota_project"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) take(extra, names[i][0], document, names[i][1]);
    take_scopes(extra, document);
    /* Its content, or its path. */
    const char *config = json_string_value(json_object_get(extra, "credential_config_file"));
    if (config && *config == '{') {
        json_object_set(extra, "keyfile_dict", json_object_get(extra, "credential_config_file"));
        json_object_del(extra, "credential_config_file");
    }
    take(extra, "credential_config_file", document, "service_account_file");
    json_t *keyfile = json_object_get(extra, "keyfile_dict"), *anonymous = json_object_get(extra, "is_anonymous");
    int rc = 0;
    if (json_is_object(keyfile))
        info = json_deep_copy(keyfile);
    else if (json_is_string(keyfile) && json_string_length(keyfile))
        rc = dowel_json_parse(json_string_value(keyfile), json_string_length(keyfile), "keyfile_dict", &info, in->err);
    if (info) json_object_set_new(document, "service_account_info", info);
    json_object_del(extra, "keyfile_dict");
    if (json_is_true(anonymous) || (json_is_string(anonymous) && !strcasecmp(json_string_value(anonymous), "true")))
        json_object_set_new(document, "anonymous", json_true());
    json_object_del(extra, "is_anonymous");
    json_object_del(extra, "num_retries"); /* dowel's own retries hold */
    if (!rc) leave_out(in, id, connection, extra);
    json_decref(extra);
    if (rc) {
        json_decref(document);
        return rc;
    }
    return dowel_import_add(in, "gcp-credentials", in->name ? in->name : id, document, NULL);
}

int dowel_import_airflow(dowel_importing *in, const char *id, const char *text, size_t size) {
    json_t *connection = NULL;
    char *uri = NULL;
    int rc = 0;
    while (size && strchr(" \t\r\n", text[size - 1])) size--;
    while (size && strchr(" \t\r\n", *text)) text++, size--;
    if (size && *text == '{') {
        rc = dowel_json_parse(text, size, in->origin, &connection, in->err);
    } else {
        connection = json_object();
        uri = strndup(text, size);
        rc = uri && strlen(uri) == size ? read_uri(in, uri, connection)
                                        : dowel_fail(in->err, DOWEL_E_INVALID, "%s: no connection URI", in->origin);
    }
    if (!rc) rc = open_extra(in, connection);
    if (!rc) {
        const char *type = json_string_value(json_object_get(connection, "conn_type"));
        json_t *extra = json_object_get(connection, "extra");
        if (type && (!strcmp(type, "aws") || !strcmp(type, "s3")))
            rc = amazon(in, id, connection, extra);
        else if (type && (!strcmp(type, "google_cloud_platform") || !strcmp(type, "google-cloud-platform")))
            rc = google(in, id, connection, extra);
        else
            rc = dowel_fail(in->err, DOWEL_E_INVALID,
                            "%s: connection type \"%.60s\" has no counterpart: aws and google-cloud-platform have one",
                            in->origin, type ? type : "");
    }
    if (uri) OPENSSL_cleanse(uri, strlen(uri));
    free(uri);
    dowel_json_cleanse(connection);
    return rc;
}
