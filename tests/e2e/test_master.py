"""gk-master: starts, refuses to start, restarts what dies, takes up a new configuration, drains, rotates its log."""

import contextlib
import errno
import json
import os
import re
import select
import shutil
import signal
import smtplib
import socket
import subprocess
import threading
import time
import tomllib

import pytest
from conftest import BIN, wait_for

DAEMONS = ["authd", "dnsd", "queue", "local", "remote", "screen", "sign", "mailboxd", "smtpd", "imapd", "webd", "mcpd", "aid", "connect", "statd", "acme"]
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warn|info|debug) (master|authd|dnsd|screen|sign|queue|local|remote|mailboxd|"
                  r"smtpd|imapd|webd|mcpd|aid|connect|statd|acme) [a-z]+\.[a-z_0-9]+( [a-z_]+=(\"([^\"\\]|\\.)*\"|[^ \"]*))*$")


# ---- helpers ----

def toml_text(conf):
    def value(v):
        if isinstance(v, bool):
            return str(v).lower()
        return json.dumps(v)
    return "".join(f"[{section}]\n" + "".join(f"{k} = {value(v)}\n" for k, v in keys.items())
                   for section, keys in conf.items())


@contextlib.contextmanager
def configuration(suite, **changes):
    """section__key=value in the suite's file; afterwards the file and what is in force are as before."""
    path = suite.dir / "gkmail.toml"
    before = path.read_text()
    conf = tomllib.loads(before)
    for name, v in changes.items():
        section, key = name.split("__")
        conf.setdefault(section, {})[key] = v
    path.write_text(toml_text(conf))
    try:
        yield
    finally:
        path.write_text(before)
        suite.ctl("reload")


def events(suite, event):
    return [x for x in suite.log().splitlines() if x.split()[3:4] == [event]]


def hup(suite):
    """SIGHUP, and how it ended: the log's line."""
    def ended():
        return events(suite, "master.reloaded") + events(suite, "master.reload_refused")
    before = len(ended())
    os.kill(suite.info["pid"], signal.SIGHUP)
    return wait_for(lambda: sorted(ended())[before:], what="the end of the reload")[-1]


def state_of(suite, name):
    return next(p for p in suite.status()["processes"] if p["name"] == name)


def try_state(suite, name):
    r = suite.ctl("status", "--json", check=False)
    return next((p for p in json.loads(r.stdout)["processes"] if p["name"] == name), {}) if r.stdout else {}


def works(suite):
    """A message goes from alice to bob."""
    subject = f"works {time.monotonic_ns()}"
    suite.send(subject=subject)
    wait_for(lambda: any(subject.encode() in m for m in suite.inbox("bob")), what=subject)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), 10).close()
    except ConnectionRefusedError:
        return True
    return False


def end_of(suite, seconds):
    code = suite.process.wait(seconds)
    suite.process.stdout.close()
    suite.process = None
    return code


# ---- a configuration that is wrong at the start ----

GOOD = {
    "server": {"host_name": "a.test"},
    "smtp": {"listen": ["127.0.0.1:0"]},
    "submission": {"listen": ["127.0.0.1:0"], "listen_tls": ["127.0.0.1:0"]},
    "imap": {"listen": ["127.0.0.1:0"], "listen_tls": ["127.0.0.1:0"]},
    "web": {"listen": ["127.0.0.1:0"]},
    "metrics": {"listen": ["127.0.0.1:0"]},
}


@pytest.fixture
def base(workdir):
    """A directory below which gk-master can run, for one test."""
    path = workdir / f"m{time.monotonic_ns()}"
    path.mkdir()
    path.chmod(0o755)
    return path


def conf_file(base, text="", **changes):
    """gkmail.toml that would do, with changes (section__key=value) and text after it."""
    conf = json.loads(json.dumps(GOOD))
    conf["server"] |= {"data_dir": str(base / "data"), "run_dir": str(base / "run")}
    conf["log"] = {"to": str(base / "log")}
    for name, v in changes.items():
        section, key = name.split("__")
        conf.setdefault(section, {})[key] = v
        if v is None:
            del conf[section][key]
    file = base / "gkmail.toml"
    file.write_text(toml_text(conf) + text)
    return file


def command(file, *args, program=BIN / "gk-master"):
    return [str(program), "-c", str(file), *(["-U", "64000"] if os.geteuid() == 0 else []), *args]


