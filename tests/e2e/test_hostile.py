"""Every kind of process of a running suite turned hostile, as by a hole in one of its parsers: what it tries is refused,
and nobody else's mail changes. Also with rights masked to Landlock ABI 2, Debian 12's. docs/SECURITY.md has the table."""

import contextlib
import ctypes
import imaplib
import mmap
import os
import re
import shutil
import smtplib
import socket
import threading
import time
from pathlib import Path

import pytest

from conftest import BIN, make, wait_for
from test_owner import Idle, no_owner
from test_web_auth import Browser

TOOLS = Path(os.environ.get("GKMAIL_TOOLS", BIN.parent / "tools")).resolve() / "hostile"
KINDS = ("authd", "dnsd", "smtpd", "screen", "sign", "queue", "local", "remote", "mailboxd", "imapd", "webd", "mcpd", "aid", "connect",
         "statd", "acme", "owner")
NOT_TRIED, RUNNING, REFUSED, SUCCEEDED = range(4)
ROUNDS = 40  # of a suite's life: each ends what a filter kills

# Each is what the process is for; SECURITY.md says so.
MAY = {"mailboxd": {"fork", "signal", "signal all", "abort", "pidfd_open", "chroot"},
       "dnsd": {"socket"}, "remote": {"socket"}, "connect": {"socket"}, "acme": {"socket"}}


class Slot(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_char * 16), ("next", ctypes.c_uint32), ("done", ctypes.c_uint32),
                ("result", ctypes.c_ubyte * 96)]


class Page(ctypes.Structure):
    _fields_ = [("go", ctypes.c_uint32), ("victim", ctypes.c_uint32), ("own", ctypes.c_char * 256),
                ("same", ctypes.c_char * 256), ("socket", ctypes.c_char * 256), ("abstract", ctypes.c_char * 64),
                ("targets", (ctypes.c_char * 256) * 24), ("names", (ctypes.c_char * 64) * 96), ("slots", Slot * 24)]


def state_of(path):
    st = path.stat()
    return path.read_bytes(), st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns, os.listxattr(path)


class Attack:
    """A suite that is started again and again until every kind of process has tried everything."""

    def __init__(self, workdir, env):
        self.suite = make(workdir, "--users", "3", config='[mailbox]\nlinger = "1h"\n', env=env)
        path = self.suite.dir.parent / (self.suite.dir.name + "-hostile")
        path.write_bytes(bytes(ctypes.sizeof(Page)))
        path.chmod(0o666)
        with open(path, "r+b") as f:
            self.page = Page.from_buffer(mmap.mmap(f.fileno(), 0))
        self.suite.env["GKMAIL_HOSTILE"] = str(path)
        self.suite.env["LD_PRELOAD"] = str(TOOLS / "preload.so")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = self.suite.dir.parent / (self.suite.dir.name + ".sock")
        self.abstract = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def prepare(self):
        """A message that alice and bob share, and names for the attackers."""
        s, p = self.suite, self.page
        s.start()
        s.send("carol", ["alice", "bob"], subject="shared", body="do not touch\r\n" * 20)
        for who in ("alice", "bob"):
            wait_for(lambda: len(s.inbox(who)) == 1)
        self.message = wait_for(lambda: next(s.maildir("bob").glob("*/*,S=*"), None))
        wait_for(lambda: self.message.stat().st_nlink == 2 or self.message.parent.name == "cur")
        # Owners move it from new/ to cur/ in their own time.
        s.stop()
        self.message = next(s.maildir("bob").glob("*/*,S=*"))
        own = next(s.maildir("alice").glob("*/*,S=*"))
        assert own.stat().st_ino == self.message.stat().st_ino
        self.before = state_of(self.message)
        data = s.dir / "data"
        self.socket.bind(str(self.path))
        self.path.chmod(0o777)
        name = f"gk-hostile-{os.getpid()}-{s.dir.name}"
        self.abstract.bind(b"\0" + name.encode())
        for x in (self.socket, self.abstract):
            x.setblocking(False)
        p.own = str(own.relative_to(s.maildir("alice").parent)).encode()
        p.same = str(self.message.relative_to(data / "mail")).encode()
        p.socket, p.abstract = str(self.path).encode(), name.encode()
        targets = ["/etc/passwd", "/etc/shadow", s.dir / "tls" / "key.pem", s.dir / "gkmail.toml", s.dir / "users",
                   s.dir / "log", s.dir / "run" / "control.sock", "/dev/null", "/proc/self/status", BIN / "gk-authd"]
        for i, t in enumerate(targets):
            p.targets[i].value = str(t).encode()
        for i, kind in enumerate(KINDS):
            p.slots[i].kind = kind.encode()

    def tempt(self):
        """alice's owner and all others have something to do."""
        while not self.over.wait(0.05):
            with contextlib.suppress(OSError, imaplib.IMAP4.error, smtplib.SMTPException, AssertionError):
                with self.suite.imap("alice") as c:
                    c.select("INBOX")

    def round(self):
        s, p = self.suite, self.page
        p.go = p.victim = 0
        s.start()
        self.over = threading.Event()
        with s.imap("bob") as c:
            c.select("INBOX")
            p.victim, = s.owners()
            p.go = 1
            thread = threading.Thread(target=self.tempt)
            thread.start()
            was, still = None, 0
            while still < 16 and not self.done():
                time.sleep(0.05)
                now = [x.next for x in p.slots]
                still = still + 1 if now == was else 0
                was = now
            self.over.set()
            s.kill()  # also ends the wait of who is just logging in
            thread.join(60)

    def done(self):
        return all(x.done for x in self.page.slots[:len(KINDS)])

    def results(self):
        p = self.page
        names = [n.value.decode() for n in p.names]
        return {x.kind.decode(): {n: x.result[i] for i, n in enumerate(names) if n} for x in p.slots[:len(KINDS)]}

    def heard(self):
        out = []
        for x in (self.socket, self.abstract):
            with contextlib.suppress(BlockingIOError):
                out.append(x.recv(100))
        return out


