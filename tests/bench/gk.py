"""GK Mail as the benchmarks run it: a sandbox of its own, with the limits of one client lifted."""

import json
import signal
import subprocess
import time
from pathlib import Path

import peers
from measure import anywhere

# The checkpoint is asked for far more often than the 5 s of the default, so that it can be waited for; each costs a
# syncfs. Memory and passes of the password hash are the defaults, except where thousands of users are made.
CONFIG = """\
[web]
requests_per_minute = 0
[limits]
connections = 100000
connections_per_ip = 100000
[mailbox]
max_connections = 10000
linger = "1s"
[queue]
checkpoint = "250ms"
"""
CHEAP_PASSWORDS = """\
max_owners = 6000
[auth]
hash_memory = "8MiB"
hash_passes = 1
"""


class GkMail:
    name = "GK Mail"

    def __init__(self, directory, binaries, users=peers.USERS, cheap=False):
        self.dir = Path(directory)
        self.bin = Path(binaries)
        self.nusers = users
        self.process = None
        self.config = CONFIG
        if cheap:
            self.config = CONFIG.replace("[queue]", CHEAP_PASSWORDS + "[queue]")

    def start(self):
        extra = self.dir.parent / f"{self.dir.name}.toml"
        extra.write_text(self.config)
        with anywhere():
            self.process = subprocess.Popen([self.bin / "gkmail", "sandbox", "--dir", self.dir, "--json", "--users",
                                             str(self.nusers), "--config", extra], stdout=subprocess.PIPE)
        self.info = json.loads(self.process.stdout.readline())
        self.ports = self.info["ports"]
        self.by_address = {u["address"]: u for u in self.info["users"]}
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def users(self):
        return list(self.by_address)

    def password(self, user):
        return self.by_address[user]["password"]

    def login_name(self, user):
        return user

    def maildir(self, user):
        return Path(self.by_address[user]["maildir"])

    def pids(self):
        return peers.descendants({self.info["pid"]})

    def metrics(self):
        text = subprocess.run([self.bin / "gkmail", "--dir", self.dir, "status", "--metrics"], stdout=subprocess.PIPE,
                              check=True, text=True).stdout
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in text.splitlines() if line[:1] not in "#")}

    def settled(self):
        """Everything taken is in its Maildir, and a checkpoint since has made that durable."""
        m = self.metrics()
        return m["queue_size"] == 0 and m["gkmail_queue_undurable"] == 0

    def forget_cache(self, user):
        """Empties what the index keeps of messages; the owner must have left. Run with sqlite3 of Python's own."""
        import os
        import sqlite3
        db = self.maildir(user).parent / "db"
        owner = db.stat()
        for _ in range(100):
            try:
                with sqlite3.connect(db / "index.db") as c:
                    c.execute("DELETE FROM cache")
                c.close()
                break
            except sqlite3.OperationalError:
                time.sleep(0.1)
        else:
            raise RuntimeError("the index stays locked")
        for f in db.iterdir():
            os.chown(f, owner.st_uid, owner.st_gid)

    def owner_gone(self, user):
        """Waits until no process has the user's home open."""
        lock = self.maildir(user).parent / "db/lock"
        inode = lock.stat().st_ino
        for _ in range(200):
            held = any(f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())
            if not held:
                return
            time.sleep(0.05)
        raise RuntimeError("the owner stays")
