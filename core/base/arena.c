/* Memory that is freed, and overwritten, all at once: what a decoded struct points to. */
#include "arena_internal.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct dowel_arena_chunk {
    struct dowel_arena_chunk *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char data[];
};

void *dowel_arena_alloc(dowel_arena *arena, size_t size) {
    const size_t align = _Alignof(max_align_t);
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + align - 1) / align * align;
    struct dowel_arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = size > 960 ? size : 960;
        chunk = calloc(1, sizeof *chunk + room);
        if (!chunk) return NULL;
        chunk->size = room;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += size;
    return memory;
}

void *dowel_arena_copy(dowel_arena *arena, const void *data, size_t size) {
    void *copy = dowel_arena_alloc(arena, size ? size : 1);
    if (copy && size) memcpy(copy, data, size);
    return copy;
}

char *dowel_arena_text(dowel_arena *arena, const char *text, size_t length) {
    char *copy = dowel_arena_alloc(arena, length + 1);
    if (copy && length) memcpy(copy, text, length);
    return copy;
}

int dowel_arena_defer(dowel_arena *arena, void (*end)(void *), void *value) {
    size_t count = arena->end_count + 1;
    void (**ends)(void *) = realloc(arena->ends, count * sizeof *ends);
    if (ends) arena->ends = ends;
    void **values = ends ? realloc(arena->values, count * sizeof *values) : NULL;
    if (!values) {
        end(value);
        return -1;
    }
    arena->values = values;
    arena->ends[arena->end_count] = end;
    arena->values[arena->end_count++] = value;
    return 0;
}

void dowel_arena_clear(dowel_arena *arena) {
    while (arena->end_count--) arena->ends[arena->end_count](arena->values[arena->end_count]);
    free(arena->ends);
    free(arena->values);
    for (struct dowel_arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        OPENSSL_cleanse(chunk->data, chunk->used);
        free(chunk);
    }
    memset(arena, 0, sizeof *arena);
}
