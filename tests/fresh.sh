#!/bin/sh
# Runs both commands of the README on a bare Debian: sh tests/fresh.sh bookworm|trixie [root|user] [quickstart|tests]
#   root, user        who runs them: root, or a new user with sudo; without: both commands as root, then the quickstart as a user
#   quickstart, tests only that command
# The system is a minimal one that debootstrap makes in a temporary folder, with a copy of the project and, where it lies beside the project, of
# ../shared. Everything is unmounted and removed at the end, also on Ctrl-C. DOWEL_FRESH_FOLDER says where: it needs 12 GB. Root is needed.
# DOWEL_FRESH_BASE names a folder in which to keep the bare systems themselves, which saves their download the next time.
set -eu
cd "$(dirname "$0")/.."
project=$PWD

usage() { sed -n '2,4s/^# //p' "$project/tests/fresh.sh" >&2; exit 2; }

release=${1:-}
who=${2:-}
what=${3:-}
case $release in bookworm | trixie) ;; *) usage ;; esac
case $who in '' | root | user) ;; *) usage ;; esac
case $what in '' | quickstart | tests) ;; *) usage ;; esac
if [ "$(id -u)" != 0 ]; then
    echo "SKIPPED: only root can make a system of its own (chroot, mount)"
    exit 77
fi

say() { printf '== %s\n' "$*"; }

command -v debootstrap >/dev/null || { apt-get update -qq; apt-get install -y -qq --no-install-recommends debootstrap; } >/dev/null
folder=$(mktemp -d "${DOWEL_FRESH_FOLDER:-/var/tmp}/dowel-fresh-XXXXXX")
system=$folder/system

end() {
    status=$?
    trap - EXIT INT TERM HUP
    # What still runs in there would keep the folders busy.
    for root in /proc/[0-9]*/root; do
        case $(readlink "$root" 2>/dev/null) in "$system"*) kill -9 "$(basename "$(dirname "$root")")" 2>/dev/null || true ;; esac
    done
    # The innermost first.
    grep -o " $system[^ ]* " /proc/mounts | tr -d ' ' | sort -r | while read -r mounted; do umount -l "$mounted" || true; done
    if grep -q " $system" /proc/mounts; then
        echo "$folder is left: something is still mounted in it" >&2
    else
        rm -rf "$folder"
    fi
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

base=${DOWEL_FRESH_BASE:+$DOWEL_FRESH_BASE/$release}
if [ -n "$base" ] && [ -d "$base" ]; then
    cp -a "$base" "$system"
else
    say "making a minimal $release"
    debootstrap --variant=minbase "$release" "$system" >"$folder/debootstrap.log" 2>&1 || { tail -n 20 "$folder/debootstrap.log" >&2; exit 1; }
    [ -z "$base" ] || { mkdir -p "$DOWEL_FRESH_BASE" && cp -a "$system" "$base"; }
fi

# A mount of its own, so that tests can unshare theirs.
mount --bind "$system" "$system"
mount -t proc proc "$system/proc"
mount -t sysfs -o ro sysfs "$system/sys"
mount -t tmpfs -o mode=755 tmpfs "$system/dev"
for device in null zero full random urandom tty; do
    touch "$system/dev/$device"
    mount --bind "/dev/$device" "$system/dev/$device"
done
mkdir "$system/dev/pts" "$system/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$system/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$system/dev/shm"
ln -s pts/ptmx "$system/dev/ptmx"
ln -s /proc/self/fd "$system/dev/fd"
for i in 0 1 2; do ln -s "/proc/self/fd/$i" "$system/dev/$(echo stdin stdout stderr | cut -d' ' -f$((i + 1)))"; done

# How this machine reaches the network: names, proxies, certificate authorities of its own.
cp -L /etc/resolv.conf /etc/hosts "$system/etc/"
own=$(find /usr/local/share/ca-certificates -name '*.crt' 2>/dev/null | head -n 1)
trusted=
if [ -n "$own" ]; then
    mkdir -p "$system/usr/local/share/ca-certificates"
    cp /usr/local/share/ca-certificates/*.crt "$system/usr/local/share/ca-certificates/"
    trusted=/etc/ssl/certs/ca-certificates.crt
fi

inside() { # inside USER COMMAND ...: in a clean environment, from the copy of the project
    user=$1
    shift
    home=$(sed -n "s/^$user:.*:\([^:]*\):[^:]*\$/\1/p" "$system/etc/passwd")
    chroot --userspec="$user" "$system" /usr/bin/env -i HOME="$home" USER="$user" LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
        ${trusted:+PIP_CERT="$trusted" NODE_EXTRA_CA_CERTS="$trusted"} sh -c 'cd "$HOME/dowel" && exec "$@"' sh "$@" </dev/null
}

copy_to() { # copy_to USER: what git would clone, with what is not committed yet
    home=$(sed -n "s/^$1:.*:\([^:]*\):[^:]*\$/\1/p" "$system/etc/passwd")
    mkdir -p "$system$home/dowel"
    git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
        tar -c --null -T - | tar -x -C "$system$home/dowel"
    (cd "$system$home/dowel" && git init -q && git add -A)
    [ ! -d ../shared ] || cp -rL ../shared "$system$home/shared"
    chroot "$system" chown -R "$1" "$home"
}

failures=0
run() { # run USER COMMAND ...
    say "$release, $1: $(shift; echo "$*")"
    inside "$@" >"$folder/log" 2>&1 & # in the background, so that a signal ends this script at once
    if wait $!; then
        tail -n "${DOWEL_FRESH_LINES:-5}" "$folder/log"
    else
        status=$?
        tail -n 60 "$folder/log"
        say "failed with status $status"
        failures=$((failures + 1))
    fi
}

as() { # as USER WHAT ...
    user=$1
    shift
    copy_to "$user"
    for part in "$@"; do
        case $part in
        quickstart) run "$user" sh examples/quickstart.sh ;;
        tests) run "$user" sh tests/run.sh ;;
        esac
    done
    # The next one begins with nothing of it.
    home=$(sed -n "s/^$user:.*:\([^:]*\):[^:]*\$/\1/p" "$system/etc/passwd")
    rm -rf "$system$home/dowel" "$system$home/shared"
}

make_user() {
    chroot "$system" sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends sudo >/dev/null 2>&1 && useradd -m -s /bin/sh someone'
    echo 'someone ALL=(ALL) NOPASSWD: ALL' >"$system/etc/sudoers.d/someone"
    chmod 440 "$system/etc/sudoers.d/someone"
}

if [ "$who" != user ]; then
    as root ${what:-quickstart tests}
fi
if [ "$who" != root ]; then
    make_user
    if [ -n "$what" ]; then as someone "$what"; elif [ "$who" = user ]; then as someone quickstart tests; else as someone quickstart; fi
fi
[ "$failures" = 0 ] || exit 1
say "$release: passed"
