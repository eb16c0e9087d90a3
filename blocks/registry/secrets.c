/* The secrets of a document: removed before it is stored, restored when it is loaded. */
#include "sealing_internal.h"
#include "stored.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACEHOLDER "$sealed"
#define MASK "********"
#define PATH_SIZE 1024
#define DEPTH 32

typedef struct splitting {
    dowel *d;
    const char *root;
    json_t *secrets;
    bool masked; /* the document is from the database: masks instead of secrets are accepted */
    dowel_error *err;
} splitting;

char *dowel_document_text(const json_t *document) {
    return dowel_json_dump(document, JSON_SORT_KEYS);
}

static bool is_placeholder(const json_t *value) {
    return json_is_object(value) && json_object_get(value, PLACEHOLDER);
}

/* A document must not contain something that looks like a placeholder: it would pass for a lost secret. */
static bool holds_placeholder(const json_t *value, int depth) {
    const char *key;
    size_t i;
    json_t *member;
    if (is_placeholder(value) || depth > DEPTH * 4) return true;
    json_object_foreach((json_t *)value, key, member) if (holds_placeholder(member, depth + 1)) return true;
    json_array_foreach((json_t *)value, i, member) if (holds_placeholder(member, depth + 1)) return true;
    return false;
}

static const dowel_block_type *inline_type(dowel *d, const char *accepted, const json_t *document) {
    const dowel_block_type *type = NULL;
    const char *name = json_string_value(json_object_get(document, "$type"));
    if (!name && accepted && !strchr(accepted, '|')) name = accepted;
    return name && !dowel_find_block_type(d, name, &type, NULL) ? type : NULL;
}

static int split_table(splitting *s, const dowel_table *table, json_t *object, const char *path, int depth);

static int split_secret(splitting *s, json_t *object, const dowel_field *field, const char *path) {
    json_t *value = json_object_get(object, field->name);
    const char *text = json_string_value(value);
    if (text && !strcmp(text, MASK) && !s->masked) {
        int rc = dowel_fail(s->err, DOWEL_E_INVALID, "%s: field \"%s\" is the mask, not a secret", s->root, path + 1);
        dowel_error_hint(s->err, "enter the secret itself");
        return rc;
    }
    json_incref(value);
    if (json_object_set_new(object, field->name, json_pack("{s:b}", PLACEHOLDER, 1))) {
        json_decref(value);
        return dowel_no_memory(s->err);
    }
    return json_object_set_new(s->secrets, path, value) ? dowel_no_memory(s->err) : 0;
}

static int wrong(const splitting *s, const char *path, const char *expected) {
    return dowel_fail(s->err, DOWEL_E_INVALID, "%s: field \"%s\": expected %s", s->root, path + 1, expected);
}

static int split_tables(splitting *s, const dowel_field *field, json_t *value, const char *path, int depth) {
    if (!json_is_array(value)) return wrong(s, path, "an array of objects");
    for (size_t i = 0; i < json_array_size(value); i++) {
        char item[PATH_SIZE];
        if (snprintf(item, sizeof item, "%s/%zu", path, i) >= (int)sizeof item)
            return dowel_fail(s->err, DOWEL_E_INVALID, "%s: nested too deeply", s->root);
        int rc = split_table(s, field->table, json_array_get(value, i), item, depth + 1);
        if (rc) return rc;
    }
    return 0;
}

/* Stores a reference as {"$block": "type/name"}, with the type completed. */
static int set_reference(splitting *s, json_t *object, const dowel_field *field, const char *reference,
                         const char *path) {
    char full[DOWEL_REFERENCE_SIZE];
    int rc = dowel_reference_complete(s->d, NULL, reference, field->blocks, full, s->err);
    if (rc) return dowel_error_prefix(s->err, "%s: field \"%s\": ", s->root, path + 1);
    json_t *value = json_pack("{s:s}", "$block", full);
    return !value || json_object_set_new(object, field->name, value) ? dowel_no_memory(s->err) : 0;
}

