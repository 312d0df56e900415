#!/usr/bin/env python3
"""The page's first sight of a large home, and what it asks later: JMAP in a home of 100,000 messages. The mail is put into
the Maildir by other hands and picked up by IMAP before; the first JMAP request then finds nothing known of any message.
large.py [MESSAGES] [BUILD]"""

import os
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "e2e"))
MESSAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
BUILD = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "build").resolve()
os.environ.setdefault("GKMAIL_BIN", str(BUILD / "bin"))

import imapraw  # noqa: E402
from jmapmail import Client  # noqa: E402
from suite import make, wait_for  # noqa: E402

SORT = [{"property": "receivedAt", "isAscending": False}]
LIST = ["threadId", "mailboxIds", "keywords", "from", "subject", "receivedAt", "preview", "hasAttachment"]


def fill(maildir, rng):
    """Conversations of one to nine messages that run beside each other; each names all before it."""
    words = [f"word{n}" for n in range(3000)]
    pool = [" ".join(rng.choices(words, k=12)) for _ in range(5000)]
    st, open_ones = os.stat(maildir), []
    for n in range(MESSAGES):
        if open_ones and rng.random() < 0.6:
            talk = rng.choice(open_ones)
        else:
            talk = {"subject": f"About {pool[rng.randrange(len(pool))][:40]} {n}", "ids": []}
            open_ones = (open_ones + [talk])[-40:]
        before = " ".join(talk["ids"])
        reply = f"In-Reply-To: {talk['ids'][-1]}\r\nReferences: {before}\r\n" if before else ""
        talk["ids"] = (talk["ids"] + [f"<{n}.large@bench.test>"])[-9:]
        data = (f"From: Name {n % 500} <name{n % 500}@example.test>\r\nTo: <alice@example.test>\r\n"
                f"Subject: {'Re: ' if before else ''}{talk['subject']}\r\nMessage-ID: {talk['ids'][-1]}\r\n{reply}"
                f"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n" + "\r\n".join(rng.choices(pool, k=rng.randint(4, 30)))
                + f"\r\nitem{n} rare{n % 1000}\r\n").encode()
        path = maildir / "cur" / f"{1700000000 + n * 60}.b{n}.host,S={len(data)}:2,S"
        path.write_bytes(data)
        os.chown(path, st.st_uid, st.st_gid)


def kill_owner(suite):
    for pid in suite.owners():
        os.kill(int(pid), signal.SIGKILL)


def cpu(suite):
    return sum(sum(map(int, open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[11:13]))
               for p in suite.owners()) / os.sysconf("SC_CLK_TCK")


def pss(suite):
    return [int(line.split()[1]) / 1024 for p in suite.owners() for line in open(f"/proc/{p}/smaps_rollup")
            if line.startswith("Pss:")]


class Noops(threading.Thread):
    """Another session of the user: how long its NOOPs take."""

    def __init__(self, suite):
        super().__init__()
        self.imap, self.times, self.over = imapraw.connect(suite), [], False

    def run(self):
        while not self.over:
            t = time.monotonic()
            self.imap.ok("NOOP")
            self.times.append((time.monotonic() - t) * 1000)
            time.sleep(0.002)

    def end(self):
        self.over = True
        self.join()
        self.imap.close()
        t = sorted(self.times)
        return (f"{len(t)} NOOPs meanwhile: median {t[len(t) // 2]:.1f} ms, p99 {t[len(t) * 99 // 100]:.1f}, "
                f"p99.9 {t[len(t) * 999 // 1000]:.1f}, longest {t[-1]:.0f}")


def timed(fn, times=1):
    took = []
    for _ in range(times):
        t = time.monotonic()
        got = fn()
        took.append((time.monotonic() - t) * 1000)
    return got, statistics.median(took)


class Page(Client):
    """Asks as the page does."""

    def page(self, position=0, total=False, **filter):
        inbox = self.inbox
        return [result for _, result, _ in self.calls(
            ("Email/query", {"filter": {"inMailbox": inbox, **filter}, "sort": SORT, "collapseThreads": True,
                             "position": position, "limit": 50, "calculateTotal": total}),
            ("Email/get", {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}, "properties": ["threadId"]}),
            ("Thread/get", {"#ids": {"resultOf": "1", "name": "Email/get", "path": "/list/*/threadId"}}),
            ("Email/get", {"#ids": {"resultOf": "2", "name": "Thread/get", "path": "/list/*/emailIds"}, "properties": LIST}))]

    def changes(self, state, total=False):
        return self.call("Email/queryChanges", filter={"inMailbox": self.inbox}, sort=SORT, collapseThreads=True,
                         sinceQueryState=state, calculateTotal=total)


def say(what, ms):
    print(f"  {what:64} {ms:8.1f} ms", flush=True)


