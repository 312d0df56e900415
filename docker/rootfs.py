"""rootfs.py INSTALLED ROOTFS - the files of the image: what `make install` put, stripped, and what that needs to run.

Libraries are followed as the loader would. Beside each goes the record of its Debian package (/var/lib/dpkg/status.d), so that
scanners of images know what they look at.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

INSTALLED, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
SOURCE = Path(__file__).resolve().parents[1]
# Loaded or read by name, not linked: charsets, authorities, the DNS root's keys. By the last two scanners know whose packages they look
# at; Trivy goes by debian_version, and without it by nothing.
ALSO = ["/etc/ssl/certs/ca-certificates.crt", "/usr/share/dns/root.key", "/etc/os-release", "/etc/debian_version"]
PROGRAMS = [*sorted((INSTALLED / "usr/libexec/gkmail").iterdir()), INSTALLED / "usr/sbin/gkmail",
            INSTALLED / "usr/sbin/sendmail"]
copied = []


def put(file, name=None):
    target = ROOT / str(name or file).lstrip("/")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(file).resolve(), target)
        if name is None:
            copied.append(str(file))


def libraries(file):
    for line in subprocess.run(["ldd", file], check=True, capture_output=True, text=True).stdout.splitlines():
        found = re.search(r"(/\S+) \(0x", line)
        assert found or "vdso" in line, f"{file}: {line}"
        if found:
            put(found.group(1))


def packages():
    """The packages of what was copied, by dpkg; a file may be known under / or /usr."""
    names = set()
    for file in copied:
        real = str(Path(file).resolve())
        for path in (file, real, real.removeprefix("/usr"), "/usr" + real):
            found = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True).stdout
            if found:
                names.add(found.split(":")[0])
                break
    names |= {"ca-certificates"}
    for name in sorted(names):
        status = subprocess.run(["dpkg-query", "-s", name], check=True, capture_output=True, text=True).stdout
        target = ROOT / "var/lib/dpkg/status.d" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(re.sub(r"^Conffiles:\n( .*\n)*", "", status, flags=re.M))
    return sorted(names)


for program in PROGRAMS:
    name = ROOT / program.relative_to(INSTALLED)
    name.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "--strip-unneeded", "-o", name, program], check=True)
    libraries(program)
for file in ALSO:
    put(file)
gconv = next(Path("/usr/lib").glob("*-linux-gnu/gconv"))
for file in sorted(gconv.rglob("*")):
    if file.is_file():
        put(file)
# Each daemon's user has the number that `gk-master -U 64000` would give it: volumes outlive images.
users = dict(re.findall(r'\{"\w+", PEER_\w+, "(\w+)", (\d+),', (SOURCE / "master/service.c").read_text()))
accounts = {"root": 0, **{f"gkmail-{name}": 64000 + int(n) for name, n in users.items()}, "gkmail": 64100}
for name, text in {
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "etc/passwd": "".join(f"{n}:x:{u}:{u}::/nonexistent:/usr/sbin/nologin\n" for n, u in accounts.items()),
        "etc/group": "".join(f"{n}:x:{u}:\n" for n, u in {**accounts, "gkmail-admin": 64000}.items())}.items():
    (ROOT / name).write_text(text)
for folder, mode in {"etc/gkmail": 0o755, "var/lib/gkmail": 0o755, "var/backups/gkmail": 0o700, "run/gkmail": 0o755,
                     "tmp": 0o1777}.items():
    (ROOT / folder).mkdir(parents=True, exist_ok=True)
    (ROOT / folder).chmod(mode)
# A new volume takes this owner; a master that is root makes it root's.
for folder in ("var/lib/gkmail", "var/backups/gkmail"):
    os.chown(ROOT / folder, accounts["gkmail"], accounts["gkmail"])
(ROOT / "etc/gkmail/gkmail.toml").write_text(
    "# Nothing is set here: GKMAIL_SERVER_HOST_NAME and the like come from the environment, or another file takes this one's place.\n")
size = sum(f.stat().st_size for f in ROOT.rglob("*") if f.is_file())
print(f"{size / 1e6:.1f} MB, {len(packages())} Debian packages", file=sys.stderr)
