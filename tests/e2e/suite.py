"""A private suite on free loopback ports, and clients for it."""

import contextlib
import imaplib
import json
import os
import re
import select
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

BIN = Path(os.environ.get("GKMAIL_BIN", Path(__file__).parents[2] / "build/bin")).resolve()
START_SECONDS = 30
END_SECONDS = 45


def children(pid):
    """Of a process that may be gone."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class Suite:
    """A running `gkmail sandbox`."""

    prefix = ()  # of the command: what it runs under
    bin = BIN

    def __init__(self, directory, *options, config="", env=None):
        self.dir = Path(directory)
        self.options = list(options) or ["--users", "3"]
        self.config = config
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.info = None

    def start(self):
        command = [*self.prefix, str(self.bin / "gkmail"), "sandbox", "--dir", str(self.dir), "--json", *self.options]
        if self.config:
            extra = self.dir.parent / (self.dir.name + "-extra.toml")
            extra.write_text(self.config)
            command += ["--config", str(extra)]
        self.stderr = open(self.dir.parent / (self.dir.name + "-stderr.txt"), "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.stderr, env=self.env)
        readable, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline() if readable else b""
        if not line.startswith(b"{"):
            self.kill()
            raise RuntimeError(f"the suite did not start: {line!r}\n{self.errors()}\n{self.log()[-4000:]}")
        self.info = json.loads(line)
        assert self.info.get("ready") is True, self.info
        return self

    def stop(self):
        """Drains; the exit code of the sandbox."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the suite did not drain\n" + self.log()[-4000:])
        self.process.stdout.close()
        self.stderr.close()
        self.process = None
        self.no_password_is_logged()
        assert "Sanitizer: " not in self.errors(), self.errors()  # of a process that nobody missed, or a leak
        return code

    def no_password_is_logged(self):
        """Whatever the tests did with this suite. Passwords of a test's own may be words that stand there anyway."""
        log = self.log()
        for user in self.info["users"] if self.info else []:
            if re.fullmatch(r"\w{4}(-\w{4}){3}", user["password"]):
                assert user["password"] not in log, next(line for line in log.splitlines() if user["password"] in line)

    def kill(self):
        """Everything at once, as a power cut would end the processes (not the disk)."""
        if self.process is None:
            return
        if self.info:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.info["pid"], signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.stderr.close()
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    # ---- what it says of itself ----

    def errors(self):
        return (self.dir.parent / (self.dir.name + "-stderr.txt")).read_text(errors="replace")

    def log(self):
        path = self.dir / "log"
        return path.read_text(errors="replace") if path.is_file() else ""

    def ctl(self, *arguments, input=None, check=True):
        """Runs gkmail against this sandbox; its result."""
        r = subprocess.run([str(self.bin / "gkmail"), "--dir", str(self.dir), *arguments], input=input,
                           capture_output=True, text=True, timeout=60, env=self.env)
        if check and r.returncode != 0:
            raise AssertionError(f"gkmail {' '.join(arguments)}: {r.returncode}\n{r.stdout}\n{r.stderr}")
        return r

    def status(self):
        # 1 while a process is down: that is for the caller to judge.
        return json.loads(self.ctl("--json", "status", check=False).stdout)

    def processes(self):
        """name -> pid of the daemons that run now."""
        return {p["name"]: p["pid"] for p in self.status()["processes"]}

    def owners(self):
        """Pids of gk-mailboxd's children, each of which is some user's owner."""
        return children(self.processes().get("mailboxd"))

    def port(self, name):
        return self.info["ports"][name]

    def user(self, name="alice"):
        for u in self.info["users"]:
            if u["address"].split("@")[0] == name:
                return u
        raise KeyError(name)

    @property
    def domain(self):
        return self.info["domain"]

    def maildir(self, name="alice"):
        return Path(self.user(name)["maildir"])

    def tls(self):
        return ssl.create_default_context(cafile=self.info["ca"])

    # ---- clients ----

    @contextlib.contextmanager
    def smtp(self, login="alice", port="submission", tls=True):
        """smtplib on a port; STARTTLS and login where asked (login None: neither name nor password)."""
        if port == "submissions":
            c = smtplib.SMTP_SSL("localhost", self.port(port), context=self.tls(), timeout=30)
        else:
            c = smtplib.SMTP("localhost", self.port(port), timeout=30)
            c.ehlo("client.test")
            if tls:
                c.starttls(context=self.tls())
        c.ehlo("client.test")
        if login:
            u = self.user(login)
            c.login(u["address"], u["password"])
        try:
            yield c
            with contextlib.suppress(smtplib.SMTPException, OSError):
                c.quit()
        finally:
            c.close()

    def send(self, sender="alice", to=("bob",), body="hello\r\n", subject="test"):
        """Submits a small message; its recipients are local parts."""
        addresses = [self.user(t)["address"] for t in to]
        text = (f"From: {self.user(sender)['address']}\r\nTo: {', '.join(addresses)}\r\nSubject: {subject}\r\n"
                f"\r\n{body}")
        with self.smtp(sender) as c:
            c.sendmail(self.user(sender)["address"], addresses, text.encode())

    @contextlib.contextmanager
    def imap(self, login="alice", port="imaps"):
        if port == "imaps":
            c = imaplib.IMAP4_SSL("localhost", self.port(port), ssl_context=self.tls(), timeout=30)
        else:
            c = imaplib.IMAP4("localhost", self.port(port), timeout=30)
            c.starttls(self.tls())
        if login:
            u = self.user(login)
            c.login(u["address"], u["password"])
        try:
            yield c
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                c.logout()
        finally:
            with contextlib.suppress(OSError):
                c.shutdown()

    def connect(self, port, tls=False):
        """A raw socket, for what no library would send."""
        s = socket.create_connection(("localhost", self.port(port)), timeout=30)
        if tls:
            s = self.tls().wrap_socket(s, server_hostname="localhost")
        return s

    def inbox(self, name="alice"):
        """The octets of every message in INBOX, read over IMAP."""
        with self.imap(name) as c:
            c.select("INBOX", readonly=True)
            _, found = c.uid("SEARCH", None, "ALL")
            uids = found[0].split() if found and found[0] else []
            out = []
            for uid in uids:
                _, data = c.uid("FETCH", uid.decode(), "(BODY.PEEK[])")
                out.append(next(d[1] for d in data if isinstance(d, tuple)))
            return out


def wait_for(condition, seconds=60, what="it"):
    """Polls until condition() is true; its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def make(workdir, *options, **more):
    return Suite(tempfile.mkdtemp(dir=workdir, prefix="s"), *options, **more)
