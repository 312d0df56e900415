"""What every measurement shares: CPU and memory of a server's processes, system calls by strace, medians, the table."""

import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import time
from pathlib import Path


@contextlib.contextmanager
def anywhere():
    """For the start of a server, for which every CPU is: this program keeps to the clients' one."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def cpu_seconds(server):
    """CPU of the processes that run now and of their finished children."""
    total = 0
    for pid in server.pids():
        try:
            f = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(x) for x in f[11:15])
        except OSError:
            continue
    return total / os.sysconf("SC_CLK_TCK")


def memory(pids):
    """PSS in KiB over processes: shared pages counted once."""
    total = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total


# gk-queue's pwritev2 is a write with RWF_DSYNC; none of the peers calls it.
SYNCS = ("fsync", "fdatasync", "sync_file_range", "syncfs", "pwritev2")


def system_calls(server, work, run):
    """Calls and syncs while run() runs, over all processes of the server and those they start. None without strace."""
    if not shutil.which("strace"):
        return None
    out = work / "strace.txt"
    command = ["strace", "-f", "-q", "-c", "-U", "name,calls", "-o", out]
    for pid in sorted(server.pids()):
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    run()
    tracer.send_signal(signal.SIGINT)
    tracer.wait(30)
    calls = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+)\s+(\d+)\s*$", out.read_text(), re.M) if m[1] != "total"}
    # Waiting is what a server does with nothing to do.
    return sum(calls.values()), {k: calls[k] for k in SYNCS if k in calls}, calls


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


class Table:
    """Rows as they are measured. goal: ("ratio", least) beside the peers, or ("most", v), ("least", v) for GK Mail alone."""

    def __init__(self, names):
        self.names = names
        self.behind = []
        self.rows = []
        print(f"{'':<54}" + "".join(f"{n:>18}" for n in names) + f"{'ratio':>9}  goal")

    def head(self, text):
        print(f"\n{text}", flush=True)

    def row(self, name, values, better="more", goal=None, digits=1):
        ratio = None
        if len(values) == 2 and values[0] and values[1]:
            ratio = values[0] / values[1] if better == "more" else values[1] / values[0]
        text = f"  {name:<52}" + "".join(f"{'-' if v is None else format(v, f',.{digits}f'):>18}" for v in values)
        text += f"{ratio:>8.1f}x" if ratio else f"{'':>9}"
        if goal:
            kind, bound = goal
            measured = ratio if kind == "ratio" else values[0]
            missed = measured is not None and (measured > bound if kind == "most" else measured < bound)
            text += {"ratio": f"  {bound:g}x", "most": f"  <= {bound:g}", "least": f"  >= {bound:g}"}[kind]
            if missed:
                text += "  BEHIND"
                self.behind.append(name)
            elif measured is None:
                text += "  not measured"
        self.rows.append({"name": name, "values": values, "ratio": ratio, "goal": goal})
        print(text, flush=True)
