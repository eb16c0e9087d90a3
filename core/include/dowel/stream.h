/* dowel/stream.h: bytes that flow: sources that are read, sinks that are written.
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

/* What a program fills in to bring its own bytes. */
typedef struct dowel_source_ops {
    /* Reads up to `size` bytes; *got 0 is the end, also when it is asked again. */
    int (*read)(void *context, void *buffer, size_t size, size_t *got, dowel_error *err);
    /* Goes to `offset` from the start; NULL: cannot be read twice. */
    int (*seek)(void *context, int64_t offset, dowel_error *err);
    void (*close)(void *context);
} dowel_source_ops;

/* `size` -1: not known. A source that gives fewer or more bytes than `size` fails with IO while it is read. `ops` must outlive the source. On failure to allocate returns NULL and does not close `context`. */
DOWEL_API dowel_source *dowel_source_new(const dowel_source_ops *ops, void *context, int64_t size);
/* Borrows the memory: it must outlive the source. */
DOWEL_API dowel_source *dowel_source_memory(const void *data, size_t size);
/* `path` "-" is standard input (unknown size, not seekable unless it is a regular file). Reading the last byte of a file that changed since
 * it was opened fails with CONFLICT. */
DOWEL_API int dowel_source_file(const char *path, dowel_source **source, dowel_error *err);
/* Takes the descriptor over, also when it fails. `name` is what messages call it. */
DOWEL_API int dowel_source_descriptor(int fd, const char *name, dowel_source **source, dowel_error *err);
DOWEL_API void dowel_source_close(dowel_source *source);

DOWEL_API int64_t dowel_source_size(const dowel_source *source); /* -1: unknown */
DOWEL_API bool dowel_source_can_seek(const dowel_source *source);
/* Whether dowel_source_rewind can succeed: it can seek, or nothing was read of it yet. */
DOWEL_API bool dowel_source_can_restart(const dowel_source *source);
/* Restricts reading to [offset, offset + size): part of an upload. Seeks at once. Seeks are then relative to `offset`.
 * size -1: to the end. */
DOWEL_API int dowel_source_window(dowel_source *source, int64_t offset, int64_t size, dowel_error *err);
DOWEL_API int dowel_source_read(dowel_source *source, void *buffer, size_t size, size_t *got, dowel_error *err);
DOWEL_API int dowel_source_rewind(dowel_source *source, dowel_error *err);
/* Whether several parts can be read at once (a regular file, memory). */
DOWEL_API bool dowel_source_has_parts(const dowel_source *source);
/* A source of its own for `size` bytes from `offset` of the window on, for one thread; it can be read again. Close it before the whole. */
DOWEL_API int dowel_source_part(dowel_source *whole, int64_t offset, int64_t size, dowel_source **part,
                                dowel_error *err);
/* Reads until the buffer is full or the source ends. */
DOWEL_API int dowel_source_fill(dowel_source *source, void *buffer, size_t size, size_t *got, dowel_error *err);
/* Reads to the end, for a check; `digest` may be NULL where the source keeps one itself. */
DOWEL_API int dowel_source_digest(dowel_source *source, dowel_digest *digest, dowel_error *err);

/* ---- sinks ---- */

typedef struct dowel_sink dowel_sink;

typedef struct dowel_sink_ops {
    int (*write)(void *context, const void *data, size_t size, dowel_error *err);
    /* Forgets what was written, to start again; NULL: cannot. */
    int (*restart)(void *context, dowel_error *err);
    /* Everything arrived and was verified: make it last. */
    int (*commit)(void *context, dowel_error *err);
    /* Called last, after commit or instead of it: without a commit, nothing may remain. */
    void (*close)(void *context);
} dowel_sink_ops;

/* Whether a file of this name is one that a sink writes, or that a killed process left of it. */
DOWEL_API bool dowel_is_unfinished(const char *name);

DOWEL_API dowel_sink *dowel_sink_new(const dowel_sink_ops *ops, void *context);
/* Writes to a temporary file beside `path`; commit flushes it to disk (fsync) and renames it; close without commit removes
 * it. "-" is standard output, which cannot restart. */
DOWEL_API int dowel_sink_file(const char *path, dowel_sink **sink, dowel_error *err);
/* The same for a file in an open folder, whatever stands in the way of paths; `name` has no slash. Takes the descriptor of the folder over, also
 * when it fails. `shown` is what messages call the file; `modified` (µs since the epoch; 0: now) becomes its time. EXISTS when committing onto a
 * folder. */
DOWEL_API int dowel_sink_file_in(int folder, const char *name, const char *shown, int64_t modified, dowel_sink **sink,
                                 dowel_error *err);
/* Makes a folder; `path` starts from the open folder `at`, or AT_FDCWD. -1 and errno. Its name lasts once it was flushed: with the next file that was told
 * so by dowel_sink_set_folders and is committed, or by dowel_flush_folders (-1 and errno). Several are flushed together. */