# The long form also with all that this kernel offers: that only adds.
@pytest.fixture(params=["2", ""] if os.environ.get("GKMAIL_LONG") else ["2"], ids=lambda x: f"Landlock ABI {x or 'all'}")
def attack(workdir, request):
    a = Attack(workdir, {"GKMAIL_TEST_LANDLOCK_ABI": request.param} if request.param else {})
    yield a
    a.suite.kill()
    a.socket.close()
    a.abstract.close()


def test_no_process_gets_beyond_what_it_is_for(attack):
    attack.prepare()
    for _ in range(ROUNDS):
        attack.round()
        if attack.done():
            break
    results = attack.results()
    unfinished = {k: [n for n, v in r.items() if v == NOT_TRIED and not (k == "mailboxd" and n.startswith("message"))]
                  for k, r in results.items()}
    assert not any(unfinished.values()), unfinished
    through = {k: sorted(n for n, v in r.items() if v == SUCCEEDED) for k, r in results.items()}
    # The owner's own name of a message is its own to remove; what others have of it is looked at below.
    assert {k: [n for n in v if n not in MAY.get(k, ())] for k, v in through.items() if v} == \
        {k: [] for k, v in through.items() if v}
    assert state_of(attack.message) == attack.before
    assert attack.heard() == []


# ---- tickets and tokens, by a front ----

@pytest.fixture
def turned(workdir):
    """turned(program) is a suite in which that program is the hostile one."""
    made = []

    def start(program, **more):
        place = Path(workdir) / f"bin-{program}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(BIN, place)
        shutil.copy(TOOLS / program, place / program)
        place.chmod(0o755)
        s = make(workdir, "--users", "3", **more)
        s.bin = place
        made.append(s)
        return s.start()

    yield start
    for s in made:
        s.stop()


def attempts(suite):
    return [(m[1], m[2]) for m in re.finditer(r'hostile\.attempt what="?([^"\n]*?)"? result=(\w+)', suite.log())]


