"""Three users whose mail crosses see each their own; a hostile owner stays in its home; a flood stalls nobody."""

import contextlib
import imaplib
import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import BIN, wait_for

TOOLS = Path(os.environ.get("GKMAIL_TOOLS", BIN.parent / "tools"))
USERS = ("alice", "bob", "carol")
STORE = 64003  # of a sandbox that runs as root


# ---- mail crosses ----

@pytest.fixture(scope="module")
def crossed(suite):
    """Mail from each to each, and to several, with and without being named in To; subject -> who must have it."""
    expected = {}
    for sender in USERS:
        for to in (("alice",), ("bob",), ("carol",), ("alice", "bob"), ("bob", "carol"), USERS):
            subject = f"{sender} to {' '.join(to)}"
            suite.send(sender, to=to, subject=subject, body=f"for {' and '.join(to)} only\r\n")
            expected[subject] = set(to)
        hidden = f"{sender} hidden"
        address = suite.user(sender)["address"]
        with suite.smtp(sender) as c:
            c.sendmail(address, [suite.user("bob")["address"], suite.user("carol")["address"]],
                       f"From: {address}\r\nTo: undisclosed:;\r\nSubject: {hidden}\r\n\r\nquiet\r\n".encode())
        expected[hidden] = {"bob", "carol"}
    return expected


def subjects(suite, user):
    return sorted(re.search(rb"^Subject: ([^\r]*)", m, re.M)[1].decode() for m in suite.inbox(user))


@pytest.mark.parametrize("user", USERS)
def test_each_sees_exactly_its_own(suite, crossed, user):
    own = sorted(s for s, to in crossed.items() if user in to)
    wait_for(lambda: len(subjects(suite, user)) >= len(own), what="the deliveries")
    assert subjects(suite, user) == own


@pytest.mark.parametrize("user", USERS)
def test_each_finds_exactly_its_own(suite, crossed, user):
    with suite.imap(user) as c:
        c.select("INBOX")
        for other in USERS:
            found = c.search(None, "BODY", f'"for {other} only"')[1][0].split()
            assert len(found) == (len(USERS) if other == user else 0)


@pytest.mark.parametrize("name", ["bob", "user.bob", "user/bob", "~bob", "../bob", "../../bob", "Other Users/bob",
                                  "../../bob/Maildir", "/", "//", ".", "..", "cur", "new/", "INBOX/../../bob",
                                  "..%2fbob", "&AC4ALg-/bob", "bob@example.test"])
def test_no_name_leads_to_another_home(suite, crossed, name):
    with suite.imap("alice") as c:
        assert c.select(f'"{name}"')[0] == "NO"
        for command, args in (("STATUS", "(MESSAGES)"), ("DELETE", None), ("SUBSCRIBE", None)):
            words = [f'"{name}"'] + ([args] if args else [])
            with contextlib.suppress(imaplib.IMAP4.error):
                typ, _ = c._simple_command(command, *words)
                assert typ in ("NO", "BAD") or command == "SUBSCRIBE", command
        with contextlib.suppress(imaplib.IMAP4.error):
            if c.create(f'"{name}"')[0] == "OK":  # a name like any other, in her own home
                typ, found = c.select(f'"{name.rstrip("/")}"')
                assert (typ, found) == ("OK", [b"0"])
                c.close()
                c.delete(f'"{name.rstrip("/")}"')
    homes = suite.dir / "data" / "mail" / suite.domain
    if os.access(homes, os.X_OK):
        assert sorted(p.name for p in homes.iterdir()) == sorted(USERS)
        for p in homes.iterdir():
            assert sorted(x.name for x in p.iterdir() if not x.name.startswith("index")) == ["Maildir", "db"], p


# ---- a hostile owner ----

def attack(suite, home, *paths):
    mail = suite.dir / "data" / "mail"
    r = subprocess.run([TOOLS / "owner_attack", mail, f"{suite.domain}/{home}", str(STORE), *map(str, paths)],
                       capture_output=True, text=True, timeout=30)
    assert r.returncode == 0, r.stderr
    return r.stdout.splitlines()


def test_an_owner_gets_at_nothing_but_its_home(suite, crossed):
    data = Path(suite.dir) / "data"
    bob = suite.maildir("bob")
    wait_for(lambda: list(bob.glob("*/*,S=*")), what="mail of bob")
    segments = sorted((data / "spool" / "journal").iterdir())
    targets = [bob, bob / "cur", next(bob.glob("*/*,S=*")), *(bob.parent / "db").iterdir(), bob.parent / "db", bob.parent,
               data / "mail", data / "mail" / suite.domain, data / "mail" / ".incoming", data / "auth" / "accounts.db",
               data / "spool", segments[0], suite.dir / "tls" / "key.pem", suite.dir / "users", suite.dir / "log",
               suite.dir / "run" / "control.sock", suite.dir / "gkmail.toml", "/etc/passwd", "/", "/proc/1/status",
               "/proc/self/mem", "/dev/null"]
    for p in targets:
        assert os.path.lexists(p), p
    lines = attack(suite, "alice", *targets)
    own = lines.pop()
    if os.geteuid() == 0:  # the root is the home: "/" is alice's own, and may be listed or not
        lines = [x for x in lines if not re.match(r"(read|write) /: ", x)]
    assert [x for x in lines if not x.endswith(": no")] == []
    assert len(lines) >= 2 * (len(targets) - 1)
    assert int(own.split()[1]) > 5  # the attack ran where it should
    # The same owner reads its own mail.
    message = next(suite.maildir("alice").glob("*/*,S=*")).relative_to(suite.maildir("alice").parent)
    assert attack(suite, "alice", message)[:2] == [f"read {message}: yes", f"write {message}: no"]


