/* Text that grows, and percent-encoding. */
#include <dowel/http.h>
#include <dowel/text.h>

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void dowel_text_add(dowel_text *text, const char *data, size_t size) {
    if (text->failed) return;
    if (text->size + size + 1 > text->room) {
        size_t room = text->room ? text->room * 2 : 128;
        while (room < text->size + size + 1) room *= 2;
        char *grown = malloc(room);
        if (!grown) {
            text->failed = true;
            return;
        }
        if (text->data) {
            memcpy(grown, text->data, text->size);
            OPENSSL_cleanse(text->data, text->room);
            free(text->data);
        }
        text->data = grown;
        text->room = room;
    }
    if (size) memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = 0;
}

void dowel_text_add_encoded(dowel_text *text, const char *data, const char *keep) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *data; data++) {
        if (strchr(unreserved, *data) || (keep && strchr(keep, *data))) {
            dowel_text_add(text, data, 1);
        } else {
            unsigned char c = (unsigned char)*data;
            char code[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
            dowel_text_add(text, code, 3);
        }
    }
}

void dowel_text_free(dowel_text *text) {
    if (text->data) OPENSSL_cleanse(text->data, text->room);
    free(text->data);
    memset(text, 0, sizeof *text);
}

char *dowel_percent_encode(const char *text, const char *keep) {
    dowel_text encoded = {0};
    dowel_text_add(&encoded, "", 0);
    dowel_text_add_encoded(&encoded, text, keep);
    if (!encoded.failed) return encoded.data;
    dowel_text_free(&encoded);
    return NULL;
}
