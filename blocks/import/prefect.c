/* Prefect's block documents, as its API gives them: {"name", "data", "block_type": {"slug"}, "block_document_references"}. A document that
 * another refers to stands whole inside of it. */
#include "import_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 8

/* How a member of Prefect's document becomes a field of ours. */
typedef enum { COPY, FOLDER, BLOCK, PATH, FILE_PATH, CLIENT, TEXT, INFO, DROPPED } way;

typedef struct member_of {
    const char *from, *to;
    way how;
} member_of;

/* A block type of Prefect's and what it is here. */
typedef struct counterpart {
    const char *slug, *type;
    member_of members[14];
} counterpart;

static const counterpart counterparts[] = {
    {"gcp-credentials",
     "gcp-credentials",
     {{"service_account_file", "service_account_file", FILE_PATH},
      {"service_account_info", "service_account_info", INFO},
      {"project", "project", COPY}}},
    {"aws-credentials",
     "aws-credentials",
     {{"aws_access_key_id", "access_key_id", COPY},
      {"aws_secret_access_key", "secret_access_key", COPY},
      {"aws_session_token", "session_token", COPY},
      {"profile_name", "profile", COPY},
      {"region_name", "region", COPY},
      {"aws_client_parameters", "endpoint", CLIENT}}},
    {"minio-credentials",
     "aws-credentials",
     {{"minio_root_user", "access_key_id", COPY},
      {"minio_root_password", "secret_access_key", COPY},
      {"region_name", "region", COPY},
      {"aws_client_parameters", "endpoint", CLIENT}}},
    {"gcs-bucket",
     "gcs-bucket",
     {{"bucket", "bucket", COPY}, {"bucket_folder", "folder", FOLDER}, {"gcp_credentials", "credentials", BLOCK}}},
    {"s3-bucket",
     "s3-bucket",
     {{"bucket_name", "bucket", COPY},
      {"bucket_folder", "folder", FOLDER},
      {"basepath", "folder", FOLDER},
      {"credentials", "credentials", BLOCK},
      {"aws_credentials", "credentials", BLOCK},
      {"minio_credentials", "credentials", BLOCK},
      {"endpoint_url", "endpoint", COPY}}},
    {"gcs",
     "gcs-bucket",
     {{"bucket_path", "bucket", PATH},
      {"service_account_info", "credentials", INFO},
      {"project", "credentials", COPY}}},
    {"s3",
     "s3-bucket",
     {{"bucket_path", "bucket", PATH},
      {"aws_access_key_id", "credentials", COPY},
      {"aws_secret_access_key", "credentials", COPY}}},
    {"secret", "secret", {{"value", "value", TEXT}}},
    {"local-file-system", "local-file-system", {{"basepath", "basepath", FILE_PATH}}},
    {"lambda-function",
     "lambda-function",
     {{"function_name", "function_name", COPY},
      {"qualifier", "qualifier", COPY},
      {"aws_credentials", "credentials", BLOCK}}},
    {"cloud-run-job",
     "cloud-run-job",
     {{"image", "image", COPY},
      {"region", "region", COPY},
      {"credentials", "credentials", BLOCK},
      {"command", "command", COPY},
      {"args", "args", COPY},
      {"env", "env", COPY},
      {"labels", "labels", COPY},
      {"cpu", "cpu", TEXT},
      {"memory", "memory", TEXT},
      {"timeout", "timeout", COPY},
      {"max_retries", "max_retries", COPY},
      {"keep_job", "delete_after", DROPPED},
      {"memory_unit", "memory", DROPPED}}},
};
#define COUNTERPARTS (sizeof counterparts / sizeof counterparts[0])

static int convert(dowel_importing *in, const json_t *document, const char *slug_of_field, const char *name, int depth,
                   char reference[DOWEL_IMPORT_REFERENCE_SIZE]);

static const counterpart *find(const char *slug) {
    for (size_t i = 0; slug && i < COUNTERPARTS; i++)
        if (!strcmp(counterparts[i].slug, slug)) return &counterparts[i];
    return NULL;
}

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static const char *slug_of(const json_t *document) {
    const char *slug = text_of(json_object_get(document, "block_type"), "slug");
    return slug ? slug : text_of(json_object_get(document, "data"), "block_type_slug");
}

