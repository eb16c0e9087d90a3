"""Loads: every option of the API, the format of a name, schemas and names of tables in every form, and where a job is. Answers are canned."""
import gzip
import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import discovery  # noqa: E402
from canned import Canned, page  # noqa: E402
from command import TMP, call, dowel, fails, main, run, start  # noqa: E402

SERVER = Canned()
HERE = ["--credentials", "demo", "--endpoint", SERVER.url]
OPTIONS = discovery.DOCUMENT["schemas"]["JobConfigurationLoad"]["properties"]


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")


def write(name, content=""):
    path = os.path.join(TMP, name)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def load(*words, source=("--uris", "gs://b/x.csv")):
    """The configuration that a load sends, by Google's own document."""
    SERVER.reset(job={"statistics": {"load": {"outputRows": "1"}}})
    call("bigquery.load", *HERE, "--table", "d.t", *source, *words)
    body = SERVER.submitted[0]
    discovery.check_value(body, {"$ref": "Job"}, "job")
    return body["configuration"]["load"]


def refused(*words, saying=(), code=2):
    SERVER.reset()
    said = fails(code, "call", "bigquery.load", *HERE, *words, saying=saying)
    assert not SERVER.submitted
    return said


# ---- options ----

# What is written on the command line, and what is sent.
GIVEN = [
    ("autodetect", ["--autodetect"], True), ("autodetect", ["--autodetect=false"], False),
    ("skipLeadingRows", ["--skip-leading-rows", "0"], 0), ("skipLeadingRows", ["--skip-leading-rows", "3"], 3),
    ("maxBadRecords", ["--max-bad-records", "0"], 0), ("maxBadRecords", ["--max-bad-records", "2147483647"], 2147483647),
    ("fieldDelimiter", ["--field-delimiter", ";"], ";"), ("fieldDelimiter", ["--field-delimiter", "tab"], "\t"),
    ("fieldDelimiter", ["--field-delimiter", "\\t"], "\t"), ("fieldDelimiter", ["--field-delimiter", "\t"], "\t"),
    ("fieldDelimiter", ["--field-delimiter", "þ"], "þ"),
    ("writeDisposition", ["--write-disposition", "append"], "WRITE_APPEND"), ("writeDisposition", ["--write-disposition", "truncate-data"], "WRITE_TRUNCATE_DATA"),
    ("createDisposition", ["--create-disposition", "never"], "CREATE_NEVER"), ("createDisposition", ["--create-disposition", "if-needed"], "CREATE_IF_NEEDED"),
    ("writeDisposition", ["--write-disposition", "WRITE_TRUNCATE"], "WRITE_TRUNCATE"), ("writeDisposition", ["--write-disposition", "write_append"], "WRITE_APPEND"),
    ("writeDisposition", ["--write-disposition", "Truncate_Data"], "WRITE_TRUNCATE_DATA"), ("createDisposition", ["--create-disposition", "CREATE_IF_NEEDED"], "CREATE_IF_NEEDED"),
    ("createDisposition", ["--create-disposition", "create-never"], "CREATE_NEVER"), ("sourceFormat", ["--format", "NEWLINE_DELIMITED_JSON"], "NEWLINE_DELIMITED_JSON"),
    ("sourceFormat", ["--format", "jsonl"], "NEWLINE_DELIMITED_JSON"), ("sourceFormat", ["--format", "Parquet"], "PARQUET"), ("sourceFormat", ["--format", "DATASTORE_BACKUP"], "DATASTORE_BACKUP"),
    ("allowJaggedRows", ["--allow-jagged-rows"], True), ("allowJaggedRows", ["--allow-jagged-rows=false"], False),
    ("allowQuotedNewlines", ["--allow-quoted-newlines"], True), ("ignoreUnknownValues", ["--ignore-unknown-values"], True),
    ("preserveAsciiControlCharacters", ["--preserve-ascii-control-characters"], True), ("useAvroLogicalTypes", ["--use-avro-logical-types"], True),
    ("createSession", ["--create-session"], True), ("copyFilesOnly", ["--copy-files-only"], True),
    ("quote", ["--quote", ""], ""), ("quote", ["--quote", "'"], "'"),
    ("nullMarker", ["--null-marker", "\\N"], "\\N"), ("nullMarker", ["--null-marker", ""], ""),
    ("nullMarkers", ["--null-markers", "NA", "--null-markers", ""], ["NA", ""]),
    ("encoding", ["--encoding", "iso-8859-1"], "ISO-8859-1"), ("dateFormat", ["--date-format", "DD.MM.YYYY"], "DD.MM.YYYY"),
    ("datetimeFormat", ["--datetime-format", "x"], "x"), ("timeFormat", ["--time-format", "x"], "x"), ("timestampFormat", ["--timestamp-format", "x"], "x"),
    ("timeZone", ["--time-zone", "Europe/Berlin"], "Europe/Berlin"), ("clustering", ["--clustering", "a", "--clustering", "b"], {"fields": ["a", "b"]}),
    ("decimalTargetTypes", ["--decimal-target-types", "NUMERIC"], ["NUMERIC"]), ("projectionFields", ["--projection-fields", "a"], ["a"]),
    ("schemaUpdateOptions", ["--schema-update-options", "ALLOW_FIELD_ADDITION"], ["ALLOW_FIELD_ADDITION"]),
    ("connectionProperties", ["--connection-properties", "session_id=7"], [{"key": "session_id", "value": "7"}]),
    ("destinationEncryptionConfiguration", ["--kms-key", "projects/p/k"], {"kmsKeyName": "projects/p/k"}),
    ("columnNameCharacterMap", ["--column-name-character-map", "v2"], "V2"), ("jsonExtension", ["--json-extension", "geojson"], "GEOJSON"),
    ("fileSetSpecType", ["--file-set-spec-type", "FILE_SET_SPEC_TYPE_FILE_SYSTEM_MATCH"], "FILE_SET_SPEC_TYPE_FILE_SYSTEM_MATCH"),
    ("sourceColumnMatch", ["--source-column-match", "name"], "NAME"), ("referenceFileSchemaUri", ["--reference-file-schema-uri", "gs://b/s"], "gs://b/s"),
    ("destinationTableProperties", ["--destination-table-properties", '{"description": "x"}'], {"description": "x"}),
    ("hivePartitioningOptions", ["--hive-partitioning-options", '{"mode": "AUTO"}'], {"mode": "AUTO"}),
    ("parquetOptions", ["--parquet-options", '{"enumAsString": true}'], {"enumAsString": True}),
    ("rangePartitioning", ["--range-partitioning", '{"field": "n"}'], {"field": "n"}), ("timePartitioning", ["--time-partitioning", '{"type": "DAY"}'], {"type": "DAY"}),
    ("timestampTargetPrecision", ["--timestamp-target-precision", "[6, 12]"], [6, 12]),
    ("schema", ["--schema", '[{"name": "id", "type": "INTEGER"}]'], {"fields": [{"name": "id", "type": "INTEGER"}]}),
    ("sourceFormat", ["--format", "avro"], "AVRO"), ("sourceFormat", ["--format", "datastore-backup"], "DATASTORE_BACKUP")]


