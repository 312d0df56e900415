"""DKIM of what users send: signed by gk-sign, verified by our own verifier and by python3-dkim, keys made and replaced."""

import json
import os
import re
import shutil
import signal
import smtplib
import subprocess
from pathlib import Path

import pytest

from conftest import BIN, make, wait_for
from jmapmail import Client
from sink import Sink, route
from zones import Zones

dkim = pytest.importorskip("dkim", reason="needs python3-dkim (make deps-check)")
TOOL = Path(os.environ.get("GKMAIL_TOOLS", BIN.parent / "tools")).resolve() / "dkim_tool"
DOMAIN = "example.test"


def records(suite):
    """name -> TXT of all keys."""
    return {k["name"]: k["record"] for k in json.loads(suite.ctl("--json", "dkim", "list").stdout)}


def states(suite, domain=DOMAIN):
    return {k["selector"]: k["state"] for k in json.loads(suite.ctl("--json", "dkim", "list", domain).stdout)}


def body_of(message):
    """Without the lines that are ours alone: as it would leave for another host."""
    assert message.startswith(b"Return-Path: ")
    return message.split(b"\r\n", 1)[1]


def verify(suite, message, tmp_path, known=None):
    """How many signatures both verifiers take; that they agree is asserted."""
    known = records(suite) if known is None else known
    message = body_of(message) if message.startswith(b"Return-Path") else message
    count = len(re.findall(rb"(?m)^DKIM-Signature:", message.split(b"\r\n\r\n")[0] + b"\r\n"))
    if count == 0:
        return 0

    def txt(name, timeout=5):
        return known.get((name.decode() if isinstance(name, bytes) else name).rstrip("."), "").encode() or None

    theirs = []
    for i in range(count):
        try:
            theirs.append(dkim.DKIM(message).verify(idx=i, dnsfunc=txt))
        except dkim.DKIMException:
            theirs.append(False)
    (tmp_path / "records").write_text("".join(f"{n} {r}\n" for n, r in known.items()))
    r = subprocess.run([TOOL, str(tmp_path / "records")], input=message, capture_output=True)
    ours = [line.split()[0] == b"pass" for line in r.stdout.splitlines()]
    assert ours == theirs
    return sum(ours)


def newest(suite, name, what):
    return wait_for(lambda: next((m for m in suite.inbox(name) if what in m), None))


def submit(suite, subject, sender="alice", text="", body="hello\r\n", frm=None, to="bob"):
    frm = frm or suite.user(sender)["address"]
    with suite.smtp(sender) as c:
        c.sendmail(suite.user(sender)["address"], [suite.user(to)["address"]],
                   f"From: {frm}\r\nTo: {to}\r\nSubject: {subject}\r\n{text}\r\n{body}".encode())
    return newest(suite, to, subject.encode())


@pytest.fixture(scope="module")
def suite(workdir):
    s = make(workdir, "--domain", DOMAIN, "--users", "3").start()
    s.ctl("dkim", "generate", DOMAIN)
    yield s
    assert "sandbox_violation" not in s.log()
    assert s.stop() == 0


def test_both_signatures_verify(suite, tmp_path):
    m = submit(suite, "two signatures")
    head = body_of(m).split(b"\r\n\r\n")[0]
    fields = re.findall(rb"(?m)^([A-Za-z-]+):", head)
    # Made after we had received it: above our Received. Date and Message-ID were missing, and are signed.
    assert fields[:3] == [b"DKIM-Signature", b"DKIM-Signature", b"Received"]
    assert {b"Date", b"Message-ID"} <= set(fields)
    assert verify(suite, m, tmp_path) == 2
    assert {b"a=rsa-sha256", b"a=ed25519-sha256"} == set(re.findall(rb"a=[a-z0-9-]+", head))
    assert b"; l=" not in head and b" d=example.test;" in head
    # Somebody adds a field that the reader would see, or changes one.
    for before, after in [(b"Subject: two", b"From: evil@x.test\r\nSubject: two"), (b"Subject: two", b"Subject: three"),
                          (b"Subject: two", b"Reply-To: evil@x.test\r\nSubject: two"), (b"hello", b"hullo")]:
        assert verify(suite, m.replace(before, after), tmp_path) == 0, after


