"""sendmail: what programs of this machine hand over, as whom, and what they are told."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from suite import wait_for

ROOT = os.geteuid() == 0
NOBODY = 65534
HOST = "mail.example.test"


@pytest.fixture(scope="module", autouse=True)
def reachable(workdir, suite):
    for d in workdir, suite.dir:
        d.chmod(0o711)  # for nobody


def sendmail(suite, *arguments, text="Subject: test\n\nhello\n", uid=None):
    env = dict(os.environ, GKMAIL_CONFIG=str(suite.dir / "gkmail.toml"))
    command = [str(suite.bin / "sendmail"), *arguments]
    if uid is not None:
        command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]
    data = text if isinstance(text, bytes) else text.encode()
    return subprocess.run(command, input=data, capture_output=True, timeout=60, env=env)


def me():
    import pwd
    return pwd.getpwuid(os.geteuid()).pw_name + "@" + HOST


def newest(suite, name, what):
    """The one message in the user's INBOX that holds what."""
    return wait_for(lambda: next((m for m in suite.inbox(name) if what in m), None))


def test_cron(suite):
    text = "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@h> job\n\n10%\r20%\n.\nend\n"
    r = sendmail(suite, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root", text=text)
    assert (r.returncode, r.stderr) == (0, b"")
    # The postmaster is the first user; the sandbox makes all three at a time.
    m = wait_for(lambda: next((m for u in ("alice", "bob", "carol") for m in suite.inbox(u) if b"Cron <root@h>" in m), None))
    assert m.endswith(b"\r\n\r\n10%\r\n20%\r\n.\r\nend\r\n")
    assert b'\r\nFrom: "Cron Daemon" <root@mail.example.test>\r\nTo: root@mail.example.test\r\n' in m
    assert m.startswith(f"Return-Path: <{me()}>\r\nReceived: by {HOST} (GK Mail, from a program of {me()})".encode())
    assert b"\r\nDate: " in m and b"\r\nMessage-ID: <" in m


def test_recipients_in_the_header(suite):
    text = "To: Bob <bob@example.test>\nBcc: carol@example.test\nSubject: blind\n\nx\n"
    assert sendmail(suite, "-t", text=text).returncode == 0
    for name in "bob", "carol":
        m = newest(suite, name, b"Subject: blind")
        assert b"carol" not in m and b"Bcc" not in m
        assert b"\r\nFrom: " in m and me().encode() in m


def test_all_or_nothing(suite):
    r = sendmail(suite, "bob@example.test", "nobody-here@example.test", "nor-here@example.test",
                 text="Subject: half\n\n")
    assert r.returncode == 67
    assert b"nobody-here@example.test: 550" in r.stderr and b"nor-here@example.test: 550" in r.stderr
    assert sendmail(suite, "bob@example.test", text="Subject: whole\n\n").returncode == 0
    newest(suite, "bob", b"Subject: whole")
    assert not any(b"Subject: half" in m for m in suite.inbox("bob"))


@pytest.mark.parametrize("code, arguments, text", [
    (64, [], ""),
    (64, ["-bs"], ""),
    (64, ["-Z", "bob@example.test"], ""),
    (64, ["-t"], "Subject: to nobody\n\n"),
    (64, ["-N", "x y", "bob@example.test"], ""),
    (65, ["a@@b"], ""),
    pytest.param(65, ["bob@example.test"], "X: " + "x" * 300000 + "\n\n", id="header-too-big"),
    (67, ["bob"], ""),
    (78, ["-C", "/nonexistent/x.toml", "bob@example.test"], ""),
    (0, ["-q"], ""),
])
def test_exit_codes(suite, code, arguments, text):
    r = sendmail(suite, *arguments, text=text)
    assert r.returncode == code, r.stderr
    assert bool(r.stderr) == (code != 0)


def test_dots_and_odd_octets(suite):
    assert sendmail(suite, "bob@example.test", text=b"Subject: d\xc3\xa9j\xc3\xa0\n\n..a\n.b\n\0c\n.\nlost\n").returncode == 0
    assert newest(suite, "bob", b"Subject: d\xc3\xa9j\xc3\xa0").endswith(b"\r\n\r\n..a\r\n.b\r\nc\r\n")


def test_a_large_one(suite):
    body = b"".join(b"%07d %s\n" % (i, b"x" * 70) for i in range(50000))
    assert sendmail(suite, "carol@example.test", text=b"Subject: large\n\n" + body).returncode == 0
    assert newest(suite, "carol", b"Subject: large").endswith(b"\r\n\r\n" + body.replace(b"\n", b"\r\n"))


def test_the_operator_is_anybody(suite):
    r = sendmail(suite, "-f", "news@x.test", "-N", "never", "-R", "hdrs", "bob@example.test", text="Subject: news\n\n")
    assert r.returncode == 0, r.stderr
    m = newest(suite, "bob", b"Subject: news")
    assert m.startswith(b"Return-Path: <news@x.test>\r\n") and b"\r\nFrom: <news@x.test>\r\n" in m
    assert b"\r\nSender:" not in m


@pytest.mark.skipif(not ROOT, reason="another user's program takes root to start")
def test_a_user_is_itself(suite):
    r = sendmail(suite, "bob@example.test", text="From: Boss <boss@x.test>\nSender: boss@x.test\nSubject: mine\n\n",
                 uid=NOBODY)
    assert r.returncode == 0, r.stderr
    m = newest(suite, "bob", b"Subject: mine")
    assert m.startswith(b"Return-Path: <nobody@mail.example.test>\r\n")
    assert m.count(b"Sender:") == 1 and b"\r\nSender: <nobody@mail.example.test>\r\n" in m
    r = sendmail(suite, "-f", "alice@example.test", "bob@example.test", uid=NOBODY)
    assert r.returncode == 77 and b"550 5.7.1" in r.stderr
    # Who is in no file is a number.
    assert sendmail(suite, "bob@example.test", text="Subject: numbered\n\n", uid=54321).returncode == 0
    assert newest(suite, "bob", b"Subject: numbered").startswith(b"Return-Path: <uid-54321@mail.example.test>\r\n")


@pytest.mark.skipif(not ROOT, reason="another user's program takes root to start")
def test_words_without_sendmail_give_no_more(suite):
    """Straight to the socket: the server holds it, not the program."""
    script = """if True:
        import os, smtplib, socket, sys
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        class Local(smtplib.SMTP):
            def _get_socket(self, host, port, timeout):
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); return s
        c = Local("x"); c.ehlo("x")
        assert c.mail("alice@example.test")[0] == 550
        assert c.mail("nobody@mail.example.test")[0] == 250
        assert c.rcpt("a@elsewhere.example")[0] == 250
        assert c.rcpt("bob@example.test")[0] == 250
        assert c.data(b"From: alice@example.test\\r\\n\\r\\n")[0] == 550
        assert c.has_extn("starttls") is False and c.has_extn("auth") is False
    """
    subprocess.run(["/usr/bin/python3", "-c", script, str(suite.dir / "run/submit.sock")], check=True, timeout=60)


def test_it_waits_for_a_server_that_starts_anew(suite):
    os.kill(suite.processes()["smtpd"], signal.SIGKILL)
    assert sendmail(suite, "bob@example.test", text="Subject: after\n\n").returncode == 0
    newest(suite, "bob", b"Subject: after")


def test_many_at_once(suite):
    path = str(suite.dir / "run/submit.sock")
    idle = []
    for _ in range(60):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        idle.append(s)
    assert sendmail(suite, "bob@example.test", text="Subject: besides\n\n").returncode == 0
    for s in idle:
        s.close()
    newest(suite, "bob", b"Subject: besides")


def test_switched_off_and_not_running(fresh_suite):
    s = fresh_suite("--users", "1")
    path = Path(s.dir / "run/submit.sock")
    assert path.is_socket()
    conf = s.dir / "gkmail.toml"
    before = conf.read_text()
    conf.write_text(before + "\n[submission]\nlocal = false\n" if "[submission]" not in before
                    else before.replace("[submission]", "[submission]\nlocal = false"))
    s.ctl("reload")
    wait_for(lambda: not path.exists())
    assert sendmail(s, "alice@example.test").returncode == 75
    conf.write_text(before)
    s.ctl("reload")
    wait_for(path.exists)
    assert sendmail(s, "alice@example.test").returncode == 0
    s.stop()
    assert not path.exists()
    r = sendmail(s, "alice@example.test")
    assert r.returncode == 75 and b"is GK Mail running?" in r.stderr
