"""The configuration changes, the suite ends and begins again, new programs take the place of old ones: all with clients
of every kind at work."""

import collections
import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tomllib

import crowd
import pytest
import suite as suites
from conftest import wait_for
from sink import Sink
from test_master import base, conf_file, free_port, refusal, toml_text  # noqa: F401

CONFIG = """
[limits]
user_messages_per_hour = 0
user_recipients_per_hour = 0
domain_messages_per_hour = 0
domain_recipients_per_hour = 0
user_recipients_per_day = 0
[imap]
park_after = "100ms"
[web]
park_after = "100ms"
[mailbox]
linger = "100ms"
[queue]
retry_first = "1s"
retry_max = "1s"
segment_size = "1MiB"
checkpoint = "200ms"
[[route]]
domain = "one.test"
host = "[127.0.0.1]"
port = %d
"""


@pytest.fixture
def sinks():
    made = [Sink(), Sink()]
    yield made
    for s in made:
        s.close()


class File:
    """The configuration file, changed from what it was at first."""

    def __init__(self, suite):
        self.suite, self.path = suite, suite.dir / "gkmail.toml"
        self.first = tomllib.loads(self.path.read_text())

    def write(self, port=None, **changes):
        conf = json.loads(json.dumps(self.first))
        routes = conf.pop("route")
        for r in routes:
            r["port"] = port or r["port"]
        for name, v in changes.items():
            section, key = name.split("__")
            conf.setdefault(section, {})[key] = v
        self.path.write_text(toml_text(conf) + "".join(
            "[[route]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in r.items()) for r in routes))

    def also(self, name, address):
        section, key = name.split("__")
        return {name: [*self.first[section][key], address]}


def new_certificate(suite):
    """Another key for the same names, which clients trust as they do the first one."""
    tls = suite.dir / "tls"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,DNS:mail.example.test", "-keyout",
                    tls / "key.pem", "-out", tls / "certificate.pem"], check=True, capture_output=True)
    with open(suite.info["ca"], "a") as f:
        f.write((tls / "certificate.pem").read_text())


def warnings(suite, *expected):
    bad = [x for x in suite.log().splitlines() if re.search(r'Z (warn|error) |"level":"(warn|error)"', x)]
    slow = ("loop.slow", '"no answer in time"')  # what a machine is told of that does much else
    return [x for x in bad if not any(e in x for e in (*expected, *slow))]


def subjects(suite, user):
    return collections.Counter(re.search(rb"^Subject: (\S+)", m, re.M)[1].decode() for m in suite.inbox(user))


def arrived(suite, c, sinks):
    """What was answered 250 is there once; what was not, not twice."""
    wait_for(lambda: "empty" in suite.ctl("queue", "list").stdout, what="the queue's end")
    here, abroad = subjects(suite, "bob"), collections.Counter(sinks[0].subjects() + sinks[1].subjects())
    assert c.accepted <= set(here) <= c.tried
    assert {n for n in c.accepted if n.startswith("Submitter")} <= set(abroad) <= c.tried
    assert max(here.values()) == 1 and max(abroad.values()) == 1
    with suite.imap("carol") as i:
        i.select("INBOX")
        have = set(map(int, i.uid("SEARCH", None, "ALL")[1][0].split()))
    assert set(c.appended) <= have


