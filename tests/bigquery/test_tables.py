"""Datasets, tables and loads through the command; what is there afterwards is what Google's own client finds."""
import datetime
import io
import json
import os
import sys

import pyarrow
import pyarrow.parquet
from google.api_core.exceptions import NotFound

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import GOOGLE, PROXY, bq, prepare, refused, rows, submitted  # noqa: E402
from command import TMP, dowel, main  # noqa: E402

SCHEMA = [{"name": "iata", "type": "STRING", "mode": "REQUIRED", "description": "its code"}, {"name": "n", "type": "INTEGER"},
          {"name": "place", "type": "RECORD", "fields": [{"name": "lat", "type": "FLOAT"}, {"name": "tags", "type": "STRING", "mode": "REPEATED"}]}]
CSV = 'iata,n,day\nx,1,2024-01-01\ny,,2024-01-02\n"q,""z",3,\n'


def write(name, content):
    path = os.path.join(TMP, name)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def there(table):
    """What Google's client reads from a table."""
    return [dict(row) for row in GOOGLE.query_and_wait(f"SELECT * FROM {table}")]


def gone(get, name):
    try:
        get(name)
    except NotFound:
        return True
    return False


def test_create_dataset():
    prepare()
    assert bq("create_dataset", "--dataset", "travel", "--location", "US") == {"project": "demo", "dataset": "travel", "created": True}
    assert GOOGLE.get_dataset("travel").location == "US"
    refused(7, "create_dataset", "--dataset", "travel", saying=["Already Exists", "--exists-ok"])
    assert bq("create_dataset", "--dataset", "travel", "--exists-ok")["created"] is False
    refused(2, "create_dataset", saying='"dataset"')
    refused(2, "create_dataset", "--dataset", "demo.", saying='"demo." is not a dataset')
    assert bq("create_dataset", "--dataset", "demo.travel", "--exists-ok") == {"project": "demo", "dataset": "travel", "created": False}
    bq("create_dataset", "--dataset", "other.away")
    assert PROXY.seen("POST", "/projects/other/datasets") and submitted() == []
    bq("delete", "--dataset", "other.away")
    assert PROXY.seen("DELETE", "/projects/other/datasets/away")


def test_create_table():
    made = bq("create_table", "--table", "travel.airports", "--schema", json.dumps(SCHEMA))
    assert made == {"table": "travel.airports", "created": True}
    found = GOOGLE.get_table("travel.airports").schema
    assert [(f.name, f.field_type, f.mode) for f in found] == [("iata", "STRING", "REQUIRED"), ("n", "INTEGER", "NULLABLE"), ("place", "RECORD", "NULLABLE")]
    assert [f.name for f in found[2].fields] == ["lat", "tags"] and found[2].fields[1].mode == "REPEATED"
    refused(7, "create_table", "--table", "demo.travel.airports", saying="--exists-ok")
    assert bq("create_table", "--table", "demo.travel.airports", "--exists-ok")["created"] is False
    refused(2, "create_table", "--table", "airports", saying=['"airports" is not a table', "dataset.table"])
    refused(2, "create_table", "--table", "a.b.c.d", saying="is not a table")
    refused(2, "create_table", "--table", "travel.bad", "--schema", "[{]", saying=["schema", "column"])


def test_rows_that_a_statement_changes_are_counted():
    assert bq("query", "--query", "INSERT INTO travel.airports (iata, n) VALUES ('x', 1), ('y', 2)")["affected_rows"] == 2
    got = bq("query", "--query", "UPDATE travel.airports SET n = 5 WHERE iata = 'x'")
    assert got["affected_rows"] == 1 and got["rows"] == [], got
    assert sorted((row["iata"], row["n"]) for row in there("travel.airports")) == [("x", 5), ("y", 2)]
    assert rows("SELECT iata FROM airports ORDER BY iata", "--default-dataset", "demo.travel") == [{"iata": "x"}, {"iata": "y"}]
    assert "affected_rows" not in bq("query", "--query", "SELECT 1 AS x")


def test_load_csv():
    got = bq("load", "--table", "travel.found", "--file", write("a.csv", CSV), "--autodetect")
    assert got["table"] == "travel.found" and got["rows"] == 3, got
    assert there("travel.found") == [{"iata": "x", "n": 1, "day": datetime.date(2024, 1, 1)}, {"iata": "y", "n": None, "day": datetime.date(2024, 1, 2)},
                                     {"iata": 'q,"z', "n": 3, "day": None}]
    bq("load", "--table", "travel.given", "--file", write("b.CSV", CSV), "--skip-leading-rows", "1", "--schema", json.dumps(
        [{"name": "iata", "type": "STRING"}, {"name": "n", "type": "INT64"}, {"name": "day", "type": "DATE"}]))
    assert there("travel.given") == there("travel.found")
    load = submitted()[0]["configuration"]["load"]
    assert load["sourceFormat"] == "CSV" and load["skipLeadingRows"] == 1, load
    bq("load", "--table", "travel.semicolons", "--file", write("semicolons.txt", CSV.replace(",", ";")), "--format", "csv",
       "--field-delimiter", ";", "--autodetect")
    assert [row["n"] for row in there("travel.semicolons")] == [1, None, 3]


