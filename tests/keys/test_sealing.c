/* Sealing alone: an independent decryption of what it makes, every bit of it, every part of what it is bound to. */
#include "sealing_internal.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char first[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char plain_text[] = "{\"/password\":\"hunter2\"}";
static const char document[] = "{\"endpoint\":\"https://a.example\"}";
static const dowel_sealed_for owner = {"node", "a", 3, 1, document, false};

static dowel_keys keys_of(const char *text) {
    dowel_keys keys;
    dowel_error err;
    assert_int_equal(dowel_keys_parse(text, strlen(text), "test", &keys, &err), 0);
    return keys;
}

static void opens_what_it_sealed(void **state) {
    (void)state;
    dowel_keys keys = keys_of(first);
    void *sealed, *again, *plain;
    size_t size, again_size, plain_size;
    assert_int_equal(dowel_seal(keys.list, &owner, plain_text, strlen(plain_text), &sealed, &size, NULL), 0);
    assert_int_equal(dowel_seal(keys.list, &owner, plain_text, strlen(plain_text), &again, &again_size, NULL), 0);
    assert_int_equal(size, again_size);
    assert_memory_not_equal(sealed, again, size);
    assert_int_equal(dowel_unseal(&keys, &owner, keys.list->id, sealed, size, &plain, &plain_size, NULL), 0);
    assert_int_equal(plain_size, strlen(plain_text));
    assert_string_equal(plain, plain_text);
    free(plain);
    free(sealed);
    free(again);
    dowel_keys_clear(&keys);
}

static int unseal_code(const dowel_keys *keys, const dowel_sealed_for *who, const char *id, const void *blob,
                       size_t size) {
    void *plain = NULL;
    size_t plain_size;
    dowel_error err;
    int rc = dowel_unseal(keys, who, id, blob, size, &plain, &plain_size, &err);
    free(plain);
    return rc;
}

static size_t append(unsigned char *to, size_t at, const void *more, size_t size) {
    memcpy(to + at, more, size);
    return at + size;
}

/* The formats, put together by hand: what is written today, and what was written by the first versions, must be readable for ever. */
static size_t bound_by_hand(int format, const char *id, unsigned char bound[256]) {
    static const char first_head[] = "dowel-sealed\0001\0node\0a\0003", head[] = "dowel-sealed\0002\0node\0a\0003";
    unsigned char digest[32];
    size_t at = append(bound, 0, format == 1 ? first_head : head, sizeof head);
    at = append(bound, at, id, 16);
    if (format == 1) return at;
    at = append(bound, at, "\0001\0", 3);
    assert_int_equal(EVP_Digest(document, strlen(document), digest, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < 32; i++) {
        char hex[3];
        snprintf(hex, sizeof hex, "%02x", digest[i]);
        at = append(bound, at, hex, 2);
    }
    return at;
}

static size_t seal_by_hand(int format, const char *id, unsigned char out[256]) {
    unsigned char bound[256], key[32];
    int length, last;
    for (int i = 0; i < 32; i++) key[i] = (unsigned char)i;
    size_t bound_size = bound_by_hand(format, id, bound), size = strlen(plain_text);
    out[0] = (unsigned char)format;
    out[1] = 16;
    memcpy(out + 2, id, 16);
    memset(out + 18, 7, 12);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, out + 18), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, NULL, &length, bound, (int)bound_size), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, out + 30, &length, (const unsigned char *)plain_text, (int)size), 1);
    assert_int_equal(EVP_EncryptFinal_ex(cipher, out + 30 + length, &last), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, out + 30 + size), 1);
    EVP_CIPHER_CTX_free(cipher);
    return 30 + size + 16;
}

static void keeps_its_format(void **state) {
    (void)state;
    dowel_keys keys = keys_of(first);
    dowel_sealed_for lenient = owner;
    lenient.old_accepted = true;
    for (int format = 1; format <= 2; format++) {
        unsigned char blob[256];
        void *plain;
        size_t size = seal_by_hand(format, keys.list->id, blob), plain_size;
        assert_int_equal(dowel_unseal(&keys, &lenient, keys.list->id, blob, size, &plain, &plain_size, NULL), 0);
        assert_memory_equal(plain, plain_text, strlen(plain_text));
        free(plain);
        assert_int_equal(dowel_sealed_is_old(blob, size), format == 1);
        assert_int_equal(unseal_code(&keys, &owner, keys.list->id, blob, size), format == 1 ? DOWEL_E_CORRUPT : 0);
        /* The number of the format is bound too. */
        blob[0] ^= 3;
        assert_int_equal(unseal_code(&keys, &lenient, keys.list->id, blob, size), DOWEL_E_CORRUPT);
    }
    dowel_keys_clear(&keys);
}

static void refuses_everything_else(void **state) {
    (void)state;
    dowel_keys keys = keys_of(first), other = keys_of("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    void *sealed;
    size_t size;
    const char *id = keys.list->id;
    assert_int_equal(dowel_seal(keys.list, &owner, plain_text, strlen(plain_text), &sealed, &size, NULL), 0);
    unsigned char *bytes = sealed;
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(unseal_code(&keys, &owner, id, sealed, size), DOWEL_E_CORRUPT);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(unseal_code(&keys, &owner, id, sealed, cut), DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"nod", "a", 3, 1, document, true}, id, sealed, size),
                     DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"node", "b", 3, 1, document, true}, id, sealed, size),
                     DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"node", "a", 4, 1, document, true}, id, sealed, size),
                     DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"node", "a", 3, 2, document, true}, id, sealed, size),
                     DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"node", "a", 3, 1, NULL, true}, id, sealed, size),
                     DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"node", "a", 3, 1, "{}", true}, id, sealed, size),
                     DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &owner, other.list->id, sealed, size), DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&other, &owner, id, sealed, size), DOWEL_E_KEY);
    assert_int_equal(unseal_code(&keys, &owner, id, sealed, size), 0);
    free(sealed);
    dowel_keys_clear(&keys);
    dowel_keys_clear(&other);
}

static void reads_key_text(void **state) {
    (void)state;
    dowel_keys base64 = keys_of(" AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), hex = keys_of(first);
    assert_memory_equal(base64.list, hex.list, sizeof *hex.list);
    dowel_keys_clear(&base64);
    dowel_keys_clear(&hex);
    dowel_keys two =
        keys_of("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_int_equal(two.count, 2);
    dowel_keys_clear(&two);
    static const char *const bad[] = {"", "\n", "short",
                                      "zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dowel_keys none = {0};
        dowel_error err;
        assert_int_equal(dowel_keys_parse(bad[i], strlen(bad[i]), "test", &none, &err), DOWEL_E_KEY);
        assert_null(none.list);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_it_sealed),
        cmocka_unit_test(keeps_its_format),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(reads_key_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