/* Every member must be known and of the right kind; otherwise it could be a secret. */
static int check_level(splitting *s, const dowel_block_type *type, const json_t *document, const char *path) {
    json_t *plain = s->masked ? NULL : json_copy((json_t *)document);
    if (s->masked) return 0;
    if (!plain) return dowel_no_memory(s->err);
    dowel_record *record;
    if (*path) json_object_del(plain, "$type");
    int rc = dowel_record_decode(type->table, plain, NULL, &record, s->err);
    if (!rc)
        dowel_record_free(record);
    else if (*path)
        dowel_error_prefix(s->err, "%s: field \"%s\": ", s->root, path + 1);
    json_decref(plain);
    return rc;
}

static int split_block(splitting *s, json_t *object, const dowel_field *field, const char *path, int depth) {
    json_t *value = json_object_get(object, field->name), *named = json_object_get(value, "$block");
    const char *reference = json_string_value(json_is_string(value) ? value : named);
    if (reference && (json_is_string(value) || json_object_size(value) == 1))
        return set_reference(s, object, field, reference, path);
    if (!json_is_object(value) || named) return wrong(s, path, "a block: \"type/name\" or its fields");
    const dowel_block_type *type = inline_type(s->d, field->blocks, value);
    /* Without the type, the secrets of an inline block are not known. */
    if (!type)
        return dowel_fail(s->err, DOWEL_E_INVALID, "%s: field \"%s\": an inline block needs a \"$type\"", s->root,
                          path + 1);
    int rc = check_level(s, type, value, path);
    return rc ? rc : split_table(s, type->table, value, path, depth + 1);
}

/* A value of the wrong kind could be a secret in the wrong field. Documents of the database are not decoded before they are shown. */
static bool has_shape(const dowel_field *field, const json_t *value) {
    const char *key;
    size_t i;
    json_t *member;
    if (field->kind == DOWEL_JSON) return true;
    if (field->kind != DOWEL_LIST && field->kind != DOWEL_MAP) return !json_is_object(value) && !json_is_array(value);
    if (field->kind == DOWEL_LIST ? !json_is_array(value) : !json_is_object(value)) return false;
    json_object_foreach((json_t *)value, key, member) if (!json_is_string(member)) return false;
    json_array_foreach((json_t *)value, i, member) if (!json_is_string(member)) return false;
    return true;
}

static int split_member(splitting *s, json_t *object, const dowel_field *field, const char *path, int depth) {
    json_t *value = json_object_get(object, field->name);
    if (!value || json_is_null(value)) return 0;
    if (field->flags & DOWEL_SECRET) return split_secret(s, object, field, path);
    if (field->kind == DOWEL_TABLE) return split_table(s, field->table, value, path, depth + 1);
    if (field->kind == DOWEL_TABLES) return split_tables(s, field, value, path, depth);
    if (field->kind == DOWEL_BLOCK) return split_block(s, object, field, path, depth);
    if (holds_placeholder(value, 0))
        return dowel_fail(s->err, DOWEL_E_INVALID, "%s: field \"%s\": \"%s\" is a reserved name", s->root, path + 1,
                          PLACEHOLDER);
    return has_shape(field, value) ? 0 : wrong(s, path, "another kind of value");
}

/* A misspelt name of a secret is not in the table, so its value would not be masked. */
static int refuse_unknown(const splitting *s, const dowel_table *table, json_t *object, const char *path) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        const dowel_field *field = table->fields;
        while (field->name && strcmp(field->name, key) != 0) field++;
        if (!field->name && (strcmp(key, "$type") != 0 || !*path))
            return dowel_fail(s->err, DOWEL_E_INVALID, "%s: unknown field \"%.200s%s%.100s\"", s->root,
                              *path ? path + 1 : "", *path ? "/" : "", key);
    }
    return 0;
}

