/* A remote of rclone, of type s3 or google cloud storage: its credentials, and the bucket where one is named behind the colon. */
#include "import_internal.h"

#include <dowel/file.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 8 /* aliases of aliases */

typedef struct option {
    const char *from, *to; /* `to` NULL: it says nothing that we need */
    bool bucket;           /* of the bucket's block */
} option;

static const option s3_options[] = {{"access_key_id", "access_key_id", false},
                                    {"secret_access_key", "secret_access_key", false},
                                    {"session_token", "session_token", false},
                                    {"profile", "profile", false},
                                    {"role_arn", "role_arn", false},
                                    {"role_external_id", "external_id", false},
                                    {"role_session_name", "role_session_name", false},
                                    {"role_session_duration", "role_duration", false},
                                    {"region", "region", false},
                                    {"endpoint", "endpoint", false},
                                    {"env_auth", NULL, false},
                                    {"provider", NULL, false},
                                    {"type", NULL, false},
                                    {"force_path_style", NULL, true},
                                    {NULL, NULL, false}};
static const option gcs_options[] = {{"service_account_file", "service_account_file", false},
                                     {"project_number", "project", false},
                                     {"access_token", "token", false},
                                     {"user_project", "user_project", true},
                                     {"endpoint", "endpoint", true},
                                     {"env_auth", NULL, false},
                                     {"anonymous", NULL, false},
                                     {"service_account_credentials", NULL, false},
                                     {"client_id", NULL, false},
                                     {"client_secret", NULL, false},
                                     {"token", NULL, false},
                                     {"type", NULL, false},
                                     {NULL, NULL, false}};

static const char *value_of(const json_t *remote, const char *name) {
    const char *text = json_string_value(json_object_get(remote, name));
    return text && *text ? text : NULL;
}

static bool is_on(const json_t *remote, const char *name) {
    const char *text = value_of(remote, name);
    return text && (!dowel_casecmp(text, "true") || !strcmp(text, "1"));
}

static int take_options(dowel_importing *in, const char *name, const json_t *remote, const option *options,
                        json_t *credentials, json_t *bucket) {
    json_t *left = json_array(), *value;
    const char *key;
    json_object_foreach((json_t *)remote, key, value) {
        const option *o = options;
        while (o->from && strcmp(o->from, key) != 0) o++;
        if (!json_string_length(value)) continue;
        if (!o->from)
            dowel_import_leave(in, left, key, value);
        else if (o->to)
            dowel_import_set(in, o->bucket ? bucket : credentials, o->to, json_string_value(value));
    }
    char what[160];
    snprintf(what, sizeof what, "rclone's remote %.100s", name);
    return dowel_import_left_out(in, what, left);
}

/* `rclone config redacted` writes XXX for what is secret. */
static int check_redacted(dowel_importing *in, const json_t *remote) {
    const char *key, *hint = "nothing was saved; use `rclone config show`, not `rclone config redacted`";
    json_t *value;
    json_object_foreach((json_t *)remote, key, value) {
        if (!strcmp(json_string_value(value), "XXX")) return dowel_import_masked(in, key, hint);
    }
    return 0;
}

/* Keys win over the environment; a remote without either is anonymous. */
static int check_keys(dowel_importing *in, const char *name, const json_t *remote, json_t *credentials) {
    bool id = value_of(remote, "access_key_id"), secret = value_of(remote, "secret_access_key");
    if (id != secret)
        return dowel_fail(in->err, DOWEL_E_CREDENTIALS, "%s: remote \"%.60s\" has %s without %s", in->origin, name,
                          id ? "access_key_id" : "secret_access_key", id ? "secret_access_key" : "access_key_id");
    if (!id && !is_on(remote, "env_auth")) dowel_import_put(in, credentials, "anonymous", json_true());
    return 0;
}

/* rclone takes an endpoint without a scheme for https. */
static void complete_endpoint(dowel_importing *in, json_t *document) {
    const char *given = json_string_value(json_object_get(document, "endpoint"));
    if (given && !strstr(given, "://")) dowel_import_put(in, document, "endpoint", json_sprintf("https://%s", given));
}

