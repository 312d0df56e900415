"""A file system that is full to the last block: what may be refused is refused for now, what was accepted is delivered,
users make room, and the same processes serve on."""

import contextlib
import os
import random
import signal
import time

import pytest

import imapraw
import machine
import scenes
import world
from suite import wait_for

pytestmark = pytest.mark.skipif(machine.why_not is not None, reason=f"a small file system: {machine.why_not}")

CONFIG = """
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "200ms"
segment_size = "1MiB"
min_free = "4MiB"
[delivery]
reserve = "6MiB"
[mailbox]
linger = "0s"
"""


@pytest.fixture
def small(workdir):
    m = machine.Machine(workdir, "--users", "4", config=CONFIG, megabytes=64)
    try:
        yield m.start()
    finally:
        m.destroy()


class Filler:
    """Somebody else's file, which takes what there is."""

    def __init__(self, m):
        self.path = m.disk.place / "filler"
        self.f = open(self.path, "ab", buffering=0)

    def fill(self):
        end = time.monotonic() + 2  # others make room meanwhile
        for n in (1 << 20, 1 << 16, 1 << 12):
            with contextlib.suppress(OSError):
                while time.monotonic() < end:
                    self.f.write(b"x" * n)

    def use_up(self, m):
        """The reserve too."""
        while reserve(m) > 0:
            os.truncate(m.dir / "data" / "mail" / ".reserve", 0)
            self.fill()

    def remove(self):
        self.f.close()
        self.path.unlink()


def reserve(m):
    return (m.dir / "data" / "mail" / ".reserve").stat().st_size


@contextlib.contextmanager
def stopped(m, name):
    """Stands still meanwhile, so that what is accepted waits."""
    pid = m.processes()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def daemons(m):
    return {p["name"]: p["pid"] for p in m.status()["processes"]}


def mail_from(m):
    with m.smtp(None, port="smtp", tls=False) as c:
        c.ehlo("x.test")
        return c.mail("s@elsewhere.test")


def no(c, command):
    _, result = c.command(command)
    assert result.startswith(b"NO [UNAVAILABLE]"), result


def send(m, user, name, size=600, sender="s@elsewhere.test"):
    with m.smtp(None, port="smtp", tls=False) as c:
        c.sendmail(sender, [m.user(user)["address"]], scenes.text(name, size))


def append(c, name, size=600):
    octets = scenes.text(name, size)
    return b'APPEND INBOX {%d+}\r\n' % len(octets) + octets


def empty(m):
    wait_for(lambda: "empty" in m.ctl("queue", "list").stdout, 30, "the queue's end")


def test_full_to_the_brim(small):
    m = small
    alice = imapraw.connect(m, "alice")
    for i in range(12):
        alice.append("INBOX", scenes.text(f"a{i}"))
    alice.ok("SELECT INBOX")
    send(m, "carol", "c0")
    empty(m)
    wait_for(lambda: reserve(m) == 6 << 20, 10, "the reserve")
    before = daemons(m)
    filler = Filler(m)
    with stopped(m, "local"):
        for i in range(40):
            send(m, "bob", f"b{i}", 20_000)
        send(m, "user4", "gone", sender=m.user("carol")["address"])
        m.ctl("user", "del", m.user("user4")["address"])
        filler.fill()
        assert m.disk.free() < 1 << 16
        wait_for(lambda: mail_from(m)[0] == 452, 5, "the queue to see it")
        assert b"4.3.1" in mail_from(m)[1]
    # What was accepted is delivered.
    empty(m)
    # A home that nobody has open, and one that has its files where they were.
    bob = imapraw.connect(m, "bob")
    assert sorted(scenes.names_in(bob, "INBOX").values()) == sorted(f"b{i}" for i in range(40))
    carol = imapraw.connect(m, "carol")
    carol.ok("SELECT INBOX")
    assert b"5.1.1" in b"".join(carol.ok("FETCH 2 BODY[]")), "no bounce"
    no(alice, append(alice, "late"))
    no(alice, "COPY 1 Archive")
    alice.ok(r"STORE 1:6 +FLAGS (\Deleted)")
    alice.ok("EXPUNGE")
    alice.ok("MOVE 1:2 Trash")
    bob.ok(r"STORE 1:10 +FLAGS (\Deleted)")
    bob.ok("EXPUNGE")
    assert daemons(m) == before
    assert 0 < reserve(m) < 6 << 20
    # Nobody uses it up for nothing.
    filler.fill()
    for c in (alice, bob):
        c.ok("NOOP")
        c.ok("LOGOUT")
    alice = imapraw.connect(m, "alice")
    assert sorted(scenes.names_in(alice, "INBOX").values()) == ["a10", "a11", "a8", "a9"]
    assert sorted(scenes.names_in(alice, "Trash").values()) == ["a6", "a7"]
    filler.remove()
    wait_for(lambda: reserve(m) == 6 << 20, 10, "the reserve to be made again")
    wait_for(lambda: mail_from(m)[0] == 250, 5, "the queue to see it")
    send(m, "alice", "after")
    empty(m)
    alice.ok(append(alice, "after2"))
    assert daemons(m) == before
    m.power_off()
    m.power_on()
    assert sorted(scenes.names_in(imapraw.connect(m, "alice"), "INBOX").values()) == \
        ["a10", "a11", "a8", "a9", "after", "after2"]
    assert len(scenes.names_in(imapraw.connect(m, "bob"), "INBOX")) == 30


def test_full_under_load(small):
    m = small
    seed = random.SystemRandom().randrange(1 << 32)
    w = world.World(m, seed, users=("alice", "bob", "carol"))
    before = daemons(m)
    for again in (False, True, True):
        try:
            w.go(0.3)
            w.crashing = True
            at = time.monotonic()
            filler = Filler(m)
            for _ in range(5):
                filler.fill()
                time.sleep(0.15)
                if again:
                    filler.use_up(m)
            filler.remove()
            w.end()
            w.quiet()
            w.check(at)
        except Exception as e:
            raise AssertionError(f"seed {seed}: {e}\n{m.log()[-3000:]}") from e
        assert daemons(m) == before
        w.go(0.2)
        w.end()
        w.quiet()
        w.check()
