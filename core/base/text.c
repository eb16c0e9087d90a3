/* Text that grows, percent-encoding, and wiping of secrets. */
#include <dowel/http.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 128 };

/* Makes room for `size` more bytes and a NUL. realloc() would leave a copy behind. */
static bool make_room(dowel_text *text, size_t size) {
    size_t room = text->room ? text->room : FIRST_ROOM;
    if (text->failed) return false;
    if (text->limit && size > text->limit - text->size) {
        text->failed = text->too_long = true;
        return false;
    }
    if (size < text->room - text->size) return true;
    while (room - text->size <= size && room <= SIZE_MAX / 2) room *= 2;
    char *grown = room - text->size > size ? malloc(room) : NULL;
    if (!grown) {
        text->failed = true;
        return false;
    }
    if (text->data) memcpy(grown, text->data, text->size);
    dowel_wipe_bytes(text->data, text->room);
    text->data = grown;
    text->room = room;
    return true;
}

void dowel_text_add(dowel_text *text, const char *data, size_t size) {
    if (!make_room(text, size)) return;
    if (size) memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = 0;
}

void dowel_text_put(dowel_text *text, const char *string) {
    dowel_text_add(text, string, strlen(string));
}

void dowel_text_format(dowel_text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char start[1];
    int size = dowel_vformat(start, sizeof start, format, args);
    if (size < 0) text->failed = true;
    if (make_room(text, size > 0 ? (size_t)size : 0)) {
        (void)dowel_vformat(text->data + text->size, (size_t)size + 1, format, again);
        text->size += (size_t)size;
    }
    va_end(again);
    va_end(args);
}

void dowel_text_add_encoded(dowel_text *text, const char *string, const char *keep) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *string; string++) {
        if (strchr(unreserved, *string) || (keep && strchr(keep, *string))) {
            dowel_text_add(text, string, 1);
        } else {
            unsigned char c = (unsigned char)*string;
            char code[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
            dowel_text_add(text, code, 3);
        }
    }
}

void dowel_text_add_pair(dowel_text *text, const char *name, const char *value) {
    if (text->size) dowel_text_add(text, "&", 1);
    dowel_text_add_encoded(text, name, NULL);
    dowel_text_add(text, "=", 1);
    dowel_text_add_encoded(text, value, NULL);
}

char *dowel_text_take(dowel_text *text, dowel_error *err) {
    dowel_text_add(text, "", 0);
    char *taken = text->failed ? NULL : text->data;
    if (taken) {
        *text = (dowel_text){.limit = text->limit};
        return taken;
    }
    if (text->too_long)
        (void)dowel_fail(err, DOWEL_E_INVALID, "text is longer than %zu bytes", text->limit);
    else
        (void)dowel_no_memory(err);
    dowel_text_free(text);
    return NULL;
}

void dowel_text_free(dowel_text *text) {
    dowel_wipe_bytes(text->data, text->room);
    *text = (dowel_text){.limit = text->limit};
}

char *dowel_percent_encode(const char *text, const char *keep) {
    dowel_text encoded = {0};
    dowel_text_add_encoded(&encoded, text, keep);
    return dowel_text_take(&encoded, NULL);
}

void dowel_wipe(char *string) {
    if (string) dowel_wipe_bytes(string, strlen(string));
}

void dowel_wipe_bytes(void *bytes, size_t size) {
    if (bytes) OPENSSL_cleanse(bytes, size);
    free(bytes);
}