def refusal(file, *args, env=None, program=BIN / "gk-master"):
    """What gk-master says when it refuses to start."""
    r = subprocess.run(command(file, *args, program=program), capture_output=True, text=True, timeout=30,
                       env=dict(os.environ, **(env or {})))
    assert r.returncode == 78, (r.returncode, r.stderr)
    assert r.stderr.startswith("gk-master: ") and r.stderr.count("\n") == 1, r.stderr
    return r.stderr[len("gk-master: "):-1]


@pytest.mark.parametrize("text,said", [
    ("[limits]\nconections = 3\n", r":(\d+):1: limits\.conections: no such key; did you mean connections\?"),
    ("[limitz]\nconnections = 3\n", r":(\d+):2: \[limitz\]: no such section; did you mean \[limits\]\?"),
    ("[limits]\nconnections = 'many'\n", r":(\d+):15: limits\.connections: .* write a number, from 1 to 1000000"),
    ("[limits]\nconnections = 0\n", r":(\d+):15: limits\.connections: \"0\" is not taken; write a number, from 1"),
    ("[queue]\nlifetime = '5 moons'\n", r":(\d+):12: queue\.lifetime: .* write a duration"),
    ("[auth]\nmechanisms = 'PLAIN'\n", r":(\d+):14: auth\.mechanisms: .* write a list of strings"),
    ("[limits]\nconnections = [\n", r":(\d+):1: "),
])
def test_wrong_configuration_is_refused_with_its_place(base, text, said):
    file = conf_file(base, text)
    error = refusal(file)
    m = re.match(re.escape(str(file)) + said, error)
    assert m, error
    lines = file.read_text().splitlines()
    assert int(m[1]) in (len(lines), len(lines) - 1, len(lines) + 1)


def test_missing_host_name(base):
    error = refusal(conf_file(base, server__host_name=None))
    assert str(base / "gkmail.toml") in error and 'write host_name = "mail.example.org"' in error


def test_missing_file(base):
    assert str(base / "none.toml") in refusal(base / "none.toml")


@pytest.mark.parametrize("changes,said", [
    ({"smtp__listen": ["127.0.0.1:x"]}, r":\d+:\d+: smtp\.listen: .*write ADDRESS:PORT"),
    ({"imap__listen_tls": ["192.0.2.1:993"]}, r":\d+: imap\.listen_tls: listen on 192\.0\.2\.1:993: Cannot assign"),
    ({"log__to": "/nonexistent/log"}, r":\d+: log\.to: open /nonexistent/log: No such file"),
    ({"server__run_dir": "relative"}, r":\d+:\d+: server\.run_dir: .*absolute path"),
    ({"tls__certificate": "/nonexistent", "tls__key": "/nonexistent"},
     r":\d+: tls\.certificate: open /nonexistent: No such file"),
    ({"tls__certificate": "/etc/hostname", "tls__key": "/etc/hostname"},
     r":\d+: tls\.certificate: /etc/hostname .*no PEM in it"),
    ({"tls__certificate": "/etc/hostname"}, r": tls\.certificate is set but tls\.key is not; write both"),
    ({"auth__mechanisms": ["PLAIN", "NTLM"]}, r":\d+:\d+: auth\.mechanisms"),
])
def test_values_that_cannot_be_are_refused_with_their_place(base, changes, said):
    file = conf_file(base, **changes)
    error = refusal(file)
    assert re.match(re.escape(str(file)) + said, error), error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_certificate(base):
    (base / "secret").write_text("")
    (base / "secret").chmod(0)
    file = conf_file(base, tls__certificate=str(base / "secret"), tls__key=str(base / "secret"))
    assert "tls.certificate: open " in refusal(file) and "Permission denied" in refusal(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="as root it could start")
def test_required_sandbox_takes_root(base):
    error = refusal(conf_file(base, server__sandbox="required"))
    assert re.search(r":\d+: server\.sandbox: .*start gk-master as root", error), error


def test_key_of_another_certificate(base):
    for n in ("one", "two"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", f"/CN={n}.test", "-keyout", base / f"{n}.key", "-out", base / f"{n}.pem"],
                       check=True, capture_output=True)
    file = conf_file(base, tls__certificate=str(base / "one.pem"), tls__key=str(base / "two.key"))
    error = refusal(file)
    assert re.match(re.escape(str(file)) + r":\d+: tls\.certificate: .*one\.pem with .*two\.key.*mismatch", error), error


def test_port_in_use(base):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        file = conf_file(base, smtp__listen=[f"127.0.0.1:{port}"])
        error = refusal(file)
    assert re.match(re.escape(str(file)) + rf":\d+: smtp\.listen: listen on 127\.0\.0\.1:{port}: Address already in use",
                    error), error


