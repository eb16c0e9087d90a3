#!/bin/sh
# Builds and tests everything: sh tests/run.sh [quick]
#   quick   only the plain build and its tests, without sanitizers, clang, formatting and linting
# Installs what is missing, starts the stand-in servers, and ends with a line that counts. Exit status 0: all passed.
set -eu
cd "$(dirname "$0")/.."
mode=${1:-all}
started=$(date +%s)
jobs=$(nproc 2>/dev/null || echo 2)

step() { printf '\n== %s (%s s)\n' "$*" "$(($(date +%s) - started))"; }

step "installing what is missing"
sh tests/install.sh build checks servers testbench localstack go-servers

passed=0
failed=0
skipped=0
# ctest's own summary is kept and its counts are added up for the closing line.
run_tests() { # run_tests PRESET [ctest options]
    preset=$1
    shift
    log=build/ctest-$preset.log
    ctest --test-dir "build/$preset" --output-on-failure -j"$jobs" "$@" 2>&1 | tee "$log" | grep -vE '^ *Start +[0-9]+:' || true
    line=$(grep -E 'tests passed, [0-9]+ tests? failed out of' "$log" || true)
    [ -n "$line" ] || { echo "no tests ran in $preset"; failed=$((failed + 1)); return; }
    total=$(echo "$line" | sed 's/.*out of \([0-9]*\).*/\1/')
    bad=$(echo "$line" | sed 's/.*passed, \([0-9]*\) tests\{0,1\} failed.*/\1/')
    skips=$(grep -cE '\*\*\*Skipped' "$log" || true)
    passed=$((passed + total - bad - skips))
    failed=$((failed + bad))
    skipped=$((skipped + skips))
}

step "gcc, warnings as errors"
cmake --preset debug >build/configure.log || { cat build/configure.log; exit 1; }
cmake --build --preset debug
step "tests"
run_tests debug

if [ "$mode" = all ]; then
    step "AddressSanitizer and UndefinedBehaviorSanitizer"
    cmake --preset asan >build/configure.log
    cmake --build --preset asan
    run_tests asan -L 'unit|asan' -LE 'slow|release'

    step "ThreadSanitizer"
    cmake --preset tsan >build/configure.log
    cmake --build --preset tsan
    run_tests tsan -L threads

    step "gcc optimised, as it is installed, warnings as errors, one shared library"
    cmake --preset release -DDOWEL_WERROR=ON -DDOWEL_TESTS=OFF -DBUILD_SHARED_LIBS=ON -B build/optimised >build/configure.log
    cmake --build build/optimised
    if sh tests/shared.sh build/optimised; then passed=$((passed + 1)); else failed=$((failed + 1)); fi

    step "clang, warnings as errors, fuzz targets"
    cmake --preset clang >build/configure.log
    cmake --build --preset clang
    run_tests clang -L fuzz

    step "formatting"
    if git ls-files '*.c' '*.h' | xargs build/venv-checks/bin/clang-format --dry-run --Werror; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    step "linting"
    if git ls-files 'core/*.c' 'blocks/*.c' 'connectors/*.c' 'cli/*.c' |
        xargs -P "$jobs" -n 4 clang-tidy -p build/clang --quiet 2>build/clang-tidy.log; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
fi

step "done"
printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
