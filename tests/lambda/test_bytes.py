"""Payloads go out byte for byte, also from a run that is resumed, and answers come back as they are: as JSON where they are JSON, with every digit."""
import base64
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import PROXY, attempt, prepare  # noqa: E402
from command import TMP, call, dowel, fails, main, run  # noqa: E402

TEXTS = [b'{"a":1}', b'{"b":1,"a":{"d":2,"c":3}}', b'{"a": 1}', b' [ 1 , 2 ] \n', b'{"id": 18446744073709551615}', b'{"x": 0.10, "y": 1.0, "z": 1e2, "w": 1E+2, "v": -0, "u": -0.0}',
         b'3.14159265358979323846', b'9007199254740993', b'1e400', b'{"text": "\\u00fc\\/\\n"}', b'{"text": "\\u0000"}', b'{"text": "\\ud83d"}',
         b'{"a": 1, "a": 2}', b'{"\\u0000": 1}', '{"grün": "日本"}'.encode(), b'"text"', b'null', b'true', b'[]', b'{}', b'{"$json": "1"}',
         b'{"$json": "not JSON"}', b'{\r\n\t"lines": [\r\n\t\t1\r\n\t]\r\n}\r\n', b'"' + b"x" * 60000 + b'"', b'[' * 3000 + b']' * 3000]
NOT_JSON = [b'{', b'{"a": NaN}', b'[1,]', b"{'a': 1}", b'plain text', b'"\xff"', b'{"a": 01}', b'"\xed\xa0\xbd"', b'{"a": 1} x', b'"a\nb"']


def sent():
    assert len(PROXY.requests) == 1, PROXY.requests
    return PROXY.requests[0].body


def answers(body, headers=()):
    PROXY.reset(lambda r: {"answer": (200, list(headers), body)})


def raw_payload(output):
    """The text of the payload in what --json prints."""
    return re.search(rb'"payload": (.*?)(,\n  "(executed_version|log|payload_format|payload_base64)"|\n}\n)', output, re.S).group(1)


def test_a_payload_goes_out_as_it_came_in():
    prepare()
    path = os.path.join(TMP, "payload")
    for text in TEXTS:
        with open(path, "wb") as file:
            file.write(text)
        answers(b"null")
        call("lambda.invoke", "--function", "echo", "--payload", "@" + path)
        assert sent() == text, (text[:80], sent()[:80])
        assert PROXY.requests[0].headers["content-type"] == "application/json"
        answers(b"null")
        call("lambda.invoke", "--function", "echo", "--payload", "-", stdin=text)
        assert sent() == text
        if len(text) < 10000:
            answers(b"null")
            call("lambda.invoke", "--function", "echo", "--payload", text.decode())
            assert sent() == text


def test_a_byte_order_mark_is_not_part_of_it():
    path = os.path.join(TMP, "bom")
    with open(path, "wb") as file:
        file.write(b'\xef\xbb\xbf{"a":  1}')
    answers(b"null")
    call("lambda.invoke", "--function", "echo", "--payload", "@" + path)
    assert sent() == b'{"a":  1}'


def test_what_is_no_json_is_refused():
    PROXY.reset()
    path = os.path.join(TMP, "payload")
    for text in NOT_JSON:
        with open(path, "wb") as file:
            file.write(text)
        fails(2, "call", "lambda.invoke", "--function", "echo", "--payload", "@" + path, saying="payload")
        fails(2, "call", "lambda.invoke", "--function", "echo", "--payload", "-", stdin=text, saying="payload")
    assert not PROXY.requests


def test_a_document_may_hold_it_as_json_or_as_text():
    for payload, wanted in (('{"n": 18446744073709551615, "x": 0.10}', b'{"n":18446744073709551615,"x":0.10}'),
                            ('{"$json": "{\\"a\\":  1.0}"}', b'{"a":  1.0}'), ('{"inner": {"$json": "1"}}', b'{"inner":{"$json":"1"}}')):
        answers(b"null")
        call("lambda.invoke", "--from", "-", stdin=f'{{"function": "lambda-function/echo", "payload": {payload}}}'.encode())
        assert sent() == wanted, sent()


