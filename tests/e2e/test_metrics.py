"""What gk-statd tells: /metrics, /health, /ready, and gkmail status."""

import http.client
import json
import os
import re
import signal
import socket
import time

import pytest
from conftest import make, wait_for

FAST = '[metrics]\nprobe_every = "200ms"\n'


def get(suite, path, method="GET", **headers):
    c = http.client.HTTPConnection("127.0.0.1", suite.port("metrics"), timeout=30)
    c.request(method, path, headers=headers)
    r = c.getresponse()
    body = r.read().decode()
    c.close()
    return r.status, r.getheader("Content-Type"), body


def metrics(suite):
    """{'name{labels}': value}"""
    status, _, text = get(suite, "/metrics")
    assert status == 200
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}


def health(suite):
    status, kind, body = get(suite, "/health")
    assert kind == "application/health+json"
    return status, json.loads(body)


def verdict(suite, check, component=None):
    found = [c for c in health(suite)[1]["checks"].get(check, []) if component in (None, c.get("componentId"))]
    return found[0]["status"] if found else None


@pytest.fixture(scope="module")
def quick(workdir):
    s = make(workdir, "--users", "3", config=FAST).start()
    yield s
    assert s.stop() == 0


def test_what_is_named_is_there(quick):
    quick.send()
    wait_for(lambda: len(quick.inbox("bob")) == 1)
    # What gk-statd knows may be of a moment ago, when the suite was starting.
    wait_for(lambda: get(quick, "/ready")[0] == 200)
    now = metrics(quick)
    names = {re.split(r"[{ ]", k)[0] for k in now}
    for name in ("smtp_sessions_total", "smtp_commands_duration_seconds_bucket", "imap_connections_active", "maildir_size_bytes",
                 "queue_size", "auth_attempts_total", "llm_requests_total", "llm_latency_seconds_bucket", "mcp_tool_calls_total",
                 "websocket_connections_active", "websocket_messages_total", "gkmail_queue_oldest_timestamp_seconds",
                 "gkmail_remote_class_total", "gkmail_dns_cache_hits_total", "gkmail_queue_sync_seconds_bucket",
                 "gkmail_imap_commands_duration_seconds_bucket", "gkmail_process_resident_memory_bytes",
                 "gkmail_process_restarts_total", "gkmail_certificate_expires_timestamp_seconds", "gkmail_dmarc_results_total",
                 "gkmail_auth_bans_total", "gkmail_approvals_made_total", "gkmail_disk_free_bytes"):
        assert name in names, name
    assert now["gkmail_smtp_messages_total"] >= 1 and now['auth_attempts_total{method="plain",result="ok"}'] >= 1
    for p in quick.status()["processes"]:
        assert now[f'gkmail_process_up{{process="{p["name"]}"}}'] == 1
        assert now[f'gkmail_process_resident_memory_bytes{{process="{p["name"]}"}}'] > 100_000
    with quick.imap("bob") as c:
        c.select("INBOX")
        wait_for(lambda: metrics(quick)['gkmail_process_resident_memory_bytes{process="owners"}'] > 0, what="an owner")
    # Bounded: however many users and hosts there are.
    assert len(now) < 1000


def test_sizes_of_mailboxes(quick):
    quick.send(body="x" * 3000 + "\r\n", to=("carol",))
    key = f'maildir_size_bytes{{user="{quick.user("carol")["address"]}"}}'
    wait_for(lambda: metrics(quick).get(key, 0) > 3000, 40, key)
    assert 'maildir_size_bytes{user="other"}' in metrics(quick)


def test_what_is_for_later_does_not_wait(fresh_suite):
    s = fresh_suite(config=FAST)
    a = s.user("alice")["address"]
    with s.smtp("alice") as c:
        c.docmd(f"MAIL FROM:<{a}> HOLDFOR=3600")
        c.docmd(f"RCPT TO:<{a}>")
        c.data(b"Subject: later\r\n\r\nx\r\n")
    oldest = lambda: metrics(s)["gkmail_queue_oldest_timestamp_seconds"]  # noqa: E731
    assert metrics(s)["queue_size"] == 1
    pid = s.processes()["local"]
    os.kill(pid, signal.SIGSTOP)
    s.send()
    wait_for(lambda: metrics(s)["queue_size"] == 2 and abs(oldest() - time.time()) < 60)
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: metrics(s)["queue_size"] == 1 and oldest() == 0)


def test_only_the_largest_are_named(fresh_suite):
    s = fresh_suite("--users", "5", config=FAST + "users = 2\n")
    s.send(to=("carol",))
    named = lambda: [k for k in metrics(s) if k.startswith("maildir_size_bytes")]  # noqa: E731
    wait_for(lambda: any("carol" in k for k in named()))
    assert len(named()) == 3 and metrics(s)["gkmail_users"] == 5


