"""Who guesses passwords, speaks too soon or too much: bans that all fronts share, limits, manners."""

import base64
import contextlib
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from conftest import make, wait_for

# Nobody is trusted, so that what comes from 127.0.0.x is what comes from the internet.
GUARDED = """
[smtp]
greet_delay = "300ms"
[submission]
auth_without_tls = true
[imap]
auth_without_tls = true
[limits]
trusted_networks = []
network_factor = 100
auth_failures = 4
ban_time = "1h"
"""


@pytest.fixture(scope="module")
def guarded(workdir):
    s = make(workdir, config=GUARDED).start()
    yield s
    assert s.stop() == 0


@contextlib.contextmanager
def connect(suite, port, source, timeout=30):
    s = socket.create_connection(("127.0.0.1", suite.port(port)), timeout=timeout, source_address=(source, 0))
    try:
        yield s
    finally:
        s.close()


def hear(s, pattern=rb"\r\n$"):
    """What the server says until the pattern is there, or until it closes."""
    said = b""
    while not re.search(pattern, said):
        more = s.recv(4096)
        if not more:
            break
        said += more
    return said.decode()


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def smtp_login(suite, source, user, password):
    """The code of AUTH, or of a greeting that is none."""
    with connect(suite, "submission", source) as s:
        said = hear(s)
        if not said.startswith("220"):
            return said[:3]
        s.sendall(b"EHLO c.test\r\n")
        hear(s, rb"250 .*\r\n")
        s.sendall(f"AUTH PLAIN {plain(user, password)}\r\n".encode())
        return hear(s)[:3]


def imap_login(suite, source, user, password):
    """OK, NO, or BYE when it is turned away."""
    with connect(suite, "imap", source) as s:
        said = hear(s)
        if not said.startswith("* OK"):
            return said.split()[1] if said else "BYE"
        s.sendall(f"a LOGIN {user} {password}\r\n".encode())
        said = hear(s, rb"(a |\* BYE).*\r\n")
        return re.search(r"^(?:a|\*) (OK|NO|BYE)", said, re.M)[1]


def bans(suite):
    return {b["network"]: b for b in json.loads(suite.ctl("--json", "ban", "list").stdout)}


def test_guessing_over_both_fronts_leads_to_one_ban(guarded):
    alice = guarded.user("alice")
    with connect(guarded, "imap", "127.0.0.21") as waiting, connect(guarded, "imap", "127.0.0.21") as inside:
        hear(waiting)
        hear(inside)
        inside.sendall(f"a LOGIN {alice['address']} {alice['password']}\r\n".encode())
        assert "a OK" in hear(inside, rb"a OK.*\r\n")
        for i in range(2):
            assert smtp_login(guarded, "127.0.0.21", alice["address"], f"guess{i}") == "535"
            assert imap_login(guarded, "127.0.0.21", "nobody@" + guarded.domain, f"guess{i}") in ("NO", "BYE")
        assert "127.0.0.21" in bans(guarded)
        # Also with the right password, at every front, before TLS.
        assert smtp_login(guarded, "127.0.0.21", alice["address"], alice["password"]) == "421"
        assert imap_login(guarded, "127.0.0.21", alice["address"], alice["password"]) == "BYE"
        with connect(guarded, "smtp", "127.0.0.21") as s:
            assert hear(s).startswith("421 4.7.0 ")
        for port in ("submissions", "imaps"):
            with connect(guarded, port, "127.0.0.21") as s:
                assert s.recv(100) == b""
        # Who had not logged in is ended, who had goes on.
        assert "* BYE" in hear(waiting, rb"BYE.*\r\n")
        inside.sendall(b"b NOOP\r\n")
        assert "b OK" in hear(inside, rb"b OK.*\r\n")
    # Nobody else notices.
    assert smtp_login(guarded, "127.0.0.22", alice["address"], alice["password"]) == "235"
    assert imap_login(guarded, "127.0.0.22", alice["address"], alice["password"]) == "OK"
    ban = bans(guarded)["127.0.0.21"]
    assert ban["by"] == "guard" and ban["times"] == 1 and ban["until"] and "failed logins" in ban["reason"]
    log = guarded.log()
    assert "auth.fail" in log and re.search(r"auth\.ban network=127\.0\.0\.21 seconds=3600 by=guard", log)
    guarded.ctl("ban", "remove", "127.0.0.21")
    assert "127.0.0.21" not in bans(guarded)
    assert smtp_login(guarded, "127.0.0.21", alice["address"], alice["password"]) == "235"
    assert imap_login(guarded, "127.0.0.21", alice["address"], alice["password"]) == "OK"