def test_load_json_lines():
    lines = '{"a": 1, "s": {"x": [1, 2]}, "n": null}\n{"a": 2, "s": {"x": []}, "n": "t"}\n'
    for ending in ("jsonl", "ndjson", "json"):
        assert bq("load", "--table", f"travel.{ending}", "--file", write(f"a.{ending}", lines), "--autodetect")["rows"] == 2
        assert submitted()[0]["configuration"]["load"]["sourceFormat"] == "NEWLINE_DELIMITED_JSON"
        assert there(f"travel.{ending}") == [{"a": 1, "s": {"x": [1, 2]}, "n": None}, {"a": 2, "s": {"x": []}, "n": "t"}]


def parquet(rows_of):
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(rows_of), out)
    return out.getvalue()


def test_load_parquet():
    path = write("a.parquet", parquet({"i": [1, None, 3], "s": ["a", "grün", None]}))
    schema = json.dumps([{"name": "i", "type": "INT64"}, {"name": "s", "type": "STRING"}])
    assert bq("load", "--table", "travel.parquet", "--file", path, "--schema", schema)["rows"] == 3
    assert there("travel.parquet") == [{"i": 1, "s": "a"}, {"i": None, "s": "grün"}, {"i": 3, "s": None}]
    assert submitted()[0]["configuration"]["load"]["sourceFormat"] == "PARQUET"


def test_what_happens_to_rows_that_are_there():
    path = write("a.csv", CSV)
    bq("load", "--table", "travel.found", "--file", path, "--skip-leading-rows", "1", "--write-disposition", "append")
    assert len(there("travel.found")) == 6
    bq("load", "--table", "travel.found", "--file", path, "--skip-leading-rows", "1", "--write-disposition", "truncate")
    assert len(there("travel.found")) == 3
    refused(1, "load", "--table", "travel.found", "--file", path, "--skip-leading-rows", "1", "--write-disposition", "empty",
            saying=["travel.found", "not empty"])
    assert len(there("travel.found")) == 3


def test_load_from_cloud_storage():
    dowel("block", "save", "gcs-bucket/landing", "--bucket", "landing", "--credentials", "demo", "--endpoint", os.environ["DOWEL_TEST_GCS_URL"])
    dowel("call", "gcs.create_bucket", "--bucket", "landing")
    for name in ("one.csv", "two.csv"):
        dowel("call", "gcs.upload", "--bucket", "landing", "--name", name, "--file", write(name, CSV))
    assert bq("load", "--table", "travel.landed", "--uris", "gs://landing/one.csv", "--autodetect")["rows"] == 3
    assert there("travel.landed") == there("travel.found")
    sent = submitted()[0]
    assert sent["configuration"]["load"]["sourceUris"] == ["gs://landing/one.csv"] and sent["jobReference"]["jobId"].startswith("dowel_")
    bq("load", "--table", "travel.both", "--uris", "gs://landing/one.csv", "--uris", "gs://landing/two.csv", "--autodetect")
    assert len(there("travel.both")) == 6
    said = refused(6, "load", "--table", "travel.never", "--uris", "gs://landing/none.csv", "--autodetect", saying="travel.never")
    assert "none.csv" in said, said


def test_a_large_file_is_streamed():
    lines = "i,t\n" + "".join(f"{i},{'x' * 200}\n" for i in range(60000))
    path = write("large.csv", lines)
    got = bq("load", "--table", "travel.large", "--file", path, "--skip-leading-rows", "1",
             "--schema", '[{"name": "i", "type": "INT64"}, {"name": "t", "type": "STRING"}]')
    assert got["rows"] == 60000, got
    assert PROXY.seen("POST", "/upload/")[0].size > len(lines)
    assert rows("SELECT COUNT(*) AS n, SUM(i) AS total FROM travel.large") == [{"n": 60000, "total": sum(range(60000))}]


def test_bad_loads_say_why():
    schema = ["--schema", '[{"name": "a", "type": "INT64"}, {"name": "b", "type": "INT64"}]']
    refused(6, "load", "--table", "travel.bad", "--file", write("bad.csv", "1,2\nx,y\n"), *schema, saying=["load into travel.bad", "invalid"])
    refused(6, "load", "--table", "travel.bad", "--file", write("garbage.parquet", "no parquet"), "--autodetect", saying="travel.bad")
    refused(3, "load", "--table", "travel.bad", "--file", os.path.join(TMP, "absent.csv"), saying=["absent.csv", "No such file"])
    refused(2, "load", "--table", "travel.bad", "--file", TMP, saying="is a folder")
    refused(2, "load", "--table", "travel.bad", saying='exactly one of "file" and "uris"')
    refused(2, "load", "--table", "travel.bad", "--file", "a.csv", "--uris", "gs://a/b", saying='exactly one of "file" and "uris"')
    refused(2, "load", "--table", "bad", "--file", write("a.csv", CSV), saying='"bad" is not a table')
    refused(6, "load", "--table", "nowhere.t", "--file", write("a.csv", CSV), "--autodetect", saying=["nowhere", "Not found"])


def test_delete():
    assert bq("delete", "--table", "travel.large") == {"table": "travel.large", "deleted": True}
    assert gone(GOOGLE.get_table, "travel.large")
    refused(3, "delete", "--table", "travel.large", saying=["404", "notFound", "large"])
    assert bq("delete", "--table", "demo.travel.large", "--not-found-ok")["deleted"] is False
    refused(2, "delete", saying='exactly one of "table" and "dataset"')
    assert bq("delete", "--dataset", "travel", "--delete-contents")["deleted"] is True
    assert gone(GOOGLE.get_dataset, "travel")
    refused(3, "delete", "--dataset", "travel", saying="travel")
    assert bq("delete", "--dataset", "travel", "--not-found-ok")["deleted"] is False


if __name__ == "__main__":
    main(globals())
