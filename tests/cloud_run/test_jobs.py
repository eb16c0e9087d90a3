"""What a run changes of a job that exists: what the block names, what it named before and no longer names, and nothing else."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import HOME, PARENT, PROXY, TMP, block, call, container, executions, fails, fault, job, prepare, script, server  # noqa: E402
from command import dowel, main  # noqa: E402

NOISY = ("etag", "generation", "updateTime", "reconciling", "terminalCondition", "latestCreatedExecution", "executionCount")


def patch(name, change):
    """Somebody else changes the job: the console, Terraform."""
    held = {k: v for k, v in job(name).items() if k in ("annotations", "labels", "template", "binaryAuthorization", "launchStage")}
    change(held)
    server(f"{PARENT}/{name}", held, method="PATCH")


def run_job(name, *words):
    PROXY.reset(PROXY.rule)
    return call("cloud_run.run", "--job", name, *words)


def updates():
    return len(PROXY.seen("PATCH"))


def test_labels_alone_are_applied():
    prepare()
    block("labelled", *script("true"), "--labels", "team=a")
    run_job("labelled")
    assert job("labelled")["labels"] == {"team": "a"}
    block("labelled", *script("true"), "--labels", "team=b", "--labels", "cost=9")
    run_job("labelled")
    assert job("labelled")["labels"] == {"team": "b", "cost": "9"} and updates() == 1
    run_job("labelled")
    assert updates() == 0, "a job that is as it should be was changed"


def test_what_the_block_no_longer_names_is_taken_back():
    everything = ["--service-account", "robot@demo.iam.gserviceaccount.com", "--timeout", "5m", "--memory", "1Gi", "--cpu", "2", "--parallelism", "1",
                  "--task-count", "2", "--max-retries", "2", "--labels", "team=a", "--env", "A=1", "--env", "B=2"]
    block("shrinks", *script("true"), *everything)
    run_job("shrinks")
    plain = "plain-of-the-service"
    block(plain, *script("true"))
    run_job(plain)
    block("shrinks", *script("true"), "--env", "B=2")
    run_job("shrinks")
    held, never = job("shrinks"), job(plain)
    assert held.get("labels") == never.get("labels"), held
    for member in ("parallelism", "taskCount"):
        assert held["template"].get(member) == never["template"].get(member), member
    for member in ("serviceAccount", "timeout", "maxRetries"):
        assert held["template"]["template"].get(member) == never["template"]["template"].get(member), member
    assert container("shrinks")["resources"] == container(plain)["resources"]
    assert container("shrinks")["env"] == [{"name": "B", "value": "2"}]
    block("shrinks")
    run_job("shrinks")
    assert {"command", "args", "env"}.isdisjoint(container("shrinks")), container("shrinks")


def test_what_somebody_else_set_stays():
    block("shared", *script("true"), "--labels", "team=a", "--env", "MODE=full")
    run_job("shared")

    def change(held):
        held["annotations"]["owner"] = "terraform"
        held["labels"]["goog-terraform-provisioned"] = "true"
        held["launchStage"] = "BETA"
        held["template"]["annotations"] = {"inner": "kept"}
        held["template"]["template"].update(
            vpcAccess={"connector": "projects/p/locations/l/connectors/c"}, executionEnvironment="EXECUTION_ENVIRONMENT_GEN2",
            volumes=[{"name": "data", "gcs": {"bucket": "b", "readOnly": True}}], encryptionKey="projects/p/locations/l/keyRings/r/cryptoKeys/k")
        first = held["template"]["template"]["containers"][0]
        first["env"].insert(0, {"name": "PASSWORD", "valueSource": {"secretKeyRef": {"secret": "db", "version": "latest"}}})
        first["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        first["resources"]["limits"]["nvidia.com/gpu"] = "1"
    patch("shared", change)
    before = job("shared")
    run_job("shared")
    assert updates() == 0 and job("shared")["etag"] == before["etag"]
    block("shared", *script("exit 0"), "--labels", "team=b", "--env", "MODE=half")
    run_job("shared")
    after = job("shared")
    assert updates() == 1 and after["labels"].pop("team") == "b" and before["labels"].pop("team") == "a"
    env = after["template"]["template"]["containers"][0].pop("env")
    assert {"name": "MODE", "value": "half"} in env and any(e["name"] == "PASSWORD" and "valueSource" in e for e in env), env
    assert after["template"]["template"]["containers"][0].pop("args") == ["-c", "exit 0"]
    for held in (before, after):
        held["template"]["template"]["containers"][0].pop("env", None)
        held["template"]["template"]["containers"][0].pop("args", None)
        for member in NOISY:
            held.pop(member, None)
    assert after == before


def test_members_that_the_api_will_have_one_day_stay():
    block("future", *script("true"))
    run_job("future")
    seen = []

    def edit(status, headers, body):
        document = json.loads(body)
        document["template"]["template"]["quantumMode"] = {"qubits": 3}
        return status, headers, json.dumps(document).replace('"qubits": 3', '"qubits": 3.10').encode()

    def rule(r):
        if r.method == "GET" and r.path == f"{PARENT}/future":
            return {"edit": edit}
        if r.method == "PATCH":
            seen.append(r)
            return {"answer": (503, [], b"{}")}
        return None
    block("future", *script("exit 0"))
    PROXY.reset(rule)
    fails(5, "call", "cloud_run.run", "--job", "future", "--timeout", "2s")
    PROXY.reset()
    assert seen and b'"quantumMode":{"qubits":3.10}' in seen[0].body, seen[0].body


def test_a_variable_that_becomes_a_secret_and_back():
    out = os.path.join(TMP, "secret")
    block("secret", *script(f'echo "$PASSWORD|$JSON|$PLAIN" >>{out}'), "--env", 'PASSWORD={"secret":"db","version":"5"}', "--env",
          'JSON={"value": "{\\"secret\\": 1}"}', "--env", 'PLAIN={"some": "json"}')
    run_job("secret")
    assert open(out).read() == 'db@5|{"secret": 1}|{"some": "json"}\n'
    assert {"name": "PASSWORD", "valueSource": {"secretKeyRef": {"secret": "db", "version": "5"}}} in container("secret")["env"]
    run_job("secret")
    assert updates() == 0
    block("secret", *script(f'echo "$PASSWORD" >>{out}'), "--env", "PASSWORD=open")
    run_job("secret", "--env", 'OTHER={"secret": "key"}')
    assert container("secret")["env"] == [{"name": "PASSWORD", "value": "open"}]
    used = executions("secret")[0]["template"]["containers"][0]["env"]
    assert {"name": "OTHER", "valueSource": {"secretKeyRef": {"secret": "key", "version": "latest"}}} in used, used


def test_a_version_of_a_secret_may_be_a_number():
    block("versioned", *script("true"), "--env", 'PASSWORD={"secret":"db","version":7}')
    run_job("versioned")
    assert container("versioned")["env"] == [{"name": "PASSWORD", "valueSource": {"secretKeyRef": {"secret": "db", "version": "7"}}}]


def test_what_is_nearly_a_secret_is_refused():
    save = ["block", "save", "cloud-run-job/nearly", "--job", "nearly", "--region", "r", "--overwrite"]
    for value in ('{"secret":"db","verison":"5"}', '{"secret":"db","version":1.5}', '{"secret":"db","version":0}', '{"secret":"db","version":null}',
                  '{"secret":"","version":"5"}', '{"secret":"db","version":""}'):
        fails(2, *save, "--env", f"PASSWORD={value}", saying="env.PASSWORD")
        fails(2, "call", "cloud_run.run", "--job", "versioned", "--env", f"PASSWORD={value}", saying="env.PASSWORD")
    for literal in ('{"value":"{\\"secret\\":\\"db\\",\\"url\\":1}"}', '{"secret":1}', '{"secret":"db"', "{}", ""):
        dowel(*save, "--env", f"PASSWORD={literal}")


def test_a_name_or_an_amount_that_is_empty_is_refused():
    for field in ("image", "cpu", "memory"):
        fails(2, "block", "save", "cloud-run-job/empty", "--job", "empty", "--region", "r", f"--{field}", "", saying=field)


def test_a_field_that_was_as_the_block_says_already_is_taken_back_too():
    server(f"{PARENT}?jobId=agreed", {"labels": {"team": "a", "theirs": "1"}, "template": {"template": {
        "containers": [{"image": "local/report", "command": ["true"], "env": [{"name": "A", "value": "1"}]}]}}})
    block("agreed", "--labels", "team=a", "--env", "A=1", image=None)
    run_job("agreed")
    assert updates() == 1, "what the block names is recorded"
    run_job("agreed")
    assert updates() == 0
    block("agreed", image=None)
    run_job("agreed")
    assert job("agreed")["labels"] == {"theirs": "1"} and "env" not in container("agreed"), job("agreed")


def test_what_somebody_else_sets_after_the_block_gave_it_up_stays():
    block("given-up", *script("true"), "--cpu", "2")
    run_job("given-up")

    def drop(held):
        del held["template"]["template"]["containers"][0]["resources"]["limits"]["cpu"]

    def set_cpu(held):
        held["template"]["template"]["containers"][0].setdefault("resources", {}).setdefault("limits", {})["cpu"] = "4"
    patch("given-up", drop)
    block("given-up", *script("true"))
    run_job("given-up")
    patch("given-up", set_cpu)
    run_job("given-up")
    assert container("given-up")["resources"]["limits"]["cpu"] == "4"


def test_the_record_is_written_again_when_somebody_replaced_the_annotations():
    block("replaced", *script("true"), "--labels", "team=a", "--labels", "cost=1")
    run_job("replaced")
    patch("replaced", lambda held: held.update(annotations={"owner": "terraform"}))
    run_job("replaced")
    block("replaced", *script("true"), "--labels", "team=a")
    run_job("replaced")
    assert job("replaced")["labels"] == {"team": "a"} and job("replaced")["annotations"]["owner"] == "terraform"
    block("replaced", *script("true"), "--labels", "cost=1", "--labels", "team=a")
    run_job("replaced")
    block("replaced", *script("true"), "--labels", "team=a", "--labels", "cost=1")
    run_job("replaced")
    assert updates() == 0, "another order of the same names is no change"


def test_who_may_only_run_jobs_runs_one_that_is_as_it_should_be():
    server(f"{PARENT}?jobId=guest", {"labels": {"team": "a"}, "template": {"template": {"containers": [{"image": "local/report", "command": ["true"]}]}}})
    block("guest", "--labels", "team=a", image=None)

    def forbid(r):
        return {"answer": (403, [], b'{"error":{"code":403,"status":"PERMISSION_DENIED"}}')} if r.method == "PATCH" else None
    PROXY.reset(forbid)
    assert call("cloud_run.run", "--job", "guest")["state"] == "succeeded"
    block("guest", "--labels", "team=b", image=None)
    PROXY.reset(forbid)
    fails(4, "call", "cloud_run.run", "--job", "guest")
    PROXY.reset()


def test_amounts_are_compared_by_what_they_mean():
    block("amounts", *script("true"), "--cpu", "1", "--memory", "1Gi", "--timeout", "90s", "--env", "EMPTY=")
    run_job("amounts")

    def change(held):
        held["template"]["template"]["timeout"] = "90.000s"
        held["template"]["template"]["containers"][0]["resources"]["limits"] = {"cpu": "1000m", "memory": "1024Mi"}
        held["template"]["template"]["containers"][0]["env"] = [{"name": "EMPTY"}]
    patch("amounts", change)
    run_job("amounts")
    assert updates() == 0
    block("amounts", *script("true"), "--cpu", "2", "--memory", "1Gi", "--timeout", "1.5s")
    run_job("amounts")
    assert updates() == 1 and job("amounts")["template"]["template"]["timeout"] == "1.5s"
    assert container("amounts")["resources"]["limits"] == {"cpu": "2", "memory": "1024Mi"}


def test_a_zero_in_the_block_is_a_value():
    block("zero", *script("true"), "--max-retries", "3", "--parallelism", "2", "--task-count", "2")
    run_job("zero")
    block("zero", *script("true"), "--max-retries", "0", "--parallelism", "0", "--task-count", "2")
    run_job("zero")
    assert not job("zero")["template"].get("parallelism") and not job("zero")["template"]["template"].get("maxRetries")


def test_a_zero_is_written_and_not_left_to_the_default_of_the_service():
    """Which is 3 retries for a job that says nothing."""
    def written(method):
        return json.loads(PROXY.seen(method)[0].body)["template"]
    for name, words in (("new-zero", ["--max-retries", "0", "--parallelism", "0"]), ("new", [])):
        block(name, *script("true"), *words)
        PROXY.reset()
        call("cloud_run.run", "--job", name)
        assert written("POST")["template"]["maxRetries"] == 0, written("POST")
        assert written("POST").get("parallelism") == (0 if words else None), written("POST")
        block(name, *script("exit 0"), *words)
        run_job(name)
        assert updates() == 1 and written("PATCH")["template"].get("maxRetries") == (0 if words else None)
        run_job(name)
        assert updates() == 0, "a job that is as it should be was changed"


def test_a_job_is_run_without_saying_what_it_is():
    out = os.path.join(TMP, "named")
    server(f"{PARENT}?jobId=named", {"template": {"template": {"maxRetries": 3, "containers": [
        {"image": "local/other", "command": ["sh", "-c", f"echo ran >>{out}"]}]}}, "labels": {"team": "x"}})
    before = job("named")
    block("named", image=None)
    assert run_job("named")["state"] == "succeeded" and open(out).read() == "ran\n"
    assert updates() == 0 and job("named")["etag"] == before["etag"]
    block("named", "--memory", "2Gi", image=None)
    run_job("named")
    after = job("named")
    assert container("named")["resources"]["limits"]["memory"] == "2Gi" and after["labels"] == {"team": "x"}
    assert after["template"]["template"]["maxRetries"] == 3, "the block says nothing of retries"
    block("nameless", image=None)
    said = fails(3, "call", "cloud_run.run", "--job", "nameless", saying=["nameless", "image"])
    assert "europe-west1" in said and job("nameless") is None


def test_no_update_runs_the_job_as_it_is():
    out = os.path.join(TMP, "as-it-is")
    block("asitis", *script(f"echo first >>{out}"))
    run_job("asitis")
    block("asitis", *script(f"echo second >>{out}"), "--labels", "a=b")
    run_job("asitis", "--no-update")
    assert open(out).read() == "first\nfirst\n" and updates() == 0 and not job("asitis").get("labels")
    run_job("asitis")
    assert open(out).read() == "first\nfirst\nsecond\n" and updates() == 1
    block("absent", *script("true"))
    fails(3, "call", "cloud_run.run", "--job", "absent", "--no-update", saying="absent")
    assert job("absent") is None


def test_a_change_by_somebody_else_is_read_and_kept():
    """Between our reading and our writing."""
    block("conflict", *script("true"), "--labels", "team=a")
    run_job("conflict")
    block("conflict", *script("true"), "--labels", "team=b")
    raced = []

    def rule(r):
        if r.method == "PATCH" and not raced:
            raced.append(r)
            patch("conflict", lambda held: held["labels"].update(other="theirs"))
    PROXY.rule = rule
    run_job("conflict")
    PROXY.rule = None
    assert updates() == 2 and job("conflict")["labels"] == {"team": "b", "other": "theirs"}


def test_a_conflict_that_does_not_end_is_told():
    block("always", *script("true"), "--labels", "team=a")
    run_job("always")
    block("always", *script("true"), "--labels", "team=b")
    fault(path="/jobs/always", method="PATCH", status=409, name="ABORTED", count=100)
    PROXY.reset()
    fails(7, "call", "cloud_run.run", "--job", "always", saying=["409", "injected fault", "--no-update"])
    assert 2 <= updates() <= 10, updates()
    assert len(PROXY.seen("GET", "/jobs/always")) >= updates(), "read again each time"


def test_a_job_that_somebody_else_made_first_is_changed_to_the_block():
    block("race", *script("true"), "--labels", "team=ours")

    def rule(r):
        if r.method == "POST" and "jobId=race" in r.path and r.number == 1:
            server(f"{PARENT}?jobId=race", {"template": {"template": {"containers": [{"image": "local/theirs", "command": ["false"]}]}}})
    PROXY.rule = rule
    run_job("race")
    PROXY.rule = None
    assert container("race")["image"] == "local/report" and job("race")["labels"] == {"team": "ours"}


def test_an_image_that_is_pushed_later():
    for words in ([], ["--no-update"]):
        name = "pushed" + str(len(words))
        block(name, *script("true"), image=f"local/missing-{name}")
        fails(6, "call", "cloud_run.run", "--job", name, saying=["not found", f"local/missing-{name}"])
        fails(6, "call", "cloud_run.run", "--job", name, saying=["not found", f"local/missing-{name}"])
        assert not executions(name)
        server("/_push", {"image": f"local/missing-{name}"})
        assert run_job(name, *words)["state"] == "succeeded" and len(executions(name)) == 1


def test_a_server_that_answers_a_change_with_the_job_is_done_at_once():
    for name, state in (("direct", "CONDITION_SUCCEEDED"), ("direct-bad", "CONDITION_FAILED")):
        block(name, *script("true"))
        run_job(name)
        answer = {"name": f"{HOME}/{name}", "terminalCondition": {"state": state, "message": "Image 'x' not found."}}
        block(name, *script("true"), "--labels", "team=a")
        PROXY.reset(lambda r, answer=answer: {"answer": (200, [], json.dumps(answer).encode())} if r.method == "PATCH" else None)
        if state == "CONDITION_FAILED":
            fails(6, "call", "cloud_run.run", "--job", name, saying=["cannot run", "Image 'x' not found"])
        else:
            assert call("cloud_run.run", "--job", name)["state"] == "succeeded"
    PROXY.reset()


def test_a_start_token_is_not_sent_again():
    """It would start an execution of its own."""
    block("token", *script("true"))
    run_job("token")
    seen = []

    def rule(r):
        if r.method == "GET" and r.path == f"{PARENT}/token":
            return {"edit": lambda s, h, b: (s, h, json.dumps({**json.loads(b), "startExecutionToken": "once", "runExecutionToken": "once"}).encode())}
        if r.method == "PATCH":
            seen.append(r)
        return None
    block("token", *script("exit 0"))
    PROXY.rule = rule
    run_job("token")
    PROXY.rule = None
    assert len(seen) == 1 and b"ExecutionToken" not in seen[0].body


def test_no_arguments_are_a_value_too():
    out = os.path.join(TMP, "cleared")
    block("cleared", "--command", "sh", "--command", "-c", "--command", f'echo "$# $0" >>{out}', "--command", "name", "--args", "one", "--args", "two")
    run_job("cleared")
    run_job("cleared", "--args", "[]")
    run_job("cleared", "--args", "three")
    assert open(out).read() == "2 name\n0 name\n1 name\n", open(out).read()


def test_what_no_execution_can_have_is_refused():
    PROXY.reset()
    fails(2, "call", "cloud_run.run", "--job", "cleared", "--task-count", "0", saying="task_count")
    fails(2, "block", "save", "cloud-run-job/none", "--job", "none", "--region", "r", "--task-count", "0", saying="task_count")
    fails(2, "block", "save", "cloud-run-job/none", "--job", "none", "--region", "r", "--parallelism", "-1", saying="parallelism")
    for name in ("", "projects/p/locations/l/jobs/j/executions/"):
        fails(2, "call", "cloud_run.status", "--job", "cleared", "--execution", name, saying="execution")
        fails(2, "call", "cloud_run.cancel", "--job", "cleared", "--execution", name, saying="execution")
    assert not PROXY.requests


def test_a_program_that_reads_blocks_sees_the_zero():
    shown = json.loads(dowel("block", "show", "cloud-run-job/zero", "--json"))
    assert "max_retries" in json.dumps(shown), shown


if __name__ == "__main__":
    main(globals())