def test_an_old_password_bans_nobody(guarded):
    """A program that repeats yesterday's password teaches a guesser nothing."""
    carol = guarded.user("carol")
    for _ in range(8):
        assert smtp_login(guarded, "127.0.0.23", carol["address"], "yesterday") == "535"
    assert smtp_login(guarded, "127.0.0.23", carol["address"], carol["password"]) == "235"
    assert "127.0.0.23" not in bans(guarded)


def test_the_operator_bans_a_network(guarded):
    alice = guarded.user("alice")
    guarded.ctl("ban", "add", "127.0.5.0/24", "--for", "2d", "--reason", "spam run")
    assert smtp_login(guarded, "127.0.5.9", alice["address"], alice["password"]) == "421"
    assert imap_login(guarded, "127.0.5.200", alice["address"], alice["password"]) == "BYE"
    assert smtp_login(guarded, "127.0.6.9", alice["address"], alice["password"]) == "235"
    ban = bans(guarded)["127.0.5.0/24"]
    assert ban["by"] == "operator" and ban["reason"] == "spam run"
    r = guarded.ctl("ban", "remove", "127.0.5.9", check=False)
    assert r.returncode == 1 and "lies in 127.0.5.0/24" in r.stderr
    guarded.ctl("ban", "remove", "127.0.5.0/24")
    assert smtp_login(guarded, "127.0.5.9", alice["address"], alice["password"]) == "235"
    guarded.ctl("ban", "add", "127.0.5.9")
    assert bans(guarded)["127.0.5.9"]["until"] is None
    guarded.ctl("ban", "remove", "127.0.5.9")


@pytest.mark.parametrize("words, code, said", [
    (["add", "127.0.5.9/24"], 1, "did you mean 127.0.5.0/24?"),
    (["add", "example.org"], 1, "neither an address nor a network"),
    (["add", "127.0.5.9", "--for", "soon"], 2, "such as 30m"),
    (["add"], 2, "NETWORK is missing"),
    (["add", "127.0.5.9", "--reason", "x" * 300], 1, "200 octets"),
    (["remove", "127.0.5.77"], 1, "not banned"),
    (["remove", "127.0.5.77/33"], 1, "neither an address nor a network"),
])
def test_wrong_words_are_told(guarded, words, code, said):
    r = guarded.ctl("ban", *words, check=False)
    assert r.returncode == code and said in r.stderr, r.stderr


def test_bans_end_and_survive(fresh_suite):
    suite = fresh_suite("--users", "1", config=GUARDED.replace('"1h"', '"4s"'))
    alice = suite.user("alice")
    suite.ctl("ban", "add", "127.0.5.0/24")
    for i in range(4):
        smtp_login(suite, "127.0.0.21", alice["address"], f"guess{i}")
    began = time.monotonic()
    assert smtp_login(suite, "127.0.0.21", alice["address"], alice["password"]) == "421"
    # authd ends: the fronts know it all the same; master starts it anew, and it knows too.
    old = suite.processes()["authd"]
    os.kill(old, signal.SIGKILL)
    assert smtp_login(suite, "127.0.5.1", alice["address"], alice["password"]) == "421"
    wait_for(lambda: suite.processes().get("authd") not in (None, 0, old), what="another authd")
    wait_for(lambda: "127.0.5.0/24" in suite.ctl("ban", "list", check=False).stdout, what="its bans")
    # The first ban ends by itself.
    wait_for(lambda: smtp_login(suite, "127.0.0.21", alice["address"], alice["password"]) == "235", what="the end")
    assert time.monotonic() - began > 2
    suite.restart()
    assert list(bans(suite)) == ["127.0.5.0/24"]
    assert imap_login(suite, "127.0.5.1", alice["address"], alice["password"]) == "BYE"
    # It comes again: the second one lasts twice as long.
    for i in range(4):
        smtp_login(suite, "127.0.0.21", alice["address"], f"again{i}")
    wait_for(lambda: "seconds=8 by=guard" in suite.log(), what="a longer ban")


def test_nobody_is_locked_out(guarded):
    """Many addresses guess at bob: it becomes slow for strangers, and stays as it was where bob is known."""
    bob = guarded.user("bob")
    assert imap_login(guarded, "127.0.8.1", bob["address"], bob["password"]) == "OK"
    for i in range(6):
        assert smtp_login(guarded, f"127.0.9.{i + 1}", bob["address"], f"guess{i}") == "535"
    waited = []
    for source in ("127.0.8.1", "127.0.8.2"):
        began = time.monotonic()
        assert imap_login(guarded, source, bob["address"], bob["password"]) == "OK"
        waited.append(time.monotonic() - began)
    assert waited[1] > 0.9 and waited[0] < waited[1]
    assert not any(n.startswith(("127.0.8.", "127.0.9.")) for n in bans(guarded))


