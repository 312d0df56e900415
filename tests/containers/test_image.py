"""The image in containers, with exactly the rights that docker/compose.prod.yml gives: it starts, takes, stores and hands out mail,
outlives kills and replacement. `make image-check`; root only, as tests enter the container's network."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
import yaml
from engine import CAPABILITIES, ENGINE, IMAGE, LIMIT, QUIET, ROOT, commands, remove, run, service_words

pytestmark = pytest.mark.skipif(not IMAGE or os.geteuid() != 0, reason="make image image-check, as root")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    folder / "tls_key", "-out", folder / "tls_certificate", "-subj", "/CN=mail.example.org", "-addext",
                    "subjectAltName=DNS:mail.example.org"], check=True, capture_output=True)
    return folder


def until(what, seconds=90):
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        assert time.monotonic() < end, what
        time.sleep(0.1)


class Container:
    def __init__(self, name, words):
        self.name = name
        remove(name)
        started = time.monotonic()
        run("run", "-d", "--name", name, *words, IMAGE)
        self.ready()
        self.seconds = time.monotonic() - started

    def gkmail(self, *words, check=True, **more):
        return run("exec", *(["-i"] if "input" in more else []), self.name, "gkmail", *words, check=check, **more)

    def ready(self):
        until(lambda: self.gkmail("status", check=False).returncode == 0 or self.running())
        until(lambda: '"ready":true' in self.gkmail("status", "--json", check=False).stdout.replace(" ", ""))

    def running(self):
        state = json.loads(run("inspect", self.name).stdout)[0]["State"]
        said = run("logs", self.name)
        assert state["Running"] or state.get("Restarting"), (said.stdout + said.stderr)[-3000:]

    def pid(self):
        return json.loads(run("inspect", self.name).stdout)[0]["State"]["Pid"]

    def curl(self, *words):
        return subprocess.run(["nsenter", "-t", str(self.pid()), "-n", "curl", "-sS", "--max-time", "60", *words], capture_output=True,
                              text=True)

    def add_user(self):
        self.gkmail("domain", "add", "example.org")
        self.gkmail("user", "add", "me@example.org", input="a long secret\n")

    def send(self, tmp_path, smtp="25"):
        (tmp_path / "mail").write_bytes(b"Subject: hello\r\n\r\nhello\r\n")
        done = self.curl(f"smtp://127.0.0.1:{smtp}", "--mail-from", "x@y.test", "--mail-rcpt", "me@example.org", "-T", tmp_path / "mail")
        assert done.returncode == 0, done.stderr

    def holds(self, n, imaps="993"):
        until(lambda: f"MESSAGES {n}" in self.curl("-k", f"imaps://127.0.0.1:{imaps}/INBOX", "-u", "me@example.org:a long secret",
                                                   "-X", "STATUS INBOX (MESSAGES)").stdout)


@pytest.fixture
def volume(request):
    name = "gk-" + re.sub(r"\W", "-", request.node.name)
    run("volume", "rm", "-f", name, check=False)
    run("volume", "create", name)
    yield name
    run("volume", "rm", "-f", name, check=False)


@pytest.fixture
def start(request, volume, secrets):
    names = []

    def begin(*more, user=None, over=None):
        name = f"{volume}-{len(names)}"
        names.append(name)
        return Container(name, [*service_words("compose.prod.yml", "mail", secrets, user, over), "--volume", f"{volume}:/var/lib/gkmail", *more])
    yield begin
    for name in names:
        remove(name)


def test_nothing_is_in_the_image_but_what_runs():
    image = json.loads(run("image", "inspect", IMAGE).stdout)[0]
    size = image["Size"] / 1e6
    print(f"\nimage: {size:.1f} MB")
    assert size < 50
    id = run("create", *QUIET, IMAGE).stdout.strip()
    try:
        export = subprocess.Popen([ENGINE, "export", id], stdout=subprocess.PIPE)
        names = subprocess.run(["tar", "-tv"], stdin=export.stdout, capture_output=True, text=True).stdout.splitlines()
    finally:
        run("rm", "-v", id)
    assert not [n for n in names if re.search(r"/(sh|bash|dash|busybox|apt|dpkg|perl|python\S*|ldd|mount|su)$", n)]
    assert not [n for n in names if re.match(r"-..[sS]|-.....[sS]", n)], "set-user-ID"
    # What a scanner needs to know of it, and whose libraries these are.
    files = {re.sub(r"^\./", "", n.split(maxsplit=5)[5]) for n in names}
    assert {"etc/os-release", "etc/debian_version"} | {f"var/lib/dpkg/status.d/{p}" for p in ("libc6", "libssl3", "libcurl4")} <= files
    programs = [n.split("/")[-1] for n in names if "/libexec/gkmail/" in n or "usr/libexec/gkmail/gk-" in n]
    services = re.findall(r'\{"(\w+)", PEER_', (ROOT / "master/service.c").read_text())
    assert sorted(p for p in programs if p.startswith("gk-")) == sorted(f"gk-{x}" for x in ["master", *services])


def test_what_is_in_it_is_listed(tmp_path):
    """make sbom: each of Debian's packages that has a record in the image, and what the page is bundled of."""
    subprocess.run(["make", "-s", "sbom", f"B={tmp_path}", f"IMAGE={IMAGE}", f"ENGINE={ENGINE}"], cwd=ROOT, check=True, capture_output=True)
    bom = json.loads((tmp_path / "image/sbom.json").read_text())
    parts = {p["name"]: p for p in bom["components"]}
    assert bom["bomFormat"] == "CycloneDX" and len(parts) == len(bom["components"])
    assert {"libc6", "libssl3", "libcurl4", "libunbound8", "ca-certificates", "preact", "dompurify"} <= set(parts)
    assert all(re.fullmatch(r"pkg:(deb/debian|npm)/[^@]+@[^@?]+(\?.*)?", p["purl"]) and p["version"] for p in parts.values())


