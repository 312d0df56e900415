"""Owners: one process per active user, parked connections without any, waking, kicking, crashing."""

import contextlib
import imaplib
import os
import signal
import socket
import ssl
import threading
import time
import tomllib

import pytest

from conftest import wait_for
from test_master import toml_text

QUICK = '[mailbox]\nlinger = "200ms"\n[imap]\npark_after = "100ms"\n'


@pytest.fixture(scope="module")
def quick(workdir):
    """A suite whose owners leave soon and whose idle connections are parked soon."""
    from conftest import make
    s = make(workdir, "--users", "4", config=QUICK).start()
    yield s
    assert s.stop() == 0


def no_owner(suite):
    wait_for(lambda: not suite.owners(), what="the end of all owners")


class Idle:
    """A connection in IDLE on INBOX."""

    def __init__(self, suite, user):
        self.context = suite.imap(user)
        self.c = self.context.__enter__()
        self.c.select("INBOX")
        self.begin()

    def begin(self):
        self.c.send(b"i1 IDLE\r\n")
        assert self.c.readline().startswith(b"+")

    def line(self, seconds=20):
        self.c.sock.settimeout(seconds)
        return self.c.readline()

    def expect(self, word, seconds=20):
        """Reads until a line holds the word."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            line = self.line(seconds)
            assert line, f"the connection ended before {word!r}"
            if word in line:
                return line
        raise AssertionError(f"no {word!r}")

    def done(self):
        self.c.send(b"DONE\r\n")
        return self.expect(b"i1 OK")

    def close(self):
        with contextlib.suppress(OSError):
            self.c.shutdown()


@pytest.fixture
def idle(quick):
    made = []

    def start(user):
        made.append(Idle(quick, user))
        return made[-1]

    yield start
    for i in made:
        i.close()
    no_owner(quick)


def test_an_owner_starts_at_login_and_leaves(quick):
    no_owner(quick)
    with quick.imap("alice") as c:
        c.select("INBOX")
        assert len(quick.owners()) == 1
    no_owner(quick)


def test_connections_of_a_user_share_one_owner(quick):
    with quick.imap("alice") as a, quick.imap("alice") as b, quick.imap("bob") as other:
        a.select("INBOX")
        b.select("INBOX")
        other.select("INBOX")
        assert len(quick.owners()) == 2
        a.append("INBOX", None, None, b"Subject: one\r\n\r\nx\r\n")
        b.noop()
        assert int(b.untagged_responses["EXISTS"][-1]) >= 1


def test_a_parked_connection_has_no_process(quick, idle):
    i = idle("carol")
    no_owner(quick)
    assert i.done()
    assert i.c.noop()[0] == "OK"
    assert len(quick.owners()) == 1


def test_delivery_wakes_a_parked_connection(quick, idle):
    i = idle("bob")
    for turn in range(3):
        no_owner(quick)
        quick.send("alice", ["bob"], subject=f"wake {turn}")
        i.expect(b"EXISTS")
    assert i.done()
    _, found = i.c.search(None, "SUBJECT", "wake")
    assert len(found[0].split()) == 3


def test_every_parked_connection_is_woken(quick, idle):
    several = [idle("bob") for _ in range(5)]
    no_owner(quick)
    quick.send("alice", ["bob"], subject="all")
    for i in several:
        i.expect(b"EXISTS")


def test_a_change_in_one_session_wakes_the_others(quick, idle):
    quick.send("alice", ["carol"], subject="flag me")
    wait_for(lambda: len(quick.inbox("carol")) >= 1)
    i = idle("carol")
    no_owner(quick)
    with quick.imap("carol") as c:
        c.select("INBOX")
        c.store("1", "+FLAGS", "(\\Flagged)")
    assert b"\\Flagged" in i.expect(b"FETCH")
    no_owner(quick)
    with quick.imap("carol") as c:
        c.select("INBOX")
        c.store("1", "+FLAGS", "(\\Deleted)")
        c.expunge()
    i.expect(b"EXPUNGE")


def test_delivery_while_idle_and_live(quick):
    with quick.imap("alice") as c:
        c.select("INBOX")
        before = int(c.untagged_responses["EXISTS"][-1])
        quick.send("bob", ["alice"])

        def there():
            c.noop()
            return int(c.untagged_responses["EXISTS"][-1]) > before

        wait_for(there)


def test_a_changed_password_ends_sessions(fresh_suite):
    suite = fresh_suite(config=QUICK)
    address = suite.user("alice")["address"]
    parked = Idle(suite, "alice")
    no_owner(suite)
    with suite.imap("alice") as live, suite.imap("bob") as other:
        live.select("INBOX")
        other.select("INBOX")
        suite.ctl("user", "passwd", address, input="another password\n")
        assert b"BYE" in parked.line()
        with pytest.raises((imaplib.IMAP4.error, OSError, ssl.SSLError)):
            for _ in range(50):
                live.noop()
                time.sleep(0.05)
        assert other.noop()[0] == "OK"
    with pytest.raises(imaplib.IMAP4.error):
        suite.imap("alice").__enter__()
    suite.user("alice")["password"] = "another password"
    with suite.imap("alice") as c:
        assert c.select("INBOX")[0] == "OK"
    parked.close()


def test_a_killed_owner_costs_its_user_a_connection_and_no_mail(quick):
    quick.send("alice", ["user4"], subject="before")
    wait_for(lambda: len(quick.inbox("user4")) == 1)
    no_owner(quick)
    with quick.imap("bob") as other:
        other.select("INBOX")
        mine = set(quick.owners())
        with quick.imap("user4") as c:
            c.select("INBOX")
            validity = c.response("UIDVALIDITY")[1]
            uid = c.uid("SEARCH", None, "ALL")[1]
            (pid,) = set(quick.owners()) - mine
            os.kill(pid, signal.SIGKILL)
            with pytest.raises((imaplib.IMAP4.error, OSError)):
                c.noop()
                c.noop()
        assert other.noop()[0] == "OK"
    with quick.imap("user4") as c:
        c.select("INBOX")
        assert c.response("UIDVALIDITY")[1] == validity
        assert c.uid("SEARCH", None, "ALL")[1] == uid


def uids(c):
    return [int(u) for u in c.uid("SEARCH", None, "ALL")[1][0].split()]


def test_what_was_answered_ok_survives_a_kill(fresh_suite):
    suite = fresh_suite(config=QUICK)
    shown = set()
    for turn in range(8):
        with suite.imap("alice") as c:
            c.select("INBOX")
            before = set(uids(c))
            assert shown <= before, "an answered change is gone"
            _, data = c.append("INBOX", "(\\Flagged)", None, f"Subject: {turn}\r\n\r\nx\r\n".encode())
            uid = int(data[0].split(b"]")[0].split()[-1])
            assert uid not in shown and uid > max(shown, default=0)
            shown.add(uid)
            c.noop()
            if turn % 2:
                victim = min(shown)
                c.uid("STORE", str(victim), "+FLAGS", "(\\Deleted)")
                assert c.expunge()[0] == "OK"
                shown.discard(victim)
            for pid in suite.owners():
                os.kill(pid, signal.SIGKILL)
    with suite.imap("alice") as c:
        c.select("INBOX")
        assert set(uids(c)) == shown
        assert all(b"Flagged" in d for d in c.fetch("1:*", "(FLAGS)")[1])


def test_a_killed_parent_ends_sessions_and_comes_back(fresh_suite):
    suite = fresh_suite(config=QUICK)
    parked = Idle(suite, "bob")
    no_owner(suite)
    with suite.imap("alice") as c:
        c.select("INBOX")
        first = suite.processes()["mailboxd"]
        os.kill(first, signal.SIGKILL)
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            for _ in range(50):
                c.noop()
                time.sleep(0.05)
    assert b"BYE" in parked.line()
    parked.close()
    suite.send("carol", ["alice"], subject="after")
    wait_for(lambda: log_in(suite, "alice"))
    wait_for(lambda: len(suite.inbox("alice")) == 1)
    assert suite.processes()["mailboxd"] != first


def test_a_killed_front_loses_only_its_connections(fresh_suite):
    suite = fresh_suite(config=QUICK)
    parked = Idle(suite, "bob")
    no_owner(suite)
    with suite.imap("alice") as c:
        c.select("INBOX")
        os.kill(suite.processes()["imapd"], signal.SIGKILL)
        no_owner(suite)
    parked.close()
    suite.send("carol", ["bob"])
    wait_for(lambda: can_connect(suite, "bob"))
    assert len(suite.inbox("bob")) == 1


def can_connect(suite, user):
    with contextlib.suppress(OSError, imaplib.IMAP4.error):
        return log_in(suite, user)
    return False


def test_a_home_survives_a_restart(fresh_suite):
    suite = fresh_suite(config=QUICK)
    with suite.imap("alice") as c:
        c.create("Work/2024")
        c.append("Work/2024", "(\\Seen $Label1)", None, b"Subject: x\r\n\r\ny\r\n")
        c.select("Work/2024")
        validity, found = c.response("UIDVALIDITY")[1], uids(c)
    suite.restart()
    with suite.imap("alice") as c:
        c.select("Work/2024")
        assert c.response("UIDVALIDITY")[1] == validity and uids(c) == found
        flags = c.fetch("1", "(FLAGS)")[1][0]
        assert b"\\Seen" in flags and b"$Label1" in flags


def test_owners_are_bounded_and_users_wait(fresh_suite):
    suite = fresh_suite(config='[mailbox]\nmax_owners = 1\nlinger = "1h"\n')
    with suite.imap("alice") as c:
        c.select("INBOX")
    assert len(suite.owners()) == 1
    # One that lingers makes room at once.
    with suite.imap("bob") as c:
        assert c.select("INBOX")[0] == "OK"
        assert len(suite.owners()) == 1
        got = []

        def third():
            with suite.imap("carol") as d:
                got.append(d.select("INBOX")[0])

        t = threading.Thread(target=third)
        t.start()
        time.sleep(0.5)
        assert not got
    t.join(20)
    assert got == ["OK"]


def test_connections_of_one_user_are_bounded(fresh_suite):
    suite = fresh_suite(config="[mailbox]\nmax_connections = 3\n")
    with suite.imap("alice"), suite.imap("alice"), suite.imap("alice") as last:
        with pytest.raises(imaplib.IMAP4.error, match="LIMIT"):
            suite.imap("alice").__enter__()
        with suite.imap("bob") as other:
            assert other.select("INBOX")[0] == "OK"
        last.logout()
        wait_for(lambda: log_in(suite, "alice"))


def log_in(suite, user):
    try:
        with suite.imap(user):
            return True
    except imaplib.IMAP4.error:
        return False


def test_who_logs_in_while_an_owner_ends_gets_the_next(fresh_suite):
    """A repair ends an owner that a client keeps from saying goodbye for two seconds: logins meanwhile wait for the
    next one and never meet the end of this one."""
    suite = fresh_suite("--users", "2", config="[mailbox]\nlinger = \"1h\"\n")
    suite.send("bob", ["alice"], body=("y" * 76 + "\r\n") * 50_000)
    wait_for(lambda: len(suite.inbox("alice")) == 1)
    foreign = suite.maildir("alice") / "cur" / "1700000000.other.host:2,S"
    foreign.write_bytes(b"Subject: small\r\n\r\nbody\r\n")
    foreign.chmod(0o444)
    with suite.imap("alice") as c:
        assert c.select("INBOX") == ("OK", [b"2"])
    u = suite.user("alice")
    greedy = suite.connect("imaps", tls=True)  # never reads
    greedy.sendall(f"a LOGIN {u['address']} {u['password']}\r\nb SELECT INBOX\r\n".encode() +
                   b"c FETCH 1:* BODY.PEEK[]\r\n" * 20)
    (old,) = suite.owners()
    time.sleep(0.3)
    foreign.chmod(0o644)
    foreign.write_bytes(b"Subject: another one\r\n\r\nbody\r\n")
    suite.ctl("mailbox", "repair", u["address"])  # its size is wrong in the index: that is made anew
    began = time.monotonic()
    got = []

    def client():
        with suite.imap("alice") as c:
            got.append((c.select("INBOX"), c.noop()[0], time.monotonic() - began))

    threads = [threading.Thread(target=client) for _ in range(5)]
    for t in threads:
        t.start()
        time.sleep(0.2)
    for t in threads:
        t.join(30)
    assert [(s, n) for s, n, _ in got] == [(("OK", [b"2"]), "OK")] * 5
    assert got[0][2] > 1  # they waited
    assert suite.owners() != [old]
    greedy.close()
    for event in ("mailbox.exit", "mailbox.kill", "mailbox.crash"):
        assert event not in suite.log()


def test_owners_that_live_follow_a_reload(fresh_suite):
    """20 reloads change a key under open sessions: in IDLE, selected, parked. None hears of it but by what it changes."""
    suite = fresh_suite("--users", "2", config='[mailbox]\nlinger = "1h"\n[imap]\npark_after = "1h"\n')
    config = suite.dir / "gkmail.toml"
    conf = tomllib.loads(config.read_text())
    waiting = Idle(suite, "alice")
    with suite.imap("alice") as c, suite.imap("bob") as other:
        c.select("INBOX")
        other.select("INBOX")
        before = sorted(suite.owners())
        assert len(before) == 2
        for i in range(20):
            size = 100_000 + i
            conf["imap"]["max_size"] = size
            config.write_text(toml_text(conf))
            if i % 2:
                suite.ctl("reload")
            else:
                os.kill(suite.info["pid"], signal.SIGHUP)
            wait_for(lambda: f"APPENDLIMIT={size}".encode() in c.capability()[1][0], what=f"reload {i}")
            assert f"APPENDLIMIT={size}".encode() in other.capability()[1][0]
            assert c.append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"x" * (size - 14))[0] == "OK"
            with pytest.raises((imaplib.IMAP4.error, OSError)), suite.imap("bob") as more:
                more.append("INBOX", None, None, b"x" * (size + 10))
                raise imaplib.IMAP4.error("refused")
            waiting.expect(b"EXISTS")
        # Parking too: what waits for an hour is parked after it was told to.
        conf["imap"]["park_after"] = conf["mailbox"]["linger"] = "50ms"
        config.write_text(toml_text(conf))
        suite.ctl("reload")
        assert sorted(suite.owners()) == before
        assert waiting.done()
        waiting.begin()
        assert c.logout()[0] == "BYE"
        other.logout()
    no_owner(suite)
    suite.send("bob", ["alice"])
    waiting.expect(b"EXISTS")
    waiting.close()


def test_races_of_connecting_parking_delivering_and_killing(quick):
    """Whatever happens at once, one owner a user, and the next login works."""
    end = time.monotonic() + 6
    errors = []

    def client(user):
        while time.monotonic() < end:
            try:
                i = Idle(quick, user)
                with contextlib.suppress(AssertionError, OSError):
                    i.line(0.25)
                i.close()
            except (imaplib.IMAP4.error, AssertionError, OSError, socket.timeout) as e:
                errors.append(e)

    def deliver():
        while time.monotonic() < end:
            quick.send("carol", ["alice", "bob"])
            time.sleep(0.03)

    def kill():
        while time.monotonic() < end:
            time.sleep(0.4)
            for pid in quick.owners()[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    threads = [threading.Thread(target=client, args=(u,)) for u in ("alice", "bob") for _ in range(3)]
    threads += [threading.Thread(target=deliver), threading.Thread(target=kill)]
    for t in threads:
        t.start()
    while time.monotonic() < end:
        # Two users come here, carol only sends.
        assert len(quick.owners()) <= 2 + 1  # one may be ending while it is counted
        time.sleep(0.02)
    for t in threads:
        t.join()
    for user in ("alice", "bob"):
        with quick.imap(user) as c:
            assert c.select("INBOX")[0] == "OK"
    no_owner(quick)
    assert "mailbox.open" not in quick.log()
