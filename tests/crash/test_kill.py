"""kill -9 of each process, again and again, under everything that users do. The same must hold as after lost power; but
for a STORE it is the process's end that counts, not the disk."""

import contextlib
import os
import random
import signal
import time

import pytest

import machine
import world
from suite import Suite, wait_for

KILLS = int(os.environ.get("GKMAIL_KILLS", "0")) or (320 if os.environ.get("GKMAIL_LONG") else 32)
A_WORLD = 16  # on one suite
SEED = int(os.environ.get("GKMAIL_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
NAMES = ["master", "authd", "smtpd", "queue", "local", "mailboxd", "owner", "imapd", "webd", "mcpd"]

CONFIG = """
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "{checkpoint}"
segment_size = "1MiB"
min_free = "4MiB"
"""


def pids(suite, name):
    """Of what is to be killed: owners are the children of their parent."""
    if name == "master":
        return [suite.info["pid"]]
    pid = suite.processes().get(name if name != "owner" else "mailboxd")
    return machine.children(pid) if name == "owner" and pid else [pid] if pid else []


def running(suite):
    s = suite.status()["processes"]
    return len(s) >= 6 and all(p["state"] == "ready" for p in s)


def kill(suite, r, name):
    victims = pids(suite, name)
    if name == "owner":
        victims = r.sample(victims, min(len(victims), r.choice([1, 3])))
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def come_back(suite, name):
    if name == "master":
        suite.process.wait(30)  # without it nobody stays
        suite.kill()
        suite.start()
    wait_for(lambda: running(suite), what=f"all to run after the end of {name}")


def crash_points(workdir, seed, points):
    r = random.Random(seed)
    directory = workdir / f"k{seed}"
    directory.mkdir()
    suite = Suite(directory, config=CONFIG.format(checkpoint=r.choice(["100ms", "1s", "5s"])))
    names = []
    while len(names) < points:
        names += r.sample(NAMES, len(NAMES))
    done = []
    try:
        suite.start()
        w = world.World(suite, seed)
        for name in names[:points]:
            done.append(name)
            w.go(r.choice([0.02, 0.1, 0.3]) * r.uniform(0.5, 1.5))
            w.crashing = True
            at = time.monotonic()
            kill(suite, r, name)
            if r.random() < 0.3 and name != "master":
                time.sleep(r.uniform(0, 0.05))
                done.append(r.choice(NAMES[1:]))
                kill(suite, r, done[-1])
            time.sleep(r.choice([0, 0.05, 0.3]))
            for s in w.submitters:
                s.running = False
            come_back(suite, name)
            w.end()
            w.quiet()
            w.check(at)
        return w
    except Exception as e:
        raise AssertionError(f"killed {done}: {e}\n{suite.log()[-2000:]}") from e
    finally:
        suite.kill()


@pytest.mark.parametrize("n", range(0, KILLS, A_WORLD))
def test_kill(workdir, n):
    seed = SEED + n
    try:
        w = crash_points(workdir, seed, min(A_WORLD, KILLS - n))
    except Exception as e:
        raise AssertionError(f"seed {seed} (GKMAIL_SEED={seed} GKMAIL_KILLS={A_WORLD}): {e}") from e
    print(f"seed {seed}: {w.accepted} messages accepted, {w.done} commands, {w.extra} repetitions, "
          f"{len(w.mailer.sent)} submitted by JMAP")
