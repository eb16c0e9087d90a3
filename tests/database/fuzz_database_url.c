/* Any text as DOWEL_DATABASE_URL, and around a password: it stands in nothing that is shown. */
#include "address_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD "Pl4nted-Pa55word"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const char *url, bool planted) {
    dowel_database_address address;
    dowel_error err;
    if (dowel_database_address_parse(url, &address, &err)) {
        if (planted && (strstr(err.message, PASSWORD) || strstr(err.hint, PASSWORD))) abort();
        return;
    }
    if (!address.shown || (planted && strstr(address.shown, PASSWORD))) abort();
    dowel_database_address_clear(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), *url = malloc(2 * size + 64);
    if (!text || !url) abort();
    memcpy(text, data, size);
    text[size] = 0;
    parse(text, false);
    /* Where the text has it itself, it would be shown as what it is there. */
    if (strstr(text, PASSWORD)) {
        free(text);
        free(url);
        return 0;
    }
    size_t cut = size ? data[0] % (strlen(text) + 1) : 0;
    snprintf(url, 2 * size + 64, "postgresql://u:%.*s" PASSWORD "%s", (int)cut, text, text + cut);
    /* What follows an @ is a host, not a password; without any, a host and its port look the same as a user and a password. */
    if (!memchr(text, '@', cut) && !memchr(text, '/', cut) && !memchr(text, '?', cut) && strchr(text + cut, '@'))
        parse(url, true);
    snprintf(url, 2 * size + 64, "postgres://%.*s?password=" PASSWORD "%s", (int)cut, text, text + cut);
    if (!memchr(text, '?', cut) && !memchr(text, '#', cut)) parse(url, true);
    free(text);
    free(url);
    return 0;
}
