"""A file system that is full to the last block: what may be refused is refused for now, what was accepted is delivered,
users make room, and the same processes serve on."""

import contextlib
import json
import os
import random
import signal
import time
import urllib.error
import urllib.request

import pytest

import imapraw
import machine
import scenes
import world
from jmapmail import Client
from mcp import Stdio
from suite import wait_for
from test_web_auth import Browser

pytestmark = pytest.mark.skipif(machine.why_not is not None, reason=f"a small file system: {machine.why_not}")

CONFIG = """
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "200ms"
segment_size = "1MiB"
min_free = "4MiB"
[delivery]
reserve = "6MiB"
[mailbox]
linger = "0s"
"""


@pytest.fixture
def small(workdir):
    m = machine.Machine(workdir, "--users", "4", config=CONFIG, megabytes=64)
    try:
        yield m.start()
    finally:
        m.destroy()


class Filler:
    """Somebody else's file, which takes what there is."""

    def __init__(self, m):
        self.path = m.disk.place / "filler"
        self.f = open(self.path, "ab", buffering=0)

    def fill(self):
        end = time.monotonic() + 2  # others make room meanwhile
        for n in (1 << 20, 1 << 16, 1 << 12):
            with contextlib.suppress(OSError):
                while time.monotonic() < end:
                    self.f.write(b"x" * n)

    def use_up(self, m):
        """The reserve too."""
        while reserve(m) > 0:
            os.truncate(m.dir / "data" / "mail" / ".reserve", 0)
            self.fill()

    def remove(self):
        self.f.close()
        self.path.unlink()


def reserve(m):
    return (m.dir / "data" / "mail" / ".reserve").stat().st_size


@contextlib.contextmanager
def stopped(m, name):
    """Stands still meanwhile, so that what is accepted waits."""
    pid = m.processes()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def daemons(m):
    return {p["name"]: p["pid"] for p in m.status()["processes"]}


def mail_from(m):
    with m.smtp(None, port="smtp", tls=False) as c:
        c.ehlo("x.test")
        return c.mail("s@elsewhere.test")


def no(c, command):
    _, result = c.command(command)
    assert result.startswith(b"NO [UNAVAILABLE]"), result


def send(m, user, name, size=600, sender="s@elsewhere.test"):
    with m.smtp(None, port="smtp", tls=False) as c:
        c.sendmail(sender, [m.user(user)["address"]], scenes.text(name, size))


def append(c, name, size=600):
    octets = scenes.text(name, size)
    return b'APPEND INBOX {%d+}\r\n' % len(octets) + octets


def empty(m):
    wait_for(lambda: "empty" in m.ctl("queue", "list").stdout, what="the queue's end")


def test_full_to_the_brim(small):
    m = small
    alice = imapraw.connect(m, "alice")
    for i in range(12):
        alice.append("INBOX", scenes.text(f"a{i}"))
    alice.ok("SELECT INBOX")
    send(m, "carol", "c0")
    empty(m)
    wait_for(lambda: reserve(m) == 6 << 20, what="the reserve")
    before = daemons(m)
    filler = Filler(m)
    with stopped(m, "local"):
        for i in range(40):
            send(m, "bob", f"b{i}", 20_000)
        send(m, "user4", "gone", sender=m.user("carol")["address"])
        m.ctl("user", "del", m.user("user4")["address"])
        filler.fill()
        assert m.disk.free() < 1 << 16
        wait_for(lambda: mail_from(m)[0] == 452, what="the queue to see it")
        assert b"4.3.1" in mail_from(m)[1]
    # What was accepted is delivered.
    empty(m)
    # A home that nobody has open, and one that has its files where they were.
    bob = imapraw.connect(m, "bob")
    assert sorted(scenes.names_in(bob, "INBOX").values()) == sorted(f"b{i}" for i in range(40))
    carol = imapraw.connect(m, "carol")
    carol.ok("SELECT INBOX")
    assert b"5.1.1" in b"".join(carol.ok("FETCH 2 BODY[]")), "no bounce"
    no(alice, append(alice, "late"))
    no(alice, "COPY 1 Archive")
    alice.ok(r"STORE 1:6 +FLAGS (\Deleted)")
    alice.ok("EXPUNGE")
    alice.ok("MOVE 1:2 Trash")
    bob.ok(r"STORE 1:10 +FLAGS (\Deleted)")
    bob.ok("EXPUNGE")
    assert daemons(m) == before
    assert 0 < reserve(m) < 6 << 20
    # Nobody uses it up for nothing.
    filler.fill()
    for c in (alice, bob):
        c.ok("NOOP")
        c.ok("LOGOUT")
    alice = imapraw.connect(m, "alice")
    assert sorted(scenes.names_in(alice, "INBOX").values()) == ["a10", "a11", "a8", "a9"]
    assert sorted(scenes.names_in(alice, "Trash").values()) == ["a6", "a7"]
    filler.remove()
    wait_for(lambda: reserve(m) == 6 << 20, what="the reserve to be made again")
    wait_for(lambda: mail_from(m)[0] == 250, what="the queue to see it")
    send(m, "alice", "after")
    empty(m)
    alice.ok(append(alice, "after2"))
    assert daemons(m) == before
    m.power_off()
    m.power_on()
    assert sorted(scenes.names_in(imapraw.connect(m, "alice"), "INBOX").values()) == \
        ["a10", "a11", "a8", "a9", "after", "after2"]
    assert len(scenes.names_in(imapraw.connect(m, "bob"), "INBOX")) == 30