def test_reloads_fail_nobody(fresh_suite, sinks):
    suite = fresh_suite(config=CONFIG % sinks[0].port)
    file, port = File(suite), free_port()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        pids = suite.processes()
        changes = [
            {"log__level": "debug"}, {"log__format": "json"}, {"log__to": str(suite.dir / "another-log")},
            {"smtp__max_size": "3MiB"}, {"limits__connections_per_ip": 200}, {"limits__trusted_networks": ["127.0.0.1"]},
            file.also("smtp__listen", f"127.0.0.1:{port}"), file.also("imap__listen_tls", f"127.0.0.1:{port}"),
            file.also("web__listen", f"*:{port}"), file.also("web__listen", f"127.0.0.1:{port}"),
            {"port": sinks[1].port}, {"auth__tag_separator": "-"}, {"auth__mechanisms": ["PLAIN"]},
            {"mailbox__linger": "0s", "imap__park_after": "0s"}, {"dns__timeout": "5s"}, {"delivery__concurrency": 2},
            {"server__host_name": "other.test"}, {"queue__srs": True}, {"remote__connections": 3},
        ]
        refused = [
            ({"smtp__max_sise": "1MiB"}, r"smtp\.max_sise: no such key; did you mean max_size\?"),
            ({"smtp__max_size": "2MiB", "imap__listen": [taken]}, r"imap\.listen: listen on .*: ss -ltnp names the other"),
            ({"smtp__max_size": "2MiB", "tls__key": "/etc/hostname"}, r"tls\.certificate: .*private key"),
            ({"smtp__max_size": "2MiB", "auth__tag_separator": "/"}, r'auth\.tag_separator: "/" is not taken; write'),
        ]
        with crowd.Crowd(suite, crowd.ALL, abroad=["x@one.test"]) as c:
            wait_for(lambda: min(c.turns().values()) > 0, what="all at work")
            for i, change in enumerate(changes):
                file.write(**change)
                if i % 6 == 3:
                    new_certificate(suite)
                suite.ctl("reload")
                bad, said = refused[i % len(refused)]
                file.write(**bad)
                r = suite.ctl("reload", check=False)
                assert r.returncode == 1 and re.search(rf"gkmail\.toml:\d+(:\d+)?: {said}", r.stderr), r.stderr
            file.write()
            suite.ctl("reload")
            before = c.turns()
            wait_for(lambda: all(c.turns()[k] > n for k, n in before.items()), what="all going on")
        assert c.failures() == []
    arrived(suite, c, sinks)
    assert suite.processes() == pids
    assert sinks[1].taken, "nothing went by the other route"
    assert warnings(suite, "master.reload_refused", "master.certificate_name", "limit.exceeded") == []


FRONT = {"Submitter": "smtpd", "Stranger": "smtpd", "Reader": "imapd", "Idler": "imapd"}
TOLD = r"ConnectionRefused|421, b'4\.3\.2 |\* BYE Server shutting down"


def stamp(at):
    """As in the log, without its Z."""
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(timespec="milliseconds")[:23]


def patient(suite, failures):
    """Without what clients try again: refused connections and 421 or BYE (RFC 5321 3.8, RFC 9051 3.4); in HTTP, where no such
    word is, connections that end. What is left is shown with what the suite logged just before it."""
    web = TOLD + (r"|ConnectionReset|BrokenPipe|EOF|RemoteDisconnected|Closed\(|connection was closed|"
                  r"AssertionError\(\((0|None), \{")
    left = [f for f in failures if not re.search(web if f[0] in ("Http1", "Http2", "Socket") else TOLD, f[2])]
    for f in left:
        first, last = (stamp(f[1] + seconds) for seconds in (-3, 0.3))
        said = [line for line in suite.log().splitlines() if first <= line[:23] <= last]
        print(f, *(x for x in said if x.split()[2] in ("master", FRONT.get(f[0], "webd"))), sep="\n")
    return left


def test_restarts_lose_nothing(fresh_suite, sinks):
    suite = fresh_suite(config=CONFIG % sinks[0].port)
    with crowd.Crowd(suite, crowd.ALL, abroad=["x@one.test"]) as c:
        for _ in range(3):
            before = c.turns()
            wait_for(lambda: all(c.turns()[k] > n for k, n in before.items()), what="all at work")
            assert suite.stop() == 0
            suite.start()
        before = c.turns()
        wait_for(lambda: all(c.turns()[k] > n for k, n in before.items()), what="all going on")
    assert patient(suite, c.failures()) == []
    arrived(suite, c, sinks)
    # Each client's connection ends once a restart; all the rest is knocking at a closed door.
    ended = [f for f in c.failures() if "ConnectionRefused" not in f[2]]
    assert len(ended) <= 3 * 2 * len(crowd.ALL), ended
    assert warnings(suite) == []


