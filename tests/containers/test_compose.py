"""The compose files, read as compose reads them: what they name is there, and every service has what production wants of it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
FILES = ["compose.yml", "compose.prod.yml"]
CAPABILITIES = set(re.findall(r"CAP_(\w+)", re.search(r"needed\[\] = \{(.*?)\}", (ROOT / "lib/svc/confine.c").read_text(),
                                                      re.S).group(1)))


def load(name):
    return yaml.safe_load((DOCKER / name).read_text())


@pytest.fixture(params=FILES)
def compose(request):
    return request.param, load(request.param)


def each(compose):
    return compose[1]["services"].items()


def test_all_that_is_named_is_declared(compose):
    name, c = compose
    for service, s in each(compose):
        assert set(s) <= {"image", "build", "hostname", "profiles", "security_opt", "cap_drop", "cap_add", "read_only", "environment",
                          "ports", "volumes", "tmpfs", "secrets", "networks", "ulimits", "restart", "init", "logging", "deploy",
                          "healthcheck", "stop_grace_period", "depends_on", "user", "command"}, service
        for v in s.get("volumes", []):
            source = re.sub(r"^\$\{\w+:-(.*?)\}", r"\1", v).split(":")[0]
            assert (DOCKER / source).exists() or "secrets" in source if source.startswith(".") else source in c["volumes"], v
        for kind in ("networks", "secrets"):
            for x in s.get(kind, []):
                assert x in c[kind], f"{service}: {x}"
        for other, how in s.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy" and "healthcheck" in c["services"][other], service
    used = {v.split(":")[0] for _, s in each(compose) for kind in ("networks", "secrets", "volumes") for v in s.get(kind, [])}
    for kind in ("networks", "secrets", "volumes"):
        assert set(c.get(kind, {})) <= used, kind


def test_every_service_is_bounded_watched_and_logged(compose):
    name, c = compose
    for service, s in each(compose):
        limits = s["deploy"]["resources"]["limits"]
        assert limits["cpus"] and limits["memory"], service
        assert s["logging"]["options"]["max-size"] and s["stop_grace_period"] and s["restart"] in ("no", "unless-stopped"), service
        h = s["healthcheck"]
        assert h["test"][0] == "CMD" and h["interval"] and h["timeout"] and h["retries"] and h["start_period"], service
        assert ":" in s["image"].rpartition("/")[2] and not s["image"].endswith(":latest"), service


def test_production_gives_away_no_right():
    for service, s in load("compose.prod.yml")["services"].items():
        assert s["read_only"] is True and s["cap_drop"] == ["ALL"] and "no-new-privileges:true" in s["security_opt"], service
    mail = load("compose.prod.yml")["services"]["mail"]
    assert set(mail["cap_add"]) == CAPABILITIES
    assert load("compose.yml")["services"]["mail"]["cap_add"] == mail["cap_add"]
    networks = load("compose.prod.yml")["networks"]
    assert [n for n, how in networks.items() if not (how or {}).get("internal")] == ["outside"]


def test_the_environment_configures(compose, tmp_path):
    """Each GKMAIL_ variable is a setting that gkmail takes."""
    from engine import GKMAIL, interpolate
    _, c = compose
    environment = {k: interpolate(str(v)) for k, v in c["services"]["mail"]["environment"].items()}
    (tmp_path / "gkmail.toml").write_text("")
    done = subprocess.run([GKMAIL, "--config", tmp_path / "gkmail.toml", "--json", "config", "show"],
                          env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {k for k, v in environment.items() if v} <= {x["origin"] for x in json.loads(done.stdout).values()}


def test_nginx_takes_its_configuration(tmp_path):
    """But for names that compose alone resolves, and with a certificate."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    tmp_path / "tls_key", "-out", tmp_path / "tls_certificate", "-subj", "/CN=mail.example.org"],
                   check=True, capture_output=True)
    text = (DOCKER / "nginx.conf").read_text().replace("http://mail:", "http://127.0.0.1:")
    text = text.replace("/run/secrets", str(tmp_path)).replace("/run/nginx.pid", str(tmp_path / "pid"))
    (tmp_path / "nginx.conf").write_text(text)
    done = subprocess.run(["/usr/sbin/nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert "syntax is ok" in done.stderr, done.stderr


def test_prometheus_takes_its_configuration(tmp_path):
    """And asks what there is: the suite's service and port, from a network that it lets ask."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (make deps-check)")
    for file in (DOCKER / "prometheus.yml", ROOT / "etc/prometheus/gkmail-rules.yml"):
        shutil.copy(file, tmp_path)
    done = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    prometheus = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
    c = load("compose.prod.yml")
    target = prometheus["scrape_configs"][0]["static_configs"][0]["targets"][0]
    mail = c["services"]["mail"]["environment"]
    assert target == "mail:" + mail["GKMAIL_METRICS_LISTEN"].rpartition(":")[2]
    assert c["networks"]["monitoring"]["ipam"]["config"][0]["subnet"] in mail["GKMAIL_METRICS_NETWORKS"].split(",")
    assert c["networks"]["proxy"]["ipam"]["config"][0]["subnet"] in mail["GKMAIL_WEB_TRUSTED_PROXIES"].split(",")
    ours, theirs = (yaml.safe_load(p.read_text())["datasources"][0]["uid"] for p in
                    (DOCKER / "grafana-source.yml", ROOT / "etc/grafana/provisioning/datasources/gkmail.yml"))
    assert ours == theirs
