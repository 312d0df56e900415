"""Fixtures: one world for all tests of this folder."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import hosts  # noqa: E402
import world as w  # noqa: E402


@pytest.fixture(scope="session")
def world():
    why = w.missing()
    if why:
        pytest.skip(why)
    d = Path(tempfile.mkdtemp(prefix="gk-", dir=os.environ.get("TMPDIR", "/tmp")))
    d.chmod(0o755)
    made = w.World(d)
    hosts.populate(made)
    try:
        yield made.start()
    finally:
        made.stop()
        shutil.rmtree(d, ignore_errors=True)