def test_an_import_stops_and_goes_on(small, tmp_path):
    m = small
    names = sorted(f"i{i}" for i in range(400))
    scenes.maildir_of(tmp_path / "old", names, 60_000)
    command = ("import", "maildir", str(tmp_path / "old"), "--user", m.user()["address"])
    before = daemons(m)
    filler = Filler(m)
    filler.fill()
    r = m.ctl(*command, check=False)
    assert r.returncode == 75 and "make room" in r.stderr and "goes on here" in r.stderr, (r.returncode, r.stderr)
    filler.remove()
    wait_for(lambda: mail_from(m)[0] == 250, what="the queue to see it")
    assert m.ctl(*command).returncode == 0
    assert sorted(scenes.names_in(imapraw.connect(m), "INBOX", 60_000).values()) == names
    assert daemons(m) == before


def test_full_under_load(small):
    m = small
    seed = random.SystemRandom().randrange(1 << 32)
    w = world.World(m, seed, users=("alice", "bob", "carol"))
    before = daemons(m)
    for again in (False, True, True):
        try:
            w.go(0.3)
            w.crashing = True
            at = time.monotonic()
            filler = Filler(m)
            for _ in range(5):
                filler.fill()
                time.sleep(0.15)
                if again:
                    filler.use_up(m)
            filler.remove()
            w.end()
            w.quiet()
            w.check(at)
        except Exception as e:
            raise AssertionError(f"seed {seed}: {e}\n{m.log()[-3000:]}") from e
        assert daemons(m) == before
        w.go(0.2)
        w.end()
        w.quiet()
        w.check()


def health(m):
    """The status, and what is not well."""
    try:
        answer = urllib.request.urlopen(f"http://127.0.0.1:{m.port('metrics')}/health", timeout=30)
    except urllib.error.HTTPError as e:
        answer = e
    checks = json.loads(answer.read())["checks"]
    return answer.status, {(name, c.get("componentId")): c["output"] for name, all_of in checks.items() for c in all_of
                           if c["status"] != "pass"}


def not_created(result):
    return result["notCreated"]["k"]["type"]


def tool(agent, name, **arguments):
    return agent.ask("tools/call", {"name": name, "arguments": arguments})["result"]


