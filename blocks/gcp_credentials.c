/* Block type "gcp-credentials", and who it says that the caller is. */
#include "gcp.h"
#include "sealing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const dowel_field fields[] = {
    {DOWEL_AT(dowel_gcp_credentials, service_account_info), .kind = DOWEL_JSON, .flags = DOWEL_SECRET | DOWEL_MULTILINE,
     .doc = "Content of a service account key file.", .example = "@key.json"},
    {DOWEL_AT(dowel_gcp_credentials, service_account_file), .kind = DOWEL_PATH,
     .doc = "Path of a credentials file: a service account key or an authorized user.", .example = "key.json"},
    {DOWEL_AT(dowel_gcp_credentials, token), .kind = DOWEL_STRING, .flags = DOWEL_SECRET,
     .doc = "An access token that is used as it is."},
    {DOWEL_AT(dowel_gcp_credentials, anonymous), .kind = DOWEL_BOOL,
     .doc = "Send no credentials: for stand-in servers and public data."},
    {DOWEL_AT(dowel_gcp_credentials, project), .kind = DOWEL_STRING,
     .doc = "Project id; found in the key file or the environment when it is not given.", .example = "my-project"},
    {DOWEL_AT(dowel_gcp_credentials, quota_project), .kind = DOWEL_STRING, .doc = "Project that is billed for quota."},
    {DOWEL_AT(dowel_gcp_credentials, subject), .kind = DOWEL_STRING,
     .doc = "User to act for, with domain-wide delegation.", .example = "somebody@example.com"},
    {DOWEL_AT(dowel_gcp_credentials, scopes), .kind = DOWEL_LIST,
     .doc = "OAuth scopes; the default is the cloud-platform scope.", .example = DOWEL_GCP_SCOPE},
    {DOWEL_AT(dowel_gcp_credentials, token_uri), .kind = DOWEL_STRING,
     .doc = "Token endpoint, in place of the one that the key file names."},
    {0}};

bool dowel_gcp_safe_url(const char *url) {
    if (!strncasecmp(url, "https://", 8)) return url[8] && url[8] != '/';
    if (strncasecmp(url, "http://", 7) != 0) return false;
    const char *host = url + 7;
    size_t length = strcspn(host, "/?#");
    if (memchr(host, '@', length) || memchr(host, '\\', length)) return false;
    size_t name = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
    if (name > length) return false;
    if (name == 9 && !strncasecmp(host, "localhost", 9)) return true;
    if (name == 5 && !strncmp(host, "[::1]", 5)) return true;
    char text[INET_ADDRSTRLEN] = "";
    struct in_addr address;
    if (name >= sizeof text) return false;
    memcpy(text, host, name);
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* A command line gives the key as an object; other programs store its text. */
static int info_object(const json_t *info, json_t **object, dowel_error *err) {
    const char *text = json_string_value(info);
    if (!text) {
        *object = json_incref((json_t *)info);
        return 0;
    }
    int rc = dowel_json_parse(text, json_string_length(info), "service_account_info", object, err);
    if (rc && err && rc == DOWEL_E_INVALID) dowel_error_hint(err, "give the whole content of the key file");
    return rc;
}

static int check(const void *data, dowel_error *err) {
    const dowel_gcp_credentials *c = data;
    int sources =
        (c->service_account_info != NULL) + (c->service_account_file != NULL) + (c->token != NULL) + c->anonymous;
    if (sources > 1)
        return dowel_fail(err, DOWEL_E_INVALID,
                          "give only one of service_account_info, service_account_file, token and anonymous");
    if (c->token_uri && !dowel_gcp_safe_url(c->token_uri))
        return dowel_fail(err, DOWEL_E_INVALID, "field \"token_uri\": not https, nor http to this machine");
    if (!c->service_account_info) return 0;
    json_t *object;
    dowel_gcp_identity identity;
    int rc = info_object(c->service_account_info, &object, err);
    if (rc) return rc;
    rc = dowel_gcp_parse(object, "service_account_info", &identity, err);
    if (!rc) dowel_gcp_identity_clear(&identity);
    if (rc == DOWEL_E_CREDENTIALS) {
        rc = DOWEL_E_INVALID;
        if (err) err->code = rc;
    }
    dowel_json_cleanse(object);
    return rc;
}

static const dowel_table table = {"gcp-credentials", sizeof(dowel_gcp_credentials), fields, check};

const dowel_block_type dowel_gcp_credentials_type = {
    .size = sizeof(dowel_block_type),
    .name = "gcp-credentials",
    .doc = "Who calls Google Cloud: a service account, a user, or whatever the environment provides.",
    .table = &table,
    .version = 1,
    .check = dowel_gcp_check,
};

/* ---- identity ---- */

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

static int set(char **out, const char *text, dowel_error *err) {
    if (!text || !*text) return 0;
    char *copy = strdup(text);
    if (!copy) return no_memory(err);
    if (*out) OPENSSL_cleanse(*out, strlen(*out));
    free(*out);
    *out = copy;
    return 0;
}

/* AIP-4110: the file that the environment names, then gcloud's. */
static int read_default(dowel_gcp_identity *id, dowel_error *err) {
    const char *named = getenv("GOOGLE_APPLICATION_CREDENTIALS"), *config = getenv("CLOUDSDK_CONFIG"),
               *home = getenv("HOME");
    if (named && *named) {
        int rc = dowel_gcp_read(named, id, err);
        if (rc) dowel_error_prefix(err, "GOOGLE_APPLICATION_CREDENTIALS: ");
        return rc;
    }
    char path[PATH_MAX] = "";
    if (config && *config)
        snprintf(path, sizeof path, "%s/application_default_credentials.json", config);
    else if (home && *home)
        snprintf(path, sizeof path, "%s/.config/gcloud/application_default_credentials.json", home);
    if (*path && (!access(path, F_OK) || errno != ENOENT)) return dowel_gcp_read(path, id, err);
    int rc = dowel_fail(err, DOWEL_E_CREDENTIALS,
                        "no Google credentials: GOOGLE_APPLICATION_CREDENTIALS is not set and there is no %s",
                        *path ? path : "gcloud configuration");
    dowel_error_hint(err, "save a gcp-credentials block, or run `gcloud auth application-default login`");
    return rc;
}

static int join_scopes(const char *const *scopes, char **out, dowel_error *err) {
    static const char *const usual[] = {DOWEL_GCP_SCOPE, NULL};
    if (!scopes || !*scopes) scopes = usual;
    size_t size = 1;
    for (const char *const *s = scopes; *s; s++) size += strlen(*s) + 1;
    char *text = malloc(size);
    if (!text) return no_memory(err);
    size_t used = 0;
    for (const char *const *s = scopes; *s; s++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", *s);
    *out = text;
    return 0;
}

static int digest_identity(dowel_gcp_identity *id, dowel_error *err) {
    const char *const parts[] = {id->email,     id->private_key,   id->private_key_id,
                                 id->client_id, id->client_secret, id->refresh_token,
                                 id->token_uri, id->scopes,        id->subject};
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    int ok = sha && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) && EVP_DigestUpdate(sha, &id->kind, sizeof id->kind);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && ok; i++)
        ok = EVP_DigestUpdate(sha, parts[i] ? parts[i] : "", parts[i] ? strlen(parts[i]) + 1 : 0) &&
             EVP_DigestUpdate(sha, parts[i] ? "+" : "-", 1);
    ok = ok && EVP_DigestFinal_ex(sha, id->digest, NULL);
    EVP_MD_CTX_free(sha);
    return ok ? 0 : no_memory(err);
}

