"""CONDSTORE, QRESYNC and ENABLE (RFC 7162, 5161) as clients see them."""

import os
import random
import re
import signal
import threading
import time

import pytest
from conftest import wait_for
from imapraw import connect
from resync import Client, whole

MESSAGE = b"From: <bob@example.test>\r\nSubject: x\r\n\r\nbody\r\n"

FLAGS = [r"\Seen", r"\Answered", r"\Flagged", r"\Deleted", "$Label", "Work"]


@pytest.fixture
def two(suite, request):
    """Two sessions of one user and a mailbox of six messages that only this test knows."""
    name = re.sub(r"\W", "", request.node.name)
    a, b = connect(suite), connect(suite)
    a.ok(f"CREATE {name}")
    for _ in range(6):
        a.append(name, MESSAGE)
    a.name = name
    yield a, b
    a.close()
    b.close()


def value(lines, word):
    return int(re.search(word + rb" (\d+)", b"\n".join(lines))[1])


def modseqs(lines):
    return {int(m[1]): int(m[2]) for m in re.finditer(rb"UID (\d+).*?MODSEQ \((\d+)\)", b"\n".join(lines))}


def test_imaplib(suite):
    with suite.imap() as c:
        assert {"CONDSTORE", "QRESYNC", "ENABLE"} <= set(c.capabilities)
        assert c.enable("CONDSTORE")[0] == "OK"
        assert c.select("INBOX")[0] == "OK"
        assert int(c.response("HIGHESTMODSEQ")[1][0]) > 0
        assert c.status("INBOX", "(HIGHESTMODSEQ)")[0] == "OK"


def test_flags_of_another_session(two):
    a, b = two
    then = value(a.ok(f"SELECT {a.name} (CONDSTORE)"), rb"HIGHESTMODSEQ")
    b.ok(f"SELECT {a.name}")
    assert b.ok(r"STORE 2,4 +FLAGS.SILENT (\Flagged)") == []
    lines = a.ok("NOOP")
    assert set(modseqs(lines)) == {2, 4} and min(modseqs(lines).values()) > then
    assert modseqs(a.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {then})")).keys() == {2, 4}
    line, = [x for x in a.ok(f"SEARCH MODSEQ {then + 1}") if x.startswith(b"* SEARCH")]
    assert re.fullmatch(rb"\* SEARCH 2 4 \(MODSEQ \d+\)", line)
    # A message that comes is above all that was.
    high = value(b.ok(f"STATUS {a.name} (HIGHESTMODSEQ)"), rb"HIGHESTMODSEQ")
    uid = b.append(a.name, MESSAGE)
    a.ok("NOOP")
    assert modseqs(a.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {high})")).keys() == {uid}


def test_conditional_store(two):
    """Two clients count up a keyword: only one of them wins."""
    a, b = two
    then = value(a.ok(f"SELECT {a.name} (CONDSTORE)"), rb"HIGHESTMODSEQ")
    b.ok(f"SELECT {a.name} (CONDSTORE)")
    _, first = b.command(f"STORE 1:3 (UNCHANGEDSINCE {then}) FLAGS (one)")
    assert first.startswith(b"OK Store")
    lines, second = a.command(f"STORE 2:5 (UNCHANGEDSINCE {then}) FLAGS (two)")
    assert second.startswith(b"OK [MODIFIED 2:3]"), second
    flags = {int(m[1]): m[2] for m in re.finditer(rb"\* (\d+) FETCH \(UID \d+ FLAGS \(([^)]*)\)", b"\n".join(lines))}
    assert b"one" in flags[2] and b"one" in flags[3] and b"two" in flags[4] and b"two" in flags[5]
    assert b"two" not in flags[2]
    # Other flags than those that changed are no conflict.
    _, third = a.command(rf"UID STORE 1:3 (UNCHANGEDSINCE {then}) +FLAGS.SILENT (\Seen)")
    assert third.startswith(b"OK Store"), third


def test_expunge_held_back(two):
    """Who loses the connection behind a FETCH that could not tell an expunge hears of it afterwards."""
    a, b = two
    a.ok("ENABLE QRESYNC")
    lines = a.ok(f"SELECT {a.name}")
    validity, then = value(lines, rb"UIDVALIDITY"), value(lines, rb"HIGHESTMODSEQ")
    b.ok(f"SELECT {a.name}")
    b.ok(r"STORE 3 +FLAGS (\Deleted)")
    b.ok("EXPUNGE")
    b.ok(r"STORE 1 +FLAGS (\Seen)")
    lines, result = a.command("FETCH 1 (FLAGS MODSEQ)")
    told = int(re.match(rb"OK \[HIGHESTMODSEQ (\d+)\]", result)[1])
    assert not any(b"VANISHED" in x for x in lines)
    assert then <= told < modseqs([x.replace(b"FLAGS", b"UID 1 FLAGS") for x in lines])[1]
    lines = b.ok("ENABLE QRESYNC")
    lines = b.ok(f"SELECT {a.name} (QRESYNC ({validity} {told}))")
    assert b"* VANISHED (EARLIER) 3" in lines
    lines, result = a.command("NOOP")
    assert b"* VANISHED 3" in lines and result.startswith(b"OK [HIGHESTMODSEQ ")


