/* The options of a load: every option of JobConfigurationLoad, under its name in lower case with dashes. */
#include "fields.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const dowel_bq_dispositions[] = {"default", "empty", "truncate", "append", "truncate-data", NULL};
/* The words of the API are the synonyms of ours. */
const char *const dowel_bq_api_dispositions[] = {
    "", "WRITE_EMPTY", "WRITE_TRUNCATE", "WRITE_APPEND", "WRITE_TRUNCATE_DATA", NULL};
static const char *const creations[] = {"default", "if-needed", "never", NULL};
static const char *const api_creations[] = {"", "CREATE_IF_NEEDED", "CREATE_NEVER", NULL};
static const char *const formats[] = {"auto", "csv", "json", "parquet", "avro", "orc", "datastore-backup", "tsv", NULL};
static const char *const api_formats[] = {"", "", "NEWLINE_DELIMITED_JSON|ndjson|jsonl", "", "", "", "", "", NULL};

const char *dowel_bq_write_mode(int disposition) {
    return disposition ? dowel_bq_api_dispositions[disposition] : NULL;
}

#define AT(member) DOWEL_AT(dowel_bigquery_load_args, member)

static const dowel_field fields[] = {
    {AT(table), .kind = DOWEL_STRING, .flags = DOWEL_REQUIRED | DOWEL_SUBJECT, .doc = "Table to load, dataset.table.",
     .example = "travel.airports"},
    {AT(file), .kind = DOWEL_PATH, .doc = "File to load.", .example = "airports.csv"},
    {AT(uris), .kind = DOWEL_LIST, .doc = "Objects to load, instead of a file.",
     .example = "gs://landing/airports.csv"},
    DOWEL_BQ_CREDENTIALS(dowel_bigquery_load_args),
    DOWEL_BQ_PROJECT(dowel_bigquery_load_args),
    DOWEL_BQ_LOCATION(dowel_bigquery_load_args),
    {AT(format), .kind = DOWEL_ENUM, .values = formats, .synonyms = api_formats,
     .doc = "Format of the data; auto: from the file name extension, ignoring .gz and the like."},
    {AT(autodetect), .kind = DOWEL_BOOL, .doc = "Detect columns and types."},
    {AT(schema), .kind = DOWEL_JSON, .doc = "Columns: an array, or an object with \"fields\" or \"schema\".",
     .example = "[{\"name\": \"iata\", \"type\": \"STRING\"}]"},
    {AT(skip_leading_rows), .kind = DOWEL_INT, .maximum = 2147483647,
     .doc = "Number of header rows to skip; with autodetect, 0 means that the data has no header."},
    {AT(field_delimiter), .kind = DOWEL_STRING, .doc = "Field delimiter of a CSV file: one character, or tab.",
     .example = ";"},
    {AT(max_bad_records), .kind = DOWEL_INT, .maximum = 2147483647, .doc = "Maximum number of bad rows to accept."},
    {AT(write_disposition), .kind = DOWEL_ENUM, .values = dowel_bq_dispositions, .synonyms = dowel_bq_api_dispositions,
     .doc = "What to do if the table has rows already."},
    {AT(create_disposition), .kind = DOWEL_ENUM, .values = creations, .synonyms = api_creations,
     .doc = "Whether to create a missing table."},
    {AT(allow_jagged_rows), .kind = DOWEL_BOOL, .doc = "Accept CSV rows that lack trailing columns."},
    {AT(allow_quoted_newlines), .kind = DOWEL_BOOL, .doc = "Accept newlines in quoted CSV fields."},
    {AT(ignore_unknown_values), .kind = DOWEL_BOOL, .doc = "Ignore values that match no column of the schema."},
    {AT(preserve_ascii_control_characters), .kind = DOWEL_BOOL, .doc = "Keep ASCII control characters in a CSV file."},
    {AT(use_avro_logical_types), .kind = DOWEL_BOOL,
     .doc = "Convert Avro logical types to the matching BigQuery types."},
    {AT(create_session), .kind = DOWEL_BOOL, .doc = "Run the job in a new session."},
    {AT(copy_files_only), .kind = DOWEL_BOOL, .doc = "Copy files to a BigLake table without reading them."},
    {AT(quote), .kind = DOWEL_STRING, .doc = "Quote character of a CSV file; empty: no field is quoted.",
     .example = "'"},
    {AT(null_marker), .kind = DOWEL_STRING, .doc = "Text that stands for NULL in a CSV file.", .example = "\\N"},
    {AT(null_markers), .kind = DOWEL_LIST, .doc = "Texts that stand for NULL in a CSV file.", .example = "NA"},
    {AT(encoding), .kind = DOWEL_STRING, .doc = "Character encoding of the data; default: UTF-8.",
     .example = "ISO-8859-1"},
    {AT(date_format), .kind = DOWEL_STRING, .doc = "Format of DATE values.", .example = "DD.MM.YYYY"},
    {AT(datetime_format), .kind = DOWEL_STRING, .doc = "Format of DATETIME values."},
    {AT(time_format), .kind = DOWEL_STRING, .doc = "Format of TIME values."},
    {AT(timestamp_format), .kind = DOWEL_STRING, .doc = "Format of TIMESTAMP values."},
    {AT(time_zone), .kind = DOWEL_STRING, .doc = "Time zone for TIMESTAMP values without one.",
     .example = "Europe/Berlin"},
    {AT(clustering), .kind = DOWEL_LIST, .doc = "Columns to cluster a new table by.", .example = "state"},
    {AT(decimal_target_types), .kind = DOWEL_LIST, .doc = "Types to which decimal values may be converted.",
     .example = "BIGNUMERIC"},
    {AT(projection_fields), .kind = DOWEL_LIST, .doc = "Properties of a Datastore backup to load."},
    {AT(schema_update_options), .kind = DOWEL_LIST, .doc = "Schema changes to allow in an existing table.",
     .example = "ALLOW_FIELD_ADDITION"},
    {AT(connection_properties), .kind = DOWEL_MAP, .doc = "Connection properties of the job.",
     .example = "session_id=..."},
    {AT(kms_key), .kind = DOWEL_STRING, .doc = "Cloud KMS key that encrypts a new table."},
    {AT(column_name_character_map), .kind = DOWEL_STRING, .doc = "Rule for the characters allowed in column names.",
     .example = "V2"},
    {AT(file_set_spec_type), .kind = DOWEL_STRING, .doc = "How to expand the URIs to files.",
     .example = "FILE_SET_SPEC_TYPE_NEW_LINE_DELIMITED_MANIFEST"},
    {AT(json_extension), .kind = DOWEL_STRING, .doc = "Variant of newline-delimited JSON.", .example = "GEOJSON"},
    {AT(source_column_match), .kind = DOWEL_STRING,
     .doc = "How to match columns to the schema: by position or by name.", .example = "NAME"},
    {AT(reference_file_schema_uri), .kind = DOWEL_STRING, .flags = DOWEL_ADDRESS,
     .doc = "URI of a file whose schema is used for all files."},
    {AT(destination_table_properties), .kind = DOWEL_JSON, .doc = "Description and labels of a new table."},
    {AT(hive_partitioning_options), .kind = DOWEL_JSON, .doc = "Hive partitioning layout of the URIs.",
     .example = "{\"mode\": \"AUTO\", \"sourceUriPrefix\": \"gs://landing/trips\"}"},
    {AT(parquet_options), .kind = DOWEL_JSON, .doc = "Options for Parquet files.",
     .example = "{\"enumAsString\": true}"},
    {AT(range_partitioning), .kind = DOWEL_JSON, .doc = "Range partitioning of a new table, by an integer column."},
    {AT(time_partitioning), .kind = DOWEL_JSON, .doc = "Time partitioning of a new table.",
     .example = "{\"type\": \"DAY\", \"field\": \"day\"}"},
    {AT(timestamp_target_precision), .kind = DOWEL_JSON,
     .doc = "Fractional digits allowed in detected TIMESTAMP columns.", .example = "[6, 12]"},
    DOWEL_BQ_ENDPOINT(dowel_bigquery_load_args),
    {DOWEL_GIVEN_AT(dowel_bigquery_load_args)},
    {0}};

