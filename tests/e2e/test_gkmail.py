"""gkmail's verbs on a running suite, and without one."""

import contextlib
import json
import os
import pty
import re
import signal
import socket
import subprocess
import termios
import time
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from conftest import BIN, Suite, wait_for

GKMAIL = str(BIN / "gkmail")
ROOT = Path(__file__).resolve().parents[2]


def gkmail(*args, env=None):
    """gkmail by itself; no setting of the outside changes what is tested."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith("GKMAIL_")}
    return subprocess.run([GKMAIL, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, env={**outside, **(env or {})})


def ask(suite, *args, **more):
    """What gkmail answers in JSON."""
    return json.loads(suite.ctl(*args, "--json", **more).stdout)


# ---- without a suite ----

def test_wrong_use_is_exit_2_and_says_how():
    for args in ([], ["usr"], ["user"], ["user", "add"], ["user", "add", "a@b", "c"], ["user", "list", "--foo"],
                 ["log", "--level", "loud"], ["--foo"], ["domain", "add", "x.test", "--quota", "big"]):
        done = gkmail(*args)
        assert done.returncode == 2, args
        assert "usage" in done.stderr or "--help" in done.stderr or "gkmail user add" in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize("args,said", [
    (["usr"], 'gkmail: there is no verb "usr"; did you mean user?'),
    (["user", "ad"], 'gkmail user: there is no verb "ad"; did you mean add?'),
    (["user"], "gkmail user: a verb is missing"),
    (["user", "add"], "gkmail: ADDRESS is missing\nusage: gkmail user add ADDRESS [--quota SIZE]"),
    (["apppass", "add", "a@b.test"], "gkmail: NAME is missing"),
    (["log", "--level"], "gkmail: --level needs a value behind it"),
    (["log", "--levl", "warn"], "gkmail: there is no option --levl here; did you mean --level?"),
    (["--jsn", "status"], "gkmail: there is no option --jsn here; did you mean --json?"),
    (["user", "list", "a", "b"], "gkmail: b is one argument too many"),
])
def test_wrong_use_says_what_is_wrong(args, said):
    done = gkmail(*args)
    assert done.returncode == 2 and done.stderr.startswith(said), done.stderr


def test_refusals_say_whom_they_are_about(suite):
    for args, said in [
        (["user", "del", "nobody"], f"gkmail: nobody@{suite.domain}: no such user\n"),
        (["user", "passwd", "nobody@x.test"], "gkmail: nobody@x.test: no such user\n"),
        (["user", "add", suite.user("bob")["address"]], f"gkmail: user {suite.user('bob')['address']} is already there\n"),
        (["user", "add", "a b@x.test"], "gkmail: a b@x.test: bad local part\n"),
        (["domain", "del", "x.test"], "gkmail: x.test: no such domain\n"),
        (["alias", "del", "x@x.test"], "gkmail: x@x.test: no such alias\n"),
        (["queue", "show", "x"], "gkmail: x: no such message in the queue\n"),
    ]:
        done = suite.ctl(*args, check=False, input="a long password\n")
        assert done.returncode == 1 and done.stderr == said, done.stderr
    # Nobody types a password for nothing.
    done = suite.ctl("user", "add", suite.user("bob")["address"], check=False, input="")
    assert "already there" in done.stderr


def test_a_local_part_names_a_user(fresh_suite):
    """Where there is one domain, or one user of all has it; else it is said whom it may mean."""
    s = fresh_suite("--users", "2")
    d = s.domain
    assert s.ctl("apppass", "add", "alice", "phone").stdout
    assert ask(s, "apppass", "list", "alice@" + d)[0]["name"] == "phone"
    s.ctl("user", "add", "dave", input="a long password\n")
    s.ctl("agent", "add", "dave", "desk")
    assert ask(s, "agent", "list", "dave")[0]["name"] == "desk"
    assert ask(s, "approve", "--user", "dave", "list") == [] and ask(s, "session", "list", "dave") == []
    assert "dave" in s.ctl("audit", "show", "--user", "dave").stdout and s.ctl("mailbox", "check", "dave")
    assert s.ctl("mcp", "--user", "dave", input="").returncode == 0
    s.ctl("domain", "add", "other.test")
    for address in ("alice@other.test", "erin@other.test"):
        s.ctl("user", "add", address, input="a long password\n")
    assert s.ctl("user", "quota", "erin", "1GiB").stdout.startswith("erin@other.test ")
    r = s.ctl("user", "quota", "alice", "1GiB", check=False)
    assert r.returncode == 1 and f"alice is several users: alice@{d}, alice@other.test; write which" in r.stderr
    assert "nobody: no such user in any of 2 domains" in s.ctl("user", "del", "nobody", check=False).stderr
    r = s.ctl("user", "add", "frank", check=False, input="a long password\n")
    assert r.returncode == 1 and "frank" in r.stderr


def test_check_looks_at_the_certificate(tmp_path):
    def check(cert, key):
        (tmp_path / "x.toml").write_text(f"host_name = 'a.example'\n[tls]\ncertificate = '{cert}'\nkey = '{key}'\n")
        return gkmail("check", tmp_path / "x.toml")
    done = check("/nonexistent/cert.pem", "/nonexistent/key.pem")
    assert done.returncode == 1 and "x.toml:3: tls.certificate: open /nonexistent/cert.pem" in done.stderr
    for n in "ab":
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", tmp_path / f"{n}.key", "-out", tmp_path / f"{n}.pem", "-subj", "/CN=a"], check=True,
                       capture_output=True)
    assert check(tmp_path / "a.pem", tmp_path / "a.key").returncode == 0
    done = check(tmp_path / "a.pem", tmp_path / "b.key")
    assert done.returncode == 1 and "do not belong together" in done.stderr
    done = check(tmp_path / "x.toml", tmp_path / "a.key")
    assert done.returncode == 1 and "BEGIN" in done.stderr


def test_tables_are_shown_explained_and_checked(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text('host_name = "a.example"\n[[route]]\ndomain = "*"\nhost = "relay.example"\ntls = "required"\n'
                    f'user = "me"\npassword_file = "{tmp_path}/password"\n[[route]]\ndomain = ".b.example"\n')
    shown = json.loads(gkmail("--config", file, "config", "show", "route", "--json").stdout)
    assert shown["route.0.host"] == {"value": "relay.example", "origin": f"{file}:4"}
    assert shown["route.1.domain"]["value"] == ".b.example" and shown["route.1.port"] == {"value": 25, "origin": "default"}
    text = gkmail("--config", file, "config", "show").stdout
    assert text.count("[[route]]") == 2 and 'domain = ".b.example"' in text
    assert "in the file alone" in gkmail("config", "explain", "route.host").stdout
    done = gkmail("check", file)
    assert done.returncode == 1 and f"{file}:7: route.password_file: open {tmp_path}/password" in done.stderr
    (tmp_path / "password").write_text("secret\n")
    os.chmod(tmp_path / "password", 0o644)
    done = gkmail("check", file)
    assert done.returncode == 0 and "everybody on this machine can read the password" in done.stdout
    os.chmod(tmp_path / "password", 0o600)
    assert "password" not in gkmail("check", file).stdout
    file.write_text(file.read_text() + f'ca_file = "{tmp_path}/password"\n')
    done = gkmail("check", file)
    assert done.returncode == 1 and "route.ca_file" in done.stderr and "no certificate in it" in done.stderr


def test_help_has_an_example_for_every_verb():
    listed = re.findall(r"^  (\w+(?: \w+)?)  +\S", gkmail("--help").stdout, re.M)
    assert len(listed) > 25
    for verb in listed:
        text = gkmail(*verb.split(), "--help").stdout
        assert f"usage: gkmail {verb}" in text
        assert f"\n  gkmail {verb}" in text or f"gkmail {verb}" in text.split("\n\n", 2)[2], verb


def test_not_running_is_said(tmp_path, workdir):
    file = tmp_path / "gkmail.toml"
    file.write_text(f"[server]\nhost_name = 'a.example'\nrun_dir = '{workdir}'\n")
    done = gkmail("--config", file, "status")
    assert done.returncode == 1 and "is not running" in done.stderr and str(workdir) in done.stderr
    done = gkmail("user", "list", "--config", file, "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["error"]["code"] == "not-found"


def test_setup_writes_what_check_takes(tmp_path):
    file = tmp_path / "etc" / "gkmail.toml"
    done = gkmail("setup", "mail.example.org", "--postmaster", "me@example.org", "--config", file)
    assert done.returncode == 0 and f"gkmail --config {file} user add" in done.stdout, done.stderr
    assert gkmail("check", file).returncode == 0
    shown = json.loads(gkmail("config", "show", "--config", file, "--json").stdout)
    assert shown["server.host_name"]["value"] == "mail.example.org"
    assert shown["auth.postmaster"]["value"] == "me@example.org"
    # What is commented out is right too.
    text = re.sub(r"^#(\w+ = )", r"\1", file.read_text(), flags=re.M)
    text = re.sub(r"^(certificate|key) = .*\n", "", text, flags=re.M)
    file.write_text(text)
    assert gkmail("check", file).returncode == 0
    # A file that is there is left alone.
    done = gkmail("setup", "other.example.org", "--config", file)
    assert done.returncode == 1 and "--force" in done.stderr and file.read_text() == text
    done = gkmail("setup", "--config", file)
    assert done.returncode == 0 and "stays" in done.stdout and file.read_text() == text
    assert gkmail("setup", "other.example.org", "--force", "--config", file).returncode == 0
    assert [x.read_text() for x in file.parent.glob("gkmail.toml.*")] == [text]
    # Half of what was asked for is nothing.
    for wrong in (["a b"], ["mail.example.org", "--domain", "x y"], ["m.example.org", "--user", "you"],
                  ["m.example.org", "--domain", "x.test", "--user", "me@y.test"]):
        done = gkmail("setup", *wrong, "--config", tmp_path / "none.toml")
        assert done.returncode in (1, 2) and done.stderr.startswith("gkmail: "), wrong
        assert not (tmp_path / "none.toml").exists()


def test_check_names_the_place(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text('host_name = "a.example"\n[smtp]\nmax_sise = "1MiB"\n')
    done = gkmail("check", file)
    assert done.returncode == 1
    assert done.stderr == f"gkmail: {file}:3:1: smtp.max_sise: no such key; did you mean max_size?\n"
    done = gkmail("check", file, "--json")
    assert done.returncode == 1 and "did you mean" in json.loads(done.stdout)["error"]["text"]
    done = gkmail("check", tmp_path / "none.toml")
    assert done.returncode == 1 and "gkmail setup" in done.stderr


def test_environment_overrides_the_file(tmp_path):
    file = tmp_path / "x.toml"
    file.write_text('host_name = "a.example"\n')
    env = {"GKMAIL_CONFIG": str(file), "GKMAIL_SMTP_MAX_SIZE": "3MiB"}
    shown = json.loads(gkmail("config", "show", "smtp.max_size", "--json", env=env).stdout)
    assert shown == {"smtp.max_size": {"value": 3 * 1024 * 1024, "origin": "GKMAIL_SMTP_MAX_SIZE"}}
    env["GKMAIL_SMTP_MAX_SISE"] = "1"
    assert "did you mean max_size" in gkmail("check", env=env).stderr


def test_explain_knows_every_key():
    rows = json.loads(gkmail("config", "explain", "--json").stdout)
    for row in rows:
        done = gkmail("config", "explain", f"{row['section']}.{row['key']}")
        assert row["help"] in done.stdout and row["environment"] in done.stdout
    done = gkmail("config", "explain", "smtp.max_sise")
    assert done.returncode == 1 and "did you mean max_size?" in done.stderr


def test_samples_are_what_gkmail_prints():
    """`make samples` writes them anew."""
    assert (ROOT / "etc/gkmail.toml").read_text() == gkmail("config", "sample").stdout
    assert (ROOT / "etc/gkmail.bash").read_text() == gkmail("completion").stdout


@pytest.mark.parametrize("words,expected", [
    (["gkmail", "us"], {"user"}),
    (["gkmail", "user", "pa"], {"passwd"}),
    (["gkmail", "--dir", "/x", "queue", "re"], {"release"}),
    (["gkmail", "log", "--le"], {"--level"}),
    (["gkmail", "log", "--level", "wa"], {"warn"}),
    (["gkmail", "log", "--daemon", "a"], {"authd", "aid", "acme"}),
])
def test_completion(words, expected):
    script = (f"source {ROOT}/etc/gkmail.bash; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
              "_gkmail; printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20)
    assert set(done.stdout.split()) == expected, done.stderr


# ---- accounts ----

def test_domains(suite):
    suite.ctl("domain", "add", "second.test", "--quota", "1GiB")
    done = suite.ctl("domain", "add", "second.test", check=False)
    assert done.returncode == 1 and done.stderr.startswith("gkmail: ")
    rows = {d["domain"]: d for d in ask(suite, "domain", "list")}
    assert rows["second.test"]["quota"] == 1 << 30 and rows[suite.domain]["users"] >= 3
    assert "second.test" in suite.ctl("domain", "list").stdout
    suite.ctl("domain", "del", "second.test")
    assert "second.test" not in {d["domain"] for d in ask(suite, "domain", "list")}
    assert suite.ctl("domain", "del", suite.domain, check=False).returncode == 1


def test_users(suite):
    dave = f"dave@{suite.domain}"
    suite.ctl("user", "add", dave, "--quota", "5MiB", input="long enough secret\n")
    assert suite.ctl("user", "add", dave, input="long enough secret\n", check=False).returncode == 1
    row = next(u for u in ask(suite, "user", "list") if u["address"] == dave)
    assert row["quota"] == 5 << 20 and row["messages"] == 0
    suite.ctl("user", "quota", dave, "0")
    assert re.search(rf"^{dave} +none ", suite.ctl("user", "list").stdout, re.M)
    suite.ctl("user", "passwd", dave, input="another fine secret\n")
    assert suite.ctl("user", "list", "elsewhere.test", "--json").stdout == "[]\n"
    suite.ctl("user", "del", dave)
    assert dave not in suite.ctl("user", "list").stdout
    assert suite.ctl("user", "del", dave, check=False).returncode == 1


def test_bad_passwords_and_addresses_are_refused(suite):
    eve = f"eve@{suite.domain}"
    for address, password in ((eve, "short\n"), (eve, ""), (eve, "\n"), ("eve@@", "long enough secret\n"),
                              ("eve@elsewhere.test", "long enough secret\n")):
        done = suite.ctl("user", "add", address, input=password, check=False)
        assert done.returncode == 1 and done.stderr, (address, password)
    assert "eve" not in suite.ctl("user", "list").stdout


def test_no_password_on_the_command_line(suite):
    assert suite.ctl("user", "add", f"eve@{suite.domain}", "secret-word", check=False).returncode == 2


def typed(suite, *args, answers):
    """Runs gkmail at a terminal, answering each prompt; what the terminal showed, and the exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(GKMAIL, [GKMAIL, "--dir", str(suite.dir), *args])
    shown = ""
    with contextlib.suppress(OSError):  # EIO at the end
        for answer in answers:
            while not re.search(r"[^\n]: $", shown):
                shown += os.read(fd, 1000).decode()
            # The prompt stands before echo is off.
            wait_for(lambda: not termios.tcgetattr(fd)[3] & termios.ECHO)
            os.write(fd, answer.encode() + b"\n")
            shown += os.read(fd, 1000).decode()
        while data := os.read(fd, 1000):
            shown += data.decode()
    os.close(fd)
    return shown, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_typed_password_is_asked_twice_and_not_shown(suite):
    frank = f"frank@{suite.domain}"
    shown, code = typed(suite, "user", "add", frank, answers=["one fine secret", "another fine secret"])
    assert code == 1 and "differ" in shown and "fine secret" not in shown
    shown, code = typed(suite, "user", "add", frank, answers=["one fine secret", "one fine secret"])
    assert code == 0 and f"{frank} added" in shown and "fine secret" not in shown
    with suite.smtp(None) as c:
        c.login(frank, "one fine secret")
    suite.ctl("user", "del", frank)