int dowel_gcp_identify(dowel_block *credentials, dowel_gcp_identity *id, dowel_error *err) {
    static const dowel_gcp_credentials none = {0};
    const dowel_gcp_credentials *c =
        credentials ? dowel_block_data_as(credentials, &dowel_gcp_credentials_type) : &none;
    *id = (dowel_gcp_identity){0};
    int rc = 0;
    if (!c)
        return dowel_fail(err, DOWEL_E_INVALID, "%s: expected a block of type gcp-credentials",
                          dowel_block_reference(credentials));
    if (c->anonymous) {
        id->kind = DOWEL_GCP_ANONYMOUS;
    } else if (c->token) {
        id->kind = DOWEL_GCP_TOKEN;
        rc = set(&id->token, c->token, err);
    } else if (c->service_account_info) {
        json_t *object;
        rc = info_object(c->service_account_info, &object, err);
        if (!rc) {
            rc = dowel_gcp_parse(object, "service_account_info", id, err);
            dowel_json_cleanse(object);
        }
    } else {
        rc = c->service_account_file ? dowel_gcp_read(c->service_account_file, id, err) : read_default(id, err);
    }
    if (!rc) rc = set(&id->project, c->project, err);
    if (!rc) rc = set(&id->quota_project, getenv("GOOGLE_CLOUD_QUOTA_PROJECT"), err);
    if (!rc) rc = set(&id->quota_project, c->quota_project, err);
    if (!rc) rc = set(&id->subject, c->subject, err);
    if (!rc) rc = set(&id->token_uri, c->token_uri, err);
    if (!rc) rc = join_scopes(c->scopes, &id->scopes, err);
    if (!rc) rc = digest_identity(id, err);
    if (rc) {
        dowel_gcp_identity_clear(id);
        if (credentials) dowel_error_prefix(err, "block %s: ", dowel_block_reference(credentials));
    }
    return rc;
}

int dowel_gcp_project(dowel *d, dowel_block *credentials, const char *given, char **project, dowel_error *err) {
    const dowel_gcp_credentials *c = credentials ? dowel_block_data_as(credentials, &dowel_gcp_credentials_type) : NULL;
    const char *found = given && *given ? given : c && c->project && *c->project ? c->project : NULL;
    dowel_gcp_identity identity = {0};
    /* Whoever names a project in the environment can do without a credentials file here. */
    dowel_error ignored;
    if (!found && !dowel_gcp_known_identity(d, credentials, &identity, &ignored)) found = identity.project;
    static const char *const variables[] = {"GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0] && !found; i++) {
        found = getenv(variables[i]);
        if (found && !*found) found = NULL;
    }
    int rc = 0;
    if (found) {
        *project = strdup(found);
        if (!*project) rc = no_memory(err);
    } else {
        rc = dowel_fail(err, DOWEL_E_INVALID, "no Google Cloud project is known%s%s", credentials ? " for " : "",
                        credentials ? dowel_block_reference(credentials) : "");
        dowel_error_hint(err, "give `project` in the call or the credentials block, or set GOOGLE_CLOUD_PROJECT");
    }
    dowel_gcp_identity_clear(&identity);
    return rc;
}
