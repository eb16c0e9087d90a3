/* Errors: one struct that needs no freeing. */
#include <dowel/json.h>
#include <dowel/text.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    int code;
    const char *name;
    int exit_status;
} codes[] = {
    {DOWEL_OK, "ok", 0},
    {DOWEL_E_INVALID, "invalid", 2},
    {DOWEL_E_NOT_FOUND, "not_found", 3},
    {DOWEL_E_EXISTS, "exists", 7},
    {DOWEL_E_CREDENTIALS, "credentials", 4},
    {DOWEL_E_PERMISSION, "permission", 4},
    {DOWEL_E_NETWORK, "network", 5},
    {DOWEL_E_TIMEOUT, "timeout", 5},
    {DOWEL_E_CANCELLED, "cancelled", 130},
    {DOWEL_E_UNAVAILABLE, "unavailable", 5},
    {DOWEL_E_REMOTE, "remote", 6},
    {DOWEL_E_REFUSED, "refused", 1},
    {DOWEL_E_CONFLICT, "conflict", 7},
    {DOWEL_E_PROTOCOL, "protocol", 1},
    {DOWEL_E_CORRUPT, "corrupt", 1},
    {DOWEL_E_IO, "io", 1},
    {DOWEL_E_DATABASE, "database", 1},
    {DOWEL_E_KEY, "key", 4},
    {DOWEL_E_DEPENDENCY, "dependency", 1},
    {DOWEL_E_NO_MEMORY, "no_memory", 1},
    {DOWEL_E_INTERNAL, "internal", 1},
};

int(dowel_fail)(dowel_error *err, int code, const char *format, ...) {
    if (!err) return code;
    /* Arguments may point into *err itself (a message wrapped in a longer one), so format first, clear later. */
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    dowel_vformat(message, sizeof message, format, args);
    va_end(args);
    memset(err, 0, sizeof *err);
    err->code = code;
    memcpy(err->message, message, sizeof message);
    return code;
}

int(dowel_no_memory)(dowel_error *err) {
    return dowel_fail(err, DOWEL_E_NO_MEMORY, "out of memory");
}

int(dowel_fail_system)(dowel_error *err, int code, int why, const char *format, ...) {
    static const struct {
        int why;
        const char *name;
    } lasting[] = {{ENOSPC, "ENOSPC"}, {EDQUOT, "EDQUOT"}, {EROFS, "EROFS"}};
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    dowel_vformat(message, sizeof message, format, args);
    va_end(args);
    dowel_fail(err, code, "%s: %s", message, strerror(why));
    dowel_error_errno(err, why);
    for (size_t i = 0; err && i < sizeof lasting / sizeof lasting[0]; i++)
        if (lasting[i].why == why) {
            snprintf(err->reason, sizeof err->reason, "%s", lasting[i].name);
            dowel_error_hint(err, why == EROFS ? "the file system is read-only"
                                               : "free some disk space and run the command again; it continues");
        }
    return code;
}

int dowel_error_prefix(dowel_error *err, const char *format, ...) {
    if (!err) return DOWEL_E_INTERNAL;
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    int used = dowel_vformat(message, sizeof message, format, args);
    va_end(args);
    if (used < 0) return err->code;
    if ((size_t)used < sizeof message) snprintf(message + used, sizeof message - (size_t)used, "%s", err->message);
    memcpy(err->message, message, sizeof message);
    return err->code;
}

void dowel_error_hint(dowel_error *err, const char *format, ...) {
    if (!err) return;
    char hint[sizeof err->hint];
    va_list args;
    va_start(args, format);
    dowel_vformat(hint, sizeof hint, format, args);
    va_end(args);
    memcpy(err->hint, hint, sizeof hint);
}

const char *dowel_code_name(int code) {
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code) return codes[i].name;
    return "unknown";
}

int dowel_code_named(const char *name) {
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (!strcmp(codes[i].name, name)) return codes[i].code;
    return DOWEL_OK;
}

int dowel_error_errno(dowel_error *err, int why) {
    static const int lasting[] = {EACCES, EPERM, ENOENT, ENOTDIR, EISDIR, EROFS, ELOOP, ENAMETOOLONG, ENXIO, EINVAL};
    if (!err) return DOWEL_E_INTERNAL;
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++)
        if (why == lasting[i]) err->permanent = true;
    return err->code;
}

int dowel_exit_status(int code) {
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code) return codes[i].exit_status;
    return 1;
}

int dowel_error_print(const dowel_error *err) {
    return dowel_error_print_as(err, "dowel");
}

int dowel_error_print_as(const dowel_error *err, const char *program) {
    if (!err) return 1;
    /* These texts come from services. */
    char *message = dowel_printable(err->message, false), *detail = dowel_printable(err->detail, true),
         *hint = dowel_printable(err->hint, false);
    fprintf(stderr, "%s: %s\n", program, message ? message : dowel_code_name(err->code));
    if (detail && *detail) fprintf(stderr, "%s%s", detail, detail[strlen(detail) - 1] == '\n' ? "" : "\n");
    if (hint && *hint) fprintf(stderr, "hint: %s\n", hint);
    free(message);
    free(detail);
    free(hint);
    return dowel_exit_status(err->code);
}

/* The text members, by the names they have in JSON. */
static const struct {
    const char *name;
    size_t offset, size;
} texts[] = {
    {"message", offsetof(dowel_error, message), sizeof((dowel_error *)0)->message},
    {"hint", offsetof(dowel_error, hint), sizeof((dowel_error *)0)->hint},
    {"reason", offsetof(dowel_error, reason), sizeof((dowel_error *)0)->reason},
    {"request_id", offsetof(dowel_error, request_id), sizeof((dowel_error *)0)->request_id},
    {"subject", offsetof(dowel_error, subject), sizeof((dowel_error *)0)->subject},
    {"detail", offsetof(dowel_error, detail), sizeof((dowel_error *)0)->detail},
};

/* A message may be cut within a character, which JSON cannot hold: cut it before that character. */
static json_t *whole_characters(const char *text) {
    size_t length = strlen(text);
    for (size_t cut = 0; cut < 4 && cut <= length; cut++)
        if (dowel_is_utf8(text, length - cut)) return json_stringn(text, length - cut);
    return dowel_json_text(text);
}

json_t *dowel_error_json(const dowel_error *err) {
    json_t *object;
    dowel_builder b = dowel_build(json_object());
    dowel_build_text(&b, "code", dowel_code_name(err->code));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = (const char *)err + texts[i].offset;
        if (*text) dowel_build_json(&b, texts[i].name, whole_characters(text));
    }
    if (err->http_status) dowel_build_int(&b, "http_status", err->http_status);
    dowel_build_bool(&b, "retryable", err->retryable);
    if (err->permanent) dowel_build_bool(&b, "permanent", true);
    if (err->retry_after > 0) dowel_build_json(&b, "retry_after", json_real(err->retry_after));
    return dowel_build_end(&b, &object, NULL) ? NULL : object;
}
