"""Scenes in which one sync alone keeps a promise; and, for each sync of the suite, that without it a test fails.

The second half is long (GKMAIL_LONG=1). It prints the table of docs/flow.md.
"""

import os

import pytest

import agents
import machine
import scenes
import test_power
import world

pytestmark = pytest.mark.skipif(machine.why_not is not None, reason=f"power loss: {machine.why_not}")
long = pytest.mark.skipif(not os.environ.get("GKMAIL_LONG"), reason="long: GKMAIL_LONG=1")


SCENES = scenes.SCENES | agents.SCENES


def play(workdir, name, *rules):
    scene, how, _ = SCENES[name]
    m = machine.Machine(workdir, faults=True, **how)
    try:
        m.start()
        for d in m.disks:
            d.sync()
        m.faults.set(*rules)
        scene(m)
    finally:
        m.destroy()


@pytest.mark.parametrize("name", SCENES)
def test_scene(workdir, name):
    play(workdir, name)


@long
@pytest.mark.parametrize("name,sync", [(n, s) for n, (_, _, syncs) in SCENES.items() for s in syncs])
def test_scene_needs_its_sync(workdir, name, sync):
    with pytest.raises(AssertionError) as broken:
        play(workdir, name, f"{sync} skip")
    print(f"{sync}: {name}: {broken.value}")


@long
@pytest.mark.parametrize("sync", ["sync queue.batch", "syncall local.checkpoint", "sync local.large", "sync store.append",
                                  "sync store.copy", "sync index.db-wal"])
def test_power_loss_needs_its_sync(workdir, sync, monkeypatch):
    """The random test, in a few tries."""
    monkeypatch.setattr(world, "QUIET_SECONDS", 10)
    with pytest.raises(AssertionError) as broken:
        for seed in range(5):
            test_power.crash_points(workdir, seed, 10, rules=[f"{sync} skip"], faults=True)
    print(f"{sync}: {broken.value}")