def test_vanished_in_idle_and_parked(suite, two):
    """What was enabled survives being parked without a process."""
    a, b = two
    a.ok("ENABLE QRESYNC")
    a.ok(f"SELECT {a.name}")
    a.send(b"i IDLE\r\n")
    assert a.line().startswith(b"+")
    b.ok(f"SELECT {a.name}")
    b.ok(r"STORE 2 +FLAGS (\Deleted)")
    b.ok("EXPUNGE")
    assert re.fullmatch(rb"\* 2 FETCH \(UID 2 FLAGS \(.*\) MODSEQ \(\d+\)\)", a.line())
    assert a.line() == b"* VANISHED 2"
    parked = lambda: float(re.search(r"^gkmail_imap_connections_parked (\S+)", suite.ctl("status", "--metrics").stdout, re.M)[1])  # noqa
    wait_for(lambda: parked() > 0, 60, "parking")
    b.ok(r"UID STORE 4 +FLAGS (\Deleted)")
    b.ok("EXPUNGE")
    while (line := a.line()) != b"* VANISHED 4":
        assert b" FETCH (UID 4 FLAGS " in line or b"Still here" in line
    a.send(b"DONE\r\n")
    _, result = a.until(b"i")
    assert result.startswith(b"OK [HIGHESTMODSEQ ")
    lines, result = a.command("FETCH 1 (FLAGS MODSEQ)")
    assert result.startswith(b"OK")


def change(r, name, rnd):
    uids = [int(x) for x in r.ok("UID SEARCH ALL")[-1].split()[2:] if x.isdigit()]
    some = ",".join(map(str, rnd.sample(uids, min(len(uids), 3)))) or "1"
    flags = " ".join(rnd.sample(FLAGS, rnd.randrange(3)))
    what = rnd.randrange(6)
    if what < 2:
        r.append(name, MESSAGE)
    elif what < 4:
        r.ok(f"UID STORE {some} {rnd.choice(['', '+', '-'])}FLAGS.SILENT ({flags})")
    elif what == 4:
        r.command(f"UID MOVE {some} Trash")
    else:
        r.ok("EXPUNGE")


@pytest.mark.parametrize("qresync", [True, False])
def test_resyncing(suite, qresync):
    """A client that comes and goes while others change the mailbox always gets to what the server has."""
    r, other, name = connect(suite), connect(suite), f"resync{int(qresync)}"
    rnd = random.Random(5)
    r.ok(f"CREATE {name}")
    r.ok(f"SELECT {name}")
    client = Client(5)
    for _ in range(40):
        for _ in range(rnd.randrange(8)):
            change(r, name, rnd)
        c = connect(suite)
        client.connect(c, qresync)
        client.sync(name)
        if rnd.random() < 0.7:
            for _ in range(rnd.randrange(4)):
                change(r, name, rnd)
                client.ask(rnd.choice(["NOOP", "FETCH 1:* (FLAGS MODSEQ)", "UID FETCH 1:* (FLAGS)", "SEARCH ALL"]))
        c.close()
        c = connect(suite)
        client.connect(c, qresync)
        assert client.sync(name) == whole(other, name)
        c.close()
    r.close()
    other.close()


def test_resyncing_beside_others(suite):
    """The same with five sessions at once, and views that are told while they change."""
    name = "crowd"
    r = connect(suite)
    r.ok(f"CREATE {name}")
    running, failures = [True], []

    def work(seed):
        c, rnd = connect(suite), random.Random(seed)
        try:
            c.ok(f"SELECT {name}")
            while running[0]:
                change(c, name, rnd)
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    rnd = random.Random(9)
    clients = [Client(n) for n in range(2)]
    for _ in range(12):
        for client in clients:
            client.connect(connect(suite))
            client.sync(name)
        for _ in range(10):
            for client in clients:
                what = rnd.choice(["NOOP", "FETCH 1:* (FLAGS MODSEQ)", "STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (x)"])
                client.ask(what) if rnd.random() < 0.8 else client.idle(0.01)
        for client in clients:
            client.c.close()
    running[0] = False
    for t in threads:
        t.join(30)
    assert not failures
    for client in clients:
        client.connect(connect(suite))
        assert client.sync(name) == whole(r, name)
        client.c.close()
    r.close()


def test_owner_killed_before_it_saved(fresh_suite):
    """What was told and lost is told again: to a client above it, and to one that had heard without a modseq."""
    suite = fresh_suite()
    a, b = connect(suite), connect(suite)
    for _ in range(5):
        a.append("INBOX", MESSAGE)
    knowing, unaware = Client(1), Client(2)
    for client in (knowing, unaware):
        client.connect(connect(suite))
        client.sync("INBOX")
    b.ok("SELECT INBOX")
    time.sleep(1.2)
    b.ok(r"STORE 2 FLAGS (\Flagged)")
    b.ok("STORE 4 FLAGS ($Work)")
    knowing.ask("NOOP")
    for pid in suite.owners():
        os.kill(pid, signal.SIGKILL)
    for r in (a, b, knowing.c, unaware.c):
        r.close()
    r = connect(suite)
    for client in (knowing, unaware):
        client.connect(connect(suite))
        assert client.sync("INBOX") == whole(r, "INBOX")
    r.close()
