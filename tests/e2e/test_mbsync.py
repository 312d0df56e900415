"""Stock clients read: mbsync both ways, twice, with nothing left to do the second time; curl."""

import os
import re
import shutil
import subprocess

import pytest

CONFIG = """
IMAPAccount gk
Host localhost
Port {port}
User {address}
Pass {password}
SSLType IMAPS
CertificateFile {ca}
Timeout 30

IMAPStore far
Account gk

MaildirStore near
Path {near}/
Inbox {near}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""


@pytest.fixture
def mbsync(suite, tmp_path):
    if not shutil.which("mbsync"):
        pytest.skip("mbsync is not installed")
    u = suite.user()
    near = tmp_path / "near"
    near.mkdir()
    config = tmp_path / "mbsyncrc"
    config.write_text(CONFIG.format(port=suite.port("imaps"), address=u["address"], password=u["password"],
                                    ca=suite.info["ca"], near=near))

    def run():
        r = subprocess.run(["mbsync", "-V", "-c", str(config), "all"], capture_output=True, text=True, timeout=120,
                           env=dict(os.environ, HOME=str(tmp_path)))
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout + r.stderr

    run.near = near
    return run


def octets(folder):
    """What the messages of a Maildir say, without mbsync's own line."""
    out = []
    for sub in ("cur", "new"):
        for f in (folder / sub).iterdir():
            out.append(re.sub(rb"^X-TUID: [^\n]*\n", b"", f.read_bytes(), flags=re.M))
    return sorted(out)


def test_two_ways_twice(suite, mbsync):
    for n in range(12):
        suite.send("bob", ["alice"], subject=f"number {n}", body="body\r\n" * n)
    with suite.imap() as c:
        assert c.select("INBOX")[0] == "OK"
        assert c.create("Work/Plans")[0] == "OK"
        assert c.append("Work/Plans", "(\\Flagged)", None, b"Subject: plan\r\n\r\nplan\r\n")[0] == "OK"
    mbsync()
    assert len(octets(mbsync.near / "INBOX")) >= 12
    assert (mbsync.near / "Work" / "Plans").is_dir() or list(mbsync.near.glob("Work*"))
    # The other way: a new message, a flag, a removed one.
    inbox = mbsync.near / "INBOX"
    (inbox / "new" / "1700000000.x.local").write_bytes(b"Subject: from here\n\nbody\n")
    some = sorted((inbox / "cur").iterdir()) + sorted((inbox / "new").glob("*,U=*"))
    flagged = some[0]
    base = flagged.name.split(":2,")[0]
    flagged.rename(inbox / "cur" / (base + ":2,FS"))
    mbsync()
    with suite.imap() as c:
        c.select("INBOX")
        assert len(c.search(None, "SUBJECT", '"from here"')[1][0].split()) == 1
        assert len(c.search(None, "FLAGGED")[1][0].split()) == 1
    before = octets(inbox)
    out = mbsync()
    # Nothing to do: no message is copied or changed either way.
    assert not re.search(r"(?:messages? .*(?:pull|push)ed|[+*#][1-9])", out), out
    assert octets(inbox) == before


def test_curl_reads(suite):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    suite.send("alice", ["carol"], subject="for curl", body="read me\r\n")
    u = suite.user("carol")

    def curl(path, *more):
        r = subprocess.run(["curl", "-sS", "--cacert", suite.info["ca"], "--user", f"{u['address']}:{u['password']}",
                            f"imaps://localhost:{suite.port('imaps')}/{path}", *more],
                           capture_output=True, timeout=60)
        assert r.returncode == 0, r.stderr
        return r.stdout

    assert b'"/" INBOX' in curl("")
    found = curl("INBOX?SUBJECT%20curl")
    uid = found.split()[-1].decode()
    assert b"read me" in curl(f"INBOX;MAILINDEX={uid}")
    assert b"UIDNEXT" in curl("", "-X", "STATUS INBOX (UIDNEXT)")
