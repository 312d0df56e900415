"""Power lost at a random instant, again and again, under everything that users do."""

import os
import random
import time

import pytest

import machine
import world

pytestmark = pytest.mark.skipif(machine.why_not is not None, reason=f"power loss: {machine.why_not}")

POINTS = int(os.environ.get("GKMAIL_POINTS", "30"))
A_WORLD = 10  # points on one file system
SEED = int(os.environ.get("GKMAIL_SEED", "0")) or random.SystemRandom().randrange(1 << 32)

CONFIG = """
[queue]
retry_first = "1s"
retry_max = "1s"
checkpoint = "{checkpoint}"
segment_size = "1MiB"
min_free = "4MiB"
"""


def crash_points(workdir, seed, points, rules=(), **more):
    """So many points in one world; the world, for what it counts. rules: faults, from when the world is made."""
    r = random.Random(seed)
    config = CONFIG.format(checkpoint=r.choice(["100ms", "1s", "5s"]))
    m = machine.Machine(workdir, config=config, **more)
    try:
        m.start()
        w = world.World(m, seed)
        m.disk.sync()
        if rules:
            m.faults.set(*rules)
        for _ in range(points):
            w.go(r.choice([0.02, 0.1, 0.3, 0.6, 1.3]) * r.uniform(0.5, 1.5))
            w.crashing = True
            crashed_at = time.monotonic()
            m.power_off()
            w.end()
            m.power_on()
            if r.random() < 0.5:
                w.look(crashed_at)
            w.quiet()
            w.check(crashed_at)
        return w
    finally:
        m.destroy()


@pytest.mark.parametrize("n", range(0, POINTS, A_WORLD))
def test_power_loss(workdir, n):
    seed = SEED + n
    try:
        w = crash_points(workdir, seed, min(A_WORLD, POINTS - n))
    except Exception as e:
        raise AssertionError(f"seed {seed} (GKMAIL_SEED={seed} GKMAIL_POINTS={A_WORLD}): {e}") from e
    print(f"seed {seed}: {w.accepted} messages accepted, {w.done} commands, {w.extra} repetitions, "
          f"{w.resynced} mailboxes resynchronised, {len(w.mailer.sent)} submitted by JMAP")
