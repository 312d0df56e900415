"""Fixtures: a private suite on free loopback ports, and clients for it (suite.py).

`suite` is shared by the tests of one file, `fresh_suite` makes new ones with options of their own. A suite is ended
by SIGTERM at the end, must drain cleanly, and its log may hold no warning that a test did not expect.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from suite import BIN, Suite, make, wait_for  # noqa: F401  (tests take them from here)


@pytest.fixture(scope="session")
def workdir():
    # Short: a socket's path has room for 107 octets.
    d = tempfile.mkdtemp(prefix="gk-", dir=os.environ.get("TMPDIR", "/tmp"))
    yield Path(d)
    shutil.rmtree(d, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def room(workdir):
    """A suite sets 225 MB of the disk aside; hundreds of them are too many to be kept until the last test."""
    yield
    for data in workdir.glob("s????????/data"):
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="module")
def suite(workdir):
    """One suite with alice, bob and carol for all tests of a file."""
    s = make(workdir).start()
    yield s
    assert s.stop() == 0


@pytest.fixture
def fresh_suite(workdir):
    """fresh_suite(*options, config=TOML, env={}) starts a suite for one test alone."""
    made = []

    def start(*options, **more):
        s = make(workdir, *options, **more)
        made.append(s)
        return s.start()

    yield start
    for s in made:
        s.stop()
