"""A service of a compose file as arguments for `podman run` or `docker run`."""

import os
import re
import resource
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
GKMAIL = Path(os.environ.get("GKMAIL_BIN", ROOT / "build/bin")) / "gkmail"
ENGINE = os.environ.get("GKMAIL_ENGINE", "podman")
IMAGE = os.environ.get("GKMAIL_IMAGE", "")
# linux/capability.h
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8, "NET_BIND_SERVICE": 10,
                "SYS_CHROOT": 18}
LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# podman has systemd ask for health; where that is not, tests ask themselves. Its own limits may be above what there is here.
QUIET = [] if ENGINE != "podman" else ["--ulimit", f"nofile={min(LIMIT, 65536)}", "--ulimit", "nproc=4096"] + (
    [] if Path("/run/systemd/system").exists() else ["--no-healthcheck"])
VALUES = {"GKMAIL_VERSION": "dev", "GKMAIL_HOST_NAME": "mail.example.org", "GKMAIL_POSTMASTER": "me@example.org",
          "GKMAIL_ACME_TERMS_AGREED": "true"}


def commands():
    """The lines to type about containers that this tests."""
    section = re.search(r"^## Containers\n(.*?)^## ", (ROOT / "docs/INSTALLATION.md").read_text(), re.M | re.S).group(1)
    mark = r"^<!-- tested: tests/containers/test_image.py -->\n```sh\n(.*?)^```"
    return [line for block in re.findall(mark, section, re.M | re.S) for line in block.splitlines()]


def interpolate(text):
    """${NAME}, ${NAME:-default} and ${NAME:?complaint}, as compose has them."""
    def value(m):
        assert m.group(1) in VALUES or not (m.group(2) or "").startswith(":?")
        return VALUES.get(m.group(1), (m.group(2) or "")[2:])
    return re.sub(r"\$\{(\w+)(:[-?][^}]*)?\}", value, text)


def run(*words, check=True, **more):
    done = subprocess.run([ENGINE, *words], capture_output=True, text=True, timeout=120, **more)
    assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done


def remove(name):
    run("rm", "-f", "-v", *(["-t", "0"] if ENGINE == "podman" else []), name, check=False)


def load(file):
    return yaml.safe_load(interpolate((ROOT / "docker" / file).read_text()))


def service_words(file, service, secrets, user=None, over=None):
    """Without its networks: tests enter the container's own. With a user: without root and capabilities. over: a second file."""
    s, files = load(file)["services"][service], {}
    if over:
        s["environment"].update(load(over)["services"][service]["environment"])
        files = {k: v["file"] for k, v in load(over)["secrets"].items()}
    words = [*QUIET]
    words += ["--network", "none", "--hostname", s["hostname"], "--stop-timeout", s["stop_grace_period"].rstrip("s")]
    for c in s["cap_drop"]:
        words += ["--cap-drop", c]
    for c in s.get("cap_add", []) if user is None else []:
        words += ["--cap-add", c]
    for o in s["security_opt"]:
        words += ["--security-opt", o.split(":")[0]]
    if s.get("read_only"):
        words += ["--read-only"] + (["--read-only-tmpfs=false"] if ENGINE == "podman" else [])
    for k, v in s["environment"].items():
        words += ["--env", f"{k}={v or ''}"]
    for t in s["tmpfs"]:
        words += ["--tmpfs", t]
    for x in s.get("secrets", []):
        words += ["--volume", f"{files.get(x, secrets / x)}:/run/secrets/{x}:ro"]
    for k, v in s["ulimits"].items():
        words += ["--ulimit", f"{k}={min(int(v), LIMIT)}"]
    words += ["--user", user] if user else []
    limits = s["deploy"]["resources"]["limits"]
    return words + ["--memory", str(limits["memory"])]
