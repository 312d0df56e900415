"""The log: its events and fields are those of docs/LOGS.md, no secret and no text of a message is in it, nor in what is told besides;
and it goes to files that are rotated, and to syslog."""

import contextlib
import imaplib
import json
import os
import re
import signal
import smtplib
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest
from chat import Chat
from conftest import make, wait_for
from jmapclient import CORE, MAIL, Jmap, WebSocket
from mcptools import Mail, Refused, Tools
from test_metrics import get
from test_web_auth import Browser

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="a copy without documents")


def told():
    """{event: fields}"""
    rows = re.findall(r"^\| `([a-z.0-9_]+)` \| [^|]* \| [^|]* \| ([^|]*) \|$", (ROOT / "docs/LOGS.md").read_text(), re.M)
    return {event: set(re.findall(r"`(\w+)`", fields)) for event, fields in rows}


def test_the_table_is_long():
    """That it is the code's `make lint` looks after."""
    assert len(told()) > 250


BODY, SUBJECT, NAME, WRONG = "canary-body-8f2e", "canary-subject-41c7", "canary-file-77d0.txt", "canary-wrong-password-0b9a"
WORDS, KEY = "canary-words-93aa", "canary-key-e1d4"  # what the assistant is asked; the provider's key


def busy(s):
    """Everything that has to do with a secret or with the text of a message, once; the secrets."""
    alice, bob = s.user("alice"), s.user("bob")
    secrets = [u["password"] for u in s.info["users"]]
    secrets.append(s.ctl("apppass", "add", alice["address"], "phone").stdout.split()[-1])
    secrets.append(s.ctl("agent", "add", alice["address"], "reader", "--scopes", "mail:read").stdout.split()[-1])
    with s.smtp("alice") as c:
        c.sendmail(alice["address"], [bob["address"]], (
            f"From: {alice['address']}\r\nTo: {bob['address']}\r\nSubject: {SUBJECT}\r\nMIME-Version: 1.0\r\n"
            f'Content-Type: text/plain; name="{NAME}"\r\n\r\n{BODY}\r\n').encode())
    with smtplib.SMTP("localhost", s.port("submission"), timeout=30) as c:
        c.starttls(context=s.tls())
        with contextlib.suppress(smtplib.SMTPException):
            c.login(alice["address"], WRONG)
    # Typed where it does not belong: as a name, as a command.
    with s.connect("imaps", tls=True) as c:
        c.sendall(f"a LOGIN {WRONG} {WRONG}\r\nb LOGIN {alice['address']} {WRONG}\r\n{WRONG}\r\nc LOGOUT\r\n".encode())
        while c.recv(4096):
            pass
    wait_for(lambda: len(s.inbox("bob")) == 1)
    with s.imap("bob") as c:
        c.select("INBOX")
        c.search(None, "TEXT", BODY)
        c.search(None, "SUBJECT", SUBJECT)
        c.fetch("1", "(ENVELOPE BODY.PEEK[])")
        c.append("INBOX", None, imaplib.Time2Internaldate(0), f"Subject: {SUBJECT}\r\n\r\n{BODY}\r\n".encode())
    credential = b64encode(f"{bob['address']}:{bob['password']}".encode()).decode()
    secrets.append(credential)
    query = {"using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"],
             "methodCalls": [["Email/query", {"accountId": "x", "filter": {"text": BODY}}, "0"]]}
    for auth in (credential, b64encode(f"{bob['address']}:{WRONG}".encode()).decode()):
        r = urllib.request.Request(f"https://localhost:{s.port('https')}/jmap/api?{WRONG}=1", data=json.dumps(query).encode(),
                                   headers={"Content-Type": "application/json", "Authorization": "Basic " + auth})
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(r, context=s.tls(), timeout=30).read()
    return secrets + by_the_web(s, alice) + by_agents(s)