def test_every_option_of_the_api_can_be_given():
    plain = load()
    assert plain == {"destinationTable": {"projectId": "demo", "datasetId": "d", "tableId": "t"}, "sourceUris": ["gs://b/x.csv"], "sourceFormat": "CSV"}, plain
    for name, words, value in GIVEN:
        sent = load(*words)
        assert name in sent and sent[name] == value and type(sent[name]) is type(value), (name, words, sent)
        assert set(sent) == set(plain) | {name}, "and nothing else is sent"
    deprecated = {"schemaInline", "schemaInlineFormat"}
    missing = set(OPTIONS) - deprecated - {name for name, _, _ in GIVEN} - set(plain)
    assert not missing, f"the API has options that cannot be given: {missing}"


def test_options_from_a_document_of_arguments():
    path = write("arguments.json", json.dumps({"skip_leading_rows": 0, "allow_jagged_rows": False, "quote": "", "null_markers": []}))
    sent = load("--from", path)
    assert (sent["skipLeadingRows"], sent["allowJaggedRows"], sent["quote"], sent["nullMarkers"]) == (0, False, "", []), sent


def test_options_that_cannot_be():
    there = ["--table", "d.t", "--uris", "gs://b/x.csv"]
    for words, saying in ((["--skip-leading-rows", "-1"], "skip_leading_rows"), (["--max-bad-records", "-1"], "max_bad_records"),
                          (["--max-bad-records", "2147483648"], "max_bad_records"), (["--skip-leading-rows", "1.5"], "skip_leading_rows"),
                          (["--field-delimiter", "||"], "field_delimiter"), (["--field-delimiter", ""], "field_delimiter"),
                          (["--null-marker", "a", "--null-markers", "b"], "null_marker"), (["--write-disposition", "WRITE_APPENDED"], "append"),
                          (["--time-partitioning", "{}", "--range-partitioning", "{}"], "time_partitioning"), (["--format", "xlsx"], "parquet")):
        refused(*there, *words, saying=saying)


