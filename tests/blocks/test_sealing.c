/* Sealing alone: an independent decryption of what it makes, every bit of it, every part of what it is bound to. */
#include "sealing.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char first[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char plain_text[] = "{\"/password\":\"hunter2\"}";
static const dowel_sealed_for owner = {"node", "a", 3};

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

/* The format, taken apart by hand: what is written today must be readable for ever. */
static void keeps_its_format(void **state) {
    (void)state;
    dowel_keys keys = keys_of(first);
    void *blob;
    size_t size;
    assert_int_equal(dowel_seal(keys.list, &owner, plain_text, strlen(plain_text), &blob, &size, NULL), 0);
    const unsigned char *in = blob;
    assert_int_equal(size, 2 + 16 + 12 + strlen(plain_text) + 16);
    assert_int_equal(in[0], 1);
    assert_int_equal(in[1], 16);
    assert_memory_equal(in + 2, keys.list->id, 16);
    unsigned char bound[128], out[64];
    char tail[32];
    snprintf(tail, sizeof tail, "%s", keys.list->id);
    size_t at = 0;
    static const char head[] = "dowel-sealed\0001\0node\0a\0003";
    memcpy(bound, head, sizeof head);
    at = sizeof head;
    memcpy(bound + at, tail, 16);
    at += 16;
    unsigned char key[32];
    for (int i = 0; i < 32; i++) key[i] = (unsigned char)i;
    int length;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, in + 18), 1);
    assert_int_equal(EVP_DecryptUpdate(cipher, NULL, &length, bound, (int)at), 1);
    assert_int_equal(EVP_DecryptUpdate(cipher, out, &length, in + 30, (int)strlen(plain_text)), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(in + size - 16)), 1);
    assert_int_equal(EVP_DecryptFinal_ex(cipher, out + length, &length), 1);
    assert_memory_equal(out, plain_text, strlen(plain_text));
    EVP_CIPHER_CTX_free(cipher);
    free(blob);
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
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"nod", "a", 3}, id, sealed, size), DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"node", "b", 3}, id, sealed, size), DOWEL_E_CORRUPT);
    assert_int_equal(unseal_code(&keys, &(dowel_sealed_for){"node", "a", 4}, id, sealed, size), DOWEL_E_CORRUPT);
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
