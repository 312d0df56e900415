"""Every command of the documents is run, and what stands below it is what it says.

A block of `sh` is run in a sandbox of its document, in order, in one directory; the block of `text` behind it is what
is seen: its lines come in that order, `…` stands for whatever is there. A block of `ini` is the file that its first line names.
A comment before a block says where it is run otherwise, or why it cannot be:

    <!-- tested: tests/packages/test_deb.py -->
    <!-- not run: needs a second host -->

What the documents write about a server is put right for a sandbox (here()). French pages have the commands and headings of the
English ones, so these are run once.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import make, wait_for
from suite import BIN

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [p for p in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if p.is_file()]
FRENCH = [p for p in DOCUMENTS if p.name.endswith(".fr.md")]
MID = "01j9z3k5v7m2q4r8t6wx"  # of a message that waits
SHELLS = ("sh", "bash", "shell", "console")

pytestmark = pytest.mark.skipif(not DOCUMENTS, reason="a copy without documents")


class Block:
    """Commands, the comment before them, and what is seen."""

    def __init__(self, line, mark, script, seen):
        self.line, self.mark, self.script, self.seen, self.file = line, mark, script, seen, None


def fences(text):
    """(line, language, content, what stands directly above) of each block; indented ones too (in lists)."""
    for m in re.finditer(r"^([ \t]*)```(\w*)\n(.*?)^\1```", text, re.M | re.S):
        above = text[:m.start()].rstrip("\n").rsplit("\n", 1)[-1]
        yield text[:m.start()].count("\n") + 1, m[2], re.sub(f"^{m[1]}", "", m[3], flags=re.M), above, m.end()


def blocks(path):
    text = path.read_text()
    found, behind = [], None
    for line, language, content, above, end in fences(text):
        start = len("\n".join(text.split("\n")[:line - 1]))
        if language in SHELLS:
            found.append(Block(line, re.fullmatch(r"\s*<!-- (tested|not run): (.+) -->", above), content, None))
            behind = end
        elif language == "text" and found and behind and not text[behind:start].strip():
            found[-1].seen = content
        elif language == "ini" and (name := re.match(r"# ~/(\.\w+)\n", content)):
            found.append(Block(line, None, content, None))
            found[-1].file = name[1]
    return found


def is_run(path):
    return [b for b in blocks(path) if not b.mark] if path not in FRENCH else []


def configured(suite, text):
    """A program's configuration: names and ports on lines of their own, and whom it trusts."""
    text = here(suite, text).replace(f"mail.{suite.domain}", "localhost").replace("/etc/ssl/certs/ca-certificates.crt", suite.info["ca"])
    return re.sub(r"^((?:P|p)ort) (\d+)$", lambda m: f"{m[1]} {suite.port(PORTS[m[2]])}", text, flags=re.M)


def here(suite, text):
    """As the sandbox has it: its ports, folders, and a message that waits."""
    domain = suite.domain
    for scheme, port in (("https", "https"), ("imaps", "imaps"), ("smtps", "submissions")):
        text = text.replace(f"{scheme}://mail.{domain}", f"{scheme}://localhost:{suite.port(port)}")
    text = re.sub(rf"mail\.{domain}:(465|587|993|443|25)\b", lambda m: f"localhost:{suite.port(PORTS[m[1]])}", text)
    text = text.replace("127.0.0.1:9090", f"127.0.0.1:{suite.port('metrics')}").replace(MID, suite.mid)
    text = text.replace("/etc/gkmail/gkmail.toml", f"{suite.dir}/gkmail.toml")
    text = text.replace("/srv/old", f"{suite.dir}-docs/old")
    return text.replace("/var/lib/gkmail", f"{suite.dir}/data").replace("/var/log/gkmail/gkmail.log", f"{suite.dir}/log")


NAMED = r"(sudo |gkmail |https?:|/|[a-z]+\.[a-z_]+\b)"  # commands, addresses, files, settings
PORTS = {"465": "submissions", "587": "submission", "993": "imaps", "443": "https", "25": "smtp"}


