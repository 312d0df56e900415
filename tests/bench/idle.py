"""The suite with nothing to do: how soon it is there, what memory it takes, how often it wakes."""

import re
import statistics
import subprocess
import time
from datetime import datetime
from pathlib import Path

from gk import GkMail
from measure import cpu_seconds, memory

QUIET = 5  # seconds
STARTED = re.compile(r"^(\S+)Z .* master\.(start|all_ready|ready) (?:process=(\w+) .*ms=(\d+))?", re.M)


def ready_ms(server):
    """From master's first line of the log to the last daemon's word; and each daemon's own time."""
    at, each = {}, {}
    for when, what, name, ms in STARTED.findall((server.dir / "log").read_text()):
        at[what] = datetime.fromisoformat(when)
        if what == "ready":
            each[name] = int(ms)
    return (at["all_ready"] - at["start"]).total_seconds() * 1000, each


def switches(pids):
    total = 0
    for pid in pids:
        for status in Path(f"/proc/{pid}/task").glob("*/status"):
            total += sum(int(line.split()[1]) for line in status.read_text().splitlines() if "ctxt_switches" in line)
    return total


def idle_rows(args, table, work):
    table.head("The idle suite")
    took, each = [], {}
    for n in range(max(args.rounds, 1)):
        server = GkMail(work / f"idle{n}", Path(args.build).resolve() / "bin", users=3)
        server.config = ""
        server.start()
        ms, daemons = ready_ms(server)
        took.append(ms)
        each = {k: each.get(k, []) + [v] for k, v in daemons.items()}
        if n < args.rounds - 1:
            server.stop()
    try:
        time.sleep(QUIET)
        pids, cpu = server.pids(), cpu_seconds(server)
        before = switches(pids)
        time.sleep(QUIET)
        table.row("start to all ready, ms", [statistics.median(took)], "less", ("most", 1000), 0)
        table.row("  the longest of the rounds", [max(took)], "less", digits=0)
        table.row(f"memory of all {len(pids)} processes (PSS), MiB", [memory(pids) / 1024], "less", ("most", 60))
        table.row("switches of context a second", [(switches(pids) - before) / QUIET], "less")
        table.row("CPU, % of one", [(cpu_seconds(server) - cpu) * 100 / QUIET], "less", digits=2)
        programs = subprocess.run(["size", "-t", *sorted(server.bin.iterdir())], capture_output=True, text=True).stdout
        if programs:
            table.row("all programs on disk without symbols, MiB", [sum(map(int, programs.splitlines()[-1].split()[:2])) / 2 ** 20], "less")
        names = sorted(((memory([p]) / 1024, Path(f"/proc/{p}/comm").read_text().strip()) for p in pids), reverse=True)
        print("    MiB: " + ", ".join(f"{name} {mib:.1f}" for mib, name in names))
        print("    ms until ready: " + ", ".join(f"{k} {statistics.median(v):.0f}" for k, v in
                                                 sorted(each.items(), key=lambda x: -statistics.median(x[1]))))
    finally:
        server.stop()
