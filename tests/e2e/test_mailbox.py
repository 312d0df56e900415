"""gkmail mailbox, and homes that wait for a replay."""

import contextlib
import json
import os
import re
import signal
import threading
import time

from conftest import wait_for
from imapraw import Raw, connect

SMALL = b"Subject: small\r\n\r\nbody\r\n"
CONFIG = '[mailbox]\nlinger = "100ms"\n[queue]\ncheckpoint = "60s"\n'


def ask(suite, verb, user="alice", code=0):
    done = suite.ctl("--json", "mailbox", verb, suite.user(user)["address"], check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def test_check_repair_reindex(fresh_suite):
    suite = fresh_suite("--users", "1", config=CONFIG)
    r = connect(suite)
    for _ in range(3):
        r.append("INBOX", SMALL)
    r.ok("SELECT INBOX")
    assert ask(suite, "check") == {"messages": 3, "found": 0, "mended": 0, "findings": []}
    assert ask(suite, "reindex")["messages"] == 3
    # Behind the owner's back.
    cur = suite.maildir() / "cur"
    gone, renamed, _ = sorted(p for p in cur.iterdir())
    gone.unlink()
    renamed.rename(renamed.with_name(renamed.name + "F"))
    (cur / "1700000000.other.host:2,").write_bytes(SMALL)
    said = ask(suite, "check", code=1)
    assert said["found"] == 3 and said["mended"] == 0
    text = " ".join(f["text"] for f in said["findings"])
    assert "no file" in text and "another name" in text and "no message has the file" in text
    assert {f["mailbox"] for f in said["findings"]} == {"INBOX"}
    said = ask(suite, "repair")
    assert said["found"] == said["mended"] == 3
    assert ask(suite, "check")["found"] == 0
    # The session that was there has heard of it.
    lines = r.ok("NOOP")
    assert any(b"EXPUNGE" in x for x in lines) and b"* 3 EXISTS" in lines
    assert any(b"\\Flagged" in x for x in r.ok("FETCH 1:* FLAGS"))
    r.close()


def test_tasks_start_an_owner_and_it_leaves(fresh_suite):
    suite = fresh_suite("--users", "1", config=CONFIG)
    assert not suite.owners()
    assert ask(suite, "check")["found"] == 0
    wait_for(lambda: not suite.owners(), what="the owner's leave")
    done = suite.ctl("mailbox", "check", f"nobody@{suite.domain}", check=False)
    assert done.returncode == 1 and "nobody" not in done.stdout


# ---- after lost power (a forced replay stands for it) ----


def forced(suite):
    """The suite ends without a last checkpoint, and all its deliveries run again at the next start."""
    suite.kill()
    (suite.dir / "data" / "spool" / "replay").touch()


@contextlib.contextmanager
def broken_delivery(suite):
    pid = suite.processes()["local"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def login(suite, user, out):
    r = Raw(suite.connect("imaps", tls=True))
    r.sock.settimeout(60)
    r.line()
    u = suite.user(user)
    out.append((r, r.command(f'LOGIN "{u["address"]}" "{u["password"]}"')[1], time.monotonic()))


def test_owner_waits_for_the_replay(fresh_suite):
    suite = fresh_suite("--users", "3", config=CONFIG)
    for i in range(20):
        suite.send("alice", ["bob"], subject=f"n{i}", body="x" * 2000)
    new = suite.maildir("bob") / "new"
    wait_for(lambda: len(list(new.iterdir())) == 20)
    forced(suite)
    # What lost power makes of files: names without octets.
    for p in new.iterdir():
        size = p.stat().st_size
        p.chmod(0o600)
        os.truncate(p, 0)
        p.chmod(0o440)
        assert size > 0
    suite.start()
    r = connect(suite, "bob")
    lines = r.ok("SELECT INBOX")
    # Whoever opens the home sees every message, whole.
    assert b"* 20 EXISTS" in lines
    sizes = [int(x) for x in re.findall(rb"RFC822.SIZE (\d+)", b" ".join(r.ok("FETCH 1:* RFC822.SIZE")))]
    assert len(sizes) == 20 and min(sizes) > 2000
    log = suite.log()
    assert "queue.replay homes=1" in log and "queue.replayed" in log
    r.close()


def test_held_home_is_refused_in_time_and_served_later(fresh_suite):
    suite = fresh_suite("--users", "3", config=CONFIG)
    suite.send("alice", ["bob"])
    wait_for(lambda: (suite.maildir("bob") / "new").exists() and list((suite.maildir("bob") / "new").iterdir()))
    # The queue alone is started again, with gk-local not answering: the replay cannot end.
    (suite.dir / "data" / "spool" / "replay").touch()
    with broken_delivery(suite):
        os.kill(suite.processes()["queue"], signal.SIGKILL)
        wait_for(lambda: "queue.replay homes=1" in suite.log(), what="the hold")
        wait_for(lambda: "mailbox.hold homes=1" in suite.log(), what="the parent's word")
        out = []
        t = threading.Thread(target=login, args=(suite, "bob", out))
        t.start()
        # Others are served meanwhile.
        connect(suite, "carol").close()
        assert t.is_alive()
        # And mailboxd that is started again is told again.
        os.kill(suite.processes()["mailboxd"], signal.SIGKILL)
        wait_for(lambda: suite.log().count("mailbox.hold homes=1") == 2, what="the parent's word")
        t.join(60)
        assert not out[0][1].startswith(b"OK"), out
        out[0][0].close()
        began = time.monotonic()
        login(suite, "bob", out)
        assert out[1][1].startswith(b"NO [UNAVAILABLE]"), out
        assert time.monotonic() - began > 20
        out[1][0].close()
    wait_for(lambda: "queue.replayed" in suite.log(), what="the replay")
    r = connect(suite, "bob")
    assert b"* 1 EXISTS" in r.ok("SELECT INBOX")
    r.close()