def test_numbers_of_a_client_context_keep_their_digits():
    for text in ('{"custom":{"id":18446744073709551615}}', '{"custom":  {"a": 1.00}}', '{"env": {"x": 1e2}}'):
        answers(b"null")
        call("lambda.invoke", "--function", "echo", "--client-context", text)
        assert base64.b64decode(PROXY.requests[0].headers["x-amz-client-context"]).decode() == text.replace(" ", "")


def newest():
    return json.loads(dowel("runs", "--json", "--task", "lambda.invoke"))[0]["id"]


def test_a_resumed_run_sends_the_same_bytes():
    path = os.path.join(TMP, "payload")
    for text in TEXTS:
        with open(path, "wb") as file:
            file.write(text)
        PROXY.reset(lambda r: {"answer": (404, [], b"{}")})
        fails(3, "call", "lambda.invoke", "--function", "echo", "--payload", "@" + path, "--run-key", f"key-{hash(text)}")
        answers(b"null")
        done = run("runs", "resume", newest())
        if len(text) > 60000 // 2 and done.returncode == 2:
            assert b"recorded completely" in done.stderr  # too large for the history
            continue
        assert done.returncode == 0 and sent() == text, (text[:80], done)


def test_a_run_key_tells_payloads_apart():
    answers(b"null")
    words = ["call", "lambda.invoke", "--function", "echo", "--run-key", "same"]
    PROXY.rule = lambda r: {"answer": (404, [], b"{}")}
    fails(3, *words, "--payload", '{"n": 1.0}')
    fails(2, *words, "--payload", '{"n": 1.00}', saying="other arguments")
    answers(b"null")
    dowel(*words, "--payload", '{"n": 1.0}')
    assert sent() == b'{"n": 1.0}'


def test_the_history_shows_it_as_json():
    answers(b"null")
    call("lambda.invoke", "--function", "echo", "--payload", '{"id":  18446744073709551616}')
    shown = dowel("runs", "show", newest(), "--json")
    assert '{"id":  18446744073709551616}' in shown and json.loads(shown)["args"]["payload"] == {"id": 18446744073709551616}, shown


def test_an_answer_that_is_json_is_json_with_every_digit():
    for text in TEXTS:
        if text == b'[' * 3000 + b']' * 3000:
            continue  # Python's own reader goes no deeper
        answers(text)
        done = run("call", "lambda.invoke", "--function", "echo", "--json")
        assert done.returncode == 0, done
        got = raw_payload(done.stdout)

        def parts(document):
            return json.loads(document, parse_int=str, parse_float=str, object_pairs_hook=lambda pairs: ("object", pairs))
        assert parts(got) == parts(text), (text, got)
        assert b"payload_format" not in done.stdout


def test_an_answer_that_drives_a_terminal_does_not():
    answers('{"a": 1, "a": "\u202ered\u0085\x7f"}'.encode())
    out = dowel("call", "lambda.invoke", "--function", "echo", "--json")
    assert "\u202e" not in out and json.loads(out)["payload"] == {"a": "\u202ered\u0085\x7f"}, out


def test_an_answer_that_no_plain_value_holds_is_shown_as_it_is():
    for text in ('{"a": 1, "a": 2}', '{"t": "\\ud83d"}', '[1, {"\\u0000": 2}]'):
        answers(text.encode())
        out = dowel("call", "lambda.invoke", "--function", "echo")
        assert text in out and "x00" not in out, out


def test_an_answer_that_is_text_is_text():
    for text in ("done, 5 rows", "<html></html>", '{"mean": NaN}', "[1,]", "grün\n", "a\0b", "\ufeffx", "0x10", "'a'", " "):
        answers(text.encode())
        got = call("lambda.invoke", "--function", "echo")
        assert got["payload"] == text and got["payload_format"] == "text", (text, got)


