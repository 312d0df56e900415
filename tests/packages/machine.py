"""A fresh Debian 12 by mmdebstrap, and a story run in it: by systemd that boots there, or by a plain shell."""

import os
import re
import shutil
import subprocess
from pathlib import Path

STEP = "step() { printf '\\n== %s\\n' \"$1\"; }\n"
# The story ends the machine, and with its own result.
SERVICE = """[Unit]
After=multi-user.target
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'sh -e /root/story.sh >/root/said 2>&1; echo $? >/root/rc; systemctl --no-block poweroff'
"""


def commands(document, heading):
    """The lines to type that stand below a heading of a document."""
    text = (Path(__file__).resolve().parents[2] / "docs" / document).read_text()
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
    return [line for block in re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S) for line in block.splitlines()]


def why_not():
    if os.geteuid() != 0:
        return "takes root"
    for program in ("mmdebstrap", "systemd-nspawn"):
        if shutil.which(program) is None:
            return f"{program} is not installed (make deps-packages)"
    return ""


def depends(deb):
    """What a package depends on, the first of each choice."""
    fields = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], check=True, capture_output=True, text=True).stdout
    return [re.match(r"\s*([a-z0-9.+-]+)", x).group(1) for x in fields.split(",")]


def debootstrap(folder, packages):
    """Debian 12 with nothing but its required packages and these."""
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", "--include=" + ",".join(packages), "bookworm", folder],
                   check=True, timeout=600)


class Machine:
    def __init__(self, base, folder):
        self.root = Path(folder)
        subprocess.run(["cp", "-a", "--reflink=auto", base, folder], check=True)

    def put(self, file, name=None):
        shutil.copy2(file, self.root / "root" / (name or Path(file).name))

    def _end(self, said, rc):
        assert rc == "0", f"exit code {rc}\n{said}"
        parts = re.split(r"^== (.+)\n", said, flags=re.M)
        return dict(zip(parts[1::2], parts[2::2]))

    def boot(self, story, timeout=400):
        """systemd as process 1. What each step of the story said."""
        (self.root / "root/story.sh").write_text(STEP + story)
        (self.root / "etc/systemd/system/story.service").write_text(SERVICE)
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / "story.service").symlink_to("/etc/systemd/system/story.service")
        console = self._nspawn(["-b"], timeout)
        rc = self.root / "root/rc"
        assert rc.exists(), console
        return self._end((self.root / "root/said").read_text(), rc.read_text().strip())

    def shell(self, story, timeout=400):
        """No init system at all: a shell, with processes of its own."""
        (self.root / "root/story.sh").write_text(STEP + story)
        console = self._nspawn(["--as-pid2", "sh", "-c", "sh -e /root/story.sh >/root/said 2>&1; echo $? >/root/rc"], timeout)
        rc = self.root / "root/rc"
        assert rc.exists(), console
        return self._end((self.root / "root/said").read_text(), rc.read_text().strip())

    def _nspawn(self, what, timeout):
        done = subprocess.run(["systemd-nspawn", "--quiet", "-D", self.root, "--register=no", "--keep-unit",
                               "--private-network", "--hostname=mail", "--console=pipe",
                               # Debian 12's own list is older than Landlock.
                               "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self", *what], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
        return done.stdout
