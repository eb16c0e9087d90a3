/* Checksums of uploads, in headers or as a trailer of the body ("Checking object integrity", S3 User Guide). */
#include "client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const dowel_s3_checksum checksums[] = {
    [DOWEL_S3_CRC32C] = {DOWEL_CRC32C, "CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C"},
    [DOWEL_S3_CRC64NVME] = {DOWEL_CRC64NVME, "CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME"},
    [DOWEL_S3_CRC32] = {DOWEL_CRC32, "CRC32", "x-amz-checksum-crc32", "ChecksumCRC32"},
    [DOWEL_S3_SHA256] = {DOWEL_SHA256, "SHA256", "x-amz-checksum-sha256", "ChecksumSHA256"},
};
#define COUNT (sizeof checksums / sizeof checksums[0])

const char *const dowel_s3_checksum_names[] = {"crc32", "crc32c", "crc64nvme", "sha256", "md5", "none", NULL};

const dowel_s3_checksum *dowel_s3_checksum_of(int choice) {
    return choice >= 0 && choice <= DOWEL_S3_SHA256 ? &checksums[choice] : NULL;
}

const dowel_s3_checksum *dowel_s3_checksum_in_headers(const dowel_http_response *response, const char **value) {
    for (size_t i = 0; i < COUNT; i++)
        if ((*value = dowel_http_response_header(response, checksums[i].header)) && **value) return &checksums[i];
    return NULL;
}

const dowel_s3_checksum *dowel_s3_checksum_in_xml(const dowel_xml *element, const char **value) {
    for (size_t i = 0; i < COUNT; i++)
        if ((*value = dowel_xml_child_text(element, checksums[i].element)) && **value) return &checksums[i];
    return NULL;
}

/* ---- aws-chunked: the content in chunks, then the checksum ---- */

#define CHUNK (1 << 20)

typedef struct trailed {
    dowel_upload_part *part;
    const dowel_s3_checksum *checksum;
    int64_t left;   /* bytes of the content not yet in a chunk */
    size_t chunk;   /* bytes of the current chunk still to be read */
    char text[192]; /* framing text, and how much of it has been read */
    size_t text_size, text_at;
    bool began, ended;
} trailed;

static size_t hex_digits(int64_t n) {
    size_t digits = 1;
    while (n >>= 4) digits++;
    return digits;
}

static int64_t trailed_size(int64_t size, const dowel_s3_checksum *checksum) {
    int64_t whole = size / CHUNK, rest = size % CHUNK;
    int64_t framed = size + whole * (int64_t)(hex_digits(CHUNK) + 4);
    if (rest) framed += (int64_t)hex_digits(rest) + 4;
    size_t bytes = checksum->kind == DOWEL_SHA256 ? 32 : checksum->kind == DOWEL_CRC64NVME ? 8 : 4;
    return framed + 3 + (int64_t)(strlen(checksum->header) + 1 + (bytes + 2) / 3 * 4 + 4);
}

static int next_frame(trailed *t, dowel_error *err) {
    const char *line = t->began ? "\r\n" : "";
    int n;
    t->chunk = t->left < CHUNK ? (size_t)t->left : CHUNK;
    t->left -= (int64_t)t->chunk;
    if (t->chunk) {
        n = snprintf(t->text, sizeof t->text, "%s%zx\r\n", line, t->chunk);
    } else {
        const unsigned char *check;
        /* Reads to the end of the source, so that the check covers all of it. */
        char byte;
        size_t got;
        int rc = dowel_source_read(t->part->source, &byte, 1, &got, err);
        if (rc) return rc;
        size_t size = dowel_upload_check(t->part, &check);
        char *base64 = dowel_base64(check, size);
        if (!base64) return dowel_no_memory(err);
        n = snprintf(t->text, sizeof t->text, "%s0\r\n%s:%s\r\n\r\n", line, t->checksum->header, base64);
        free(base64);
        t->ended = true;
    }
    t->began = true;
    t->text_size = (size_t)n;
    t->text_at = 0;
    return 0;
}

static int trailed_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    trailed *t = context;
    char *out = buffer;
    *got = 0;
    while (*got < size) {
        if (t->text_at < t->text_size) {
            size_t n = t->text_size - t->text_at;
            if (n > size - *got) n = size - *got;
            memcpy(out + *got, t->text + t->text_at, n);
            t->text_at += n;
            *got += n;
        } else if (t->chunk) {
            size_t n, room = t->chunk < size - *got ? t->chunk : size - *got;
            int rc = dowel_source_read(t->part->source, out + *got, room, &n, err);
            if (rc) return rc;
            if (!n)
                return dowel_fail(err, DOWEL_E_IO, "the source ended early: was the file truncated during the upload?");
            t->chunk -= n;
            *got += n;
        } else if (t->ended) {
            break;
        } else {
            int rc = next_frame(t, err);
            if (rc) return rc;
        }
    }
    return 0;
}

static int trailed_seek(void *context, int64_t offset, dowel_error *err) {
    trailed *t = context;
    if (offset) return dowel_fail(err, DOWEL_E_INTERNAL, "a body with a trailer can only be read from its start");
    *t = (trailed){.part = t->part, .checksum = t->checksum, .left = t->part->size};
    return dowel_source_rewind(t->part->source, err);
}

static const dowel_source_ops trailed_ops = {trailed_read, trailed_seek, free};

dowel_source *dowel_s3_trailed_source(dowel_upload_part *part, const dowel_s3_checksum *checksum) {
    trailed *t = malloc(sizeof *t);
    if (!t) return NULL;
    *t = (trailed){.part = part, .checksum = checksum, .left = part->size};
    dowel_source *source = dowel_source_new(&trailed_ops, t, trailed_size(part->size, checksum));
    if (!source) free(t);
    return source;
}

/* ---- servers without these checksums ---- */

bool dowel_s3_refuses_checksums(const dowel_error *err) {
    static const char *const reasons[] = {"NotImplemented",        "InvalidArgument", "InvalidRequest",
                                          "MalformedTrailerError", "InvalidTrailer",  NULL};
    if (err->http_status == 501) return true;
    if (err->http_status != 400) return false;
    for (const char *const *reason = reasons; *reason; reason++)
        if (!strcmp(err->reason, *reason)) return true;
    return false;
}

static const char plain_key;

static void *make_plain(dowel_block *block) {
    (void)block;
    atomic_bool *plain = malloc(sizeof *plain);
    if (plain) atomic_init(plain, false);
    return plain;
}

bool dowel_s3_plain(const dowel_s3_client *c) {
    if (c->bucket->checksums == DOWEL_S3_WHEN_REQUIRED) return true;
    atomic_bool *plain = dowel_block_attach(c->block, &plain_key, make_plain, free);
    return plain && atomic_load(plain);
}

void dowel_s3_set_plain(const dowel_s3_client *c, const dowel_error *why) {
    atomic_bool *plain = dowel_block_attach(c->block, &plain_key, make_plain, free);
    if (plain && !atomic_exchange(plain, true))
        dowel_log(c->d, DOWEL_LOG_INFO, "%s; the server does not support these checksums, using Content-MD5",
                  why->message);
}
