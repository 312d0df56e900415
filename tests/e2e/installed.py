"""A machine to install on: /etc, /usr/local, /var and /run are copies or empty, and the real ports are free. As root, in name
spaces of its own.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BIN

ROOT = Path(__file__).resolve().parents[2]

INSIDE = r"""
set -eu
mount --bind "$T/etc" /etc
mount --bind "$T/usr/local" /usr/local
for d in /var/lib /var/log /run; do mount -t tmpfs none $d; done
python3 - <<'END'
import fcntl, socket, struct
s = socket.socket()
fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1 | 0x40))  # SIOCSIFFLAGS: up, running
END
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$T"
sh -e story.sh
"""


def can_unshare():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "-n", "mount", "-t", "tmpfs", "none", "/run"], capture_output=True).returncode == 0


needs_machine = pytest.mark.skipif(not can_unshare(), reason="takes root and name spaces")


@pytest.fixture(scope="session")
def installed(workdir):
    """make install DESTDIR=…"""
    t = workdir / "installed"
    if t.exists():  # for another file of this session
        return t
    t.mkdir()
    # Nothing is built anew: other tests run these programs.
    done = subprocess.run(["make", "--no-print-directory", "-o", "all", "install", f"B={BIN.parent}", f"DESTDIR={t}"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return t


@pytest.fixture
def machine(installed, tmp_path):
    """machine(script) runs a shell script in a fresh machine; its steps by the name that `step` printed."""
    def run(script):
        t = tmp_path / "t"
        t.mkdir()
        subprocess.run(["cp", "-a", "/etc", str(t / "etc")], check=True)
        for name in ("passwd", "group", "shadow", "gshadow"):
            text = (t / "etc" / name).read_text()
            (t / "etc" / name).write_text("".join(x for x in text.splitlines(True) if not x.startswith("gkmail")))
        shutil.rmtree(t / "etc/gkmail", ignore_errors=True)
        shutil.copytree(installed / "etc", t / "etc", dirs_exist_ok=True)
        shutil.copytree(installed / "usr/local", t / "usr/local")
        (t / "pw").write_text("a long secret\n")
        (t / "mail").write_bytes(b"Subject: hello\r\n\r\nhello\r\n")
        (t / "story.sh").write_text("step() { printf '\\n== %s\\n' \"$1\"; }\n" + script)
        done = subprocess.run(["unshare", "-m", "-n", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", INSIDE],
                              env={**os.environ, "T": str(t), "E2E": str(ROOT / "tests/e2e")}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        parts = re.split(r"^== (.+)\n", done.stdout, flags=re.M)
        return dict(zip(parts[1::2], parts[2::2]))
    return run
