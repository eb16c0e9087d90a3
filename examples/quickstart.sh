#!/bin/sh
# Installs missing packages, builds dowel, starts stand-in servers on free loopback ports, and runs examples/main_job.sh against them.
# Needs Debian 12, 13 or a derivative, and no cloud account. Apart from packages, it writes only below build/. Every server is stopped at the
# end, also on Ctrl-C.
set -eu
cd "$(dirname "$0")/.."
sh tests/install.sh build servers
cmake --preset release -DDOWEL_TESTS=OFF >build/configure.log || { cat build/configure.log; exit 1; }
cmake --build --preset release
exec build/venv/bin/python3 tests/servers/with.py gcs bigquery moto lambda oauth cloud-run -- sh examples/main_job.sh
