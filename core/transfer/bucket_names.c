/* Names of objects with and without a folder. */
#include <dowel/buckets.h>
#include <dowel/text.h>

#include <string.h>

static size_t length_of(const char *folder) {
    size_t length = folder ? strlen(folder) : 0;
    while (length && folder[length - 1] == '/') length--;
    return length;
}

static void add_full_name(dowel_text *text, const char *folder, const char *name) {
    size_t length = length_of(folder);
    if (length) dowel_text_add(text, folder, length);
    if (length) dowel_text_put(text, "/");
    dowel_text_put(text, name);
}

char *dowel_bucket_full_name(const char *folder, const char *name) {
    dowel_text text = {0};
    add_full_name(&text, folder, name);
    return dowel_text_take(&text, NULL);
}

const char *dowel_bucket_relative_name(const char *folder, const char *name) {
    size_t length = length_of(folder);
    return length && !strncmp(name, folder, length) && name[length] == '/' ? name + length + 1 : name;
}

char *dowel_bucket_handle_name(const char *what, const char *bucket, const char *folder, const char *name) {
    dowel_text text = {0};
    dowel_text_format(&text, "%s %s/", what, bucket);
    add_full_name(&text, folder, name);
    return dowel_text_take(&text, NULL);
}
