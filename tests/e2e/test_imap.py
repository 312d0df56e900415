"""IMAP over the whole suite: RFC 3501 and the extensions announced, by imaplib and by hand."""

import base64
import re
import socket
import time

import pytest
from conftest import wait_for
from imapraw import Raw, connect

MIXED = (b"From: Bob <bob@example.test>\r\nTo: alice@example.test\r\nSubject: =?utf-8?q?caf=C3=A9?= at noon\r\n"
         b"Date: Sat, 31 Jan 2026 12:00:00 +0000\r\nMessage-ID: <m1@example.test>\r\n"
         b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
         b"hello there\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner body\r\n--b--\r\n")


@pytest.fixture
def box(suite, request):
    """A mailbox of its own for each test, selected in a raw session."""
    r = connect(suite)
    name = re.sub(r"\W", "", request.node.name)
    r.ok(f"CREATE {name}")
    r.ok(f"SELECT {name}")
    r.name = name
    yield r
    try:
        r.command("UNSELECT")
        r.command(f"DELETE {name}")
    except (EOFError, OSError):
        pass
    r.close()


# ---- before login ----

def test_greeting_and_capabilities(suite):
    r = Raw(suite.connect("imap"))
    greeting = r.line()
    for word in (b"IMAP4rev1", b"LITERAL+", b"SASL-IR", b"STARTTLS", b"LOGINDISABLED", b"ID"):
        assert word in re.split(rb"[ \]]", greeting)
    assert b"AUTH=" not in greeting
    lines = r.ok("CAPABILITY")
    assert lines[0].startswith(b"* CAPABILITY IMAP4rev1")
    u = suite.user()
    _, result = r.command(f"LOGIN {u['address']} {u['password']}")
    assert result.startswith(b"NO"), result
    r.ok("ID NIL")
    r.ok("NOOP")
    lines, _ = r.command("LOGOUT")
    assert lines[0].startswith(b"* BYE")
    r.close()


def test_starttls_drops_plaintext(suite):
    s = suite.connect("imap")
    r = Raw(s)
    r.line()
    r.send(b"a STARTTLS\r\nb CAPABILITY\r\n")
    assert r.until(b"a")[1].startswith(b"OK")
    assert r.buf == b""
    r = Raw(suite.tls().wrap_socket(s, server_hostname="localhost"))
    lines = r.ok("CAPABILITY")
    assert len(lines) == 1 and b"AUTH=PLAIN" in lines[0] and b"STARTTLS" not in lines[0]
    r.close()


@pytest.mark.parametrize("port", ["imap", "imaps"])
def test_imaplib_login(suite, port):
    with suite.imap(port=port) as c:
        assert "IDLE" in c.capabilities
        assert c.select("INBOX")[0] == "OK"
        assert c.noop()[0] == "OK"


def test_authenticate(suite):
    u = suite.user()
    plain = base64.b64encode(f"\0{u['address']}\0{u['password']}".encode())
    for form in ("initial", "asked"):
        r = connect(suite, login=None)
        if form == "initial":
            _, result = r.command(b"AUTHENTICATE PLAIN " + plain)
        else:
            r.send(b"x AUTHENTICATE PLAIN\r\n")
            assert r.line().startswith(b"+")
            r.send(plain + b"\r\n")
            _, result = r.until(b"x")
        assert result.startswith(b"OK [CAPABILITY"), result
        r.close()
    r = connect(suite, login=None)
    r.send(b"x AUTHENTICATE PLAIN\r\n")
    r.line()
    r.send(b"*\r\n")
    assert r.until(b"x")[1].startswith((b"BAD", b"NO"))
    r.close()


def test_login_with_literals_and_pipelining(suite):
    u = suite.user()
    a, p = u["address"].encode(), u["password"].encode()
    r = connect(suite, login=None)
    lines, result = r.command((b"LOGIN {%d}" % len(a), a + b" {%d}" % len(p), p))
    assert result.startswith(b"OK"), result
    r.close()
    r = connect(suite, login=None)
    r.send(b"1 LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n2 SELECT INBOX\r\n3 LOGOUT\r\n" % (len(a), a, len(p), p))
    assert r.until(b"1")[1].startswith(b"OK")
    assert r.until(b"2")[1].startswith(b"OK")
    assert r.until(b"3")[1].startswith(b"OK")
    with pytest.raises(EOFError):
        r.line()
    r.close()