/* What a user allowed rclone, as a credentials file of Google's tools. */
static int take_user(dowel_importing *in, const char *name, const json_t *remote, json_t *credentials) {
    const char *text = value_of(remote, "token"), *id = value_of(remote, "client_id"),
               *secret = value_of(remote, "client_secret");
    json_t *token = NULL;
    int rc = dowel_json_parse(text, strlen(text), "rclone's token", &token, in->err);
    if (rc) return rc;
    const char *refresh = json_string_value(json_object_get(token, "refresh_token"));
    if (!refresh) {
        rc = dowel_fail(in->err, DOWEL_E_CREDENTIALS, "rclone's remote %.100s: its token cannot be refreshed", name);
    } else if (!id || !secret) {
        rc = dowel_fail(in->err, DOWEL_E_CREDENTIALS,
                        "rclone's remote %.100s was allowed with rclone's own OAuth client, whose secret is not ours",
                        name);
        dowel_error_hint(in->err, "log in with `gcloud auth application-default login`, or use a service account");
    } else {
        dowel_import_put(in, credentials, "service_account_info",
                         json_pack("{s:s,s:s,s:s,s:s}", "type", "authorized_user", "client_id", id, "client_secret",
                                   secret, "refresh_token", refresh));
    }
    dowel_json_cleanse(token);
    return rc;
}

static int take_google(dowel_importing *in, const char *name, const json_t *remote, json_t *credentials,
                       json_t *bucket) {
    const char *info = value_of(remote, "service_account_credentials"),
               *file = value_of(remote, "service_account_file");
    json_t *opened = NULL;
    int rc = take_options(in, name, remote, gcs_options, credentials, bucket);
    if (rc) return rc;
    if (is_on(remote, "anonymous")) dowel_import_put(in, credentials, "anonymous", json_true());
    if (file && !info && strchr(file, '$')) {
        rc = dowel_fail(in->err, DOWEL_E_INVALID, "rclone's remote %.100s: rclone replaces variables in %.300s", name,
                        file);
        dowel_error_hint(in->err, "nothing was saved; write the path itself as service_account_file");
        return rc;
    }
    if (file) dowel_import_put(in, credentials, "service_account_file", dowel_import_path(in, name, file));
    if (info) {
        char origin[200];
        snprintf(origin, sizeof origin, "rclone's remote %.100s: service_account_credentials", name);
        rc = dowel_json_read(info, strlen(info), DOWEL_JSON_EXACT, origin, &opened, in->err);
        if (!rc) dowel_import_put(in, credentials, "service_account_info", opened);
        if (!rc) json_object_del(credentials, "service_account_file");
        return rc;
    }
    bool user = value_of(remote, "token") && !file && !is_on(remote, "anonymous") &&
                !value_of(remote, "access_token") && !is_on(remote, "env_auth");
    if (user) return take_user(in, name, remote, credentials);
    if (!json_object_size(credentials) && !is_on(remote, "env_auth"))
        dowel_import_warn(in, "rclone's remote %.100s has no credentials: the block uses what Google's tools find",
                          name);
    return 0;
}