def test_a_hostile_imap_front_opens_nobodys_mailbox(turned):
    suite = turned("gk-imapd", config='[mailbox]\nlinger = "100ms"\n[imap]\npark_after = "100ms"\n')
    suite.send("carol", ["alice"], subject="the parked records of the two differ by this")
    alice = Idle(suite, "alice")
    # A ticket that was shown for another connection first is spent.
    with pytest.raises(imaplib.IMAP4.error), suite.imap("bob"):
        pass
    bob = Idle(suite, "bob")
    no_owner(suite)
    # Both are parked: alice's connection comes back with bob's beside it, then bob's; both are parked again.
    for i in (alice, bob):
        assert i.done()
        i.begin()
        no_owner(suite)
    # Who is parked when the password changes is kicked; the token is worth nothing then.
    suite.ctl("user", "passwd", suite.user("bob")["address"], input="another password\n")
    bob.expect(b"BYE")
    for i in (alice, bob):
        i.close()
    # The front is answered, and says so, behind the client's back.
    wait_for(lambda: "token of a revoked user" in dict(attempts(suite)), what="the last answer")
    tried = attempts(suite)
    assert {w for w, _ in tried} == {
        "ticket of another connection", "invented ticket", "empty ticket", "half a ticket", "ticket again",
        "ticket again, another connection", "invented token", "changed token", "changed record", "empty token",
        "moved border", "mail that was never told of", "own token, connection of another", "own token, record of another",
        "token of another, own connection", "token of another, own record", "token again", "token of a revoked user"}
    assert [w for w, r in tried if r != "refused"] == []
    assert len(suite.inbox("alice")) == 1 and "192.0.2.66" not in suite.log()


def test_a_hostile_web_front_acts_for_nobody_but_who_is_there(turned):
    suite = turned("gk-webd")
    alice, bob = Browser(suite), Browser(suite)
    assert alice.login("alice").status == 204 and bob.login("bob").status == 204
    for _ in range(2):  # the proofs are spent before the page can use them
        assert alice.ask("POST", "/auth/prove", {"password": suite.user("alice")["password"]}).status in (204, 403)
    assert bob.ask("POST", "/auth/prove", {"password": suite.user("bob")["password"]}).status in (204, 403)
    wait_for(lambda: {"proof of another user", "ticket that was shown wrongly"} <= {w for w, _ in attempts(suite)},
             what="the last answer")
    tried = attempts(suite)
    assert {w for w, _ in tried} == {
        "service of another front", "service that signs", "service that is none", "another mechanism", "invented token",
        "changed token", "half a token", "no token", "no proof", "id in place of a token", "session of another user",
        "ticket as a proof", "ticket of another connection", "ticket that was shown wrongly", "proof as a ticket",
        "proof of another connection", "proof of another user"}
    assert [w for w, r in tried if r != "refused"] == []
    # Everybody has what they had.
    assert alice.who() == suite.user("alice")["address"] and bob.who() == suite.user("bob")["address"]
    for name in ("alice", "bob"):
        with suite.imap(name):
            pass


def test_a_hostile_smtp_front_has_nobody_elses_mail_signed(turned):
    suite = turned("gk-smtpd")
    suite.ctl("domain", "add", "other.test")
    for domain in ("example.test", "other.test"):
        suite.ctl("dkim", "generate", domain, "--algorithm", "ed25519")
    for n in range(2):  # two sessions
        suite.send("alice", ["bob"], subject=f"signed {n}")
    wait_for(lambda: len([m for m in suite.inbox("bob") if b"DKIM-Signature" in m]) == 2)
    wait_for(lambda: "token of a session that is over" in dict(attempts(suite)), what="the last answer")
    tried = attempts(suite)
    assert {w for w, r in tried if r == "signed"} == {"own address"}
    assert {w for w, r in tried if r == "refused"} == {
        "no token", "invented token", "half a token", "another user", "another domain", "the server", "another author too",
        "two From fields", "Sender is own", "token of a session that is over"}


