/* Environment variables as people set them. */
#include <dowel/fields.h>

#include <stdlib.h>
#include <string.h>

#define WHITE " \t\r\n\v\f"

char *dowel_variable(const char *name) {
    const char *value = getenv(name);
    if (!value) return NULL;
    value += strspn(value, WHITE);
    size_t size = strlen(value);
    while (size && strchr(WHITE, value[size - 1])) size--;
    return size ? strndup(value, size) : NULL;
}