static int unknown(dowel_importing *in, const char *name, const json_t *sections) {
    const char *names[64] = {NULL}, *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)sections, key, value) if (n < 63) names[n++] = key;
    const char *near = dowel_nearest(name, names);
    return dowel_fail(in->err, DOWEL_E_NOT_FOUND, "%s: rclone has no remote \"%.60s\"%s%s%s", in->origin, name,
                      near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* `path` is what stands behind the colon. */
static int convert(dowel_importing *in, const char *name, const char *path, const json_t *sections, int depth) {
    const json_t *remote = json_object_get(sections, name);
    const char *type = value_of(remote, "type"), *target = value_of(remote, "remote");
    if (!remote) return unknown(in, name, sections);
    if (type && !strcmp(type, "alias") && target && strchr(target, ':') && depth < DEEPEST) {
        while (*path == '/') path++; /* rclone joins the two with one slash */
        size_t length = strcspn(target, ":");
        char *other = strndup(target, length), *joined = NULL;
        const char *root = target + length + 1;
        size_t size = strlen(root);
        while (size && root[size - 1] == '/') size--;
        json_t *text = json_sprintf("%.*s%s%s", (int)size, root, *path && size ? "/" : "", path);
        joined = text ? strdup(json_string_value(text)) : NULL;
        int rc = other && joined ? convert(in, other, joined, sections, depth + 1) : dowel_no_memory(in->err);
        json_decref(text);
        free(other);
        free(joined);
        return rc;
    }
    bool s3 = type && !strcmp(type, "s3"), gcs = type && !strcmp(type, "google cloud storage");
    if (!s3 && !gcs) {
        dowel_fail(in->err, DOWEL_E_INVALID,
                   "%s: remote \"%.60s\" is of type \"%.40s\"; only s3 and google cloud storage can be imported",
                   in->origin, name, type ? type : "");
        if (target)
            dowel_error_hint(in->err,
                             "it wraps %.200s: import that; dowel does not undo what \"%.40s\" does to objects", target,
                             type ? type : "");
        return DOWEL_E_INVALID;
    }
    json_t *credentials = json_object(), *bucket = json_object();
    char reference[DOWEL_IMPORT_REFERENCE_SIZE];
    const char *called = in->name ? in->name : name;
    int rc = check_redacted(in, remote);
    if (rc) {
    } else if (s3) {
        rc = take_options(in, name, remote, s3_options, credentials, bucket);
        complete_endpoint(in, credentials);
        if (is_on(remote, "force_path_style")) dowel_import_put(in, bucket, "addressing", json_string("path"));
        if (!rc) rc = check_keys(in, name, remote, credentials);
    } else {
        rc = take_google(in, name, remote, credentials, bucket);
        complete_endpoint(in, bucket);
    }
    if (rc) {
        dowel_json_cleanse(credentials);
        credentials = NULL;
    } else {
        rc = dowel_import_add(in, s3 ? "aws-credentials" : "gcp-credentials", called, credentials, reference);
    }
    while (*path == '/') path++;
    if (rc || !*path) {
        json_decref(bucket);
        return rc;
    }
    dowel_import_bucket_path(in, bucket, path);
    dowel_import_put(in, bucket, "credentials", dowel_import_reference(reference));
    return dowel_import_add(in, s3 ? "s3-bucket" : "gcs-bucket", called, bucket, NULL);
}

static int convert_remote(dowel_importing *in, const char *remote, const json_t *sections) {
    size_t length = strcspn(remote, ":");
    char *name = strndup(remote, length);
    if (!name) return dowel_no_memory(in->err);
    int rc = convert(in, name, remote[length] ? remote + length + 1 : "", sections, 0);
    free(name);
    return rc;
}

/* ---- the configuration file ---- */

static const char *variable(const char *text) {
    return text && *text ? text : NULL;
}

static bool exists(const char *path) {
    FILE *file = fopen(path, "re");
    if (file) fclose(file);
    return file != NULL;
}

/* As rclone looks for it. */
static void rclone_path(char path[PATH_MAX]) {
    const char *said = variable(getenv("RCLONE_CONFIG")), *config = variable(getenv("XDG_CONFIG_HOME")),
               *home = variable(getenv("HOME"));
    if (said) {
        snprintf(path, PATH_MAX, "%s", said);
        return;
    }
    if (config) snprintf(path, PATH_MAX, "%s/rclone/rclone.conf", config);
    if (config && exists(path)) return;
    snprintf(path, PATH_MAX, "%s/.config/rclone/rclone.conf", home ? home : "");
    if (exists(path)) return;
    char old[PATH_MAX];
    snprintf(old, sizeof old, "%s/.rclone.conf", home ? home : "");
    if (exists(old)) snprintf(path, PATH_MAX, "%s", old);
}

static bool is_encrypted(const char *text, size_t size) {
    static const char mark[] = "RCLONE_ENCRYPT_";
    for (size_t at = 0; at + sizeof mark <= size;) {
        if (!memcmp(text + at, mark, sizeof mark - 1)) return true;
        const char *end = memchr(text + at, '\n', size - at);
        if (!end) break;
        at = (size_t)(end - text) + 1;
    }
    return false;
}

static int read_rclone(dowel *d, const dowel_import_request *request, dowel_importing *in, dowel_error *err) {
    (void)d;
    (void)err; /* in->err */
    const char *which = request->which, *text = request->text;
    size_t size = request->size;
    char path[PATH_MAX], *own = NULL;
    int rc = 0;
    if (!which || !*which) return dowel_fail(in->err, DOWEL_E_INVALID, "rclone: no remote is named");
    if (!text) {
        rclone_path(path);
        in->origin = path;
        rc = dowel_file_read(path, DOWEL_IMPORT_FILE_LIMIT, &own, &size, in->err);
        if (rc == DOWEL_E_NOT_FOUND) {
            rc = dowel_fail(in->err, DOWEL_E_NOT_FOUND, "rclone has no configuration: %s does not exist", path);
            dowel_error_hint(in->err, "--config FILE says where it is");
        }
        text = own;
    }
    json_t *sections = NULL;
    if (!rc && is_encrypted(text, size)) {
        rc = dowel_fail(in->err, DOWEL_E_INVALID, "%s is encrypted", in->origin);
        dowel_error_hint(in->err, "`rclone config show %.100s | dowel block import --from-rclone %.100s --config -`",
                         which, which);
    }
    if (!rc) rc = dowel_import_ini(text, size, in->origin, &sections, in->err);
    if (!rc) rc = convert_remote(in, which, sections);
    dowel_json_cleanse(sections);
    dowel_wipe_bytes(own, size);
    return rc;
}

const dowel_import_source dowel_rclone_import = {
    .size = sizeof(dowel_import_source),
    .name = "rclone",
    .value = "REMOTE[:BUCKET]",
    .doc = "a remote of rclone",
    .input = DOWEL_IMPORT_NAMED,
    .config = true,
    .read = read_rclone,
};
