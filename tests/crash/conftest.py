"""Fixtures of the crash tests. The suite is that of tests/e2e."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))


@pytest.fixture(scope="session")
def workdir():
    d = tempfile.mkdtemp(prefix="gk-", dir=os.environ.get("TMPDIR", "/tmp"))
    yield Path(d)
    shutil.rmtree(d, ignore_errors=True)
