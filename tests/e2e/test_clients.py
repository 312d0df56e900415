"""Stock programs of Debian read and send: fetchmail, getmail, mutt, s-nail. Others have tests of their own: test_mbsync.py,
test_neomutt.py, test_thunderbird.py, the configurations of docs/USER_GUIDE.md (test_docs_commands.py), swaks (test_submission.py)."""

import os
import pty
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from conftest import wait_for
from suite import children


@pytest.fixture
def home(tmp_path):
    return tmp_path


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def environment(home):
    return dict(os.environ, HOME=str(home), TERM="xterm", LC_ALL="C.UTF-8", LINES="24", COLUMNS="80")


def run(home, *words, screen=False, **more):
    """A program in a home of its own; with a screen, where it wants one."""
    env = environment(home)
    if not screen:
        return subprocess.run([str(w) for w in words], env=env, cwd=home, stdin=more.pop("stdin", subprocess.DEVNULL),
                              capture_output=True, text=True, timeout=60, **more)
    here, there = pty.openpty()
    child = subprocess.Popen([str(w) for w in words], env=env, cwd=home, stdin=there, stdout=there, stderr=there, start_new_session=True)
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
    return subprocess.CompletedProcess(words, child.returncode, b"".join(shown).decode(errors="replace"), "")


def config(home, name, text):
    (home / name).write_text(text)
    (home / name).chmod(0o600)
    return home / name


def came(home):
    """Messages in a Maildir of the home."""
    return [p.read_text() for d in ("new", "cur") for p in (home / "Mail" / d).glob("*")]


def maildir(home):
    for d in ("new", "cur", "tmp"):
        (home / "Mail" / d).mkdir(parents=True)
    return home / "Mail"


def test_fetchmail(suite, home):
    """Fetches what is unread over IMAP with TLS, verified, and leaves it read on the server."""
    needs("fetchmail")
    u = suite.user("carol")
    suite.send("alice", ["carol"], subject="for fetchmail")
    wait_for(lambda: any(b"for fetchmail" in m for m in suite.inbox("carol")))
    rc = config(home, "fetchmailrc", f"""poll localhost service {suite.port('imaps')} protocol imap timeout 30
\tuser "{u['address']}" password "{u['password']}" ssl sslproto "TLS1.2+" sslcertck sslcertfile "{suite.info['ca']}" keep
\tmda "/bin/sh -c 'cat >>{home}/box'"
""")
    done = run(home, "fetchmail", "-f", rc, "--nosyslog", "--pidfile", home / "pid")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Subject: for fetchmail" in (home / "box").read_text()
    with suite.imap("carol") as c:
        c.select("INBOX")
        assert c.search(None, "UNSEEN")[1] == [b""]
    assert run(home, "fetchmail", "-f", rc, "--nosyslog", "--pidfile", home / "pid").returncode == 1  # nothing new


def getmail(home):
    """Where it misses the end of its own MDA (6.18: its child has ended, and it waits for a lock), once more."""
    p = subprocess.Popen(["getmail"], env=environment(home), cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    try:
        return subprocess.CompletedProcess(p.args, p.wait(30), *p.communicate())
    except subprocess.TimeoutExpired:
        ended = [c for c in children(p.pid) if Path(f"/proc/{c}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"]
        p.kill()
        said = p.communicate()
        assert ended, f"it waits for us: {said}"
    return run(home, "getmail")


def test_getmail(suite, home):
    needs("getmail")
    u = suite.user("bob")
    suite.send("alice", ["bob"], subject="for getmail")
    wait_for(lambda: any(b"for getmail" in m for m in suite.inbox("bob")))
    (home / ".config/getmail").mkdir(parents=True)
    config(home, ".config/getmail/getmailrc", f"""[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = {suite.port('imaps')}
username = {u['address']}
password = {u['password']}
ca_certs = {suite.info['ca']}
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >>{home}/box")
allow_root_commands = true
[options]
read_all = false
delivered_to = false
received = false
""")
    done = getmail(home)
    assert done.returncode == 0 and "Subject: for getmail" in (home / "box").read_text(), done.stdout + done.stderr
    before = (home / "box").read_text()
    assert getmail(home).returncode == 0 and (home / "box").read_text() == before  # nothing new


def test_mutt_reads_and_sends(suite, home):
    """Left to itself Debian's mutt chooses SCRAM-SHA-256-PLUS for SMTP, gives its library (gsasl) no tls-exporter binding and gives up:
    docs/COMPATIBILITY.md has the line that helps."""
    needs("mutt")
    u = suite.user("alice")
    suite.send("bob", ["alice"], subject="for mutt")
    wait_for(lambda: any(b"for mutt" in m for m in suite.inbox("alice")))
    rc = config(home, "muttrc", f"""
set folder = "imaps://localhost:{suite.port('imaps')}/"
set spoolfile = "+INBOX"
set record = "+Sent"
set imap_user = "{u['address']}"
set imap_pass = "{u['password']}"
set smtp_url = "smtps://{u['address'].replace('@', '%40')}@localhost:{suite.port('submissions')}/"
set smtp_pass = "{u['password']}"
set smtp_authenticators = "scram-sha-256"
set from = "{u['address']}"
set realname = "Alice"
set certificate_file = "{suite.info['ca']}"
set ssl_ca_certificates_file = "{suite.info['ca']}"
set ssl_verify_host = no
set wait_key = no
set quit = yes
""")
    place = maildir(home)
    shown = run(home, "mutt", "-n", "-F", rc, "-e", f"set confirmcreate=no confirmappend=no; push '<copy-message>{place}<enter><quit>'", screen=True)
    assert any("Subject: for mutt" in m for m in came(home)), shown.stdout[-2000:]
    letter = config(home, "letter", "from mutt\n")
    with open(letter) as f:
        done = run(home, "mutt", "-n", "-F", rc, "-s", "sent by mutt", suite.user("bob")["address"], stdin=f)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: any(b"sent by mutt" in m for m in suite.inbox("bob")))
    with suite.imap("alice") as c:
        c.select("Sent", readonly=True)
        assert c.search(None, "SUBJECT", '"sent by mutt"')[1] != [b""]


def test_s_nail_sends(suite, home):
    needs("s-nail")
    u = suite.user("alice")
    rc = config(home, "rc", f"""set v15-compat
set from={u['address']}
set tls-ca-no-defaults tls-ca-file={suite.info['ca']}
set smtp-use-starttls
set smtp-auth=login
set mta=smtp://{u['address'].replace('@', '%40')}:{u['password']}@localhost:{suite.port('submission')}
""")
    with open(config(home, "letter", "from s-nail\n")) as f:
        done = run(home, "s-nail", "-:", "/", "-X", f"source {rc}", "-Ssendwait", "-s", "sent by s-nail", suite.user("bob")["address"], stdin=f)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: any(b"sent by s-nail" in m for m in suite.inbox("bob")))