def test_wrong_password_is_slow_and_ends(suite):
    r = connect(suite, login=None)
    began = time.monotonic()
    r.no("LOGIN alice@example.test wrong-one", b"[AUTHENTICATIONFAILED]")
    assert time.monotonic() - began > 1
    for _ in range(2):
        r.no("LOGIN alice@example.test wrong-one", b"[AUTHENTICATIONFAILED]")
    r.no("LOGIN alice@example.test wrong-one", b"[AUTHENTICATIONFAILED]")
    assert r.line().startswith(b"* BYE")
    r.close()


def test_nonsense_before_login(suite):
    r = connect(suite, login=None)
    for _ in range(3):
        r.bad("SELECT INBOX")
    assert r.line().startswith(b"* BYE")
    r.close()
    r = connect(suite, login=None)
    r.send(b"x" * 200000 + b"\r\n")
    with pytest.raises(EOFError):
        while True:
            r.line()
    r.close()


# ---- mailboxes ----

def names(lines):
    return [line.split(b' "/" ')[1].decode() for line in lines if line.startswith((b"* LIST", b"* LSUB"))]


def test_mailboxes(suite):
    r = connect(suite, "carol")
    lines = r.ok('LIST "" *')
    assert names(lines)[0] == "INBOX"
    for use in ("Drafts", "Sent", "Junk", "Trash", "Archive"):
        assert any(b"\\" + use.encode() in line and line.endswith(use.encode()) for line in lines), use
    r.ok("CREATE a/b/c")
    assert names(r.ok('LIST "" a/%')) == ["a/b"]
    assert names(r.ok('LIST "a/" *')) == ["a/b", "a/b/c"]
    assert b"\\HasChildren" in r.ok('LIST "" a')[0]
    r.no("CREATE a/b", b"[ALREADYEXISTS]")
    r.no("CREATE INBOX", b"[ALREADYEXISTS]")
    r.no("CREATE a//b", b"[CANNOT]")
    r.no("CREATE ../b", b"[CANNOT]")
    r.ok("RENAME a x")
    assert names(r.ok('LIST "" x*')) == ["x", "x/b", "x/b/c"]
    r.no("RENAME nothing y", b"[NONEXISTENT]")
    r.no("RENAME x/b x/b/c", b"[ALREADYEXISTS]")
    r.ok("DELETE x/b")
    assert b"\\Noselect" in r.ok('LIST "" x/b')[0]
    r.no("DELETE INBOX")
    r.ok("SUBSCRIBE x/b/c")
    assert names(r.ok('LSUB "" *')).count("x/b/c") == 1
    assert b"\\Noselect" in r.ok('LSUB "" x/%')[0]
    r.ok("UNSUBSCRIBE x/b/c")
    assert "x/b/c" not in names(r.ok('LSUB "" *'))
    r.ok("DELETE x/b/c")
    r.ok("DELETE x")
    assert names(r.ok('LIST "" x*')) == []
    assert r.ok("NAMESPACE") == [b'* NAMESPACE (("" "/")) NIL NIL']
    assert r.ok('LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']
    r.close()


def test_names_in_modified_utf7(suite):
    r = connect(suite, "carol")
    r.ok("CREATE Entw&APw-rfe")
    r.ok('CREATE "&ZeVnLIqe- x"')
    assert names(r.ok('LIST "" Entw*')) == ["Entw&APw-rfe"]
    assert names(r.ok('LIST "" "* x"')) == ['"&ZeVnLIqe- x"']
    r.no("CREATE &AGE-", b"[CANNOT]")
    r.no("CREATE &", b"[CANNOT]")
    assert (suite.maildir("carol") / ".Entwürfe").is_dir()
    r.ok("DELETE Entw&APw-rfe")
    r.ok('DELETE "&ZeVnLIqe- x"')
    r.close()


def test_rename_inbox(suite):
    r = connect(suite, "carol")
    r.append("INBOX", MIXED)
    r.ok("RENAME INBOX old-inbox")
    assert b"MESSAGES 0" in r.ok("STATUS INBOX (MESSAGES)")[0]
    assert b"MESSAGES 1" in r.ok("STATUS old-inbox (MESSAGES)")[0]
    r.ok("DELETE old-inbox")
    r.close()


def test_status_and_quota(box):
    box.append(box.name, MIXED)
    box.append(box.name, MIXED, "(\\Seen \\Deleted)")
    line = box.ok(f"STATUS {box.name} (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN SIZE DELETED)")[0]
    got = dict(re.findall(rb"([A-Z]+) (\d+)", line.split(b"(")[1]))
    assert (got[b"MESSAGES"], got[b"UIDNEXT"], got[b"UNSEEN"], got[b"DELETED"]) == (b"2", b"3", b"1", b"1")
    assert int(got[b"SIZE"]) == 2 * len(MIXED)
    assert box.ok("GETQUOTAROOT INBOX")[0] == b'* QUOTAROOT INBOX ""'
    box.no("STATUS nothing (MESSAGES)", b"[NONEXISTENT]")


