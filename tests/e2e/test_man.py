"""The manual pages say what the programs do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BIN

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "man").glob("*.[158]*"))


def test_every_program_has_a_page():
    assert {p.name for p in BIN.iterdir() if os.access(p, os.X_OK)} <= {p.stem for p in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_lint(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_keys_are_those_of_the_program():
    """`make samples` writes them anew."""
    done = subprocess.run([sys.executable, ROOT / "man/keys.py", BIN / "gkmail", ROOT / "man/gkmail.toml.5", "--check"])
    assert done.returncode == 0


def test_the_verbs_are_those_of_the_program():
    listed = set(re.findall(r"^  (\w+(?: \w+)?)  +\S", subprocess.run(
        [BIN / "gkmail", "--help"], capture_output=True, text=True).stdout, re.M))
    page = (ROOT / "man/gkmail.8").read_text()
    for verb in listed:
        assert re.search(rf"^\.It Cm {verb}\b", page, re.M), verb
    # And their options.
    for verb in listed:
        usage = subprocess.run([BIN / "gkmail", *verb.split(), "--help"], capture_output=True, text=True).stdout
        for option in re.findall(r"--(\w+)", usage.split("usage:")[1].split("\n")[0]):
            assert re.search(rf"^\.It Cm {verb}\b.*Fl \\-{option}\b", page, re.M), f"{verb} --{option}"
