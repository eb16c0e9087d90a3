"""Queries through the command: what comes back is what Google's own client gets for the same query, and every request is one that
Google's discovery document allows."""
import base64
import datetime
import decimal
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import GOOGLE, HERE, PROXY, bq, checked, fails, prepare, refused, rows, submitted  # noqa: E402
from command import TMP, dowel, main, run  # noqa: E402

SCALARS = """
SELECT 9223372036854775807 AS most, -9223372036854775808 AS least, 0.1 AS tenth, 1e300 AS big, -0.0 AS minus_zero,
       CAST('nan' AS FLOAT64) AS nan, CAST('inf' AS FLOAT64) AS inf, CAST('-inf' AS FLOAT64) AS minus_inf, TRUE AS yes, FALSE AS no,
       'tëxt \\n "quoted" 日本' AS text, '' AS empty, FROM_BASE64('AP8=') AS bytes, DATE '2024-02-29' AS date,
       TIME '12:34:56.789012' AS time, DATETIME '2024-02-29T12:34:56.789012' AS datetime,
       TIMESTAMP '2024-02-29 12:34:56.789012+00' AS stamp, TIMESTAMP '1969-12-31 23:59:59.999999+00' AS before,
       TIMESTAMP '0001-01-01 00:00:00+00' AS first, TIMESTAMP '9999-12-31 23:59:59.999999+00' AS last,
       NUMERIC '123456789.123456789' AS number, JSON '{"a": [1, null]}' AS json
"""
NULLS = "SELECT " + ", ".join(f"CAST(NULL AS {kind}) AS {kind.lower()}_null" for kind in (
    "INT64", "FLOAT64", "BOOL", "STRING", "BYTES", "DATE", "TIME", "DATETIME", "TIMESTAMP", "NUMERIC"))
NESTED = """
SELECT [1, 2, 3] AS list, ARRAY<INT64>[] AS none, CAST(NULL AS ARRAY<INT64>) AS missing, STRUCT(1 AS x, 'y' AS y) AS record,
       [STRUCT(1 AS x, ['a', 'b'] AS l), STRUCT(2 AS x, [] AS l)] AS records, STRUCT(STRUCT(NULL AS z) AS inner_one) AS deep,
       [TIMESTAMP '2024-02-29 12:34:56+00'] AS stamps
"""


def same(ours, theirs):
    """dowel's JSON against a value of Google's client."""
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and list(ours) == list(theirs) and all(same(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, float) and not math.isfinite(theirs):
        return ours == ("NaN" if math.isnan(theirs) else "Infinity" if theirs > 0 else "-Infinity")
    if isinstance(theirs, bytes):
        return base64.b64decode(ours) == theirs
    if isinstance(theirs, datetime.datetime) and theirs.tzinfo:
        return len(ours) >= 20 and ours[10] == "T" and ours.endswith("Z") and datetime.datetime.fromisoformat(ours) == theirs
    if isinstance(theirs, (datetime.datetime, datetime.date, datetime.time)):
        return type(theirs).fromisoformat(ours) == theirs
    if isinstance(theirs, decimal.Decimal):
        return isinstance(ours, str) and decimal.Decimal(ours) == theirs
    return type(ours) is type(theirs) and ours == theirs


def compare(query):
    got = rows(query)
    expected = [dict(row) for row in GOOGLE.query_and_wait(query)]
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected):
        assert list(ours) == list(theirs), (ours, theirs)
        for name in theirs:
            # Documents are text in dowel's JSON, as they are on the wire.
            found = json.loads(ours[name]) if name == "json" else ours[name]
            assert same(found, theirs[name]), f"{name}: {ours[name]!r}, Google's client has {theirs[name]!r}"
    return got


def test_scalars_are_what_googles_client_gets():
    prepare()
    row = compare(SCALARS)[0]
    assert row["most"] == 2**63 - 1 and row["least"] == -2**63, "all 64 bits"
    assert row["first"] == "0001-01-01T00:00:00Z", row["first"]


def test_nulls_are_null():
    row = compare(NULLS)[0]
    assert len(row) == 10 and all(value is None for value in row.values()), row


def test_arrays_and_structs():
    row = compare(NESTED)[0]
    assert row["records"] == [{"x": 1, "l": ["a", "b"]}, {"x": 2, "l": []}] and row["deep"] == {"inner_one": {"z": None}}, row


def test_columns_keep_their_order_and_none_is_lost():
    assert list(rows("SELECT 1 AS z, 2 AS a, 3 AS m")[0]) == ["z", "a", "m"]

    def twice(status, headers, body):
        page = json.loads(body)
        page["schema"]["fields"][1]["name"] = page["schema"]["fields"][0]["name"]
        return status, headers, json.dumps(page).encode()
    PROXY.rule = lambda r: {"edit": twice} if "/queries/" in r.path else None
    assert rows("SELECT 1 AS x, 2 AS y") == [{"x": 1, "x_1": 2}]
    PROXY.rule = None


