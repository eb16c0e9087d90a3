"""Checks requests against Google's own discovery document of BigQuery: path, method, query parameters, and the body by its schema."""
import json
import os
import re
import urllib.parse

import googleapiclient

DOCUMENT = json.load(open(os.path.join(os.path.dirname(googleapiclient.__file__), "discovery_cache/documents/bigquery.v2.json")))
KINDS = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict}


def methods(resources):
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from methods(resource.get("resources", {}))


def pattern(path):
    return re.compile("/?" + "([^/:]+)".join(re.escape(part) for part in re.split(r"\{[^}]*\}", path)))


ROUTES = [(m["httpMethod"], pattern(DOCUMENT["servicePath"] + m["flatPath"]), m) for m in methods(DOCUMENT["resources"])]
ROUTES += [(m["httpMethod"], pattern(way["path"]), m) for m in methods(DOCUMENT["resources"])
           for way in m.get("mediaUpload", {}).get("protocols", {}).values()]


def check_value(value, schema, where):
    schema = DOCUMENT["schemas"][schema["$ref"]] if "$ref" in schema else schema
    kind = schema.get("type", "any")
    if value is None:
        return
    if kind in KINDS:
        assert isinstance(value, KINDS[kind]) and (kind != "integer" or not isinstance(value, bool)), f"{where}: {value!r} is no {kind}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where}: {value!r} is none of {schema['enum']}"
    if schema.get("format") in ("int64", "uint64"):
        assert re.fullmatch(r"-?\d+", value), f"{where}: {value!r}"
    if kind == "array":
        for i, item in enumerate(value):
            check_value(item, schema["items"], f"{where}[{i}]")
    if kind == "object":
        for name, member in value.items():
            known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            assert known, f"{where}: there is no {name}"
            assert not known.get("readOnly"), f"{where}.{name} is the service's to set"
            check_value(member, known, f"{where}.{name}")


def metadata(request):
    """The JSON of a request: its body, or the first part of a multipart/related one."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/related"):
        boundary = kind.partition("boundary=")[2].encode()
        part = request.body.split(b"--" + boundary + b"\r\n")[1]
        assert b"application/json" in part.partition(b"\r\n\r\n")[0]
        return json.loads(part.partition(b"\r\n\r\n")[2])
    return json.loads(request.body) if request.body else None


def check(request):
    """Raises AssertionError where a request that went by is not what the document allows."""
    path, _, query = request.path.partition("?")
    found = [m for verb, route, m in ROUTES if verb == request.method and route.fullmatch(path)]
    assert len(found) == 1, f"{request}: {len(found)} methods of the API have this path"
    allowed = {**DOCUMENT["parameters"], **found[0].get("parameters", {}), "uploadType": {"type": "string"}}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        assert name in allowed and allowed[name].get("location") != "path", f"{request}: no parameter {name}"
        assert value, f"{request}: {name} is empty"
        if allowed[name]["type"] == "integer":
            assert re.fullmatch(r"\d+", value), f"{request}: {name}"
    body = metadata(request)
    if body is not None:
        assert "request" in found[0], f"{request} takes no body"
        check_value(body, found[0]["request"], found[0]["id"])
