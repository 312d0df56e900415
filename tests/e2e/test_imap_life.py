"""What becomes of IMAP connections when processes end, passwords change, and many sessions work at once."""

import os
import random
import re
import signal
import threading

import pytest
from conftest import wait_for
from imapraw import Raw, connect

SMALL = b"Subject: small\r\n\r\nbody\r\n"


def metric(suite, name):
    m = re.search(rf"^{name} (\d+)", suite.ctl("status", "--metrics").stdout, re.M)
    return int(m.group(1)) if m else 0


def park(suite, user="alice"):
    before = metric(suite, "gkmail_imap_connections_parked")
    r = connect(suite, user)
    r.ok("SELECT INBOX")
    r.send(b"i IDLE\r\n")
    assert r.line().startswith(b"+")
    wait_for(lambda: metric(suite, "gkmail_imap_connections_parked") > before, what="parking")
    return r


def test_owner_killed(suite):
    r = connect(suite)
    r.ok("SELECT INBOX")
    for pid in suite.owners():
        os.kill(pid, signal.SIGKILL)
    assert r.line().startswith(b"* BYE [UNAVAILABLE]")
    with pytest.raises(EOFError):
        r.line()
    r.close()
    r = connect(suite)
    r.ok("SELECT INBOX")
    r.close()