def test_the_terminal_shows_a_table():
    said = dowel("call", "bigquery.query", "--credentials", "demo", "--endpoint", PROXY.url, "--query",
                 "SELECT 'Alaska' AS state, 263 AS airports UNION ALL SELECT 'Texas', 209 ORDER BY 1")
    lines = [line.split() for line in said.splitlines()]
    assert ["state", "airports"] in lines and ["Alaska", "263"] in lines and ["Texas", "209"] in lines, said


def test_all_pages_of_many_rows():
    query = "SELECT x, CONCAT('row ', CAST(x AS STRING)) AS text FROM UNNEST(GENERATE_ARRAY(1, 100000)) AS x ORDER BY x"
    got = bq("query", "--query", query)
    assert got["total_rows"] == 100000 and len(got["rows"]) == 100000
    assert all(row == {"x": i, "text": f"row {i}"} for i, row in enumerate(got["rows"], 1))
    pages = PROXY.seen("GET", "/queries/")
    assert len(pages) > 1 and len({r.query("pageToken") for r in pages}) == len(pages), "several pages, each asked for once"
    assert len(submitted()) == 1


def test_only_the_rows_that_were_asked_for():
    query = "SELECT x FROM UNNEST(GENERATE_ARRAY(1, 50000)) AS x ORDER BY x"
    got = bq("query", "--query", query, "--max-rows", "12345")
    assert [row["x"] for row in got["rows"]] == list(range(1, 12346)) and got["total_rows"] == 50000
    assert bq("query", "--query", "SELECT 1 AS x FROM (SELECT 1) WHERE FALSE")["rows"] == []


def test_parameters_by_name_and_by_place():
    got = rows("SELECT @i AS i, @f AS f, @b AS b, @s AS s, @l AS l, @m AS m, @n AS n", "--parameters", json.dumps(
        {"i": 2**63 - 1, "f": 0.1, "b": True, "s": "it's @x", "l": [1, 2], "m": [1, 2.5], "n": None}))
    assert got == [{"i": 2**63 - 1, "f": 0.1, "b": True, "s": "it's @x", "l": [1, 2], "m": [1.0, 2.5], "n": None}], got
    assert submitted()[0]["configuration"]["query"]["parameterMode"] == "NAMED"
    got = rows("SELECT ? AS a, ? AS b", "--parameters", '[7, "x"]')
    assert got == [{"a": 7, "b": "x"}] and submitted()[0]["configuration"]["query"]["parameterMode"] == "POSITIONAL"


def test_parameters_with_types():
    got = rows("SELECT @d AS d, @t AS t, @n AS n, @st AS st, @ss AS ss, @e AS e", "--parameters", json.dumps({
        "d": {"type": "date", "value": "2024-02-29"}, "t": {"type": "TIMESTAMP", "value": "2024-02-29T01:02:03Z"},
        "n": {"type": "NUMERIC", "value": "1.5"}, "e": {"type": "ARRAY<DATE>", "value": []},
        "st": {"type": "STRUCT<x INT64, y ARRAY<STRING>>", "value": {"x": 1, "y": ["k", "l"]}},
        "ss": {"type": "ARRAY<STRUCT<a DATE, b BOOL>>", "value": [{"a": "2024-01-01", "b": True}, {"a": None}]}}))
    assert got == [{"d": "2024-02-29", "t": "2024-02-29T01:02:03Z", "n": "1.5", "st": {"x": 1, "y": ["k", "l"]},
                    "ss": [{"a": "2024-01-01", "b": True}, {"a": None, "b": None}], "e": []}], got
    bq("query", "--dry-run", "--query", "SELECT @r", "--parameters", json.dumps(
        {"r": {"type": "RANGE<DATE>", "value": {"start": "2024-01-01", "end": None}}}))
    sent = submitted()[0]["configuration"]["query"]["queryParameters"][0]
    assert sent == {"name": "r", "parameterType": {"type": "RANGE", "rangeElementType": {"type": "DATE"}},
                    "parameterValue": {"rangeValue": {"start": {"value": "2024-01-01"}}}}, sent


