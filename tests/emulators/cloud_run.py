#!/usr/bin/env python3
"""A stand-in for the Cloud Run Admin API v2, as far as jobs go, that really runs what it is asked to.

Every request is checked against Google's own discovery document (run.v2.json of google-api-python-client): path, method,
query parameters, and the body by its schema; unknown or mistyped members get 400 in Google's error shape, read-only ones are ignored. An
update replaces the whole job, so what it leaves out is gone. Answers are checked against the same schemas, leave out zero, false and empty
values as Google's JSON does, and listings come in pages of three. A container's command runs as a local process for each task index; an image
whose name holds "missing" is not found until it is pushed.

  cloud_run.py [--port N] [--token T]
  POST /_faults   {"count": 2, "status": 503, "path": ":run", "after": true}: the next requests whose path holds `path` fail,
                  with `after` once the work was done; status 0 breaks the connection; {"hold": 60, "after": true} holds the
                  answer back until the client hangs up, at most so many seconds; `method` as well as `path` may be given
  POST /_push     {"image": "local/missing:1"}: it is found from now on
  POST /_finished {"job": "projects/.../jobs/J", "count": 5, "age": 0}: executions of somebody else, which ended so many seconds ago
  GET  /_log      every request seen: method, path
"""
import argparse
import datetime
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import googleapiclient

DOCUMENT = json.load(open(os.path.join(os.path.dirname(googleapiclient.__file__), "discovery_cache/documents/run.v2.json")))
SCHEMAS = DOCUMENT["schemas"]
LOCK = threading.RLock()
JOBS, EXECUTIONS, DELETED, TASKS, OPERATIONS, PROCESSES, FAULTS, LOG, PUSHED = {}, {}, {}, {}, {}, set(), [], [], set()
POLLS_UNTIL_DONE = 2
PAGE = 3


class ApiError(Exception):
    def __init__(self, status, message, name=None):
        super().__init__(message)
        self.status = status
        self.name = name or {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS",
                             412: "FAILED_PRECONDITION", 503: "UNAVAILABLE"}.get(status, "UNKNOWN")


def now(age=0):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def is_missing(image):
    return "missing" in image and image not in PUSHED


# ---- the contract ----

def methods(resources):
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from methods(resource.get("resources", {}))


def template(flat):
    parts = re.split(r"\{[^}]*\}", flat)
    return re.compile("^/" + "([^/:]+)".join(re.escape(p) for p in parts) + "$")


ROUTES = [(m["httpMethod"], template(m["flatPath"]), m) for m in methods(DOCUMENT["resources"])]