def test_mail_with_the_rights_of_production(start, tmp_path):
    c = start()
    print(f"\nfirst start to ready: {c.seconds:.1f} s")
    c.add_user()
    c.send(tmp_path)
    run("exec", "-i", c.name, "sendmail", "-t", input="To: me@example.org\nSubject: from within\n\nhello\n")
    c.holds(2)
    log = run("logs", c.name)
    assert "sandbox.missing" not in log.stdout + log.stderr
    # Who they are, as the host sees it: users of their own, and no capability but those named, in any of them.
    allowed = sum(1 << CAPABILITIES[x] for x in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "SETPCAP",
                                                "NET_BIND_SERVICE", "SYS_CHROOT"))
    seen = set()
    for pid in subprocess.run(["pgrep", "--ns", str(c.pid()), "--nslist", "pid", "gk-"], capture_output=True, text=True).stdout.split():
        status = open(f"/proc/{pid}/status").read()
        uid = int(re.search(r"^Uid:\t(\d+)", status, re.M).group(1))
        bounding = int(re.search(r"^CapBnd:\t(\w+)", status, re.M).group(1), 16)
        assert bounding & ~allowed == 0 and re.search(r"^NoNewPrivs:\t1", status, re.M), status
        name = re.search(r"^Name:\t(\S+)", status, re.M).group(1)
        assert (uid == 0) == (name == "gk-master"), name
        seen.add(uid)
    assert seen == {0} | {64000 + int(n) for n in re.findall(r'", PEER_\w+, "\w+", (\d+),', (ROOT / "master/service.c").read_text())}
    done = run("exec", c.name, "gkmail", "user", "list")
    assert "me@example.org" in done.stdout


def test_what_dies_comes_back(start, tmp_path):
    """A daemon, by master; all of them, by the restart policy; the container, by another one on the same volume."""
    c = start("--restart", "always")
    c.add_user()
    c.send(tmp_path)
    subprocess.run(["pkill", "--ns", str(c.pid()), "--nslist", "pid", "gk-imapd"], check=True)
    c.ready()
    c.holds(1)
    first = c.pid()
    os.kill(first, 9)
    if ENGINE == "podman":
        # What conmon calls when a container ends, and what restarts it; where conmon could not, by hand.
        until(lambda: json.loads(run("inspect", c.name).stdout)[0]["State"]["Pid"] != first)
        run("container", "cleanup", c.name, check=False)
    until(lambda: json.loads(run("inspect", c.name).stdout)[0]["State"]["Pid"] not in (0, first))
    c.ready()
    c.holds(1)
    c.send(tmp_path)
    started = time.monotonic()
    run("stop", c.name)
    seconds = time.monotonic() - started
    print(f"\nstop: {seconds:.1f} s")
    assert json.loads(run("inspect", c.name).stdout)[0]["State"]["ExitCode"] == 0
    run("rm", "-v", c.name)
    start().holds(2)


