/* Names of files that are being written. */
#include "unfinished.h"

#include <dowel/stream.h>

#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* .NAME.TOKENCHECK.dowel: TOKEN tells several files apart; CHECK is a digest of the name before it, so that no user's file has such a name by
 * chance. */
enum { TOKEN = 12, CHECK = 12, AROUND = 1 + 1 + TOKEN + CHECK + 6 };

static const char ending[] = ".dowel";

/* The first digits of a digest. */
static bool hex_digest(const char *subject, const char *text, size_t size, char *digits, size_t count) {
    unsigned char bytes[DOWEL_DIGEST_MAX];
    dowel_digest *digest = dowel_digest_new(DOWEL_SHA256);
    if (!digest) return false;
    dowel_digest_update(digest, subject, strlen(subject));
    dowel_digest_update(digest, text, size);
    char *hex = dowel_hex(bytes, dowel_digest_end(digest, bytes));
    dowel_digest_free(digest);
    if (hex) memcpy(digits, hex, count);
    free(hex);
    return hex != NULL;
}

static bool check_of(const char *name, size_t size, char check[CHECK]) {
    return hex_digest("dowel unfinished file\n", name, size, check, CHECK);
}

char *dowel_unfinished_name(const char *name, bool random) {
    const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
    size_t folder = (size_t)(last - name), length = strlen(last), size = folder + length + AROUND + 1;
    unsigned char noise[TOKEN / 2];
    char *made = malloc(size), *p = made;
    if (!made) return NULL;
    /* Shortens a long name to the limit without cutting a character. */
    if (length > NAME_MAX - AROUND)
        for (length = NAME_MAX - AROUND; length && ((unsigned char)last[length] & 0xc0) == 0x80;) length--;
    p += snprintf(made, size, "%.*s.%.*s.", (int)folder, name, (int)length, last);
    bool good;
    if (random) {
        good = RAND_bytes(noise, sizeof noise) == 1;
        for (size_t i = 0; good && i < sizeof noise; i++) snprintf(p + 2 * i, 3, "%02x", noise[i]);
    } else {
        good = hex_digest("dowel file\n", last, strlen(last), p, TOKEN);
    }
    p += TOKEN;
    good = good && check_of(made + folder, (size_t)(p - made) - folder, p);
    memcpy(p + CHECK, ending, sizeof ending);
    if (good) return made;
    free(made);
    return NULL;
}

bool dowel_is_unfinished(const char *name) {
    const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
    size_t length = strlen(last), before = length - CHECK - (sizeof ending - 1);
    char check[CHECK];
    if (*last != '.' || length <= AROUND || strcmp(last + before + CHECK, ending) != 0) return false;
    if (last[before - TOKEN - 1] != '.' || strspn(last + before - TOKEN, "0123456789abcdef") != TOKEN + CHECK)
        return false;
    return check_of(last, before, check) && !memcmp(last + before, check, CHECK);
}