# ---- formats ----

def test_the_format_of_a_name():
    for name, expected in (("gs://b/x.csv", "CSV"), ("gs://b/x.CSV.GZ", "CSV"), ("gs://b/x.json.gz", "NEWLINE_DELIMITED_JSON"), ("gs://b/x.jsonl.gz", "NEWLINE_DELIMITED_JSON"),
                           ("gs://b/x.ndjson", "NEWLINE_DELIMITED_JSON"), ("gs://b/x-*.jsonl.gzip", "NEWLINE_DELIMITED_JSON"), ("gs://b/out.parquet/part-*", "PARQUET"),
                           ("gs://b/out/part-0000.snappy.parquet", "PARQUET"), ("gs://b/x.parquet.snappy", "PARQUET"), ("gs://b/out.avro/", "AVRO"), ("gs://b/x.orc", "ORC"),
                           ("gs://b/rows.json-000000000000", "NEWLINE_DELIMITED_JSON"), ("gs://b/rows.json-*", "NEWLINE_DELIMITED_JSON"), ("gs://b/x.csv.000001", "CSV"),
                           ("gs://b/out.csv-00000-of-00010", "CSV"), ("gs://b/out.json.gz-00000-of-00010", "NEWLINE_DELIMITED_JSON"), ("gs://b/out.csv-*-of-*", "CSV"),
                           ("gs://b/x.csv*", "CSV"), ("gs://b/a.csv/b.json/part-1", "NEWLINE_DELIMITED_JSON"), ("gs://b/backup.export_metadata", "DATASTORE_BACKUP"),
                           ("gs://b/day=2026.01.31/x.csv", "CSV"), ("gs://b/x.tar.csv", "CSV")):
        sent = load(source=("--uris", name))
        assert sent["sourceFormat"] == expected and "fieldDelimiter" not in sent, (name, sent)
    for name in ("gs://b/x.tsv", "gs://b/x.tsv.gz", "gs://b/x.TAB"):
        sent = load(source=("--uris", name))
        assert sent["sourceFormat"] == "CSV" and sent["fieldDelimiter"] == "\t", sent
    assert load("--field-delimiter", ";", source=("--uris", "gs://b/x.tsv"))["fieldDelimiter"] == ";"
    assert load("--format", "tsv", source=("--uris", "gs://b/x"))["fieldDelimiter"] == "\t"
    assert load("--format", "json", source=("--uris", "gs://b/x.csv"))["sourceFormat"] == "NEWLINE_DELIMITED_JSON"
    for name, expected in (("rows.jsonl.gz", "NEWLINE_DELIMITED_JSON"), ("rows.tsv", "CSV")):
        assert load(source=("--file", write(name, "x")))["sourceFormat"] == expected


