"""A machine that can lose its power: a suite whose data lies on an ext4 of its own.

Power is cut by EXT4_IOC_SHUTDOWN without flushing the log: what no sync has made durable is gone, also from the journal
of the file system. Then every process is killed at once, the file system mounted again (which replays its journal), and
the suite started under another boot id. What this does not model is a device that reorders or tears what it was told to
write; nor are page cache and device told apart beyond the file system's own flushes.

Root only. The suite runs in a pid and mount namespace of its own: killing its first process kills all of it.
"""

import contextlib
import ctypes
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


from suite import BIN, END_SECONDS, Suite, children

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NOLOGFLUSH = 2

why_not = None
if os.geteuid() != 0:
    why_not = "loop mounts need root"
elif not shutil.which("mkfs.ext4") or not shutil.which("losetup"):
    why_not = "no mkfs.ext4 or losetup here"
elif subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode != 0:
    why_not = "no mount name spaces here (in a chroot, say)"


def run(*command):
    r = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if r.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {r.stderr.strip()}")
    return r.stdout.strip()


# Disks are mounted where this process and what it starts sees them. A name space that another test makes meanwhile would
# begin with a copy of all mounts, and an ext4 is not let go of, nor mounted anew, while anybody has it.
if why_not is None:
    if ctypes.CDLL(None, use_errno=True).unshare(0x00020000) != 0:  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")

PATIENCE = 120  # seconds


class Disk:
    """An ext4 in a file, mounted at a place. bare: without a journal, which does what it is asked and no more: a sync
    of one file makes no other's name durable."""

    def __init__(self, image, place, megabytes=160, bare=False, mount="defaults"):
        self.image, self.place, self.bare, self.options = Path(image), Path(place), bare, mount
        with open(self.image, "wb") as f:
            f.truncate(megabytes << 20)
        # A small journal; nothing kept back for root: full is full. Inode tables are written now and not by a thread.
        features = ["-O", "^has_journal"] if bare else ["-J", "size=8"]
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", *features, self.image)
        self.loop = None

    def attach(self):
        self.loop = self.loop or run("losetup", "--find", "--show", self.image)

    def detach(self):
        if self.loop:
            with contextlib.suppress(RuntimeError):
                run("losetup", "-d", self.loop)
        self.loop = None

    def mount(self):
        self.attach()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            run("mount", "-t", "ext4", "-o", self.options, self.loop, self.place)
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
        if self.bare:
            # What the device has now. (A shutdown would keep the journal from being written, and there is none.)
            run("cp", "--sparse=always", self.image, self.image.with_suffix(".cut"))
            return
        fd = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(fd)

    def off(self):
        """After cut() and the end of all who used it."""
        self.umount()
        if self.bare:
            self.detach()
            self.image.with_suffix(".cut").rename(self.image)
            # 1: it has mended something.
            subprocess.run(["e2fsck", "-fy", str(self.image)], capture_output=True)

    def sync(self):
        run("sync", "-f", self.place)

    def free(self):
        s = os.statvfs(self.place)
        return s.f_bavail * s.f_frsize

    def destroy(self):
        self.umount()
        self.detach()
        self.image.unlink(missing_ok=True)


class Faults:
    """The page of rules that a build with faults reads (lib/io/file_fault.h)."""

    SIZE = 4096

    def __init__(self, path):
        self.path, self.number = Path(path), 0
        self.path.write_bytes(bytes(self.SIZE))
        self.path.chmod(0o644)
        self.set()

    def set(self, *rules):
        """Exactly these rules count from now on."""
        self.number += 1
        self.rules = rules
        text = "".join(f"{r}\n" for r in rules).encode()
        head = f"{self.number}\n".encode()
        with open(self.path, "r+b") as f:
            # The number comes last: it is what the processes look at.
            f.seek(len(head))
            f.write(text.ljust(self.SIZE - len(head), b"\0"))
            f.flush()
            f.seek(0)
            f.write(head)

    def add(self, *rules):
        self.set(*self.rules, *rules)


FAULT_BIN = Path(os.environ.get("GKMAIL_FAULT_BIN", BIN.parents[1] / "build/faults/bin")).resolve()


class Faulty(Suite):
    """A suite of the build with faults, on whatever disk there is."""

    bin = FAULT_BIN

    def __init__(self, workdir, *options, config=""):
        directory = tempfile.mkdtemp(dir=workdir, prefix="f")
        self.faults = Faults(directory + ".faults")
        super().__init__(directory, *options, config=config, env={"GKMAIL_FAULTS": str(self.faults.path)})


# What is mounted here is seen by this namespace alone. It lets go of the disks of other machines, which could not be
# mounted anew while it has them.
NAMESPACE = """
grep ^/dev/loop /proc/mounts | while read -r device place rest; do
    case "$place" in "$0"/*) ;; *) umount -l "$place" 2>/dev/null ;; esac
done
mount --bind "$0/boot" /proc/sys/kernel/random/boot_id && exec "$@"
"""


class Machine(Suite):
    """A sandbox whose data/ is a disk of its own. apart: folders below data/ that are disks of their own too, so that
    no sync of one makes durable what lies on the other."""

    def __init__(self, workdir, *options, config="", env=None, megabytes=160, apart=(),
                 bare=False, faults=False,
                 mount="defaults"):
        directory = tempfile.mkdtemp(dir=workdir, prefix="m")
        os.chmod(directory, 0o755)
        super().__init__(directory, *options, config=config, env=env)
        if faults:
            self.bin = FAULT_BIN
            self.faults = Faults(directory + ".faults")
            self.env["GKMAIL_FAULTS"] = str(self.faults.path)
        self.disks = [Disk(directory + ".img", self.dir / "data", megabytes, bare, mount)]
        for i, name in enumerate(apart):
            self.disks.append(Disk(f"{directory}{i}.img", self.dir / "data" / name, 96, bare))
        self.boot = self.dir / "boot"
        self.mounted = False
        self.new_boot()

    def new_boot(self):
        self.boot.write_text(str(uuid.uuid4()) + "\n")

    def mount(self):
        for d in self.disks:
            d.place.mkdir(parents=True, exist_ok=True)
            d.mount()
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
        self.prefix = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", NAMESPACE,
                       str(self.dir)]
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
        for d in reversed(self.disks):
            d.off()
        self.mounted = False

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


def descendants(pid):
    for child in children(pid):
        yield child
        yield from descendants(child)
