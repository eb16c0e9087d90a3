"""Values that go out and come in: no digit, column, row or character is lost. The server's answers are canned."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from canned import Canned, cells, page  # noqa: E402
from command import TMP, call, dowel, fails, main, run  # noqa: E402

SERVER = Canned()
HERE = ["--credentials", "demo", "--endpoint", SERVER.url]


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")


def query(*words, pages=(), **reset):
    SERVER.reset(*(pages or [page([])]), **reset)
    return call("bigquery.query", *HERE, "--query", "SELECT", *words)


def text(*words, pages=(), **reset):
    """What a query prints without --json."""
    SERVER.reset(*(pages or [page([])]), **reset)
    return dowel("call", "bigquery.query", *HERE, "--query", "SELECT", *words)


def rows(fields, *values):
    return query(pages=[page(fields, *values)])["rows"]


def sent(position=0):
    """Parameters of the last query by name."""
    parameters = SERVER.submitted[position]["configuration"]["query"]["queryParameters"]
    return {p.get("name"): p["parameterValue"] for p in parameters}


# ---- parameters ----

NUMBERS = ["1.1", "0.07", "123456789.1", "1.10", "0.10000000000000000555", "99999999999999999999999999999.999999999", "-0", "-0.0", "1e400",
           "1E+2", "18446744073709551615", "12345678901234567890123456789012345678", "9223372036854775807", "5e-324", "0.0000000001"]


def test_every_digit_of_a_parameter_is_sent():
    for literal in NUMBERS:
        for kind in ("NUMERIC", "BIGNUMERIC", "FLOAT64", "STRING"):
            query("--parameters", '{"n": {"type": "%s", "value": %s}}' % (kind, literal))
            assert sent()["n"] == {"value": literal}, (kind, literal, sent())
        query("--parameters", '{"n": {"type": "STRUCT<a ARRAY<NUMERIC>, b STRUCT<c BIGNUMERIC>>", "value": {"a": [%s, %s], "b": {"c": %s}}}}' % (
            literal, literal, literal))
        assert sent()["n"] == {"structValues": {"a": {"arrayValues": [{"value": literal}] * 2}, "b": {"structValues": {"c": {"value": literal}}}}}
        query("--parameters", '{"j": {"type": "JSON", "value": {"price": %s, "list": [%s]}}}' % (literal, literal))
        assert sent()["j"] == {"value": '{"price":%s,"list":[%s]}' % (literal, literal)}
        query("--parameters", "[%s]" % literal)
        assert sent()[None] == {"value": literal}


def test_every_way_in_keeps_digits():
    document = '{"n": {"type": "BIGNUMERIC", "value": 123456789012345678901234567890.10}}'
    path = os.path.join(TMP, "parameters.json")
    with open(path, "w") as file:
        file.write("\ufeff" + document)
    whole = os.path.join(TMP, "arguments.json")
    with open(whole, "w") as file:
        file.write('{"max_rows": 5.0, "parameters": %s}' % document)
    for words, stdin in ((["--parameters", document], ""), (["--parameters", f"@{path}"], ""), (["--parameters", "-"], document), (["--from", whole], ""),
                         (["--from", "-"], '{"parameters": %s}' % document)):
        SERVER.reset(page([]))
        dowel("call", "bigquery.query", *HERE, "--query", "SELECT", *words, stdin=stdin.encode())
        assert sent()["n"] == {"value": "123456789012345678901234567890.10"}, words


def test_types_of_plain_numbers():
    query("--parameters", '{"a": 1, "b": 1.5, "c": 1.50, "d": 18446744073709551615, "e": [1, 2.50], "f": [2.50, 1], "g": [1, 18446744073709551615]}')
    types = {p["name"]: p["parameterType"] for p in SERVER.submitted[0]["configuration"]["query"]["queryParameters"]}
    assert [types[n]["type"] for n in "abcd"] == ["INT64", "FLOAT64", "FLOAT64", "INT64"], types
    assert [types[n]["arrayType"]["type"] for n in "efg"] == ["FLOAT64", "FLOAT64", "INT64"], types


def test_the_history_keeps_digits_and_a_resumed_run_sends_them():
    document = '{"n": {"type": "NUMERIC", "value": 0.10}, "m": {"type": "BIGNUMERIC", "value": 18446744073709551616}, "z": {"type": "FLOAT64", "value": -0.0}}'
    SERVER.reset(answer=lambda *_: (400, {"error": {"code": 400, "message": "no", "errors": [{"reason": "invalid"}]}}))
    fails(1, "call", "bigquery.query", *HERE, "--query", "SELECT", "--parameters", document)
    run_id = json.loads(dowel("runs", "list", "--json", "--limit", "1"))[0]["id"]
    shown = dowel("runs", "show", run_id, "--json")
    for literal in ("0.10", "18446744073709551616", "-0.0"):
        assert f'"value": {literal}' in shown, shown
    assert "18446744073709551616" in dowel("runs", "show", run_id)
    SERVER.reset(page([]))
    dowel("runs", "resume", run_id)
    assert {n: v["value"] for n, v in sent().items()} == {"n": "0.10", "m": "18446744073709551616", "z": "-0.0"}


# ---- columns ----

LONG, UMLAUT = "total_" + "x" * 280 + "_a", "a" + "ü" * 140


def test_columns_of_any_length():
    fields = [{"name": LONG, "type": "INTEGER"}, {"name": LONG[:-1] + "b", "type": "INTEGER"}, {"name": UMLAUT, "type": "STRING"},
              {"name": "r", "type": "RECORD", "fields": [{"name": UMLAUT, "type": "STRING"}, {"name": LONG, "type": "STRING"}]}]
    got = query(pages=[page(fields, ["1", "2", "kept", cells("inner", "too")])])
    assert got["rows"] == [{LONG: 1, LONG[:-1] + "b": 2, UMLAUT: "kept", "r": {UMLAUT: "inner", LONG: "too"}}], got
    assert [f["name"] for f in got["schema"]] == [f["name"] for f in fields]
    assert LONG in text(pages=[page(fields, ["1", "2", "kept", cells("inner", "too")])])


def test_columns_of_one_name():
    names = ["a", "a_1", "a", "a", "a_1", LONG, LONG, "a_2"] + ["m"] * 1100
    got = rows([{"name": n, "type": "INTEGER"} for n in names], [str(i) for i in range(len(names))])[0]
    assert sorted(got.values()) == list(range(len(names))), "a value is lost"
    assert list(got.values()) == list(range(len(names))), "in the order of the columns"
    assert (got["a"], got["a_1"], got["a_2"], got[LONG], got[LONG + "_1"]) == (0, 1, 7, 5, 6), "the first of a name has it, and a name of its own stays"
    inner = [{"name": "r", "type": "RECORD", "fields": [{"name": "x", "type": "STRING"}, {"name": "x", "type": "STRING"}]}]
    assert rows(inner, [cells("1", "2")]) == [{"r": {"x": "1", "x_1": "2"}}]


def test_rows_that_do_not_fit_the_schema_are_an_error():
    fields = [{"name": "a", "type": "INTEGER"}, {"name": "r", "type": "RECORD", "fields": [{"name": "x", "type": "STRING"}]}]
    for row in (["1"], ["1", cells("a"), "3"], ["1", "no record"], ["1", cells("a", "b")]):
        SERVER.reset(page(fields, row))
        fails(1, "call", "bigquery.query", *HERE, "--query", "SELECT", saying="row 1 of the result does not fit its schema")


def test_rows_that_are_missing_are_an_error():
    SERVER.reset({**page([{"name": "a", "type": "INTEGER"}], ["1"]), "totalRows": "2"})
    fails(1, "call", "bigquery.query", *HERE, "--query", "SELECT", saying="received 1 rows of a result with 2")


def test_a_result_that_is_not_there_yet_is_waited_for():
    done = page([{"name": "a", "type": "INTEGER"}], ["1"])
    assert query(pages=[{"jobComplete": False}, done])["rows"] == [{"a": 1}]


# ---- values ----

def one(kind, value, **more):
    return rows([{"name": "x", "type": kind, **more}], [value])[0]["x"]


def test_text_with_nul_and_other_characters():
    for value in ("a\x00b", "\x00", "\x01\x1f\x7f", "ä€😀", "", "line\nline", "\u202e", "1.10\x00"):
        assert one("STRING", value) == value, repr(value)
    shown = text(pages=[page([{"name": "x", "type": "STRING"}, {"name": "y", "type": "STRING", "mode": "REPEATED"}], ["a\x00b", [{"v": "c\x00d"}]])])
    assert "a\\x00b" in shown and "c\\u0000d" in shown, shown


def test_a_result_with_nul_is_kept_and_found_again():
    folder = os.path.join(TMP, "results")
    os.makedirs(folder, exist_ok=True)
    dowel("block", "save", "local-file-system/kept", "--basepath", folder)
    SERVER.reset(page([{"name": "x", "type": "STRING"}, {"name": "f", "type": "FLOAT64"}], ["a\x00b", "0.1"]))
    dowel("call", "bigquery.query", *HERE, "--query", "SELECT", "--persist-result", "--result-storage", "local-file-system/kept")
    run_id = json.loads(dowel("runs", "list", "--json", "--limit", "1"))[0]["id"]
    assert json.loads(dowel("runs", "result", run_id, "--json"))["rows"] == [{"x": "a\x00b", "f": 0.1}]


def test_numbers():
    for value in ("9223372036854775807", "-9223372036854775808", "0"):
        assert one("INTEGER", value) == int(value) == one("INT64", value)
    assert one("INTEGER", "9223372036854775808") == "9223372036854775808"
    for value in ("123456789.1", "99999999999999999999999999999.999999999", "-0.10", "0"):
        assert one("NUMERIC", value) == value == one("BIGNUMERIC", value)
    for value in ("0.1", "1.7976931348623157E308", "5.0E-324", "123456789.1", "1.0E22", "-2.5"):
        assert one("FLOAT", value) == float(value) == one("FLOAT64", value), value
    for value, name in (("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity"), ("inf", "Infinity"), ("1E400", "1E400")):
        assert one("FLOAT", value) == name
    printed = dowel("call", "bigquery.query", *HERE, "--query", "SELECT", "--json") if not SERVER.reset(
        page([{"name": "x", "type": "FLOAT64"}, {"name": "y", "type": "FLOAT64"}], ["-0.0", "0.1"])) else ""
    assert '"x": -0.0' in printed and '"y": 0.1' in printed, printed
    assert text(pages=[page([{"name": "x", "type": "FLOAT64"}], ["0.30000000000000004"])]).split()[-1] == "0.30000000000000004"


def test_truth_bytes_and_text_as_they_are():
    assert one("BOOLEAN", "true") is True and one("BOOL", "false") is False and one("BOOL", "maybe") == "maybe"
    for kind, value in (("BYTES", "AAECgP8="), ("DATE", "0001-01-01"), ("TIME", "23:59:59.999999"), ("DATETIME", "2026-01-31T12:00:00.123456"),
                        ("INTERVAL", "1-2 3 4:5:6.789"), ("GEOGRAPHY", "POINT(1.10 2)"), ("JSON", '{"a":1.10}'), ("RANGE", "[2020-01-01, 2020-12-31)")):
        assert one(kind, value) == value
    assert one("STRING", None) is None and one("STRING", "") == "" and one("INTEGER", None) is None
    assert one("STRING", [], mode="REPEATED") == [] and one("INTEGER", [{"v": "1"}, {"v": None}], mode="REPEATED") == [1, None]
    assert one("RECORD", None, fields=[{"name": "a", "type": "STRING"}]) is None
    nested = [{"name": "a", "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "t", "type": "TIMESTAMP"}, {"name": "n", "type": "NUMERIC"}]}]
    assert one("RECORD", cells([{"v": cells("0", "1.10")}, {"v": None}]), fields=nested) == {"a": [{"t": "1970-01-01T00:00:00Z", "n": "1.10"}, None]}


def test_times_to_the_precision_that_was_sent():
    for value, shown in (("1700000000000000", "2023-11-14T22:13:20Z"), ("1700000000250000", "2023-11-14T22:13:20.250000Z"), ("-1", "1969-12-31T23:59:59.999999Z"),
                         ("0", "1970-01-01T00:00:00Z"), ("1700000000.25", "2023-11-14T22:13:20.250000Z"), ("1.7E9", "2023-11-14T22:13:20Z"),
                         ("1.70000000025E9", "2023-11-14T22:13:20.250000Z"), ("-0.5", "1969-12-31T23:59:59.500000Z"), ("-62135596800000000", "0001-01-01T00:00:00Z"),
                         ("253402300799999999", "9999-12-31T23:59:59.999999Z"), ("1700000000.123456789012", "2023-11-14T22:13:20.123456789012Z"),
                         ("9007199254.740993", "2255-06-05T23:47:34.740993Z"), ("soon", "soon"), ("1e99", "1e99")):
        assert one("TIMESTAMP", value) == shown, (value, one("TIMESTAMP", value), shown)


def test_picoseconds_are_asked_for_where_a_column_has_them():
    for field in ({"name": "x", "type": "TIMESTAMP", "timestampPrecision": "12"},
                  {"name": "x", "type": "RECORD", "fields": [{"name": "y", "type": "TIMESTAMP", "timestampPrecision": "12"}]}):
        nested = field["type"] == "RECORD"
        wrap = cells if nested else lambda v: v
        cut = page([field], [wrap("1700000000123456")])
        whole = page([field], [wrap("2023-11-14T22:13:20.123456789012Z")], [wrap("2023-11-14T22:13:20.250000000000Z")], [wrap("2023-11-14T22:13:20.000000000000Z")])
        got = query(pages=[cut, whole])["rows"]
        got = [row["x"]["y"] if nested else row["x"] for row in got]
        assert got == ["2023-11-14T22:13:20.123456789012Z", "2023-11-14T22:13:20.250000Z", "2023-11-14T22:13:20Z"], got
        asked = SERVER.seen("/queries/")
        assert asked[0]["formatOptions.useInt64Timestamp"] == "true" and asked[1]["formatOptions.timestampOutputFormat"] == "ISO8601_STRING", asked
        assert "formatOptions.useInt64Timestamp" not in asked[1], "the API does not take both"


def test_ranges_of_times():
    def ranged(kind, value):
        return one("RANGE", value, rangeElementType={"type": kind})
    assert ranged("TIMESTAMP", "[1700000000000000, 1700000000250000)") == "[2023-11-14T22:13:20Z, 2023-11-14T22:13:20.250000Z)"
    assert ranged("TIMESTAMP", "[UNBOUNDED, 0)") == "[UNBOUNDED, 1970-01-01T00:00:00Z)"
    assert ranged("TIMESTAMP", "[1.7E9, UNBOUNDED)") == "[2023-11-14T22:13:20Z, UNBOUNDED)"
    assert ranged("DATE", "[2020-01-01, UNBOUNDED)") == "[2020-01-01, UNBOUNDED)"
    assert ranged("TIMESTAMP", "odd") == "odd"


def test_messages_that_quote_cells():
    """What a job says of a cell with a NUL is JSON like any other."""
    broken = [{"reason": "invalid", "message": "Could not parse 'a\x00b' as INT64"}]
    job = {"status": {"errorResult": broken[0], "errors": broken}}
    SERVER.reset(page([]), job=job)
    fails(6, "call", "bigquery.query", *HERE, "--query", "SELECT", saying="Could not parse 'a")
    SERVER.reset(job=job)
    fails(6, "call", "bigquery.load", *HERE, "--table", "d.t", "--uris", "gs://b/x.csv", saying="Could not parse 'a")
    SERVER.reset(job={"status": {"errors": broken}, "statistics": {"load": {"badRecords": "1"}}})
    assert call("bigquery.load", *HERE, "--table", "d.t", "--uris", "gs://b/x.csv")["errors"] == broken
    SERVER.reset(job={**job, "statistics": {"query": {"ratio": 0.1}}})
    assert call("bigquery.get_job", *HERE, "--job", "j")["error"] == broken[0]


# ---- how many rows ----

FIVE = page([{"name": "a", "type": "INTEGER"}], *[[str(i)] for i in range(5)])


def test_max_rows():
    assert len(query("--max-rows", "2", pages=[FIVE])["rows"]) == 2 and SERVER.seen("/queries/")[0]["maxResults"] == "2"
    got = query("--max-rows", "0", pages=[FIVE])
    assert got["rows"] == [] and got["total_rows"] == 5 and SERVER.seen("/queries/")[0]["maxResults"] == "0"
    assert got["rows_not_fetched"] == 5 and text("--max-rows", "0", pages=[FIVE]).startswith("0 of 5 rows fetched (--max-rows)")
    assert query("--max-rows", "4", pages=[FIVE])["summary"].startswith("4 of 5 rows fetched (--max-rows)")
    assert "rows_not_fetched" not in query("--max-rows", "5", pages=[FIVE])
    assert len(query(pages=[FIVE])["rows"]) == 5 and "maxResults" not in SERVER.seen("/queries/")[0]
    for wrong in ("-1", "-5", "1.5", "many"):
        SERVER.reset(FIVE)
        fails(2, "call", "bigquery.query", *HERE, "--query", "SELECT", "--max-rows", wrong, saying="max_rows")
        assert not SERVER.requests
    fails(2, "call", "bigquery.query", *HERE, "--query", "SELECT", "--max-rows", "-1", saying="-1 is not between 0 and 1000000000000000\n")
    query("--maximum-bytes-billed", "0", pages=[FIVE])
    assert SERVER.submitted[0]["configuration"]["query"]["maximumBytesBilled"] == "0"


def test_a_timeout_is_told_as_it_was_given():
    SERVER.reset(page([]))
    done = run("call", "bigquery.query", *HERE, "--query", "SELECT", "--timeout", "0.0001")
    assert done.returncode and b"bigquery.query did not finish within 0.0001s\n" in done.stderr, done


def test_rows_of_a_destination_stay_in_its_table():
    got = query("--destination", "d.t", pages=[FIVE])
    assert got["rows"] == [] and got["destination"] == "d.t" and got["destination_rows"] == 5, got
    assert [q["maxResults"] for q in SERVER.seen("/queries/")] == ["0"]
    assert len(query("--destination", "d.t", "--max-rows", "3", pages=[FIVE])["rows"]) == 3
    shown = text("--destination", "d.t", pages=[FIVE])
    assert shown.startswith("5 rows written to d.t, 0 fetched"), shown


# ---- what a job had to say ----

def test_rows_that_a_statement_changed_are_told_in_text_too():
    changed = {"statistics": {"query": {"numDmlAffectedRows": "3"}}}
    assert text(job=changed) == "3 rows affected; 0 bytes processed\n"
    assert query(job=changed)["affected_rows"] == 3
    assert text(job={"statistics": {"query": {"numDmlAffectedRows": "0"}}}).startswith("0 rows affected;")
    assert text() == "0 rows; 0 bytes processed\n"


WARNING = [{"reason": "invalidQuery", "location": "query", "message": "Querying tables with INFORMATION_SCHEMA is deprecated"}]


def test_warnings_of_a_query():
    for pages, job in (([FIVE], {"status": {"errors": WARNING}}), ([{**FIVE, "errors": WARNING}], {})):
        assert query(pages=pages, job=job)["warnings"] == WARNING
        SERVER.reset(*pages, job=job)
        done = run("call", "bigquery.query", *HERE, "--query", "SELECT")
        assert done.returncode == 0 and WARNING[0]["message"].encode() in done.stderr, done
    assert "warnings" not in query(pages=[FIVE])


def test_bad_records_of_a_load():
    errors = [{"reason": "invalid", "location": "gs://b/x.csv", "message": f"Could not parse 'x' as INT64, row {i}"} for i in range(9)]
    job = {"status": {"errors": errors}, "statistics": {"load": {"outputRows": "2", "badRecords": "9", "inputFileBytes": "9"}}}
    words = ["bigquery.load", *HERE, "--table", "d.t", "--uris", "gs://b/x.csv", "--max-bad-records", "9"]
    SERVER.reset(job=job)
    got = call(*words)
    assert got["bad_records"] == 9 and got["errors"] == errors and got["rows"] == 2, got
    done = run("call", *words)
    assert done.returncode == 0 and b"Could not parse 'x' as INT64, row 0" in done.stdout and b"bad_records" in done.stdout, done
    assert b"gs://b/x.csv: invalid: Could not parse 'x' as INT64, row 0" in done.stderr, done.stderr
    assert b"9 bad records were skipped" in done.stderr and b"row 4" in done.stderr and b"and 4 more" in done.stderr, done.stderr
    run_id = json.loads(dowel("runs", "list", "--json", "--limit", "1"))[0]["id"]
    assert "9 bad records were skipped" in dowel("runs", "show", run_id)
    SERVER.reset(job={"statistics": {"load": {"outputRows": "2"}}})
    assert call(*words)["bad_records"] == 0


def test_reasons_that_another_job_may_not_meet():
    for reason, again in (("jobBackendError", True), ("jobInternalError", True), ("jobRateLimitExceeded", True), ("backendError", True),
                          ("internalError", True), ("rateLimitExceeded", True), ("invalidQuery", False), ("stopped", False)):
        SERVER.reset(page([]), job={"status": {"errorResult": {"reason": reason, "message": "no"}}})
        done = run("call", "bigquery.query", *HERE, "--query", "SELECT", "--json")
        said = json.loads(done.stderr)["error"]
        assert done.returncode == 6 and said["reason"] == reason and said["retryable"] is again, said


if __name__ == "__main__":
    main(globals())
