"""GK Mail beside Debian's Postfix + Dovecot (and nginx), in one run on one disk: a table with ratios and goals.

Every row is measured in interleaved rounds (A B A B …); the table shows medians and the ratio of medians. The load
generator and the reading client run on one CPU, the servers wherever they like.

    make bench [BENCH="--rounds 5 --only delivery,reading --mailbox 100000 --users 5000"]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import agents  # noqa: E402
import crowd  # noqa: E402
import delivery  # noqa: E402
import hostile  # noqa: E402
import idle  # noqa: E402
import idling  # noqa: E402
import mixed  # noqa: E402
import outbound  # noqa: E402
import peers  # noqa: E402
import reading  # noqa: E402
import screening  # noqa: E402
import webload  # noqa: E402
from gk import GkMail  # noqa: E402
from measure import Table  # noqa: E402

PARTS = ("delivery", "calls", "logins", "reading", "memory", "latency", "hostile", "checks", "outbound", "web", "mcp",
         "idle", "mixed")

ALONE = {"idle", "mixed"}  # parts that need no other suite


def arguments():
    p = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    p.add_argument("--build", default="build")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--only", default=",".join(PARTS), help=f"parts, of {','.join(PARTS)}; crowd takes --users")
    p.add_argument("--mailbox", type=int, default=10000, help="messages in the mailbox that is read")
    p.add_argument("--idle", type=int, default=500, help="connections that are parked")
    p.add_argument("--seconds", type=int, default=10, help="of a step of the mixed load; four times that of the part that lasts")
    p.add_argument("--units", type=float, default=0, help="the mixed load at once at so much, without raising it before")
    p.add_argument("--users", type=int, default=0, help="also 2,000 messages/s across so many parked users; of mixed, how many there are")
    p.add_argument("--alone", action="store_true", help="without the peers")
    p.add_argument("--json", help="write the rows to this file too")
    return p.parse_args()


def about(servers, args, cpu):
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True).stdout.strip()
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"commit {commit}; {os.cpu_count()} CPUs, load {load}, client on CPU {cpu}; {args.rounds} rounds\n")
    print("GK Mail's configuration beside the defaults:")
    print("".join(f"    {line}\n" for line in servers[0].config.splitlines()))
    for s in servers[1:]:
        print("".join(f"    {line}\n" for line in s.configuration().splitlines()))


def run(servers, args, load, work):
    table = Table([s.name for s in servers])
    parts = {
        "delivery": lambda: delivery.delivery_rows(servers, load, table, args.rounds),
        "calls": lambda: delivery.call_rows(servers, load, table, work),
        "logins": lambda: delivery.login_rows(servers, load, table, args.rounds),
        "reading": lambda: reading.reading_rows(servers, table, args.rounds, args.mailbox, load),
        "memory": lambda: idling.memory_rows(servers, table, args.idle),
        "latency": lambda: idling.latency_rows(servers, table, args.rounds),
        "hostile": lambda: hostile.hostile_rows(servers, table),
        "checks": lambda: screening.screening_rows(load, table, args.rounds, work, Path(args.build).resolve()),
        "outbound": lambda: outbound.outbound_rows(args, load, table, work, Path(args.build).resolve(), len(servers) > 1),
        "idle": lambda: idle.idle_rows(args, table, work),
        "mixed": lambda: mixed.mixed_rows(args, load, table, work),
        "mcp": lambda: agents.mcp_rows(args, table, work),
        "web": lambda: webload.web_rows(args, load, table, work),
    }
    for name in args.only.split(","):
        if name in parts:
            parts[name]()
    if args.users and set(args.only.split(",")) - ALONE:
        crowd.crowd_rows(args, load, table, work)
    print(f"\nbehind their goal: {'; '.join(table.behind) or 'none'}")
    if args.json:
        Path(args.json).write_text(json.dumps(table.rows, indent=1))


def main():
    args = arguments()
    work = Path(tempfile.mkdtemp(prefix="gkb-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    work.chmod(0o755)
    cpu = max(os.sched_getaffinity(0))
    build = Path(args.build).resolve()
    load = delivery.Load(build / "tools/load", cpu)
    servers = [GkMail(work / "gk", build / "bin")]
    # Another suite beside those that some parts start for themselves would share pages with them.
    if set(args.only.split(",")) - ALONE:
        servers[0].start()
    else:
        args.alone = True
    if peers.available() and not args.alone:
        servers.append(peers.Peers(work / "peers").start())
    elif not args.alone:
        print("Postfix and Dovecot need root and their packages: GK Mail is measured alone.")
    try:
        # From here on: what is started later is a client.
        os.sched_setaffinity(0, {cpu})
        about(servers, args, cpu)
        run(servers, args, load, work)
    finally:
        for s in servers:
            if s.process:
                s.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