def test_who_speaks_before_the_greeting(guarded):
    with connect(guarded, "smtp", "127.0.0.41") as s:
        s.sendall(b"EHLO eager.test\r\nMAIL FROM:<a@x.test>\r\n")
        assert hear(s, rb"554.*\r\n").startswith("554 5.5.0 ")
        assert s.recv(100) == b""
    wait_for(lambda: re.search(r"smtp\.early_talker .*peer=127\.0\.0\.41", guarded.log()), what="the event")
    began = time.monotonic()
    with connect(guarded, "smtp", "127.0.0.42") as s:
        assert hear(s).startswith("220 ")
    first = time.monotonic() - began
    assert first > 0.28
    began = time.monotonic()
    with connect(guarded, "smtp", "127.0.0.42") as s:
        assert hear(s).startswith("220 ")
        assert time.monotonic() - began < first
        s.sendall(b"EHLO eager.test\r\nMAIL FROM:<a@x.test>\r\n")
        assert hear(s, rb"554.*\r\n").startswith("554 5.5.0 ")
    wait_for(lambda: re.search(r"smtp\.pipelining .*peer=127\.0\.0\.42 helo=", guarded.log()), what="the event")


def test_limits_of_an_address(fresh_suite):
    suite = fresh_suite("--users", "2", config=GUARDED.replace("300ms", "0s") +
                        "messages_per_minute = 3\nunknown_per_hour = 5\nerrors_per_hour = 12\n")
    alice = suite.user("alice")["address"]
    unknown = f"RCPT TO:<nobody@{suite.domain}>\r\n".encode()

    def dialogue(source, *lines):
        with connect(suite, "smtp", source) as s:
            codes = [hear(s)[:3]]
            for line in (b"EHLO c.test\r\n", *lines):
                s.sendall(line)
                said = hear(s, rb"(?m)^\d{3} .*\r\n")
                codes += re.findall(r"(?m)^(\d{3}) ", said)
            return codes[2:]

    mail = [b"MAIL FROM:<a@x.test>\r\n", b"RSET\r\n"]
    assert dialogue("127.0.0.51", *mail, *mail, *mail, *mail[:1]) == ["250"] * 6 + ["450"]
    assert dialogue("127.0.0.52", *mail[:1], f"RCPT TO:<{alice}>\r\n".encode()) == ["250", "250"]
    assert dialogue("127.0.0.53", *mail[:1], *[unknown] * 6) == ["250"] + ["550"] * 5 + ["450"]
    assert dialogue("127.0.0.53", *mail[:1], f"RCPT TO:<{alice}>\r\n".encode()) == ["250", "450"]
    assert dialogue("127.0.0.54", *[b"FOO\r\n"] * 12) == ["500"] * 12 + ["421"]
    with connect(suite, "smtp", "127.0.0.54") as s:
        assert hear(s).startswith("421 4.7.0 ")
    for event in ("limit.messages", "limit.unknown", "limit.errors", "limit.connections"):
        wait_for(lambda: event in suite.log(), what=event)
    metrics = suite.ctl("status", "--metrics").stdout
    for what in ("messages", "unknown", "errors"):
        assert re.search(rf'gkmail_limits_total{{what="{what}"}} [1-9]', metrics), metrics


def submit(suite, source, user, recipients):
    """One message by a user who logs in; the replies to RCPT, and the code for the message."""
    u = suite.user(user)
    with connect(suite, "submission", source) as s:
        hear(s)
        s.sendall(b"EHLO c.test\r\n")
        hear(s, rb"250 .*\r\n")
        s.sendall(f"AUTH PLAIN {plain(u['address'], u['password'])}\r\n".encode())
        assert hear(s).startswith("235")
        s.sendall(f"MAIL FROM:<{u['address']}>\r\n".encode())
        assert hear(s).startswith("250")
        replies = []
        for r in recipients:
            s.sendall(f"RCPT TO:<{r}>\r\n".encode())
            replies.append(hear(s).strip())
        s.sendall(b"DATA\r\n")
        if not hear(s).startswith("354"):
            return replies, "554"
        s.sendall(f"From: {u['address']}\r\nSubject: x\r\n\r\nx\r\n.\r\n".encode())
        return replies, hear(s)[:3]


