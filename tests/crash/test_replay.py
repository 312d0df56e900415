"""What a replay after lost power repeats and what it leaves alone: INVARIANTS 1 and 2, told by the queue's own count."""

import collections
import re

import pytest

import machine
from suite import wait_for

pytestmark = pytest.mark.skipif(machine.why_not is not None, reason=f"power loss: {machine.why_not}")

CONFIG = """
[queue]
checkpoint = "{checkpoint}"
segment_size = "2MiB"
min_free = "0"
"""


@pytest.fixture
def powered(workdir):
    """powered(checkpoint) starts a machine."""
    made = []

    def start(checkpoint):
        m = machine.Machine(workdir, config=CONFIG.format(checkpoint=checkpoint))
        made.append(m)
        m.start()
        m.disk.sync()
        return m

    yield start
    for m in made:
        m.destroy()


def files(m, user):
    return len(list((m.maildir(user) / "new").glob("*")))


def subjects(m, user):
    return collections.Counter(re.search(rb"^Subject: (\S+)", o, re.M)[1].decode() for o in m.inbox(user))


def replays(m):
    """How many messages the last start of the queue delivers again."""
    line = wait_for(lambda: [l for l in m.log().splitlines() if "queue.recovered" in l])[-1]
    return int(re.search(r"replays=(\d+)", line)[1])


def test_what_a_checkpoint_covers_is_not_repeated(powered):
    m = powered("300ms")
    with m.smtp() as c:
        for i in range(30):
            c.sendmail(m.user()["address"], [m.user("bob")["address"]], f"Subject: c{i}\r\n\r\n".encode())
    wait_for(lambda: files(m, "bob") == 30)

    wait_for(lambda: "gkmail_queue_undurable 0\n" in m.ctl("status", "--metrics").stdout)
    m.send("alice", ["bob"], subject="last")  # its sync makes the record of the checkpoint durable, too
    m.power_off()
    m.power_on()
    assert replays(m) <= 1  # that one
    assert subjects(m, "bob") == {"last": 1} | {f"c{i}": 1 for i in range(30)}


def test_undurable_deliveries_run_again(powered):
    """No checkpoint, so nothing in the Maildirs is durable: all of it comes from the journal."""
    m = powered("10m")
    address = {u: m.user(u)["address"] for u in ("alice", "bob", "carol")}
    with m.smtp() as c:
        for u in "bob", "carol":
            c.sendmail(address["alice"], [address[u]], b"Subject: first\r\n\r\n")
        wait_for(lambda: files(m, "bob") == 1 and files(m, "carol") == 1)
        m.disk.sync()
        for i in range(40):
            body = "x" * 70 + "\r\n" * (1 + 5000 * (i % 9 == 8))
            c.sendmail(address["alice"], [address["bob"], address["carol"]], f"Subject: u{i}\r\n\r\n{body}".encode())
    wait_for(lambda: files(m, "bob") == 41 and files(m, "carol") == 41)
    m.power_off()
    m.power_on()
    assert 40 <= replays(m) <= 42  # the last results may not have reached the disk
    wait_for(lambda: "empty" in m.ctl("queue", "list").stdout, what="the replay")
    expected = {"first": 1} | {f"u{i}": 1 for i in range(40)}
    assert subjects(m, "bob") == expected
    assert subjects(m, "carol") == expected
