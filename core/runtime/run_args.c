/* A run's arguments as the history keeps and compares them. */
#include "run_args.h"

#include <dowel/stream.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Large inputs (data given inline) would make the history larger than the data. */
#define LARGEST 65536

/* ---- every value of a struct, once ---- */

typedef struct walk {
    const dowel_run *run;
    dowel_run_args *args;
    dowel_digest *digest;
    size_t size;   /* bytes of all texts and bytes */
    bool not_text; /* some text is not UTF-8, and JSON cannot hold it */
    bool no_memory;
} walk;

/* With its size in front, so that no two lists of values read the same. */
static void add(walk *w, const void *data, size_t size) {
    const uint64_t length = size;
    dowel_digest_update(w->digest, &length, sizeof length);
    if (size) dowel_digest_update(w->digest, data, size);
    w->size += size;
}

/* Of what follows: a list's items are not taken for the fields behind it. */
static void add_count(walk *w, size_t count) {
    const uint64_t number = count;
    dowel_digest_update(w->digest, &number, sizeof number);
}

static void add_text(walk *w, const char *text) {
    json_t *value = json_string(text);
    if (!value) w->not_text = true;
    dowel_json_cleanse(value);
    add(w, text, strlen(text));
}

/* A pipe, terminal or device can be read only once. */
static bool is_stream(const char *path) {
    struct stat st;
    return !strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

static void add_path(walk *w, const char *path) {
    char *absolute = dowel_path_absolute(path, w->run->folder);
    if (!absolute) {
        w->no_memory = true;
        return;
    }
    if (is_stream(absolute)) w->args->unseen = true;
    if (*absolute && strcmp(absolute, "-") != 0) w->args->local = true;
    add_text(w, absolute);
    free(absolute);
}

/* The text of a block as the command line takes it. */
static void add_block_text(walk *w, const char *text) {
    if (*text == '@')
        add_path(w, text + 1);
    else if (!strcmp(text, "-"))
        w->args->unseen = true;
    add_text(w, text);
}

static void add_string(walk *w, const dowel_field *field, const char *text) {
    bool place = field->flags & DOWEL_PLACE;
    if (field->kind == DOWEL_PATH || (place && dowel_place_is_path(&w->run->scope.core->top, text)) ||
        (place && !strcmp(text, "-")))
        add_path(w, text);
    else if (field->flags & DOWEL_BLOCK_TEXT)
        add_block_text(w, text);
    else
        add_text(w, text);
}

static void add_struct(walk *w, const dowel_table *table, const void *data);

static void add_block(walk *w, dowel_block *block) {
    add_text(w, dowel_block_reference(block));
    if (!dowel_block_name(block)) add_struct(w, dowel_block_type_of(block)->table, dowel_block_data(block));
}

static void add_json(walk *w, const json_t *value) {
    size_t size;
    const char *verbatim = dowel_json_verbatim_text(value, &size);
    if (verbatim && size > LARGEST) { /* not written once more */
        add(w, verbatim, size);
        return;
    }
    char *text = dowel_json_dump(value, JSON_SORT_KEYS);
    if (!text) {
        w->no_memory = true;
        return;
    }
    add(w, text, strlen(text));
    OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static int by_name(const void *a, const void *b) {
    const dowel_pair *first = a, *second = b;
    return strcmp(first->name, second->name);
}

/* In order of names, because maps are unordered. */
static void add_map(walk *w, const dowel_pair *pairs) {
    size_t count = 0;
    while (pairs[count].name) count++;
    dowel_pair *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) {
        w->no_memory = true;
        return;
    }
    memcpy(sorted, pairs, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_name);
    add_count(w, count);
    for (size_t i = 0; i < count; i++) {
        add_text(w, sorted[i].name);
        add_text(w, sorted[i].value);
    }
    free(sorted);
}

static void add_number(walk *w, double number) {
    if (number == 0) number = 0; /* minus zero is the same */
    add(w, &number, sizeof number);
}

static void add_list(walk *w, const dowel_field *field, const char *const *items) {
    size_t count = 0;
    while (items[count]) count++;
    add_count(w, count);
    for (size_t i = 0; i < count; i++) add_string(w, field, items[i]);
}

static void add_structs(walk *w, const dowel_table *table, const void *const *items) {
    size_t count = 0;
    while (items[count]) count++;
    add_count(w, count);
    for (size_t i = 0; i < count; i++) add_struct(w, table, items[i]);
}

static void add_member(walk *w, const dowel_field *field, const void *member) {
    switch (field->kind) {
    case DOWEL_STRING:
    case DOWEL_PATH: add_string(w, field, *(const char *const *)member); break;
    case DOWEL_BOOL: add(w, member, sizeof(bool)); break;
    case DOWEL_INT:
    case DOWEL_SIZE:
    case DOWEL_TIME: add(w, member, sizeof(int64_t)); break;
    case DOWEL_FLOAT:
    case DOWEL_DURATION: add_number(w, *(const double *)member); break;
    case DOWEL_ENUM: add_text(w, field->values[*(const int *)member]); break;
    case DOWEL_BYTES: add(w, ((const dowel_bytes *)member)->data, ((const dowel_bytes *)member)->size); break;
    case DOWEL_LIST: add_list(w, field, *(const char *const *const *)member); break;
    case DOWEL_MAP: add_map(w, *(const dowel_pair *const *)member); break;
    case DOWEL_TABLE: add_struct(w, field->table, *(const void *const *)member); break;
    case DOWEL_TABLES: add_structs(w, field->table, *(const void *const *const *)member); break;
    case DOWEL_JSON: add_json(w, *(json_t *const *)member); break;
    case DOWEL_BLOCK: add_block(w, *(dowel_block *const *)member); break;
    case DOWEL_POINTER:
        if (!(field->flags & DOWEL_WATCHING)) w->args->unseen = true;
        break;
    default: break;
    }
}

static void add_struct(walk *w, const dowel_table *table, const void *data) {
    const char *given = dowel_given_of(table, data);
    for (const dowel_field *field = table->fields; field->name; field++) {
        const void *member = (const char *)data + field->offset;
        bool given_zero = dowel_kind_has_zero(field->kind) && dowel_given(given, field->name);
        if (field->kind == DOWEL_GIVEN || (dowel_member_is_zero(field, member) && !given_zero)) continue;
        if (dowel_field_is_secret(field, member)) w->args->secret = true;
        add(w, field->name, strlen(field->name));
        add_member(w, field, member);
    }
    add(w, "", 0);
}

/* ---- as JSON ---- */

static int make_text(const dowel_run *run, dowel_run_args *args, dowel_error *err) {
    dowel *d = &run->scope.core->top;
    json_t *document = dowel_fields_encode(run->task->args, dowel_record_data(run->args), DOWEL_SECRETS_MASKED);
    bool relative = false;
    int rc = document
                 ? dowel_fields_anchor(d, run->task->args, document, *run->folder ? run->folder : NULL, &relative, err)
                 : dowel_no_memory(err);
    args->text = rc ? NULL : dowel_json_dump(document, JSON_SORT_KEYS);
    json_decref(document);
    if (!rc && !args->text) rc = dowel_no_memory(err);
    return rc;
}

int dowel_run_args_of(const dowel_run *run, dowel_run_args *args, dowel_error *err) {
    memset(args, 0, sizeof *args);
    walk w = {.run = run, .args = args, .digest = dowel_digest_new(DOWEL_SHA256)};
    if (!w.digest) return dowel_no_memory(err);
    add(&w, run->task->name, strlen(run->task->name));
    add(&w, run->key, run->key ? strlen(run->key) : 0);
    if (run->task->args) add_struct(&w, run->task->args, dowel_record_data(run->args));
    unsigned char digest[DOWEL_DIGEST_MAX];
    dowel_digest_end(w.digest, digest);
    dowel_digest_free(w.digest);
    memcpy(args->digest, digest, sizeof args->digest);
    if (w.no_memory) return dowel_no_memory(err);
    int rc = 0;
    if (!run->task->args)
        args->text = strdup("{}");
    else if (w.size <= LARGEST)
        rc = make_text(run, args, err);
    bool large = args->text ? strlen(args->text) > LARGEST : run->task->args != NULL;
    if (large && !rc) {
        free(args->text);
        args->text = strdup("{\"...\": \"too large to keep\"}");
    }
    args->whole = !large && !args->secret && !args->unseen && !w.not_text;
    if (!rc && !args->text) rc = dowel_no_memory(err);
    if (rc) dowel_run_args_clear(args);
    return rc;
}

void dowel_run_args_clear(dowel_run_args *args) {
    free(args->text);
    OPENSSL_cleanse(args, sizeof *args);
}

/* ---- the digest ---- */

static const char open_digest[] = "sha256:";

static char *hex_digest(const dowel_run_args *args) {
    char *hex = dowel_hex(args->digest, sizeof args->digest);
    size_t size = sizeof open_digest + 2 * sizeof args->digest;
    char *text = hex ? malloc(size) : NULL;
    if (text) snprintf(text, size, "%s%s", open_digest, hex);
    free(hex);
    return text;
}

int dowel_run_args_digest(dowel_run *run, const dowel_run_args *args, char **digest, dowel_error *err) {
    dowel *d = &run->scope;
    const dowel_sealer *sealer = &d->core->sealer;
    dowel_error why;
    int rc = sealer->digest ? sealer->digest(d, args->digest, sizeof args->digest, NULL, digest, &why)
                            : dowel_fail(&why, DOWEL_E_KEY, "there is no sealing key");
    if (!rc) return 0;
    /* A plain digest of a short secret could be found by trying all values. */
    if (args->secret) {
        if (err) *err = why;
        return dowel_error_prefix(
            err, "run key \"%.100s\": comparing arguments with secrets needs a sealing key: ", run->key);
    }
    *digest = hex_digest(args);
    return *digest ? 0 : dowel_no_memory(err);
}

int dowel_run_args_same(dowel_run *run, const dowel_run_args *args, const char *digest, dowel_error *err) {
    dowel *d = &run->scope;
    const dowel_sealer *sealer = &d->core->sealer;
    char *ours = NULL;
    int rc = 0;
    if (!strncmp(digest, open_digest, sizeof open_digest - 1))
        ours = hex_digest(args);
    else
        rc = sealer->digest ? sealer->digest(d, args->digest, sizeof args->digest, digest, &ours, err)
                            : dowel_fail(err, DOWEL_E_KEY, "there is no sealing key");
    if (!rc && !ours) rc = dowel_no_memory(err);
    if (!rc) rc = strlen(ours) == strlen(digest) && !CRYPTO_memcmp(ours, digest, strlen(ours));
    free(ours);
    return rc;
}