def test_a_daemon_that_cannot_start_says_why(base):
    auth = base / "data" / "auth"
    auth.mkdir(parents=True)
    (auth / "accounts.db").write_bytes(b"no database " * 1000)
    if os.geteuid() == 0:
        os.chown(auth / "accounts.db", 64001, 64001)
    error = refusal(conf_file(base))
    assert error.startswith("gk-authd cannot start: accounts.db") and "file is not a database" in error


def test_a_missing_program_is_named(base):
    shutil.copy(BIN / "gk-master", base / "gk-master")
    error = refusal(conf_file(base), program=base / "gk-master")
    assert error == f"gk-authd cannot start: {base}/gk-authd: No such file or directory"


def test_wrong_use(base):
    for args in (["-x"], ["word"], ["-U", "0"], ["-c"]):
        r = subprocess.run([BIN / "gk-master", *args], capture_output=True, text=True, timeout=10)
        assert r.returncode == 2 and "usage: gk-master" in r.stderr
    for name in DAEMONS:
        r = subprocess.run([BIN / f"gk-{name}"], capture_output=True, text=True, timeout=10, close_fds=True)
        assert r.returncode == 2 and "started by gk-master" in r.stderr


# ---- what overrides what ----

@contextlib.contextmanager
def master(file, *args, env=None):
    """gk-master alone, until all is ready."""
    base = file.parent
    p = subprocess.Popen(command(file, *args), env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: p.poll() is not None or (base / "log").exists() and
                 "master.all_ready" in (base / "log").read_text(), what="all ready")
        yield p
    finally:
        p.terminate()
        assert p.wait(30) == 0
        (base / "log").unlink()


def test_environment_over_file_and_command_line_over_both(base):
    port = free_port()
    file = conf_file(base, smtp__max_size="1MiB", smtp__listen=[f"127.0.0.1:{port}"])
    env = {"GKMAIL_SMTP_MAX_SIZE": "2MiB"}

    def announced():
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as c:
            c.ehlo("client.test")
            return int(c.esmtp_features["size"])
    with master(file):
        assert announced() == 1 << 20
    with master(file, env=env):
        assert announced() == 2 << 20
    with master(file, "-o", "smtp.max_size=3MiB", env=env):
        assert announced() == 3 << 20
    error = refusal(file, env={"GKMAIL_SMTP_MAX_SIZE": "huge"})
    assert error.startswith("GKMAIL_SMTP_MAX_SIZE in the environment: smtp.max_size: ")
    error = refusal(file, "-o", "smtp.max_sise=1MiB")
    assert error == "command line: smtp.max_sise: no such key; did you mean max_size?"


# ---- one suite for what follows ----

def test_one_master_for_a_run_dir(suite):
    error = refusal(suite.dir / "gkmail.toml")
    assert error == f"another gk-master (pid {suite.info['pid']}) runs on {suite.dir}/run"
    works(suite)


@pytest.mark.parametrize("name", DAEMONS)
def test_killed_daemon_is_started_again(suite, name):
    before = state_of(suite, name)
    os.kill(before["pid"], signal.SIGKILL)
    wait_for(lambda: try_state(suite, name).get("pid") not in (0, None, before["pid"]), what=f"another {name}")
    after = wait_for(lambda: try_state(suite, name).get("state") == "ready" and try_state(suite, name))
    assert after["restarts"] == before["restarts"] + 1
    assert any(f"process={name} pid={before['pid']} signal=9" in x for x in events(suite, "master.crash"))
    works(suite)


def test_gauges_begin_anew_after_a_crash(suite):
    def gauge():
        text = suite.ctl("status", "--metrics").stdout
        return int(re.search(r"^gkmail_smtp_connections_active (\d+)$", text, re.M)[1])
    clients = [suite.connect("smtp") for _ in range(3)]
    wait_for(lambda: gauge() == 3, what="three connections")
    os.kill(state_of(suite, "smtpd")["pid"], signal.SIGKILL)
    wait_for(lambda: gauge() == 0, what="no connection")
    for c in clients:
        c.close()
    wait_for(lambda: state_of(suite, "smtpd")["state"] == "ready")
    works(suite)


