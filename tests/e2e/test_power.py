"""Lost power: ext4 on a file, shut down in the middle of a stream without writing anything more (EXT4_IOC_SHUTDOWN), then
mounted again. What was answered 250 is there, whole; the other rules of INVARIANTS are met on the way. Neither this nor
anything else here models a device that reorders its own writes. Root only."""

import contextlib
import fcntl
import os
import random
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from conftest import Suite, wait_for
from test_crash import check_arrived, delivered, end_streams, run_streams

EXT4_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2
ROUNDS = int(os.environ.get("POWER_ROUNDS", "4"))
CONFIG = """
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "300ms"
segment_size = "2MiB"
min_free = "0"
"""


class Disk:
    """A file system of its own that can lose its power."""

    def __init__(self, folder):
        self.image, self.path = folder / "disk.img", folder / "disk"
        self.path.mkdir()
        with open(self.image, "wb") as f:
            f.truncate(900 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop,commit=300", self.image, self.path], check=True)

    def unmount(self):
        wait_for(lambda: subprocess.run(["umount", self.path], capture_output=True).returncode == 0, 20, "umount")

    def lose_power(self):
        """What is on the device now is all there will be."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(fd)

    def replug(self):
        """Mounts what the device held. A copy of it: a namespace elsewhere may still keep the dead file system."""
        self.unmount()
        copy = self.image.with_name(f"disk-{time.monotonic_ns()}.img")
        subprocess.run(["cp", "--sparse=always", self.image, copy], check=True)
        self.image.unlink()
        self.image = copy
        self.mount()

    def sync(self):
        fd = os.open(self.path, os.O_RDONLY)
        os.syncfs(fd) if hasattr(os, "syncfs") else os.sync()
        os.close(fd)


@pytest.fixture
def disk():
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder = Path(tempfile.mkdtemp(prefix="gkp-"))
    try:
        d = Disk(folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no loop mounts here")
    yield d
    with contextlib.suppress(AssertionError):
        d.unmount()
    subprocess.run(["rm", "-rf", "--one-file-system", folder])


class Boots:
    """A suite on the disk, each start in a boot of its own."""

    def __init__(self, disk):
        self.disk, self.number, self.suite = disk, 0, None

    def start(self):
        self.number += 1
        if self.suite is None:
            self.suite = Suite(self.disk.path / "s", config=CONFIG, env={})
        self.suite.env["GKMAIL_TEST_BOOT_ID"] = f"boot-{self.number}"
        return self.suite.start()

    def lose_power(self, streams=()):
        # A sync that is under way meanwhile may return success although ext4 could not finish it any more; with the
        # power really gone nobody would hear of it.
        accepted = [dict(s.accepted) for s in streams]
        self.disk.lose_power()
        self.suite.kill()
        time.sleep(0.2)
        end_streams(streams)
        for s, before in zip(streams, accepted):
            s.accepted = before
        self.disk.replug()


def test_every_250_survives(disk):
    boots = Boots(disk)
    suite = boots.start()
    try:
        disk.sync()
        everything = []
        for _ in range(ROUNDS):
            streams = run_streams(suite, 3)
            time.sleep(random.uniform(0.4, 1.5))
            boots.lose_power(streams)
            everything += streams
            assert sum(len(s.accepted) for s in streams) > 5
            boots.start()
            check_arrived(suite, everything)
            disk.sync()
    finally:
        suite.kill()


def test_what_a_checkpoint_covers_is_not_repeated(disk):
    boots = Boots(disk)
    suite = boots.start()
    try:
        disk.sync()
        for i in range(30):
            suite.send("alice", ["bob"], subject=f"c{i}")
        wait_for(lambda: sum(delivered(suite, "bob")[0].values()) == 30)
        time.sleep(1.2)
        boots.lose_power()
        start = len(suite.log())
        boots.start()
        wait_for(lambda: "queue.recovered" in suite.log()[start:])
        line = next(l for l in suite.log()[start:].splitlines() if "queue.recovered" in l)
        assert "replays=0" in line
        assert delivered(suite, "bob")[0] == {f"c{i}": 1 for i in range(30)}
    finally:
        suite.kill()


def test_undurable_deliveries_run_again(disk):
    """No checkpoint, so nothing in the Maildirs is durable: all of it comes from the journal."""
    global CONFIG
    before, CONFIG = CONFIG, CONFIG.replace("300ms", "10m")
    boots = Boots(disk)
    suite = boots.start()
    CONFIG = before
    try:
        for u in ("bob", "carol"):
            suite.send("alice", [u], subject="first")
        wait_for(lambda: len(delivered(suite, "carol")[0]) == 1)
        disk.sync()
        for i in range(40):
            suite.send("alice", ["bob", "carol"], subject=f"u{i}", body="x" * 70 + "\r\n" * (1 + 5000 * (i % 9 == 8)))
        wait_for(lambda: sum(delivered(suite, "bob")[0].values()) == 41)
        boots.lose_power()
        boots.start()
        expected = {"first": 1} | {f"u{i}": 1 for i in range(40)}
        wait_for(lambda: "empty" in suite.ctl("queue", "list").stdout, 30, "the replay")
        assert delivered(suite, "bob")[0] == expected
        assert delivered(suite, "carol")[0] == expected
        assert "replays=42" in suite.log() or "replays=4" in suite.log()
    finally:
        suite.kill()
