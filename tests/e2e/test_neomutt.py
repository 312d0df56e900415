"""A stock client that resynchronises: neomutt with a header cache, over CONDSTORE and over QRESYNC."""

import os
import pty
import re
import shutil
import subprocess
import threading

import pytest
from imapraw import connect

MESSAGE = b"From: <bob@example.test>\r\nTo: <alice@example.test>\r\nSubject: number %d\r\n" \
          b"Message-ID: <neomutt%d@example.test>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nbody\r\n"

CONFIG = """
set folder = "imaps://localhost:{port}/"
set imap_user = "{address}"
set imap_pass = "{password}"
set ssl_ca_certificates_file = "{ca}"
set certificate_file = "{ca}"
set ssl_verify_host = no
set header_cache = "{home}/cache/"
set imap_condstore = yes
set imap_qresync = {qresync}
set spoolfile = "{spool}"
set wait_key = no
set delete = yes
set confirmappend = no
set sort = date
set quit = yes
set mark_old = no
"""


@pytest.fixture
def neomutt(suite, tmp_path):
    if not shutil.which("neomutt"):
        pytest.skip("neomutt is not installed")
    u = suite.user()
    (tmp_path / "cache").mkdir()

    def run(mailbox, keys, qresync):
        """What it said and heard on the wire."""
        rc, log = tmp_path / "rc", tmp_path / "log"
        spool = f"imaps://localhost:{suite.port('imaps')}/{mailbox}"
        rc.write_text(CONFIG.format(port=suite.port("imaps"), address=u["address"], password=u["password"], spool=spool,
                                    ca=suite.info["ca"], home=tmp_path, qresync="yes" if qresync else "no"))
        for old in tmp_path.glob("log*"):
            old.unlink()
        here, there = pty.openpty()
        child = subprocess.Popen(["neomutt", "-n", "-F", str(rc), "-d", "2", "-l", str(log), "-f", spool,
                                  "-e", f"push '{keys}<quit>'"],
                                 stdin=there, stdout=there, stderr=there, start_new_session=True,
                                 env=dict(os.environ, HOME=str(tmp_path), TERM="xterm", LINES="24", COLUMNS="80"))
        os.close(there)

        shown = []

        def drain():
            try:
                while data := os.read(here, 65536):
                    shown.append(data)
            except OSError:
                pass
        t = threading.Thread(target=drain)
        t.start()
        try:
            child.wait(60)
        finally:
            child.kill()
            t.join(5)
            os.close(here)
        logs = [p.read_text(errors="replace") for p in tmp_path.glob("log*")]
        assert logs, b"".join(shown)
        return logs[0]

    return run


@pytest.mark.parametrize("qresync", [False, True])
@pytest.mark.parametrize("expunge", [False, True])
def test_changes_of_others(suite, neomutt, qresync, expunge):
    """neomutt (20220429) counts wrongly behind any VANISHED (EARLIER), sees that it did and reads all again."""
    r, name = connect(suite), f"neomutt{int(qresync)}{int(expunge)}"
    r.ok(f"CREATE {name}")
    for i in range(8):
        r.append(name, MESSAGE % (i, i))
    log = neomutt(name, "", qresync)
    assert "msg_count is 8" in log
    r.ok(f"SELECT {name}")
    if expunge:
        r.ok(r"UID STORE 5,8 +FLAGS.SILENT (\Deleted)")
        r.ok("EXPUNGE")
    r.ok(r"UID STORE 3 +FLAGS.SILENT (\Flagged)")
    r.append(name, MESSAGE % (9, 9))
    log = neomutt(name, "<first-entry><delete-message><sync-mailbox>", qresync)
    assert re.search(r"UID FETCH 1:\d+ \(FLAGS\) \(CHANGEDSINCE \d+%s\)" % (" VANISHED" if qresync else ""), log)
    assert "Message UID 3 updated" in log and f"msg_count is {7 if expunge else 9}" in log
    assert expunge or "QRESYNC failed" not in log
    line, = [x for x in r.ok("UID SEARCH ALL") if x.startswith(b"* SEARCH")]
    assert line == (b"* SEARCH 2 3 4 6 7 9" if expunge else b"* SEARCH 2 3 4 5 6 7 8 9")
    r.close()