def test_new_programs_beside_the_running_ones(workdir, sinks):
    """An upgrade: files are replaced, everybody is served on, and a restart takes up the new ones."""
    programs = workdir / "programs"
    shutil.copytree(suites.BIN, programs, symlinks=True)
    suite = suites.make(workdir, config=CONFIG % sinks[0].port)
    suite.bin = programs
    suite.start()
    try:
        with crowd.Crowd(suite, crowd.ALL, abroad=["x@one.test"]) as c:
            wait_for(lambda: min(c.turns().values()) > 0, what="all at work")
            for f in programs.iterdir():  # as dpkg does: another file under the name
                new = f.with_name("." + f.name)
                shutil.copy2(f, new)
                new.rename(f)
            before = c.turns()
            wait_for(lambda: all(c.turns()[k] > n for k, n in before.items()), what="all going on")
            suite.ctl("reload")
            assert c.failures() == []
            assert suite.stop() == 0
            suite.start()
            before = c.turns()
            wait_for(lambda: all(c.turns()[k] > n for k, n in before.items()), what="all going on")
        assert patient(suite, c.failures()) == []
        arrived(suite, c, sinks)
    finally:
        assert suite.stop() == 0


def newer(program, build):
    """Another build in its place, as dpkg puts it there. Its word differs at its beginning: linkers let other strings be its end."""
    octets = program.read_bytes()
    assert build in octets, program
    new = program.with_name("." + program.name)
    new.write_bytes(octets.replace(build, b"x" + build[1:]))
    new.chmod(0o755)
    new.rename(program)


def test_a_program_of_another_build(workdir, base):
    """An upgrade without its restart: what runs serves on, a daemon that has to be started anew is refused and the log says
    what to do. The restart takes up all, or names who is of another build."""
    programs = base / "programs"
    shutil.copytree(suites.BIN, programs, symlinks=True)
    suite = suites.make(workdir, "--users", "2")
    suite.bin = programs
    suite.start()
    try:
        pids, build = suite.processes(), suite.status()["build"].encode()
        newer(programs / "gk-imapd", build)
        suite.ctl("reload")
        with suite.imap("bob") as c:
            c.select("INBOX")
        os.kill(pids["imapd"], signal.SIGKILL)
        wait_for(lambda: "master.build_mismatch" in suite.log(), what="the refusal")
        line = next(x for x in suite.log().splitlines() if "master.build_mismatch" in x)
        assert "process=imapd" in line and build.decode() in line and "restart gkmail as a whole" in line
        suite.send()
        wait_for(lambda: "empty" in suite.ctl("queue", "list").stdout, what="the delivery")
        after = {p["name"]: p for p in suite.status()["processes"]}
        assert after["imapd"]["state"] == "down"
        assert {n: p["pid"] for n, p in after.items() if n != "imapd"} == {n: p for n, p in pids.items() if n != "imapd"}
        # Our kill, and no other crash.
        assert len([x for x in suite.log().splitlines() if "master.crash" in x]) == 1
        newer(programs / "gkmail", build)
        r = suite.ctl("queue", "list", check=False)
        assert r.returncode == 1 and f"build {build.decode()} is running; restart it" in r.stderr
        assert suite.stop() == 0
        assert re.fullmatch("gk-imapd cannot start: it is of build .*; install them together",
                            refusal(conf_file(base), program=programs / "gk-master"))
        for p in programs.iterdir():
            if p.name.startswith("gk-") and p.name != "gk-imapd":
                newer(p, build)
        suite.start()
        assert suite.status()["build"].encode() == b"x" + build[1:]
        assert len(suite.inbox("bob")) == 1
    finally:
        assert suite.stop() == 0
