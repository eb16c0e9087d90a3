"""The power fails while a folder is copied: the disk as it is at that moment is mounted elsewhere, and every file that has its name is whole, and every
file that was reported is there. Needs root and loop devices."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

ROUNDS = int(os.environ.get("DOWEL_TEST_POWER", "3"))
KINDS = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"], "btrfs": ["mkfs.btrfs", "-q", "-f"]}


def do(*words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def has(program):
    return do("sh", "-c", f"command -v {program}")


def files(root):
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found


def crash(work, kind, content, rng):
    """Copies and fails once; how many files were reported by then and how many are there; None: that cannot be said."""
    disk, image, after = (os.path.join(work, name) for name in ("disk", "image", "after"))
    for path in (image, after):
        if os.path.exists(path):
            os.unlink(path)
    assert do("truncate", "-s", "600M", image) and do(*KINDS[kind], image) and do("mount", "-o", "loop", image, disk), f"{kind} cannot be mounted"
    copier = None
    try:
        with open(os.path.join(work, "events"), "w+", encoding="utf-8") as events:
            copier = subprocess.Popen([os.environ["DOWEL_BIN"], "cp", "-r", os.path.join(work, "in"), os.path.join(disk, "out"), "--json"], stdout=events,
                                      env={**os.environ, "HOME": work, "XDG_DATA_HOME": work})
            wanted = rng.randrange(1, len(content))
            while copier.poll() is None and os.path.getsize(events.name) < wanted * 100:
                time.sleep(0.001)  # until it has come so far
            copier.send_signal(signal.SIGSTOP)
            while copier.poll() is None and open(f"/proc/{copier.pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[0] != "T":
                time.sleep(0.001)
            events.seek(0)
            told = [json.loads(line) for line in events.read().split("\n")[:-1]]
            assert do("cp", "--sparse=always", image, after)
    finally:
        if copier:
            copier.kill()
            copier.wait()
        assert do("umount", disk)
    if not do("mount", "-o", "loop", after, disk):
        return None  # the copy was not of one moment
    try:
        found = files(os.path.join(disk, "out"))
    finally:
        assert do("umount", disk)
    named = {name: data for name, data in found.items() if not os.path.basename(name).startswith(".")}
    wrong = [name for name, data in named.items() if content[name] != data]
    lost = [e["to"] for e in told if e["event"] == "copy" and os.path.relpath(e["to"], os.path.join(disk, "out")) not in named]
    assert not wrong and not lost, (kind, wrong[:5], lost[:5])
    return len(told), len(named)


def main():
    rng = random.Random(int(os.environ.get("DOWEL_TEST_SEED", "1")))
    content = {f"{i % 7}/{i:04}": rng.randbytes(rng.choice([0, 10, 4096, 20000, 120000])) for i in range(800)}
    content["large"] = rng.randbytes(5 << 20)
    with tempfile.TemporaryDirectory() as work:
        for name, data in content.items():
            path = os.path.join(work, "in", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        os.mkdir(os.path.join(work, "disk"))
        for kind, make in KINDS.items():
            if not has(make[0]) or kind not in open("/proc/filesystems", encoding="utf-8").read():
                print(f"{kind}: SKIPPED, cannot be made here")
                continue
            seen = [crash(work, kind, content, rng) for _ in range(ROUNDS)]
            assert any(seen), f"{kind}: what the power left could never be mounted"
            for told, named in filter(None, seen):
                print(f"{kind}: {told} were reported, {named} are there and whole")


if len(sys.argv) > 1:
    main()
elif not do("unshare", "--mount", "sh", "-c", "truncate -s 8M $0 && mkfs.ext4 -q -F $0 && mount -o loop $0 /mnt; s=$?; rm -f $0; exit $s",
            os.path.join(tempfile.gettempdir(), "power-probe")):
    print("SKIPPED: loop devices cannot be mounted here")
    sys.exit(77)
else:
    # Mounts of its own: they end with it.
    sys.exit(subprocess.run(["unshare", "--mount", sys.executable, __file__, "inner"], check=False).returncode)
