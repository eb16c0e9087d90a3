/* dowel/stream.h: sources to read bytes from, sinks to write bytes to, and checksums.
 *
 * A source or sink is used by one thread at a time. */
#ifndef DOWEL_STREAM_H
#define DOWEL_STREAM_H

#include <dowel/fields.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dowel dowel;               /* dowel/runtime.h */
typedef struct dowel_digest dowel_digest; /* below */

/* ---- sources ---- */

typedef struct dowel_source dowel_source;

/* A source of the program's own. */
typedef struct dowel_source_ops {
    /* Reads up to `size` bytes. *got 0 is the end, also on further calls. */
    int (*read)(void *context, void *buffer, size_t size, size_t *got, dowel_error *err);
    /* Seeks to `offset` from the start. NULL: cannot be read twice. */
    int (*seek)(void *context, int64_t offset, dowel_error *err);
    void (*close)(void *context);
} dowel_source_ops;

/* `size` -1: unknown. Reading fails with IO if there are fewer or more bytes than `size`. `ops` must outlive the source. NULL: out of memory, and
 * `context` is not closed. */
DOWEL_API dowel_source *dowel_source_new(const dowel_source_ops *ops, void *context, int64_t size);
/* Borrows the memory, which must outlive the source. NULL: out of memory. */
DOWEL_API dowel_source *dowel_source_memory(const void *data, size_t size);
/* `path` "-" is standard input (unknown size, not seekable unless it is a regular file). If a file changed since it was opened, reading its
 * last byte fails with CONFLICT. */
DOWEL_API int dowel_source_file(const char *path, dowel_source **source, dowel_error *err);
/* Takes ownership of the descriptor, also on failure. `name` is what messages call it. */
DOWEL_API int dowel_source_descriptor(int fd, const char *name, dowel_source **source, dowel_error *err);
DOWEL_API void dowel_source_close(dowel_source *source);

DOWEL_API int64_t dowel_source_size(const dowel_source *source); /* -1: unknown */
DOWEL_API bool dowel_source_can_seek(const dowel_source *source);
/* Whether dowel_source_rewind() can succeed: the source can seek, or was not read yet. */
DOWEL_API bool dowel_source_can_restart(const dowel_source *source);
/* Restricts reading to [offset, offset + size) and seeks there. Later seeks are relative to `offset`. `size` -1: to the end. */
DOWEL_API int dowel_source_window(dowel_source *source, int64_t offset, int64_t size, dowel_error *err);
DOWEL_API int dowel_source_read(dowel_source *source, void *buffer, size_t size, size_t *got, dowel_error *err);
DOWEL_API int dowel_source_rewind(dowel_source *source, dowel_error *err);
/* Whether several threads can read parts of it at once (a regular file, memory). */
DOWEL_API bool dowel_source_has_parts(const dowel_source *source);
/* A source for `size` bytes from `offset` of the window, for one thread. It can be rewound. Close it before `whole`. */
DOWEL_API int dowel_source_part(dowel_source *whole, int64_t offset, int64_t size, dowel_source **part,
                                dowel_error *err);
/* Reads until the buffer is full or the source ends. */
DOWEL_API int dowel_source_fill(dowel_source *source, void *buffer, size_t size, size_t *got, dowel_error *err);
/* Reads to the end and updates `digest` (NULL: only reads). */
DOWEL_API int dowel_source_digest(dowel_source *source, dowel_digest *digest, dowel_error *err);

/* ---- sinks ---- */

typedef struct dowel_sink dowel_sink;

typedef struct dowel_sink_ops {
    int (*write)(void *context, const void *data, size_t size, dowel_error *err);
    /* Discards the bytes so far, to start again. NULL: cannot. */
    int (*restart)(void *context, dowel_error *err);
    /* All bytes are written and verified: make them permanent. */
    int (*commit)(void *context, dowel_error *err);
    /* Called last. Without an earlier commit, nothing may remain. */
    void (*close)(void *context);
} dowel_sink_ops;

