"""dowel query: SQL from everywhere, rows in every form, what a query did, and tables that fit the terminal. Answers are canned."""
import csv
import io
import json
import os
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from canned import Canned, page  # noqa: E402
from cli_case import main  # noqa: E402
from terminal_case import TerminalTest  # noqa: E402

SERVER = Canned()
TEXT, NUMBER = {"name": "s", "type": "STRING"}, {"name": "n", "type": "INTEGER"}


def columns(*fields):
    return [{"name": name, "type": kind} for name, kind in fields]


def job(**statistics):
    return {"statistics": {"query": statistics}}


class Query(TerminalTest):
    def setUp(self):
        super().setUp()
        self.env["BIGQUERY_EMULATOR_HOST"] = SERVER.url
        self.env["GOOGLE_CLOUD_PROJECT"] = "demo"
        self.env["NO_COLOR"] = "1"

    def query(self, *words, pages=(), status=0, sql=("SELECT",), answer=None, **options):
        SERVER.reset(*(pages or [page([TEXT, NUMBER], ["a", "1"])]), job=answer)
        done = self.run_dowel("query", *sql, *words, **options)
        self.assertEqual(done.returncode, status, done.err)
        return done

    def content(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def sent(self):
        return SERVER.submitted[0]["configuration"]["query"]

    # ---- the SQL ----

    def test_sql_is_a_word_a_file_or_standard_input(self):
        sql = "SELECT 1 -- one\nFROM t WHERE x = '--json'"
        path = self.write("report.sql", sql)
        for words, stdin in (([sql], b""), ([f"@{path}"], b""), (["-"], sql), ([], sql), (["--query", sql], b""), (["--query", "-"], sql),
                             (["--output", "csv", sql], b""), (["--", sql], b"")):
            self.query(sql=words, stdin=stdin)
            self.assertEqual(self.sent()["query"], sql, words)
        self.query(sql=["-- a comment first\nSELECT 1"])
        self.assertEqual(self.sent()["query"], "-- a comment first\nSELECT 1")
        self.query(sql=["--from", self.write("args.json", json.dumps({"query": "SELECT 2", "dialect": "LEGACY"}))], stdin="SELECT 3")
        self.assertEqual((self.sent()["query"], self.sent()["useLegacySql"]), ("SELECT 2", True))

    def test_every_flag_of_the_task_and_of_a_call(self):
        self.query("--max-rows", "5", "--location", "EU", "--retries", "2", "--run-name", "report", "--maximum-bytes-billed", "1GB")
        self.assertEqual(self.sent()["maximumBytesBilled"], "1000000000")
        run = self.json("runs")[0]
        self.assertEqual((run["task"], run["name"]), ("bigquery.query", "report"))
        self.assertIn("Usage: dowel query 'SQL'", self.dowel("query", "--help"))
        for flag in ("--parameters", "--dry-run", "--retries", "--run-key", "--output", "--out"):
            self.assertIn(f"  {flag}", self.dowel("query", "--help"))

    def test_what_is_not_a_query(self):
        SERVER.reset(page([]))
        self.fails(2, "query", "SELECT", "1", "AS", "x", says=['unexpected argument "1"', "several words in quotes"])
        self.fails(2, "call", "bigquery.query", "--query", "SELECT", "1", says="several words in quotes")
        self.fails(2, "query", "-n", "5", says="unknown flag -n")
        self.fails(2, "query", "SELECT 1", "--dry-rnu", says="did you mean --dry-run?")
        self.fails(2, "query", says=["query", "empty"])
        self.assertEqual(SERVER.requests, [])
        self.assertIn("missing query: give it in quotes", self.on_terminal("query", status=2))
        self.fails(2, "query", "-", "--parameters", "-", stdin="SELECT 1", says="has read standard input already")

    def test_names_of_tasks(self):
        for words in (("call", "bigquery.query"), ("call", "bigquery-query"), ("call", "bigquery_query"), ("call", "bigquery query"), ("call", "bigquery", "query"),
                      ("bigquery", "query"), ("bigquery.query",), ("bigquery-query",)):
            SERVER.reset(page([NUMBER], ["7"]))
            self.assertEqual(self.json(*words, "SELECT 7")["rows"], [{"n": 7}], words)
            self.assertEqual(self.dowel(*words, "--help"), self.dowel("call", "bigquery.query", "--help"), words)
        for words in (("cloud-run.run",), ("cloud-run", "run"), ("cloud_run run",), ("cloud-run-run",)):
            self.assertEqual(self.dowel("task", "show", *words), self.dowel("task", "show", "cloud_run.run"))
        self.assertEqual(self.dowel("cloud-run", "run", "--help"), self.dowel("call", "cloud_run.run", "--help"))
        self.assertEqual(self.dowel("help", "cloud-run.run"), self.dowel("call", "cloud_run.run", "--help"))
        self.assertEqual(len(self.json("runs", "--task", "bigquery-query")), 8)
        self.fails(3, "call", "bigquery", "qurey", says='did you mean "bigquery.query"?')
        self.fails(3, "call", "bigquery-qurey", says='did you mean "bigquery.query"?')
        self.fails(3, "call", "nonsense", "query", says='no task "nonsense"')

    # ---- forms ----

    ODD = ["plain", "a,b", 'say "x"', "two\nlines", "cr\r", " blank ", "", None, "tab\t", "back\\slash", "\u00fc\u4e2d", "NULL", "\x1b[31m"]

    def odd(self, *words):
        return self.query(*words, pages=[page([TEXT, NUMBER], *[[value, str(i)] for i, value in enumerate(self.ODD)])])

    def test_csv_is_rfc_4180(self):
        done = self.odd("--output", "csv")
        self.assertEqual(list(csv.reader(io.StringIO(done.out, newline=""))), [["s", "n"]] + [[value or "", str(i)] for i, value in enumerate(self.ODD)])
        self.assertIn('\n"",6\n,7\n', done.out, "the empty text and NULL differ")
        self.assertTrue(done.out.startswith("s,n\nplain,0\n"), "only what needs quotes has them")
        self.assertTrue(done.err.startswith("13 rows;"), done.err)

    def test_tsv_is_escaped(self):
        lines = self.odd("--output", "TSV").out.split("\n")
        self.assertEqual(lines[0], "s\tn")
        self.assertEqual([line.split("\t")[0] for line in lines[1:-1]],
                         ["plain", "a,b", 'say "x"', "two\\nlines", "cr\\r", " blank ", "", "\\N", "tab\\t", "back\\\\slash", "\u00fc\u4e2d", "NULL", "\x1b[31m"])

    def test_json_and_ndjson_are_the_rows(self):
        rows = [{"s": value, "n": i} for i, value in enumerate(self.ODD)]
        self.assertEqual(json.loads(self.odd("--output", "json").out), rows)
        lines = self.odd("--output", "ndjson").out
        self.assertEqual([json.loads(line) for line in lines.splitlines()], rows)
        self.assertNotIn("\x1b", lines)
        self.assertEqual(json.loads(self.odd("--json").out)["rows"], rows, "--json is the whole result")
        self.assertEqual(self.odd("--json").err, "", "which has the summary in it")
        self.assertEqual(self.query("--output", "ndjson", answer=job(numDmlAffectedRows="3"), pages=[page([])]).out, "")

    def test_numbers_keep_every_digit(self):
        fields = columns(("i", "INTEGER"), ("f", "FLOAT"), ("n", "BIGNUMERIC"), ("b", "BOOLEAN"), ("r", "RECORD"))
        fields[4]["fields"] = [NUMBER]
        row = ["9007199254740993", "0.1", "0.10000000000000000000000000000000000001", "true", {"f": [{"v": "9223372036854775807"}]}]
        for form, expected in (("csv", '9007199254740993,0.1,0.10000000000000000000000000000000000001,true,"{""n"":9223372036854775807}"'),
                               ("tsv", '9007199254740993\t0.1\t0.10000000000000000000000000000000000001\ttrue\t{"n":9223372036854775807}'),
                               ("ndjson", '{"i":9007199254740993,"f":0.1,"n":"0.10000000000000000000000000000000000001","b":true,"r":{"n":9223372036854775807}}')):
            self.assertEqual(self.query("--output", form, pages=[page(fields, row)]).out.splitlines()[-1], expected)

    def test_a_result_without_rows_has_its_header(self):
        none = page(columns(("a", "STRING"), ("a", "STRING"), ("b,c", "STRING")))
        self.assertEqual(self.query("--output", "csv", pages=[none]).out, 'a,a_1,"b,c"\n', "the names that rows would have")
        self.assertEqual(self.query("--output", "tsv", pages=[none]).out, "a\ta_1\tb,c\n")
        self.assertEqual(self.query("--output", "json", pages=[none]).out, "[]\n")
        self.assertEqual(self.query("--output", "csv", answer=job(numDmlAffectedRows="3"), pages=[page([])]).out, "", "a statement has no columns")

    def test_every_task_with_rows_and_every_list(self):
        names = [line.split(",")[0] for line in self.dowel("task", "list", "--output", "csv").splitlines()]
        self.assertEqual(names, ["task"] + self.tasks())
        self.assertEqual(json.loads(self.dowel("block", "types", "--output", "json")), self.json("block", "types"))
        self.assertEqual(self.dowel("block", "list", "--output", "tsv"), "type\tname\trevision\tupdated\tsource\n")
        self.query()
        ids = [run["id"] for run in self.json("runs")]
        lines = self.dowel("runs", "--output", "csv").splitlines()
        self.assertEqual(lines[0], "id,task,name,state,attempts,duration,started,error,subject,amount")
        self.assertEqual([line.split(",")[0] for line in lines[1:]], ids, "whole ids")
        self.assertEqual([json.loads(line)["id"] for line in self.dowel("runs", "list", "--output", "ndjson").splitlines()], ids)
        SERVER.reset()
        shown = self.dowel("call", "bigquery.get_job", "--job", "dowel_1", "--output", "csv")
        self.assertEqual(shown.splitlines()[0].split(",")[:3], ["job_id", "location", "state"])

    def test_a_kept_result_in_every_form(self):
        os.mkdir(self.path("kept"))
        self.dowel("block", "save", "local-file-system/kept", "--basepath", self.path("kept"))
        self.query("--persist-result", "--result-storage", "local-file-system/kept")
        run = self.json("runs")[0]["id"]
        self.assertEqual(json.loads(self.dowel("runs", "result", run))["rows"], [{"s": "a", "n": 1}])
        self.assertEqual(self.dowel("runs", "result", run, "--output", "csv"), "s,n\na,1\n")
        self.assertEqual(self.dowel("runs", "result", run, "--out", self.path("kept.ndjson")), "")
        self.assertEqual(self.content(self.path("kept.ndjson")), '{"s":"a","n":1}\n')
        self.fails(2, "runs", "result", run, "--json", "--output", "csv", says="not both")
        self.fails(3, "runs", "result", "ffffffff", "--out", self.path("none.csv"))
        self.assertFalse(os.path.exists(self.path("none.csv")))

    def test_a_resumed_query_prints_as_a_call_does(self):
        SERVER.reset(job={"status": {"errorResult": {"reason": "stopped", "message": "no"}}})
        self.fails(6, "query", "SELECT 1")
        run = self.json("runs")[0]["id"]
        SERVER.reset(page([TEXT, NUMBER], ["a", "1"]))
        done = self.run_dowel("runs", "resume", run, "--output", "csv")
        self.assertEqual((done.returncode, done.out, done.err), (0, "s,n\na,1\n", "1 row; 0 bytes processed\n"))

    def test_wrong_forms(self):
        self.fails(2, "query", "SELECT 1", "--output", "xlsx", says=["--output", "ndjson", '"xlsx"'])
        self.fails(2, "query", "SELECT 1", "--output", "csv", "--json", says="not both")
        self.fails(2, "query", "SELECT 1", "--output", says="--output needs a value")
        self.fails(2, "task", "list", "--output", "x", says="--output")
        self.fails(2, "task", "show", "gcs.list", "--output", "csv", says="unknown flag --output")

    # ---- files ----

    def test_a_file_tells_its_form(self):
        for name, form in (("a.csv", "csv"), ("a.TSV", "tsv"), ("a.json", "json"), ("a.ndjson", "ndjson"), ("a.jsonl", "ndjson"), ("a.txt", "table"), ("a", "table")):
            done = self.query("--out", self.path(name))
            self.assertEqual(done.out, "", name)
            self.assertTrue(done.err.startswith("1 row;"), done.err)
            with open(self.path(name), encoding="utf-8") as file:
                self.assertEqual(file.read(), self.query("--output", form).out, name)
        self.query("--out", self.path("b.csv"), "--output", "tsv")
        self.assertIn("s\tn", self.content(self.path("b.csv")))
        self.query("--out", self.path("whole.csv"), "--json")
        self.assertEqual(json.loads(self.content(self.path("whole.csv")))["rows"], [{"s": "a", "n": 1}])
        self.assertEqual(self.query("--out", "-", "--output", "csv").out, "s,n\na,1\n")
        self.dowel("task", "list", "--out", self.path("tasks.csv"))
        self.assertTrue(self.content(self.path("tasks.csv")).startswith("task,what\n"))

    def test_a_file_appears_whole_or_not_at_all(self):
        path = self.write("kept.csv", "before\n", mode=0o640)
        SERVER.reset(job={"status": {"errorResult": {"reason": "invalidQuery", "message": "no"}}})
        self.fails(6, "query", "SELECT 1", "--out", path, says="invalidQuery")
        self.assertEqual(self.content(path), "before\n")
        self.query("--out", path)
        self.assertEqual(self.content(path), "s,n\na,1\n")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
        self.assertEqual([name for name in os.listdir(self.folder) if "kept" in name], ["kept.csv"])
        SERVER.reset(page([]))
        self.fails(1, "query", "SELECT 1", "--out", self.path("none", "x.csv"), says=["cannot write", "none/x.csv"])
        self.fails(2, "query", "SELECT 1", "--out", "", says="--out")
        self.assertEqual(SERVER.requests, [], "a query that cannot be written is not run")

    def test_a_pipe_with_a_name(self):
        os.mkfifo(self.path("fifo"))
        reader = os.open(self.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        self.query("--out", self.path("fifo"), "--output", "csv")
        self.assertEqual(os.read(reader, 100), b"s,n\na,1\n")
        os.close(reader)

    # ---- what it did ----

    def test_what_a_statement_did(self):
        table = {"projectId": "demo", "datasetId": "d", "tableId": "t"}
        for statistics, said in (
                ({"statementType": "INSERT", "numDmlAffectedRows": "3", "dmlStats": {"insertedRowCount": "3"}}, "3 rows inserted; 0 bytes processed"),
                ({"statementType": "MERGE", "numDmlAffectedRows": "3", "dmlStats": {"insertedRowCount": "1", "updatedRowCount": "2"}}, "1 row inserted, 2 rows updated;"),
                ({"statementType": "DELETE", "numDmlAffectedRows": "0", "dmlStats": {"deletedRowCount": "0"}}, "0 rows affected;"),
                ({"statementType": "CREATE_TABLE_AS_SELECT", "ddlOperationPerformed": "CREATE", "ddlTargetTable": table, "totalBytesProcessed": "2048"},
                 "created table demo.d.t; 2.0 KiB processed"),
                ({"statementType": "CREATE_TABLE", "ddlOperationPerformed": "REPLACE", "ddlTargetTable": table}, "replaced table demo.d.t;"),
                ({"statementType": "DROP_MATERIALIZED_VIEW", "ddlOperationPerformed": "DROP", "ddlTargetTable": table}, "dropped materialized view demo.d.t;"),
                ({"statementType": "CREATE_TABLE", "ddlOperationPerformed": "SKIP", "ddlTargetTable": table}, "table demo.d.t exists already: nothing was changed;"),
                ({"statementType": "DROP_TABLE", "ddlOperationPerformed": "SKIP", "ddlTargetTable": table}, "table demo.d.t does not exist: nothing was changed;"),
                ({"statementType": "CREATE_SCHEMA", "ddlOperationPerformed": "CREATE", "ddlTargetDataset": {"projectId": "demo", "datasetId": "d"}}, "created dataset demo.d;"),
                ({"statementType": "CREATE_FUNCTION", "ddlOperationPerformed": "CREATE", "ddlTargetRoutine": {"projectId": "demo", "datasetId": "d", "routineId": "f"}},
                 "created function demo.d.f;"),
                ({"ddlOperationPerformed": "CREATE"}, "created table;")):
            done = self.query(pages=[page([])], answer=job(**statistics))
            self.assertTrue(done.out.startswith(said), (done.out, said))
            self.assertEqual(done.err, "")
            done = self.query("--output", "csv", pages=[page([])], answer=job(**statistics))
            self.assertEqual(done.out, "")
            self.assertTrue(done.err.startswith(said), done.err)

    def test_what_a_query_cost(self):
        done = self.query(answer=job(statementType="SELECT", totalBytesProcessed="1258291", totalBytesBilled="10485760"))
        self.assertEqual((done.out, done.err), ("s  n\na  1\n", "1 row; 1.2 MiB processed, 10.0 MiB billed\n"))
        done = self.query(answer=job(statementType="SELECT", cacheHit=True, totalBytesProcessed="0", totalBytesBilled="0"))
        self.assertEqual(done.err, "1 row; from the cache, nothing billed\n")
        for words in ((), ("--output", "json")):
            done = self.query("--dry-run", *words, answer=job(totalBytesProcessed="1258291"))
            self.assertIn("dry run: the query would process 1.2 MiB (1258291 bytes); nothing was run\n", done.out if not words else done.err)
        got = json.loads(self.query("--json", answer=job(statementType="CREATE_TABLE", ddlOperationPerformed="CREATE", totalBytesBilled="0",
                                                         ddlTargetTable={"projectId": "p", "datasetId": "d", "tableId": "t"})).out)
        self.assertEqual((got["statement_type"], got["operation"], got["target"], got["bytes_billed"]), ("CREATE_TABLE", "CREATE", "p.d.t", 0))

    # ---- the terminal ----

    def shown(self, fields, *rows, width=80, words=(), env=None):
        SERVER.reset(page(fields, *rows))
        return self.on_terminal("query", "SELECT", *words, columns=width, env=env)

    def test_a_table_that_fits(self):
        text = self.shown(columns(("state", "STRING"), ("airports", "INTEGER"), ("share", "NUMERIC"), ("note", "STRING"), ("empty", "STRING")),
                          ["Alaska", "263", "0.5", None, ""], ["\u6771\u4eac", "-7", "12.25", "x\ty\x1b[2J", ""])
        self.assertEqual(text.splitlines(), ["state   airports  share  note         empty", "Alaska       263    0.5  NULL         ",
                                             "\u6771\u4eac          -7  12.25  x\\ty\\x1b[2J  ", "2 rows; 0 bytes processed"])

    def test_long_cells_are_cut_and_numbers_are_not(self):
        fields = columns(("id", "STRING"), ("n", "INTEGER"), ("text", "STRING"))
        row = ["0192-7b2b", "9223372036854775807", "x" * 200]
        for width in (80, 140, 180):
            lines = self.shown(fields, row, width=width).splitlines()
            self.assertEqual(max(map(len, lines)), width)
            self.assertTrue(lines[1].startswith("0192-7b2b  9223372036854775807  xxx") and lines[1].endswith("\u2026"), lines)
            self.assertIn("x" * 200, self.shown(fields, row, width=width, words=("--output", "csv")))
            self.assertIn("x" * 200, self.shown(fields, row, width=width, words=("--json",)))
        self.assertIn("x" * 200, self.query(pages=[page(fields, row)]).out, "nothing is cut in a pipe")
        self.query("--out", self.path("t.txt"), pages=[page(fields, row)])
        self.assertIn("x" * 200, self.content(self.path("t.txt")))

    def test_a_table_that_is_too_wide_has_a_column_on_each_line(self):
        fields, row = columns(*[(f"column_{i}", "STRING") for i in range(8)]), ["value of some length"] * 7 + [None]
        lines = self.shown(fields, row, row, width=80).splitlines()
        self.assertEqual(lines[0], "-[ row 1 ]-")
        self.assertEqual(lines[1:4] + lines[8:10], ["column_0  value of some length"] + [f"column_{i}  value of some length" for i in (1, 2)] + ["column_7  NULL", "-[ row 2 ]-"])
        self.assertEqual(len(lines), 19)
        lines = self.shown(fields, row, row, width=140).splitlines()
        self.assertTrue(lines[0].startswith("column_0 ") and len(lines) == 4 and max(map(len, lines)) <= 140, lines)
        long = self.shown(fields, ["y" * 500] * 8, width=80).splitlines()
        self.assertEqual(max(map(len, long)), 80)
        for count in (5, 8):  # of which 5 would fit if they were cut
            numbers = self.shown(columns(*[(f"n{i}", "INTEGER") for i in range(count)]), ["9223372036854775807"] * count, width=80)
            self.assertEqual(numbers.count("9223372036854775807\n"), count, "numbers are never cut")

    def test_the_list_of_runs_fits_a_narrow_terminal(self):
        SERVER.reset(job={"status": {"errorResult": {"reason": "invalidQuery", "message": "Syntax error: " + "x" * 100}}})
        self.fails(6, "query", "SELEC")
        self.query()
        run = self.json("runs")[0]
        for width in (80, 140, 180):
            lines = self.on_terminal("runs", columns=width).splitlines()
            self.assertEqual(len(lines), 3)
            self.assertLessEqual(max(map(len, lines)), width)
            self.assertEqual(lines[0].split()[:2], ["id", "task"])
            self.assertEqual(lines[1].split()[:3], [run["id"] if width > 170 else run["id"].split("-")[-1], "bigquery.query", "completed"])
            self.assertIn(run["started"][:19] + "Z" if width > 170 else run["started"][5:10] + " " + run["started"][11:16], lines[1])
            self.assertIn("\u2026", lines[2], "the subject and the error are cut, and nothing else")

    def test_a_terminal_is_not_driven_by_csv(self):
        text = self.shown([TEXT], ["\x1b[2J\x07"], words=("--output", "csv"))
        self.assertIn("\\x1b[2J\\x07", text)
        self.assertIn("\x1b[2J\x07", self.query("--output", "csv", pages=[page([TEXT], ["\x1b[2J\x07"])]).out, "a pipe gets every byte")

    def test_null_is_dimmed_where_there_are_colours(self):
        text = self.shown([TEXT, NUMBER], [None, "1"], ["NULL", "2"], env={"NO_COLOR": ""})
        self.assertIn("\x1b[2mNULL\x1b[0m", text)
        self.assertIn("\nNULL  2", text)


if __name__ == "__main__":
    main()
