/* Finds the identity: from the fields of a block, or the Application Default Credentials (google.aip.dev/auth/4110). */
#include "gcp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The service account of this machine. */
static int use_metadata(dowel *d, dowel_gcp_identity **out, dowel_error *err) {
    dowel_gcp_identity *id = *out = dowel_gcp_identity_new(DOWEL_GCP_METADATA, "metadata server");
    if (!id) return dowel_no_memory(err);
    /* The server of a machine outside of Google Cloud may know no project. */
    if (dowel_gcp_metadata_get(d, "project/project-id", NULL, 0, &id->project, NULL)) id->project = NULL;
    if (id->project) id->project[strcspn(id->project, " \t\r\n")] = 0;
    return 0;
}

/* A line break at the end comes from a file or an editor, unless a file with that name exists. */
static int path_of_variable(const char *named, char **path, dowel_error *err) {
    struct stat st;
    size_t length = strlen(named);
    if (stat(named, &st))
        while (length && strchr("\r\n", named[length - 1])) length--;
    *path = strndup(named, length);
    return *path ? 0 : dowel_no_memory(err);
}

static int find_default(dowel *d, dowel_gcp_identity **id, dowel_error *err) {
    const char *named = getenv("GOOGLE_APPLICATION_CREDENTIALS");
    char folder[PATH_MAX - 64], path[PATH_MAX] = "", *given = NULL;
    struct stat st;
    if (named && *named) {
        int rc = path_of_variable(named, &given, err);
        if (!rc) rc = dowel_gcp_read(given, id, err);
        free(given);
        if (rc) dowel_error_prefix(err, "GOOGLE_APPLICATION_CREDENTIALS: ");
        return rc;
    }
    dowel_gcp_gcloud_folder(folder, sizeof folder);
    if (*folder) snprintf(path, sizeof path, "%s/application_default_credentials.json", folder);
    if (*path && !stat(path, &st) && S_ISREG(st.st_mode)) return dowel_gcp_read(path, id, err);
    if (dowel_gcp_metadata_present(d)) return use_metadata(d, id, err);
    int rc = dowel_check(d, err);
    if (rc) return rc;
    rc = dowel_fail(
        err, DOWEL_E_CREDENTIALS,
        "no Google credentials: GOOGLE_APPLICATION_CREDENTIALS is not set, %s does not exist, and no metadata "
        "server answers",
        *path ? path : "gcloud's configuration folder");
    dowel_error_hint(
        err, "save a key with `dowel block save gcp-credentials/NAME` and name it (--credentials NAME, also of a "
             "bucket), or run `gcloud auth application-default login`");
    return rc;
}

static int find(dowel *d, const dowel_gcp_credentials *c, dowel_gcp_identity **id, dowel_error *err) {
    if (c->anonymous)
        return (*id = dowel_gcp_identity_new(DOWEL_GCP_ANONYMOUS, "anonymous")) ? 0 : dowel_no_memory(err);
    if (c->token) {
        *id = dowel_gcp_identity_new(DOWEL_GCP_TOKEN, "token");
        return *id ? dowel_gcp_set(&(*id)->token, c->token, err) : dowel_no_memory(err);
    }
    if (c->service_account_file) return dowel_gcp_read(c->service_account_file, id, err);
    if (!c->service_account_info) return find_default(d, id, err);
    json_t *object;
    int rc = dowel_gcp_info_object(c->service_account_info, &object, err);
    if (rc) return rc;
    rc = dowel_gcp_parse(object, "service_account_info", id, err);
    dowel_json_cleanse(object);
    return rc;
}

static int join_scopes(const char *const *scopes, char **out, dowel_error *err) {
    dowel_text text = {0};
    for (const char *const *s = scopes; *s; s++) {
        if (text.size) dowel_text_put(&text, " ");
        dowel_text_put(&text, *s);
    }
    char *joined = dowel_text_take(&text, err);
    if (!joined) return DOWEL_E_NO_MEMORY;
    dowel_wipe(*out);
    *out = joined;
    return 0;
}