def test_names_that_do_not_tell_the_format():
    os.makedirs(os.path.join(TMP, "folder.csv"), exist_ok=True)
    for source in (("--uris", "gs://b/x.xlsx"), ("--uris", "gs://b/x"), ("--uris", "gs://b.csv/x"), ("--uris", "gs://b/x.csv.zip"), ("--uris", "gs://b/x.gz"),
                   ("--uris", "gs://b.csv"), ("--uris", "gs://b/x.csv.bak"), ("--file", write("rows.txt")), ("--file", write("rows")), ("--file", write("folder.csv/rows"))):
        refused("--table", "d.t", *source, saying=["cannot tell the format", "csv, json, parquet, avro, orc, datastore-backup, tsv"])
    refused("--table", "d.t", "--uris", "gs://b/x.csv", "--uris", "gs://b/y.json", saying="different formats")


# ---- JSON that is an array ----

def test_a_json_array_is_refused_with_the_command_that_converts_it():
    array = b'\xef\xbb\xbf \n\t[{"a": 1}]'
    for name, words, how in (("rows.json", (), "jq -c '.[]' {} > rows.ndjson"), ("rows.jsonl", (), "jq -c '.[]' {} > rows.ndjson"),
                             ("it is.txt", ("--format", "json"), "jq -c '.[]' '{}' > rows.ndjson")):
        path = write(name, array)
        refused("--table", "d.t", "--file", path, *words, saying=[path, "is a JSON array", "newline-delimited", how.format(path)])
        assert not SERVER.requests, "nothing is sent"
    path = write("rows.json.gz", gzip.compress(array + b" " * 100000))
    refused("--table", "d.t", "--file", path, saying=["is a JSON array", f"gunzip -c {path} | jq -c '.[]' > rows.ndjson"])
    refused("--table", "d.t", "--file", write("'.json", array), saying="jq -c '.[]' FILE > rows.ndjson")
    lines = b'{"a": [1]}\n{"a": 2}\n'
    for name, content in (("lines.json", lines), ("lines.json.gz", gzip.compress(lines)), ("empty.json", b""), ("blank.json", b" \n"), ("damaged.json.gz", b"\x1f\x8b\x08damaged")):
        assert load(source=("--file", write(name, content)))["sourceFormat"] == "NEWLINE_DELIMITED_JSON"
    assert load("--format", "csv", source=("--file", write("brackets.csv", b"[1,2\n")))["sourceFormat"] == "CSV"


# ---- schemas ----

COLUMNS = [{"name": "id", "type": "INTEGER", "mode": "REQUIRED"}, {"name": "r", "type": "RECORD", "fields": [{"name": "x", "type": "STRING"}]}]


def test_schemas_in_every_form():
    for document in (COLUMNS, {"fields": COLUMNS}, {"schema": {"fields": COLUMNS}}, {"schema": {"fields": COLUMNS}, "id": "a table", "numBytes": "7"}):
        for text in (json.dumps(document), "@" + write("schema.json", "\ufeff" + json.dumps(document))):
            assert load("--schema", text)["schema"] == {"fields": COLUMNS}
            SERVER.reset(answer=lambda method, path, query, body: (200, body))
            sent = []
            SERVER.answer = lambda method, path, query, body: (sent.append(body), (200, {}))[1]
            call("bigquery.create_table", *HERE, "--table", "d.t", "--schema", text)
            assert sent[0]["schema"] == {"fields": COLUMNS}, sent


def test_schemas_that_are_none():
    for document, saying in (({}, "schema"), ({"columns": []}, "schema"), ("id:INTEGER", "schema"), ([1], "schema[0]"), ([{"type": "STRING"}], "schema[0]"),
                             ([{"name": "a"}], "schema[0]"), ([{"name": "a", "type": "RECORD", "fields": [{"name": ""}]}], "schema[0].fields[0]"), ([{"name": "a", "type": "RECORD", "fields": {}}], "schema[0].fields")):
        refused("--table", "d.t", "--uris", "gs://b/x.csv", "--schema", json.dumps(document), saying=saying)


# ---- text from files ----

