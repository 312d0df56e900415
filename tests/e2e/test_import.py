"""gkmail import: what another program kept is here, each message once, with its flags, date and mailbox, however often and
wherever it is interrupted (docs/adr, "moving in")."""

import email
import json
import os
import pty
import random
import re
import signal
import subprocess
import time

import pytest

import imap_host
from conftest import make
from suite import wait_for

WHEN = 1_700_000_000  # 14-Nov-2023 22:13:20 +0000


def ctl(s, *arguments, check=True):
    return json.loads(s.ctl("--json", "import", *arguments, check=check).stdout)


def message(subject, body="hello\n"):
    return (f"From: <a@elsewhere.test>\nSubject: {subject}\nMessage-ID: <{subject}@elsewhere.test>\n"
            f"Date: Tue, 14 Nov 2023 22:13:20 +0000\n\n{body}")


def file_in(folder, subject, number, half="cur", info=":2,", when=WHEN, text=None):
    for sub in ("cur", "new", "tmp"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    path = folder / half / f"{when + number}.M{number}P1.old.host,W=9{info}"
    path.write_text(text or message(subject))
    return path


def mailboxes(c):
    return {re.search(rb' "?([^"]+)"?$', line)[1].decode() for line in c.list()[1]}


def found(s, name, mailbox="INBOX"):
    """subject -> [(flags, INTERNALDATE, octets)]"""
    out = {}
    with s.imap(name) as c:
        kind, _ = c.select(f'"{mailbox}"', readonly=True)
        assert kind == "OK", mailbox
        _, answer = c.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])")
        for part in answer:
            if not isinstance(part, tuple):
                continue
            head = part[0].decode()
            subject = email.message_from_bytes(part[1])["Subject"]
            out.setdefault(subject, []).append((
                set(re.search(r"FLAGS \(([^)]*)\)", head)[1].split()) - {"\\Recent"},
                re.search(r'INTERNALDATE "([^"]*)"', head)[1], part[1]))
    return out


def once(s, name, mailbox="INBOX"):
    all_of = found(s, name, mailbox)
    assert all(len(v) == 1 for v in all_of.values()), {k: len(v) for k, v in all_of.items() if len(v) > 1}
    return {k: v[0] for k, v in all_of.items()}


@pytest.fixture(scope="module")
def s(workdir):
    s = make(workdir, "--users", "8").start()
    yield s
    assert s.stop() == 0


# ---- Maildir ----

@pytest.fixture
def maildir(tmp_path):
    """As Dovecot keeps it: Maildir++, and folders in each other."""
    root = tmp_path / "Maildir"
    file_in(root, "seen", 1, info=":2,S")
    file_in(root, "much", 2, info=":2,DFRTab")
    file_in(root, "fresh", 3, half="new", info="")
    (root / "dovecot-keywords").write_text("0 $Label1\n1 Work\n")
    file_in(root / ".Archives.2023", "old", 4, info=":2,PS")
    file_in(root / ".Entw&APw-rfe", "umlaut", 5)
    file_in(root / ".Sent Items", "sent", 6, info=":2,S")
    file_in(root / "Lists" / "dev.c", "nested", 7)
    (root / "subscriptions").write_text("V\t2\n\nArchives\t2023\nLists\tdev.c\n")
    (root / "dovecot.index.log").write_text("x")
    return root


def test_maildir(s, maildir):
    done = ctl(s, "maildir", str(maildir), "--user", "alice")
    assert (done["imported"], done["there"], done["left_out"]) == (7, 0, 0), done
    inbox = once(s, "alice")
    assert inbox["seen"][0] == {"\\Seen"}
    assert inbox["much"][0] == {"\\Draft", "\\Flagged", "\\Answered", "\\Deleted", "$Label1", "Work"}
    assert inbox["fresh"][0] == set()
    assert inbox["seen"][1] == "14-Nov-2023 22:13:21 +0000"
    assert inbox["seen"][2] == message("seen").replace("\n", "\r\n").encode()
    assert once(s, "alice", "Archives/2023")["old"][0] == {"\\Seen", "$Forwarded"}
    assert set(once(s, "alice", "Sent")) == {"sent"}, "what programs call so is the user's own"
    assert set(once(s, "alice", "Lists/dev.c")) == {"nested"}
    with s.imap("alice") as c:
        assert "Entw&APw-rfe" in mailboxes(c) and "Sent Items" not in mailboxes(c)
        subscribed = {re.search(rb' "?([^"]+)"?$', line)[1].decode() for line in c.lsub()[1]}
        assert {"Archives/2023", "Lists/dev.c"} <= subscribed and "Entw&APw-rfe" not in subscribed

    # Again: nothing. Then what is new, though flags have changed and what was taken here was moved or removed.
    assert ctl(s, "maildir", str(maildir), "--user", "alice")["imported"] == 0
    with s.imap("alice") as c:
        c.select("INBOX")
        c.uid("MOVE", "1", "Archive")
        c.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
        c.expunge()
    os.rename(maildir / "cur" / f"{WHEN + 1}.M1P1.old.host,W=9:2,S", maildir / "cur" / f"{WHEN + 1}.M1P1.old.host,W=9:2,FS")
    file_in(maildir, "later", 8)
    again = ctl(s, "maildir", str(maildir), "--user", "alice")
    assert (again["imported"], again["there"]) == (1, 7), again
    assert set(once(s, "alice")) == {"fresh", "later"}


