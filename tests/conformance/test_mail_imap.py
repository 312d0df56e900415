"""The same messages through the running suite: taken by SMTP, delivered, and read back over IMAP to the octet; what IMAP
says of their structure is what test_mail.py compares with GMime."""

import base64
import pathlib
import re
import smtplib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
from conftest import suite, wait_for, workdir  # noqa: E402,F401
from test_mail import MESSAGES, crlf, name_of, tool, tool_json  # noqa: E402

# What no SMTP server of ours takes: a CR that is no line end.
BARE_CR = [m for m in MESSAGES if re.search(rb"\r(?!\n)", crlf(m.read_bytes()))]
SENT = [m for m in MESSAGES if m not in BARE_CR]


def dot_stuffed(data):
    return re.sub(rb"(?m)^\.", b"..", data)


def submit(suite, data):  # noqa: F811
    with suite.smtp(login=None, port="smtp", tls=False) as c:
        assert c.docmd("MAIL", "FROM:<sender@elsewhere.test> BODY=8BITMIME")[0] == 250
        assert c.docmd("RCPT", f"TO:<{suite.user('bob')['address']}>")[0] == 250
        assert c.docmd("DATA")[0] == 354
        c.send(dot_stuffed(data) + b".\r\n")
        return c.getreply()[0]


@pytest.fixture(scope="module")
def mailbox(suite):  # noqa: F811
    """All messages in bob's mailbox, and the number of each."""
    for path in SENT:
        assert submit(suite, crlf(path.read_bytes())) == 250, path
    wait_for(lambda: len(suite.inbox("bob")) == len(SENT), 60, "delivery")
    with suite.imap("bob") as c:
        c.select("INBOX", readonly=True)
        numbers = {}
        sent = {crlf(p.read_bytes()) for p in SENT}
        for n in range(1, len(SENT) + 1):
            octets = literal(fetch(c, n, "BODY.PEEK[]"))
            numbers[without_trace(octets, sent)] = n
        yield c, numbers


def fetch(c, number, what):
    """The answer to FETCH of one item, as it came."""
    _, data = c.fetch(str(number), f"({what})")
    raw = b"".join(d[0] + b"\r\n" + d[1] if isinstance(d, tuple) else d for d in data)
    assert raw.startswith(b"%d (" % number) and raw.endswith(b")")
    return raw[raw.index(b"(") + 1:-1]


def literal(raw):
    """The value of an item that is one literal, or NIL."""
    if raw.endswith(b" NIL"):
        return None
    match = re.search(rb"\{(\d+)\}\r\n", raw)
    assert len(raw) == match.end() + int(match[1])
    return raw[match.end():]


TRACE = rb"(?:(?:Return-Path|Received|Authentication-Results):.*\r\n(?:[ \t].*\r\n)*)+"


def has_no_header(octets):
    """Such a message gets the empty line that ends the trace fields."""
    return not re.search(rb"(?m)^[!-9;-~]+[ \t]*:", octets.split(b"\r\n\r\n")[0])


def without_trace(octets, known):
    """Below the trace fields that we put on top: one of the messages sent, to the octet."""
    for match in re.finditer(rb"(?m)^", octets):
        if octets[match.start():] in known:
            top = octets[:match.start()]
            if has_no_header(octets[match.start():]):
                top = top.removesuffix(b"\r\n")
            assert re.fullmatch(TRACE, top), top
            return octets[match.start():]
    raise AssertionError("not what was sent: %r" % octets[:300])


@pytest.mark.parametrize("path", BARE_CR, ids=name_of)
def test_refused(suite, path):  # noqa: F811
    with pytest.raises((AssertionError, smtplib.SMTPException)):
        assert submit(suite, crlf(path.read_bytes())) == 250


@pytest.mark.parametrize("path", SENT, ids=name_of)
def test_read_back(mailbox, path):
    connection, numbers = mailbox
    n = numbers[crlf(path.read_bytes())]
    octets = literal(fetch(connection, n, "BODY.PEEK[]"))
    assert fetch(connection, n, "RFC822.SIZE") == b"RFC822.SIZE %d" % len(octets)
    assert fetch(connection, n, "ENVELOPE") == b"ENVELOPE " + tool("envelope", octets).stdout
    assert fetch(connection, n, "BODYSTRUCTURE") == b"BODYSTRUCTURE " + tool("bodystructure", octets).stdout
    assert fetch(connection, n, "BODY") == b"BODY " + tool("body", octets).stdout

    def section(name, where):
        want = octets[where[0]:where[0] + where[1]]
        assert literal(fetch(connection, n, f"BODY.PEEK[{name}]")) == want, name
        assert literal(fetch(connection, n, f"BODY.PEEK[{name}]<2.7>")) == want[2:9], name

    def walk(part, prefix, message):
        """message: this part is a whole message, named by prefix."""
        dot = prefix + "." if prefix else ""
        if message:
            section(dot + "HEADER", part["header"])
            section(dot + "TEXT", part["body"])
        if part["type"].lower() == "multipart":
            for i, child in enumerate(part["parts"], 1):
                section(f"{dot}{i}", child["body"])
                section(f"{dot}{i}.MIME", child["header"])
                walk(child, f"{dot}{i}", False)
        elif message:
            section(f"{dot}1", part["body"])
        if part["type"].lower() == "message" and part["parts"]:
            walk(part["parts"][0], f"{dot}1" if message else prefix, True)

    walk(tool_json("structure", octets), "", True)


def test_search_in_any_charset(suite):  # noqa: F811
    """Owners are confined, and still know every charset: INBOX of carol is searched for a word in each."""
    texts = {"iso-2022-jp": "\u65e5\u672c\u8a9e", "shift_jis": "\u6771\u4eac", "euc-jp": "\u5927\u962a", "gb2312": "\u5317\u4eac",
             "big5": "\u53f0\u7063", "euc-kr": "\uc11c\uc6b8", "koi8-r": "\u041c\u043e\u0441\u043a\u0432\u0430", "windows-1251": "\u041a\u0438\u0435\u0432",
             "iso-8859-7": "\u0391\u03b8\u03ae\u03bd\u03b1", "iso-8859-2": "\u0141\u00f3d\u017a", "utf-16be": "\u00c5bo"}
    address = suite.user("carol")["address"]
    for charset, word in texts.items():
        head = (f"Subject: {charset}\r\nContent-Type: text/plain; charset={charset}\r\n"
                "Content-Transfer-Encoding: base64\r\n\r\n")
        body = base64.b64encode(f"before {word} behind".encode(charset))
        with suite.smtp(login=None, port="smtp", tls=False) as c:
            c.sendmail("sender@elsewhere.test", [address], head.encode() + body + b"\r\n")
    wait_for(lambda: len(suite.inbox("carol")) == len(texts), 30, "delivery")
    with suite.imap("carol") as c:
        c.select("INBOX", readonly=True)
        for charset, word in texts.items():
            c.literal = word.upper().encode()
            _, found = c.search("UTF-8", "TEXT")
            assert len(found[0].split()) == 1, (charset, found)
            _, data = c.fetch(found[0].decode(), "(BODY.PEEK[HEADER.FIELDS (Subject)])")
            assert data[0][1].strip() == b"Subject: " + charset.encode()