def test_parameters_as_flags():
    def given(*flags):
        bq("query", "--dry-run", "--query", "SELECT 1", *(word for flag in flags for word in ("--parameters", flag)))
        return {p["name"]: (p["parameterType"], p["parameterValue"]) for p in submitted()[0]["configuration"]["query"]["queryParameters"]}
    plain = {"Gentoo": ("STRING", "Gentoo"), "": ("STRING", ""), "a=b": ("STRING", "a=b"), "007": ("STRING", "007"), "1.2.3": ("STRING", "1.2.3"),
             "2026-01-31": ("STRING", "2026-01-31"), " 5": ("STRING", " 5"), "TRUE": ("STRING", "TRUE"), "5": ("INT64", "5"), "-5": ("INT64", "-5"),
             "0.10": ("FLOAT64", "0.10"), "12345678901234567890123": ("INT64", "12345678901234567890123"), "true": ("BOOL", "true"),
             '"5"': ("STRING", "5"), "it's": ("STRING", "it's"), "null": ("STRING", None)}
    for text, (kind, value) in plain.items():
        assert given(f"s={text}") == {"s": ({"type": kind}, {"value": value} if value is not None else {"value": None})}, text
    typed = {"STRING=007": ("STRING", "007"), "STRING=5": ("STRING", "5"), "DATE=2026-01-31": ("DATE", "2026-01-31"), "numeric=0.10": ("NUMERIC", "0.10"),
             "BIGNUMERIC=1e400": ("BIGNUMERIC", "1e400"), "BYTES=AP8=": ("BYTES", "AP8=")}
    for text, (kind, value) in typed.items():
        assert given(f"s:{text}") == {"s": ({"type": kind}, {"value": value})}, text
    assert given("l=[1, 2]")["l"] == ({"type": "ARRAY", "arrayType": {"type": "INT64"}}, {"arrayValues": [{"value": "1"}, {"value": "2"}]})
    assert given('l:ARRAY<DATE>=["2026-01-31"]')["l"] == ({"type": "ARRAY", "arrayType": {"type": "DATE"}}, {"arrayValues": [{"value": "2026-01-31"}]})
    assert given('o:STRUCT<x INT64>={"x": 1}')["o"][1] == {"structValues": {"x": {"value": "1"}}}
    assert given('j:JSON={"a": 1}')["j"] == ({"type": "JSON"}, {"value": '{"a":1}'})
    assert given('{"a": 1, "b": 2}', "b=x", "c=3") == {"a": ({"type": "INT64"}, {"value": "1"}), "b": ({"type": "STRING"}, {"value": "x"}), "c": ({"type": "INT64"}, {"value": "3"})}
    assert given("a=1", "a=2") == {"a": ({"type": "INT64"}, {"value": "2"})}, "the last value counts"
    for flags, saying in ((["Gentoo"], "NAME=VALUE or JSON"), (["=5"], "NAME=VALUE or JSON"), (["s=[1,"], '"parameters.s"'), (['s={"a"'], '"parameters.s"'),
                          (["[1]", "s=5"], "a JSON object before NAME=VALUE"), (["s:=5"], "not a type"), (["s:INT64 x=5"], "text after the type")):
        refused(2, "query", "--query", "SELECT 1", *(word for flag in flags for word in ("--parameters", flag)), saying=saying)
        assert not PROXY.requests, "nothing is sent"


def test_bad_parameters_are_refused_with_their_path():
    for parameters, path in (
            ('{"a": [1, "x"]}', '"parameters.a[1]"'), ('[[1], [[2]]]', '"parameters[1][0]"'), ('{"a": {"x": 1}}', '"parameters.a"'),
            ('"x"', '"parameters"'), ('{"a": {"type": "ARRAY<INT64", "value": []}}', "closing >"),
            ('{"a": {"type": "STRUCT<INT64>", "value": {}}}', "needs a name"), ('{"a": {"type": "", "value": 1}}', "not a type"),
            ('{"a": {"type": "STRUCT<x INT64>", "value": {"y": 1}}}', "does not have"),
            ('{"a": {"type": "ARRAY<ARRAY<INT64>>", "value": []}}', "arrays of arrays"),
            ('{"a": {"type": "STRUCT<x ARRAY<INT64>>", "value": {"x": 1}}}', '"parameters.a.x": expected an array'),
            ('{"a": {"type": "INT64 x", "value": 1}}', "text after the type"),
            ('{"a": {"type": "NUMERIC(10, 2)", "value": 1}}', "(precision)"),
            ('{"a": {"type": "' + "ARRAY<STRUCT<x " * 40 + '", "value": 1}}', "too deep")):
        refused(2, "query", "--query", "SELECT 1", "--parameters", parameters, saying=[path])
        assert not PROXY.requests, "nothing is sent"


def test_dialects():
    assert rows("SELECT 1 AS x", "--dialect", "legacy") == [{"x": 1}]
    assert submitted()[0]["configuration"]["query"]["useLegacySql"] is True
    assert rows("SELECT 1 AS x") == [{"x": 1}]
    assert submitted()[0]["configuration"]["query"]["useLegacySql"] is False