def test_apppass(suite):
    alice = suite.user("alice")["address"]
    made = ask(suite, "apppass", "add", alice, "phone")
    assert len(made["password"]) >= 16
    rows = ask(suite, "apppass", "list", alice)
    assert [r["name"] for r in rows] == ["phone"]
    assert made["password"] not in suite.ctl("apppass", "list", alice).stdout
    suite.ctl("apppass", "del", alice, "phone")
    assert ask(suite, "apppass", "list", alice) == []


def test_aliases(suite):
    team, all_ = f"team@{suite.domain}", f"@{suite.domain}"
    a, b = suite.user("alice")["address"], suite.user("bob")["address"]
    suite.ctl("alias", "add", team, a, b)
    suite.ctl("alias", "add", all_, a)
    rows = {r["address"]: r["targets"] for r in ask(suite, "alias", "list")}
    assert sorted(rows[team]) == [a, b] and rows[all_] == [a]
    suite.ctl("alias", "del", team, b)
    assert f"{team}" in suite.ctl("alias", "list", suite.domain).stdout
    suite.ctl("alias", "del", team)
    suite.ctl("alias", "del", all_)
    assert ask(suite, "alias", "list") == []


def test_a_thousand_rows_come_in_pages(suite):
    for i in range(600):
        suite.ctl("alias", "add", f"alias{i:03}@{suite.domain}", suite.user("alice")["address"])
    rows = ask(suite, "alias", "list")
    assert [r["address"] for r in rows] == [f"alias{i:03}@{suite.domain}" for i in range(600)]