@pytest.mark.parametrize("size", [10_000, 17_000, 200_000, 300_000, 3_000_000])
def test_sizes(suite, tmp_path, size):
    line = "x" * 70 + "  y\t z \r\n"
    m = submit(suite, f"size {size}", body=line * (size // len(line)) + "\r\n\r\n")
    if size < 900_000:  # what dkim_tool reads
        assert verify(suite, m, tmp_path) == 2
    else:
        known = records(suite)
        assert dkim.verify(body_of(m), dnsfunc=lambda n, timeout=5: known[n.decode().rstrip(".")].encode())


def test_bdat_without_a_last_line_end(suite, tmp_path):
    u = suite.user("alice")
    text = f"From: {u['address']}\r\nSubject: chunks\r\n\r\nno line end".encode()
    with suite.smtp("alice") as c:
        assert c.docmd(f"MAIL FROM:<{u['address']}>")[0] == 250
        assert c.docmd(f"RCPT TO:<{suite.user('bob')['address']}>")[0] == 250
        c.send(f"BDAT {len(text)} LAST\r\n".encode() + text)
        assert c.getreply()[0] == 250
    assert verify(suite, newest(suite, "bob", b"Subject: chunks"), tmp_path) == 2


def test_programs_of_this_machine(suite, tmp_path):
    env = dict(os.environ, GKMAIL_CONFIG=str(suite.dir / "gkmail.toml"))
    r = subprocess.run([str(suite.bin / "sendmail"), "-i", suite.user("bob")["address"]],
                       input=b"Subject: from cron\n\nx\n", capture_output=True, env=env)
    assert (r.returncode, r.stderr) == (0, b"")
    m = newest(suite, "bob", b"Subject: from cron")
    # From root@mail.example.test: the keys of the domain above are in line with it.
    assert b"@mail.example.test" in re.search(rb"(?m)^From: .*$", m)[0]
    assert b" d=example.test;" in m and verify(suite, m, tmp_path) == 2


def test_jmap(suite, tmp_path):
    """What a browser sends is signed like what a mail program sends, and looks like it but for Received."""
    alice, bob = Client(suite), suite.user("bob")["address"]
    alice.submit(alice.draft("by JMAP", [bob]))
    m = newest(suite, "bob", b"Subject: by JMAP")
    assert verify(suite, m, tmp_path) == 2
    fields = re.findall(rb"(?m)^([A-Za-z-]+):", body_of(m).split(b"\r\n\r\n")[0])
    assert fields[:3] == [b"DKIM-Signature", b"DKIM-Signature", b"Received"] and fields.count(b"Received") == 1
    assert {b"Date", b"Message-ID", b"From", b"To", b"MIME-Version"} <= set(fields)
    assert b"(GK Mail, from a mailbox here)" in m.partition(b"\r\nReceived:")[2].partition(b"\r\nMIME-Version")[0]


def test_mail_from_others_is_not_signed(suite, tmp_path):
    with smtplib.SMTP("localhost", suite.port("smtp"), timeout=30) as c:
        c.sendmail("x@elsewhere.test", [suite.user("bob")["address"]],
                   f"From: {suite.user('alice')['address']}\r\nSubject: spoofed\r\n\r\nx\r\n")
    assert verify(suite, newest(suite, "bob", b"Subject: spoofed"), tmp_path) == 0


def test_what_no_key_may_be(suite):
    def openssl(*arguments):
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout

    place = suite.dir / "data/dkim" / DOMAIN
    bad = place / "bad.active"
    for pem in (openssl("genrsa", "768"), "hello", openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")):
        bad.write_text(pem)
        r = suite.ctl("reload", check=False)
        assert r.returncode == 1 and "key bad of example.test" in r.stderr, r.stderr
    bad.unlink()
    suite.ctl("reload")
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert {p.stat().st_mode & 0o777 for p in place.iterdir()} == {0o600}
    for wrong in (["generate", DOMAIN], ["generate", "elsewhere.test"], ["generate", "../etc"], ["rotate", "elsewhere.test"],
                  ["remove", DOMAIN, "nothing"], ["remove", DOMAIN, next(iter(states(suite)))],
                  ["generate", DOMAIN, "--selector", "a/b"], ["generate", DOMAIN, "--algorithm", "dsa"]):
        assert suite.ctl("dkim", *wrong, check=False).returncode in (1, 2), wrong
    assert set(states(suite).values()) == {"active"}


def test_memory_stays_bounded(suite):
    pid = suite.processes()["sign"]

    def memory():
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])

    def send(n):
        a, b = suite.user("alice")["address"], suite.user("bob")["address"]
        with suite.smtp("alice") as c:
            for i in range(n):
                c.sendmail(a, [b], f"From: {a}\r\nSubject: {i}\r\n\r\nx\r\n")

    send(100)
    before = memory()
    send(600)  # 900 octets each were 540 KiB
    assert memory() - before < 256


def test_a_signer_that_is_killed(suite, tmp_path):
    """In the middle of a message: 451, and the next attempt is signed."""
    a, b = suite.user("alice")["address"], suite.user("bob")["address"]
    text = f"From: {a}\r\nSubject: killed\r\n\r\n".encode() + b"x" * 70 + b"\r\n"
    with suite.smtp("alice") as c:
        for command in (f"MAIL FROM:<{a}>", f"RCPT TO:<{b}>"):
            assert c.docmd(command)[0] == 250
        assert c.docmd("DATA")[0] == 354
        c.send(text + (b"y" * 70 + b"\r\n") * 1000)
        os.kill(suite.processes()["sign"], signal.SIGKILL)
        wait_for(lambda: suite.status() and suite.processes().get("sign"))
        c.send(b"z\r\n.\r\n")
        assert c.getreply()[0] == 451
        wait_for(lambda: all(p["state"] == "ready" for p in suite.status()["processes"]))
        c.sendmail(a, [b], text)
    m = newest(suite, "bob", b"Subject: killed")
    assert verify(suite, m, tmp_path) == 2
    assert sum(b"Subject: killed" in m for m in suite.inbox("bob")) == 1


def test_an_authd_that_forgot_the_session(suite, tmp_path):
    a, b = suite.user("alice")["address"], suite.user("bob")["address"]
    with suite.smtp("alice") as c:
        before = suite.processes()["authd"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: suite.processes().get("authd") not in (None, 0, before) and
                 all(p["state"] == "ready" for p in suite.status()["processes"]))
        assert (c.mail(a)[0], c.rcpt(b)[0]) == (250, 250)
        assert c.data(f"From: {a}\r\nSubject: forgotten\r\n\r\nx\r\n")[0] == 451
        assert c.noop()[0] == 421  # to log in again
    assert verify(suite, submit(suite, "remembered"), tmp_path) == 2
    assert not any(b"Subject: forgotten" in m for m in suite.inbox("bob"))


def test_domains_without_keys_are_not_held_up(fresh_suite, tmp_path):
    s = fresh_suite("--domain", "one.test", "--user", "alice:secret-word-1", "--user", "bob:secret-word-2",
                    config="[submission]\nfree_senders = ['one.test']\n")
    s.ctl("domain", "add", "two.test")
    s.ctl("dkim", "generate", "two.test", "--algorithm", "rsa", "--selector", "only")
    assert states(s, "two.test") == {"only": "active"}
    assert verify(s, submit(s, "no keys"), tmp_path) == 0
    # alice may send as anybody, but has not the keys of two.test for it; nor as an author of each.
    assert verify(s, submit(s, "not hers", frm="boss@two.test"), tmp_path) == 0
    wait_for(lambda: re.search(r"sign\.unsigned .*domain=two\.test.*not the sender", s.log()))
    assert verify(s, submit(s, "of two domains", frm="alice@one.test, boss@two.test"), tmp_path) == 0
    # What is hers is signed, by an alias too.
    s.ctl("alias", "add", "sales@two.test", s.user("alice")["address"])
    m = submit(s, "an alias", frm="Sales <Sales@TWO.test>")
    assert verify(s, m, tmp_path) == 1 and b"s=only;" in m
    # In her own domain she may be anybody, by the operator's word.
    s.ctl("dkim", "generate", "one.test", "--algorithm", "ed25519")
    assert verify(s, submit(s, "anybody of one", frm="info@one.test"), tmp_path) == 1


def test_users_mail_and_bounces_leave_signed(fresh_suite, tmp_path):
    one, two = Sink(), Sink(rcpt="550 5.1.1 nobody")
    s = fresh_suite("--domain", DOMAIN, "--user", "alice:secret-word-1",
                    config=route("one.test", one) + route("two.test", two))
    try:
        s.ctl("dkim", "generate", DOMAIN)
        s.ctl("alias", "add", f"away@{DOMAIN}", "eve@two.test")
        with s.smtp("alice") as c:
            c.sendmail(s.user("alice")["address"], ["x@one.test"], f"From: alice@{DOMAIN}\r\nSubject: out\r\n\r\nx\r\n")
        wait_for(lambda: len(one.taken) == 1)
        assert verify(s, one.taken[0][2], tmp_path) == 2
        # A small notification goes in a packet, one with the original in a file.
        with smtplib.SMTP("localhost", s.port("smtp"), timeout=30) as c:
            for n, size in enumerate((1, 600)):
                c.sendmail("sender@one.test", [f"away@{DOMAIN}"], f"Subject: {n}\r\n\r\n" + ("y" * 70 + "\r\n") * size,
                           mail_options=["RET=FULL"])
                wait_for(lambda n=n: len(one.taken) == n + 2)
        for sender, _, octets in one.taken[1:]:
            assert sender.startswith("MAIL FROM:<>") and b"From: Mail Delivery" in octets or b"MAILER-DAEMON" in octets
            assert verify(s, octets, tmp_path) == 2 and b" d=example.test;" in octets
        assert [len(octets) > 40_000 for _, _, octets in one.taken] == [False, False, True]
        # While gk-sign is away a bounce waits.
        pid = s.processes()["sign"]
        os.kill(pid, signal.SIGSTOP)
        with smtplib.SMTP("localhost", s.port("smtp"), timeout=30) as c:
            c.sendmail("sender@one.test", [f"away@{DOMAIN}"], "Subject: 3\r\n\r\nx\r\n")
        wait_for(lambda: s.log().count("queue.notify") == 3)
        assert len(one.taken) == 3
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(one.taken) == 4)
        assert verify(s, one.taken[3][2], tmp_path) == 2
    finally:
        one.close()
        two.close()


@pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")),
                    reason="needs nsd and ldnsutils (make deps-check)")
def test_rotation(workdir, tmp_path):
    zones = Zones(workdir / "dkim-zones")
    s = make(workdir, "--domain", "plain.test", "--user", "alice:secret-word-1", "--user", "bob:secret-word-2",
             config=zones.conf()).start()
    try:
        s.ctl("dkim", "generate", "plain.test", "--selector", "old")
        first = records(s)
        printed = s.ctl("dkim", "rotate", "plain.test", "--selector", "new").stdout
        assert states(s, "plain.test") == {"old-rsa": "active", "old-ed": "active", "new-rsa": "next", "new-ed": "next"}
        lines = [line for line in printed.splitlines() if not line.startswith(";")]
        assert len(lines) == 2 and all(line.startswith("new-") for line in lines)
        before = submit(s, "before")
        assert verify(s, before, tmp_path) == 2 and b"s=old-rsa;" in before
        # Not served yet: nothing changes.
        r = s.ctl("dkim", "rotate", "plain.test", check=False)
        assert r.returncode == 75 and lines[0] in r.stdout
        assert states(s, "plain.test")["old-rsa"] == "active"
        zones.publish("plain.test", lines)
        s.restart()  # the resolver remembers that there was nothing
        r = s.ctl("dkim", "rotate", "plain.test")
        assert states(s, "plain.test") == {"old-rsa": "retired", "old-ed": "retired", "new-rsa": "active",
                                           "new-ed": "active"}
        after = submit(s, "after")
        assert verify(s, after, tmp_path) == 2 and b"s=new-rsa;" in after and b"s=old" not in after
        assert verify(s, before, tmp_path, known=first) == 2  # the old records still do
        for selector in "old-rsa", "old-ed":
            s.ctl("dkim", "remove", "plain.test", selector)
        assert set(states(s, "plain.test")) == {"new-rsa", "new-ed"}
        # At once, twice on one day.
        s.ctl("dkim", "rotate", "plain.test", "--now")
        s.ctl("dkim", "rotate", "plain.test", "--now")
        assert sorted(states(s, "plain.test").values()) == ["active"] * 2 + ["retired"] * 4
        assert verify(s, submit(s, "at once"), tmp_path) == 2
        assert s.stop() == 0
    finally:
        s.stop()
        zones.stop()