static int check(const void *data, dowel_error *err) {
    const dowel_bigquery_load_args *args = data;
    if (!args->file == !(args->uris && *args->uris))
        return dowel_fail(err, DOWEL_E_INVALID, "exactly one of \"file\" and \"uris\" is required");
    for (size_t i = 0; args->uris && args->uris[i]; i++) {
        if (strstr(args->uris[i], "://")) continue;
        dowel_fail(err, DOWEL_E_INVALID, "field \"uris[%zu]\": \"%.200s\" is not a URL such as gs://BUCKET/NAME", i,
                   args->uris[i]);
        dowel_error_hint(err, "a local file is --file %.200s", args->uris[i]);
        return DOWEL_E_INVALID;
    }
    if (args->null_marker && args->null_markers)
        return dowel_fail(err, DOWEL_E_INVALID, "at most one of \"null_marker\" and \"null_markers\" can be given");
    if (args->time_partitioning && args->range_partitioning)
        return dowel_fail(err, DOWEL_E_INVALID,
                          "at most one of \"time_partitioning\" and \"range_partitioning\" can be given");
    return 0;
}

const dowel_table dowel_bq_load_table = {"bigquery.load", sizeof(dowel_bigquery_load_args), fields, check};

/* ---- the format, by the name ---- */

static int format_of_ending(const char *text, size_t length) {
    static const struct {
        const char *ending;
        int format;
    } endings[] = {{"csv", DOWEL_BIGQUERY_CSV},
                   {"tsv", DOWEL_BIGQUERY_TSV},
                   {"tab", DOWEL_BIGQUERY_TSV},
                   {"json", DOWEL_BIGQUERY_JSON},
                   {"jsonl", DOWEL_BIGQUERY_JSON},
                   {"ndjson", DOWEL_BIGQUERY_JSON},
                   {"parquet", DOWEL_BIGQUERY_PARQUET},
                   {"parq", DOWEL_BIGQUERY_PARQUET},
                   {"avro", DOWEL_BIGQUERY_AVRO},
                   {"orc", DOWEL_BIGQUERY_ORC},
                   {"export_metadata", DOWEL_BIGQUERY_DATASTORE_BACKUP}};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (strlen(endings[i].ending) == length && !dowel_ncasecmp(text, endings[i].ending, length))
            return endings[i].format;
    return DOWEL_BIGQUERY_AUTO;
}