def test_without_root_at_all(start, tmp_path):
    """Another user, no capability, ports above 1024: everything runs as that user, still under Landlock and seccomp."""
    ports = {"SMTP_LISTEN": 2525, "SUBMISSION_LISTEN": 2587, "SUBMISSION_LISTEN_TLS": 2465, "IMAP_LISTEN": 2143,
             "IMAP_LISTEN_TLS": 2993, "WEB_LISTEN": 8443}
    settings = {**{k: f"*:{v}" for k, v in ports.items()}, "SERVER_SANDBOX": "auto", "TLS_CERTIFICATE": "", "TLS_KEY": "",
                "SERVER_RUN_DIR": "/tmp/gkmail"}
    c = start("--tmpfs", "/tmp:mode=1777", *[x for k, v in settings.items() for x in ("--env", f"GKMAIL_{k}={v}")], user="64100:64100")
    c.add_user()
    c.send(tmp_path, "2525")
    c.holds(1, "2993")


def test_health(start):
    """What the image and the compose files ask is answered."""
    asked = json.loads(run("image", "inspect", IMAGE).stdout)[0]
    asked = (asked.get("Healthcheck") or asked["Config"]["Healthcheck"])["Test"]
    assert asked == ["CMD", "/usr/sbin/gkmail", "status"]
    c = start()
    run("exec", c.name, *asked[1:])
    subprocess.run(["pkill", "-STOP", "--ns", str(c.pid()), "--nslist", "pid", "gk-master"], check=True)
    try:
        assert run("exec", c.name, *asked[1:], check=False).returncode != 0
    finally:
        os.kill(c.pid(), 18)


@pytest.mark.skipif(not shutil.which("pebble"), reason="pebble is not installed (make deps-check)")
def test_a_certificate_by_acme(start, secrets, tmp_path):
    """With docker/compose.acme.yml and no file of a certificate: from an authority that looks at port 443."""
    sys.path.insert(0, str(ROOT / "tests/e2e"))
    from pebble import Pebble
    p = Pebble(tmp_path / "pebble")
    p.config["tlsPort"] = 443
    (tmp_path / "pebble/config.json").write_text(json.dumps({"pebble": p.config}))
    c = start("--volume", f"{p.authority.file}:/authority.pem:ro", "--env", "GKMAIL_ACME_CA_FILE=/authority.pem",
              "--env", f"GKMAIL_ACME_DIRECTORY=https://localhost:{p.port}/dir", over="compose.acme.yml")
    p.inside = ["nsenter", "-t", str(c.pid()), "-n"]
    p.start()
    try:
        done = c.gkmail("acme", "renew", check=False)
        assert done.returncode == 0, done.stdout + done.stderr + p.log()
    finally:
        p.stop()
    assert "issuer: CN=Pebble" in c.curl("-kv", "https://127.0.0.1/").stderr.replace("issuer: CN = ", "issuer: CN=")