def by_the_web(s, alice):
    """The page, its WebSockets, and other hosts' mail; the cookie and what stands for the password in headers."""
    b = Browser(s)
    b.login(password=WRONG)
    assert b.login().status == 204
    with WebSocket(Jmap(s)) as w:
        w.send(json.dumps({"@type": "Request", "using": [CORE, MAIL], "methodCalls": [
            ["Email/query", {"accountId": "x", "filter": {"text": BODY}}, "0"], [SUBJECT, {}, "1"]]}))
        w.next()
    mail = Mail(s)
    mail.put(f"From: a@x.test\r\nSubject: {SUBJECT}\r\nContent-Type: text/html; name={NAME}\r\n\r\n<b>{BODY}</b>\r\n".encode())
    mail.call("Email/query", filter={"subject": SUBJECT})
    mail.call("SearchSnippet/get", filter={"text": BODY}, emailIds=[])
    with Chat(s) as c:
        c.hello()
        for text in (f"find mail about {WORDS}", f"send {alice['address']} a mail that says {WORDS}", WORDS):
            c.ask(text, agrees=lambda _: False)
    with smtplib.SMTP("localhost", s.port("smtp"), timeout=30) as c:
        c.sendmail("x@there.test", [alice["address"]], f"Subject: {SUBJECT}\r\n\r\n{BODY}\r\n".encode())
        c.docmd(BODY)
        # A command in the middle of what is no command.
        c.docmd("AUTH PLAIN " + b64encode(b"\0x\0" + WRONG.encode()).decode())
    return [b.cookie, b64encode(b"\0x\0" + WRONG.encode()).decode()]


def by_agents(s):
    with Tools(s) as t:
        for name, arguments in (("search", {"query": BODY}), ("search", {"query": f"subject:{SUBJECT}"}), ("search", {"query": f"{WORDS}:x (("}), (WORDS, {}),
                                ("search", {"query": BODY, WORDS: 1}), ("search", {"query": "x", "mailbox": WORDS}),
                                ("draft", {"subject": SUBJECT, "text": BODY, "to": ["bob@x.test"]})):
            with contextlib.suppress(Refused, AssertionError, KeyError):
                t.ask("tools/call", {"name": name, "arguments": arguments})
    for path in ("/mcp", f"/mcp?{WRONG}"):
        r = urllib.request.Request(f"https://localhost:{s.port('https')}{path}", data=json.dumps({"jsonrpc": "2.0", "id": 1, "method": WORDS}).encode(),
                                   headers={"Content-Type": "application/json", "Authorization": f"Bearer gka_{WRONG}"})
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(r, context=s.tls(), timeout=30).read()
    return [f"gka_{WRONG}"]


def told_besides(s):
    """What operators are told by other ways than the log: numbers, health, states, a message's way."""
    mids = set(re.findall(r'"mid":"(\w+)"', s.log()))
    assert mids
    return "".join([get(s, "/metrics")[2], get(s, "/health")[2], *(s.ctl(*words, check=False).stdout for words in (
        ["status"], ["queue", "list"], ["audit"], *(["trace", m] for m in sorted(mids)[:20])))])


def test_no_secret_and_no_text_of_a_message(workdir):
    key = Path(workdir) / "provider-key"
    key.write_text(KEY)
    s = make(workdir, "--users", "2", config='[log]\nlevel = "debug"\nformat = "json"\n[smtp]\ngreet_delay = "0s"\n[assistant]\n'
             f'provider = "ollama"\nmodel = "m"\nurl = "http://127.0.0.1:9"\napi_key_file = "{key}"\n').start()
    secrets = busy(s)
    besides = told_besides(s)
    assert s.stop() == 0
    log = s.log()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"smtp.accept", "queue.deliver", "auth.fail", "auth.ok"} & {e["event"] for e in lines} and len(lines) > 50
    assert len({e["daemon"] for e in lines}) > 12
    for secret in [*secrets, BODY, SUBJECT, NAME, WORDS, KEY]:
        assert secret not in log, next(line for line in log.splitlines() if secret in line)
        assert secret not in besides, next(line for line in besides.splitlines() if secret in line)
    # The wrong one may be there as what was typed for a name, which is what `user` of auth.fail tells, and in no other field.
    for e in lines:
        for key, value in e.items():
            assert WRONG not in str(value) or (e["event"], key) == ("auth.fail", "user"), e
    # And what is there is told.
    table = told()
    for e in lines:
        assert e["event"] in table, e
        assert set(e) - {"ts", "level", "daemon", "pid", "event"} <= table[e["event"]], e


# ---- where it goes ----


