"""gk-aid turned hostile, as by what a model said: it has the keys of the pages that talk to it while they do, and no others
(tests/hostile/aid.c)."""

import shutil
from pathlib import Path

import pytest
from chat import Chat
from conftest import BIN, make, wait_for
from test_hostile import TOOLS, attempts
from test_web_auth import logged_in


@pytest.fixture(scope="module")
def suite(workdir):
    place = Path(workdir) / "bin-gk-aid"
    shutil.copytree(BIN, place)
    shutil.copy(TOOLS / "gk-aid", place / "gk-aid")
    place.chmod(0o755)
    s = make(workdir, "--users", "2")
    s.bin = place
    s.start()
    before = s.processes()
    yield s
    assert s.processes() == before
    assert "sandbox_violation" not in s.log() and "master.exit" not in s.log()
    assert s.stop() == 0


def test_keys_that_are_not_its_own(suite):
    alice = logged_in(suite, "alice")
    with Chat(suite, browser=alice) as c:
        c.hello()
        c.ask("list my unread mail")
        assert alice.ask("POST", "/auth/logout").status == 204
        assert c.closed() == 1008
    with Chat(suite, browser=logged_in(suite, "bob")) as c:
        c.hello()
        c.ask("list my unread mail")  # one that works is served beside
    wait_for(lambda: len(attempts(suite)) == 13, what="its attempts")
    assert {r for _, r in attempts(suite)} == {"refused"}
    assert ("key of a session that is over", "refused") in attempts(suite)
    # Who may not be asked is told to nobody as known: agent sessions are of these two only.
    wait_for(lambda: suite.log().count(" mcp.session ") == 2)