def test_text_from_files_and_standard_input():
    for content, sent in ((b"\xef\xbb\xbfSELECT 1\r\n", "SELECT 1\r\n"), ("SELECT 'ä€😀' -- \u202e".encode(), "SELECT 'ä€😀' -- \u202e"), (b"-- only a remark\nSELECT 1", "-- only a remark\nSELECT 1")):
        for words, stdin in ((["--query", "@" + write("q.sql", content)], b""), (["--query", "-"], content)):
            SERVER.reset(page([]))
            dowel("call", "bigquery.query", *HERE, *words, stdin=stdin)
            assert SERVER.submitted[0]["configuration"]["query"]["query"] == sent
    path = os.path.join(TMP, "bad.sql")
    for content, saying in ((b"SELECT 1 -- caf\xe9", "byte offset 15"), (b"SELECT 1\0", "byte offset 8"), (b"\xef\xbb\xbf\0", "byte offset 3"), ("SELECT 1".encode("utf-16"), "UTF-16"),
                            (b"", "it is empty"), (b"\xef\xbb\xbf", "it is empty"), (b"\xed\xa0\x80", "byte offset 0"), (b"\xc0\x80", "byte offset 0")):
        for words, stdin, name in ((["--query", "@" + write("bad.sql", content)], b"", path), (["--query", "-"], content, "standard input")):
            SERVER.reset(page([]))
            fails(2, "call", "bigquery.query", *HERE, *words, stdin=stdin, saying=[saying, name])
            assert not SERVER.requests
    for content, saying in ((b'["caf\xe9"]', "byte offset 5"), (b'[1]\0', "byte offset 3"), (b"", "it is empty")):
        for flag in ("--parameters", "--from"):
            words = [flag, ("" if flag == "--from" else "@") + write("bad.json", content)]
            fails(2, "call", "bigquery.query", *HERE, "--query", "SELECT", *words, saying=[saying, "bad.json"])


# ---- names of tables and datasets ----

TABLES = {"d.t": ("demo", "d", "t"), "p.d.t": ("p", "d", "t"), "p:d.t": ("p", "d", "t"), "my-project-7.d_1.t": ("my-project-7", "d_1", "t"),
          "example.com:p.d.t": ("example.com:p", "d", "t"), "example.com:p:d.t": ("example.com:p", "d", "t"), "sub.example.com:p-1.d.t": ("sub.example.com:p-1", "d", "t"),
          "`p.d.t`": ("p", "d", "t"), "`p`.`d`.`t`": ("p", "d", "t"), "`p`.d.t": ("p", "d", "t"), "`p.d`.t": ("p", "d", "t"), "`d.t`": ("demo", "d", "t"),
          "`example.com:p.d.t`": ("example.com:p", "d", "t"), "`example.com:p`.d.t": ("example.com:p", "d", "t"), "[p:d.t]": ("p", "d", "t"), "[example.com:p:d.t]": ("example.com:p", "d", "t"),
          "d.t$20260131": ("demo", "d", "t$20260131"), "p:d.t$2026013112": ("p", "d", "t$2026013112"), "`d.t$__NULL__`": ("demo", "d", "t$__NULL__"),
          "d.a-b": ("demo", "d", "a-b"), "d.events_*": ("demo", "d", "events_*"), "d.Bestände 2026": ("demo", "d", "Bestände 2026"), "_hidden.t": ("demo", "_hidden", "t")}
NO_TABLES = ["t", "", ".", "d.", ".t", "a.b.c.d", "p:d", "p:t", ":d.t", "p:.t", "p:d.", "a:b:c.d", "a:b:c:d.t", "example.com:d.t", "p:a.d.t", 'd."u"', "d.t'", "d.t;", "d.a/b", "d.a\\b",
             "`d.t", "d.t`", "d`x`.t", "`p`d.t", "d.t$", "d.$20260131", "d.t$a$b", "d.t$2026-01-31", " d.t", "d.t ", "d .t", "d.t\n", "d.t\t", "[d.t", "d.t]", "[`d.t`]", "d d.t", "d.t@1", "p p.d.t",
             "INFORMATION_SCHEMA.a.b.c", "d.t)", "d.t, d.u", "gs://b/x"]
DATASETS = {"d": ("demo", "d"), "p.d": ("p", "d"), "p:d": ("p", "d"), "example.com:p.d": ("example.com:p", "d"), "example.com:p:d": ("example.com:p", "d"), "`p.d`": ("p", "d"), "`p`.`d`": ("p", "d"), "`d`": ("demo", "d"), "[p:d]": ("p", "d")}
NO_DATASETS = ["", ".", "p.", ".d", "p:", ":d", "a.b.c", "p:d.t", "example.com:d", "d d", "d/x", "`d", 'd"', "d$1", "d*"]


