/* Memory that is freed, and overwritten, all at once. */
#ifndef DOWEL_ARENA_H
#define DOWEL_ARENA_H

#include <stddef.h>

typedef struct dowel_arena {
    struct dowel_arena_chunk *chunks;
    void (**ends)(void *);
    void **values;
    size_t end_count;
} dowel_arena;

/* Zeroed memory aligned for any type; NULL when out of memory. */
void *dowel_arena_alloc(dowel_arena *arena, size_t size);
void *dowel_arena_copy(dowel_arena *arena, const void *data, size_t size);
/* A copy with a NUL behind it. */
char *dowel_arena_text(dowel_arena *arena, const char *text, size_t length);
/* Registers `end(value)`, called when the arena is cleared; on failure calls it at once and returns -1. */
int dowel_arena_defer(dowel_arena *arena, void (*end)(void *), void *value);
void dowel_arena_clear(dowel_arena *arena);

#endif