def test_patience_grows(fresh_suite):
    suite = fresh_suite("--users", "2")
    for i in range(5):
        pid = wait_for(lambda: try_state(suite, "imapd").get("state") == "ready" and try_state(suite, "imapd")["pid"])
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(events(suite, "master.crash")) == i + 1)
    wait_for(lambda: try_state(suite, "imapd").get("state") == "ready")

    def ms(line):
        h, m, s = line.split("T")[1].split("Z")[0].split(":")
        return int(h) * 3600000 + int(m) * 60000 + int(float(s) * 1000)
    crashes = [ms(x) for x in events(suite, "master.crash")]
    ready = [ms(x) for x in events(suite, "master.ready") if "process=imapd" in x][1:]
    waits = [r - c for c, r in zip(crashes, ready)]
    assert all(w >= least for w, least in zip(waits, (0, 50, 100, 200, 400))), waits
    works(suite)


class Visitors(threading.Thread):
    """Connects again and again to every port; what went wrong."""

    def __init__(self, suite):
        super().__init__(daemon=True)
        self.suite, self.wrong, self.visits, self.running = suite, [], 0, True

    def run(self):
        ports = ["smtp", "submission", "imap"]
        while self.running:
            name = ports[self.visits % len(ports)]
            try:
                with self.suite.connect(name) as s:
                    greeting = s.recv(512)
                    if not greeting.startswith(b"* OK" if name == "imap" else b"220 "):
                        self.wrong.append((name, greeting))
            except OSError as e:
                self.wrong.append((name, e))
            self.visits += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.join(30)


def test_reload_drops_nobody(suite):
    pids = suite.processes()
    with suite.smtp("alice") as smtp, suite.imap("bob") as imap, suite.imap("carol") as idle, \
            Visitors(suite) as visitors:
        smtp.mail(suite.user("alice")["address"])
        imap.select("INBOX")
        idle.select("INBOX")
        idle.send(b"i1 IDLE\r\n")
        assert idle.readline().startswith(b"+")
        for _ in range(8):
            assert "master.reloaded" in hup(suite)
        assert smtp.rcpt(suite.user("carol")["address"])[0] == 250
        assert smtp.data("Subject: over reloads\r\n\r\nhello\r\n")[0] == 250
        assert imap.noop()[0] == "OK"
        assert b"EXISTS" in idle.readline()
        idle.send(b"DONE\r\n")
        while not idle.readline().startswith(b"i1 OK"):
            pass
    assert visitors.wrong == [] and visitors.visits > 20
    assert suite.processes() == pids


def test_many_reloads_at_once_end_with_the_last(suite):
    path = suite.dir / "gkmail.toml"
    before = path.read_text()
    try:
        for size in (3, 4, 5, 6, 7):
            conf = tomllib.loads(before)
            conf.setdefault("smtp", {})["max_size"] = f"{size}MiB"
            path.write_text(toml_text(conf))
            os.kill(suite.info["pid"], signal.SIGHUP)

        def size():
            with suite.smtp(None, port="smtp", tls=False) as c:
                return int(c.esmtp_features["size"])
        wait_for(lambda: size() == 7 << 20, what="the last one")
    finally:
        path.write_text(before)
        hup(suite)


def test_listeners_change_at_reload(suite):
    new = free_port()
    old = f"127.0.0.1:{suite.port('smtp')}"
    first = tomllib.loads((suite.dir / "gkmail.toml").read_text())["smtp"]["listen"][0]
    with suite.connect("smtp") as waiting:
        assert waiting.recv(512).startswith(b"220")
        with configuration(suite, smtp__listen=[first, f"127.0.0.1:{new}"]):
            assert "master.reloaded" in hup(suite)
            with socket.create_connection(("127.0.0.1", new), 10) as s:
                assert s.recv(512).startswith(b"220")
            with suite.connect("smtp") as s:
                assert s.recv(512).startswith(b"220")
            assert [x["address"] for x in suite.status()["listeners"] if x["name"] == "smtp"] == \
                [old, f"127.0.0.1:{new}"]
            kept = socket.create_connection(("127.0.0.1", new), 10)
            assert kept.recv(512).startswith(b"220")
        wait_for(lambda: refuses(new), what="the port to close")
        kept.sendall(b"NOOP\r\n")  # the port is closed, the connection is not
        assert kept.recv(512).startswith(b"250")
        kept.close()
        waiting.sendall(b"QUIT\r\n")
        assert waiting.recv(512).startswith(b"221")