# ---- the rest ----

def test_status(suite):
    status = ask(suite, "status")
    assert status["ready"] and status["pid"] == suite.info["pid"]
    assert {p["name"] for p in status["processes"]} >= {"master", "authd", "dnsd", "smtpd", "queue", "local", "mailboxd",
                                                        "imapd", "webd", "mcpd"}
    assert {x["name"] for x in status["listeners"]} == set(suite.info["ports"])
    assert "all ready" in suite.ctl("status").stdout
    metrics = suite.ctl("status", "--metrics").stdout
    assert re.search(r"^queue_size \d+$", metrics, re.M) and "# TYPE" in metrics
    assert isinstance(ask(suite, "status", "--metrics")["queue_size"], int)


def test_empty_queue(suite):
    assert ask(suite, "queue", "list") == []
    assert "empty" in suite.ctl("queue", "list").stdout
    assert ask(suite, "queue", "flush", "all") == {"count": 0}
    assert suite.ctl("queue", "show", "00000000000000000000", check=False).returncode == 1


def test_queue_of_waiting_messages(suite):
    local = suite.processes()["local"]
    os.kill(local, signal.SIGSTOP)
    try:
        for i in range(3):
            suite.send("alice", ["bob", "carol"], subject=f"waiting {i}")
        rows = ask(suite, "queue", "list")
        assert len(rows) == 3 and all(r["sender"] == suite.user("alice")["address"] for r in rows)
        assert all(r["recipients"] == 2 and r["size"] > 100 for r in rows)
        one, two, three = (r["mid"] for r in rows)
        assert one in suite.ctl("queue", "list").stdout
        shown = ask(suite, "queue", "show", one)
        assert shown["sender"] == suite.user("alice")["address"]
        assert {r["address"] for r in shown["recipients"]} == {suite.user(n)["address"] for n in ("bob", "carol")}
        assert suite.user("bob")["address"] in suite.ctl("queue", "show", one).stdout
        assert ask(suite, "queue", "hold", one, two) == {"count": 2}
        assert ask(suite, "queue", "hold", one) == {"count": 0}
        assert ask(suite, "queue", "release", "all") == {"count": 2}
        assert "1 message deleted" in suite.ctl("queue", "delete", three).stdout
        assert three not in suite.ctl("queue", "list").stdout
        assert suite.ctl("queue", "delete", three, check=False).returncode in (0, 1)
        assert suite.status()["ready"]
        # Each is found in the log of every process by its id.
        daemons = {x["daemon"] for x in map(json.loads, suite.ctl("log", "--json", "--mid", one).stdout.splitlines())}
        assert daemons >= {"smtpd", "queue"}
    finally:
        os.kill(local, signal.SIGCONT)
    suite.ctl("queue", "flush", "all")
    wait_for(lambda: ask(suite, "queue", "list") == [], what="delivery of what waited")