@pytest.mark.skipif(ENGINE != "docker", reason="Debian's podman-compose has no `config`")
def test_compose_takes_the_files(tmp_path):
    """As compose itself reads them."""
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    with open(tmp_path / "docker/env.example") as f, open(tmp_path / "docker/.env", "w") as to:
        to.write(f.read() + "GKMAIL_ACME_TERMS_AGREED=true\n")
    for files in (["compose.yml"], ["compose.prod.yml"], ["compose.prod.yml", "compose.acme.yml"]):
        done = subprocess.run(["docker", "compose", *[w for f in files for w in ("-f", f)], "config"], cwd=tmp_path / "docker", capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stderr
        mail = yaml.safe_load(done.stdout)["services"]["mail"]["environment"]
        mail = mail if isinstance(mail, dict) else dict(x.split("=", 1) for x in mail)
        assert mail.get("GKMAIL_ACME_CHALLENGE") == ("tls-alpn-01" if len(files) > 1 else None), done.stdout


def test_what_the_documents_say(tmp_path, secrets):
    """Each command of docs/INSTALLATION.md about containers that needs no other host, with compose, or podman-compose in its place."""
    lines = commands()
    assert len(lines) > 7
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    compose = yaml.safe_load((tmp_path / "docker/compose.prod.yml").read_text())
    compose["name"] = "gktest"
    mail = compose["services"]["mail"]
    mail["ports"] = [f"127.0.0.1:{20000 + int(re.search('[0-9]+$', p).group())}:{p.rpartition(':')[2]}" for p in mail["ports"]]
    if "--no-healthcheck" in QUIET:
        for s in compose["services"].values():
            s["healthcheck"] = {"disable": True}
    (tmp_path / "docker/compose.prod.yml").write_text(yaml.safe_dump(compose))
    image, _, tag = IMAGE.rpartition(":")
    with open(tmp_path / "docker/env.example", "a") as f:
        f.write(f"GKMAIL_IMAGE={image}\nGKMAIL_VERSION={tag}\nGKMAIL_FILES={min(LIMIT, 65536)}\nTLS_CERTIFICATE={secrets}/tls_certificate\n"
                f"TLS_KEY={secrets}/tls_key\n")
    env = dict(os.environ)
    if ENGINE == "podman":
        (tmp_path / "docker.sh").write_text(
            f"#!/bin/sh\nshift\nexec podman-compose --podman-run-args='{' '.join(QUIET)}' \"$@\"\n")
        (tmp_path / "bin").mkdir()
        (tmp_path / "docker.sh").rename(tmp_path / "bin/docker")
        (tmp_path / "bin/docker").chmod(0o755)
        env["PATH"] = f"{tmp_path}/bin:{env['PATH']}"
    (tmp_path / "password").write_text("a long secret\n")

    def shell(line):
        return subprocess.run(["bash", "-c", line], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
    status = "docker compose -f docker/compose.prod.yml exec -T mail gkmail status"
    try:
        for line in lines:
            done = shell(line)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            if " up " in line:
                until(lambda: "all ready" in shell(status).stdout)
        assert "all ready" in done.stdout
        c = Container.__new__(Container)
        c.name = run("ps", "--filter", "label=com.docker.compose.service=mail", "--format", "{{.Names}}").stdout.strip()
        c.send(tmp_path)
        c.holds(1)
    finally:
        shell("docker compose -f docker/compose.prod.yml down -v")
        if ENGINE == "podman":
            run("network", "rm", *[f"docker_{n}" for n in compose["networks"]], check=False)


@pytest.mark.skipif(ENGINE != "podman" or not os.environ.get("GKMAIL_LONG"), reason="GKMAIL_LONG=1: npm from the network, with Debian's Node")
def test_the_web_client_is_the_same_by_the_dockerfile(tmp_path):
    """Its npm stage, which `make image` leaves out with what it has bundled already, file by file. A proxy's authority, where the machine
    has one (NODE_EXTRA_CA_CERTS), is told to npm alone."""
    authority = os.environ.get("NODE_EXTRA_CA_CERTS")
    told = ["-v", f"{authority}:/ca.crt:ro", "--env", "NODE_EXTRA_CA_CERTS=/ca.crt", "--env", "npm_config_cafile=/ca.crt"] if authority else []
    subprocess.run(["buildah", "bud", "--isolation", "chroot", "--format", "docker", "--layers", "--quiet", "--target", "web", "-f", "docker/Dockerfile",
                    "--build-arg", "BASE=localhost/debian:12", *told, "-t", "localhost/gktest-web", "."], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL, timeout=900)
    container = subprocess.run(["buildah", "from", "localhost/gktest-web"], check=True, capture_output=True, text=True).stdout.strip()
    try:
        folder = subprocess.run(["buildah", "mount", container], check=True, capture_output=True, text=True).stdout.strip()
        done = subprocess.run(["diff", "-r", folder, ROOT / "build/ui"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[:2000]
    finally:
        subprocess.run(["buildah", "rm", container], capture_output=True)
        run("rmi", "localhost/gktest-web", check=False)