def test_a_dry_run_takes_nothing(s, maildir):
    said = s.ctl("import", "maildir", str(maildir), "--user", "bob", "--dry-run").stdout
    assert re.search(r"\.Sent Items +Sent Items \(\\Sent\) +1 +1", said), said
    done = ctl(s, "maildir", str(maildir), "--user", "bob", "--dry-run")
    assert done["dry_run"] and sum(m["new"] for m in done["mailboxes"]) == 7
    assert found(s, "bob") == {}
    with s.imap("bob") as c:
        assert "Archives/2023" not in mailboxes(c)


def test_below_a_mailbox(s, maildir):
    ctl(s, "maildir", str(maildir), "--user", "bob", "--into", "Old/Host")
    assert set(once(s, "bob", "Old/Host")) == {"seen", "much", "fresh"}
    assert set(once(s, "bob", "Old/Host/Sent Items")) == {"sent"}
    assert found(s, "bob") == {}


def test_the_date_is_the_older_one(s, tmp_path):
    """What was put into a mailbox by APPEND has the time of its arrival in the file's own alone."""
    path = file_in(tmp_path / "m", "appended", 1)
    os.utime(path, (WHEN - 86400, WHEN - 86400))
    ctl(s, "maildir", str(tmp_path / "m"), "--user", "carol")
    assert once(s, "carol")["appended"][1] == "13-Nov-2023 22:13:20 +0000"


def test_what_is_left_out_is_told(s, tmp_path):
    root = tmp_path / "m"
    file_in(root, "good", 1)
    file_in(root, "empty", 2).write_text("")
    file_in(root, "packed", 3).write_bytes(b"\x1f\x8b\x08\x00rest")
    (root / "cur" / f"{WHEN}.M9P1.old.host").symlink_to("/etc/passwd")
    r = s.ctl("import", "maildir", str(root), "--user", "carol", "--into", "Left", check=False)
    assert r.returncode == 1 and "imported 1 message," in r.stdout and "3 left out" in r.stdout, r.stdout + r.stderr
    assert len(re.findall(r"left out: /", r.stderr)) == 3 and "it is compressed" in r.stderr, r.stderr
    assert set(once(s, "carol", "Left")) == {"good"}


# ---- mbox ----

FROM = "From a@elsewhere.test Tue Nov 14 22:13:20 2023\n"


def test_mbox(s, tmp_path):
    path = tmp_path / "alice"
    twin = message("twin")
    path.write_text(FROM + "Status: RO\nX-Status: A\nX-Keywords: Work $Label1\n" + message("one", ">From here\n>>From there\n\nFrom no line\n") +
                    "\n" + FROM + message("two", "no end\n") + "\n" + FROM + twin + "\n" + FROM + twin)
    done = ctl(s, "mbox", str(path), "--user", "user4")
    assert (done["imported"], done["left_out"]) == (4, 0), done
    inbox = found(s, "user4")
    flags, date, octets = inbox["one"][0]
    assert flags == {"\\Seen", "\\Answered", "Work", "$Label1"} and date == "14-Nov-2023 22:13:20 +0000"
    assert octets == message("one", "From here\n>From there\n\nFrom no line\n").replace("\n", "\r\n").encode()
    assert len(inbox["twin"]) == 2, "what stands there twice comes twice"
    # The file is written anew, with other flags, without the second, with one more.
    path.write_text(FROM + "Status: O\n" + message("one", ">From here\n>>From there\n\nFrom no line\n") + "\n" + FROM +
                    message("three") + "\n" + FROM + twin + "\n" + FROM + twin + "\n")
    again = ctl(s, "mbox", str(path), "--user", "user4")
    assert (again["imported"], again["there"]) == (1, 3), again
    assert sorted(found(s, "user4")) == ["one", "three", "twin", "two"]