def test_version_and_reload(suite):
    version = ask(suite, "version")
    assert version["running"] == version["build"] and version["build"].startswith(version["version"])
    suite.ctl("reload")
    assert ask(suite, "status")["ready"]
    good = (suite.dir / "gkmail.toml").read_text()
    try:
        (suite.dir / "gkmail.toml").write_text(good + "nonsense = 1\n")
        done = suite.ctl("reload", check=False)
        assert done.returncode == 1 and "no such key" in done.stderr and "nothing was changed" in done.stderr
        # Nor does it keep anybody from the suite that runs.
        assert ask(suite, "status")["ready"] and suite.ctl("user", "list").stdout
    finally:
        (suite.dir / "gkmail.toml").write_text(good)


def test_log_follows_a_message_through_all_processes(suite):
    suite.send("carol", ["alice"], subject="followed")
    wait_for(lambda: b"followed" in b"".join(suite.inbox("alice")), what="delivery")
    alice = suite.user("alice")["address"]

    def lines(*which):
        return list(map(json.loads, suite.ctl("log", "--json", *which).stdout.splitlines()))

    # Each process writes when it has a moment.
    accepted = wait_for(lambda: [x for x in lines() if x["event"] == "smtp.accept"], what="smtp.accept")[-1]
    way = wait_for(lambda: len(found := lines("--mid", accepted["mid"])) >= 5 and found, what="five lines")
    assert {(x["daemon"], x["event"]) for x in way} == {
        ("smtpd", "smtp.accept"), ("queue", "queue.accept"), ("local", "local.deliver"), ("queue", "queue.deliver"),
        ("mailboxd", "store.message")}
    assert {x.get("user", x.get("to", alice)) for x in way} >= {alice} and "INBOX" in {x.get("mailbox") for x in way}
    # And the session it came by.
    assert {"auth.ok", "smtp.accept"} <= {x["event"] for x in lines("--sid", accepted["sid"])}