/* The block's scopes override the file's. A user's token has the scopes of the login unless some are given. */
static int choose_scopes(const dowel_gcp_credentials *c, dowel_gcp_identity *id, dowel_error *err) {
    bool user = id->kind == DOWEL_GCP_AUTHORIZED_USER || id->kind == DOWEL_GCP_EXTERNAL_USER;
    int rc = 0;
    if (c->scopes && *c->scopes)
        rc = join_scopes(c->scopes, &id->scopes, err);
    else if (!id->scopes && !user)
        rc = dowel_gcp_set(&id->scopes, DOWEL_GCP_SCOPE, err);
    const dowel_gcp_identity *source = id->source;
    if (!rc && source && source->kind != DOWEL_GCP_AUTHORIZED_USER && source->kind != DOWEL_GCP_EXTERNAL_USER)
        rc = dowel_gcp_set(&id->source->scopes, DOWEL_GCP_IAM_SCOPE, err);
    return rc;
}

static int choose_subject(const dowel_gcp_credentials *c, dowel_gcp_identity *id, dowel_error *err) {
    int rc = 0;
    if (!c->subject || !*c->subject) return 0;
    if (id->kind != DOWEL_GCP_SERVICE_ACCOUNT && id->kind != DOWEL_GCP_IMPERSONATED) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: `subject` does not work with credentials of this kind (%s)",
                        id->origin, dowel_gcp_kind_name(id->kind));
        dowel_error_hint(err, "only a service account with domain-wide delegation can act for a user");
    } else if (!dowel_gcp_default_universe(id)) {
        rc = dowel_fail(err, DOWEL_E_CREDENTIALS, "%s: universe %s has no domain-wide delegation", id->origin,
                        id->universe);
        dowel_error_hint(err, "remove `subject`");
    } else {
        rc = dowel_gcp_set(&id->subject, c->subject, err);
    }
    return rc;
}

int dowel_gcp_identify(dowel *d, dowel_block *credentials, dowel_gcp_identity **out, dowel_error *err) {
    static const dowel_gcp_credentials none = {0};
    const dowel_gcp_credentials *c =
        credentials ? dowel_block_data_as(credentials, &dowel_gcp_credentials_type) : &none;
    *out = NULL;
    if (!c)
        return dowel_fail(err, DOWEL_E_INVALID, "%s: expected a block of type gcp-credentials",
                          dowel_block_reference(credentials));
    int rc = find(d, c, out, err);
    dowel_gcp_identity *id = *out;
    if (!rc) rc = dowel_gcp_set(&id->project, c->project, err);
    char *quota_project = rc ? NULL : dowel_variable("GOOGLE_CLOUD_QUOTA_PROJECT");
    if (!rc) rc = dowel_gcp_set(&id->quota_project, quota_project, err);
    free(quota_project);
    if (!rc) rc = dowel_gcp_set(&id->quota_project, c->quota_project, err);
    if (!rc && c->token_uri) {
        id->asks = true;
        rc = dowel_gcp_set(&id->token_uri, c->token_uri, err);
    }
    if (!rc) rc = choose_subject(c, id, err);
    if (!rc) rc = choose_scopes(c, id, err);
    if (!rc) rc = dowel_gcp_check_keys(id, err);
    for (const dowel_gcp_identity *part = id; part && !rc; part = part->source) {
        if (part->kind == DOWEL_GCP_SERVICE_ACCOUNT && !part->token_uri)
            rc = dowel_gcp_bad_file(err, part->origin, "\"token_uri\" is missing");
    }
    if (!rc) rc = dowel_gcp_seal_identity(id, err);
    if (!rc) return 0;
    dowel_gcp_identity_drop(id);
    *out = NULL;
    if (credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
    return rc;
}
