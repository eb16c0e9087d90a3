/* Loads a file through the upload API, or objects that BigQuery reads itself. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One multipart/related body around the file. It is streamed, so that memory use does not depend on the size of the file. */
typedef struct framed {
    dowel_source *file;
    char *head, *tail;
    size_t head_size, tail_size, at; /* at: the position in head, then in tail */
    int part;                        /* 0 head, 1 file, 2 tail */
} framed;

static int framed_read(void *context, void *buffer, size_t size, size_t *got, dowel_error *err) {
    framed *f = context;
    for (;;) {
        const char *text = f->part == 0 ? f->head : f->tail;
        size_t length = f->part == 0 ? f->head_size : f->tail_size;
        if (f->part == 1) {
            int rc = dowel_source_read(f->file, buffer, size, got, err);
            if (rc || *got) return rc;
        } else {
            *got = length - f->at < size ? length - f->at : size;
            memcpy(buffer, text + f->at, *got);
            f->at += *got;
            if (*got || f->part == 2) return 0;
        }
        f->part++;
        f->at = 0;
    }
}

static int framed_seek(void *context, int64_t offset, dowel_error *err) {
    framed *f = context;
    if (offset) return dowel_fail(err, DOWEL_E_INTERNAL, "an upload body can only be read from its start");
    if (!f->part) {
        f->at = 0;
        return 0;
    }
    f->part = 0;
    f->at = 0;
    return dowel_source_rewind(f->file, err);
}

static const dowel_source_ops framed_ops = {framed_read, framed_seek, NULL};

static int insert_with_file(dowel_bq *bq, const char *id, const dowel_bigquery_load_args *args,
                            const json_t *configuration, json_t **job, dowel_error *err) {
    framed f = {0};
    const char *location = *bq->location ? bq->location : NULL;
    int rc = dowel_source_file(args->file, &f.file, err);
    if (rc) return rc;
    if (dowel_source_size(f.file) < 0) {
        dowel_source_close(f.file);
        return dowel_fail(err, DOWEL_E_INVALID, "bigquery.load: field \"file\": %s is not a regular file", args->file);
    }
    json_t *body = dowel_bq_job_resource(bq, id, location, configuration);
    char *metadata = dowel_json_dump(body, 0), boundary[96], type[160], tail[112];
    snprintf(boundary, sizeof boundary, "%s", id);
    FILE *out = metadata ? open_memstream(&f.head, &f.head_size) : NULL;
    if (out) {
        fprintf(out,
                "--%s\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n%s\r\n--%s\r\nContent-Type: "
                "application/octet-stream\r\n\r\n",
                boundary, metadata, boundary);
        fclose(out);
    }
    f.tail = tail;
    f.tail_size = (size_t)snprintf(tail, sizeof tail, "\r\n--%s--\r\n", boundary);
    int64_t total = (int64_t)f.head_size + dowel_source_size(f.file) + (int64_t)f.tail_size;
    dowel_source *source = f.head ? dowel_source_new(&framed_ops, &f, total) : NULL;
    dowel_error local;
    if (!source) {
        rc = dowel_no_memory(&local);
    } else {
        dowel_http_request *r = dowel_http_new(bq->service, bq->credentials, "POST", bq->base);
        dowel_http_path(r, "upload", "bigquery", "v2", "projects", bq->project, "jobs", NULL);
        dowel_http_query(r, "uploadType", "multipart");
        snprintf(type, sizeof type, "multipart/related; boundary=%s", boundary);
        dowel_http_header(r, "Content-Type", type);
        dowel_http_source(r, source);
        dowel_http_progress(r, 0, total);
        dowel_http_idempotent(r, true); /* BigQuery refuses a second job with the same id */
        rc = dowel_http_fetch_document(bq->d, r, DOWEL_JSON_NUL, job, &local);
    }
    rc = dowel_bq_submitted(bq, rc, id, location, job, &local, err);
    dowel_source_close(source);
    dowel_source_close(f.file);
    free(f.head);
    free(metadata);
    json_decref(body);
    return rc;
}

static bool has_lines_of_json(const json_t *configuration) {
    const char *format = json_string_value(json_object_get(json_object_get(configuration, "load"), "sourceFormat"));
    return format && !strcmp(format, "NEWLINE_DELIMITED_JSON");
}

int dowel_bq_run_load(dowel *d, const void *data, json_t **result, dowel_error *err) {
    const dowel_bigquery_load_args *args = data;
    dowel_bq bq;
    char id[80], what[200];
    json_t *configuration = NULL, *job = NULL;
    int rc = dowel_bq_open(d, args->credentials, args->project, args->endpoint, &bq, err);
    if (!rc) rc = dowel_bq_load_configuration(&bq, args, &configuration, err);
    if (!rc && args->file && has_lines_of_json(configuration)) rc = dowel_bq_check_lines(args->file, err);
    if (!rc) rc = dowel_bq_job_id(&bq, args->location, id, err);
    if (!rc)
        rc = args->file ? insert_with_file(&bq, id, args, configuration, &job, err)
                        : dowel_bq_insert(&bq, id, *bq.location ? bq.location : NULL, configuration, &job, err);
    if (!rc) {
        /* The server may have changed the job id: wait for the job that it names. */
        const char *named = json_string_value(json_object_get(json_object_get(job, "jobReference"), "jobId"));
        if (named) snprintf(id, sizeof id, "%s", named);
        rc = dowel_bq_wait(&bq, id, &job, err);
    }
    if (!rc) {
        const json_t *statistics = json_object_get(json_object_get(job, "statistics"), "load");
        int64_t bad = dowel_bq_int(statistics, "badRecords");
        const json_t *errors = json_object_get(json_object_get(job, "status"), "errors");
        *result = json_pack("{s:s,s:I,s:I,s:s,s:I}", "table", args->table, "rows",
                            (json_int_t)dowel_bq_int(statistics, "outputRows"), "bytes",
                            (json_int_t)dowel_bq_int(statistics, "inputFileBytes"), "job_id", id, "bad_records",
                            (json_int_t)bad);
        if (json_array_size(errors)) json_object_set(*result, "errors", (json_t *)errors);
        snprintf(what, sizeof what, "load into %.180s", args->table);
        dowel_bq_warn(d, what, errors, bad);
    } else {
        dowel_error_prefix(err, "load into %s: ", args->table);
    }
    json_decref(job);
    json_decref(configuration);
    dowel_bq_close(&bq);
    return rc;
}
