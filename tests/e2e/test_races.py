"""Everything that can happen to one user's mailbox at once, again and again: one owner always, nothing stuck, nothing
lost (INVARIANTS 12, 16, 17). RACES=10000 for the long form."""

import contextlib
import os
import random
import re
import signal
import smtplib
import threading
import time
from pathlib import Path

from conftest import wait_for
from imapraw import Raw
from suite import children

RACES = int(os.environ.get("RACES", "300"))
SEED = int(os.environ.get("GKMAIL_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
CONFIG = """
[mailbox]
linger = "20ms"
max_connections = 200
[imap]
park_after = "20ms"
[limits]
connections_per_ip = 1000
"""
STUCK = 40  # seconds in which any single step has to end


def holders(path):
    """Processes that have the file open; sees other users' processes as root alone."""
    found = []
    for p in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (p / "comm").read_text() != "gk-mailboxd\n":
                continue
            if any(os.readlink(fd) == path for fd in (p / "fd").iterdir()):
                found.append(int(p.name))
    return found


def lock_is_held(path):
    """By an owner, as the kernel's list of locks says: they are OFD locks."""
    inode = os.stat(path).st_ino
    return any(re.search(rf"OFDLCK .*:{inode} ", line) for line in open("/proc/locks"))


class World:
    def __init__(self, suite):
        self.suite = suite
        self.user = suite.user("alice")
        self.address = self.user["address"]
        self.passwords = [self.user["password"]]  # the last is in force, or is just being set
        self.counts = dict.fromkeys(("connect", "idle", "deliver", "password", "owner", "front", "parent"), 0)
        self.accepted = 0
        self.over = threading.Event()
        self.failures = []
        self.watched = self.seen = 0

    def count(self, what):
        self.counts[what] += 1
        if sum(self.counts.values()) >= RACES:
            self.over.set()

    # ---- clients ----

    def session(self, rnd):
        r = Raw(self.suite.connect("imaps", tls=True))
        try:
            r.sock.settimeout(STUCK)
            r.line()
            _, result = r.command(f'LOGIN "{self.address}" "{self.passwords[-1]}"')
            self.count("connect")
            if not result.startswith(b"OK"):
                return
            _, result = r.command("SELECT INBOX")
            if not result.startswith(b"OK"):
                return
            for _ in range(rnd.randrange(4)):
                r.send(b"i IDLE\r\n")
                if not r.line().startswith(b"+"):
                    return
                self.count("idle")
                # Around the moment in which it is parked.
                time.sleep(rnd.choice([0, 0.01, 0.02, 0.03, 0.1, 0.4]) * rnd.uniform(0.8, 1.2))
                r.send(b"DONE\r\n")
                if not r.until(b"i")[1].startswith(b"OK"):
                    return
        finally:
            r.close()

    def client(self, seed):
        rnd = random.Random(seed)
        while not self.over.is_set():
            began = time.monotonic()
            try:
                self.session(rnd)
            except TimeoutError:
                self.failures.append(f"a client was stuck for {time.monotonic() - began:.0f} s")
                self.over.set()
            except (EOFError, OSError):
                time.sleep(0.02)  # a front that is down, a session that was ended

    def deliver(self, seed):
        rnd = random.Random(seed)
        while not self.over.is_set():
            try:
                with self.suite.smtp(None, port="smtp", tls=False) as c:
                    for _ in range(10):
                        c.sendmail("x@elsewhere.test", [self.address], "Subject: race\r\n\r\nbody\r\n")
                        self.accepted += 1
                        self.count("deliver")
                        if self.over.wait(rnd.choice([0, 0.01, 0.05, 0.3])):
                            return
            except (smtplib.SMTPException, OSError):
                time.sleep(0.05)

    def change_password(self):
        n = 0
        while not self.over.wait(1.0):
            n += 1
            new = f"password-{n}-{SEED}"
            self.passwords.append(new)
            done = self.suite.ctl("user", "passwd", self.address, input=new + "\n", check=False)
            if done.returncode != 0:
                self.failures.append(f"passwd: {done.stderr}")
            self.count("password")

    def kill(self, seed):
        rnd = random.Random(seed)
        quick = dict.fromkeys(("front", "parent"), 0)
        last = dict.fromkeys(quick, time.monotonic())
        rare = time.monotonic() + 1
        while not self.over.wait(rnd.uniform(0.05, 0.5)):
            processes = self.suite.processes()
            what = rnd.choice(sorted(quick))
            # What crashes again and again is started later and later, until it has run for a minute.
            if time.monotonic() - last[what] > 62:
                quick[what] = 0
            if time.monotonic() > rare and quick[what] < 6:
                pid = processes["imapd" if what == "front" else "mailboxd"]
                quick[what] += 1
                last[what] = time.monotonic()
                rare = last[what] + 3
            else:
                what = "owner"
                pid = next(iter(children(processes["mailboxd"])), 0)
            if pid > 0:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self.count(what)

    def watch(self):
        """Never two owners: one child of the parent at most, and one process with the index open, whose lock is held."""
        index = str(self.suite.maildir().parent / "db" / "index.db")
        parent, renewed = 0, 0.0
        while not self.over.is_set():
            if time.monotonic() > renewed:
                parent, renewed = self.suite.processes()["mailboxd"], time.monotonic() + 0.5
            open_in = holders(index)
            self.seen += len(open_in)
            for found in (children(parent), open_in):
                if len(found) > 1:
                    self.failures.append(f"owners {found} at once")
                    self.over.set()
            self.watched += 1
            time.sleep(0.002)


def test_races_around_one_user(fresh_suite):
    suite = fresh_suite("--users", "1", config=CONFIG)
    w = World(suite)
    print(f"seed {SEED}")
    threads = [threading.Thread(target=w.client, args=(SEED + i,)) for i in range(5)]
    threads += [threading.Thread(target=f, args=a) for f, a in (
        (w.deliver, (SEED,)), (w.change_password, ()), (w.kill, (SEED,)), (w.watch, ()))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(RACES + 2 * STUCK)
        assert not t.is_alive(), (w.counts, w.failures)
    print(w.counts, "looked", w.watched, "saw", w.seen)
    assert not w.failures, (SEED, w.failures, w.counts)
    assert w.seen > 0 or os.geteuid() != 0

    # Nothing is stuck: the user logs in, and all that was accepted is there.
    def all_there():
        with contextlib.suppress(EOFError, OSError, AssertionError):
            r = Raw(suite.connect("imaps", tls=True))
            r.line()
            r.ok(f'LOGIN "{w.address}" "{w.passwords[-1]}"')
            exists = next(int(x.split()[1]) for x in r.ok("SELECT INBOX") if x.endswith(b"EXISTS"))
            assert lock_is_held(suite.maildir().parent / "db" / "lock")
            r.close()
            return exists >= w.accepted

    wait_for(all_there, STUCK, "all mail in the mailbox")
    wait_for(lambda: not suite.owners(), what="the last owner's leave")
    assert not lock_is_held(suite.maildir().parent / "db" / "lock")
    log = suite.log()
    assert "open in another process" not in log and " abort" not in log
