"""The compose files, read as compose reads them: what they name is there, and every service has what production wants of it."""

import ipaddress
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
    mounted = {k: [re.sub(r"^\$\{\w+:-(.*?)\}", r"\1", v).split(":")[0] for v in s.get("volumes", [])] for k, s in each(compose)}
    for service, s in each(compose):
        assert set(s) <= {"image", "build", "hostname", "profiles", "security_opt", "cap_drop", "cap_add", "read_only", "environment",
                          "ports", "volumes", "tmpfs", "secrets", "networks", "ulimits", "restart", "init", "logging", "deploy",
                          "healthcheck", "stop_grace_period", "depends_on", "user", "command"}, service
        for source in mounted[service]:
            assert (DOCKER / source).exists() or "secrets" in source if source.startswith(".") else source in c["volumes"], source
        for kind in ("networks", "secrets"):
            for x in s.get(kind, []):
                assert x in c[kind], f"{service}: {x}"
        for other, how in s.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy" and "healthcheck" in c["services"][other], service
    used = {v for k, s in each(compose) for v in (*s.get("networks", []), *s.get("secrets", []), *mounted[k])}
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


def environment_of(c):
    from engine import interpolate
    return {k: interpolate(str(v)) for k, v in c["services"]["mail"]["environment"].items()}


def gkmail(tmp_path, environment, *words):
    from engine import GKMAIL
    (tmp_path / "gkmail.toml").write_text("")
    return subprocess.run([GKMAIL, "--config", tmp_path / "gkmail.toml", "--json", *words],
                          env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True)


def configures(tmp_path, environment):
    """Each GKMAIL_ variable is a setting that gkmail takes."""
    done = gkmail(tmp_path, environment, "config", "show")
    assert done.returncode == 0, done.stderr
    assert {k for k, v in environment.items() if v} <= {x["origin"] for x in json.loads(done.stdout).values()}


def test_the_environment_configures(compose, tmp_path):
    configures(tmp_path, environment_of(compose[1]))


def test_a_certificate_by_acme_needs_no_file(tmp_path):
    """compose.acme.yml takes the place of nothing but the certificate, and opens no further port."""
    c, over = load("compose.prod.yml"), load("compose.acme.yml")
    assert set(over) == {"services", "secrets"} and set(over["services"]) == {"mail"} and set(over["services"]["mail"]) == {"environment"}
    assert over["secrets"] == {x: {"file": "/dev/null"} for x in ("tls_certificate", "tls_key")}
    environment = {**environment_of(c), **environment_of(over)}
    configures(tmp_path, environment)
    done = gkmail(tmp_path, environment, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert environment["GKMAIL_ACME_CHALLENGE"] == "tls-alpn-01" and any(p.endswith(":443") for p in c["services"]["mail"]["ports"])


def test_the_model_is_where_the_server_looks(compose, tmp_path):
    """By address: gk-dnsd asks the DNS, which has no names of containers. And not as a local one, which only loopback is."""
    c = compose[1]
    url = environment_of(c)["GKMAIL_ASSISTANT_URL"]
    address = c["services"]["ollama"]["networks"]["llm"]["ipv4_address"]
    assert url == f"http://{address}:11434" and "llm" in c["services"]["mail"]["networks"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(c["networks"]["llm"]["ipam"]["config"][0]["subnet"])
    chosen = {k: v for k, v in environment_of(c).items() if "ASSISTANT" in k} | {"GKMAIL_ASSISTANT_PROVIDER": "ollama"}
    chosen["GKMAIL_SERVER_HOST_NAME"] = "mail.example.org"
    assert gkmail(tmp_path, chosen, "check").returncode != 0
    done = gkmail(tmp_path, {**chosen, "GKMAIL_ASSISTANT_LOCAL_ONLY": "false"}, "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_told_of():
    """docs/INSTALLATION.md, and its table in French, name each that a file takes from docker/.env but those of other services."""
    taken = set(re.findall(r"\$\{(\w+)", "".join(p.read_text() for p in DOCKER.glob("compose*.yml"))))
    told = {"BUILD_ID", "LOG_LEVEL"} | set(re.findall(r"^#?(\w+)=", (DOCKER / "env.example").read_text(), re.M))
    for name in ("INSTALLATION.md", "INSTALLATION.fr.md"):
        text = (ROOT / "docs" / name).read_text()
        assert {v for v in taken if f"`{v}`" not in text} <= told | {"GKMAIL_IMAGE", "OLLAMA_CPUS", "OLLAMA_MEMORY"}, name


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


def test_secrets_go_nowhere():
    """What the host keeps beside the compose files gets into no commit, no image's cache."""
    for name in (".gitignore", ".dockerignore"):
        lines = {x.rstrip("/") for x in (ROOT / name).read_text().splitlines()}
        assert {"docker/.env", "docker/secrets"} <= lines, name
