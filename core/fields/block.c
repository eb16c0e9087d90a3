/* Blocks in memory: a type, a name, a decoded struct, and values computed from it. */
#include "fields_internal.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct attachment {
    struct attachment *next;
    const void *key;
    void *value;
    void (*end)(void *);
} attachment;

struct dowel_block {
    atomic_int references;
    const dowel_block_type *type;
    dowel_record *record;
    attachment *attachments;
    pthread_mutex_t lock; /* guards attachments */
    const char *name;     /* into reference, or NULL */
    char reference[];
};

static int make(const dowel_block_type *type, const char *name, dowel_record *record, dowel_block **block,
                dowel_error *err) {
    size_t size = strlen(type->name) + (name ? strlen(name) : 9) + 2;
    dowel_block *made = calloc(1, sizeof *made + size);
    if (!made) {
        dowel_record_free(record);
        return dowel_no_memory(err);
    }
    atomic_init(&made->references, 1);
    pthread_mutex_init(&made->lock, NULL);
    made->type = type;
    made->record = record;
    if (name) {
        snprintf(made->reference, size, "%s/%s", type->name, name);
        made->name = made->reference + strlen(type->name) + 1;
    } else {
        snprintf(made->reference, size, "%s (inline)", type->name);
    }
    *block = made;
    return 0;
}

int dowel_block_new(const dowel_block_type *type, const char *name, const json_t *document,
                    const dowel_resolver *resolver, dowel_block **block, dowel_error *err) {
    dowel_record *record;
    int rc = dowel_record_decode(type->table, document, resolver, &record, err);
    return rc ? rc : make(type, name, record, block, err);
}

int dowel_block_from(const dowel_block_type *type, const char *name, const void *data, size_t size, dowel_block **block,
                     dowel_error *err) {
    dowel_record *record;
    int rc = dowel_record_copy(type->table, data, size, &record, err);
    return rc ? rc : make(type, name, record, block, err);
}

dowel_block *dowel_block_retain(dowel_block *block) {
    int references = block ? atomic_fetch_add(&block->references, 1) : 1;
    assert(references > 0);
    (void)references;
    return block;
}

void dowel_block_free(dowel_block *block) {
    int references = block ? atomic_fetch_sub(&block->references, 1) : 0;
    assert(!block || references > 0);
    if (references != 1) return;
    for (attachment *a = block->attachments, *next; a; a = next) {
        next = a->next;
        if (a->end) a->end(a->value);
        free(a);
    }
    pthread_mutex_destroy(&block->lock);
    dowel_record_free(block->record);
    free(block);
}

const dowel_block_type *dowel_block_type_of(const dowel_block *block) {
    return block->type;
}

const char *dowel_block_reference(const dowel_block *block) {
    return block->reference;
}

const char *dowel_block_name(const dowel_block *block) {
    return block->name;
}

const void *dowel_block_data(const dowel_block *block) {
    return dowel_record_data(block->record);
}

const void *dowel_block_data_as(const dowel_block *block, const dowel_block_type *type) {
    return block && block->type == type ? dowel_record_data(block->record) : NULL;
}

json_t *dowel_block_document(const dowel_block *block, dowel_secrets secrets) {
    return dowel_fields_encode(block->type->table, dowel_record_data(block->record), secrets);
}

void *dowel_block_attach(dowel_block *block, const void *key, void *(*maker)(dowel_block *block),
                         void (*end)(void *value)) {
    pthread_mutex_lock(&block->lock);
    attachment *a = block->attachments;
    while (a && a->key != key) a = a->next;
    if (!a) {
        void *value = maker(block);
        a = value ? calloc(1, sizeof *a) : NULL;
        if (a) {
            *a = (attachment){block->attachments, key, value, end};
            block->attachments = a;
        } else if (value && end) {
            end(value);
        }
    }
    void *value = a ? a->value : NULL;
    pthread_mutex_unlock(&block->lock);
    return value;
}
