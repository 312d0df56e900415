"""OBJECTID (RFC 8474) as clients see it: the same ids wherever a message goes, and one thread for a conversation."""

import re

from imapraw import connect


def ids(lines, word):
    return [m[1].decode() for x in lines for m in re.finditer(word + rb" \(([^)]*)\)", x)]


def message(subject, mid, refs=""):
    refs = f"References: {refs}\r\n" if refs else ""
    return f"From: <bob@example.test>\r\nSubject: {subject}\r\nMessage-ID: {mid}\r\n{refs}\r\nbody\r\n".encode()


def test_mailboxes(suite):
    a = connect(suite)
    assert b"OBJECTID" in b" ".join(a.ok("CAPABILITY"))
    _, done = a.command("CREATE objects")
    box = re.search(rb"\[MAILBOXID \((m\d+)\)\]", done)[1]
    assert b"* OK [MAILBOXID (" + box + b")] Ok" in a.ok("SELECT objects")
    assert ids(a.ok("STATUS objects (MAILBOXID)"), b"MAILBOXID") == [box.decode()]
    a.ok("RENAME objects renamed")
    assert ids(a.ok("STATUS renamed (MESSAGES MAILBOXID)"), b"MAILBOXID") == [box.decode()]
    assert ids(a.ok("STATUS INBOX (MAILBOXID)"), b"MAILBOXID") != [box.decode()]
    a.close()


def test_emails_and_threads(suite):
    a = connect(suite)
    for box in ("ids1", "ids2"):
        a.ok(f"CREATE {box}")
    a.append("ids1", message("Plans", "<1@x>"))
    a.append("ids1", message("Re: Plans", "<2@x>", "<1@x>"))
    a.append("ids1", message("Lunch", "<3@x>"))
    a.ok("SELECT ids1")
    lines = a.ok("FETCH 1:* (UID EMAILID THREADID)")
    emails, threads = ids(lines, b"EMAILID"), ids(lines, b"THREADID")
    assert len(set(emails)) == 3 and threads[0] == threads[1] != threads[2]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,255}", x) for x in emails + threads)
    a.ok("COPY 2 ids2")
    a.ok("MOVE 3 ids2")
    assert b"* SEARCH 2" in a.ok(f"SEARCH EMAILID {emails[1]}")
    assert b"* SEARCH 1 2" in a.ok(f"SEARCH THREADID {threads[0]}")
    assert b"* SEARCH 2" in a.ok(f"SEARCH THREADID {threads[0]} NOT EMAILID {emails[0]}")
    assert b"* SEARCH" in a.ok("SEARCH EMAILID F123_nobodys")
    a.ok("SELECT ids2")
    lines = a.ok("FETCH 1:* (THREADID EMAILID)")
    assert ids(lines, b"EMAILID") == emails[1:] and ids(lines, b"THREADID") == threads[1:]
    a.close()