def test_log(suite):
    lines = suite.ctl("log", "--daemon", "master").stdout.splitlines()
    assert any(" master.start " in x for x in lines) and all(x.split()[2] == "master" for x in lines)
    assert all(x.split()[1] in ("warn", "error")
               for x in suite.ctl("log", "--level", "warn").stdout.splitlines())
    for line in suite.ctl("log", "--json").stdout.splitlines():
        assert {"ts", "level", "daemon", "event"} <= set(json.loads(line))
    assert suite.ctl("log", "--mid", "nosuchid").stdout == ""


def test_log_follows_over_rotation(suite):
    log = suite.dir / "log"
    p = subprocess.Popen([GKMAIL, "--dir", str(suite.dir), "log", "--follow", "--daemon", "probe"],
                         stdout=subprocess.PIPE, text=True)
    try:
        with log.open("a") as f:
            f.write("2026-01-01T00:00:00.000Z info probe one.thing a=1\n")
        assert "one.thing" in p.stdout.readline()
        log.rename(suite.dir / "log.1")
        log.write_text("2026-01-01T00:00:00.000Z info probe two.things\n")
        assert "two.things" in p.stdout.readline()
        log.unlink()
        (suite.dir / "log.1").rename(log)
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


# ---- the sandbox itself ----

def test_the_same_directory_carries_on(fresh_suite):
    s = fresh_suite("--users", "2")
    before = s.info
    assert s.stop() == 0
    s.options = []
    s.start()
    assert s.info["ports"] == before["ports"] and s.info["users"] == before["users"]
    assert s.stop() == 0
    s.options = ["--users", "3"]
    s.start()
    assert len(s.info["users"]) == 3 and s.info["users"][:2] == before["users"]


