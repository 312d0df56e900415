"""EIO and ENOSPC wherever the suite writes, links, renames or syncs: temporary errors, nothing lost, and the same
processes serve on when it is over."""

import random
import time

import pytest

import imapraw
import machine
import scenes
import world
from suite import wait_for

CONFIG = """
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "300ms"
segment_size = "1MiB"
min_free = "4MiB"
[mailbox]
linger = "0s"
"""


def running(workdir, config):
    s = machine.Faulty(workdir, config=config)
    s.start()
    yield s
    s.faults.set()
    s.stop()


@pytest.fixture
def faulty(workdir):
    yield from running(workdir, CONFIG)


@pytest.fixture
def unhurried(workdir):
    """With checkpoints so far apart that one can look at what was delivered before each."""
    yield from running(workdir, CONFIG.replace('checkpoint = "300ms"', 'checkpoint = "4s"'))


def daemons(suite):
    return {p["name"]: p["pid"] for p in suite.status()["processes"]}


def send(suite, name):
    with suite.smtp(None, port="smtp", tls=False) as c:
        c.sendmail("s@elsewhere.test", [suite.user("bob")["address"]], scenes.text(name))


RULES = [
    ["write * EIO"], ["write * ENOSPC"], ["sync * EIO"], ["syncdir * EIO"], ["syncall * EIO"], ["link * EIO"],
    ["link * ENOSPC"], ["rename * EIO"], ["reserve * ENOSPC"], ["unlink * EIO"], ["open * ENOSPC"],
    ["write * EIO gk-queue 1"], ["sync queue.batch EIO gk-queue 1"], ["sync queue.batch EIO gk-queue 3 2"],
    ["sync index.db EIO"], ["write index.db ENOSPC"], ["write accounts.db ENOSPC"],
    ["write * ENOSPC", "reserve * ENOSPC", "link * ENOSPC"], ["read * EIO gk-local"], ["read * EIO gk-queue 2"],
]


@pytest.mark.parametrize("part", range(4))
def test_errors_under_load(faulty, part):
    """Everybody works, an error comes and goes, and what was promised before, meanwhile and afterwards is there."""
    seed = random.SystemRandom().randrange(1 << 32)
    w = world.World(faulty, seed)
    before = daemons(faulty)
    for rules in RULES[part::4]:
        try:
            w.go(0.15)
            w.crashing = True
            at = time.monotonic()
            faulty.faults.set(*rules)
            time.sleep(0.35)
            faulty.faults.set()
            time.sleep(0.1)
            w.end()
            w.quiet()
            w.check(at)
        except Exception as e:
            raise AssertionError(f"{rules}, seed {seed}: {e}\n{faulty.log()[-3000:]}") from e
        assert daemons(faulty) == before, rules
        # It serves on: nobody needs a second try now.
        try:
            w.go(0.1)
            w.end()
            w.quiet()
            w.check()
        except Exception as e:
            raise AssertionError(f"after {rules}, seed {seed}: {e}\n{faulty.log()[-3000:]}") from e


def test_failed_checkpoint_runs_its_deliveries_again(unhurried):
    """What was delivered before a sync that failed does not count, whatever the next one says (INVARIANTS 5)."""
    faulty = unhurried
    new = faulty.maildir("bob") / "new"
    before = daemons(faulty)

    def inodes():
        return {f.name: f.stat().st_ino for f in new.iterdir()} if new.exists() else {}

    send(faulty, "m0")
    wait_for(lambda: len(inodes()) == 1)
    time.sleep(5)  # its checkpoint is over
    durable = inodes()
    faulty.faults.set("syncall local.checkpoint EIO gk-local 1")
    for i in range(1, 6):
        send(faulty, f"m{i}")
    wait_for(lambda: len(inodes()) == 6)
    first = inodes()
    again = [n for n in first if n not in durable]
    wait_for(lambda: all(inodes()[n] != first[n] for n in again), what="them to be written again")
    assert {n: inodes()[n] for n in durable} == durable, "what was durable was written again"
    wait_for(lambda: faulty.log().count("local.checkpoint_failed") == 1)
    time.sleep(1)
    c = imapraw.connect(faulty, "bob")
    assert sorted(scenes.names_in(c, "INBOX").values()) == [f"m{i}" for i in range(6)]
    assert daemons(unhurried) == before
