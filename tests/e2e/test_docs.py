"""What the documents tell a newcomer to type is there to be typed."""

import os
import pty
import re
import select
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BIN

ROOT = Path(__file__).resolve().parents[2]
GKMAIL = str(BIN / "gkmail")
DOCUMENTS = [p for p in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if p.is_file()]

pytestmark = pytest.mark.skipif(not DOCUMENTS, reason="a copy without documents")


def typed(text):
    """Lines of code blocks, and what stands between backticks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    text = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    lines = [line.split("#")[0].strip() for b in blocks for line in b.splitlines()]
    return lines + [" ".join(x.split()) for x in re.findall(r"`([^`]+)`", text, re.S)]


def commands(program):
    """The words behind a program's name, for every use of it in the documents and the manual of gkmail."""
    lines = [(p.name, line) for p in DOCUMENTS for line in typed(p.read_text())]
    page = subprocess.run(["mandoc", "-T", "utf8", ROOT / "man/gkmail.8"], capture_output=True, text=True).stdout
    page = re.sub(r".\b", "", page)
    lines += [("gkmail.8", x.strip(" $#")) for x in page.split("EXAMPLES")[-1].split("SEE ALSO")[0].splitlines()]
    for name, line in lines:
        for part in re.split(r"&&|\|", line):
            words = part.replace("sudo ", "").split()
            if words[:1] == [program]:
                yield name, shlex.split(part.replace("sudo ", ""))[1:]


def test_every_verb_and_option_is_known():
    seen = 0
    for name, words in commands("gkmail"):
        verb = []
        for w in words:
            if w in ("--dir", "--config") and not verb:
                continue
            if re.fullmatch(r"[a-z]+", w) and len(verb) < 2 and not any(x.startswith("-") for x in words[:words.index(w)]
                                                                         if x not in ("--dir", "--config")):
                verb.append(w)
            elif verb:
                break
        if not verb:
            continue
        for length in (2, 1):
            done = subprocess.run([GKMAIL, *verb[:length], "--help"], capture_output=True, text=True)
            if done.returncode == 0:
                break
        assert done.returncode == 0 or "gkmail " + verb[0] + " " in done.stderr, f"{name}: {words}"
        for option in re.findall(r"--[a-z-]+", " ".join(words)):
            assert option in done.stdout + "--dir --config --json --help", f"{name}: {words}: {option}"
        seen += 1
    assert seen > 7


CONFIGURATION = (ROOT / "docs/CONFIGURATION.md").read_text() if DOCUMENTS else ""


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", CONFIGURATION, re.M | re.S)


def test_every_example_configures(tmp_path):
    """Each block of TOML alone, and each setting that stands in a line of text."""
    found = blocks("toml")
    settings = re.findall(r"`(?:([a-z]+)\.)([a-z_]+) = ([^`]+)`", CONFIGURATION)
    assert len(found) > 3 and len(settings) > 3
    for text in found + [f"[{section}]\n{key} = {value}\n" for section, key, value in settings]:
        file = tmp_path / "gkmail.toml"
        file.write_text('host_name = "mail.example.com"\n' + text)
        done = subprocess.run([GKMAIL, "--config", file, "config", "show"], capture_output=True, text=True)
        assert done.returncode == 0, text + done.stderr