def test_interrupt_drains_too(fresh_suite):
    s = fresh_suite("--users", "1")
    s.process.send_signal(signal.SIGINT)
    assert s.process.wait(30) == 0
    assert "master.end" in s.log()


def test_twice_ends_at_once(fresh_suite):
    s = fresh_suite("--users", "1")
    os.kill(s.processes()["imapd"], signal.SIGSTOP)  # will never drain
    s.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "master.drain" in s.log(), what="the first signal")
    time.sleep(0.2)
    assert s.process.poll() is None
    s.process.send_signal(signal.SIGTERM)
    assert s.process.wait(5) is not None
    wait_for(lambda: not os.path.exists(f"/proc/{s.info['pid']}"), what="the end of master")


def test_hangup_is_a_reload(fresh_suite):
    s = fresh_suite("--users", "1")
    before = s.processes()
    s.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "master.reload" in s.log(), what="a reload")
    assert s.processes() == before
    (s.dir / "log").rename(s.dir / "log.1")
    s.process.send_signal(signal.SIGUSR1)
    wait_for(lambda: (s.dir / "log").exists(), what="a new log")
    assert s.stop() == 0 and "master.end" in s.log()


def test_named_users_domains_and_extra_settings(fresh_suite):
    s = fresh_suite("--domain", "own.test", "--user", "zoe:zoe has a secret", "--user",
                    "yann@other.test:yann has too",
                    config='[smtp]\nmax_size = "1MiB"\n[server]\nhost_name = "mx.own.test"\n')
    assert [u["address"] for u in s.info["users"]] == ["zoe@own.test", "yann@other.test"]
    assert s.user("zoe")["password"] == "zoe has a secret"
    assert s.user("yann")["maildir"] == f"{os.path.realpath(s.dir)}/data/mail/other.test/yann/Maildir"
    assert ask(s, "config", "show", "smtp.max_size")["smtp.max_size"]["value"] == 1 << 20
    text = subprocess.run(["openssl", "x509", "-in", s.dir / "tls/certificate.pem", "-noout", "-ext",
                           "subjectAltName"], capture_output=True, text=True).stdout
    assert "mx.own.test" in text and "localhost" in text and "127.0.0.1" in text