def test_no_process_while_parked(fresh_suite):
    suite = fresh_suite("--users", "2", config='[mailbox]\nlinger = "100ms"\n')
    r = park(suite)
    wait_for(lambda: not suite.owners(), what="the owner's leave")
    r.send(b"DONE\r\n")
    assert r.until(b"i")[1].startswith(b"OK")
    r.ok("NOOP")
    assert suite.owners()
    # Parked again, and what changes meanwhile is told as it would have been.
    uid = r.append("INBOX", SMALL)
    r.append("INBOX", SMALL)
    r.ok("NOOP")
    r.send(b"j IDLE\r\n")
    assert r.line().startswith(b"+")
    wait_for(lambda: not suite.owners(), what="the owner's second leave")
    other = connect(suite)
    other.ok("SELECT INBOX")
    other.ok(f"UID STORE {uid} +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    heard = []
    while not heard or not heard[-1].endswith(b"EXPUNGE"):
        heard.append(r.line())
    r.send(b"DONE\r\n")
    lines, result = r.until(b"j")
    assert result.startswith(b"OK")
    assert any(b"* 1 FETCH" in x for x in r.ok("FETCH 1 UID"))
    _, result = r.command("FETCH 2 UID")
    assert result.startswith(b"BAD")
    other.close()
    r.close()


def test_changed_password_ends_sessions(fresh_suite):
    suite = fresh_suite("--users", "2", config='[mailbox]\nlinger = "100ms"\n')
    live, idle, other = connect(suite), park(suite), connect(suite, "bob")
    suite.ctl("user", "passwd", suite.user()["address"], input="another-password\n")
    for r in (live, idle):
        with pytest.raises(EOFError):
            while True:
                line = r.line()
                assert line.startswith((b"* BYE", b"* OK")), line
        r.close()
    other.ok("NOOP")
    other.close()
    r = connect(suite, login=None)
    r.no(f"LOGIN {suite.user()['address']} {suite.user()['password']}", b"[AUTHENTICATIONFAILED]")
    _, result = r.command(f"LOGIN {suite.user()['address']} another-password")
    assert result.startswith(b"OK")
    r.close()


def test_mailboxd_killed(fresh_suite):
    suite = fresh_suite("--users", "2")
    idle, live = park(suite), connect(suite, "bob")
    os.kill(suite.processes()["mailboxd"], signal.SIGKILL)
    for r in (idle, live):
        assert r.line().startswith(b"* BYE [UNAVAILABLE]")
        r.close()
    r = wait_for(lambda: try_connect(suite), what="a login after the crash")
    r.ok("SELECT INBOX")
    r.close()


def try_connect(suite):
    try:
        return connect(suite)
    except (AssertionError, EOFError, OSError):
        return None


def test_imapd_killed(fresh_suite):
    suite = fresh_suite("--users", "2")
    r = connect(suite)
    r.append("INBOX", SMALL)
    os.kill(suite.processes()["imapd"], signal.SIGKILL)
    with pytest.raises((EOFError, OSError)):
        r.ok("NOOP")
    r = wait_for(lambda: try_connect(suite), what="a login after the crash")
    assert b"* 1 EXISTS" in r.ok("SELECT INBOX")
    r.close()


def test_drain_says_goodbye(fresh_suite):
    suite = fresh_suite("--users", "2")
    idle, live, nobody = park(suite), connect(suite), connect(suite, login=None)
    assert suite.stop() == 0
    for r in (idle, live, nobody):
        assert r.line().startswith(b"* BYE"), r
        r.close()


class Mirror(Raw):
    """A client that keeps a view by the untagged responses alone."""

    def __init__(self, raw):
        super().__init__(raw.sock)
        self.buf, self.n = raw.buf, raw.n
        self.view = []

    def command(self, text):
        lines, result = super().command(text)
        for line in lines:
            self.hear(line)
        return lines, result

    def hear(self, line):
        m = re.match(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)(.*)", line, re.S)
        if not m:
            return
        n = int(m.group(1))
        if m.group(2) == b"EXISTS":
            assert n >= len(self.view), "EXISTS may not shrink"
            self.view += [None] * (n - len(self.view))
        elif m.group(2) == b"EXPUNGE":
            assert 1 <= n <= len(self.view)
            del self.view[n - 1]
        else:
            assert 1 <= n <= len(self.view), line
            uid = re.search(rb"UID (\d+)", m.group(3))
            if uid:
                known = self.view[n - 1]
                assert known in (None, int(uid.group(1))), (line, known)
                self.view[n - 1] = int(uid.group(1))

    def select(self, name):
        self.view = []
        self.ok(f"SELECT {name}")


def work(suite, seed, failures):
    rnd = random.Random(seed)
    try:
        r = Mirror(connect(suite))
        r.select("shared")
        for _ in range(120):
            n = len(r.view)
            what = rnd.randrange(9)
            if what < 3 or n == 0:
                r.append("shared", SMALL + b"x" * rnd.randrange(2000))
            elif what == 3:
                r.command(f"STORE {rnd.randint(1, n)} +FLAGS (\\Deleted)")
            elif what == 4:
                r.ok("EXPUNGE")
            elif what == 5:
                r.command(f"FETCH {rnd.randint(1, n)} (UID FLAGS BODY.PEEK[])")
            elif what == 6:
                r.command("UID MOVE %d Trash" % (r.view[rnd.randrange(n)] or 1))
            elif what == 7:
                lines, _ = r.command("SEARCH UNDELETED")
                for x in lines:
                    if x.startswith(b"* SEARCH"):
                        assert all(1 <= int(k) <= len(r.view) for k in x.split()[2:])
            else:
                r.ok("UID FETCH 1:* (FLAGS)")
        r.ok("NOOP")
        r.ok("UID FETCH 1:* (UID)")
        failures[seed] = list(r.view)
        r.close()
    except BaseException as e:  # what a thread raises would be lost
        failures[seed] = e


def test_many_sessions_agree(suite):
    """Sessions that append, flag, expunge and move in one mailbox each keep a view that never contradicts itself."""
    r = connect(suite)
    r.command("CREATE shared")
    results = {}
    threads = [threading.Thread(target=work, args=(suite, seed, results)) for seed in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    for seed, got in results.items():
        assert isinstance(got, list), (seed, got)
        known = [uid for uid in got if uid]  # what was announced last may not have been asked for
        assert known == sorted(known) and got[:len(known)] == known
    mirror = Mirror(r)
    mirror.select("shared")
    mirror.ok("UID FETCH 1:* (UID)")
    line = next(x for x in r.ok("UID SEARCH ALL") if x.startswith(b"* SEARCH"))
    assert [int(x) for x in line.split()[2:]] == mirror.view
    r.close()


def test_quota(fresh_suite):
    suite = fresh_suite("--users", "2")
    address = suite.user()["address"]
    r = connect(suite)
    suite.ctl("user", "quota", address, "64KiB")
    wait_for(lambda: any(b"STORAGE" in x for x in r.ok('GETQUOTA ""')), what="the quota")
    assert b'* QUOTA "" (STORAGE 0 64)' in r.ok("GETQUOTAROOT INBOX")
    r.append("INBOX", b"Subject: x\r\n\r\n" + b"x" * 40000)
    assert b'* QUOTA "" (STORAGE 40 64)' in r.ok('GETQUOTA ""')
    _, result = r.command("APPEND INBOX {30000+}\r\n".encode() + b"x" * 30000)
    assert result.startswith(b"NO [OVERQUOTA]"), result
    _, result = r.command("APPEND INBOX {30000}")
    assert result.startswith(b"NO [OVERQUOTA]"), result
    r.ok("SELECT INBOX")
    r.no("COPY 1 Archive", b"[OVERQUOTA]")
    r.ok("STORE 1 +FLAGS (\\Deleted)")
    r.ok("EXPUNGE")
    r.append("INBOX", b"Subject: x\r\n\r\n" + b"x" * 40000)
    r.close()


def test_limit_of_connections(fresh_suite):
    suite = fresh_suite("--users", "2", config="[mailbox]\nmax_connections = 3\n")
    some = [connect(suite) for _ in range(3)]
    r = connect(suite, login=None)
    u = suite.user()
    r.no(f"LOGIN {u['address']} {u['password']}", b"[LIMIT]")
    some.pop().close()
    # The connection is still there, and there is room now.
    wait_for(lambda: r.command(f"LOGIN {u['address']} {u['password']}")[1].startswith(b"OK"), what="room")
    r.close()
    for x in some:
        x.close()
