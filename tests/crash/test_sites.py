"""EIO and ENOSPC at each sync that has a name, and at each kind of operation of each process, in turn: temporary errors,
nothing lost, the same daemons serve on. Those that fail at a start end, and come back by themselves."""

import contextlib
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

import imapraw
import machine
import scenes
import world
from jmapmail import Client
from suite import wait_for
from test_faults import CONFIG, daemons

LONG = bool(os.environ.get("GKMAIL_LONG"))
SOURCE = Path(__file__).parents[2]
AT_START = {"queue.spool": "queue", "queue.recover": "queue", "queue.recycle": "queue", "queue.recycle_name": "queue",
            "local.incoming": "local"}
# No trace in the log, only after damage, or only where no old segment can be used again.
BY_CHANCE = ("index.db", "accounts.db", "store.rebuild", "store.uidlist", "queue.segment")
PARTS = 4


def sites():
    """Names of syncs on the way of the mail, and those of sqlite's files."""
    text = "".join(f.read_text() for folder in ("queue", "delivery", "mailboxd", "lib/store", "lib/db")
                   for f in (SOURCE / folder).glob("**/*.c") if not f.stem.endswith("_test"))
    found = set(re.findall(r'sync(?:_dir|_all)?\([^;"]*"([a-z]+\.[a-z_]+)"', text))
    assert len(found) > 20 and set(AT_START) < found
    return found | {"index.db", "index.db-wal", "accounts.db", "accounts.db-wal"}


def rules():
    r = [(f"sync {s} {{}}", s) for s in sorted(sites() - set(AT_START))]
    for process, operations in (("gk-queue", "open write rename unlink reserve"),
                                ("gk-local", "open write link rename unlink truncate"),
                                ("gk-mailboxd", "open write link rename unlink")):
        r += [(f"{op} * {{}} {process}", None) for op in operations.split()]
    return r


def text_of(site):
    """The rule for whatever kind of sync it is."""
    return [f"sync {site} {{}}", f"syncdir {site} {{}}", f"syncall {site} {{}}"]


@pytest.fixture
def faulty(workdir):
    s = machine.Faulty(workdir, "--users", "4", config=CONFIG)
    s.start()
    yield s
    s.faults.set()
    s.stop()


def steps(suite, n):
    """All that makes anything durable, by somebody who is not in the world. What each may raise is the caller's."""
    user = suite.user("user4")

    def submit(size):
        with suite.smtp(None, port="smtp", tls=False) as c:
            for _ in range(12):
                c.sendmail("s@elsewhere.test", [user["address"]], scenes.text("x", size))

    def mailboxes():
        c = imapraw.connect(suite, "user4")
        for i in range(20):
            c.append("Archive", scenes.text(f"y{i}"))
        c.ok("SELECT Archive")
        c.ok("COPY 1 Junk")
        c.ok("COPY 1:20 Trash")
        c.ok(r"STORE 1:* +FLAGS (\Deleted)")
        c.ok("EXPUNGE")
        c.ok(f"CREATE N{n}")
        c.ok(f"RENAME N{n} M{n}")
        c.ok(f"DELETE M{n}")
        c.ok("LOGOUT")

    def empty():
        c = imapraw.connect(suite, "user4")
        for box in ("Trash", "Junk", "INBOX"):
            c.ok(f"SELECT {box}")
            c.ok(r"STORE 1:* +FLAGS.SILENT (\Deleted)")
            c.ok("EXPUNGE")
        c.ok("LOGOUT")

    def operator():
        suite.ctl("mailbox", "reindex", user["address"])
        suite.ctl("mailbox", "repair", user["address"])

    def bring():
        scenes.maildir_of(suite.dir.parent / f"old{n}", ["z"] * 3)
        suite.ctl("import", "maildir", str(suite.dir.parent / f"old{n}"), "--user", user["address"], "--into", f"Old{n}")

    def account():
        address = f"new{n}@{suite.domain}"
        suite.ctl("user", "add", address, input="correct horse battery\n")
        with suite.smtp(None, port="smtp", tls=False) as c:
            c.sendmail("s@elsewhere.test", [address], scenes.text("z"))
        suite.ctl("mailbox", "check", address)
        suite.ctl("user", "del", address)

    def objects():
        c = Client(suite, "user4")
        for _ in range(2):
            # What is there is appended to; where nothing is, it is written anew.
            for enabled in (True, False):
                c.call("VacationResponse/set", update={"singleton": {"isEnabled": enabled}})
            (suite.maildir("user4").parent / "db" / "objects").unlink(missing_ok=True)

    return [lambda: submit(200_000), lambda: submit(300_000), mailboxes, operator, bring, account, empty, objects]


FAILS = (*world.GONE, AssertionError, subprocess.TimeoutExpired)


@pytest.mark.parametrize("part", range(PARTS))
def test_each_site_fails(faulty, part):
    seed = random.SystemRandom().randrange(1 << 32)
    w = world.World(faulty, seed, users=("alice", "bob", "carol"))
    for s in steps(faulty, 0):
        s()
    before = daemons(faulty)
    every = [(r, s, e) for i, (r, s) in enumerate(rules())
             for e in (("EIO", "ENOSPC") if LONG else ("EIO",) if i % 2 else ("ENOSPC",))]
    for i, (rule, site, error) in list(enumerate(every))[part::PARTS]:
        mark = len(faulty.log())
        told = ""
        try:
            w.go(0.05)
            w.crashing = True
            at = time.monotonic()
            lines = [t.format(error) for t in text_of(site)] if site else [rule.format(error)]
            faulty.faults.set(*lines)
            for s in steps(faulty, f"{i}a"):
                try:
                    s()
                except FAILS as e:
                    told += str(e)
            faulty.faults.set()
            w.end()
            w.quiet()
            w.check(at)
        except Exception as e:
            raise AssertionError(f"{rule} {error}, seed {seed}: {e}\n{faulty.log()[-3000:]}") from e
        assert daemons(faulty) == before, (rule, error)
        new = faulty.log()[mark:] + told
        if site and not site.startswith(BY_CHANCE):
            assert f"sync {site}" in new, f"{site} was never asked for"
        # It serves on: nobody needs a second try now. (A full disk is remembered for a second.)
        time.sleep(1.1 if "4.3.1" in told else 0)
        try:
            for s in steps(faulty, f"{i}b"):
                s()
        except Exception as e:
            raise AssertionError(f"after {rule} {error}, seed {seed}: {e}\n{faulty.log()[-3000:]}") from e


def send(suite, name):
    with suite.smtp(None, port="smtp", tls=False) as c:
        c.sendmail("s@elsewhere.test", [suite.user("bob")["address"]], scenes.text(name))


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("site", sorted(AT_START))
def test_a_start_that_fails_is_tried_again(faulty, site, error):
    name = AT_START[site]
    send(faulty, "before")
    faulty.faults.set(*[t.format(error) for t in text_of(site)])
    os.kill(faulty.processes()[name], signal.SIGKILL)
    wait_for(lambda: f"sync {site}" in faulty.log(), what=f"{site} to fail")
    time.sleep(0.3)
    faulty.faults.set()
    wait_for(lambda: all(p["state"] == "ready" for p in faulty.status()["processes"]), what=f"{name} to be back")
    send(faulty, "after")
    wait_for(lambda: "empty" in faulty.ctl("queue", "list").stdout, what="the queue's end")
    with contextlib.closing(imapraw.connect(faulty, "bob")) as c:
        assert sorted(scenes.names_in(c, "INBOX").values()) == ["after", "before"]