static int split_table(splitting *s, const dowel_table *table, json_t *object, const char *path, int depth) {
    if (depth > DEPTH) return dowel_fail(s->err, DOWEL_E_INVALID, "%s: nested too deeply", s->root);
    if (!json_is_object(object)) return wrong(s, path, "an object");
    int rc = refuse_unknown(s, table, object, path);
    for (const dowel_field *field = table->fields; !rc && field->name; field++) {
        char member[PATH_SIZE];
        if ((size_t)snprintf(member, sizeof member, "%s/%s", path, field->name) >= sizeof member)
            return dowel_fail(s->err, DOWEL_E_INVALID, "%s: nested too deeply", s->root);
        rc = split_member(s, object, field, member, depth);
    }
    return rc;
}

static int split(splitting *s, const dowel_block_type *type, const json_t *document, json_t **shown, json_t **secrets) {
    json_t *copy = json_deep_copy(document);
    int rc = copy && s->secrets ? 0 : dowel_no_memory(s->err);
    if (!rc && !json_is_object(document)) rc = dowel_fail(s->err, DOWEL_E_INVALID, "%s: expected an object", s->root);
    if (!rc) rc = check_level(s, type, copy, "");
    if (!rc) rc = split_table(s, type->table, copy, "", 0);
    if (rc) {
        dowel_json_cleanse(copy);
        dowel_json_cleanse(s->secrets);
        return rc;
    }
    *shown = copy;
    *secrets = s->secrets;
    return 0;
}

int dowel_secrets_split(dowel *d, const dowel_block_type *type, const json_t *document, json_t **shown,
                        json_t **secrets, dowel_error *err) {
    splitting s = {d, type->name, json_object(), false, err};
    return split(&s, type, document, shown, secrets);
}

int dowel_secrets_hide(dowel *d, const dowel_block_type *type, json_t **document, bool omit, dowel_error *err) {
    splitting s = {d, type->name, json_object(), true, err};
    json_t *shown, *secrets;
    dowel_secrets_mask(*document, false);
    int rc = split(&s, type, *document, &shown, &secrets);
    if (rc) return rc;
    dowel_json_cleanse(secrets);
    dowel_json_cleanse(*document);
    *document = shown;
    dowel_secrets_mask(shown, omit);
    return 0;
}

/* ---- placeholders ---- */

/* A walk over a stored document that replaces or removes each placeholder. */
typedef struct walk {
    const json_t *secrets;
    const json_t *mask;
    size_t found, missing;
    bool remove, failed;
} walk;

static json_t *replace(walk *w, const char *path) {
    w->found++;
    if (w->mask) return json_incref((json_t *)w->mask);
    json_t *value = json_object_get(w->secrets, path);
    if (!value) w->missing++;
    return json_incref(value);
}

static void visit(walk *w, json_t *document, const char *path, int depth) {
    const char *key;
    size_t i;
    json_t *value;
    void *next;
    if (depth > DEPTH * 2) return;
    json_object_foreach_safe(document, next, key, value) {
        char member[PATH_SIZE];
        snprintf(member, sizeof member, "%s/%s", path, key);
        if (!is_placeholder(value)) {
            visit(w, value, member, depth + 1);
        } else if (w->remove) {
            w->found++;
            json_object_del(document, key);
        } else {
            json_t *put = replace(w, member);
            if (put && json_object_set_new(document, key, put)) w->failed = true;
        }
    }
    json_array_foreach(document, i, value) {
        char member[PATH_SIZE];
        snprintf(member, sizeof member, "%s/%zu", path, i);
        visit(w, value, member, depth + 1);
    }
}

int dowel_secrets_join(json_t *document, const json_t *secrets, dowel_error *err) {
    walk w = {.secrets = secrets};
    visit(&w, document, "", 0);
    if (w.failed) return dowel_no_memory(err);
    if (w.missing || w.found != json_object_size(secrets))
        return dowel_fail(err, DOWEL_E_CORRUPT, "its sealed secrets do not match its document");
    return 0;
}

void dowel_secrets_mask(json_t *document, bool omit) {
    json_t *mask = json_string(MASK);
    walk w = {.mask = mask, .remove = omit || !mask};
    visit(&w, document, "", 0);
    json_decref(mask);
}

bool dowel_secrets_present(const json_t *document) {
    return holds_placeholder(document, 0);
}