/* Whether this is the name of a temporary file of a sink, also one that a killed process left. */
DOWEL_API bool dowel_is_unfinished(const char *name);

DOWEL_API dowel_sink *dowel_sink_new(const dowel_sink_ops *ops, void *context);
/* Writes to a temporary file beside `path`; commit flushes it to the disk (fsync) and renames it; close without commit removes it. "-" is
 * standard output, which cannot restart. */
DOWEL_API int dowel_sink_file(const char *path, dowel_sink **sink, dowel_error *err);
/* The same for a file in an open folder; `name` has no slash. Takes ownership of the folder's descriptor, also on failure. `shown` is what
 * messages call the file; `modified` (µs since the epoch; 0: now) becomes its time. Commit returns EXISTS if a folder has that name. */
DOWEL_API int dowel_sink_file_in(int folder, const char *name, const char *shown, int64_t modified, dowel_sink **sink,
                                 dowel_error *err);
/* mkdirat() with mode 0777. The new name survives a power cut after dowel_flush_folders(), or after the next commit of a file with
 * dowel_sink_set_folders(); several folders are flushed together. Both return 0, or -1 and errno. Thread-safe. */
DOWEL_API int dowel_make_folder(dowel *d, int at, const char *path);
DOWEL_API int dowel_flush_folders(dowel *d);
/* Committing the file also flushes the folders that dowel_make_folder() made, on any thread. No effect on other sinks. */
DOWEL_API void dowel_sink_set_folders(dowel_sink *sink, dowel *d);
/* Collects up to `limit` bytes in memory (0: no limit); a write beyond that is INVALID. Cleansed on close. NULL: out of memory. */
DOWEL_API dowel_sink *dowel_sink_memory(size_t limit);
/* Decompresses gzip into `to`, which is borrowed. Committing it commits `to`, or fails with CORRUPT if the gzip data is incomplete. NULL: out of
 * memory. */
DOWEL_API dowel_sink *dowel_sink_inflate(dowel_sink *to);
/* The bytes of a memory sink. Borrowed until the next write or close. */
DOWEL_API dowel_bytes dowel_sink_bytes(const dowel_sink *sink);
/* A copy of what a memory sink holds, followed by a NUL that *size does not count. Newly allocated. */
DOWEL_API int dowel_sink_copy(const dowel_sink *sink, void **data, size_t *size, dowel_error *err);
DOWEL_API int dowel_sink_write(dowel_sink *sink, const void *data, size_t size, dowel_error *err);
DOWEL_API bool dowel_sink_can_restart(const dowel_sink *sink);
DOWEL_API int dowel_sink_restart(dowel_sink *sink, dowel_error *err);
DOWEL_API int64_t dowel_sink_written(const dowel_sink *sink); /* bytes since the start or the last restart */
/* Whether several threads can write parts at once (a file that is not committed yet). */
DOWEL_API bool dowel_sink_has_parts(const dowel_sink *sink);
/* The descriptor of the temporary file, emptied, for a caller that writes it directly; -1: not a file, or it cannot be emptied. */
DOWEL_API int dowel_sink_descriptor(dowel_sink *sink);
/* Sets the file's modification time (µs since the epoch). Call it before the commit. No effect on other sinks. */
DOWEL_API void dowel_sink_set_time(dowel_sink *sink, int64_t modified);
/* Reserves disk space for `size` bytes, so that a full disk is noticed before anything is fetched. */
DOWEL_API int dowel_sink_reserve(dowel_sink *sink, int64_t size, dowel_error *err);
/* From now on parts bypass the page cache (O_DIRECT) if the file system supports it: less work, and little left to flush at the commit. For bytes
 * that are not read again soon. */
DOWEL_API void dowel_sink_direct(dowel_sink *sink);
/* A sink for at most `limit` bytes from `offset`, for one thread. It can restart. Commit it when it has all its bytes (buffered bytes are written
 * then), and close it before `whole` is committed. */
