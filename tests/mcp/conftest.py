"""Fixtures: the suite is that of tests/e2e; Node and what runs in it are from npm (`make mcp`)."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))


@pytest.fixture(scope="session")
def workdir():
    d = tempfile.mkdtemp(prefix="gk-", dir=os.environ.get("TMPDIR", "/tmp"))
    yield Path(d)
    shutil.rmtree(d, ignore_errors=True)


@pytest.fixture(scope="session")
def node():
    """Node 22 or newer: npm's, which is there where none is installed; none is for other machines than x86-64 and arm64."""
    # Debian's npm links no program of a dependency that is optional.
    for program in [*HERE.glob("node_modules/node-linux-*/bin/node"), "node"]:
        try:
            version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
        except OSError:
            continue
        if version.startswith("v") and int(version[1:].split(".")[0]) >= 22:
            return str(program)
    pytest.skip("no Node 22 is installed, and npm has none for this machine")