def rotation(s, folder):
    """etc/gkmail.logrotate for this suite: other paths."""
    text = (ROOT / "etc/gkmail.logrotate").read_text()
    for old, new in (("/var/log/gkmail.log", f"{s.dir}/log"), ("/run/gkmail/master.pid", str(next(s.dir.rglob("master.pid"))))):
        assert old in text
        text = text.replace(old, new)
    (folder / "rotate").write_text(text)
    (folder / "rotate").chmod(0o644)
    return ["/usr/sbin/logrotate", "--force", "--state", folder / "state", folder / "rotate"]


@pytest.mark.skipif(not Path("/usr/sbin/logrotate").exists(), reason="no logrotate")
def test_logrotate_loses_no_line(workdir, tmp_path):
    """While mail comes in: each message is there from its first event to its last, whole lines, in one file or the next."""
    s = make(workdir, "--users", "2", config='[log]\nformat = "json"\n').start()
    rotate, n = rotation(s, tmp_path), 0
    for _ in range(3):
        for _ in range(4):
            s.send()
            n += 1
        done = subprocess.run(rotate, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        wait_for(lambda: "master.log_reopened" in s.log(), what="a new log")
        s.send()
        n += 1
    wait_for(lambda: len(s.inbox("bob")) == n)
    assert s.stop() == 0
    files = sorted(s.dir.glob("log*"))
    assert len(files) == 4 and any(f.suffix == ".gz" for f in files), files
    lines = []
    for f in files:
        octets = subprocess.run(["zcat", "-f", f], capture_output=True, check=True).stdout
        lines += [json.loads(line) for line in octets.decode().splitlines()]
    delivered = [e["mid"] for e in lines if e["event"] == "queue.deliver"]
    assert len(delivered) == len(set(delivered)) == n


DEV = """\
mount -t tmpfs none "$1" && for x in null zero full random urandom tty; do : >"$1/$x" && mount --bind /dev/$x "$1/$x" || exit 1; done
ln -s "$2" "$1/log" && mkdir "$1/shm" && mount --rbind "$1" /dev || exit 1
shift 2; exec "$@"
"""


def can_mount(folder):
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "sh", "-c", DEV, "sh", folder, "/x", "true"], capture_output=True).returncode == 0


def test_syslog(workdir):
    """A /dev/log of the test's own; it starts anew, and hangs."""
    folder = Path(workdir) / "dev"
    folder.mkdir()
    if not can_mount(folder):
        pytest.skip("cannot mount here")
    path = Path(workdir) / "syslog"

    def listen():
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        log.bind(str(path))
        path.chmod(0o666)
        log.settimeout(0.1)
        return log

    def hear(log, event, seconds=20):
        heard = []

        def heard_it():
            with contextlib.suppress(TimeoutError):
                while True:
                    heard.append(log.recv(65536).decode())
            return any(event in x for x in heard)
        wait_for(heard_it, seconds, event)
        return heard

    log = listen()
    s = make(workdir, "--users", "2", config='[log]\nto = "syslog"\n')
    s.prefix = ("unshare", "-m", "sh", "-c", DEV, "sh", str(folder), str(path))
    # The queue of a socket is short: it is heard while the suite starts.
    early, ended = [], threading.Event()

    def drain():
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                early.append(log.recv(65536).decode())

    t = threading.Thread(target=drain)
    t.start()
    try:
        s.start()
        s.send()
        wait_for(lambda: len(s.inbox("bob")) == 1)
        wait_for(lambda: any("queue.deliver" in x for x in early), what="queue.deliver")
    finally:
        ended.set()
        t.join()
    # Facility mail (2), severities error, warning, info; one line, no time of our own, no line end.
    for x in early:
        m = re.fullmatch(r"<(\d+)>gk-([a-z]+)\[\d+\]: (error|warn|info) \2 [a-z]+\.[a-z_0-9]+( .*)?", x)
        assert m and int(m[1]) in (16 + 3, 16 + 4, 16 + 6), x
    assert {re.search(r"gk-(\w+)", x)[1] for x in early} >= {"master", "smtpd", "queue", "local"}
    # It starts anew; SIGUSR1 is what its administrator sends.
    log.close()
    log = listen()
    os.kill(s.info["pid"], signal.SIGUSR1)
    hear(log, "master.log_reopened")
    s.ctl("status")
    s.send()
    hear(log, "queue.deliver")
    # It hangs: mail does not.
    for _ in range(2):
        s.send()
    wait_for(lambda: len(s.inbox("bob")) == 4, 60)
    log.close()
    assert s.stop() == 0