DOWEL_API int dowel_sink_part(dowel_sink *whole, int64_t offset, int64_t limit, dowel_sink **part, dowel_error *err);
/* Keeps what a killed process left of the same file instead of discarding it, and returns its size. For callers that can tell which bytes are
 * good. Call it before the first write. */
DOWEL_API int64_t dowel_sink_keep(dowel_sink *sink);
/* Truncates the file to `size` bytes. */
DOWEL_API int dowel_sink_cut(dowel_sink *sink, int64_t size, dowel_error *err);
/* Reads the file back from the start, for a digest that needs the bytes in order. */
DOWEL_API int dowel_sink_digest(dowel_sink *sink, dowel_digest *digest, dowel_error *err);
DOWEL_API int dowel_sink_commit(dowel_sink *sink, dowel_error *err);
/* Commits many sinks. For files this costs little more than committing one: all bytes are flushed together, then all files are renamed, then the
 * folders are flushed. Calls `done` for each in order, on this thread, with `why` NULL on success. Fails only with NO_MEMORY, before anything
 * is committed. */
typedef void (*dowel_sink_committed)(void *context, size_t index, const dowel_error *why);
DOWEL_API int dowel_sink_commit_all(dowel_sink *const *sinks, size_t count, dowel_sink_committed done, void *context,
                                    dowel_error *err);
DOWEL_API void dowel_sink_close(dowel_sink *sink);

/* ---- buffers ---- */

/* Memory for a part of a transfer; NULL: out of memory. Large buffers are returned to the system when they are freed. `size` must be the same in
 * both calls. */
DOWEL_API void *dowel_buffer_new(size_t size);
DOWEL_API void dowel_buffer_free(void *memory, size_t size);

/* ---- checksums ---- */

typedef enum dowel_digest_kind {
    DOWEL_CRC32C,
    DOWEL_MD5,
    DOWEL_SHA256,
    DOWEL_CRC32,
    DOWEL_CRC64NVME,
} dowel_digest_kind;
#define DOWEL_DIGEST_MAX 32

DOWEL_API dowel_digest *dowel_digest_new(dowel_digest_kind kind); /* NULL: out of memory */
/* The checksum of the checksums of parts with these sizes (copied, each more than 0): a "composite" checksum. */
DOWEL_API dowel_digest *dowel_digest_of_parts(dowel_digest_kind kind, const int64_t *sizes, size_t count);
DOWEL_API void dowel_digest_update(dowel_digest *digest, const void *data, size_t size);
/* Stores the checksum, big-endian, and returns its size. The digest must not be updated afterwards. */
DOWEL_API size_t dowel_digest_end(dowel_digest *digest, unsigned char out[DOWEL_DIGEST_MAX]);
DOWEL_API void dowel_digest_reset(dowel_digest *digest);
DOWEL_API void dowel_digest_free(dowel_digest *digest);
/* Whether checksums of two pieces can be joined: the CRCs. */
DOWEL_API bool dowel_digest_joins(dowel_digest_kind kind);
/* The CRC so far, for dowel_crc_join(). */
DOWEL_API uint64_t dowel_digest_crc(const dowel_digest *digest);
/* The CRC of two adjacent pieces, from the CRC of each and the size of the second. */
DOWEL_API uint64_t dowel_crc_join(dowel_digest_kind kind, uint64_t first, uint64_t second, int64_t second_size);
/* Stores a CRC as dowel_digest_end() does. */
DOWEL_API size_t dowel_crc_write(dowel_digest_kind kind, uint64_t crc, unsigned char out[DOWEL_DIGEST_MAX]);
/* The caller frees the text; NULL: out of memory. */
DOWEL_API char *dowel_base64(const void *data, size_t size);
DOWEL_API char *dowel_hex(const void *data, size_t size);
/* Standard alphabet, padding required. The caller frees *data. INVALID if the text is not base64. */
DOWEL_API int dowel_base64_decode(const char *text, void **data, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