def test_a_listener_widens_and_narrows(suite):
    """127.0.0.1 becomes * and is itself again, on one port, while clients come."""
    port = free_port()
    first = tomllib.loads((suite.dir / "gkmail.toml").read_text())["smtp"]["listen"][0]
    with configuration(suite, smtp__listen=[first, f"127.0.0.1:{port}"]):
        assert "master.reloaded" in hup(suite)
        for address in (f"*:{port}", f"127.0.0.1:{port}", f"0.0.0.0:{port}", f"*:{port}"):
            with configuration(suite, smtp__listen=[first, address]):
                assert "master.reloaded" in hup(suite)
                with socket.create_connection(("127.0.0.1", port), 10) as s:
                    assert s.recv(512).startswith(b"220")
                assert len([x for x in suite.status()["listeners"] if x["name"] == "smtp"]) == 2
        # Another program's port stays its own.
        with socket.create_server(("127.0.0.1", 0)) as s, \
                configuration(suite, smtp__listen=[first, f"127.0.0.1:{s.getsockname()[1]}"]):
            assert "Address already in use" in hup(suite)


def test_who_waits_at_a_port_that_goes_is_served(suite):
    """A port goes away while hundreds wait to be let in, and is there again before it is quite gone."""
    port = free_port()
    first = tomllib.loads((suite.dir / "gkmail.toml").read_text())["smtp"]["listen"][0]
    both = {"smtp__listen": [first, f"127.0.0.1:{port}"]}
    waiting = []
    with configuration(suite, **both):
        assert "master.reloaded" in hup(suite)
        pid = state_of(suite, "smtpd")["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            waiting += [socket.create_connection(("127.0.0.1", port), 20) for _ in range(300)]
            with configuration(suite, smtp__listen=[first]):
                os.kill(suite.info["pid"], signal.SIGHUP)
                os.kill(pid, signal.SIGCONT)
                for c in waiting:
                    assert c.recv(512).startswith(b"220")
        finally:
            os.kill(pid, signal.SIGCONT)
        with socket.create_connection(("127.0.0.1", port), 20) as s:
            assert s.recv(512).startswith(b"220")
    for c in waiting:
        c.close()
    wait_for(lambda: refuses(port), what="the port to close")


def test_nobody_new_comes_to_a_port_that_goes(suite):
    """It is served for a moment yet, for those whose handshake had begun: whoever comes later would be cut off in the middle."""
    port = free_port()
    first = tomllib.loads((suite.dir / "gkmail.toml").read_text())["smtp"]["listen"][0]
    with configuration(suite, smtp__listen=[first, f"127.0.0.1:{port}"]):
        assert "master.reloaded" in hup(suite)
        with socket.create_connection(("127.0.0.1", port), 20) as before, socket.socket() as late, \
                configuration(suite, smtp__listen=[first]):
            assert before.recv(512).startswith(b"220")
            assert "master.reloaded" in hup(suite)
            late.setblocking(False)
            assert late.connect_ex(("127.0.0.1", port)) in (errno.EINPROGRESS, errno.ECONNREFUSED)
            assert select.select([], [late], [], 30)[1] == [late]
            with pytest.raises(OSError):
                late.getpeername()
            before.sendall(b"NOOP\r\n")
            assert before.recv(512).startswith(b"250")


@pytest.mark.parametrize("changes,said", [
    ({"smtp__max_sise": "1MiB"}, r":\d+:1: smtp\.max_sise: no such key; did you mean max_size\?"),
    ({"smtp__max_size": "2MiB", "imap__listen": ["192.0.2.1:143"]}, r":\d+: imap\.listen: listen on 192\.0\.2\.1:143"),
    ({"smtp__max_size": "2MiB", "log__to": "/nonexistent/log"}, r":\d+: log\.to: open /nonexistent/log"),
    ({"smtp__max_size": "2MiB", "tls__key": "/etc/hostname"}, r":\d+: tls\.certificate: .*private key"),
    ({"smtp__max_size": "2MiB", "server__data_dir": "/tmp/elsewhere"}, r":\d+: server\.data_dir takes a restart"),
])
def test_wrong_new_configuration_changes_nothing(suite, changes, said):
    pids, listeners = suite.processes(), suite.status()["listeners"]
    with configuration(suite, **changes):
        line = hup(suite)
        assert "master.reload_refused" in line and re.search(re.escape(str(suite.dir / "gkmail.toml")) + said, line), line
        r = suite.ctl("reload", check=False)
        assert r.returncode == 1 and re.search(said, r.stderr) and "nothing was changed" in r.stderr
        with suite.smtp(None, port="smtp", tls=False) as c:
            assert int(c.esmtp_features["size"]) == 50 << 20
        works(suite)
    assert suite.processes() == pids and suite.status()["listeners"] == listeners


def test_a_daemon_killed_during_a_reload_gets_the_new_one(suite):
    with configuration(suite, smtp__max_size="9MiB"):
        os.kill(state_of(suite, "smtpd")["pid"], signal.SIGKILL)
        assert "master.reloaded" in hup(suite)

        def size():
            with suite.smtp(None, port="smtp", tls=False) as c:
                return int(c.esmtp_features["size"])
        wait_for(lambda: size() == 9 << 20, what="the new size")
    works(suite)


def test_a_daemon_that_ended_during_a_refused_reload_comes_back(suite):
    key = suite.dir / "api_key"
    none = suite.dir / "no_anchor"
    none.touch()
    key.write_text("of two\nlines\n")
    pids = suite.processes()
    aid, queue = (state_of(suite, name)["pid"] for name in ("aid", "queue"))
    with configuration(suite, assistant__provider="openai", assistant__model="m",
                       assistant__api_key_file=str(key), dns__trust_anchor=str(none)), contextlib.ExitStack() as undo:
        for pid in (aid, queue):
            os.kill(pid, signal.SIGSTOP)
        undo.callback(os.kill, queue, signal.SIGCONT)
        refused = len(events(suite, "master.reload_refused"))
        os.kill(suite.info["pid"], signal.SIGHUP)
        os.kill(aid, signal.SIGKILL)
        wait_for(lambda: try_state(suite, "aid").get("state") == "ended", what="aid to end of the new configuration")
        assert len(events(suite, "master.reload_refused")) == refused, "not decided while the queue stands still"
        undo.close()
        wait_for(lambda: len(events(suite, "master.reload_refused")) > refused, what="the refusal")
        wait_for(lambda: try_state(suite, "aid").get("state") == "ready", what="aid with the old configuration")
    assert {n: p for n, p in suite.processes().items() if n != "aid"} == {n: p for n, p in pids.items() if n != "aid"}
    works(suite)


def test_new_certificate_at_reload(suite):
    directory = suite.dir / "tls"
    names = ("certificate.pem", "key.pem")
    before = {n: (directory / n).read_bytes() for n in names}

    def served():
        with suite.connect("imaps", tls=False) as s:
            tls = suite.tls()
            tls.check_hostname = False
            tls.verify_mode = 0
            with tls.wrap_socket(s) as t:
                return t.getpeercert(binary_form=True)
    old = served()
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=new.test", "-keyout", directory / "key.pem", "-out",
                        directory / "certificate.pem"], check=True, capture_output=True)
        with suite.imap("bob") as c:
            assert "master.reloaded" in hup(suite)
            assert served() != old
            assert c.noop()[0] == "OK"
        os.kill(state_of(suite, "imapd")["pid"], signal.SIGKILL)
        wait_for(lambda: state_of(suite, "imapd")["state"] == "ready")
        assert served() != old
    finally:
        for n in names:
            (directory / n).write_bytes(before[n])
        suite.ctl("reload")
    assert served() == old