def test_a_folder_of_them(s, tmp_path):
    (tmp_path / "Work.sbd" / "deep.mbox").mkdir(parents=True)
    for path, name in (("Inbox", "i"), ("Work", "w"), ("Work.sbd/Plans", "p"), ("Work.sbd/deep.mbox/mbox", "d"), ("Trash", "t")):
        (tmp_path / path).write_text(FROM + message(name))
    (tmp_path / "Work.msf").write_text("// index")
    done = ctl(s, "mbox", str(tmp_path), "--user", "user5")
    assert done["imported"] == 5, done
    for box, name in (("INBOX", "i"), ("Work", "w"), ("Work/Plans", "p"), ("Work/deep", "d"), ("Trash", "t")):
        assert set(once(s, "user5", box)) == {name}, box


def test_too_large_and_broken(s, tmp_path, fresh_suite):
    own = fresh_suite(config='[imap]\nmax_size = "64KiB"\n')
    path = tmp_path / "mbox"
    path.write_text(FROM + message("small") + "\n" + FROM + message("large", "x" * 70 + "\n\n" + "y\n" * 300_000) + "\n" +
                    FROM + message("last"))
    r = own.ctl("import", "mbox", str(path), "--user", "alice", check=False)
    at = len(FROM + message("small")) + 1
    assert r.returncode == 1 and f"{path}, octet {at}: it is larger than imap.max_size" in r.stderr, r.stderr
    assert set(once(own, "alice")) == {"small", "last"}
    other = tmp_path / "none"
    other.write_text("Subject: no mbox\n\nx\n")
    r = own.ctl("import", "mbox", str(other), "--user", "alice", check=False)
    assert r.returncode == 1 and "octet 0" in r.stderr, r.stderr
    r = own.ctl("import", "maildir", str(tmp_path), "--user", "alice", check=False)
    assert r.returncode == 1 and "is no Maildir" in r.stderr, r.stderr
    r = own.ctl("import", "maildir", str(tmp_path), check=False)
    assert r.returncode == 2 and "--user" in r.stderr, r.stderr
    r = own.ctl("import", "mbox", str(path), "--user", "nobody", check=False)
    assert r.returncode == 1 and "nobody" in r.stderr, r.stderr


# ---- interrupted ----

def many(root, n):
    for i in range(n):
        file_in(root, f"m{i}", i, text=message(f"m{i}", "x" * 70 + "\n" * (i % 50)))


def test_a_full_mailbox_stops_it_and_it_goes_on(s, tmp_path):
    many(tmp_path / "m", 300)
    s.ctl("user", "quota", "user6", "20KiB")
    r = s.ctl("import", "maildir", str(tmp_path / "m"), "--user", "user6", check=False)
    assert r.returncode == 1 and "mailbox is full" in r.stderr and "goes on here" in r.stderr, r.stderr
    some = len(once(s, "user6"))
    assert 10 < some < 300
    s.ctl("user", "quota", "user6", "0")
    done = ctl(s, "maildir", str(tmp_path / "m"), "--user", "user6")
    assert (done["imported"], done["there"]) == (300 - some, some)
    assert len(once(s, "user6")) == 300


def test_killed_at_any_time(s, tmp_path):
    """gkmail, or the owner of the mailbox, ends at any moment: in the end each message is there once."""
    root = tmp_path / "m"
    many(root, 1500)
    chance = random.Random(random.SystemRandom().randrange(1 << 32))
    command = [str(s.bin / "gkmail"), "--dir", str(s.dir), "--json", "import", "maildir", str(root), "--user", "user7"]
    began = time.monotonic()
    s.ctl("import", "maildir", str(root), "--user", "user8")
    whole = time.monotonic() - began
    for n in range(14):
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(chance.uniform(0.1, 0.5) * whole)
        if n % 2:
            p.kill()
        else:
            for pid in s.owners():
                os.kill(pid, signal.SIGKILL)
        out, err = p.communicate(timeout=60)
        assert p.returncode in (0, 75, -signal.SIGKILL), out + err
    last = ctl(s, "maildir", str(root), "--user", "user7")
    assert last["imported"] + last["there"] == 1500
    assert set(once(s, "user7")) == {f"m{i}" for i in range(1500)}
    assert "all is well" in s.ctl("mailbox", "check", "user7").stdout