def test_a_dry_run_runs_nothing():
    got = bq("query", "--query", "SELECT 1 AS x, 'a' AS y", "--dry-run")
    assert got["bytes_to_process"] == got["bytes_processed"], got
    assert got["dry_run"] is True and got["rows"] == [] and [f["name"] for f in got["schema"]] == ["x", "y"], got
    assert submitted()[0]["configuration"]["dryRun"] is True and not PROXY.seen("GET"), "no rows are asked for"
    assert dowel("call", "bigquery.query", *HERE, "--query", "SELECT 1 AS x", "--dry-run").startswith("dry run: the query would process ")
    said = refused(1, "query", "--query", "SELEC 1", "--dry-run", saying=["invalidQuery", "Syntax error"])
    assert "SELEC" in said


def test_limits_and_places_are_passed_on():
    bq("query", "--query", "SELECT 1 AS x", "--maximum-bytes-billed", "10GB", "--location", "europe-west1", "--default-dataset", "d",
       "--destination", "other.d.t", "--write-disposition", "append")
    sent = submitted()[0]
    query = sent["configuration"]["query"]
    assert query["maximumBytesBilled"] == "10000000000" and sent["jobReference"]["location"] == "europe-west1"
    assert query["defaultDataset"] == {"projectId": "demo", "datasetId": "d"} and query["writeDisposition"] == "WRITE_APPEND"
    assert query["destinationTable"] == {"projectId": "other", "datasetId": "d", "tableId": "t"}


def test_a_query_from_a_file_and_from_standard_input():
    path = os.path.join(TMP, "query.sql")
    with open(path, "w") as file:
        file.write("-- how many\nSELECT COUNT(*) AS n\nFROM UNNEST([1, 2, 3])\n")
    assert rows(f"@{path}") == [{"n": 3}]
    done = run("call", "bigquery.query", "--credentials", "demo", "--endpoint", PROXY.url, "--query", "-", "--json",
               stdin=b"SELECT 5 AS x")
    assert json.loads(done.stdout)["rows"] == [{"x": 5}], done.stderr


def test_bad_queries_say_why():
    refused(6, "query", "--query", "SELEC 1", saying=["invalidQuery", "Syntax error", "SELEC", "[1:7]"])
    refused(2, "query", "--query", "", saying='"query"')
    fails(2, "call", "bigquery.query", "--query", "SELECT 1", "--dialekt", "legacy", saying="--dialect")
    refused(2, "query", "--query", "SELECT 1", "--dialect", "latin", saying=["dialect", "standard", "legacy"])
    refused(2, "query", "--query", "SELECT 1", "--maximum-bytes-billed", "lots", saying="maximum_bytes_billed")


def test_a_missing_table():
    dowel("call", "bigquery.create_dataset", "--dataset", "there", "--credentials", "demo", "--endpoint", PROXY.url)
    refused(3, "query", "--query", "SELECT * FROM there.nothing",
            saying=["notFound", "there.nothing", "check project, dataset and table, and the location"])
    # Google says the same of what is not there and of what one may not see.
    refused(4, "query", "--query", "SELECT * FROM nowhere.nothing",
            saying=["accessDenied", "nowhere.nothing", "roles/bigquery.jobUser"])


def test_a_wrong_location():
    def away(request):
        if request.method == "POST":
            return {"answer": (404, [("Content-Type", "application/json")], json.dumps({"error": {
                "code": 404, "message": "Not found: Dataset demo:there was not found in location EU", "status": "NOT_FOUND",
                "errors": [{"reason": "notFound", "message": "Not found: Dataset demo:there was not found in location EU"}]}}).encode())}
    PROXY.rule = away
    refused(3, "query", "--query", "SELECT * FROM there.t", "--location", "EU",
            saying=["was not found in location EU", "notFound", "and the location"])
    assert submitted()[0]["jobReference"]["location"] == "EU" and len(PROXY.seen("POST")) == 1, "404 is not tried again"
    PROXY.rule = None


def test_too_many_bytes():
    def limit(status, headers, body):
        job = json.loads(body)
        job["status"] = {"state": "DONE", "errorResult": {
            "reason": "bytesBilledLimitExceeded", "message": "Query exceeded limit for bytes billed: 1.\nIt needs 10485760."}}
        return status, headers, json.dumps(job).encode()
    PROXY.rule = lambda r: {"edit": limit} if r.method == "POST" else None
    said = refused(6, "query", "--query", "SELECT 1", "--maximum-bytes-billed", "1",
                   saying=["bytesBilledLimitExceeded", "raise maximum_bytes_billed", "It needs 10485760."])
    assert "1.\\n" not in said.splitlines()[0], "the message is one line"
    PROXY.rule = None
    checked()


if __name__ == "__main__":
    main(globals())