# ---- the log ----

def test_every_line_is_well_formed(suite):
    works(suite)
    lines = suite.log().splitlines()
    assert len(lines) > 10
    for line in lines:
        assert LINE.match(line), line


def test_one_message_has_one_id_everywhere(suite):
    suite.send(subject="followed")
    accepted = wait_for(lambda: events(suite, "smtp.accept"))[-1]
    mid = re.search(r" mid=(\S+)", accepted)[1]
    for daemon, event in (("queue", "queue.accept"), ("local", "local.deliver"), ("queue", "queue.deliver")):
        wait_for(lambda: any(x.split()[2] == daemon and f" mid={mid} " in x + " " for x in events(suite, event)),
                 what=f"{event} of {mid}")
    shown = suite.ctl("log", "--mid", mid).stdout
    assert {x.split()[2] for x in shown.splitlines()} >= {"smtpd", "queue", "local"}


def test_levels_by_component(suite):
    with configuration(suite, log__level="error", log__smtpd="info"):
        suite.ctl("reload")
        mark = len(suite.log().splitlines())
        suite.send(subject="quiet")
        wait_for(lambda: any(x.split()[2] == "smtpd" for x in suite.log().splitlines()[mark:]))
        wait_for(lambda: any(b"Subject: quiet" in m for m in suite.inbox("bob")))
        assert {x.split()[2] for x in suite.log().splitlines()[mark:] if x.split()[1] == "info"} == {"smtpd"}
    with configuration(suite, log__mailboxd="debug"):
        suite.ctl("reload")
        mark = len(suite.log().splitlines())
        with suite.imap("carol") as c:
            c.select("INBOX")
        with suite.imap("alice") as c:
            c.select("INBOX")
        wait_for(lambda: any(x.split()[1:3] == ["debug", "mailboxd"] for x in suite.log().splitlines()[mark:]))
    mark = len(suite.log().splitlines())
    works(suite)
    assert not any(x.split()[1] == "debug" for x in suite.log().splitlines()[mark:])


