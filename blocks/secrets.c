/* The secrets of a document: taken out before it is stored, put back when it is loaded. */
#include "sealing.h"

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
    dowel_error *err;
} splitting;

static void wipe(json_t *value) {
    const char *key;
    size_t i;
    json_t *member;
    /* Somebody else holds it: it is not ours to destroy. */
    if (!value || value->refcount > 1) return;
    json_object_foreach(value, key, member) wipe(member);
    json_array_foreach(value, i, member) wipe(member);
    if (json_is_string(value)) OPENSSL_cleanse((char *)json_string_value(value), json_string_length(value));
}

void dowel_json_cleanse(json_t *document) {
    wipe(document);
    json_decref(document);
}

char *dowel_document_text(const json_t *document) {
    return dowel_json_dump(document, JSON_SORT_KEYS);
}

static int no_memory(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

static bool is_placeholder(const json_t *value) {
    return json_is_object(value) && json_object_get(value, PLACEHOLDER);
}

/* The text of a document may not look like a placeholder: it would be taken for a lost secret. */
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
    if (text && !strcmp(text, MASK)) {
        int rc =
            dowel_fail(s->err, DOWEL_E_INVALID, "%s: field \"%s\" holds the mask, not a secret", s->root, path + 1);
        dowel_error_hint(s->err, "give the secret itself");
        return rc;
    }
    json_incref(value);
    if (json_object_set_new(object, field->name, json_pack("{s:b}", PLACEHOLDER, 1))) {
        json_decref(value);
        return no_memory(s->err);
    }
    return json_object_set_new(s->secrets, path, value) ? no_memory(s->err) : 0;
}

static int split_member(splitting *s, json_t *object, const dowel_field *field, const char *path, int depth) {
    json_t *value = json_object_get(object, field->name);
    if (!value || json_is_null(value)) return 0;
    if (field->flags & DOWEL_SECRET) return split_secret(s, object, field, path);
    if (field->kind == DOWEL_TABLE) return split_table(s, field->table, value, path, depth + 1);
    if (field->kind == DOWEL_TABLES) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            char item[PATH_SIZE];
            if (snprintf(item, sizeof item, "%s/%zu", path, i) >= (int)sizeof item)
                return dowel_fail(s->err, DOWEL_E_INVALID, "%s: nested too deep", s->root);
            int rc = split_table(s, field->table, json_array_get(value, i), item, depth + 1);
            if (rc) return rc;
        }
        return 0;
    }
    if (field->kind == DOWEL_BLOCK) {
        if (json_is_string(value)) {
            json_t *reference = json_pack("{s:O}", "$block", value);
            return !reference || json_object_set_new(object, field->name, reference) ? no_memory(s->err) : 0;
        }
        if (json_object_get(value, "$block")) return 0;
        const dowel_block_type *type = inline_type(s->d, field->blocks, value);
        /* An inline block of a type that cannot be told has passed no validation: its secrets cannot be told either. */
        if (!type)
            return dowel_fail(s->err, DOWEL_E_INVALID, "%s: field \"%s\": an inline block needs a \"$type\"", s->root,
                              path + 1);
        return split_table(s, type->table, value, path, depth + 1);
    }
    if (holds_placeholder(value, 0))
        return dowel_fail(s->err, DOWEL_E_INVALID, "%s: field \"%s\": \"%s\" is a reserved name", s->root, path + 1,
                          PLACEHOLDER);
    return 0;
}

static int split_table(splitting *s, const dowel_table *table, json_t *object, const char *path, int depth) {
    if (depth > DEPTH) return dowel_fail(s->err, DOWEL_E_INVALID, "%s: nested too deeply", s->root);
    if (!json_is_object(object)) return 0;
    for (const dowel_field *field = table->fields; field->name; field++) {
        char member[PATH_SIZE];
        if ((size_t)snprintf(member, sizeof member, "%s/%s", path, field->name) >= sizeof member)
            return dowel_fail(s->err, DOWEL_E_INVALID, "%s: nested too deeply", s->root);
        int rc = split_member(s, object, field, member, depth);
        if (rc) return rc;
    }
    return 0;
}

int dowel_secrets_split(dowel *d, const dowel_block_type *type, const json_t *document, json_t **shown,
                        json_t **secrets, dowel_error *err) {
    json_t *copy = json_deep_copy(document), *found = json_object();
    splitting s = {d, type->name, found, err};
    int rc = copy && found ? split_table(&s, type->table, copy, "", 0) : no_memory(err);
    if (rc) {
        dowel_json_cleanse(copy);
        dowel_json_cleanse(found);
        return rc;
    }
    *shown = copy;
    *secrets = found;
    return 0;
}

/* ---- placeholders ---- */

/* What a walk over a stored document does at each placeholder: returns what takes its place (new reference), or NULL. */
typedef struct walk {
    const json_t *secrets;
    const json_t *mask;
    size_t found, missing;
    bool remove;
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
            if (put) json_object_set_new(document, key, put);
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
    if (w.missing || w.found != json_object_size(secrets))
        return dowel_fail(err, DOWEL_E_CORRUPT, "its sealed secrets do not fit its document");
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