def test_a_hostile_smtp_front_changes_nothing_it_has_committed(turned):
    suite = turned("gk-smtpd")
    # A small one goes with its commit; the next size in a memory file, which is refused where it is not sealed.
    with pytest.raises(smtplib.SMTPException):
        suite.send("alice", ["bob"], body=("z" * 76 + "\r\n") * 1_500)
    # The largest goes into a file that is lent, and out of it into one that never was.
    body = ("z" * 76 + "\r\n") * 20_000
    suite.send("alice", ["bob"], body=body)
    wait_for(lambda: len(suite.inbox("bob")) == 1)
    message, = suite.inbox("bob")
    assert message.endswith(b"\r\n\r\n" + body.encode()) and b"changed afterwards" not in message
    assert suite.inbox("alice") == []


def test_a_hostile_screen_changes_no_message_and_speaks_to_nobody(turned):
    suite = turned("gk-screen", config="[limits]\ntrusted_networks = []\n[smtp]\ngreet_delay = '0s'\n[dns]\nupstreams = "
                   "['127.0.0.1@9']\ntimeout = '100ms'\n[screen]\ntimeout = '1s'\n")
    tried = []
    for size in (1, 6_000):  # a small one goes in the packet, a large one through a socket
        message = b"From: a@x.test\r\nSubject: the real one\r\n\r\n" + (b"z" * 76 + b"\r\n") * size
        for _ in range(11):
            with smtplib.SMTP("127.0.0.1", suite.port("smtp"), timeout=30) as c:
                c.ehlo("x.test")
                c.mail("a@x.test")
                c.rcpt(suite.user("bob")["address"])
                tried.append((c.data(message)[0], message))
                if tried[-1][0] == 250:
                    break
                assert c.noop() == (250, b"2.0.0 OK")
        suite.ctl("status")
        if size == 1:
            os.kill(suite.processes()["screen"], 9)
            wait_for(lambda: suite.log().count("process=screen") > 1 and suite.processes().get("screen"))
    codes = [code for code, _ in tried]
    assert codes[:10] == [451] * 9 + [250]
    assert codes[-10:] == codes[:10] and codes[10:-10] in ([], [451])  # the first may find it not yet there again
    wait_for(lambda: suite.log().count("hostile.attempt") == 20)
    taken = [m for code, m in tried if code == 250]
    got = wait_for(lambda: len(g := sorted(suite.inbox("bob"), key=len)) == 2 and g, what="both lies")
    for message, stored in zip(taken, got):
        assert stored.endswith(message) and stored.count(b"Subject:") == 1
        assert b"Authentication-Results: mail.example.test; dmarc=pass\r\nReceived: " in stored


def test_a_hostile_client_of_other_hosts_decides_about_its_own_recipients_only(turned):
    """What a captured gk-remote says is a result for each recipient that it was given, and words."""
    config = ('[queue]\nretry_first = "1s"\nretry_max = "1s"\n[[route]]\ndomain = "one.test"\nhost = "[127.0.0.1]"\nport = 9\n')
    suite = turned("gk-remote", config=config)
    queue = suite.processes()["queue"]

    def abroad(subject):
        with suite.smtp("alice") as c:
            c.sendmail(suite.user("alice")["address"], ["x@one.test"], f"Subject: {subject}\r\n\r\nx\r\n")

    abroad("out")
    wait_for(lambda: [m for m in suite.inbox("alice") if b"multipart/report" in m], what="the notification")
    abroad("a lie")
    wait_for(lambda: 'what="a lie"' in suite.log() and suite.ctl("--json", "queue", "list").stdout.strip() == "[]")
    abroad("no more is heard of it")
    wait_for(lambda: "ipc.bad_message peer=remote" in suite.log())
    # Its lines come when its round ends, which may be after the queue has told what it was sent.
    wait_for(lambda: len(set(re.findall(r'hostile\.attempt what=("[^"]*"|\S+)', suite.log()))) == 8)
    assert suite.ctl("--json", "queue", "list").stdout.strip() != "[]"
    report, = suite.inbox("alice")
    # Its words stand in the notification as words.
    assert b"\r\nBcc:" not in report and b"\r\nX-Injected:" not in report and b"\r\nSend money." not in report
    assert b"eve@one.test" in report
    suite.send("alice", ["bob"], subject="home")
    wait_for(lambda: len(suite.inbox("bob")) == 1)
    assert suite.processes()["queue"] == queue and "x" * 1000 not in suite.log()