def test_rotated_log_is_let_go(suite):
    log, old = suite.dir / "log", suite.dir / "log.1"
    log.rename(old)
    try:
        os.kill(suite.info["pid"], signal.SIGUSR1)
        wait_for(lambda: log.exists() and "master.log_reopened" in log.read_text(), what="a new log")
        suite.ctl("status")  # every daemon has its message by the time it answers
        works(suite)
        size = old.stat().st_size
        works(suite)
        assert old.stat().st_size == size
        wait_for(lambda: {"smtpd", "queue", "local"} <= {x.split()[2] for x in log.read_text().splitlines()})
    finally:
        log.write_text(old.read_text() + log.read_text())
        os.kill(suite.info["pid"], signal.SIGUSR1)
        old.unlink()


def test_metrics_count(suite):
    def value(name):
        text = suite.ctl("status", "--metrics").stdout
        return int(re.search(rf"^{re.escape(name)} (\d+)$", text, re.M)[1])
    before = value("gkmail_smtp_messages_total"), value('gkmail_local_delivered_total{result="ok"}')
    suite.send(to=("bob", "carol"))
    wait_for(lambda: value('gkmail_local_delivered_total{result="ok"}') == before[1] + 2, what="two deliveries")
    assert value("gkmail_smtp_messages_total") == before[0] + 1


def test_log_as_json(fresh_suite):
    suite = fresh_suite("--users", "2", config="[log]\nformat = 'json'\n")
    suite.send()
    with pytest.raises(smtplib.SMTPAuthenticationError), suite.smtp(None) as c:
        c.login(suite.user("alice")["address"], 'wr"ong\\')
    wait_for(lambda: "local.deliver" in suite.log())
    assert suite.stop() == 0
    seen = set()
    for line in suite.log().splitlines():
        row = json.loads(line)
        assert list(row)[:5] == ["ts", "level", "daemon", "pid", "event"], row
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["ts"])
        assert row["level"] in ("error", "warn", "info", "debug") and isinstance(row["pid"], int)
        assert row["event"].split(".")[0] and all(re.fullmatch(r"[a-z_]+", k) for k in row)
        seen.add(row["event"])
    assert {"master.start", "smtp.accept", "queue.accept", "queue.deliver", "local.deliver", "auth.fail",
            "master.end"} <= seen


@pytest.mark.skipif(os.geteuid() != 0 or os.path.lexists("/dev/log"), reason="/dev/log takes root, and nobody there")
def test_log_to_syslog(base):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind("/dev/log")
        s.settimeout(20)
        try:
            file = conf_file(base, log__to="syslog")
            p = subprocess.Popen(command(file), stdin=subprocess.DEVNULL)
            lines = []
            while not any("master.all_ready" in x for x in lines):
                lines.append(s.recv(4096).decode())
            p.terminate()
            while not any("master.end" in x for x in lines):
                lines.append(s.recv(4096).decode())
            assert p.wait(30) == 0
        finally:
            os.unlink("/dev/log")
    for line in lines:  # facility mail is 2 << 3
        assert re.match(r"<(19|20|22|23)>gk-[a-z]+\[\d+\]: (error|warn|info|debug) [a-z]+ [a-z]+\.[a-z_]+", line), line
    assert {"gk-master", "gk-queue"} <= {re.match(r"<\d+>(gk-[a-z]+)", x)[1] for x in lines}


# ---- the end ----

def begin_data(suite, subject):
    """A client in the middle of DATA."""
    c = smtplib.SMTP("localhost", suite.port("submission"), timeout=30)
    c.ehlo("client.test")
    c.starttls(context=suite.tls())
    c.ehlo("client.test")
    u = suite.user("alice")
    c.login(u["address"], u["password"])
    c.mail(u["address"])
    c.rcpt(suite.user("bob")["address"])
    assert c.docmd("DATA")[0] == 354
    c.send(f"From: {u['address']}\r\nSubject: {subject}\r\n\r\nfirst half\r\n")
    return c