def test_what_a_user_may_send(fresh_suite):
    """Counted in authd by user and domain, whatever connection or address it is sent from; a restart forgets nothing."""
    suite = fresh_suite("--users", "3", config=GUARDED + "user_messages_per_hour = 2\nuser_recipients_per_hour = 4\n"
                        "domain_messages_per_hour = 4\n")
    bob, carol = suite.user("bob")["address"], suite.user("carol")["address"]
    assert submit(suite, "127.0.0.61", "alice", [bob, carol])[1] == "250"
    assert submit(suite, "127.0.0.62", "alice", [bob])[1] == "250"
    replies, code = submit(suite, "127.0.0.63", "alice", [bob, carol])
    assert code == "554" and all(r.startswith("450 4.7.1 ") and "minutes" in r for r in replies), replies
    replies, code = submit(suite, "127.0.0.61", "bob", [bob, carol, suite.user("alice")["address"], "x@" + suite.domain, bob])
    assert code == "250" and [r[:3] for r in replies] == ["250", "250", "250", "550", "452"], replies
    # The whole domain may send four; a restart does not make it more.
    assert submit(suite, "127.0.0.61", "carol", [bob])[1] == "250"
    time.sleep(0.1)
    suite.restart()
    replies, code = submit(suite, "127.0.0.61", "carol", [bob])
    assert code == "554" and replies[0].startswith("450 4.7.1 ")
    wait_for(lambda: re.search(r"limit\.user user=carol@\S+ of=domain in=hour what=messages wait=\d+", suite.log()), what="its event")


def test_greylisting(fresh_suite):
    suite = fresh_suite("--users", "2", config=GUARDED.replace("300ms", "0s") + "greylist = true\ngreylist_delay = '2s'\n")
    alice, bob = suite.user("alice")["address"], suite.user("bob")["address"]

    def try_rcpt(source, sender, recipient):
        with connect(suite, "smtp", source) as s:
            hear(s)
            for line in (b"EHLO c.test\r\n", f"MAIL FROM:<{sender}>\r\n".encode()):
                s.sendall(line)
                hear(s, rb"(?m)^250 .*\r\n")
            s.sendall(f"RCPT TO:<{recipient}>\r\n".encode())
            return hear(s)

    assert try_rcpt("127.0.1.1", "a@there.test", alice).startswith("451 4.7.1 Greylisted, try again in 2 seconds")
    assert try_rcpt("127.0.1.1", "a@there.test", alice).startswith("451")
    assert try_rcpt("127.0.1.1", "a@there.test", "nobody@" + suite.domain).startswith("550")
    time.sleep(2.2)
    assert try_rcpt("127.0.1.1", "a@there.test", alice).startswith("250")
    assert try_rcpt("127.0.1.9", "a@there.test", alice).startswith("250")
    assert try_rcpt("127.0.1.1", "a@there.test", bob).startswith("451")
    # Users are not put off, and what passed is known after a restart.
    assert submit(suite, "127.0.2.1", "alice", [bob])[1] == "250"
    suite.restart()
    assert try_rcpt("127.0.1.1", "a@there.test", alice).startswith("250")
    assert try_rcpt("127.0.3.1", "a@there.test", alice).startswith("451")
    wait_for(lambda: "greylist.defer" in suite.log(), what="its event")
    assert re.search(r'gkmail_greylist_total{result="deferred"} [1-9]', suite.ctl("status", "--metrics").stdout)


@pytest.mark.skipif(not (Path(__file__).parents[2] / "docs").is_dir(), reason="a copy without documents")
def test_events_in_the_manual_are_those_of_the_code():
    root = Path(__file__).parents[2]
    page = (root / "docs/SECURITY.md").read_text()
    table = page[page.index("| event in the log |"):page.index("Counters of the same")]
    events = " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    told = set(re.findall(r"`([a-z]+\.[a-z_]+)`", events))
    daemons = ("authd", "smtpd", "imapd", "webd", "queue", "mailboxd", "mcpd", "aid", "connect")
    code = "".join(f.read_text() for d in daemons for f in (root / d).rglob("*.c"))
    logged = set(re.findall(r'"((?:limit|greylist)\.[a-z_]+|auth\.(?:ban|unban|ban_limit|fail|ok))"', code))
    assert logged <= told, logged - told
    for event in told:
        assert f'"{event}"' in code, event
    counters = set(re.findall(r"`([a-z_]+)`", page[page.index("Counters of the same"):].split("(`gkmail")[0]))
    keys = (root / "lib/svc/metrics_keys.h").read_text()
    assert counters and all(f'"{c}"' in keys for c in counters)


def test_a_storm_of_addresses(fresh_suite):
    """Each connection from another address: the front's memory stays within its bound, and others are served."""
    addresses = int(os.environ.get("STORM", "3000"))
    suite = fresh_suite("--users", "1", config=GUARDED.replace("300ms", "0s"))
    alice = suite.user("alice")
    pid = suite.processes()["smtpd"]

    def resident():
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])

    assert smtp_login(suite, "127.0.0.1", alice["address"], alice["password"]) == "235"
    before = resident()
    for i in range(addresses):
        with connect(suite, "smtp", f"127.{1 + i // 65536}.{i // 256 % 256}.{i % 256}") as s:
            s.recv(4)
    grown = resident() - before
    print(f"{addresses} addresses: {grown} KiB more")
    assert grown < 16384
    assert smtp_login(suite, "127.0.0.1", alice["address"], alice["password"]) == "235"
    assert suite.processes()["smtpd"] == pid