def moved_from(place):
    """What servers before kept."""
    letter = "Subject: old\n\nold\n"
    for folder in ("alice/Maildir", "alice/Maildir/.Sent Items"):
        for sub in ("cur", "new", "tmp"):
            (place / folder / sub).mkdir(parents=True)
        for i in range(2 if folder.endswith("Maildir") else 1):
            (place / folder / "cur" / f"{1_700_000_000 + i}.M{i}.old:2,S").write_text(letter)
    (place / "alice/Maildir/new/1700000009.M9.old").write_text(letter)
    (place / "mail").mkdir()
    (place / "alice/mail").mkdir()
    for mbox in ("mail/alice", "alice/mail/Work", "takeout.mbox"):
        (place / mbox).write_text(f"From a@elsewhere.test Tue Nov 14 22:13:20 2023\n{letter}\n")


def stand(suite):
    """Programs by the names that the documents call them, and files that they speak of."""
    place = suite.dir.parent / (suite.dir.name + "-docs")
    (place / "bin").mkdir(parents=True)
    for name, does in (("gkmail", f'exec {BIN}/gkmail --dir {suite.dir} "$@"'), ("sudo", 'exec "$@"')):
        (place / "bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (place / "bin" / name).chmod(0o755)
    (place / "password").write_text("a long secret of mine\n")
    (place / ".mail-password").write_text(suite.user()["password"] + "\n")
    (place / ".mail-password").chmod(0o600)
    moved_from(place / "old")
    suite.send("alice", ["bob"], subject="lunch")
    wait_for(lambda: suite.inbox("bob"), what="mail that came")
    with suite.smtp() as c:
        c.sendmail(suite.user()["address"], ["someone@example.net"], b"Subject: far\r\n\r\nfar\r\n")
    waits = wait_for(lambda: json.loads(suite.ctl("--json", "queue", "list", "--destination", "example.net").stdout), what="mail that waits")
    suite.mid = waits[0]["mid"]
    return place


def agrees(seen, said):
    """The lines of `seen` are among those of `said`, in order."""
    at, lines = 0, [" ".join(x.split()) for x in said.splitlines()]
    for want in filter(None, (" ".join(x.split()) for x in seen.splitlines())):
        if want == "…":
            continue
        form = re.compile(".*".join(re.escape(x) for x in want.split("…")))
        while at < len(lines) and not form.fullmatch(lines[at]):
            at += 1
        if at == len(lines):
            return f"no line like: {want}"
        at += 1
    return None


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if is_run(p)], ids=lambda p: p.name)
def test_what_is_typed(path, workdir):
    domain = max(("example.org", "example.com"), key=path.read_text().count)
    suite = make(workdir, "--domain", domain, "--users", "3").start()
    place = stand(suite)
    env = suite.env | {"PATH": f"{place}/bin:{os.environ['PATH']}", "CURL_CA_BUNDLE": suite.info["ca"], "LC_ALL": "C.UTF-8",
                       "HOME": str(place)}
    for b in is_run(path):
        if b.file:
            (place / b.file).write_text(configured(suite, b.script))
            (place / b.file).chmod(0o600)
            continue
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", here(suite, b.script)], cwd=place, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        where = f"{path.name}:{b.line}\n{b.script}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, where
        assert b.seen is None or not agrees(here(suite, b.seen), done.stdout + done.stderr), \
            f"{agrees(here(suite, b.seen), done.stdout + done.stderr)}\n{where}"
    assert suite.stop() == 0


def test_every_other_block_says_why():
    """One that is left out is run by a test that is there, or has a reason."""
    total = run = 0
    for path in DOCUMENTS:
        for b in blocks(path):
            total, run = total + 1, run + (b in is_run(path) or not b.mark)
            if not b.mark:
                continue
            if b.mark[1] == "tested":
                for name in b.mark[2].split(", "):
                    assert (ROOT / name).is_file(), f"{path.name}:{b.line}: {name}"
            else:
                assert len(b.mark[2].split()) > 2, f"{path.name}:{b.line}: why?"
    assert total > 20 and run * 4 > total, f"{run} of {total} blocks are run as they stand"