def test_drain_finishes_what_is_under_way(fresh_suite):
    suite = fresh_suite("--users", "2")
    body = "x" * 76 + "\r\n"
    suite.send(subject="large", body=body * 100_000)
    wait_for(lambda: len(suite.inbox("bob")) == 1)
    smtp = begin_data(suite, "over the end")
    reader = suite.connect("imaps", tls=True)
    u = suite.user("bob")
    reader.sendall(f"a LOGIN {u['address']} {u['password']}\r\nb SELECT INBOX\r\nc FETCH 1 BODY.PEEK[TEXT]\r\n".encode())
    got = b""
    while b"{" not in got or b"FETCH" not in got:
        got += reader.recv(100)
    master = suite.info["pid"]
    os.kill(master, signal.SIGTERM)
    wait_for(lambda: events(suite, "master.drain"))
    wait_for(lambda: refuses(suite.port("smtp")), what="the ports to close")
    time.sleep(0.2)
    smtp.send("second half\r\n.\r\n")
    assert smtp.getreply()[0] == 250
    smtp.close()
    while True:
        part = reader.recv(65536)
        if not part:
            break
        got += part
    reader.close()
    assert got.count(b"x" * 76 + b"\r\n") == 100_000
    assert re.search(rb"^c OK", got, re.M) and re.search(rb"^\* BYE", got, re.M), got[-200:]
    assert end_of(suite, 20) == 0
    assert not events(suite, "svc.drain_timeout") and not events(suite, "master.drain_timeout")
    assert len(events(suite, "master.drained")) == len(DAEMONS)
    suite.start()
    wait_for(lambda: any(b"over the end" in m and b"second half" in m for m in suite.inbox("bob")))


def test_drain_has_a_limit(fresh_suite):
    suite = fresh_suite("--users", "2", config="[server]\ndrain_timeout = '1s'\n")
    smtp = begin_data(suite, "never ends")
    began = time.monotonic()
    suite.process.send_signal(signal.SIGTERM)
    assert end_of(suite, 20) == 0
    assert time.monotonic() - began >= 0.9
    assert events(suite, "svc.drain_timeout")
    assert smtp.getreply()[0] == 421
    smtp.close()


def test_nobody_new_is_let_in_at_the_end(fresh_suite):
    """Who came before is told; who comes later finds no listener that closes under a handshake."""
    suite = fresh_suite("--users", "1")
    pid, address = state_of(suite, "smtpd")["pid"], ("127.0.0.1", suite.port("smtp"))
    os.kill(pid, signal.SIGSTOP)
    try:
        with socket.create_connection(address, 30) as before, socket.socket() as late:
            os.kill(suite.info["pid"], signal.SIGTERM)
            wait_for(lambda: events(suite, "master.drain"))
            late.setblocking(False)
            assert late.connect_ex(address) == errno.EINPROGRESS
            # The handshake of loopback is done within connect().
            assert select.select([], [late], [], 0)[1] == [], late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            os.kill(pid, signal.SIGCONT)
            said = b"".join(iter(lambda: before.recv(1000), b""))
            assert said.startswith(b"220 ") and b"\r\n421 4.3.2 " in said
            assert select.select([], [late], [], 30)[1] == [late]
            assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert end_of(suite, 20) == 0


def test_twice_is_now(fresh_suite):
    suite = fresh_suite("--users", "2", config="[server]\ndrain_timeout = '1h'\n")
    smtp = begin_data(suite, "never ends")
    pids = list(suite.processes().values())
    os.kill(suite.info["pid"], signal.SIGTERM)
    wait_for(lambda: events(suite, "master.drain"))
    os.kill(suite.info["pid"], signal.SIGTERM)
    end_of(suite, 20)
    assert events(suite, "master.killed")
    wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), what="the end of all")
    smtp.close()
    suite.start()
    works(suite)


def test_end_while_starting_is_no_failure(base):
    file = conf_file(base)
    for wait in (0.005, 0.02, 0.05):
        p = subprocess.Popen(command(file), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(wait)
        p.terminate()
        said = p.communicate(timeout=30)[1]
        # Before it watches for signals the default ends it.
        assert p.returncode in (0, -signal.SIGTERM) and said == b"", (p.returncode, said)


def test_nothing_outlives_a_killed_master(fresh_suite):
    suite = fresh_suite("--users", "2")
    pids = list(suite.processes().values())
    with suite.imap("bob") as c:
        c.select("INBOX")
        os.kill(suite.info["pid"], signal.SIGKILL)
        wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), what="the end of all")
    end_of(suite, 20)
    suite.start()
    works(suite)