def test_demo(workdir):
    """What make run shows: fixed ports, mail in the mailboxes, lines that can be pasted."""
    for port in (2525, 2587, 2465, 2143, 2993, 8443, 9090):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"port {port} is taken: does make run run here?")
    d = workdir / "a demo"
    d.mkdir()
    s = Suite(d, "--demo", "--user", "alice:it's a \"secret\"", "--user", "bob", "--user", "carol").start()
    assert s.info["ports"] == {"smtp": 2525, "submission": 2587, "submissions": 2465, "imap": 2143, "imaps": 2993, "https": 8443, "metrics": 9090}
    assert [u["address"] for u in s.info["users"]] == [f"{n}@example.test" for n in ("alice", "bob", "carol")]
    for name, count in (("alice", 5), ("bob", 3), ("carol", 4)):
        assert len(s.inbox(name)) >= count, name
    assert any("We have a new mail server" in str(message_from_bytes(m, policy=policy.default)["Subject"])
               for m in s.inbox("alice"))
    assert s.stop() == 0
    # Once is enough; and now as a person sees it.
    p = subprocess.Popen([GKMAIL, "sandbox", "--dir", s.dir, "--demo"], stdout=subprocess.PIPE, text=True)
    try:
        text = ""
        while "mbsync -c" not in text:
            line = p.stdout.readline()
            assert line, text
            text += line
        assert len(s.inbox("alice")) == 5
        assert "\n  https://localhost:8443/\n" in text
        # As a stranger pastes them, into a terminal opened anywhere.
        log = re.search(r"^  log +(.*) --follow$", text, re.M).group(1)
        commands = re.findall(r"^  ((?:curl|swaks|echo|mbsync)(?:.*\\\n)*.*)$", text, re.M)
        assert len(commands) == 4
        for command in [log, *commands]:
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, cwd="/")
            assert done.returncode == 0, command + done.stdout + done.stderr
            if command == log:
                assert "master.all_ready" in done.stdout
            if command.startswith("curl"):
                assert "Subject: The roof garden, at last" in done.stdout
        assert any("INBOX" in d for d, _, files in os.walk(s.dir / "mbsync") if files)
    finally:
        p.terminate()
        p.wait(30)
        p.stdout.close()


