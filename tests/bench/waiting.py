#!/usr/bin/env python3
"""What a long queue costs: memory for each message, the start after a crash, new mail beside it, the journal's size and
what is written again because of it.

    make all build/tools/load && tests/bench/waiting.py [--messages 100000] [--octets 4096] [--new 20000]

Messages for ten domains of which no host is reached, 4 KiB each, wait; then mail for a mailbox here comes, so much that
segments have to be made free of them. One line of JSON.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DESTINATIONS = 10
CONFIG = """\
[log]
level = "warn"
[limits]
connections = 100000
connections_per_ip = 100000
[screen]
enabled = false
[queue]
retry_first = "10m"
retry_max = "1h"
max_backlog = "16GiB"
"""


class Suite:
    def __init__(self, directory, binaries):
        self.dir, self.bin = Path(directory), Path(binaries)
        extra = self.dir / "extra.toml"
        extra.write_text(CONFIG + "".join(f'[[route]]\ndomain = "d{i}.test"\nhost = "[127.0.0.1]"\nport = {9 + i}\n'
                                          for i in range(DESTINATIONS)))
        self.command = [self.bin / "gkmail", "sandbox", "--dir", self.dir / "s", "--json", "--users", "2", "--config", extra]

    def start(self):
        began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        self.info = json.loads(self.process.stdout.readline())
        return time.monotonic() - began

    def ctl(self, *arguments):
        return subprocess.run([self.bin / "gkmail", "--dir", self.dir / "s", *arguments], stdout=subprocess.PIPE, text=True,
                              check=True).stdout

    def pid(self, name):
        return next(p["pid"] for p in json.loads(self.ctl("status", "--json"))["processes"] if p["name"] == name)

    def kill(self):
        os.kill(self.info["pid"], signal.SIGKILL)
        self.process.wait()
        time.sleep(0.5)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def load(self, messages, octets, to, sessions):
        return json.loads(subprocess.run(
            [self.bin.parent / "tools" / "load", "-p", str(self.info["ports"]["smtp"]), "-s", str(sessions), "-m", str(messages),
             "-l", str(octets), "-f", "sender@elsewhere.example", "-t", to], stdout=subprocess.PIPE, check=True).stdout)

    def segments(self):
        return len(list((self.dir / "s" / "data" / "spool" / "journal").iterdir()))

    def metric(self, name):
        return next(float(line.split()[-1]) for line in self.ctl("status", "--metrics").splitlines()
                    if line.startswith(name + " "))


def memory(pid):
    """Resident octets that are the process's own."""
    return sum(int(line.split()[1]) * 1024 for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Private_Dirty"))


def written(pid):
    return next(int(line.split()[1]) for line in open(f"/proc/{pid}/io") if line.startswith("write_bytes"))


def new_mail(suite, n, octets):
    """Messages a second into a mailbox here, latency, octets that gk-queue wrote for each of theirs."""
    pid = suite.pid("queue")
    before = written(pid)
    began = time.monotonic()
    shown = suite.load(n, octets, suite.info["users"][0]["address"], 20)
    return {"messages_s": round(n / (time.monotonic() - began)), "load": shown,
            "written_per_octet": round((written(pid) - before) / (n * octets), 2)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100000)
    parser.add_argument("--octets", type=int, default=4096)
    parser.add_argument("--new", type=int, default=20000)
    parser.add_argument("--bin", default=ROOT / "build" / "bin")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gk-waiting-") as d:
        suite = Suite(d, o.bin)
        suite.start()
        out = {"messages": o.messages, "octets": o.octets}
        try:
            empty = memory(suite.pid("queue"))
            for i in range(DESTINATIONS):
                suite.ctl("alias", "add", f"away{i}@example.test", f"x@d{i}.test")
            out["new_mail_before"] = new_mail(suite, o.new, o.octets)
            while suite.metric("queue_size") > 0:
                time.sleep(0.1)
            began = time.monotonic()
            suite.load(o.messages, o.octets, ",".join(f"away{i}@example.test" for i in range(DESTINATIONS)), 50)
            out["taken_s"] = round(o.messages / (time.monotonic() - began))
            out["waiting"] = int(suite.metric("queue_size"))
            suite.kill()
            out["ready_s"] = round(suite.start(), 2)
            assert int(suite.metric("queue_size")) == out["waiting"], "some are missing after the crash"
            out["bytes_each"] = round((memory(suite.pid("queue")) - empty) / o.messages)
            out["segments_before"] = suite.segments()
            out["new_mail_after"] = new_mail(suite, o.new, o.octets)
            began = time.monotonic()
            suite.ctl("queue", "list", "--destination", "[127.0.0.1]:9")
            out["list_s"] = round(time.monotonic() - began, 2)
            # So much that the journal has to be cleaned of what waits: as much as it holds.
            out["new_mail_while_cleaning"] = new_mail(suite, 2 * o.messages, o.octets)
            out["segments"] = suite.segments()
            out["journal_per_octet_waiting"] = round(out["segments"] * (64 << 20) / (o.messages * o.octets), 2)
        finally:
            suite.stop()
        print(json.dumps(out))


if __name__ == "__main__":
    sys.exit(main())