def test_openmetrics(quick):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    old = pytest.importorskip("prometheus_client.parser")
    status, kind, text = get(quick, "/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert status == 200 and kind.startswith("application/openmetrics-text; version=1.0.0")
    open_names = {f.name for f in parser.text_string_to_metric_families(text)}
    status, kind, text = get(quick, "/metrics")
    assert kind.startswith("text/plain; version=0.0.4")
    assert {f.name for f in old.text_string_to_metric_families(text)} == open_names and len(open_names) > 80


def test_health_is_of_what_answers(quick):
    s = quick
    listeners = [x for x in s.status()["listeners"] if x["name"] != "metrics"]
    assert len(listeners) == 6
    for x in listeners:
        wait_for(lambda: verdict(s, x["name"] + ":responseTime", x["address"]) == "pass", what=x["name"])
    for check in ("accounts:responseTime", "disk:utilization", "certificate:validity", "queue:size", "dns:responseTime"):
        wait_for(lambda: verdict(s, check) in ("pass", "warn"), what=check)
    status, h = health(s)
    failing = [(n, c) for n, v in h["checks"].items() for c in v if c["status"] == "fail"]
    assert status == 200 and not failing and h["status"] in ("pass", "warn") and "llm:responseTime" not in h["checks"]
    assert get(s, "/ready")[0] == 200


@pytest.mark.parametrize("name,checks", [("smtpd", ["smtp", "submission", "submissions"]), ("imapd", ["imap", "imaps"]),
                                         ("webd", ["https"])])
def test_a_daemon_that_hangs_is_noticed(fresh_suite, name, checks):
    """Its process runs and its port takes connections: only who reads the greeting notices."""
    s = fresh_suite(config=FAST)
    wait_for(lambda: all(verdict(s, c + ":responseTime") == "pass" for c in checks))
    pid = s.processes()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: all(verdict(s, c + ":responseTime") == "fail" for c in checks), 60)
        assert health(s)[0] == 503
        key = next(k for k in metrics(s) if k.startswith(f'gkmail_probe_up{{what="{checks[0]}"'))
        assert metrics(s)[key] == 0
        wait_for(lambda: f"stat.down what={checks[0]}" in s.log())
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: all(verdict(s, c + ":responseTime") == "pass" for c in checks), 60)


def test_a_provider_that_is_away_is_a_warning(fresh_suite):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        s = fresh_suite(config=FAST + f'[assistant]\nprovider = "ollama"\nmodel = "m"\nurl = "http://127.0.0.1:{port}"\n')
        wait_for(lambda: verdict(s, "llm:responseTime") == "warn" and 'gkmail_probe_up{what="llm",address=""}' in metrics(s))
        assert health(s)[0] == 200 and metrics(s)['gkmail_probe_up{what="llm",address=""}'] == 0
        free.listen()
        free.settimeout(30)

        def answered():
            c, _ = free.accept()
            with c:
                c.recv(4096)
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return verdict(s, "llm:responseTime") == "pass"

        wait_for(answered)


def test_a_full_disk_fails(fresh_suite):
    s = fresh_suite(config=FAST + '[queue]\nmin_free = "1TiB"\n')
    status, h = health(s)
    assert status == 503 and h["status"] == "fail" and "new mail is refused" in json.dumps(h["checks"]["disk:utilization"])


def test_what_is_refused(quick):
    s = quick
    assert get(s, "/")[0] == 404 and get(s, "/metrics/../health")[0] == 404
    assert get(s, "/metrics", "POST")[0] == 405
    status, _, body = get(s, "/ready", "HEAD")
    assert status == 200 and body == ""
    for raw in (b"GET /metrics\r\n\r\n", b"\0" * 100, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", s.port("metrics")), timeout=30) as c:
            c.sendall(raw)
            try:
                answer = c.recv(100)
            except ConnectionResetError:
                answer = b""
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer
    assert get(s, "/ready")[0] == 200


def test_who_is_not_of_the_networks_is_hung_up_on(fresh_suite):
    s = fresh_suite(config='[metrics]\nnetworks = ["192.0.2.0/24"]\n')
    with socket.create_connection(("127.0.0.1", s.port("metrics")), timeout=30) as c:
        c.sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            assert c.recv(100) == b""
        except ConnectionResetError:
            pass
    wait_for(lambda: "stat.refused peer=127.0.0.1" in s.log())


def test_many_idle_clients_starve_nobody_for_long(quick):
    held = [socket.create_connection(("127.0.0.1", quick.port("metrics")), timeout=30) for _ in range(80)]

    def served():
        try:
            return get(quick, "/ready")[0] == 200
        except OSError:
            return False

    wait_for(served)
    for c in held:
        c.close()


def test_status_at_a_glance(quick):
    """What is wrong first; then the numbers, as /metrics has them."""
    s = quick
    with s.imap("bob"), s.smtp("alice"):
        wait_for(lambda: metrics(s)["gkmail_users"] == 3, 60, "the users")
        text, now = s.ctl("status", check=False).stdout, metrics(s)
    lines = {line.split("  ")[0]: line for line in text.partition("\nPROCESS ")[0].splitlines()}
    assert text.splitlines()[0].endswith("all ready") and text.splitlines()[1].startswith("health: ")
    assert lines["queue"].endswith(" 0 waiting")
    assert f"{now['gkmail_smtp_messages_total']:.0f} taken, " in lines["mail"] and " 0 bounced" in lines["mail"]
    # Ours, and as many as gk-statd tries listeners with just then.
    assert re.search(r"SMTP [1-9], IMAP [1-9], HTTP \d+;", lines["connections"]) and "users 3, messages " in lines["mailboxes"]
    assert re.search(r" [1-9]\d* good, 0 failed, 0 bans", lines["logins"])
    assert re.search(r"good for 36\d\d d \(/.*certificate\.pem\)", lines["certificate"])
    assert re.search(r"[\d.]+ [MGT]iB of [\d.]+ [MGT]iB free \((data|run)\)", lines["disk"]) and " MiB, " in lines["memory"]
    assert re.search(r"^statd +\d+ +ready +0 +\S+.* +[\d.]+ MiB$", text, re.M)
    pid = s.processes()["local"]
    os.kill(pid, signal.SIGSTOP)
    try:
        s.send()
        wait_for(lambda: re.search(r"^queue +1 waiting, the oldest for 0 min$", s.ctl("status", check=False).stdout, re.M))
    finally:
        os.kill(pid, signal.SIGCONT)