static int masked(dowel_importing *in, const char *name, const char *field) {
    dowel_fail(in->err, DOWEL_E_INVALID, "%s: block document \"%.80s\": field \"%.60s\" is masked", in->origin, name,
               field);
    dowel_error_hint(in->err, "ask Prefect's API for the document with include_secrets=true");
    return DOWEL_E_INVALID;
}

/* The parameters of boto3's clients: an endpoint is all that we have of them. */
static void take_client(dowel_importing *in, json_t *ours, const json_t *parameters, json_t *left) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)parameters, key, value) {
        bool plain = json_is_null(value) || (!strcmp(key, "use_ssl") && json_is_true(value)) ||
                     (!strcmp(key, "verify") && json_is_true(value)) || !strcmp(key, "block_type_slug");
        if (!strcmp(key, "endpoint_url") && json_is_string(value))
            dowel_import_put(in, ours, "endpoint", json_deep_copy(value));
        else if (!plain) {
            char name[128];
            snprintf(name, sizeof name, "aws_client_parameters.%.60s", key);
            dowel_import_leave(in, left, name, value);
        }
    }
}

/* A key file as an object, or as the text of one. */
static int take_info(dowel_importing *in, json_t *ours, const char *field, const json_t *value) {
    json_t *info = NULL;
    if (!json_is_string(value) || dowel_json_is_exact(value)) {
        dowel_import_put(in, ours, field, json_deep_copy(value));
        return 0;
    }
    int rc = dowel_json_read(json_string_value(value), json_string_length(value), DOWEL_JSON_EXACT,
                             "service_account_info", &info, in->err);
    if (!rc) dowel_import_put(in, ours, field, info);
    return rc;
}

/* The document, of those that were given, that a reference means: by its id, or by type and name. NULL: it is not among them. */
static const json_t *find_given(const dowel_importing *in, const char *id, const char *slug, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(in->documents, i, one) {
        const char *its_id = text_of(one, "id"), *its_name = text_of(one, "name"), *its_slug = slug_of(one);
        if (id && its_id && !strcmp(id, its_id)) return one;
        if (slug && name && its_slug && its_name && !strcmp(slug, its_slug) && !strcmp(name, its_name)) return one;
    }
    return NULL;
}

/* {"$ref": {"block_document_id": ID}}: the document itself stands elsewhere. */
static int take_reference(dowel_importing *in, json_t *ours, const member_of *m, const json_t *inner, const char *name,
                          const json_t *value, int depth) {
    char reference[DOWEL_IMPORT_REFERENCE_SIZE];
    const char *id = text_of(json_object_get(value, "$ref"), "block_document_id");
    const json_t *given = find_given(in, id ? id : text_of(inner, "id"), slug_of(inner), text_of(inner, "name"));
    if (!given && json_is_object(json_object_get(inner, "data"))) given = inner;
    if (!given)
        return dowel_fail(in->err, DOWEL_E_INVALID,
                          "%s: block document \"%.80s\": \"%.60s\" refers to a block document that is not here",
                          in->origin, name, m->from);
    const char *its_name = text_of(given, "name");
    int rc = convert(in, given, NULL, its_name ? its_name : name, depth + 1, reference);
    if (!rc) dowel_import_put(in, ours, m->to, dowel_import_reference(reference));
    return rc;
}

static int take_block(dowel_importing *in, const counterpart *c, json_t *ours, const member_of *m,
                      const json_t *document, const char *name, const json_t *value, int depth) {
    char reference[DOWEL_IMPORT_REFERENCE_SIZE];
    const json_t *inner = json_object_get(
        json_object_get(json_object_get(document, "block_document_references"), m->from), "block_document");
    const char *inner_name = text_of(inner, "name");
    if (json_object_get(value, "$ref")) return take_reference(in, ours, m, inner, name, value, depth);
    json_t *whole =
        json_pack("{s:O*,s:O,s:O*}", "block_type", json_object_get(inner, "block_type"), "data", (json_t *)value,
                  "block_document_references", json_object_get(inner, "block_document_references"));
    bool anonymous = !inner_name || json_is_true(json_object_get(inner, "is_anonymous"));
    /* Older documents do not say of what type the inner block is. */
    const char *guess = strstr(m->from, "gcp")                      ? "gcp-credentials"
                        : strstr(m->from, "minio")                  ? "minio-credentials"
                        : strstr(m->from, "aws")                    ? "aws-credentials"
                        : !strcmp(c->slug, "cloud-run-job")         ? "gcp-credentials"
                        : json_object_get(value, "minio_root_user") ? "minio-credentials"
                                                                    : "aws-credentials";
    int rc = whole ? convert(in, whole, guess, anonymous ? name : inner_name, depth + 1, reference)
                   : dowel_no_memory(in->err);
    json_decref(whole);
    if (!rc) dowel_import_put(in, ours, m->to, dowel_import_reference(reference));
    return rc;
}