# ---- messages ----

def test_append_is_exact(box):
    odd = b"Subject: x\r\n\r\n\xff\xfe 8-bit\r\nno line end"
    uid = box.append(box.name, odd, '(\\Flagged $Word) "17-Jul-1996 02:44:25 -0700"')
    _, result = box.command((f"APPEND {box.name} {{{len(MIXED)}}}".encode(), MIXED))
    assert result.startswith(b"OK [APPENDUID"), result
    lines = box.ok(f"UID FETCH {uid} (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
    fetch = next(line for line in lines if b"FETCH" in line)
    assert b"BODY[] {%d}\r\n" % len(odd) + odd in fetch
    assert b'INTERNALDATE "17-Jul-1996 09:44:25 +0000"' in fetch
    assert b"\\Flagged" in fetch and b"$Word" in fetch and b"RFC822.SIZE %d" % len(odd) in fetch
    box.no((b"APPEND nothing {3}", b"x\r\n"), b"[TRYCREATE]")
    box.no("APPEND INBOX {999999999}", b"[TOOBIG]")


FETCHES = [
    ("BODY.PEEK[]", MIXED),
    ("RFC822", MIXED),
    ("BODY.PEEK[HEADER]", MIXED[:MIXED.index(b"\r\n\r\n") + 4]),
    ("RFC822.HEADER", MIXED[:MIXED.index(b"\r\n\r\n") + 4]),
    ("BODY.PEEK[TEXT]", MIXED[MIXED.index(b"\r\n\r\n") + 4:]),
    ("RFC822.TEXT", MIXED[MIXED.index(b"\r\n\r\n") + 4:]),
    ("BODY.PEEK[1]", b"hello there"),
    ("BODY.PEEK[1]<6.3>", b"the"),
    ("BODY.PEEK[1]<6.300>", b"there"),
    ("BODY.PEEK[1]<11.1>", b""),
    ("BODY.PEEK[1]<4294967295.1>", b""),
    ("BODY.PEEK[1.MIME]", b"Content-Type: text/plain\r\n\r\n"),
    ("BODY.PEEK[2]", b"Subject: inner\r\n\r\ninner body"),
    ("BODY.PEEK[2.HEADER]", b"Subject: inner\r\n\r\n"),
    ("BODY.PEEK[2.TEXT]", b"inner body"),
    ("BODY.PEEK[2.1]", b"inner body"),
    ("BODY.PEEK[2.HEADER.FIELDS (SUBJECT X)]", b"Subject: inner\r\n\r\n"),
    ("BODY.PEEK[HEADER.FIELDS (to \"DATE\")]",
     b"To: alice@example.test\r\nDate: Sat, 31 Jan 2026 12:00:00 +0000\r\n\r\n"),
    ("BODY.PEEK[HEADER.FIELDS.NOT (to date from subject message-id)]",
     b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
    ("BODY.PEEK[3]", None),
    ("BODY.PEEK[1.2.3]", None),
]


@pytest.mark.parametrize("item,want", FETCHES, ids=[f[0] for f in FETCHES])
def test_fetch_section(box, item, want):
    box.append(box.name, MIXED)
    lines = box.ok(f"FETCH 1 {item}")
    fetch = next(line for line in lines if b" FETCH " in line)
    if want is None:
        assert fetch.endswith(b" NIL)"), fetch
    else:
        assert b" {%d}\r\n" % len(want) + want + (b")" if b"FLAGS" not in fetch else b" ") in fetch, fetch


def test_fetch_attributes(box):
    box.append(box.name, MIXED)
    fetch = next(line for line in box.ok("FETCH 1 FULL") if b" FETCH " in line)
    assert b'ENVELOPE ("Sat, 31 Jan 2026 12:00:00 +0000" "=?utf-8?q?caf=C3=A9?= at noon" ' in fetch
    assert b'(("Bob" NIL "bob" "example.test"))' in fetch
    assert b'"<m1@example.test>")' in fetch
    fetch = next(line for line in box.ok("FETCH 1 BODYSTRUCTURE") if b" FETCH " in line)
    assert fetch.lower().count(b'"text" "plain"') == 2 and b'"boundary" "b"' in fetch.lower()
    # \Seen comes with what reads a body, and is told (RFC 3501 6.4.5).
    fetch = next(line for line in box.ok("FETCH 1 BODY[1]") if b" FETCH " in line)
    assert b"\\Seen" in fetch
    box.bad("FETCH 2 FLAGS")
    box.ok("UID FETCH 500 FLAGS")
    box.bad("FETCH 1 NONSENSE")


SEARCHES = [
    ("ALL", [1, 2, 3]), ("SEEN", [2]), ("UNSEEN", [1, 3]), ("FLAGGED", [3]), ("DELETED", []), ("1:2", [1, 2]),
    ("NOT 2", [1, 3]), ("OR SEEN FLAGGED", [2, 3]), ("FROM bob", [1]), ("FROM BOB@EXAMPLE", [1]),
    ("TO alice", [1]), ("CC x", []), ("SUBJECT NOON", [1]), ('SUBJECT "at noon"', [1]), ("BODY there", [1]),
    ("BODY inner", [1]), ("TEXT noon", [1]), ("TEXT nothing-like-it", []), ("HEADER Message-ID m1@", [1]),
    ('HEADER Message-ID ""', [1]), ("KEYWORD $Word", [3]), ("UNKEYWORD $Word", [1, 2]), ("LARGER 200", [1]),
    ("SMALLER 200", [2, 3]), ("SENTSINCE 31-Jan-2026", [1]), ("SENTBEFORE 31-Jan-2026", []),
    ("BEFORE 1-Jan-2000", [3]), ("SINCE 1-Jan-2000", [1, 2]), ("ON 17-Jul-1996", [3]), ("UID 2:*", [2, 3]),
    ("(SEEN UNFLAGGED) 1:*", [2]), ("NEW", [1, 3]), ("OLD", []),
]


def test_search(box):
    box.append(box.name, MIXED)
    box.append(box.name, b"Subject: two\r\n\r\ntwo\r\n", "(\\Seen)")
    box.append(box.name, b"Subject: three\r\n\r\nthree\r\n", '(\\Flagged $Word) "17-Jul-1996 02:44:25 -0700"')
    box.ok("NOOP")
    for keys, want in SEARCHES:
        line = next(x for x in box.ok(f"SEARCH {keys}") if x.startswith(b"* SEARCH"))
        assert [int(n) for n in line.split()[2:]] == want, keys
    line = box.ok(("SEARCH CHARSET UTF-8 SUBJECT {5}", "CAFÉ"))[0]
    assert line == b"* SEARCH 1"
    box.no("SEARCH CHARSET KOI8-R ALL", b"[BADCHARSET")
    box.bad("SEARCH NONSENSE")


def test_store_expunge_copy_move(box):
    for _ in range(5):
        box.append(box.name, MIXED)
    box.ok("NOOP")
    assert any(b"\\Answered" in x for x in box.ok("STORE 1 +FLAGS (\\Answered)"))
    assert not any(b"FETCH" in x for x in box.ok("STORE 2 +FLAGS.SILENT (\\Deleted)"))
    assert any(b"FLAGS ($a)" in x or b"FLAGS (\\Recent $a)" in x for x in box.ok("UID STORE 1 FLAGS ($a)"))
    assert [x for x in box.ok("EXPUNGE") if b"EXPUNGE" in x] == [b"* 2 EXPUNGE"]
    _, result = box.command("COPY 1:2 Archive")
    assert re.match(rb"OK \[COPYUID \d+ 1,3 \d+:\d+\]", result), result
    lines, result = box.command("UID MOVE 3 Archive")
    assert any(re.match(rb"\* OK \[COPYUID \d+ 3 \d+\]", x) for x in lines), lines
    assert b"* 2 EXPUNGE" in lines and result.startswith(b"OK")
    box.no("COPY 1 nothing", b"[TRYCREATE]")
    box.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    assert b"* 1 EXPUNGE" in box.ok("UID EXPUNGE 1")
    box.ok("CLOSE")
    assert b"MESSAGES 0" in box.ok(f"STATUS {box.name} (MESSAGES)")[0]
    box.ok(f"EXAMINE {box.name}")
    box.no("EXPUNGE", b"[READ-ONLY]")


def test_large_message_flows_through(suite, box):
    big = b"Subject: big\r\n\r\n" + (b"0123456789abcdef" * 4 + b"\r\n") * 317800
    assert len(big) > 20 * 1024 * 1024
    uid = box.append(box.name, big)
    fetch = next(x for x in box.ok(f"UID FETCH {uid} BODY.PEEK[]") if b" FETCH " in x)
    assert fetch.endswith(big + b" UID %d)" % uid)
    fetch = next(x for x in box.ok("FETCH 1 BODY.PEEK[TEXT]<20000000.5>") if b" FETCH " in x)
    assert fetch.endswith(b"{5}\r\n" + big[16 + 20000000:][:5] + b")")


# ---- sessions that see each other ----

def test_two_sessions(suite, box):
    other = connect(suite)
    other.ok(f"SELECT {box.name}")
    box.append(box.name, MIXED)
    box.append(box.name, MIXED)
    assert b"* 2 EXISTS" in other.ok("NOOP")
    box.ok("STORE 1 +FLAGS (\\Deleted)")
    assert any(b"* 1 FETCH" in x and b"\\Deleted" in x for x in other.ok("NOOP"))
    box.ok("EXPUNGE")
    assert not any(b"EXPUNGE" in x for x in other.ok("FETCH 2 FLAGS"))
    assert b"* 1 EXPUNGE" in other.ok("NOOP")
    other.close()


def test_idle_tells_of_delivery(suite):
    r = connect(suite)
    r.ok("SELECT INBOX")
    r.send(b"i IDLE\r\n")
    assert r.line().startswith(b"+")
    suite.send("bob", ["alice"], subject="while idle")
    while not r.line().endswith(b" EXISTS"):
        pass
    r.send(b"DONE\r\n")
    assert r.until(b"i")[1].startswith(b"OK")
    r.close()


def test_idle_parked(suite):
    """With its only client idle a user has no process; what comes wakes one."""
    r = connect(suite, "bob")
    r.ok("SELECT INBOX")
    r.send(b"i IDLE\r\n")
    assert r.line().startswith(b"+")
    wait_for(lambda: "mailbox.parked" in suite.log() or parked(suite) > 0, what="parking")
    suite.send("alice", ["bob"], subject="while parked")
    while not r.line().endswith(b" EXISTS"):
        pass
    wait_for(lambda: parked(suite) > 0, what="parking again")
    r.send(b"DONE\r\n")
    assert r.until(b"i")[1].startswith(b"OK")
    line = next(x for x in r.ok("FETCH * BODY.PEEK[HEADER.FIELDS (SUBJECT)]") if b"FETCH" in x)
    assert b"while parked" in line
    r.ok("LOGOUT")
    r.close()


def parked(suite):
    text = suite.ctl("status", "--metrics").stdout
    m = re.search(r"^gkmail_imap_connections_parked (\d+)", text, re.M)
    return int(m.group(1)) if m else 0


# ---- hostile input ----

def test_hostile_input_costs_others_nothing(suite):
    healthy = connect(suite, "bob")
    healthy.ok("SELECT INBOX")
    deep = b"SEARCH " + b"(" * 20000
    giant = b"FETCH " + b",".join(b"%d" % n for n in range(1, 9000)) + b" FLAGS"
    r = connect(suite)
    r.ok("SELECT INBOX")
    r.no(deep)
    r.bad(giant)
    healthy.ok("NOOP")
    r.bad(b"SELECT {4000000000}")
    r.bad(b"\x00\x01\x02 \xff\xfe")
    r.bad(b"FETCH 1 BODY[" + b"1." * 5000 + b"1]")
    healthy.ok("NOOP")
    r.send(b"x NOOP " + b"a" * 3000000 + b"\r\n")
    assert r.until(b"x")[1].startswith(b"BAD")
    r.ok('LIST "" ' + "*" * 500)
    healthy.ok("NOOP")
    # A client that asks for much and reads nothing.
    r.append("INBOX", MIXED * 200)
    r.send(b"".join(b"f%d FETCH 1:* BODY.PEEK[]\r\n" % n for n in range(2000)))
    for _ in range(5):
        healthy.ok("NOOP")
    r.close()
    # One of the same user who is slow, in the same process.
    mate = connect(suite)
    mate.ok("SELECT INBOX")
    mate.ok("NOOP")
    mate.close()
    healthy.close()


def test_connection_flood(suite):
    healthy = connect(suite, "bob")
    flood = []
    for _ in range(150):
        s = socket.create_connection(("localhost", suite.port("imap")), timeout=10)
        flood.append(s)
    healthy.ok("NOOP")
    for s in flood:
        s.close()
    r = wait_for(lambda: try_connect(suite), what="a connection after the flood")
    r.close()
    healthy.close()


def try_connect(suite):
    try:
        return connect(suite, "carol")
    except (EOFError, OSError):
        return None