def test_every_key_or_event_named_is_one():
    sections = set(re.findall(r"^\[([a-z]+)\]", subprocess.run([GKMAIL, "config", "sample"], capture_output=True,
                                                                text=True).stdout, re.M))
    text = "".join(p.read_text() for p in DOCUMENTS if p.parent.name != "adr")
    names = {x for x in re.findall(r"`([a-z]+\.[a-z_]+)[`= ]", text) if x.split(".")[0] in sections}
    assert len(names) > 10
    events = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", (ROOT / "docs/LOGS.md").read_text(), re.M))
    for name in names - events:
        done = subprocess.run([GKMAIL, "config", "explain", name], capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_openssl_as_written(tmp_path):
    """A certificate of a user's device, and the digest of a TLSA record, as the page has them."""
    text = sorted((b for b in blocks("sh") if b.startswith("openssl")), key=len)
    assert len(text) == 2
    done = subprocess.run(["bash", "-euc", text[1] + "cp phone.pem mail.pem\n" + text[0]], cwd=tmp_path, capture_output=True,
                          text=True)
    assert done.returncode == 0 and re.match(r"[0-9a-f]{64} ", done.stdout), done.stderr
    names = subprocess.run(["openssl", "x509", "-in", tmp_path / "phone.pem", "-noout", "-ext", "subjectAltName"],
                           capture_output=True, text=True).stdout
    assert "email:alice@example.com" in names
    subprocess.run(["openssl", "verify", "-CAfile", tmp_path / "devices.pem", tmp_path / "phone.pem"], check=True)


def test_every_make_target_is_there():
    makefile = (ROOT / "Makefile").read_text()
    helped = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    seen = 0
    for name, words in commands("make"):
        for w in words:
            if "=" in w or w.startswith("-"):
                continue
            assert re.search(rf"^{w}:", makefile, re.M), f"{name}: make {w}"
            seen += 1
    assert seen > 7
    for target in re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.M):
        assert f"make {target} " in helped, target


def test_every_file_and_link_is_there():
    for p in DOCUMENTS:
        text = p.read_text()
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (p.parent / link).exists(), f"{p.name}: {link}"
        for path in re.findall(r"`((?:[a-z_]+/)+[a-z_]*\.(?:[ch]|py|toml))`", text):
            assert (ROOT / path).exists(), f"{p.name}: {path}"
    for folder in re.findall(r"^\| `([a-z]+/)` \|", (ROOT / "README.md").read_text(), re.M):
        assert (ROOT / folder).is_dir(), folder


def test_a_terminal_completes(tmp_path):
    """bash with readline, as it is after `make install`: what Tab makes of a word."""
    rc = tmp_path / "rc"
    rc.write_text(f"PS1='> '\nbind 'set bell-style none'\nbind 'set enable-bracketed-paste off'\n"
                  f"source {ROOT}/etc/gkmail.bash\ngkmail() {{ echo \"[$*]\"; }}\n")
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.environ.update(TERM="dumb", HISTFILE="/dev/null")
        os.execvp("bash", ["bash", "--noprofile", "--rcfile", str(rc), "-i"])

    def until(what):
        text, end = "", time.monotonic() + 20
        while what not in text:
            assert time.monotonic() < end and select.select([fd], [], [], 20)[0], text
            text += os.read(fd, 4096).decode()
        return text

    try:
        until("> ")
        for keys, said in [("gkmail us\tli\t\n", "[user list]"), ("gkmail queue rel\tall\n", "[queue release all]"),
                           ("gkmail log --fol\t--lev\twa\t\n", "[log --follow --level warn]"),
                           ("gkmail user del x --pu\t\n", "[user del x --purge]"), ("gkmail ver\t\n", "[version]"),
                           ("gkmail --json sta\t--met\t\n", "[--json status --metrics]"),
                           ("gkmail --config r\tche\t\n", "[--config rc check]")]:
            os.write(fd, keys.encode())
            until(said)
    finally:
        os.close(fd)
        os.waitpid(pid, 0)


def test_every_scenario_is_a_test():
    """The table of DEVELOPMENT names tests that are there, and those of T1 to T5."""
    text = (ROOT / "docs/DEVELOPMENT.md").read_text().split("### Scenarios")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+) \| `([^`]+)`: (.+?) \|$", text, re.M)
    assert len(rows) == text.count("\n| ") - 1 and len(rows) > 30, "a row of another form"
    for scenario, file, name in rows:
        source = (ROOT / file).read_text()
        assert re.search(rf"^def {name}\(" if file.endswith(".py") else rf"^test\('{re.escape(name)}'", source, re.M), scenario
    assert {s[:2] for s, _, _ in rows} >= {"T1", "T2", "T3", "T4", "T5"}
