/* What a run is about and how much it did, in a few words for the list of runs. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 200 }; /* bytes */

/* ---- the subject ---- */

typedef struct subject {
    dowel_text text;
    const char *separator; /* before the next value */
} subject;

/* Adds text as one line. It may be long, such as SQL, and is cut later. */
static void add_text(subject *s, const char *text) {
    static const char blanks[] = " \t\r\n";
    dowel_text_put(&s->text, s->separator);
    for (text += strspn(text, blanks); *text && s->text.size <= LONGEST;) {
        size_t size = strcspn(text, blanks);
        dowel_text_add(&s->text, text, size <= LONGEST ? size : LONGEST + 1);
        text += size;
        text += strspn(text, blanks);
        if (*text) dowel_text_put(&s->text, " ");
    }
    s->separator = " ";
}

static void add_list(subject *s, const char *const *items) {
    size_t count = 0;
    while (items[count]) count++;
    if (!count) return;
    add_text(s, items[0]);
    if (count > 1) dowel_text_format(&s->text, " and %zu more", count - 1);
}

static void add_fields(subject *s, const dowel_table *table, const void *data);

/* The name of a saved block; the bucket, function or job of an unsaved one. A name may follow, as in a place: TYPE/NAME:path. */
static void add_block(subject *s, dowel_block *block) {
    size_t before = s->text.size;
    if (!dowel_block_name(block)) add_fields(s, dowel_block_type_of(block)->table, dowel_block_data(block));
    if (s->text.size == before) add_text(s, dowel_block_reference(block));
    s->separator = ":";
}

static void add_member(subject *s, const dowel_field *field, const void *member) {
    switch (field->kind) {
    case DOWEL_STRING:
    case DOWEL_PATH: add_text(s, *(const char *const *)member); break;
    case DOWEL_LIST: add_list(s, *(const char *const *const *)member); break;
    case DOWEL_BLOCK: add_block(s, *(dowel_block *const *)member); break;
    default: break;
    }
}

static void add_fields(subject *s, const dowel_table *table, const void *data) {
    for (const dowel_field *field = table->fields; field->name; field++) {
        const void *member = (const char *)data + field->offset;
        bool shown = field->flags & DOWEL_SUBJECT && !(field->flags & DOWEL_SECRET);
        if (shown && !dowel_member_is_zero(field, member) && !dowel_field_is_secret(field, member))
            add_member(s, field, member);
    }
}

/* Ends a text that is too long with an ellipsis, behind a complete character. */
static void cut(char *text) {
    static const char ellipsis[] = "\xe2\x80\xa6";
    size_t size = strlen(text);
    if (size <= LONGEST) return;
    size = LONGEST - sizeof ellipsis;
    while (size && ((unsigned char)text[size] & 0xc0) == 0x80) size--;
    memcpy(text + size, ellipsis, sizeof ellipsis);
}

char *dowel_run_subject(const dowel_run *run) {
    subject s = {.separator = ""};
    if (run->task->args && run->args) add_fields(&s, run->task->args, dowel_record_data(run->args));
    char *text = s.text.size ? dowel_text_take(&s.text, NULL) : NULL;
    dowel_text_free(&s.text);
    if (!text) return NULL;
    cut(text);
    if (dowel_is_utf8(text, strlen(text))) return text;
    char *shown = dowel_printable(text, false); /* the database holds UTF-8, and a path may be anything */
    free(text);
    return shown;
}

/* ---- the amount ---- */

/* A dry run changed nothing: its counts say what would have been done. */
static bool is_dry(const dowel_run *run) {
    const dowel_field *field = run->task->args ? dowel_field_find(run->task->args, "dry_run") : NULL;
    return field && field->kind == DOWEL_BOOL &&
           *(const bool *)((const char *)dowel_record_data(run->args) + field->offset);
}

/* Adds the member if it is a number or an array, unless there is a number of the same unit. */
static void add_amount(json_t *amount, const char *unit, const json_t *member) {
    if (json_object_get(amount, unit)) return;
    if (json_is_integer(member))
        json_object_set_new(amount, unit, json_integer(json_integer_value(member)));
    else if (json_is_array(member))
        json_object_set_new(amount, unit, json_integer((json_int_t)json_array_size(member)));
}

char *dowel_run_amount(const dowel_run *run, const json_t *result) {
    const dowel_task *task = run->task;
    bool has = task->size >= offsetof(dowel_task, amount) + sizeof task->amount && task->amount;
    char *pairs = has && json_is_object(result) && !is_dry(run) ? strdup(task->amount) : NULL, *rest = pairs;
    json_t *amount = pairs ? json_object() : NULL;
    for (char *pair; amount && (pair = strsep(&rest, " "));) {
        char *unit = strchr(pair, '=');
        if (!unit) continue;
        *unit++ = 0;
        add_amount(amount, unit, json_object_get(result, pair));
    }
    char *text = json_object_size(amount) ? dowel_json_dump(amount, 0) : NULL;
    json_decref(amount);
    free(pairs);
    return text;
}