def test_every_front_says_so(small):
    """What adds is refused for now, in each protocol's own words; what makes room and what only looks goes on."""
    m = small
    a = imapraw.connect(m, "alice")
    for i in range(4):
        a.append("INBOX", scenes.text(f"a{i}"))
    a.ok("SELECT INBOX")
    j, agent, bob = Client(m, "alice"), Stdio(m), m.user("bob")
    kept = j.draft("kept", [bob["address"]])
    blob = j.upload(scenes.text("up")).json()["blobId"]
    wait_for(lambda: reserve(m) == 6 << 20, what="the reserve")
    before, filler = daemons(m), Filler(m)
    filler.fill()
    wait_for(lambda: mail_from(m)[0] == 452, what="the queue to see it")
    # SMTP, users' too (RFC 5321 4.2.3, RFC 3463 3.4).
    with m.smtp("alice") as c:
        code, text = c.mail(m.user("alice")["address"])
        assert code == 452 and text.startswith(b"4.3.1 ")
    # IMAP (RFC 5530 3): not OVERQUOTA, which a user could do something about.
    no(a, append(a, "late"))
    no(a, "COPY 1 Archive")
    for command in ("NOOP", "FETCH 1:* (FLAGS BODY.PEEK[])", "SEARCH TEXT hello", r"STORE 1 +FLAGS (\Flagged)",
                    r"STORE 2 +FLAGS (\Deleted)", "EXPUNGE", "MOVE 1 Archive"):
        a.ok(command)
    # JMAP (RFC 8620 3.6.2, 5.3, 6.1): nor overQuota; and uploads do not eat what is kept for deliveries.
    left = reserve(m)
    for size in (10, 300_000):
        answer = j.upload(b"x" * size)
        assert answer.status == 507 and answer.headers["Content-Type"] == "application/problem+json", answer.body
    assert reserve(m) == left
    draft = {"mailboxIds": {j.boxes["drafts"]: True}, "subject": "late", "from": [{"email": j.identity["email"]}]}
    assert not_created(j.call("Email/set", create={"k": draft})) == "serverUnavailable"
    assert not_created(j.call("Email/import", emails={"k": {"blobId": blob, "mailboxIds": {j.boxes["inbox"]: True}}})) == \
        "serverUnavailable"
    (name, result, _), *_ = j.submit(kept)
    assert name == "EmailSubmission/set" and result["notCreated"]["s"]["type"] == "serverUnavailable", result
    assert kept in j.call("Email/set", update={kept: {"keywords/$flagged": True}})["updated"]
    assert j.call("Email/set", destroy=[kept])["destroyed"] == [kept]
    # An agent.
    said = tool(agent, "create_draft", to=[bob["address"]], subject="late", body="x")
    assert said["isError"] and "space" in said["content"][0]["text"], said
    assert not tool(agent, "list_mailboxes").get("isError")
    status, trouble = health(m)
    assert status == 503 and "new mail is refused" in trouble["disk:utilization", "data"]
    # Not even the reserve: nobody is told of a success, and whoever looks in hears that it is for now.
    filler.use_up(m)
    assert Browser(m).login("bob").status == 503
    r = m.ctl("user", "passwd", bob["address"], input="another pass of mine\n", check=False)
    assert r.returncode == 75 and "full" in r.stderr
    with m.smtp("bob") as c:
        assert c.mail(bob["address"])[0] == 452
    filler.remove()
    wait_for(lambda: mail_from(m)[0] == 250, what="the queue to see it")
    wait_for(lambda: health(m)[0] == 200, what="health")
    assert daemons(m) == before
    # All of them again, with nobody's help.
    with m.smtp("bob") as c:
        assert c.mail(bob["address"])[0] == 250
    send(m, "alice", "back")
    empty(m)
    assert j.upload(b"x" * 300_000).status == 201
    kept = j.draft("again", [bob["address"]])
    assert j.submit(kept)[0][1]["created"]
    assert not wait_for(lambda: tool(agent, "create_draft", to=[bob["address"]], subject="again", body="x"), 30).get("isError")
    assert Browser(m).login("bob").status == 204
    assert sorted(scenes.names_in(imapraw.connect(m, "alice"), "INBOX").values()) == ["a2", "a3", "back"]


def test_the_mail_on_a_disk_of_its_own(workdir):
    """Full there, with room in the spool: mail is taken and waits."""
    m = machine.Machine(workdir, "--users", "2", config=CONFIG, megabytes=96, apart=("mail",))
    try:
        m.start()
        wait_for(lambda: reserve(m) == 6 << 20, what="the reserve")
        before = daemons(m)
        filler = Filler(m)
        filler.f.close()
        filler.path.unlink()
        filler.path = m.disks[1].place / "filler"
        filler.f = open(filler.path, "ab", buffering=0)
        filler.use_up(m)
        status, trouble = wait_for(lambda: (h := health(m))[0] == 503 and h)
        assert [k for k in trouble if k[0] == "disk:utilization"] == [("disk:utilization", "mail")]
        for i in range(5):
            send(m, "bob", f"b{i}")
        filler.remove()
        empty(m)
        assert sorted(scenes.names_in(imapraw.connect(m, "bob"), "INBOX").values()) == [f"b{i}" for i in range(5)]
        assert daemons(m) == before
    finally:
        m.destroy()


def test_a_log_that_cannot_be_written(workdir):
    """Lines are lost, and counted; nothing else is."""
    m = machine.Machine(workdir, "--users", "2", config=CONFIG, megabytes=96)
    log = m.dir / "data" / "log"
    m.env["GKMAIL_LOG_TO"] = str(log)

    def lost():
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{m.port('metrics')}/metrics", timeout=30).read().decode()
        return sum(float(x.split()[-1]) for x in metrics.splitlines() if x.startswith("gkmail_log_lost_lines_total"))

    try:
        m.start()
        wait_for(lambda: reserve(m) == 6 << 20, what="the reserve")
        before, filler = daemons(m), Filler(m)
        assert lost() == 0
        filler.use_up(m)
        a = imapraw.connect(m, None)

        def knock():
            for _ in range(10):
                imapraw.connect(m, None).close()
            return lost() > 0
        wait_for(knock, what="lines that are lost")
        assert mail_from(m)[0] == 452
        a.ok("NOOP")
        filler.remove()
        wait_for(lambda: mail_from(m)[0] == 250, what="the queue to see it")
        send(m, "bob", "after")
        empty(m)
        # It says so itself, among whole lines.
        wait_for(lambda: imapraw.connect(m, None).close() or "log.lost lines=" in log.read_text(), what="the word of it")
        assert daemons(m) == before
    finally:
        m.destroy()