def test_it_shows_how_far_it_is(s, tmp_path):
    """A bar at a terminal, which is gone at the end; no bar elsewhere."""
    many(tmp_path / "m", 300)
    here, there = pty.openpty()
    p = subprocess.Popen([str(s.bin / "gkmail"), "--dir", str(s.dir), "import", "maildir", str(tmp_path / "m"), "--user", "user5",
                          "--into", "Shown"], stdout=subprocess.PIPE, stderr=there, text=True)
    os.close(there)
    said = b""
    while True:
        try:
            if not (more := os.read(here, 65536)):
                break
        except OSError:
            break
        said += more
    os.close(here)
    assert p.communicate()[0].startswith("imported 300 messages, ") and p.returncode == 0
    assert re.search(rb"\rimport \[#* *\] \d+/300 messages", said) and said.endswith(b"\r\x1b[K"), said
    assert s.ctl("import", "maildir", str(tmp_path / "m"), "--user", "user5", "--into", "Shown").stderr == ""


def test_two_at_once(s, tmp_path):
    many(tmp_path / "m", 400)
    command = [str(s.bin / "gkmail"), "--dir", str(s.dir), "import", "maildir", str(tmp_path / "m"), "--user", "user5", "--into", "Twice"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for p in both:
        out, err = p.communicate(timeout=120)
        assert p.returncode == 0, out + err
    assert len(once(s, "user5", "Twice")) == 400


def test_a_session_sees_it_come(s, tmp_path):
    many(tmp_path / "m", 30)
    with s.imap("carol") as c:
        c.create("Seen-coming")
        c.select("Seen-coming")
        s.ctl("import", "maildir", str(tmp_path / "m"), "--user", "carol", "--into", "Seen-coming")
        wait_for(lambda: c.noop() and c.response("EXISTS")[1][-1:] == [b"30"], what="news of what came")


# ---- another IMAP server ----

def crlf(subject, body="hello\n"):
    return message(subject, body).replace("\n", "\r\n").encode()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("open sesame\n")
    return path


def imap(host, secret, user, *more):
    return ("imap", getattr(host, "at", host), "--imap-user", "them", "--password-file", str(secret), "--user", user, "--tls", "none", *more)


def test_another_suite(s, fresh_suite, tmp_path):
    """By TLS, from a server that has to prove its name."""
    other = fresh_suite()
    their = other.user("alice")
    many(tmp_path / "m", 250)
    other.ctl("import", "maildir", str(tmp_path / "m"), "--user", "alice")
    with other.imap("alice") as c:
        c.append("Sent", "(\\Seen $Label1)", '"01-Feb-2020 10:00:00 +0000"', crlf("sent"))
        c.create("Caf&AOk-/Deep")
        c.subscribe("Caf&AOk-/Deep")
        c.append("Caf&AOk-/Deep", None, None, crlf("deep", "x\n" * 5000))
        before = c.select("INBOX", readonly=True)[1]
    (tmp_path / "password").write_text(their["password"] + "\n")
    port = other.port("imaps")
    line = ("imap", f"localhost:{port}", "--imap-user", their["address"], "--password-file", str(tmp_path / "password"), "--user", "user4",
            "--into", "Other")
    refused = s.ctl("import", *line, check=False)
    assert refused.returncode == 1 and "does not prove who it is" in refused.stderr, refused.stderr
    done = ctl(s, *line, "--ca", other.info["ca"])
    assert (done["imported"], done["left_out"]) == (252, 0), done
    assert ctl(s, *line, "--ca", other.info["ca"])["imported"] == 0
    flags, date, octets = once(s, "user4", "Other/Sent")["sent"]
    assert flags == {"\\Seen", "$Label1"} and date.strip() == "1-Feb-2020 10:00:00 +0000" and octets == crlf("sent")
    assert set(once(s, "user4", "Other/Caf&AOk-/Deep")) == {"deep"}
    assert set(once(s, "user4", "Other")) == {f"m{i}" for i in range(250)}
    # With STARTTLS, and a password that is wrong.
    (tmp_path / "password").write_text("wrong\n")
    line = ("imap", f"localhost:{other.port('imap')}", *line[2:], "--ca", other.info["ca"], "--tls", "starttls")
    refused = s.ctl("import", *line, check=False)
    assert refused.returncode == 1 and "does not let" in refused.stderr, refused.stderr
    (tmp_path / "password").write_text(their["password"] + "\n")
    assert ctl(s, *line)["left_out"] == 0
    with other.imap("alice") as c:
        assert c.select("INBOX", readonly=True)[1] == before


def test_uses_and_views(s, secret):
    boxes = {"INBOX": ("", {7: ("\\Seen", crlf("in"))}),
             "INBOX.Gesendet": ("\\Sent", {1: ("\\Seen", crlf("sent"))}),
             "INBOX.Work.Plans": ("", {5: ("\\Flagged $X", crlf("plan"))}),
             "INBOX.Work": ("\\Noselect", {}),
             "INBOX.Starred": ("\\Flagged", {5: ("", crlf("star"))}),
             "INBOX.All": ("\\All", {1: ("", crlf("all"))})}
    with imap_host.Host(boxes, separator=".", subscribed=["INBOX.Work.Plans"]) as host:
        done = ctl(s, *imap(host, secret, "user8", "--dry-run"))
        assert {(b["to"], b["use"], b["new"]) for b in done["mailboxes"]} == {
            ("INBOX", "", 1), ("Gesendet", "\\Sent", 1), ("Work/Plans", "", 1), ("All", "\\Archive", 0)}
        assert not host.fetched, "a dry run fetches nothing"
        ctl(s, *imap(host, secret, "user8"))
        assert set(once(s, "user8", "Sent")) >= {"sent"} and set(once(s, "user8", "Work/Plans")) == {"plan"}
        assert once(s, "user8", "Work/Plans")["plan"][:2] == ({"\\Flagged", "$X"}, "14-Nov-2023 22:13:20 +0000")
        with s.imap("user8") as c:
            assert "Gesendet" not in mailboxes(c)
            assert b"Work/Plans" in b" ".join(c.lsub()[1])
        # What is new alone is fetched, whatever was removed there.
        host.fetched.clear()
        boxes["INBOX"][1].clear()
        boxes["INBOX"][1][8] = ("", crlf("later"))
        assert ctl(s, *imap(host, secret, "user8"))["imported"] == 1
        assert host.fetched == [8]


def test_the_server_goes_away(s, secret):
    """In the middle of a message, again and again: each run goes on, until all are there."""
    boxes = {"INBOX": ("", {uid: ("", crlf(f"u{uid}", "x\n" * 3000)) for uid in range(1, 301)})}
    budget = [0]

    def answer(rest, tag, say):
        if not rest.startswith("UID FETCH") or rest.startswith("UID FETCH 1:*"):
            return False
        for uid in map(int, rest.split(" ")[2].split(",")):
            octets = boxes["INBOX"][1][uid][1]
            if budget[0] <= 0:
                say(f"* 1 FETCH (UID {uid} BODY[] {{{len(octets)}}}\r\n".encode() + octets[:100])
                raise ConnectionError
            budget[0] -= 1
            say(f"* 1 FETCH (UID {uid} FLAGS () INTERNALDATE \"14-Nov-2023 23:13:20 +0100\" BODY[] {{{len(octets)}}}\r\n".encode() + octets + b")")
        say(f"{tag} OK done")
        return True

    with imap_host.Host(boxes, answer) as host:
        for _ in range(4):
            budget[0] = 70
            r = s.ctl("import", *imap(host, secret, "user7", "--into", "Away"), check=False)
            assert r.returncode == 75 and "run this again" in r.stderr, r.stderr
        budget[0] = 1000
        assert ctl(s, *imap(host, secret, "user7", "--into", "Away"))["left_out"] == 0
    assert set(once(s, "user7", "Away")) == {f"u{uid}" for uid in range(1, 301)}


LIES = {
    "a literal without end": ('* 1 FETCH (UID 1 BODY[] {4294967295}\r\n' + "x" * 100_000, 1, "too large"),
    "a line without end": ("* OK " + "x" * 54_000_000, 1, "too large"),
    "no IMAP": ("HTTP/1.1 400 Bad Request", 1, "no IMAP"),
    "brackets without end": ("* 1 FETCH (X " + "(" * 10_000, 1, "no IMAP"),
    "BYE": ("* BYE out of order", 75, "hangs up"),
    "nothing": (None, 1, "did not send it"),
    "what nobody asked for": ('* 1 FETCH (UID 99 FLAGS () BODY[] {3}\r\nabc)', 1, "did not send it"),
    "an empty one": ('* 1 FETCH (UID 1 FLAGS () BODY[] "")', 1, "it is empty"),
    "controls": ("* BYE \x1b[2J\x07gone", 75, "hangs up"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_hostile_server(s, secret, lie):
    line, code, words = LIES[lie]

    def answer(rest, tag, say):
        if not rest.startswith("UID FETCH 1 "):
            return False
        if line is not None:
            say(line)
        say(f"{tag} OK done")
        return True

    with imap_host.Host({"INBOX": ("", {1: ("", crlf("one"))})}, answer) as host:
        r = s.ctl("import", *imap(host, secret, "user6", "--into", "Hostile"), check=False)
        assert r.returncode == code and words in r.stderr, (r.returncode, r.stderr)
        assert "\x1b" not in r.stderr and "\x07" not in r.stderr
    assert found(s, "user6", "Hostile") == {}


def test_more_lies(s, secret):
    one = {"INBOX": ("", {1: ("", crlf("one"))})}
    with imap_host.Host(one, capability="IMAP4rev1 LOGINDISABLED") as host:
        assert "takes no password" in s.ctl("import", *imap(host, secret, "user6"), check=False).stderr
    with imap_host.Host(one, greeting="* BYE full") as host:
        assert s.ctl("import", *imap(host, secret, "user6"), check=False).returncode == 75
    with imap_host.Host(one) as host:
        host.validity = 0
        r = s.ctl("import", *imap(host, secret, "user6", "--into", "Lies"), check=False)
        assert r.returncode == 1 and "no UIDVALIDITY" in r.stderr
    names = {"../../etc": ("", {1: ("", crlf("x"))}), "a//b": ("", {}), "\x01": ("", {}), "x" * 3000: ("", {})}
    with imap_host.Host(names) as host:
        r = s.ctl("import", *imap(host, secret, "user6", "--into", "Names"), check=False)
        assert r.returncode == 1 and r.stderr.count("left out: ") == 4, r.stderr
    # A mailbox whose messages are not told is not passed over in silence.
    for words in (None, "NO not now"):
        with imap_host.Host(one, lambda rest, tag, say: rest.startswith("UID FETCH 1:*") and (say(f"{tag} {words or 'OK'}"), True)[-1]) as host:
            r = s.ctl("import", *imap(host, secret, "user6", "--into", "Lies"), check=False)
            assert r.returncode == 1 and "the server " in r.stderr, r.stderr
    # Sizes that are not true matter to nobody.
    with imap_host.Host(one, lambda rest, tag, say: rest.startswith("UID FETCH 1:*") and (
            say("* 1 FETCH (UID 1 RFC822.SIZE 3)"), say("* 1 FETCH (UID 1 RFC822.SIZE 9)"), say(f"{tag} OK done"), True)[-1]) as host:
        assert ctl(s, *imap(host, secret, "user6", "--into", "Sizes"))["imported"] == 1
    assert once(s, "user6", "Sizes")["one"][2] == crlf("one")
    # Without AUTH=PLAIN by LOGIN; what the password has in it is quoted.
    secret.write_text('pass "word"\\\n')
    seen = []
    with imap_host.Host(one, lambda rest, tag, say: rest.startswith("LOGIN") and (seen.append(rest), say(f"{tag} OK"), True)[-1],
                        capability="IMAP4rev1") as host:
        assert ctl(s, *imap(host, secret, "user6", "--into", "Login"))["imported"] == 1
    assert seen == ['LOGIN "them" "pass \\"word\\"\\\\"']


def test_gmail_says_what_is_nowhere_else(s, secret):
    boxes = {"INBOX": ("", {1: ("", crlf("in"))}), "[Gmail]/All Mail": ("\\All", {4: ("", crlf("archived")), 5: ("", crlf("in"))})}

    def answer(rest, tag, say):
        if not rest.startswith("UID SEARCH X-GM-RAW"):
            return False
        say("* SEARCH 4")
        say(f"{tag} OK done")
        return True

    with imap_host.Host(boxes, answer, capability="IMAP4rev1 AUTH=PLAIN X-GM-EXT-1") as host:
        assert ctl(s, *imap(host, secret, "bob"))["imported"] == 2
    assert set(once(s, "bob", "Archive")) >= {"archived"} and "in" in once(s, "bob")
