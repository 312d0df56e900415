"""Text out of messages, and its words, on the public mail suites: GMime decodes the same, Python's Unicode folds the
same, hostile HTML leaves neither markup nor scripts."""

import json
import random
import re
import unicodedata

import pytest

from oracle_words import shortened, words
from test_mail import MESSAGES, SUITES, GMime, crlf, tool, tool_json

def words_of(text):
    return [w for _, _, w in tool_json("words", text)]


def fields(data):
    got = tool_json("fields", data)
    assert len(got["preview"]) <= 256 and "\n" not in got["preview"] and "  " not in got["preview"]
    return got


def text_parts(message):
    """Decoded text of the text/plain parts, messages in the message too, as GMime reads them."""
    out = []

    def each(parent, part):
        if isinstance(part, GMime.MessagePart) and part.get_message():
            part.get_message().foreach(each)
        elif isinstance(part, GMime.TextPart) and part.get_content_type().is_type("text", "plain"):
            if part.get_content_type().get_parameter("charset") in (None, "us-ascii", "utf-8", "UTF-8", "iso-8859-1",
                                                                    "ISO-8859-1", "US-ASCII"):
                out.append(part.get_text() or "")

    message.foreach(each)
    return out


# Of several Content-Type fields the first counts, as mime4j has it (see test_mail.py).
@pytest.mark.parametrize("path", [p for p in MESSAGES if p.stem != "multi-bad"], ids=lambda p: p.stem)
def test_message(path):
    data = crlf(path.read_bytes())
    got = fields(data)
    message = GMime.Parser.new_with_stream(GMime.StreamMem.new_with_buffer(data)).construct_message(None)
    body = " ".join(words_of(got["body"]))
    if message is None:
        return
    for text in text_parts(message):
        if "\ufffd" in text or not text.isascii():
            continue
        for line in text.splitlines():
            assert " ".join(map(shortened, words(line))) in body, line
    assert words_of(got["body"]) == list(map(shortened, words(got["body"])))


def test_words_as_python_has_them():
    random.seed(5)
    scripts = [(0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x6FF),
               (0x900, 0xDFF), (0xE00, 0xEFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x2000, 0x214F),
               (0x2460, 0x24FF), (0x3000, 0x30FF), (0x3200, 0x33FF), (0x4E00, 0x4EFF), (0xAC00, 0xACFF),
               (0xFB00, 0xFDFF), (0xFE70, 0xFFEF), (0x1F600, 0x1F64F), (0x20000, 0x200FF)]
    for _ in range(400):
        text = "".join(chr(random.randint(*random.choice(scripts))) for _ in range(random.randint(1, 60)))
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cn", "Cs"))
        got = tool_json("words", text)
        assert [w for _, _, w in got] == list(map(shortened, words(text))), text
        octets = text.encode()
        for start, end, _ in got:
            octets[start:end].decode()


def test_every_character():
    """All of the planes in use, a line each."""
    characters = [chr(c) for c in range(0x20, 0x2FA20) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Cc")]
    for at in range(0, len(characters), 4000):
        piece = characters[at:at + 4000]
        got = json.loads(tool("words", "\n".join(f"q{c}q" for c in piece)).stdout)
        want = [shortened(w) for c in piece for w in words(f"q{c}q")]
        assert [w for _, _, w in got] == want


@pytest.mark.parametrize("payload", json.loads((SUITES / "html/xss-payloads.json").read_text())
                         if (SUITES / "html/xss-payloads.json").exists() else [], ids=lambda p: str(p)[:40])
def test_hostile_html(payload):
    html = payload if isinstance(payload, str) else payload.get("payload") or payload.get("html") or json.dumps(payload)
    data = f"Content-Type: text/html; charset=utf-8\r\n\r\n<p>before</p>{html}".encode("utf-8", "surrogatepass")
    got = fields(data)
    assert got["body"].startswith("before")
    assert not re.search(r"<(script|style|iframe)\b[^>]*>.*</\1", got["body"], re.I | re.S) or "&lt;" in html