def test_a_directory_of_any_name(workdir):
    """Sockets' paths are short: below a long one they are elsewhere, while it runs."""
    def run_dir(s):
        return Path(ask(s, "config", "show", "server.run_dir")["server.run_dir"]["value"])
    d = workdir / ("a long name with blanks" * 5)
    d.mkdir()
    s = Suite(d, "--users", "1")
    assert s.start().status()["ready"]
    first = run_dir(s)
    assert len(str(d)) > 107 > len(str(first)) and first.is_dir()
    done = gkmail("sandbox", "--dir", d)
    assert done.returncode == 1 and "runs in" in done.stderr
    s.send("alice", ["alice"])
    wait_for(lambda: s.inbox("alice"), what="delivery")
    assert s.stop() == 0 and not first.exists()
    # After a kill it stays, and is used again.
    second = run_dir(s.start())
    s.process.kill()
    wait_for(lambda: not os.path.exists(f"/proc/{s.info['pid']}"), what="the end of master")
    s.kill()
    assert second.is_dir() and run_dir(s.start()) == second
    assert s.stop() == 0 and not second.exists()


def test_one_suite_a_directory(fresh_suite):
    s = fresh_suite("--users", "1")
    done = gkmail("sandbox", "--dir", s.dir)
    assert done.returncode == 1 and "runs in" in done.stderr
    assert s.status()["ready"]


def test_wrong_extra_settings_are_refused(tmp_path):
    extra = tmp_path / "extra.toml"
    extra.write_text("[smtp]\nmax_sise = 1\n")
    done = gkmail("sandbox", "--dir", tmp_path / "sb", "--config", extra)
    assert done.returncode == 1 and f"{extra}:2:1: smtp.max_sise: no such key" in done.stderr


def test_the_end_of_master_is_the_end(fresh_suite):
    s = fresh_suite("--users", "1")
    os.kill(s.info["pid"], signal.SIGKILL)
    assert s.process.wait(20) == 1
    assert "signal 9" in s.errors()


def test_the_end_of_gkmail_is_the_end_of_master(fresh_suite):
    s = fresh_suite("--users", "1")
    s.process.kill()
    s.process.wait()
    wait_for(lambda: not os.path.exists(f"/proc/{s.info['pid']}"), what="the end of master")


def test_secrets_are_for_the_owner_only(fresh_suite):
    s = fresh_suite("--users", "1")
    for name in ("users", "tls/key.pem"):
        assert (s.dir / name).stat().st_mode & 0o077 == 0, name
    assert s.user("alice")["password"] not in s.log()
