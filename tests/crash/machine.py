"""A machine that can lose its power: a suite whose data lies on an ext4 of its own.

Power is cut by EXT4_IOC_SHUTDOWN without flushing the log: what no sync has made durable is gone, also from the journal
of the file system. Then every process is killed at once, the file system mounted again (which replays its journal), and
the suite started under another boot id. What this does not model is a device that reorders or tears what it was told to
write; nor are page cache and device told apart beyond the file system's own flushes.

Root only. The suite runs in a pid and mount namespace of its own: killing its first process kills all of it.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import uuid
from pathlib import Path


from suite import END_SECONDS, Suite

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NOLOGFLUSH = 2

why_not = None
if os.geteuid() != 0:
    why_not = "loop mounts need root"
elif not shutil.which("mkfs.ext4") or not shutil.which("losetup"):
    why_not = "no mkfs.ext4 or losetup here"


def run(*command):
    r = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if r.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {r.stderr.strip()}")
    return r.stdout.strip()


class Disk:
    """An ext4 in a file, mounted at a place."""

    def __init__(self, image, place, megabytes=160, features=()):
        self.image, self.place = Path(image), Path(place)
        with open(self.image, "wb") as f:
            f.truncate(megabytes << 20)
        # A small journal; nothing kept back for root: full is full. Inode tables are written now and not by a thread.
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=8", "-E", "lazy_itable_init=0,lazy_journal_init=0",
            *features, self.image)
        self.loop = run("losetup", "--find", "--show", self.image)
        self.place.mkdir(parents=True, exist_ok=True)

    def mount(self):
        for _ in range(200):
            run("mount", "-t", "ext4", self.loop, self.place)
            try:
                # While some process of the old namespace still ends, this may be the old mount, shut down.
                (self.place / ".mounted").mkdir()
                (self.place / ".mounted").rmdir()
                return
            except OSError:
                self.umount()
                time.sleep(0.02)
        raise RuntimeError("the file system stays shut down")

    def umount(self):
        for _ in range(200):
            try:
                return run("umount", self.place)
            except RuntimeError as e:
                if "not mounted" in str(e):
                    return None
                time.sleep(0.02)
        return run("umount", "-l", self.place)

    def cut(self):
        """No further octet reaches the disk, and what was not synced never will."""
        fd = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(fd)

    def sync(self):
        run("sync", "-f", self.place)

    def free(self):
        s = os.statvfs(self.place)
        return s.f_bavail * s.f_frsize

    def destroy(self):
        self.umount()
        with contextlib.suppress(RuntimeError):
            run("losetup", "-d", self.loop)
        self.image.unlink(missing_ok=True)


class Machine(Suite):
    """A sandbox whose data/ is a disk of its own. apart: folders below data/ that are disks of their own too, so that
    no sync of one makes durable what lies on the other."""

    def __init__(self, workdir, *options, config="", env=None, megabytes=160, apart=()):
        directory = tempfile.mkdtemp(dir=workdir, prefix="m")
        os.chmod(directory, 0o755)
        super().__init__(directory, *options, config=config, env=env)
        self.control = None
        self.disks = [Disk(directory + ".img", self.dir / "data", megabytes)]
        for i, name in enumerate(apart):
            self.disks.append(Disk(f"{directory}.img{i}", self.dir / "data" / name, 96))
        self.boot = self.dir / "boot"
        self.mounted = False
        self.new_boot()

    def new_boot(self):
        self.boot.write_text(str(uuid.uuid4()) + "\n")

    def mount(self):
        for d in self.disks:
            d.mount()
            # A disk within another is mounted where its folder is.
        self.mounted = True

    def umount(self):
        for d in reversed(self.disks):
            d.umount()
        self.mounted = False

    @property
    def disk(self):
        return self.disks[0]

    def start(self):
        if not self.mounted:
            self.mount()
        # The first process waits to be killed; the mount of the boot id is seen by this namespace alone.
        self.prefix = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                       f'mount --bind "{self.boot}" /proc/sys/kernel/random/boot_id && exec "$@"', "sh"]
        return super().start()

    def kill(self):
        """kill -9 of everything; returns when nothing of it runs any more."""
        if self.process is None:
            return
        for first in children(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(first, 9)
        self.process.wait(30)
        self.process.stdout.close()
        self.stderr.close()
        self.process = None

    def stop(self):
        if self.process is None:
            return 0
        # unshare passes nothing on: the signal is for its child.
        for first in children(self.process.pid):
            os.kill(first, 15)
        code = self.process.wait(END_SECONDS)
        self.process.stdout.close()
        self.stderr.close()
        self.process = None
        return code

    def freeze(self):
        """Nobody does anything any more: a shutdown that overtakes a sync lets it succeed (the conversion of its
        extents fails silently), and what was written over allocated blocks still arrives. Without power nobody would
        have gone on from there."""
        stopped = set()
        while True:
            fresh = set(descendants(self.process.pid)) - stopped
            if not fresh:
                return
            for pid in fresh:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            stopped |= fresh

    def power_off(self):
        self.freeze()
        for d in self.disks:
            d.cut()
        self.kill()
        self.umount()

    def power_on(self):
        self.new_boot()
        return self.start()

    def processes(self):
        """name -> pid as this namespace sees it, of the daemons and of one owner of each user."""
        found = {}
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                found.setdefault(name.removeprefix("gk-"), pid)
        return found

    def destroy(self):
        with contextlib.suppress(Exception):
            self.kill()
        for d in reversed(self.disks):
            with contextlib.suppress(Exception):
                d.destroy()
        shutil.rmtree(self.dir, ignore_errors=True)


def children(pid):
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid):
    for child in children(pid):
        yield child
        yield from descendants(child)
