"""A home that was there before anybody used JMAP: what the page is given at once is right, and a client that follows
/changes ends with what a fresh reading gives, also when its owner is killed in the middle of finding threads."""

import contextlib
import os
import signal
import threading

import imapraw
import pytest
from conftest import wait_for
from jmapmail import Client

TALKS, ROUNDS = 400, 5
SORT = [{"property": "receivedAt", "isAscending": False}]


def fill(suite):
    """Mail of other hands, picked up by IMAP."""
    with contextlib.closing(imapraw.connect(suite)) as c:
        c.ok("SELECT INBOX")
    maildir = suite.maildir()
    st = os.stat(maildir)
    for n in range(TALKS * ROUNDS):
        talk, turn = n % TALKS, n // TALKS
        before = f"In-Reply-To: <{talk}.{turn - 1}@x>\r\nReferences: <{talk}.0@x>\r\n" if turn else ""
        data = (f"From: <bob@example.test>\r\nSubject: {'Re: ' if turn else ''}talk {talk}\r\nMessage-ID: <{talk}.{turn}@x>\r\n"
                f"{before}\r\nmessage {n}\r\n").encode()
        path = maildir / "cur" / f"{1700000000 + n}.f{n:05}.host,S={len(data)}:2,"
        path.write_bytes(data)
        os.chown(path, st.st_uid, st.st_gid)
    with contextlib.closing(imapraw.connect(suite)) as c:
        c.ok("SELECT INBOX")


class Page(Client):
    """Keeps the threads that it was told and what mailboxes count, and follows."""

    def start(self, inbox):
        self.inbox = inbox
        query, emails, threads, boxes = [result for _, result, _ in self.calls(
            ("Email/query", {"filter": {"inMailbox": inbox}, "sort": SORT, "collapseThreads": True, "limit": 50}),
            ("Email/get", {"#ids": {"resultOf": "0", "name": "Email/query", "path": "/ids"}, "properties": ["threadId"]}),
            ("Thread/get", {"#ids": {"resultOf": "1", "name": "Email/get", "path": "/list/*/threadId"}}),
            ("Mailbox/get", {"ids": None}))]
        self.first = query["ids"]
        self.of = {e["id"]: e["threadId"] for e in emails["list"]}
        self.threads = {t["id"]: t["emailIds"] for t in threads["list"]}
        self.counts = {b["id"]: b for b in boxes["list"]}
        self.states = {"Thread": threads["state"], "Mailbox": boxes["state"]}

    def changed(self, kind):
        """The ids that have changed; None: nobody can say."""
        ids, more = set(), True
        while more:
            [(name, got, _)] = self.calls((f"{kind}/changes", {"sinceState": self.states[kind], "maxChanges": 64}))
            if name == "error":
                assert got["type"] == "cannotCalculateChanges"
                return None
            ids |= {*got["created"], *got["updated"]}
            assert not got["destroyed"]
            self.states[kind], more = got["newState"], got["hasMoreChanges"]
        return ids

    def follow(self):
        for kind, have in (("Thread", self.threads), ("Mailbox", self.counts)):
            ids = self.changed(kind)
            got = self.call(f"{kind}/get", ids=[i for i in have if ids is None or i in ids])
            if ids is None:
                self.states[kind] = got["state"]
            have |= {o["id"]: o["emailIds"] if kind == "Thread" else o for o in got["list"]}

    def total(self):
        return self.call("Email/query", filter={"inMailbox": self.inbox}, collapseThreads=True, calculateTotal=True,
                         limit=1)["total"]


def is_caught_up(page):
    page.follow()
    return (page.counts[page.inbox]["totalThreads"] == TALKS and all(len(v) == ROUNDS for v in page.threads.values()))


@pytest.mark.parametrize("kills", [0, 3])
def test_who_follows_ends_with_what_there_is(fresh_suite, kills):
    suite = fresh_suite("--users", "1")
    fill(suite)
    page = Page(suite)
    inbox = page.boxes["inbox"]
    page.start(inbox)
    assert len(page.first) == 50 and len(set(page.of.values())) == 50
    for _ in range(kills):
        for pid in suite.owners():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: page.api({"using": [], "methodCalls": []}).status in (200, 400), what="an owner")
        page.follow()
    wait_for(lambda: is_caught_up(page), 60, what="all threads")
    fresh = Page(suite)
    fresh.start(inbox)
    assert fresh.total() == TALKS
    # What was told at once was right, and is what there is.
    assert (fresh.first, fresh.of, fresh.threads, fresh.counts) == (page.first, page.of, page.threads, page.counts)


def test_nobody_asks_and_all_is_found(fresh_suite):
    """The owner stays until all is known, and begins with it again where it was killed."""
    suite = fresh_suite("--users", "1", config="[mailbox]\nlinger = \"100ms\"\n")
    page = Page(suite)
    fill(suite)
    page.start(page.boxes["inbox"])
    for pid in suite.owners():
        os.kill(pid, signal.SIGKILL)

    def select():  # another kind of client starts the next one
        with contextlib.suppress(EOFError), contextlib.closing(imapraw.connect(suite)) as c:
            c.ok("SELECT INBOX")
            return True

    wait_for(select, what="an owner")
    wait_for(lambda: not suite.owners(), 60, what="an owner that leaves")
    got = Page(suite)
    got.start(page.inbox)
    assert got.counts[page.inbox]["totalThreads"] == TALKS


def test_other_clients_are_answered_meanwhile(fresh_suite):
    """While one waits for what all threads decide, another one's commands get their turn."""
    suite = fresh_suite("--users", "1")
    page = Page(suite)
    fill(suite)
    page.inbox = page.boxes["inbox"]
    c = imapraw.connect(suite)
    c.ok("SELECT INBOX")
    done = []
    asking = threading.Thread(target=lambda: done.append(page.total()))
    asking.start()
    n = 0
    while not done:
        c.ok("NOOP")
        n += 1
    asking.join()
    assert done == [TALKS] and n > 1
