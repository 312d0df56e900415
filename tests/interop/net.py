"""Hosts of a small internet: network name spaces on one bridge, in a network and mounts of this process's own."""

import ctypes
import os
import subprocess
from pathlib import Path

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def run(*command, cwd=None, check=True):
    r = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, env=dict(os.environ, PATH=PATH))
    if check and r.returncode != 0:
        raise RuntimeError(f"{command}: {r.returncode}\n{r.stdout}\n{r.stderr}")
    return r.stdout


def leave_the_machine(address, resolv_conf, authorities):
    """This process, and all it starts from now on, has a network and mounts of its own: a bridge with an address, this
    resolv.conf, and these authorities for the system's."""
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    Path("/run/netns").mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "none", "/run/netns")
    run("mount", "--bind", resolv_conf, "/etc/resolv.conf")
    run("mount", "--bind", authorities, "/etc/ssl/certs/ca-certificates.crt")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "br0", "type", "bridge")
    run("ip", "link", "set", "br0", "up")
    add_address(address)


def add_address(address):
    """One more of ours, beside the hosts."""
    run("ip", "address", "add", f"{address}/16", "dev", "br0")


class Host:
    """`with host:` this thread, and what it starts, is there."""

    def __init__(self, name, *addresses):
        self.path = f"/run/netns/{name}"
        self.back = []
        run("ip", "netns", "add", name)
        run("ip", "link", "add", f"v-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", f"v-{name}", "master", "br0", "up")
        for words in (("link", "set", "lo", "up"), ("link", "set", "eth0", "up"),
                      *(("address", "add", f"{a}/16", "dev", "eth0") for a in addresses)):
            run("ip", "-n", name, *words)

    def __enter__(self):
        self.back.append(os.open(f"/proc/self/task/{_tid()}/ns/net", os.O_RDONLY))
        fd = os.open(self.path, os.O_RDONLY)
        try:
            _setns(fd)
        finally:
            os.close(fd)

    def __exit__(self, *_):
        fd = self.back.pop()
        try:
            _setns(fd)
        finally:
            os.close(fd)


def _tid():
    return libc.syscall(186)  # gettid


def _setns(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
