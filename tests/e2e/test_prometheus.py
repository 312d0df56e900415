"""Debian's Prometheus scrapes the live suite: each query of each rule and dashboard finds something, and an alert reaches people."""

import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest
import yaml
from conftest import wait_for
from watching import ALERTS, ETC, ROOT, Prometheus, hurried, needed, rules, watch, watched  # noqa: F401

DASHBOARDS = sorted((ROOT / "etc/grafana/dashboards").glob("*.json"))

pytestmark = needed


# ---- the files ----


def test_promtool_and_amtool_find_nothing(tmp_path):
    for command in (["promtool", "check", "rules", ETC / "gkmail-rules.yml"], ["promtool", "check", "config", ETC / "prometheus.yml"],
                    ["amtool", "check-config", ETC / "alertmanager.yml"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.copy(ETC / "gkmail-rules.yml", tmp_path)
    shutil.copy(ROOT / "tests/prometheus/rules_test.yml", tmp_path)
    done = subprocess.run(["promtool", "test", "rules", "rules_test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboards_are_those_of_the_table():
    done = subprocess.run([sys.executable, ROOT / "etc/grafana/dashboards.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert len(DASHBOARDS) == 4
    for path in DASHBOARDS:
        d = json.loads(path.read_text())
        assert d["uid"] == path.stem and len({p["id"] for p in d["panels"]}) == len(d["panels"])
        cells = [(x, y) for p in d["panels"] for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"])
                 for y in range(p["gridPos"]["y"], p["gridPos"]["y"] + p["gridPos"]["h"])]
        assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    for path in (ROOT / "etc/grafana/provisioning").rglob("*.yml"):
        assert yaml.safe_load(path.read_text())["apiVersion"] == 1


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="a copy without documents")
def test_each_alert_is_in_the_guide():
    guide = (ROOT / "docs/ADMIN_GUIDE.md").read_text()
    told = set(re.findall(r"^\*\*(GKMail\w+)\*\*", guide, re.M))
    assert told == set(ALERTS), told ^ set(ALERTS)


# ---- queries ----


def names(expression):
    """Of metrics, and of what the rules record."""
    return {n for n in re.findall(r"[a-z_:]+(?=[{\[])|(?:gkmail|queue)[a-z_:]+", expression)} - {"by", "and"}


def test_every_query_finds_something(watched, watch):
    p = watch(watched)
    watched.send()
    with watched.imap("bob") as c:
        c.select("INBOX")
    # Those that count how often something happened between two scrapes need two.
    wait_for(lambda: p.query("rate(gkmail_smtp_messages_total[10s])"))
    wait_for(lambda: p.query("gkmail:disk_used_ratio") and p.query("gkmail:error_ratio"))
    asked = 0
    for path in DASHBOARDS:
        d = json.loads(path.read_text())
        for panel in d["panels"]:
            for t in panel["targets"]:
                e = t["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*")
                assert "$" not in e
                assert p.query(e), f"{path.name}: {panel['title']}: {e}"
                asked += 1
    for r in rules():
        # An alert's expression is empty while nothing is wrong: what it looks at must be there.
        for name in names(r["expr"]):
            if name == "gkmail_probe_up" and '"llm"' in r["expr"]:
                continue
            assert p.query(name), f"{r.get('alert') or r['record']}: {name}"
            asked += 1
    assert asked > 120
    assert not p.firing() & {"GKMailDown", "GKMailServiceDown", "GKMailProcessDown", "GKMailErrorRate", "GKMailCrashLoop"}


# ---- Alertmanager ----


def test_alertmanager_takes_the_alerts(watched, tmp_path):
    """What the example's routes do with them: critical ones to both receivers."""
    tool = ["amtool", "config", "routes", "test", f"--config.file={ETC / 'alertmanager.yml'}"]
    run = lambda *labels: subprocess.run([*tool, *labels], capture_output=True, text=True).stdout.split()  # noqa: E731
    assert run("alertname=GKMailDown", "severity=critical")[0].split(",") == ["pager", "operator"]
    assert run("alertname=GKMailQueueOld", "severity=warning")[0].split(",") == ["operator"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Pager(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.told += [(a["labels"]["alertname"], a["status"])
                             for a in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.skipif(not shutil.which("prometheus-alertmanager") or not (ROOT / "docker").is_dir(), reason="no Alertmanager")
def test_an_alert_reaches_people(watched, tmp_path):
    """With docker/prometheus.yml and etc/prometheus/alertmanager.yml, as compose.prod.yml mounts them: from the scrape to the pager and
    the operator's mailbox, that it is raised and that it is over. Other are the addresses, and the times are short."""
    s, alerts = watched, free_port()
    alice, bob = s.user("alice"), s.user("bob")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pager) as pager:
        pager.told = []
        threading.Thread(target=pager.serve_forever, args=(0.05,), daemon=True).start()
        text = (ETC / "alertmanager.yml").read_text()
        for old, new in ((r"mail\.another-provider\.example:587", f"localhost:{s.port('submission')}"),
                         (r"alerts@another-provider\.example", alice["address"]), (r"operator@another-provider\.example", bob["address"]),
                         (r"127\.0\.0\.1:9099", f"127.0.0.1:{pager.server_address[1]}"),
                         (r"/etc/prometheus/alerts-password", str(tmp_path / "password")), (r"group_(wait|interval): \w+", r"group_\1: 300ms"),
                         (r"( +)send_resolved: true\n  - name", rf"\1send_resolved: true\n\1tls_config: {{ca_file: {s.dir}/tls/certificate.pem}}\n  - name")):
            text, n = re.subn(old, new, text)
            assert n, old
        (tmp_path / "password").write_text(alice["password"])
        (tmp_path / "alertmanager.yml").write_text(text)
        with open(tmp_path / "log", "wb") as log:
            manager = subprocess.Popen(["prometheus-alertmanager", f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/am",
                                        f"--web.listen-address=127.0.0.1:{alerts}", "--cluster.listen-address="],
                                       stdout=log, stderr=log, env=dict(os.environ, GOMAXPROCS="1"))
        config = yaml.safe_load((ROOT / "docker/prometheus.yml").read_text())
        config["global"].update(scrape_interval="500ms", scrape_timeout="500ms", evaluation_interval="250ms")
        for where, name, port in ((config["alerting"]["alertmanagers"], "alertmanager:9093", alerts),
                                  (config["scrape_configs"], "mail:9090", s.port("metrics"))):
            assert where[0]["static_configs"] == [{"targets": [name]}]
            where[0]["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
        p = Prometheus(tmp_path / "prometheus", None, hurried(), config)
        try:
            pid = s.processes()["imapd"]
            os.kill(pid, signal.SIGSTOP)
            wait_for(lambda: ("GKMailServiceDown", "firing") in pager.told, 90, "the pager")
            os.kill(pid, signal.SIGCONT)
            wait_for(lambda: ("GKMailServiceDown", "resolved") in pager.told, 90, "the pager, that it is over")
            subjects = lambda: [m for m in s.inbox("bob") if b"GKMailServiceDown" in m]  # noqa: E731
            wait_for(lambda: any(b"[RESOLVED]" in m for m in subjects()) and any(b"[FIRING:" in m for m in subjects()), 60, "the mail")
        finally:
            p.stop()
            manager.terminate()
            manager.wait(30)
            pager.shutdown()
