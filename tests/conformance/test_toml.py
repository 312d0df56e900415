"""The public TOML suite (toml-test, the files of TOML 1.0.0), and Python's reader as a second opinion."""

import json
import math
import os
import pathlib
import subprocess
import tomllib
from datetime import date, datetime, time

import pytest

SUITE = pathlib.Path(os.environ["GKMAIL_SUITES"]) / "toml"
PROGRAM = pathlib.Path(os.environ.get("GKMAIL_TOOLS", "build/tools")) / "toml_json"
FILES = [f for f in (SUITE / "files-toml-1.0.0").read_text().split() if f.endswith(".toml")]


def run(text):
    return subprocess.run([PROGRAM], input=text, capture_output=True, timeout=20)


def scalar(kind, text):
    """A tagged value as something that compares by meaning."""
    if kind == "integer":
        return kind, int(text)
    if kind == "float":
        number = float(text)
        return kind, "nan" if math.isnan(number) else (number, math.copysign(1, number))
    if kind in ("datetime", "datetime-local", "time-local"):
        # Fractions beyond microseconds may be cut.
        head, dot, rest = text.replace(" ", "T").partition(".")
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        zone = rest[len(digits):]
        text = head + (("." + digits[:6].ljust(6, "0")) if dot else "") + zone
        parse = time.fromisoformat if kind == "time-local" else datetime.fromisoformat
        value = parse(text)
        return kind, value, getattr(value, "tzinfo", None) and value.utcoffset()
    return kind, text


def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    if set(value) == {"type", "value"} and isinstance(value["value"], str):
        return scalar(value["type"], value["value"])
    return {k: plain(v) for k, v in value.items()}


def tagged(value):
    """What tomllib read, in the same form."""
    if isinstance(value, dict):
        return {k: tagged(v) for k, v in value.items()}
    if isinstance(value, list):
        return [tagged(v) for v in value]
    if isinstance(value, bool):
        return "bool", str(value).lower()
    if isinstance(value, int):
        return "integer", value
    if isinstance(value, float):
        return scalar("float", repr(value))
    if isinstance(value, datetime):
        return scalar("datetime" if value.tzinfo else "datetime-local", value.isoformat())
    if isinstance(value, date):
        return "date-local", value.isoformat()
    if isinstance(value, time):
        return scalar("time-local", value.isoformat())
    return "string", value


@pytest.mark.parametrize("name", [f for f in FILES if f.startswith("valid/")])
def test_valid(name):
    text = (SUITE / name).read_bytes()
    done = run(text)
    assert done.returncode == 0, done.stderr.decode()
    ours = plain(json.loads(done.stdout))
    assert ours == plain(json.loads((SUITE / name).with_suffix(".json").read_text()))
    assert ours == tagged(tomllib.loads(text.decode("utf-8-sig")))


@pytest.mark.parametrize("name", [f for f in FILES if f.startswith("invalid/")])
def test_invalid(name):
    done = run((SUITE / name).read_bytes())
    assert done.returncode == 1, "taken: " + done.stdout.decode()
    place = done.stderr.decode().split(":")
    assert place[0] == "stdin" and int(place[1]) >= 1 and int(place[2]) >= 1 and len(place) > 3