static bool is_compression(const char *text, size_t length) {
    static const char *const endings[] = {"gz", "gzip", "snappy", "deflate", "zst", "zstd", "lz4", "bz2", "xz"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (strlen(endings[i]) == length && !dowel_ncasecmp(text, endings[i], length)) return true;
    return false;
}

/* The length of an ending without its shard number: "csv-00001", "csv-00001-of-00010", "json*", "000001". */
static size_t without_shard(const char *text, size_t length) {
    size_t n = length;
    for (size_t before = 0; n && n != before;) {
        before = n;
        while (n && (isdigit((unsigned char)text[n - 1]) || strchr("*-_", text[n - 1]))) n--;
        if (n < length && n > 3 && text[n] == '-' && !memcmp(text + n - 3, "-of", 3)) n -= 3;
    }
    /* bz2 and lz4 end with a digit that is not a shard number */
    return n == length || is_compression(text, length) ? length : n;
}

/* The format of one path component by its endings; AUTO: no known ending. *has_ending: whether it has any. */
static int format_of_component(const char *name, size_t length, bool *has_ending) {
    *has_ending = false;
    for (size_t end = length; end;) {
        size_t start = end;
        while (start && name[start - 1] != '.') start--;
        if (!start) return DOWEL_BIGQUERY_AUTO; /* the text before the first dot is the name, not an ending */
        size_t size = without_shard(name + start, end - start);
        int format = format_of_ending(name + start, size);
        if (format) return format;
        if (size && !is_compression(name + start, size)) {
            *has_ending = true;
            return DOWEL_BIGQUERY_AUTO;
        }
        end = start - 1;
    }
    return DOWEL_BIGQUERY_AUTO;
}

/* The last component with an ending decides: part files in a folder "out.parquet/" have none. */
static int format_of_name(const char *name, bool folders) {
    const char *end = name + strlen(name), *bucket = folders ? strstr(name, "://") : NULL;
    const char *first = bucket ? strchr(bucket + 3, '/') : NULL;
    if (bucket && !first) return DOWEL_BIGQUERY_AUTO;
    const char *begin = first ? first + 1 : name;
    while (end > begin) {
        const char *start = end;
        bool has_ending;
        while (start > begin && start[-1] != '/') start--;
        int format = format_of_component(start, (size_t)(end - start), &has_ending);
        if (format || has_ending || !folders || start == begin) return format;
        end = start - 1;
    }
    return DOWEL_BIGQUERY_AUTO;
}

static int no_format(const char *name, bool is_file, dowel_error *err) {
    dowel_source *source = NULL;
    /* A file that cannot be opened is the error to report, not its format. */
    int rc = is_file ? dowel_source_file(name, &source, err) : 0;
    if (rc) return rc;
    dowel_source_close(source);
    char known[128] = "";
    for (size_t i = 1, used = 0; formats[i] && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 1 ? ", " : "", formats[i]);
    (void)dowel_fail(err, DOWEL_E_INVALID, "cannot tell the format of the data from the name %.300s", name);
    dowel_error_hint(err, "give --format: %s", known);
    return DOWEL_E_INVALID;
}

static int find_format(const dowel_bigquery_load_args *args, int *format, dowel_error *err) {
    *format = args->format;
    if (*format) return 0;
    const char *const one[] = {args->file, NULL}, *const *names = args->file ? one : args->uris;
    for (size_t i = 0; names && names[i]; i++) {
        int found = format_of_name(names[i], !args->file);
        if (!found) return no_format(names[i], args->file, err);
        if (i && found != *format)
            return dowel_fail(err, DOWEL_E_INVALID, "%.200s and %.200s have different formats", names[0], names[i]);
        *format = found;
    }
    return 0;
}

/* ---- the configuration ---- */

/* "allow_jagged_rows" to "allowJaggedRows". */
static void api_name(const char *name, char out[64]) {
    size_t used = 0;
    for (bool upper = false; *name && used < 63; name++) {
        if (*name != '_') out[used++] = upper ? (char)dowel_upper((unsigned char)*name) : *name;
        upper = *name == '_';
    }
    out[used] = 0;
}

/* Arguments that are not options of JobConfigurationLoad. */
static bool is_own(const char *name) {
    static const char *const own[] = {"table",    "file",     "uris",   "credentials", "project",
                                      "location", "endpoint", "format", "given",       "schema"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (!strcmp(name, own[i])) return true;
    return false;
}

static json_t *upper_case(const char *text) {
    char *copy = strdup(text);
    for (char *p = copy; p && *p; p++) *p = (char)dowel_upper((unsigned char)*p);
    json_t *value = copy ? json_string(copy) : NULL;
    free(copy);
    return value;
}

static json_t *pairs(const json_t *map) {
    json_t *list = json_array(), *value;
    const char *key;
    json_object_foreach((json_t *)map, key, value)
        json_array_append_new(list, json_pack("{s:s,s:O}", "key", key, "value", value));
    return list;
}

/* Converts the value of an option to the form that the API expects. New reference. */
static json_t *api_value(const dowel_bigquery_load_args *args, const char *name, json_t *value) {
    static const char *const upper[] = {"encoding", "column_name_character_map", "file_set_spec_type", "json_extension",
                                        "source_column_match"};
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < sizeof upper / sizeof upper[0]; i++)
        if (!strcmp(name, upper[i])) return upper_case(text);
    if (!strcmp(name, "write_disposition")) return json_string(dowel_bq_write_mode(args->write_disposition));
    if (!strcmp(name, "create_disposition")) return json_string(api_creations[args->create_disposition]);
    if (!strcmp(name, "field_delimiter") && text && (!dowel_casecmp(text, "tab") || !strcmp(text, "\\t")))
        return json_string("\t");
    if (!strcmp(name, "clustering")) return json_pack("{s:O}", "fields", value);
    if (!strcmp(name, "connection_properties")) return pairs(value);
    if (!strcmp(name, "kms_key")) return json_pack("{s:O}", "kmsKeyName", value);
    return json_incref(value);
}

static int add_options(const dowel_bigquery_load_args *args, json_t *load, dowel_error *err) {
    json_t *given = dowel_fields_encode(&dowel_bq_load_table, args, DOWEL_SECRETS_OMITTED), *value;
    const char *name;
    int rc = given ? 0 : dowel_no_memory(err);
    json_object_foreach(given, name, value) {
        char api[64];
        bool is_default = strstr(name, "_disposition") && !strcmp(json_string_value(value), "default");
        if (rc || is_own(name) || is_default || json_is_null(value)) continue;
        api_name(strcmp(name, "kms_key") ? name : "destination_encryption_configuration", api);
        if (json_object_set_new(load, api, api_value(args, name, value))) rc = dowel_no_memory(err);
    }
    json_decref(given);
    return rc;
}

/* Refuses text that cannot be sent unchanged. */
static int check_text(const dowel_bigquery_load_args *args, dowel_error *err) {
    for (const dowel_field *f = fields; f->name; f++) {
        const char *text = f->kind == DOWEL_STRING ? *(const char *const *)((const char *)args + f->offset) : NULL;
        const char *rest = text;
        dowel_error ignored;
        size_t size = text ? strlen(text) : 0;
        if (text && dowel_text_check(f->name, &rest, &size, &ignored))
            return dowel_fail(err, DOWEL_E_INVALID, "field \"%s\" is not UTF-8", f->name);
    }
    const char *d = args->field_delimiter;
    size_t characters = 0;
    for (const char *p = d; p && *p; p++) characters += (*p & 0xc0) != 0x80;
    if (d && characters != 1 && dowel_casecmp(d, "tab") != 0 && strcmp(d, "\\t") != 0)
        return dowel_fail(err, DOWEL_E_INVALID,
                          "field \"field_delimiter\": expected one character or tab, got \"%.60s\"", d);
    return 0;
}

int dowel_bq_load_configuration(const dowel_bq *bq, const dowel_bigquery_load_args *args, json_t **configuration,
                                dowel_error *err) {
    static const char *const api[] = {NULL,   "CSV", "NEWLINE_DELIMITED_JSON", "PARQUET",
                                      "AVRO", "ORC", "DATASTORE_BACKUP",       "CSV"};
    json_t *table = NULL, *schema = NULL, *load = json_object(),
           *uris = args->uris && *args->uris ? json_array() : NULL;
    int format, rc = check_text(args, err);
    if (!rc) rc = find_format(args, &format, err);
    if (!rc) rc = dowel_bq_table(bq, args->table, &table, err);
    if (!rc && args->schema && !json_is_null(args->schema)) rc = dowel_bq_schema(args->schema, &schema, err);
    if (!rc) rc = add_options(args, load, err);
    for (size_t i = 0; !rc && uris && args->uris[i]; i++)
        if (json_array_append_new(uris, json_string(args->uris[i])))
            rc = dowel_fail(err, DOWEL_E_INVALID, "field \"uris[%zu]\" is not UTF-8", i);
    if (!rc) {
        json_object_set_new(load, "sourceFormat", json_string(api[format]));
        if (format == DOWEL_BIGQUERY_TSV && !args->field_delimiter)
            json_object_set_new(load, "fieldDelimiter", json_string("\t"));
        *configuration =
            json_pack("{s:{s:O,s:O*,s:O*}}", "load", "destinationTable", table, "schema", schema, "sourceUris", uris);
        if (!*configuration || json_object_update(json_object_get(*configuration, "load"), load))
            rc = dowel_no_memory(err);
    }
    json_decref(load);
    json_decref(table);
    json_decref(schema);
    json_decref(uris);
    return rc;
}