static int take(dowel_importing *in, const counterpart *c, json_t *ours, json_t *credentials, const member_of *m,
                const json_t *document, const char *name, const json_t *value, json_t *left, int depth) {
    const char *text = json_string_value(value);
    /* The oldest types hold their credentials themselves: they become a block of their own. */
    bool own = !strcmp(m->to, "credentials") && m->how != BLOCK;
    json_t *target = own ? credentials : ours;
    const char *field = m->to;
    if (own)
        field = !strcmp(m->from, "aws_access_key_id")       ? "access_key_id"
                : !strcmp(m->from, "aws_secret_access_key") ? "secret_access_key"
                                                            : m->from;
    switch (m->how) {
    case COPY: dowel_import_put(in, target, field, json_deep_copy(value)); return 0;
    case INFO: return take_info(in, target, field, value);
    case BLOCK: return take_block(in, c, ours, m, document, name, value, depth);
    case CLIENT: take_client(in, ours, value, left); return 0;
    case FILE_PATH: /* Prefect reads "~" as the home folder */
        if (text && !*text) return 0;
        dowel_import_put(in, target, field, text ? dowel_import_path(in, name, text) : json_deep_copy(value));
        return 0;
    case PATH:
        if (text && !dowel_json_is_number(value))
            dowel_import_bucket_path(in, ours, text);
        else
            dowel_import_put(in, ours, field, json_deep_copy(value));
        return 0;
    case FOLDER: {
        size_t length = json_string_length(value);
        if (!text || dowel_json_is_number(value)) { /* refused with the field's name when the block is checked */
            dowel_import_put(in, ours, field, json_deep_copy(value));
            return 0;
        }
        while (length && text[length - 1] == '/') length--;
        if (length) dowel_import_put(in, ours, field, json_stringn(text, length));
        return 0;
    }
    case TEXT: {
        bool plain = text && !dowel_json_is_exact(value);
        char *dumped = plain ? NULL : dowel_json_dump(value, 0); /* with every digit */
        dowel_import_put(in, ours, field, json_string(plain ? text : dumped ? dumped : ""));
        dowel_wipe(dumped);
        return 0;
    }
    case DROPPED: return 0;
    }
    return 0;
}

/* What no table says. */
static void finish(dowel_importing *in, const counterpart *c, const json_t *data, const char *name, json_t *ours) {
    if (!strcmp(c->type, "cloud-run-job")) {
        char job[64], memory[64];
        size_t n = 0;
        for (const char *p = name; *p && n < sizeof job - 1; p++)
            job[n++] = dowel_is_alnum((unsigned char)*p) ? (char)dowel_lower((unsigned char)*p) : '-';
        job[n] = 0;
        dowel_import_set(in, ours, "job", job);
        if (json_is_false(json_object_get(data, "keep_job"))) dowel_import_put(in, ours, "delete_after", json_true());
        const char *unit = text_of(data, "memory_unit"), *amount = text_of(ours, "memory");
        if (unit && amount && strspn(amount, "0123456789.") == strlen(amount)) {
            snprintf(memory, sizeof memory, "%.40s%.8s", amount, unit);
            dowel_import_set(in, ours, "memory", memory);
        }
    }
}

/* Of how the document runs in Prefect, not of what it is. */
static bool is_prefects_own(const char *key) {
    static const char *const own[] = {"block_type_slug", "type", "stream_output", "name", "_block_document_id", NULL};
    for (size_t i = 0; own[i]; i++)
        if (!strcmp(own[i], key)) return true;
    return *key == '_';
}