def test_incidents_begin_with_alerts_that_there_are():
    rules = set(re.findall(r"alert: (\w+)", (ROOT / "etc/prometheus/gkmail-rules.yml").read_text()))
    guide = (ROOT / "docs/ADMIN_GUIDE.md").read_text()
    incidents = guide.partition("\n## Incidents\n")[2]
    assert set(re.findall(r"GKMail\w+", guide)) <= rules
    for part in incidents.split("\n### ")[1:]:
        assert "```sh" in part or "is lost" in part.splitlines()[0], part.splitlines()[0]
    events = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", (ROOT / "docs/LOGS.md").read_text(), re.M))
    families = {e.split(".")[0] for e in events}
    for name in re.findall(r"(?<![\w.])([a-z]+\.[a-z_]+)\b", incidents):
        assert name in events or name.split(".")[0] not in families or \
            subprocess.run([BIN / "gkmail", "config", "explain", name], capture_output=True).returncode == 0, name


def test_what_is_said_to_be_tested_has_a_test():
    """Each file that COMPATIBILITY and SECURITY name in their tables; tests of folders that the name leaves out are looked for."""
    folders = [d for d in ROOT.iterdir() if d.is_dir() and d.name not in ("build", "debian", ".git")]
    have = {p.name for d in folders for p in d.rglob("*") if "node_modules" not in p.parts}
    for name in ("COMPATIBILITY", "SECURITY"):
        text = (ROOT / f"docs/{name}.md").read_text()
        for path in re.findall(r"(?<![\w*>])((?:[a-z0-9_]+/)*[a-z0-9_.-]+\.(?:py|c|mjs|chat))\b", text):
            assert (ROOT / path).exists() if "/" in path else path in have, f"{name}: {path}"


def test_what_it_is_made_of_is_told():
    table = (ROOT / "docs/SECURITY.md").read_text().partition("\n## What it is made of\n")[2].partition("\n## ")[0]
    needed = (ROOT / "etc/build-depends").read_text().split()
    needed += json.loads((ROOT / "webd/ui/package.json").read_text())["dependencies"]
    for package in needed:
        assert package in table, package


def test_no_command_hides_in_another_block():
    """Blocks without a language are no place for commands, which nothing would run there."""
    for path in DOCUMENTS:
        for line, language, content, _, _ in fences(path.read_text()):
            if language in ("", "text"):
                assert not re.search(r"^\s*(\$ |(sudo )?(gkmail|systemctl|apt-get|curl|docker) )", content, re.M), f"{path.name}:{line}"


def skeleton(path):
    """What a page and its translation share: the levels of headings, commands, examples, rows of tables, links to other pages."""
    text = path.read_text()
    code = [(language, content) for _, language, content, _, _ in fences(text) if language != "text"]
    prose = re.sub(r"^[ \t]*```.*?^[ \t]*```", "", text, flags=re.M | re.S)
    return {"headings": re.findall(r"^(#+) ", prose, re.M), "code": code,
            "tables": [len(t.splitlines()) for t in re.findall(r"(?:^\|.*\n)+", prose, re.M)],
            "named": {x for x in (" ".join(y.split()) for y in re.findall(r"`([^`]+)`", prose)) if re.match(NAMED, x)}}


@pytest.mark.parametrize("path", FRENCH, ids=lambda p: p.name)
def test_french_pages_say_the_same(path):
    english, french = skeleton(path.with_name(path.name.replace(".fr.md", ".md"))), skeleton(path)
    for what in english:
        assert english[what] == french[what], what


def anchor(heading):
    """As the hosts of repositories make it: lower case, no punctuation, dashes for blanks."""
    heading = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", lambda m: m[1] or "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")


def test_every_link_within_leads_somewhere():
    seen = 0
    for path in DOCUMENTS:
        text = re.sub(r"^[ \t]*```.*?^[ \t]*```", "", path.read_text(), flags=re.M | re.S)
        for target, place in re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", text):
            other = (path.parent / target).resolve() if target else path
            headings = [anchor(h) for h in re.findall(r"^#+ (.*)", other.read_text(), re.M)]
            assert place in headings, f"{path.name}: {target}#{place}: {headings}"
            seen += 1
    assert seen > 5
