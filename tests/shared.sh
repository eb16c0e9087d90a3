#!/bin/sh
# The shared library as it is installed: sh tests/shared.sh BUILD-FOLDER. What the headers declare is there and nothing else, a program that is
# built with pkg-config runs, the headers are C++ as well.
set -eu
cd "$(dirname "$0")/.."
build=$1
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$build" --prefix "$prefix" >/dev/null
library=$prefix/lib/libdowel.so
[ -e "$library" ] || library=$(find "$prefix" -name libdowel.so)
nm -D --defined-only "$library" | awk '{print $3}' | sort >"$prefix/exported"
# A declaration ends with a semicolon, an inline function has a body.
cat "$prefix"/include/dowel/*.h | grep -v '^ \*' | tr '\n' ' ' | grep -oE 'DOWEL_API [^;{]*' | grep -oE 'dowel_[a-z0-9_]+( DOWEL|\(|$)' |
    grep -oE '^dowel_[a-z0-9_]+' | sort -u >"$prefix/declared"
missing=$(comm -23 "$prefix/declared" "$prefix/exported")
[ -z "$missing" ] || { echo "declared, but not in the library: $missing"; exit 1; }
foreign=$(grep -v '^dowel_' "$prefix/exported" || true)
[ -z "$foreign" ] || { echo "exported, but none of its own: $foreign"; exit 1; }
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name dowel.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
cc -std=c11 -Wall -Wextra -Werror -Wno-missing-field-initializers examples/fetch_data.c $(pkg-config --cflags --libs dowel) -o "$prefix/fetch_data"
for header in "$prefix"/include/dowel/*.h; do
    echo "#include <dowel/${header##*/}>" >"$prefix/one.cpp"
    # shellcheck disable=SC2046
    clang++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $(pkg-config --cflags dowel) "$prefix/one.cpp"
done
LD_LIBRARY_PATH=$(dirname "$library") HOME=$prefix "$prefix/fetch_data" | grep -qx 'called: 84'
"$prefix/bin/dowel" --version
