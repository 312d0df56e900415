"""gkmail doctor, and the health that gkmail status shows: each fault is found, and told what to do about."""

import contextlib
import json
import os
import signal
import socket

import pytest
from answers import Answers
from conftest import make, wait_for
from sink import Sink

FAST = '[metrics]\nprobe_every = "200ms"\n[remote]\nprobe_domains = []\n'


@pytest.fixture(scope="module")
def quick(workdir):
    s = make(workdir, "--users", "2", config=FAST).start()
    wait_for(lambda: s.ctl("status", check=False).returncode == 0 and "not tried yet" not in s.ctl("status", check=False).stdout)
    yield s
    assert s.stop() == 0


def findings(suite, *options):
    r = suite.ctl("--json", "doctor", *options, check=False)
    found = json.loads(r.stdout)
    assert r.returncode == (1 if any(f["status"] == "fail" for f in found) else 0)
    assert all(("remedy" in f) == (f["status"] != "ok") for f in found)
    return found


def of(found, what):
    return [f for f in found if f["what"] == what]


def test_a_sandbox(quick):
    found = findings(quick, "--offline")
    assert [f["status"] for f in of(found, "relay")] == ["ok"] and [f["status"] for f in of(found, "files")] == ["ok"]
    # Its certificate is of its own authority, which the system does not know; it is for this machine alone.
    assert {f["status"] for f in of(found, "tls")} == {"warn"} and len(of(found, "tls")) == 3
    assert len(of(found, "ports")) == 6 and not of(found, "dns")
    text = quick.ctl("doctor", "--offline", check=False).stdout
    assert "takes no mail of strangers for strangers" in text and "-> " in text


def test_records_that_are_not_served(quick):
    found = of(findings(quick), "dns")
    bad = [f for f in found if f["status"] == "fail"]
    assert any("MX of example.test is missing" in f["text"] for f in bad)
    assert all(f["remedy"].startswith("serve: ") for f in bad)


def test_permissions(quick):
    key = quick.dir / "tls/key.pem"
    mode = key.stat().st_mode & 0o777
    key.chmod(0o644)
    try:
        fault = of(findings(quick, "--offline"), "files")
        assert fault[0]["status"] == "fail" and str(key) in fault[0]["text"] and fault[0]["remedy"] == f"chmod 640 {key}"
    finally:
        key.chmod(mode)
    accounts = quick.dir / "data/auth/accounts.db"
    accounts.chmod(0o604)
    try:
        assert "hashes" in of(findings(quick, "--offline"), "files")[0]["text"]
    finally:
        accounts.chmod(0o600)
    # Of a snapshot that somebody else may read, or write.
    backups = quick.dir / "backup"
    backups.mkdir()
    backups.chmod(0o770)
    try:
        fault = of(findings(quick, "--offline"), "files")[0]
        assert "all mail" in fault["text"] and fault["remedy"] == f"chmod 700 {backups}"
    finally:
        backups.rmdir()


def test_status_tells_what_fails(fresh_suite):
    s = fresh_suite(config=FAST)
    wait_for(lambda: s.ctl("status", check=False).returncode == 0)
    assert s.status()["health"]["status"] in ("pass", "warn")
    pid = s.processes()["imapd"]
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: "fail  imap:responseTime 127.0.0.1:" in s.ctl("status", check=False).stdout, 60)
    assert s.ctl("status", check=False).returncode == 1 and s.status()["health"]["status"] == "fail"
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: s.ctl("status", check=False).returncode == 0, 60)


def test_an_open_relay_is_found(fresh_suite):
    """As far as doctor can see one: example.net is nobody's, and its mail is taken."""
    s = fresh_suite(config=FAST)
    s.ctl("domain", "add", "example.net")
    s.ctl("user", "add", "someone@example.net", input="a good password\n")
    fault = of(findings(s, "--offline"), "relay")
    assert fault and fault[0]["status"] == "fail" and "someone@example.net" in fault[0]["text"]


def test_whether_mail_gets_out(fresh_suite):
    """By the hosts of domains that everybody knows, the better one first; or by the smart host."""
    dns = Answers(["known.test MX 20 mx2.known.test", "known.test MX 10 mx1.known.test", "mx1.known.test A 127.0.0.7",
                   "mx2.known.test A 127.0.0.8"])
    with socket.socket() as free:
        free.bind(("127.0.0.8", 0))
        port = free.getsockname()[1]
    conf = dns.conf("known.test", "silent.test", "example.test") + f"[remote]\nport = {port}\nprobe_domains = ['silent.test', 'known.test']\n"
    s = fresh_suite("--users", "1", config=conf)
    tell = lambda: [(f["status"], f["text"]) for f in of(findings(s), "outgoing")]  # noqa: E731
    assert tell() == [("fail", f"mail does not get out: mx2.known.test (127.0.0.8:{port}): connect to 127.0.0.8:{port}: "
                       "Connection refused")]
    with contextlib.closing(Sink(address="127.0.0.8", port=port)) as other:
        assert tell() == [("ok", f"mx2.known.test (127.0.0.8:{port}) greets: mail gets out")]
        other.greet = "554 5.7.1 not from there"
        assert tell() == [("warn", f"mx2.known.test (127.0.0.8:{port}) answers 554 5.7.1 not from there")]
    dns.records.clear()
    s.config += f"[[route]]\ndomain = '*'\nhost = '[127.0.0.9]'\nport = {port}\n"
    s.restart()
    found = of(findings(s), "outgoing")[0]
    assert found["status"] == "fail" and f"[127.0.0.9] (127.0.0.9:{port})" in found["text"] and "[[route]]" in found["remedy"]
    dns.stop()