def checked(suite, *arguments):
    r = suite.ctl("--json", "dns", "--check", *arguments, check=False)
    return r.returncode, {(f["what"], f["name"]): f for f in json.loads(r.stdout)}


@pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")),
                    reason="needs nsd and ldnsutils (make deps-check)")
def test_dns_of_a_domain(workdir):
    """What `gkmail dns` prints, put into a zone, is what --check is content with; and each thing that is wrong is told."""
    zones = Zones(workdir / "check-zones")
    s = make(workdir, "--domain", "plain.test", "--user", "alice:secret-word-1", config=zones.conf()).start()
    domain, host = "plain.test", "mail.plain.test"

    def serve(lines, pointer=host):
        zones.write("127.in-addr.arpa", f"1.0.0 300 IN PTR {pointer}.")
        zones.write(domain, "\n".join(lines))
        zones.restart()
        s.restart()  # the resolver's cache

    try:
        s.ctl("dkim", "generate", domain, "--selector", "k")
        code, found = checked(s, domain)
        assert code == 1
        assert {what: f["status"] for (what, _), f in found.items() if f["needed"]} == {
            "MX": "differs", "address": "missing", "SPF": "ok", "DKIM": "missing", "DMARC": "missing"}
        assert sorted(found["MX", domain]["served"]) == ["10 mx.plain.test", "20 mx2.plain.test"]
        printed = s.ctl("dns", domain).stdout.splitlines()
        lines = [line for line in printed if line and not line.startswith(";")] + [f"{host}. IN A 127.0.0.1"]
        assert all(len(part) <= 255 for line in lines for part in re.findall(r'"([^"]*)"', line))
        serve(lines)
        code, found = checked(s)
        assert (code, {f["status"] for f in found.values()}) == (0, {"ok"}), found
        assert {what for what, _ in found} == {"MX", "address", "SPF", "SPF of the host", "DKIM", "DMARC", "MTA-STS",
                                              "MTA-STS host", "TLSRPT", "TLSA", "SRV", "PTR"}
        assert found["SRV", f"_imaps._tcp.{domain}"]["text"] == f"0 1 {s.port('imaps')} {host}"
        # Other words that say the same, and more than one host, are the operator's choice.
        other = [line for line in lines if "spf1" not in line and "DMARC1" not in line] + [
            f"{domain}. IN TXT \"v=spf1 include:other.{domain} ?all\"", f"other.{domain}. IN TXT \"v=spf1 ip4:127.0.0.0/8 -all\"",
            f"{domain}. IN TXT \"some-verification=1\"", f"_dmarc.{domain}. IN TXT \"v=DMARC1; p=none\"",
            f"{domain}. IN MX 5 elsewhere.{domain}.", f"{host}. IN TXT \"v=spf1 a -all\""]
        serve(other)
        code, found = checked(s, domain)
        assert (code, {f["status"] for f in found.values()}) == (0, {"ok"}), found
        # Wrong: SPF does not let us, two DMARC records, another key, no PTR of ours.
        wrong = [re.sub(r"p=[A-Za-z0-9+/]{8}", "p=AAAAAAAA", line) if "k-ed" in line else line for line in lines
                 if "spf1 mx" not in line] + [f"{domain}. IN TXT \"v=spf1 ip4:192.0.2.1 -all\"",
                                              f"_dmarc.{domain}. IN TXT \"v=DMARC1; p=reject\""]
        serve(wrong, pointer="client.plain.test")
        code, found = checked(s, domain)
        assert code == 1
        assert {(what, name) for (what, name), f in found.items() if f["status"] == "differs"} == {
            ("SPF", domain), ("DMARC", f"_dmarc.{domain}"), ("DKIM", f"k-ed._domainkey.{domain}"),
            ("PTR", "1.0.0.127.in-addr.arpa")}
        assert 'says "fail"' in found["SPF", domain]["why"]
        assert "put:" in s.ctl("dns", "--check", domain, check=False).stdout
        # Nobody answers: that is not "missing".
        zones.stop()
        s.restart()
        code, found = checked(s, domain)
        assert code == 75 and {f["status"] for f in found.values()} == {"unknown"}
        assert all(re.fullmatch("[a-z ]{8,}", f["why"]) for f in found.values()), found
        assert s.stop() == 0
    finally:
        s.stop()
        zones.stop()
