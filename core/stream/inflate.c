/* A sink that unpacks gzip on the way to another one. */
#include <dowel/stream.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define ROOM (64 * 1024)
#define GZIP (15 + 16) /* the largest window, with gzip's header and check */

typedef struct inflation {
    dowel_sink *to; /* borrowed */
    z_stream stream;
    bool between; /* no byte of the next member has arrived */
    bool any;     /* any byte has arrived */
    unsigned char *room;
} inflation;

static int write_some(inflation *f, dowel_error *err) {
    f->stream.next_out = f->room;
    f->stream.avail_out = ROOM;
    int said = inflate(&f->stream, Z_NO_FLUSH);
    if (said != Z_OK && said != Z_STREAM_END && said != Z_BUF_ERROR)
        return dowel_fail(err, said == Z_MEM_ERROR ? DOWEL_E_NO_MEMORY : DOWEL_E_CORRUPT,
                          "the data is not valid gzip: %s", f->stream.msg ? f->stream.msg : "it is damaged");
    if (said == Z_STREAM_END) {
        f->between = true; /* another member may follow */
        inflateReset(&f->stream);
    }
    size_t size = ROOM - f->stream.avail_out;
    return size ? dowel_sink_write(f->to, f->room, size, err) : 0;
}

static int inflation_write(void *context, const void *data, size_t size, dowel_error *err) {
    inflation *f = context;
    f->stream.next_in = (Bytef *)data;
    f->any |= size > 0;
    while (size) {
        uInt some = size < (1u << 30) ? (uInt)size : 1u << 30;
        f->stream.avail_in = some;
        /* A full buffer: zlib may hold more output for the input so far. */
        do {
            if (f->stream.avail_in) f->between = false;
            int rc = write_some(f, err);
            if (rc) return rc;
        } while (f->stream.avail_in || !f->stream.avail_out);
        size -= some;
    }
    return 0;
}

static int inflation_restart(void *context, dowel_error *err) {
    inflation *f = context;
    inflateReset(&f->stream);
    f->between = f->any = false;
    return dowel_sink_restart(f->to, err);
}

static int inflation_commit(void *context, dowel_error *err) {
    const inflation *f = context;
    if (f->any && !f->between) return dowel_fail(err, DOWEL_E_CORRUPT, "the gzip data is incomplete");
    return dowel_sink_commit(f->to, err);
}

static void inflation_close(void *context) {
    inflation *f = context;
    inflateEnd(&f->stream);
    free(f->room);
    free(f);
}

static const dowel_sink_ops again = {inflation_write, inflation_restart, inflation_commit, inflation_close},
                            once = {inflation_write, NULL, inflation_commit, inflation_close};

dowel_sink *dowel_sink_inflate(dowel_sink *to) {
    inflation *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->to = to;
    f->room = malloc(ROOM);
    if (!f->room || inflateInit2(&f->stream, GZIP) != Z_OK) {
        free(f->room);
        free(f);
        return NULL;
    }
    dowel_sink *sink = dowel_sink_new(dowel_sink_can_restart(to) ? &again : &once, f);
    if (!sink) inflation_close(f);
    return sink;
}