def cold(suite, j, what):
    """From no owner at all to the first page, then until all is known."""
    noops = Noops(suite)
    noops.start()
    used, began = cpu(suite), time.monotonic()
    _, ms = timed(lambda: j.page())
    say(f"{what}: query and get of 50, threads and rows of their emails", ms)
    boxes, ms = timed(lambda: j.call("Mailbox/get", ids=None))
    say(f"{what}: Mailbox/get, all counts", ms)
    early = next(b for b in boxes["list"] if b["role"] == "inbox")["totalThreads"]
    total, ms = timed(lambda: j.page(total=True)[0]["total"])
    say(f"{what}: the same page with its total", ms)
    print(f"    totalThreads at first {early}, then {total}; {noops.end()}; {cpu(suite) - used:.1f} s of processor, "
          f"{time.monotonic() - began:.1f} s")


def run(suite, rng):
    j = Page(suite)
    j.inbox = next(b for b in j.call("Mailbox/get", ids=None)["list"] if b["role"] == "inbox")["id"]
    kill_owner(suite)
    _, ms = timed(lambda: fill(suite.maildir(), rng))
    say(f"{MESSAGES} messages made", ms)

    def select():
        c = imapraw.connect(suite)
        c.ok("SELECT INBOX")
        c.close()

    say("picked up, LOGIN and SELECT", timed(select)[1])
    wait_for(lambda: not suite.owners(), what="an owner that leaves")
    say("again, from no owner", timed(select)[1])
    print(f"    memory of the owner without JMAP: {', '.join(f'{m:.1f}' for m in pss(suite))} MiB")
    cold(suite, j, "first time")
    warm(suite, j)


def deliver(suite, j, events):
    """From the 250 to EXISTS and to StateChange."""
    imap = imapraw.connect(suite)
    imap.ok("SELECT INBOX")
    imap.send(b"x IDLE\r\n")
    imap.line()
    told = []
    with j.socket() as w:
        w.push(["Email"])

        def wait_exists():
            while b"EXISTS" not in imap.line():
                pass
            told.append(time.monotonic())

        for _ in range(10):
            t = threading.Thread(target=wait_exists)
            t.start()
            time.sleep(0.1)
            suite.send(to=["alice"], sender="bob")
            m = w.until("StateChange")
            state = time.monotonic()
            t.join()
            events.append((state - told.pop()) * 1000)
            assert m["changed"]
    imap.close()


def warm(suite, j):
    say("warm: the first page", timed(lambda: j.page(), 9)[1])
    say("warm: with its total", timed(lambda: j.page(total=True), 9)[1])
    say("warm: in the middle", timed(lambda: j.page(position=MESSAGES // 5), 9)[1])
    say("warm: Mailbox/get", timed(lambda: j.call("Mailbox/get", ids=None), 9)[1])
    state = j.page()[0]["queryState"]
    events, changes, pages = [], [], []
    for _ in range(5):
        suite.send(to=["alice"], sender="bob")
        wait_for(lambda: j.call("Email/get", ids=[])["state"] != state, what="the message")
        got, ms = timed(lambda: j.changes(state, True))
        state = got["newQueryState"]
        changes.append(ms)
        pages.append(timed(lambda: j.page(total=True))[1])
    say("Email/queryChanges after a delivery, with the total", statistics.median(changes))
    say("the first page after that, with the total", statistics.median(pages))
    deliver(suite, j, events)
    say("StateChange after EXISTS (below 0: before it)", statistics.median(events))
    print(f"    memory of the owner with JMAP: {', '.join(f'{m:.1f}' for m in pss(suite))} MiB")
    noops, began, used = Noops(suite), time.monotonic(), cpu(suite)
    noops.start()
    say("first search by text", timed(lambda: j.page(text="rare7"))[1])
    last, still = 0, 0
    while still < 10 and time.monotonic() - began < 300:
        time.sleep(0.3)
        now = cpu(suite) if suite.owners() else last
        still, last = (still + 1 if now - last < 0.011 else 0), now
    print(f"    the index of words: {time.monotonic() - began - 3:.0f} s, {cpu(suite) - used:.1f} s of processor; {noops.end()}")
    say("search by text, all indexed", timed(lambda: j.page(text=f"rare{random.randrange(1000)}"), 5)[1])
    wait_for(lambda: not suite.owners(), 60, what="an owner that leaves")
    cold(suite, j, "owner started anew")
    print(f"    memory of the owner: {', '.join(f'{m:.1f}' for m in pss(suite))} MiB; index.db "
          f"{(suite.maildir().parent / 'db' / 'index.db').stat().st_size / 1e6:.0f} MB")


def main():
    with tempfile.TemporaryDirectory(prefix="gk-large.", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        suite = make(directory, config="[mailbox]\nlinger = \"1s\"\n")
        suite.start()
        try:
            run(suite, random.Random(1))
        finally:
            suite.stop()


if __name__ == "__main__":
    main()