def check(value, schema, where, is_request):
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"]]
    if is_request and schema.get("readOnly"):
        return  # the real service ignores what only it may set
    kind = schema.get("type", "any")
    kinds = {"string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict}
    if kind in kinds and (not isinstance(value, kinds[kind]) or (kind == "integer" and isinstance(value, bool))):
        raise ApiError(400, f'Invalid value at "{where}": expected {kind}')
    if kind == "array":
        for i, item in enumerate(value):
            check(item, schema["items"], f"{where}[{i}]", is_request)
    if kind == "object":
        for name, member in value.items():
            if name in schema.get("properties", {}):
                check(member, schema["properties"][name], f"{where}.{name}", is_request)
            elif "additionalProperties" in schema:
                check(member, schema["additionalProperties"], f"{where}.{name}", is_request)
            else:
                raise ApiError(400, f'Invalid JSON payload received. Unknown name "{name}" at "{where}": Cannot find field.')
    if "enum" in schema and value not in schema["enum"]:
        raise ApiError(400, f'Invalid value at "{where}": "{value}"')
    check_format(value, schema.get("format"), where)


FORMATS = {"int64": r"-?\d{1,19}", "google-duration": r"\d+(\.\d{1,9})?s",
           "google-datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"}


def check_format(value, form, where):
    """`value` is JSON, or the text of a query parameter."""
    if form == "int32" and not -2**31 <= int(value) < 2**31:
        raise ApiError(400, f'Invalid value at "{where}": {value}')
    if form in FORMATS and not re.fullmatch(FORMATS[form], value):
        raise ApiError(400, f'Invalid value at "{where}": "{value}" is not of the format {form}')


def without_zeros(value, schema):
    """As Google's JSON leaves them out; values of maps stay."""
    schema = SCHEMAS[schema["$ref"]] if "$ref" in schema else schema
    if isinstance(value, list):
        return [without_zeros(item, schema["items"]) for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    left = {}
    for name, member in value.items():
        inner = schema["properties"].get(name, {})
        if member not in (0, "", []) and not (member == {} and "additionalProperties" in inner):
            left[name] = without_zeros(member, inner)
    return left


# ---- what runs ----

def operation(parent, done, result):
    """An operation that stays undone for some polls; `result` is asked when it is done."""
    name = f"{parent}/operations/{uuid.uuid4()}"
    OPERATIONS[name] = {"polls": POLLS_UNTIL_DONE, "ready": done, "result": result, "parent": parent}
    return name


def show_operation(name, metadata=None):
    op = OPERATIONS.get(name)
    if not op:
        raise ApiError(404, f"Operation {name} not found")
    if metadata is not None:
        op["metadata"] = metadata
    shown = {"name": name, "done": False}
    meta = op.get("metadata")
    if meta is not None:
        shown["metadata"] = {**(meta() if callable(meta) else meta)}
    if op["polls"] > 0 or not op["ready"]():
        op["polls"] -= 1
        return shown
    result = op["result"]()
    shown["done"] = True
    if isinstance(result, ApiError):
        shown["error"] = {"code": 5 if result.status == 404 else 3, "message": str(result)}
    else:
        shown["response"] = result
    return shown


def seconds(text, default):
    return float(text[:-1]) if text else default


def condition(kind, state, reason=None, message=None):
    made = {"type": kind, "state": state, "lastTransitionTime": now()}
    if reason:
        made["executionReason"] = reason
    if message:
        made["message"] = message
    return made


def value_of(variable):
    """What Secret Manager has of a secret's version is its name and the version's."""
    secret = variable.get("valueSource", {}).get("secretKeyRef")
    return f"{secret['secret']}@{secret.get('version', 'latest')}" if secret else variable.get("value", "")


def run_task(execution, index, slots):
    """One task: attempts until it succeeds, is cancelled, or has no retries left."""
    name = execution["name"]
    task_template = execution["template"]
    container = task_template["containers"][0]
    command = container.get("command", []) + container.get("args", [])
    limit = seconds(task_template.get("timeout"), 600)
    task = TASKS[f"{name}/tasks/{name.rsplit('/', 1)[1]}-task{index}"]
    with slots:
        for attempt in range(task_template.get("maxRetries", 0) + 1):
            with LOCK:
                if execution["_cancelled"]:
                    break
                execution["runningCount"] = execution.get("runningCount", 0) + 1
                if attempt:
                    execution["retriedCount"] = execution.get("retriedCount", 0) + 1
                env = {**os.environ, "CLOUD_RUN_JOB": execution["job"], "CLOUD_RUN_EXECUTION": name.rsplit("/", 1)[1],
                       "CLOUD_RUN_TASK_INDEX": str(index), "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
                       "CLOUD_RUN_TASK_COUNT": str(execution["taskCount"])}
                env.update({e["name"]: value_of(e) for e in container.get("env", [])})
                try:
                    process = subprocess.Popen(command or ["true"], env=env, start_new_session=True, stdin=subprocess.DEVNULL,
                                               stdout=sys.stderr, stderr=sys.stderr)
                except OSError as problem:
                    print(problem, file=sys.stderr)
                    process = None
                if process:
                    PROCESSES.add(process)
                    execution["_processes"].add(process)
            status = 127
            if process:
                try:
                    status = process.wait(limit)
                except subprocess.TimeoutExpired:
                    end(process)
                    status = -signal.SIGKILL
            with LOCK:
                PROCESSES.discard(process)
                execution["_processes"].discard(process)
                execution["runningCount"] -= 1
                task.update(retried=attempt, lastAttemptResult=attempt_result(status), completionTime=now(),
                            conditions=[condition("Completed", "CONDITION_SUCCEEDED" if status == 0 else "CONDITION_FAILED")])
                if status == 0:
                    execution["succeededCount"] = execution.get("succeededCount", 0) + 1
                    return
        with LOCK:
            member = "cancelledCount" if execution["_cancelled"] else "failedCount"
            execution[member] = execution.get(member, 0) + 1
            if execution["_cancelled"]:
                task["conditions"] = [condition("Completed", "CONDITION_FAILED", "CANCELLED", "The task was cancelled.")]


def attempt_result(status):
    """Of a process's exit status, negative for a signal."""
    if status == 0:
        return {"status": {}}
    ended = {"exitCode": status} if status > 0 else {"termSignal": -status}
    return {**ended, "status": {"code": 10, "message": "The container exited with an error."}}


def end(process):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(1)
            return
        except subprocess.TimeoutExpired:
            pass


def run_execution(execution):
    slots = threading.Semaphore(execution.get("parallelism") or execution["taskCount"])
    image = execution["template"]["containers"][0]["image"]
    if is_missing(image):
        with LOCK:
            execution["failedCount"] = execution["taskCount"]
    else:
        threads = [threading.Thread(target=run_task, args=(execution, i, slots)) for i in range(execution["taskCount"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with LOCK:
        execution["completionTime"] = now()
        execution["reconciling"] = False
        if execution.get("cancelledCount"):
            last = condition("Completed", "CONDITION_FAILED", "CANCELLED", "The execution was cancelled.")
        elif execution.get("failedCount"):
            last = condition("Completed", "CONDITION_FAILED", "NON_ZERO_EXIT_CODE",
                             f"{execution['failedCount']} of {execution['taskCount']} tasks failed.")
        else:
            last = condition("Completed", "CONDITION_SUCCEEDED", None, "Execution completed successfully.")
        execution["conditions"] = [condition("Started", "CONDITION_SUCCEEDED"), last]


def public(resource):
    with LOCK:
        return json.loads(json.dumps({k: v for k, v in resource.items() if not k.startswith("_")}))


# ---- methods ----

def get_job(name):
    if name not in JOBS:
        raise ApiError(404, f"Resource '{name}' of kind 'JOB' does not exist.")
    return JOBS[name]


def finish_job(name):
    job = JOBS[name]
    image = job["template"]["template"]["containers"][0]["image"]
    job["reconciling"] = False
    if is_missing(image):
        job["terminalCondition"] = {"type": "Ready", "state": "CONDITION_FAILED", "reason": "CONTAINER_MISSING",
                                    "message": f"Image '{image}' not found.", "lastTransitionTime": now()}
    else:
        job["terminalCondition"] = {"type": "Ready", "state": "CONDITION_SUCCEEDED", "lastTransitionTime": now()}
    return {"@type": "type.googleapis.com/google.cloud.run.v2.Job", **public(job)}


def settle(body):
    """What the service fills in."""
    outer = body.get("template")
    if not outer or not outer.get("template", {}).get("containers"):
        raise ApiError(400, "template.template.containers is required")
    task = outer["template"]
    for container in task["containers"]:
        if not container.get("image"):
            raise ApiError(400, "template.template.containers[0].image is required")
        names = [variable.get("name") for variable in container.get("env", [])]
        if len(set(names)) != len(names) or not all(names):
            raise ApiError(400, "template.template.containers[0].env: names must be given and differ")
        for variable in container.get("env", []):
            if "valueSource" in variable and ("value" in variable or not variable["valueSource"].get("secretKeyRef", {}).get("secret")):
                raise ApiError(400, f"template.template.containers[0].env: {variable['name']} must have a value or a secret")
        container.setdefault("resources", {}).setdefault("limits", {})
        for key, value in (("cpu", "1000m"), ("memory", "512Mi")):
            container["resources"]["limits"].setdefault(key, value)
    outer.setdefault("taskCount", 1)
    task.setdefault("timeout", "600s")
    task.setdefault("serviceAccount", "default@developer.gserviceaccount.com")
    if not task.get("maxRetries"):
        task.pop("maxRetries", None)  # zero is left out
    return outer


FOREIGN = ("run.googleapis.com", "cloud.googleapis.com", "serving.knative.dev", "autoscaling.knative.dev")


def wanted(body):
    """What a caller may set of a job; the rest is the service's own."""
    for name in body.get("annotations", {}):
        if name.split("/")[0].endswith(FOREIGN):
            raise ApiError(400, f"annotations: {name} is reserved")
    members = SCHEMAS["GoogleCloudRunV2Job"]["properties"]
    return {name: value for name, value in body.items() if not members[name].get("readOnly") and name not in ("name", "etag", "template")}


def create_job(parent, query, body):
    if not query.get("jobId"):
        raise ApiError(400, "jobId is required")
    name = f"{parent}/jobs/{query['jobId']}"
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", query["jobId"]):
        raise ApiError(400, "jobId must be lower case letters, digits and hyphens")
    if name in JOBS:
        raise ApiError(409, f"Resource '{query['jobId']}' already exists.")
    JOBS[name] = {**wanted(body), "name": name, "uid": str(uuid.uuid4()), "generation": "1", "createTime": now(), "updateTime": now(),
                  "template": settle(body), "reconciling": True, "etag": f'"{uuid.uuid4()}"', "executionCount": 0}
    return show_operation(operation(parent, lambda: True, lambda: finish_job(name)), public(JOBS[name]))


def patch_job(name, body):
    job = get_job(name)
    if body.get("etag") and body["etag"] != job["etag"]:
        raise ApiError(409, "The etag does not match.", "ABORTED")
    template = settle(body)
    for member in wanted(job):
        del job[member]
    job.update(wanted(body), template=template, updateTime=now(), generation=str(int(job["generation"]) + 1), etag=f'"{uuid.uuid4()}"',
               reconciling=True)
    return show_operation(operation(name.split("/jobs/")[0], lambda: True, lambda: finish_job(name)), public(job))


def delete_job(name):
    job = get_job(name)
    for execution in list(EXECUTIONS.values()):
        if execution["_job"] == name and not execution.get("completionTime"):
            cancel(execution)
    del JOBS[name]
    return show_operation(operation(name.split("/jobs/")[0], lambda: True, lambda: public(job)), public(job))


def run_job(name, body):
    job = get_job(name)
    outer = json.loads(json.dumps(job["template"]))
    overrides = body.get("overrides", {})
    for over in overrides.get("containerOverrides", []):
        container = outer["template"]["containers"][0]
        if over.get("args"):
            container["args"] = over["args"]
        if over.get("clearArgs"):
            container.pop("args", None)
        held = {e["name"]: e for e in container.get("env", [])}
        held.update({e["name"]: e for e in over.get("env", [])})
        container["env"] = list(held.values())
    count = overrides.get("taskCount") or outer["taskCount"]
    if overrides.get("timeout"):
        outer["template"]["timeout"] = overrides["timeout"]
    short = f"{name.rsplit('/', 1)[1]}-{uuid.uuid4().hex[:5]}"
    full = f"{name}/executions/{short}"
    project, location = name.split("/")[1], name.split("/")[3]
    execution = {"name": full, "uid": str(uuid.uuid4()), "job": name.rsplit("/", 1)[1], "_job": name, "createTime": now(), "startTime": now(),
                 "taskCount": count, "template": outer["template"], "reconciling": True, "_cancelled": False, "_processes": set(),
                 "logUri": f"https://console.cloud.google.com/logs/viewer?project={project}&location={location}&execution={short}",
                 "conditions": [condition("Completed", "CONDITION_RECONCILING")]}
    if outer.get("parallelism"):
        execution["parallelism"] = outer["parallelism"]
    EXECUTIONS[full] = execution
    for i in range(count):
        task = f"{full}/tasks/{short}-task{i}"
        TASKS[task] = {"name": task, "uid": str(uuid.uuid4()), "index": i, "job": execution["job"], "execution": short, "createTime": now(),
                       "logUri": f"{execution['logUri']}&task={i}"}
    job["latestCreatedExecution"] = {"name": full, "createTime": execution["createTime"]}
    job["executionCount"] += 1
    threading.Thread(target=run_execution, args=(execution,), daemon=True).start()
    # The operation is done when the execution has begun, not when it has ended.
    made = operation(name.split("/jobs/")[0], lambda: True,
                     lambda: {"@type": "type.googleapis.com/google.cloud.run.v2.Execution", **public(execution)})
    return show_operation(made, lambda: {"@type": "type.googleapis.com/google.cloud.run.v2.Execution", **public(execution)})


def cancel(execution):
    with LOCK:
        execution["_cancelled"] = True
        processes = list(execution["_processes"])
    for process in processes:
        threading.Thread(target=end, args=(process,)).start()


def answer(method, path, query, body):
    route = next(((m, r.match(path)) for verb, r, m in ROUTES if verb == method and r.match(path)), None)
    if not route:
        raise ApiError(404, f"no such method: {method} {path}")
    spec, _ = route
    allowed = {**DOCUMENT["parameters"], **spec.get("parameters", {})}
    for name, value in query:
        if allowed.get(name, {}).get("location") != "query":
            raise ApiError(400, f'Invalid query parameter "{name}"')
        if [n for n, _ in query].count(name) > 1 and not allowed[name].get("repeated"):
            raise ApiError(400, f'Query parameter "{name}" is given twice')
        if not re.fullmatch({"integer": r"-?\d+", "boolean": "true|false"}.get(allowed[name]["type"], ".*"), value, re.S):
            raise ApiError(400, f'Invalid value "{value}" of query parameter "{name}"')
        check_format(value, allowed[name].get("format"), name)
    query = dict(query)
    for name, parameter in allowed.items():
        if parameter.get("required") and parameter["location"] == "query" and not query.get(name):
            raise ApiError(400, f"{name} is required")
    if "request" in spec:
        check(body if body is not None else {}, spec["request"], "body", True)
    elif body is not None:
        raise ApiError(400, "This method takes no body.")
    resource = path[len("/v2/"):].split(":")[0]
    with LOCK:
        result = METHODS[spec["id"]](resource, query, body or {})
    check(result, spec["response"], "answer", False)
    return without_zeros(result, spec["response"])


def get_execution(name):
    if name not in EXECUTIONS:
        raise ApiError(404, f"Resource '{name}' of kind 'EXECUTION' does not exist.")
    return EXECUTIONS[name]


def page_of(items, query, what, place):
    """A page of the items, which are sorted by what `place` gives; a token is only good for the listing that gave it."""
    size = int(query.get("pageSize") or PAGE)
    if size < 0:
        raise ApiError(400, "pageSize must not be negative")
    items, token = sorted(items, key=place), query.get("pageToken")
    if token:
        after, _, other = token.partition("|")
        if other != f"{what}|{query.get('showDeleted', '')}":
            raise ApiError(400, "Invalid page token")
        items = [item for item in items if place(item) > float(after)]
    page = items[:min(size or PAGE, PAGE)]
    answer = {what: page}
    if len(page) < len(items):
        answer["nextPageToken"] = f"{place(page[-1])}|{what}|{query.get('showDeleted', '')}"
    return answer


def newest_first(resource):
    return -datetime.datetime.fromisoformat(resource["createTime"]).timestamp()


def list_tasks(name, query):
    get_execution(name)
    items = [public(t) for n, t in TASKS.items() if n.startswith(name + "/")]
    return page_of(items, query, "tasks", lambda task: task["index"])


def list_executions(name, query):
    get_job(name)
    shown = [*EXECUTIONS.values(), *(DELETED.values() if query.get("showDeleted") == "true" else [])]
    items = [public(e) for e in shown if e["_job"] == name]
    return page_of(items, query, "executions", newest_first)


def finished(asked):
    """Executions of somebody else."""
    for _ in range(asked["count"]):
        name = f"{asked['job']}/executions/{asked['job'].rsplit('/', 1)[1]}-{uuid.uuid4().hex[:5]}"
        at = now(asked.get("age", 0))
        EXECUTIONS[name] = {"name": name, "uid": str(uuid.uuid4()), "job": asked["job"].rsplit("/", 1)[1], "_job": asked["job"], "createTime": at,
                            "startTime": at, "completionTime": at, "taskCount": 1, "succeededCount": 1, "_cancelled": False, "_processes": set(),
                            "template": {"containers": [{"image": "local/other"}]}, "conditions": [condition("Completed", "CONDITION_SUCCEEDED")]}


def cancel_execution(name):
    execution = get_execution(name)
    if execution.get("completionTime"):
        raise ApiError(400, "The execution has completed already.", "FAILED_PRECONDITION")
    cancel(execution)
    return show_operation(operation(name.split("/jobs/")[0], lambda: bool(execution.get("completionTime")), lambda: public(execution)),
                          public(execution))


def delete_execution(name):
    execution = EXECUTIONS.pop(name, None)
    if not execution:
        raise ApiError(404, f"Resource '{name}' of kind 'EXECUTION' does not exist.")
    cancel(execution)
    DELETED[name] = execution
    execution["deleteTime"] = now()
    return show_operation(operation(name.split("/jobs/")[0], lambda: True, lambda: public(execution)), public(execution))


METHODS = {
    "run.projects.locations.jobs.create": lambda r, q, b: create_job(r.rsplit("/", 1)[0], q, b),
    "run.projects.locations.jobs.get": lambda r, q, b: public(get_job(r)),
    "run.projects.locations.jobs.list": lambda r, q, b: {"jobs": [public(j) for n, j in JOBS.items() if n.startswith(r + "/")]},
    "run.projects.locations.jobs.patch": lambda r, q, b: patch_job(r, b),
    "run.projects.locations.jobs.delete": lambda r, q, b: delete_job(r),
    "run.projects.locations.jobs.run": lambda r, q, b: run_job(r, b),
    "run.projects.locations.jobs.executions.get": lambda r, q, b: public(get_execution(r)),
    "run.projects.locations.jobs.executions.list": lambda r, q, b: list_executions(r.rsplit("/", 1)[0], q),
    "run.projects.locations.jobs.executions.cancel": lambda r, q, b: cancel_execution(r),
    "run.projects.locations.jobs.executions.delete": lambda r, q, b: delete_execution(r),
    "run.projects.locations.jobs.executions.tasks.list": lambda r, q, b: list_tasks(r.rsplit("/", 1)[0], q),
    "run.projects.locations.operations.get": lambda r, q, b: show_operation(r),
    "run.projects.locations.operations.wait": lambda r, q, b: show_operation(r),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    token = None

    def send(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fault(self, path, after):
        with LOCK:
            for fault in FAULTS:
                if (fault["count"] > 0 and fault.get("path", "") in path and bool(fault.get("after")) == after
                        and fault.get("method", self.command) == self.command):
                    fault["count"] -= 1
                    return fault
        return None

    def fail(self, fault):
        if "hold" in fault:
            select.select([self.connection], [], [], fault["hold"])
        if not fault.get("status"):
            self.close_connection = True
            self.connection.close()
            return
        self.send(fault["status"], {"error": {"code": fault["status"], "message": "injected fault",
                                             "status": fault.get("name", "UNAVAILABLE")}})

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(size)
        path = urllib.parse.unquote(url.path)
        if path == "/_log":
            return self.send(200, LOG)
        if path == "/_faults":
            FAULTS.append({"count": 1, **json.loads(raw)})
            return self.send(200, {})
        if path == "/_push":
            PUSHED.add(json.loads(raw)["image"])
            return self.send(200, {})
        if path == "/_finished":
            with LOCK:
                finished(json.loads(raw))
            return self.send(200, {})
        LOG.append({"method": self.command, "path": path})
        fault = self.fault(path, False)
        if fault:
            return self.fail(fault)
        try:
            if self.token and self.headers.get("Authorization") != f"Bearer {self.token}":
                raise ApiError(401, "Request had invalid authentication credentials.")
            if raw and self.headers.get_content_type() != "application/json":
                raise ApiError(400, f"Content-Type {self.headers.get_content_type()} is not supported")
            try:
                body = json.loads(raw) if raw else None
            except ValueError:
                raise ApiError(400, "Invalid JSON payload received.")
            query = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
            result = answer(self.command, path, query, body)
            fault = self.fault(path, True)
            return self.fail(fault) if fault else self.send(200, result)
        except ApiError as problem:
            return self.send(problem.status, {"error": {"code": problem.status, "message": str(problem), "status": problem.name}})

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token")
    options = parser.parse_args()
    Handler.token = options.token
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True

    def stop(*_):
        for process in list(PROCESSES):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
