"""Real and tortured messages: submitted by SMTP, each comes out of IMAP as it went in, below the trace headers."""

import os
import re
from pathlib import Path

import pytest
from imapraw import connect

SUITES = os.environ.get("GKMAIL_SUITES", "")
FOLDER = Path(SUITES) / "mail" if SUITES else None


def crlf(octets):
    """Line ends as SMTP wants them, with a last one."""
    octets = re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def messages():
    if FOLDER is None or not FOLDER.is_dir():
        return []
    files = sorted(FOLDER.glob("mime4j/**/*.msg")) + sorted(FOLDER.glob("parser/**/*.eml"))
    return [(f.name, crlf(f.read_bytes())) for f in files]


def send(suite, octets):
    """Submits without a library that would touch the octets."""
    u = suite.user("bob")
    to = suite.user("alice")
    with suite.smtp("bob") as c:
        c.mail(u["address"], ["BODY=8BITMIME"])
        code, text = c.rcpt(to["address"])
        assert code == 250, text
        code, text = c.docmd("DATA")
        assert code == 354, text
        c.send(re.sub(rb"(?m)^\.", b"..", octets) + b".\r\n")
        return c.getreply()


# What the suite puts on top: trace, and Date and Message-ID where a submission has none (RFC 6409 8); an empty line
# where it has no header at all.
ON_TOP = re.compile(rb"(?i)(?:(?:return-path|received|authentication-results|date|message-id):[^\r\n]*\r\n"
                    rb"(?:[ \t][^\r\n]*\r\n)*)+(?:\r\n)?")


@pytest.mark.skipif(not messages(), reason="no folder of messages (SUITES=…)")
def test_byte_identical(fresh_suite):
    # The torture is in the octets, not in who they say they are from.
    suite = fresh_suite("--users", "2", config="[submission]\nsender_ownership = false\n")
    sent, refused = [], []
    for name, octets in messages():
        code, text = send(suite, octets)
        if code == 250:
            sent.append((name, octets))
        else:
            refused.append((name, text))
    assert len(sent) > 60, refused
    r = connect(suite)
    r.ok("SELECT INBOX")
    fetched = []
    for n in range(1, len(sent) + 1):
        line = next(x for x in r.ok(f"FETCH {n} BODY.PEEK[]") if b" FETCH " in x)
        size = int(re.search(rb"\{(\d+)\}\r\n", line).group(1))
        at = line.index(b"\r\n") + 2
        fetched.append(line[at:at + size])
    left = list(fetched)
    for name, octets in sent:
        match = next((f for f in left if f.endswith(octets) and ON_TOP.fullmatch(f[:len(f) - len(octets)])), None)
        assert match is not None, f"{name} did not come out as it went in"
        left.remove(match)
    # Every structure can be asked for, and every part comes.
    for n in range(1, len(sent) + 1):
        lines = r.ok(f"FETCH {n} (ENVELOPE BODYSTRUCTURE BODY.PEEK[1] BODY.PEEK[HEADER] RFC822.SIZE)")
        assert any(b"BODYSTRUCTURE (" in x for x in lines)
    r.close()
