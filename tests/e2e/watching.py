"""Debian's Prometheus on a live suite, with the rules of etc/prometheus and short times (`hurried`): else tests would take hours."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml
from conftest import make, wait_for

ROOT = Path(__file__).resolve().parents[2]
ETC = ROOT / "etc/prometheus"
PROMETHEUS = shutil.which("prometheus")

needed = pytest.mark.skipif(not PROMETHEUS or not ETC.is_dir(), reason="prometheus is not here")


def rules():
    return [r for g in yaml.safe_load((ETC / "gkmail-rules.yml").read_text())["groups"] for r in g["rules"]]


ALERTS = [r["alert"] for r in rules() if "alert" in r]


def hurried(**expressions):
    """The rules as text: no alert waits, five minutes are five seconds, and where a test says so another limit."""
    all_rules = yaml.safe_load((ETC / "gkmail-rules.yml").read_text())
    for group in all_rules["groups"]:
        group["interval"] = "200ms"
        for r in group["rules"]:
            if "for" in r:
                r["for"] = "0s"
            r["expr"] = re.sub(r"\[(5m|10m|15m|1h|6h)\]", "[6s]", r["expr"])
            for old, new in expressions.get(r.get("alert"), {}).items():
                assert old in r["expr"]
                r["expr"] = r["expr"].replace(old, new)
    return yaml.safe_dump(all_rules)


class Prometheus:
    def __init__(self, directory, target, text, config=None):
        self.dir = Path(directory)
        self.dir.mkdir()
        (self.dir / "gkmail-rules.yml").write_text(text)
        (self.dir / "prometheus.yml").write_text(yaml.safe_dump(config or {
            "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"},
            "rule_files": ["gkmail-rules.yml"],
            "scrape_configs": [{"job_name": "gkmail", "scrape_interval": "500ms", "scrape_timeout": "500ms",
                                "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}]}))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.log = open(self.dir / "log", "wb")
        self.process = subprocess.Popen(
            [PROMETHEUS, f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--storage.tsdb.retention.size=64MB"],
            stdout=self.log, stderr=self.log, env=dict(os.environ, GOMEMLIMIT="200MiB", GOMAXPROCS="1"))
        wait_for(self.is_ready, 60, "Prometheus")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def ask(self, path, **query):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}", timeout=30) as r:
            return json.loads(r.read())

    def is_ready(self):
        assert self.process.poll() is None, (self.dir / "log").read_text()
        with contextlib.suppress(OSError):
            return bool(self.query('gkmail_build_info{job="gkmail"}'))

    def query(self, expression):
        return self.ask("/api/v1/query", query=expression)["data"]["result"]

    def firing(self):
        return {a["labels"]["alertname"] for a in self.ask("/api/v1/alerts")["data"]["alerts"] if a["state"] == "firing"}

    def raises(self, alert, seconds=60):
        wait_for(lambda: alert in self.firing(), seconds, f"{alert} raised")

    def clears(self, alert, seconds=60):
        wait_for(lambda: alert not in self.firing(), seconds, f"{alert} cleared")


@pytest.fixture
def watch(workdir):
    running = []

    def start(suite, **expressions):
        running.append(Prometheus(suite.dir.parent / f"{suite.dir.name}-prometheus{len(running)}", suite.port("metrics"),
                                  hurried(**expressions)))
        return running[-1]

    yield start
    for p in running:
        p.stop()


FAST = '[metrics]\nprobe_every = "300ms"\n'


@pytest.fixture
def watched(workdir):
    s = make(workdir, "--users", "3", config=FAST).start()
    yield s
    assert s.stop() == 0