def test_an_answer_that_is_no_text_is_given_in_base64():
    for body in (bytes(range(256)), b"\xff\xfe", b'"\xff"', b"\x1f\x8b\x08" + b"\0" * 100, '{"a": "ü"}'.encode("latin-1")):
        answers(body)
        got = call("lambda.invoke", "--function", "echo")
        assert base64.b64decode(got["payload_base64"]) == body and got["payload"] is None and got["payload_format"] == "base64", got


def test_an_empty_answer_and_null():
    for body in (b"", b"null"):
        answers(body)
        got = call("lambda.invoke", "--function", "echo")
        assert got["payload"] is None and "payload_format" not in got, got


def test_a_log_that_is_cut_within_a_character_fails_nothing():
    for log, wanted in (("grün".encode()[3:] + b" end", "n end"), (b"\xbc\xc3\xbc ok", "ü ok"), (b"bad \xff byte", "bad \\xff byte"), (b"nul \0 more", "nul ? more")):
        answers(b"1", [("X-Amz-Log-Result", base64.b64encode(log).decode())])
        got = call("lambda.invoke", "--function", "echo", "--tail")
        assert got["payload"] == 1 and got["log"] == wanted, got


def test_a_kept_result_is_the_same_when_it_is_read_again():
    dowel("block", "save", "local-file-system/kept", "--basepath", os.path.join(TMP, "kept"), "--overwrite")
    for text in TEXTS:
        if len(text) > 5000:
            continue
        answers(text)
        done = run("call", "lambda.invoke", "--function", "echo", "--persist-result", "--result-storage", "local-file-system/kept", "--json")
        again = run("runs", "result", newest(), "--json")
        assert done.returncode == 0 and b"".join(again.stdout.split()) == b"".join(done.stdout.split()), (text, done, again)


def failure(body, kind="Unhandled", headers=()):
    PROXY.reset(lambda r: {"answer": (200, [("X-Amz-Function-Error", kind), *headers], body)})
    done = attempt("echo")
    assert done.returncode == 6, done
    return json.loads(done.stderr)["error"]


def test_what_a_failed_function_said_is_not_lost():
    said = failure(b"the real reason in plain text")
    assert "the real reason in plain text" in said["message"] and said["reason"] == "Unhandled", said
    assert "in a JSON string" in failure(b'"the reason, in a JSON string"')["message"]
    said = failure(b"first line\nsecond line: why")
    assert "first line" in said["message"] and "second line: why" in said["detail"], said
    assert "no errorMessage here" in failure(b'{"error": "no errorMessage here"}')["message"]
    assert "\\xff" in failure(b"bytes \xff\xfe that are no text")["message"]
    said = failure(b'{"errorType": "E", "errorType": "F", "errorMessage": "twice, 18446744073709551616"}')
    assert said["reason"] == "F" and "twice" in said["message"], said
    said = failure(b"x" * 3000 + "ü".encode() * 2000)
    assert said["message"].startswith("Lambda function") and "xxxx" in said["message"] and "xxxx" in said["detail"], said
    for message, shown in (('{"code": 7.10}', "7.10"), ("12345678901234567890", "12345678901234567890"), ('"a\\u0000b"', "a\\x00b"), ('[1]', "[1]")):
        said = failure(f'{{"errorType": "E", "errorMessage": {message}}}'.encode())
        assert said["reason"] == "E" and shown in said["message"], said
    assert "disk is full" in failure(b'{"errorType": "E", "cause": "disk is full"}')["message"]
    assert failure(b'{"errorType": "E"}')["message"].endswith("failed: E")
    assert "behind" in failure(b"before\0behind")["message"]
    for text in ("あ" * 600, "a" + "あ" * 600, "ab" + "あ" * 600):
        said = failure(json.dumps({"errorMessage": text + " the end", "stackTrace": ["line 1"]}).encode())
        assert said["message"].endswith("あ") and "the end\nline 1" in said["detail"], said
    log = ("ü" * 2100)[1:].encode()[1:]
    said = failure(b'{"errorMessage": "why"}', headers=[("X-Amz-Log-Result", base64.b64encode(log).decode())])
    assert said["detail"].endswith("üüü") or said["detail"].endswith("üüü\n"), said["detail"][-20:]


if __name__ == "__main__":
    main(globals())