def test_names_of_tables():
    for name, parts in TABLES.items():
        want = dict(zip(("projectId", "datasetId", "tableId"), parts))
        assert load(source=("--uris", "gs://b/x.csv", "--table", name))["destinationTable"] == want, name
        SERVER.reset(page([]))
        call("bigquery.query", *HERE, "--query", "SELECT", "--destination", name)
        assert SERVER.submitted[0]["configuration"]["query"]["destinationTable"] == want, name
        SERVER.reset(answer=lambda *_: (200, {}))
        call("bigquery.delete", *HERE, "--table", name)
        where = [urllib.parse.unquote(p) for p in SERVER.requests[0][1].split("/")]
        assert where == ["", "bigquery", "v2", "projects", parts[0], "datasets", parts[1], "tables", parts[2]], where
    for name in NO_TABLES:
        SERVER.reset()
        for words in (["load", "--uris", "gs://b/x.csv", "--table", name], ["delete", "--table", name], ["create_table", "--table", name], ["query", "--query", "SELECT", "--destination", name]):
            done = run("call", "bigquery." + words[0], *HERE, *words[1:])
            assert done.returncode == 2 and not SERVER.requests, (words, done)
        assert not name or b"is not a table" in done.stderr, done


def test_names_of_datasets():
    for name, parts in DATASETS.items():
        sent = []
        SERVER.reset(page([]), answer=lambda method, path, query, body: (sent.append((path, body)), (200, {}))[1])
        call("bigquery.create_dataset", *HERE, "--dataset", name)
        assert sent[0][1]["datasetReference"] == dict(zip(("projectId", "datasetId"), parts)), name
        assert urllib.parse.unquote(sent[0][0]).endswith(f"/projects/{parts[0]}/datasets")
        SERVER.reset(page([]))
        call("bigquery.query", *HERE, "--query", "SELECT", "--default-dataset", name)
        assert SERVER.submitted[0]["configuration"]["query"]["defaultDataset"] == sent[0][1]["datasetReference"]
    for name in NO_DATASETS:
        SERVER.reset()
        for words in (["create_dataset", "--dataset", name], ["delete", "--dataset", name], ["query", "--query", "SELECT", "--default-dataset", name]):
            done = run("call", "bigquery." + words[0], *HERE, *words[1:])
            assert done.returncode == 2 and not SERVER.requests, (words, done)


# ---- where a job is ----

def test_a_resumed_query_finds_its_job_in_its_location():
    """The stand-in knows the job in its location alone, as Google does outside of the US and the EU."""
    running = {"status": {"state": "RUNNING"}}
    SERVER.reset(page([{"name": "a", "type": "INTEGER"}], ["1"]), location="europe-west3", insist="europe-west3", job=running)
    process = start("call", "bigquery.query", *HERE, "--query", "INSERT")
    SERVER.wait(lambda: [r for r in SERVER.requests if r[0] == "GET"])
    process.kill()
    process.wait()
    run_id = json.loads(dowel("runs", "list", "--json", "--limit", "1"))[0]["id"]
    SERVER.job = {"status": {"state": "DONE"}}
    before = SERVER.submitted[0]["jobReference"]["jobId"]
    del SERVER.requests[:]
    # A second submit would be refused, and would not say where the job is.
    SERVER.answer = lambda method, path, query, body: (409, {"error": {"code": 409, "message": "Already Exists", "errors": [{"reason": "duplicate"}]}}) if (
        method == "POST" and path.endswith("/jobs")) else None
    got = json.loads(dowel("runs", "resume", run_id, "--json"))
    assert got["rows"] == [{"a": 1}] and got["job_id"] == before and len(SERVER.submitted) == 1, got
    asked = [query.get("location") for method, path, query in SERVER.requests if method == "GET"]
    assert asked and set(asked) == {"europe-west3"}, SERVER.requests


if __name__ == "__main__":
    main(globals())
