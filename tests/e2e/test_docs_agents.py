"""What docs/AGENTS.md tells authors of agents to type and to write, typed and written, against a sandbox."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from mcpclient import token_of

PAGE = Path(__file__).resolve().parents[2] / "docs/AGENTS.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="a copy without documents")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(), re.M | re.S)


def here(suite, text):
    return text.replace("mail.example.org", f"localhost:{suite.port('https')}").replace(
        "alice@example.org", suite.user()["address"])


@pytest.fixture(scope="module")
def env(suite, workdir):
    """A gkmail on PATH that is this sandbox's, and a curl that trusts it."""
    place = workdir / "docs-bin"
    place.mkdir()
    (place / "gkmail").write_text(f'#!/bin/sh\nexec {suite.bin}/gkmail --dir {suite.dir} "$@"\n')
    (place / "gkmail").chmod(0o755)
    return suite.env | {"PATH": f"{place}:{os.environ['PATH']}", "CURL_CA_BUNDLE": suite.info["ca"], "TOKEN": token_of(suite)}


def test_what_is_typed(suite, env):
    said = []
    for text in blocks("sh"):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", here(suite, text)], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, text + done.stderr
        said.append(json.loads(done.stdout))
    assert len(said) == 3
    assert said[0]["result"]["structuredContent"]["messages"] == [] and said[0]["result"]["isError"] is False
    assert len(said[1]["result"]["tools"]) > 10
    assert said[2]["result"]["supportedVersions"][0] == "2026-07-28"


def test_what_configures_a_client(suite, env):
    found = [json.loads(text)["mcpServers"]["mail"] for text in blocks("json")]
    local, = [x for x in found if "command" in x]
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}}
    done = subprocess.run([local["command"], *(here(suite, a) for a in local["args"])], input=json.dumps(begin) + "\n", env=env,
                          capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "gkmail", done.stderr
    remote, = [x for x in found if "url" in x]
    assert remote["type"] == "http"
    sent = [f"{k}: {v.replace('${GKMAIL_TOKEN}', env['TOKEN'])}" for k, v in remote["headers"].items()]
    done = subprocess.run(["curl", "-sS", here(suite, remote["url"]), *(x for h in sent for x in ("-H", h)), "-H",
                           "Content-Type: application/json", "-H", "Accept: application/json, text/event-stream", "-d", json.dumps(begin)],
                          env=env, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "gkmail", done.stdout + done.stderr


def test_every_tool_is_told(suite, env):
    """Each with what it does, and no other."""
    listed = json.loads(subprocess.run(["bash", "-euo", "pipefail", "-c", here(suite, blocks("sh")[1])], env=env, capture_output=True,
                                       text=True).stdout)["result"]["tools"]
    table = PAGE.read_text().partition("## Tools")[2].partition("\n## ")[0]
    told = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert told == {t["name"] for t in listed}
