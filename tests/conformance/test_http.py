"""Requests of llhttp's tests: every one that is invalid is refused; of the valid ones what we refuse has a reason here."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SUITE = Path(os.environ.get("GKMAIL_SUITES", "")) / "http"
TOOL = Path(os.environ.get("GKMAIL_TOOLS", "build/tools")) / "http_tool"
# Not 5 (octets behind a connection that is to be closed) nor 21 to 23 (a pause, an upgrade): those are no faults.
INVALID = re.compile(r"error code=(?!(5|21|22|23)\b)")
BLOCK = re.compile(r"<!-- meta=(\{.*?\}) -->\s*```http\n(.*?)```\s*```log\n(.*?)```", re.S)


def octets(text):
    """As llhttp's harness reads a block: lines end in CRLF, some characters are escaped."""
    text = re.sub(r"\n$", "", text)
    text = re.sub(r"\\(\r\n|\r|\n)", "", text)
    text = re.sub(r"\r\n|\r|\n", "\r\n", text)
    for a, b in ((r"\\r", "\r"), (r"\\n", "\n"), (r"\\t", "\t"), (r"\\f", "\f")):
        text = re.sub(a, lambda _, b=b: b, text)
    text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1], 16)), text)
    return text.encode()


def cases():
    for path in sorted(SUITE.glob("*.md")):
        heading = "", 0
        text = path.read_text()
        for i, m in enumerate(BLOCK.finditer(text)):
            heading = re.findall(r"^#+ (.*)$", text[:m.start()], re.M)[-1]
            if re.search(r'"type": *"request"', m[1]):
                yield pytest.param(octets(m[2]), m[3], id=f"{path.stem}-{i}-{heading}")


def read(data):
    r = subprocess.run([TOOL], input=data, capture_output=True, timeout=10)
    assert r.returncode == 0
    return r.stdout.decode("latin-1")


def with_host(data):
    """llhttp asks for no Host."""
    if re.search(rb"(?im)^host *:", data):
        return data

    def add(m):
        host = re.match(rb"http://([^/?]*)", m[2])
        return m[0] + b"Host: " + (host[1] if host else b"x") + b"\r\n"
    return re.sub(rb"(?m)^(\S+) (\S+) HTTP/1.1\r\n", add, data)


# Right for a reader that serves proxies and old clients; not for ours.
REFUSED = {
    "CONNECT request": "we are no proxy",
    "CONNECT with body": "we are no proxy",
    "PRI request HTTP2": "HTTP/2 is agreed on in TLS",
    "Chunk extensions quoting": "a backslash in a quoted extension, over which readers differ",
    "POST with `chunked` as last transfer-encoding": "a fragment in the target; codings but chunked",
    "POST with `chunked` as last transfer-encoding (multiple headers)": "the same",
}
# Faults of another kind than a reader's: a method that nobody knows is answered by who looks for the resource.
TAKEN = ("HTTP protocol and ANNOUNCE method", "Invalid method")


def refused(data):
    """At once, or when the head that was cut off ends."""
    return any("refused" in read(d) for d in (data, data + b"\r\n", data + b"\r\n\r\n"))


@pytest.mark.parametrize("data, log", cases())
def test_request(data, log, request):
    name = re.sub(r"^.*?-\d+-", "", request.node.callspec.id)
    if name in REFUSED or (INVALID.search(log) and name not in TAKEN):
        assert refused(data) and refused(with_host(data))
    else:
        assert "refused" not in read(with_host(data)), read(with_host(data))