DOWEL_API int dowel_make_folder(dowel *d, int at, const char *path);
DOWEL_API int dowel_flush_folders(dowel *d);
/* Committing the file makes the folders last, too, that dowel_make_folder has made, on whichever thread. Other sinks are left alone. */
DOWEL_API void dowel_sink_set_folders(dowel_sink *sink, dowel *d);
/* Collects in memory up to `limit` bytes (0: no limit). */
DOWEL_API dowel_sink *dowel_sink_memory(size_t limit);
/* Unpacks gzip into `to`, which is borrowed; committing it commits `to`, and fails where the gzip is not whole. NULL: out of memory. */
DOWEL_API dowel_sink *dowel_sink_inflate(dowel_sink *to);
/* What a memory sink holds; borrowed until the next write or close. */
DOWEL_API dowel_bytes dowel_sink_bytes(const dowel_sink *sink);
DOWEL_API int dowel_sink_write(dowel_sink *sink, const void *data, size_t size, dowel_error *err);
DOWEL_API bool dowel_sink_can_restart(const dowel_sink *sink);
DOWEL_API int dowel_sink_restart(dowel_sink *sink, dowel_error *err);
DOWEL_API int64_t dowel_sink_written(const dowel_sink *sink); /* since the start or the last restart */
/* Whether several parts can be written at once (a file that is not in place yet). */
DOWEL_API bool dowel_sink_has_parts(const dowel_sink *sink);
/* The descriptor of a file that has not got its name yet, emptied; -1: it is none, or cannot be emptied. For who fills it without
 * writing into the sink. */
DOWEL_API int dowel_sink_descriptor(dowel_sink *sink);
/* The time of the file (µs since the epoch), where it became known only while the file was written; before it is committed. Other sinks have none. */
DOWEL_API void dowel_sink_set_time(dowel_sink *sink, int64_t modified);
/* Makes room for so many bytes, so that a full disk is noticed before anything is fetched. */
DOWEL_API int dowel_sink_reserve(dowel_sink *sink, int64_t size, dowel_error *err);
/* From here on parts are written to the disk past the page cache, where the file system says that it can: less work, and little left to flush
 * when the whole is committed; for bytes that are not read again at once. */
DOWEL_API void dowel_sink_direct(dowel_sink *sink);
/* A sink for the bytes from `offset` on, for one thread; it may restart. `limit` bytes at most. Commit it when it has them all (what it gathered is
 * written then), and close it before the whole is committed. */
DOWEL_API int dowel_sink_part(dowel_sink *whole, int64_t offset, int64_t limit, dowel_sink **part, dowel_error *err);
/* Keeps what a killed process left of the same file, in place of beginning with an empty one; its size. For who knows what of it is good: ask before
 * anything is written. */
DOWEL_API int64_t dowel_sink_keep(dowel_sink *sink);
/* Forgets what is written from `size` on. */
DOWEL_API int dowel_sink_cut(dowel_sink *sink, int64_t size, dowel_error *err);
/* Reads back what was written, from the start, for a check that needs the bytes in order. */
DOWEL_API int dowel_sink_digest(dowel_sink *sink, dowel_digest *digest, dowel_error *err);
DOWEL_API int dowel_sink_commit(dowel_sink *sink, dowel_error *err);
/* Commits many sinks, which for files costs little more than committing one: their bytes are flushed together, then they get their names, then those
 * are flushed. `done` is told of each, in order, by this thread; `why` NULL: it is committed. Fails only when there is no memory, and then nothing
 * was done. */
typedef void (*dowel_sink_committed)(void *context, size_t index, const dowel_error *why);
DOWEL_API int dowel_sink_commit_all(dowel_sink *const *sinks, size_t count, dowel_sink_committed done, void *context,
                                    dowel_error *err);
DOWEL_API void dowel_sink_close(dowel_sink *sink);

/* ---- buffers ---- */

/* Memory for a part of a transfer; NULL: there is none. What is large goes back to the system when it is freed, with the size that it had. */
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
/* The check of the checks of parts of these sizes (copied), each more than 0: a "composite" checksum. */
DOWEL_API dowel_digest *dowel_digest_of_parts(dowel_digest_kind kind, const int64_t *sizes, size_t count);
DOWEL_API void dowel_digest_update(dowel_digest *digest, const void *data, size_t size);
/* Big-endian bytes; returns how many. The digest may not be updated afterwards. */
DOWEL_API size_t dowel_digest_end(dowel_digest *digest, unsigned char out[DOWEL_DIGEST_MAX]);
DOWEL_API void dowel_digest_reset(dowel_digest *digest);
DOWEL_API void dowel_digest_free(dowel_digest *digest);
/* Whether the checks of pieces give that of the whole: the CRCs. */
DOWEL_API bool dowel_digest_joins(dowel_digest_kind kind);
/* The check so far, of a CRC: what dowel_crc_join takes. */
DOWEL_API uint64_t dowel_digest_crc(const dowel_digest *digest);
/* The check of two pieces one after the other, from the check of each and the size of the second. `kind` is a CRC. */
DOWEL_API uint64_t dowel_crc_join(dowel_digest_kind kind, uint64_t first, uint64_t second, int64_t second_size);
/* As dowel_digest_end gives it. */
DOWEL_API size_t dowel_crc_write(dowel_digest_kind kind, uint64_t crc, unsigned char out[DOWEL_DIGEST_MAX]);
/* NUL-terminated, newly allocated; NULL when out of memory. */
DOWEL_API char *dowel_base64(const void *data, size_t size);
DOWEL_API char *dowel_hex(const void *data, size_t size);
/* Standard alphabet, padding required; *data malloc'd. Returns DOWEL_E_INVALID on bad text. */
DOWEL_API int dowel_base64_decode(const char *text, void **data, size_t *size);

#ifdef __cplusplus
}
#endif
#endif