static int convert(dowel_importing *in, const json_t *document, const char *slug_of_field, const char *name, int depth,
                   char reference[DOWEL_IMPORT_REFERENCE_SIZE]) {
    const json_t *data = json_object_get(document, "data");
    const char *slug = slug_of(document), *key;
    json_t *value;
    if (!slug) slug = slug_of_field;
    const counterpart *c = find(slug);
    if (depth > DEEPEST) return dowel_fail(in->err, DOWEL_E_INVALID, "%s: blocks are nested too deep", in->origin);
    if (!c)
        return dowel_fail(in->err, DOWEL_E_INVALID,
                          "%s: Prefect's block type \"%.60s\" (block \"%.60s\") has no counterpart", in->origin,
                          slug ? slug : "", name);
    if (!json_is_object(data))
        return dowel_fail(in->err, DOWEL_E_INVALID, "%s: block document \"%.80s\" has no \"data\"", in->origin, name);
    json_t *ours = json_object(), *credentials = json_object(), *left = json_array();
    int rc = 0;
    json_object_foreach((json_t *)data, key, value) {
        const member_of *m = c->members;
        while (m->from && strcmp(m->from, key) != 0) m++;
        if (rc || json_is_null(value)) continue;
        if (m->from && m->how != BLOCK && dowel_import_is_masked(value))
            rc = masked(in, name, key);
        else if (m->from)
            rc = take(in, c, ours, credentials, m, document, name, value, left, depth);
        else if (!is_prefects_own(key))
            dowel_import_leave(in, left, key, value);
    }
    if (!rc) finish(in, c, data, name, ours);
    char what[160];
    snprintf(what, sizeof what, "Prefect's %.40s \"%.80s\"", slug, name);
    if (!rc)
        rc = dowel_import_left_out(in, what, left);
    else
        json_decref(left);
    char inner[DOWEL_IMPORT_REFERENCE_SIZE];
    if (!rc && json_object_size(credentials)) {
        rc = dowel_import_add(in, !strcmp(slug, "gcs") ? "gcp-credentials" : "aws-credentials", name, credentials,
                              inner);
        credentials = NULL;
        if (!rc) dowel_import_put(in, ours, "credentials", dowel_import_reference(inner));
    }
    dowel_json_cleanse(credentials);
    if (rc) {
        dowel_json_cleanse(ours);
        return rc;
    }
    return dowel_import_add(in, c->type, name, ours, reference);
}

static int convert_top(dowel_importing *in, const json_t *document, const char *name) {
    if (!json_is_object(document))
        return dowel_fail(in->err, DOWEL_E_INVALID, "%s: expected a block document of Prefect's API", in->origin);
    const char *slug = slug_of(document);
    if (!name) name = text_of(document, "name");
    if (!slug)
        return dowel_fail(in->err, DOWEL_E_INVALID,
                          "%s: no block document of Prefect's: it has no \"block_type\" with a \"slug\"", in->origin);
    return convert(in, document, slug, name ? name : slug, 0, NULL);
}

static int convert_all(dowel_importing *in, const json_t *document) {
    if (!json_is_array(document)) return convert_top(in, document, in->name);
    size_t i, count = json_array_size(document);
    json_t *one;
    in->documents = document;
    if (in->name && count != 1)
        return dowel_fail(in->err, DOWEL_E_INVALID, "%s holds %zu block documents: they keep their own names",
                          in->origin, count);
    json_array_foreach((json_t *)document, i, one) {
        const char *slug = slug_of(one);
        if (slug && !find(slug)) {
            const char *name = text_of(one, "name");
            dowel_import_warn(in, "Prefect's block type \"%.60s\" has no counterpart: \"%.80s\" was left out", slug,
                              name ? name : "");
            continue;
        }
        int rc = convert_top(in, one, in->name);
        if (rc) return rc;
    }
    if (json_array_size(in->blocks)) return 0;
    return dowel_fail(in->err, DOWEL_E_INVALID, "%s: no block document that has a counterpart", in->origin);
}

static int read_prefect(dowel *d, const dowel_import_request *request, dowel_importing *in, dowel_error *err) {
    (void)d;
    json_t *document = NULL;
    int rc = dowel_json_read(request->text, request->size, DOWEL_JSON_EXACT, in->origin, &document, err);
    if (!rc) rc = convert_all(in, document);
    dowel_json_cleanse(document);
    return rc;
}

const dowel_import_source dowel_prefect_import = {
    .size = sizeof(dowel_import_source),
    .name = "prefect",
    .value = "FILE|-",
    .doc = "block documents, as Prefect's API gives them",
    .input = DOWEL_IMPORT_FILE,
    .read = read_prefect,
};
