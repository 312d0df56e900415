"""The dual-signed message of RFC 8463: both signatures verify, and any change fails."""

import os
import pathlib
import subprocess

import pytest

SUITE = pathlib.Path(os.environ["GKMAIL_SUITES"]) / "dkim"
PROGRAM = pathlib.Path(os.environ.get("GKMAIL_TOOLS", "build/tools")) / "dkim_tool"
MESSAGE = b"\r\n".join((SUITE / "rfc8463.eml").read_bytes().splitlines()) + b"\r\n"


def verify(message):
    done = subprocess.run([PROGRAM, SUITE / "rfc8463-keys.txt"], input=message, capture_output=True, timeout=20, check=True)
    return done.stdout.decode().splitlines()


def test_both_signatures_verify():
    assert verify(MESSAGE) == [
        "pass football.example.com brisbane ed25519-sha256",
        "pass football.example.com test rsa-sha256",
    ]


SIGNED = MESSAGE.index(b"\r\nFrom:") + 2


@pytest.mark.parametrize("at", [i for i in range(SIGNED, len(MESSAGE) - 2) if chr(MESSAGE[i]).isalnum()])
def test_any_change_fails(at):
    before = MESSAGE[at : at + 1]
    change = b"0" if before.isdigit() and before != b"0" else b"x" if before != b"x" else b"y"
    # Without a From there is no signature to speak of.
    assert all(not line.startswith("pass") for line in verify(MESSAGE[:at] + change + MESSAGE[at + 1 :]))