def test_the_suite_works_with_the_rights_of_debian_12(fresh_suite, monkeypatch):
    """Landlock ABI 2, as its kernel 6.1 has it (INVARIANTS 10)."""
    monkeypatch.setenv("GKMAIL_TEST_LANDLOCK_ABI", "2")
    suite = fresh_suite("--users", "2")
    suite.send(to=("alice", "bob"), body="z" * 70 + "\r\n")
    suite.send(subject="large", body=("z" * 70 + "\r\n") * 5000)
    wait_for(lambda: len(suite.inbox("bob")) == 2)
    with suite.imap("bob") as c:
        c.create("Elsewhere")
        c.select("INBOX")
        assert c.copy("1:2", "Elsewhere")[0] == "OK"
        c.store("1", "+FLAGS", "(\\Deleted)")
        assert c.expunge()[0] == "OK"
        assert c.append("Elsewhere", None, None, b"Subject: mine\r\n\r\nhello\r\n")[0] == "OK"
    wait_for(lambda: suite.inbox("alice"))
    message = next(suite.maildir("bob").glob("*/*,S=*"))
    lines = attack(suite, "alice", message, suite.maildir("bob"), suite.dir / "data" / "auth" / "accounts.db")
    assert len(lines) == 7 and all(x.endswith(": no") for x in lines[:-1])


def test_owners_have_one_root_each(suite, crossed):
    with suite.imap("alice") as a, suite.imap("bob") as b:
        a.select("INBOX")
        b.select("INBOX")
        parent = suite.processes()["mailboxd"]
        owners = [p for p in Path("/proc").glob("[0-9]*") if ppid(p) == parent]
        assert len(owners) >= 2
        if os.geteuid() != 0:
            pytest.skip("a process is not dumpable: its root is root's to see")
        roots = sorted(os.readlink(p / "root") for p in owners)
        homes = str(suite.dir / "data" / "mail" / suite.domain)
        assert roots == sorted(set(roots)) and {f"{homes}/alice", f"{homes}/bob"} <= set(roots)
        for p in owners:
            root = os.readlink(p / "root")
            for fd in (p / "fd").iterdir():
                target = os.readlink(fd)
                assert not target.startswith(homes) or target.startswith(root + "/") or target == root, target


def ppid(p):
    with contextlib.suppress(OSError):
        return int(re.search(r"^PPid:\t(\d+)", (p / "status").read_text(), re.M)[1])
    return None


# ---- a flood ----

def trickle(sockets, running):
    """One byte to each, again and again."""
    text = b"NOOP nothing much to say here\r\n"
    i = 0
    while running.is_set():
        for s in sockets:
            with contextlib.suppress(OSError):
                s.send(text[i % len(text):i % len(text) + 1])
        i += 1
        time.sleep(0.02)


def test_a_flood_stalls_nobody(suite):
    running = threading.Event()
    running.set()
    idle, slow = [], []
    try:
        for i in range(300):
            idle.append(suite.connect(("smtp", "submission", "imap")[i % 3]))
        for i in range(50):
            slow.append(suite.connect(("smtp", "imap")[i % 2]))
        thread = threading.Thread(target=trickle, args=(slow, running), daemon=True)
        thread.start()
        for i in range(5):
            suite.send("alice", to=("bob",), subject=f"flood {i}")
            wait_for(lambda: f"flood {i}" in subjects(suite, "bob"), what="the delivery")
        metrics = suite.ctl("status", "--metrics").stdout
        assert int(re.search(r"^gkmail_smtp_connections_active (\d+)$", metrics, re.M)[1]) >= 200
    finally:
        running.clear()
        for s in idle + slow:
            s.close()
    wait_for(lambda: "gkmail_smtp_connections_active 0\n" in suite.ctl("status", "--metrics").stdout,
             what="the end of the flood")


def test_clients_that_never_read_stall_nobody(suite):
    """Each asks for more than a socket holds, and takes nothing."""
    suite.send("alice", to=("carol",), subject="large", body=("y" * 76 + "\r\n") * 20_000)
    wait_for(lambda: "large" in subjects(suite, "carol"))
    u = suite.user("carol")
    greedy = []
    try:
        for _ in range(10):
            s = suite.connect("imaps", tls=True)
            greedy.append(s)
            s.sendall(f"a LOGIN {u['address']} {u['password']}\r\nb SELECT INBOX\r\n"
                      .encode() + b"c FETCH 1:* BODY.PEEK[]\r\n" * 20)
        assert "large" in subjects(suite, "carol")  # the same owner serves her other connections
        suite.send("bob", to=("alice",), subject="beside")
        wait_for(lambda: "beside" in subjects(suite, "alice"))
    finally:
        for s in greedy:
            s.close()
