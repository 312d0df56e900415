"""gk-webd as a web server: both protocols, what is refused, who is too slow, proxies, and the small documents."""

import gzip
import os
import plistlib
import re
import select
import socket
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from conftest import wait_for
from web import H2, connect, curl, get, problem, read_all, response, talk

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /robots.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PROTOCOLS = ["--http1.1", "--http2"]


def requests_of(suite):
    return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in suite.log().splitlines() if " http.request " in line]


# ---- the page ----

@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_page_comes_with_what_makes_it_safe(suite, protocol):
    status, fields, body = get(suite, "/", protocol)
    assert status == 200
    assert fields["content-type"] == "text/html; charset=utf-8"
    policy = fields["content-security-policy"]
    assert "default-src 'none'" in policy and "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["referrer-policy"] == "no-referrer"
    assert fields["strict-transport-security"] == "max-age=31536000"
    assert fields["cross-origin-opener-policy"] == "same-origin"
    assert fields["cache-control"] == "no-cache" and fields["etag"]
    assert b"<!doctype html>" in body and int(fields["content-length"]) == len(body)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_named_by_its_content_is_kept_for_ever(suite, protocol):
    page = curl(suite, "/", protocol).decode()
    assets = re.findall(r'"(/assets/[^"]+)"', page)
    assert assets
    for path in assets:
        status, fields, body = get(suite, path, protocol)
        assert status == 200 and fields["cache-control"] == "public, max-age=31536000, immutable"
        assert int(fields["content-length"]) == len(body)
        packed = get(suite, path, protocol, "-H", "Accept-Encoding: br, gzip;q=0.8")
        if packed[1].get("content-encoding"):
            assert packed[1]["content-encoding"] == "gzip" and gzip.decompress(packed[2]) == body
            assert packed[1]["etag"] != fields["etag"]
        assert "content-encoding" not in get(suite, path, protocol, "-H", "Accept-Encoding: gzip;q=0")[1]
        assert get(suite, path, protocol, "-H", f"If-None-Match: \"x\", W/{fields['etag']}")[0] == 304
        assert get(suite, path, protocol, "-H", 'If-None-Match: "x"')[0] == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_head_is_get_without_a_body(suite, protocol):
    _, fields, body = get(suite, "/", protocol)
    status, same, nothing = get(suite, "/", protocol, "-I")
    assert status == 200 and nothing == b""
    assert {k: v for k, v in same.items() if k != "date"} == {k: v for k, v in fields.items() if k != "date"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_refusals_are_problem_reports(suite, protocol):
    for options, path, expected in (([], "/nope", 404), (["-X", "DELETE"], "/", 405), (["-d", "x"], "/robots.txt", 405),
                                    (["-X", "BREW"], "/nope", 501),
                                    (["-X", "GET", "-d", "x"], "/", 413),
                                    (["--data-binary", "x" * 20000], "/autodiscover/autodiscover.xml", 413)):
        status, fields, body = get(suite, path, protocol, *options)
        assert status == expected, (path, options)
        assert fields["content-type"] == "application/problem+json"
        problem(body, expected)
        assert fields["cache-control"] == "no-store" and "sandbox" in fields["content-security-policy"]
        if expected == 405:
            assert fields["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", [
    "/../etc/passwd", "/assets/../../etc/passwd", "/%2e%2e/etc/passwd", "/assets/%2E%2e/%2e%2e/etc/passwd", "/./",
    "/assets/..%5c..%5cetc/passwd", "//etc/passwd", "/assets//x", "/%00", "/a%0d%0ab", "/%5c", "/assets/%7f",
])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_path_leads_upwards(suite, protocol, path):
    status, _, body = get(suite, path, protocol, "--path-as-is")
    assert status in (400, 404) and b"root:" not in body


def test_two_spellings_are_one_path(suite):
    assert get(suite, "/%72obots%2Etxt")[0] == 200
    assert get(suite, "/robots%2Ftxt")[0] == 404


# ---- HTTP/1.1 ----

def test_requests_in_one_go_are_answered_in_their_order(suite):
    out = talk(suite, GET * 2 + b"GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n" + LAST)
    assert re.findall(rb"HTTP/1.1 (\d+)", out) == [b"200", b"200", b"404", b"200"]
    assert out.endswith(b"Disallow: /\r\n")


def test_a_thousand_requests_in_one_go(suite):
    out = talk(suite, GET * 1000 + LAST)
    assert len(re.findall(rb"HTTP/1.1 200", out)) == 1001


def test_a_connection_is_kept(suite):
    with connect(suite) as s:
        for _ in range(5):
            s.sendall(GET)
            status, fields, body, rest = response(s)
            assert status == 200 and "connection" not in fields and rest == b""


def test_every_split_of_a_request(suite):
    octets = (b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"7\r\n<EMailA\r\n1b;x=y\r\nddress>bob@example.test</EM\r\n3\r\nAil\r\n0\r\nA: b\r\n\r\n")
    with connect(suite, alpn=None) as s:
        for i in range(1, len(octets), 7):
            s.sendall(octets[:i])
            # A write of its own, and most likely a read.
            select.select([s], [], [], 0.002)
            s.sendall(octets[i:])
            status, _, body, rest = response(s)
            assert status == 200 and b"<AccountType>email</AccountType>" in body and rest == b""


def test_leave_to_send_a_body(suite):
    body = b"<EMailAddress>bob@example.test</EMailAddress>"
    head = (b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body))
    with connect(suite) as s:
        s.sendall(head)
        assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(body)
        assert response(s)[0] == 200
    # Whoever asks for too much is told so instead.
    out = talk(suite, b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                      b"Content-Length: 1000000\r\n\r\n")
    assert out.startswith(b"HTTP/1.1 413 ") and b"Connection: close" in out


def test_http_1_0_gets_one_answer(suite):
    out = talk(suite, b"GET /robots.txt HTTP/1.0\r\n\r\n" + LAST)
    assert re.findall(rb"HTTP/1.1 (\d+)", out) == [b"200"] and b"Connection: close" in out


def test_a_refused_body_takes_the_connection_with_it(suite):
    """What of it is still to come must not be read as a request."""
    out = talk(suite, b"POST /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(LAST) + LAST)
    assert re.findall(rb"HTTP/1.1 (\d+)", out) == [b"404"] and b"Connection: close" in out


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLERS = {
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 43\r\n\r\n",
    "the same length twice": HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
    "length and coding": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "a signed length": HEAD + b"Content-Length: +0\r\n\r\n",
    "a hexadecimal length": HEAD + b"Content-Length: 0x0\r\n\r\n",
    "a huge length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "two codings": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a coding spelt otherwise": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding with a tab": HEAD + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": HEAD + b"Content-Length : 0\r\n\r\n",
    "a folded field": HEAD + b"X: y\r\n Content-Length: 0\r\n\r\n",
    "a bare LF": HEAD + b"X: y\nContent-Length: 0\r\n\r\n",
    "a bare CR": HEAD + b"X: y\rContent-Length: 0\r\n\r\n",
    "a NUL": HEAD + b"X: y\0z\r\n\r\n",
    "a bare LF after a chunk's size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "a chunk longer than said": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    "a chunk's size that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk's size that is huge": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts, one in the target": b"GET http://evil.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a host that is none": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "blanks in the target": b"GET / /x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a chunked 1.0": b"POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/2 in the clear": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a later version": b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n",
    "a proxy's method": b"CONNECT evil.test:25 HTTP/1.1\r\nHost: evil.test:25\r\n\r\n",
    "SMTP": b"EHLO evil.test\r\nMAIL FROM:<a@evil.test>\r\n\r\n",
}


@pytest.mark.parametrize("octets", SMUGGLERS.values(), ids=SMUGGLERS)
def test_what_two_readers_could_read_differently_is_refused(suite, octets):
    out = talk(suite, octets + SMUGGLED)
    statuses = re.findall(rb"HTTP/1.1 (\d+)", out)
    assert len(statuses) == 1 and statuses[0] in (b"400", b"413", b"501", b"505"), out
    assert b"Connection: close" in out
    assert not any(r["path"] == "/smuggled" for r in requests_of(suite))


def test_the_requests_of_llhttp(suite):
    """What the reader refuses by itself (tests/conformance), the server refuses too, and goes on for others."""
    os.environ.setdefault("GKMAIL_SUITES", "")
    import test_http
    if not test_http.SUITE.is_dir():
        pytest.skip("no folder of test suites")
    n = 0
    for case in test_http.cases():
        data, log = case.values
        name = re.sub(r"^.*?-\d+-", "", case.id)
        if not test_http.INVALID.search(log) or name in test_http.TAKEN or name in test_http.REFUSED:
            continue
        n += 1
        data = test_http.with_host(data)
        out = talk(suite, data + b"\r\n\r\n")
        assert b"HTTP/1.1 4" in out or b"HTTP/1.1 5" in out, (case.id, out)
    assert n >= 50
    assert get(suite, "/")[0] == 200


def test_heads_have_bounds(suite):
    for head, status in ((b"X: " + b"y" * 40000 + b"\r\n", b"431"), (b"X: y\r\n" * 200, b"431")):
        out = talk(suite, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        assert out.startswith(b"HTTP/1.1 " + status)
    assert talk(suite, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 414")
    assert talk(suite, b"GET /" + b"a" * 50000).startswith(b"HTTP/1.1 414")


# ---- HTTP/2 ----

def test_many_streams_at_once(suite):
    with H2(suite) as c:
        ids = [c.request("/robots.txt" if i % 2 else "/") for i in range(100)]
        c.wait(*ids)
        assert [c.responses[i]["status"] for i in ids] == [200] * 100
        assert all(c.responses[i]["body"] for i in ids)


def test_bodies_over_http2(suite):
    body = b"<EMailAddress>bob@example.test</EMailAddress>"
    with H2(suite) as c:
        r = c.wait(c.request("/autodiscover/autodiscover.xml", "POST", body=body))
        assert r["status"] == 200 and b"email" in r["body"]
        # In pieces, with trailers.
        id = c.request("/autodiscover/autodiscover.xml", "POST", end=False)
        for i in range(0, len(body), 10):
            c.c.send_data(id, body[i:i + 10])
            c.flush()
        c.c.send_headers(id, [("x-end", "y")], end_stream=True)
        c.flush()
        assert c.wait(id)["status"] == 200
        # More than the route takes: an answer, and no more of it.
        id = c.request("/autodiscover/autodiscover.xml", "POST", body=b"x" * 16000, end=False)
        c.c.send_data(id, b"x" * 16000)
        c.flush()
        r = c.wait(id)
        assert r["status"] == 413
        r = c.wait(c.request("/nope", "POST", body=b"x" * 1000, end=False))
        assert r["status"] == 404
        assert c.wait(c.request("/"))["status"] == 200


def test_heads_over_http2_have_bounds(suite):
    with H2(suite) as c:
        assert c.wait(c.request(more=[("x", "y" * 20000), ("z", "y" * 20000)]))["status"] == 431
        assert c.wait(c.request(more=[(f"x{i}", "y") for i in range(150)]))["status"] == 431
        assert c.wait(c.request("/" + "a" * 9000))["status"] == 414
        assert c.wait(c.request("/"))["status"] == 200


@pytest.mark.parametrize("more, pseudo", [
    ([("Upper", "x")], None),
    ([("connection", "close")], None),
    ([("transfer-encoding", "chunked")], None),
    ([("content-length", "5")], None),
    ([("x", "a\r\nb: c")], None),
    ([("x", "a\0b")], None),
    ([("host", "evil.test")], None),
    ([], [(":method", "GET"), (":scheme", "https"), (":path", "/")]),
    ([], [(":method", "GET"), (":scheme", "https"), (":authority", "a b"), (":path", "/")]),
    ([], [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "smuggled")]),
    ([], [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "http://evil.test/")]),
    ([], [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/a b")]),
    ([], [(":method", "G T"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]),
    ([], [(":method", "GET"), (":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]),
    ([], [(":method", "CONNECT"), (":authority", "evil.test:25")]),
])
def test_malformed_requests_over_http2(suite, more, pseudo):
    with H2(suite) as c:
        id = c.request(more=more, pseudo=pseudo)
        while not c.responses[id]["done"] and c.pump():
            pass
        r = c.responses[id]
        assert r["status"] in (None, 400, 501) and (r["status"] or r["reset"] is not None or c.goaway is not None), r
    assert get(suite, "/")[0] == 200


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


FLOODS = {
    "pings": lambda i: frame(6, 0, 0, i.to_bytes(8, "big")),
    "settings": lambda i: frame(4, 0, 0, b"\0\3" + (100 + i % 100).to_bytes(4, "big")),
    "priorities": lambda i: frame(2, 0, 2 * i + 1, b"\0\0\0\0\x10"),
    # A login that never comes to its end: DATA of padding alone.
    "padding": lambda i: frame(0, 8, 1, b"\0"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_frames_that_are_no_work(suite, name):
    with H2(suite) as c:
        assert c.request("/auth/login", "POST", end=False) == 1
        for k in range(0, 10000, 100):
            c.raw(b"".join(FLOODS[name](i) for i in range(k, k + 100)))
            if c.ended:
                break
        c.wait_end()
        # The alarm may be lost when the socket is closed with more of the flood in it.
        assert c.goaway in (11, None)
    wait_for(lambda: "why=\"a flood of" in suite.log())
    assert get(suite, "/")[0] == 200


def test_rapid_reset(suite):
    """CVE-2023-44487: requests that are taken back at once."""
    with H2(suite) as c:
        started = len(requests_of(suite))
        for _ in range(5000):
            id = c.c.get_next_available_stream_id()
            c.c.send_headers(id, c.head("/"), end_stream=True)
            c.c.reset_stream(id, 8)
            c.flush()
            if c.ended:
                break
        c.wait_end()
        assert c.ended
    wait_for(lambda: "a flood of resets" in suite.log())
    assert len(requests_of(suite)) - started < 3000
    assert get(suite, "/")[0] == 200


def test_requests_that_the_server_has_to_reset(suite):
    """CVE-2025-8671: the same, without a word of the client's."""
    with H2(suite) as c:
        for _ in range(5000):
            id = c.c.get_next_available_stream_id()
            c.c.send_headers(id, c.head("/auth/login", "POST", [("content-type", "application/json"), ("content-length", "5")]))
            c.c.send_data(id, b"0123456789", end_stream=True)
            c.flush()
            if c.ended or not c.pump() or c.goaway is not None:
                break
        c.wait_end()
        assert c.ended
    wait_for(lambda: "a flood of requests that break" in suite.log())
    assert get(suite, "/")[0] == 200


def test_a_head_without_end(suite):
    """CONTINUATION frames for ever (CVE-2024-28182)."""
    with H2(suite) as c:
        c.raw(frame(1, 0, 1, b"\x82\x87\x84"))
        for _ in range(2000):
            c.raw(frame(9, 0, 1, b"\x00\x01x\x01y" * 100))
            if c.ended:
                break
        c.wait_end()
    assert get(suite, "/")[0] == 200


def test_what_is_no_http2(suite):
    for octets in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 100, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64):
        with connect(suite, alpn="h2") as s:
            s.sendall(octets)
            read_all(s)
    assert get(suite, "/")[0] == 200


# ---- who is slow ----

@pytest.fixture(scope="module")
def hasty(workdir):
    from suite import make
    s = make(workdir, config="[web]\nrequest_timeout = '1s'\nidle_timeout = '1s'\n").start()
    yield s
    assert s.stop() == 0


def test_a_head_that_trickles(hasty):
    with connect(hasty) as s:
        s.sendall(b"GET / HTTP/1.1\r\n")
        s.setblocking(False)
        out = b""
        end = time.monotonic() + 30
        # An octet now and then is no progress.
        while time.monotonic() < end:
            try:
                s.send(b"X")
            except (BlockingIOError, OSError):
                pass
            if select.select([s], [], [], 0.1)[0]:
                break
        s.setblocking(True)
        out = read_all(s)
        assert out == b"" or out.startswith(b"HTTP/1.1 408 ")
    wait_for(lambda: "a head that slow" in hasty.log())


def test_no_handshake_and_no_request(hasty):
    raw = socket.create_connection(("localhost", hasty.port("https")), timeout=30)
    assert raw.recv(1) == b""
    with connect(hasty) as s:
        assert read_all(s) == b""
    with H2(hasty) as c:
        assert c.wait(c.request("/"))["status"] == 200
        assert c.wait_end() in (0, None)


def test_a_body_that_does_not_come(hasty):
    """Slower than 8 KiB in web.request_timeout."""
    out = talk(hasty, HEAD + b"Content-Length: 10000\r\n\r\nhello")
    assert out.startswith(b"HTTP/1.1 408 ")
    with H2(hasty) as c:
        id = c.request("/autodiscover/autodiscover.xml", "POST", body=b"hello", end=False)
        assert c.wait(id)["status"] == 408


def test_who_takes_no_answer_is_hung_up_on(hasty):
    page = re.search(r'"(/assets/main[^"]+js)"', curl(hasty, "/").decode())[1].encode()
    with connect(hasty) as s:
        s.settimeout(5)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            while True:
                s.sendall(b"GET " + page + b" HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1)
        except (TimeoutError, OSError):
            pass
        wait_for(lambda: re.search(r"^gkmail_http_connections_active 0", hasty.ctl("status", "--metrics").stdout, re.M), 90)


# ---- proxies, bans, limits ----

@pytest.fixture(scope="module")
def behind(workdir):
    from suite import make
    s = make(workdir, config="[web]\nlisten_plain = ['127.0.0.1:0']\ntrusted_proxies = ['127.0.0.1', '198.51.100.0/24']\n")
    s.start()
    yield s
    assert s.stop() == 0


def ask(suite, *fields, path="/robots.txt"):
    """By the plain port; the answer's status and what the log says of the request."""
    mark = f"{path}?{os.urandom(4).hex()}"
    before = len(requests_of(suite))
    out = talk(suite, f"GET {mark} HTTP/1.1\r\nHost: mail.example.test\r\nConnection: close\r\n".encode()
               + b"".join(f.encode() + b"\r\n" for f in fields) + b"\r\n", port="http")
    wait_for(lambda: len(requests_of(suite)) > before)
    return out, requests_of(suite)[-1]


def test_a_trusted_proxy_tells_whom_it_speaks_for(behind):
    for fields, peer in (
            ([], "127.0.0.1"),
            (["X-Forwarded-For: 203.0.113.9"], "203.0.113.9"),
            # What the client wrote stands in front of what the proxy added.
            (["X-Forwarded-For: 10.0.0.1, 203.0.113.9"], "203.0.113.9"),
            (["X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 203.0.113.9, 198.51.100.7"], "203.0.113.9"),
            (["X-Forwarded-For: unknown"], "127.0.0.1"),
            (["X-Forwarded-For: [2001:db8::7]:4711"], "2001:db8::7"),
            # Not the header that is configured.
            (["Forwarded: for=10.0.0.1"], "127.0.0.1")):
        assert ask(behind, *fields)[1]["peer"] == peer, fields


def test_https_at_the_proxy_is_https(behind):
    assert b"Strict-Transport-Security" not in ask(behind)[0]
    assert b"Strict-Transport-Security" not in ask(behind, "X-Forwarded-Proto: http")[0]
    assert b"Strict-Transport-Security" in ask(behind, "X-Forwarded-Proto: https")[0]


def test_others_are_not_believed(suite):
    get(suite, "/robots.txt", "-H", "X-Forwarded-For: 203.0.113.9", "-H", "Forwarded: for=203.0.113.9")
    wait_for(lambda: requests_of(suite))
    assert requests_of(suite)[-1]["peer"] == "127.0.0.1"


def test_forwarded(fresh_suite):
    s = fresh_suite(config="[web]\nlisten_plain = ['127.0.0.1:0']\ntrusted_proxies = ['127.0.0.0/8']\nproxy_header = 'forwarded'\n")
    out, request = ask(s, 'Forwarded: for=10.0.0.1, for="[2001:db8::7]:80";proto=https;by=127.0.0.1',
                       "X-Forwarded-For: 10.9.9.9")
    assert request["peer"] == "2001:db8::7" and b"Strict-Transport-Security" in out


def test_who_is_banned_gets_nothing_behind_a_proxy_either(behind):
    behind.ctl("ban", "add", "203.0.113.66")
    wait_for(lambda: b"HTTP/1.1 403" in ask(behind, "X-Forwarded-For: 203.0.113.66")[0])
    assert b"HTTP/1.1 200" in ask(behind, "X-Forwarded-For: 203.0.113.67")[0]
    behind.ctl("ban", "remove", "203.0.113.66")
    wait_for(lambda: b"HTTP/1.1 200" in ask(behind, "X-Forwarded-For: 203.0.113.66")[0])


def test_limits_of_an_address_behind_a_proxy(fresh_suite):
    s = fresh_suite(config="[web]\nlisten_plain = ['127.0.0.1:0']\ntrusted_proxies = ['127.0.0.1']\nrequests_per_minute = 20\n")
    for client, refused in (("203.0.113.9", True), ("203.0.114.9", True), (None, False)):
        field = f"X-Forwarded-For: {client}\r\n" if client else ""
        out = talk(s, f"GET /robots.txt HTTP/1.1\r\nHost: a.test\r\n{field}\r\n".encode() * 40
                   + b"GET /robots.txt HTTP/1.0\r\n\r\n", port="http")
        assert out.startswith(b"HTTP/1.1 200") and (b"HTTP/1.1 429" in out) == refused, client


def test_passwords_come_over_tls(behind):
    head = ("GET /jmap/session HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nX-Forwarded-Proto: {}\r\n"
            "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n\r\n")
    assert talk(behind, head.format("http").encode(), port="http").startswith(b"HTTP/1.1 403")
    assert talk(behind, head.format("https").encode(), port="http").startswith(b"HTTP/1.1 401")


def test_limits_of_an_address(fresh_suite):
    s = fresh_suite(config="[limits]\ntrusted_networks = []\nconnections_per_ip = 3\n[web]\nrequests_per_minute = 20\n")
    open_ones = [connect(s) for _ in range(3)]
    with pytest.raises(OSError):
        connect(s)
    statuses = []
    for _ in range(60):
        open_ones[0].sendall(GET)
        statuses.append(response(open_ones[0])[0])
    assert statuses[0] == 200 and 429 in statuses
    metrics = s.ctl("status", "--metrics").stdout
    for what in ("requests", "connections"):
        assert re.search(rf'gkmail_limits_total{{what="{what}"}} [1-9]', metrics), metrics
    for c in open_ones:
        c.close()


def test_the_plain_port_is_off_and_for_near_ones_only(suite, behind):
    assert "http" not in suite.info["ports"]
    assert b"HTTP/1.1 200" in ask(behind)[0]


# ---- the small documents ----

def test_thunderbird_finds_its_servers(suite):
    for path, host in (("/mail/config-v1.1.xml?emailaddress=alice%40example.test", None),
                       ("/mail/config-v1.1.xml", "autoconfig.example.test"),
                       ("/.well-known/autoconfig/mail/config-v1.1.xml", "example.test")):
        out = curl(suite, path, *(["-H", f"Host: {host}"] if host else []))
        provider = ET.fromstring(out).find("emailProvider")
        assert provider.get("id") == "example.test"
    assert get(suite, "/mail/config-v1.1.xml?emailaddress=a%40elsewhere.test")[0] == 404
    assert get(suite, "/mail/config-v1.1.xml?emailaddress=%3Cscript%3E")[0] == 400


def test_outlook_and_apple(suite):
    ask = "<Autodiscover><Request><EMailAddress>bob@example.test</EMailAddress></Request></Autodiscover>"
    for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"):
        root = ET.fromstring(curl(suite, path, "-d", ask, "-H", "Content-Type: text/xml"))
        assert root.find(".//{*}AccountType").text == "email"
    assert get(suite, "/autodiscover/autodiscover.xml", "-d", "<x/>")[0] == 400
    assert get(suite, "/autodiscover/autodiscover.xml", "-d", ask.replace("example", "elsewhere"))[0] == 404
    status, fields, body = get(suite, "/apple.mobileconfig?email=alice%40example.test")
    assert status == 200 and fields["content-type"] == "application/x-apple-aspen-config"
    profile = plistlib.loads(body)
    assert profile["PayloadContent"][0]["EmailAddress"] == "alice@example.test"
    assert profile == plistlib.loads(curl(suite, "/apple.mobileconfig?email=alice%40example.test"))
    assert get(suite, "/apple.mobileconfig")[0] == 400


def test_the_policy_of_mta_sts(suite, fresh_suite):
    def policy(s, host):
        return get(s, "/.well-known/mta-sts.txt", "-H", f"Host: {host}")
    status, fields, body = policy(suite, "mta-sts.example.test")
    assert status == 200 and fields["content-type"].startswith("text/plain")
    assert body == b"version: STSv1\r\nmode: testing\r\nmx: mail.example.test\r\nmax_age: 604800\r\n"
    for host in ("example.test", "mta-sts.elsewhere.test", "localhost"):
        assert policy(suite, host)[0] == 404
    s = fresh_suite(config="[web]\nmta_sts = 'enforce'\nmta_sts_mx = ['mx.example.test', '*.mx.example.test']\n")
    assert policy(s, "mta-sts.example.test")[2].splitlines()[1:4] == [
        b"mode: enforce", b"mx: mx.example.test", b"mx: *.mx.example.test"]


def test_small_documents(suite):
    assert b"Contact: mailto:postmaster@mail.example.test\r\nExpires: 20" in curl(suite, "/.well-known/security.txt")
    status, fields, _ = get(suite, "/.well-known/change-password")
    assert status == 303 and fields["location"].startswith("/")
    assert get(suite, "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200")[0] == 404


# ---- life ----

def test_a_reload_ends_no_connection(suite):
    with connect(suite) as s, H2(suite) as c:
        s.sendall(GET)
        assert response(s)[0] == 200
        suite.ctl("reload")
        s.sendall(GET)
        assert response(s)[0] == 200
        assert c.wait(c.request("/"))["status"] == 200


def test_draining_ends_idle_connections_and_finishes_the_others(fresh_suite):
    s = fresh_suite()
    idle, busy, c = connect(s), connect(s), H2(s)
    assert c.wait(c.request("/"))["status"] == 200
    busy.sendall(HEAD + b"Content-Length: 45\r\n\r\n")
    idle.sendall(GET)
    response(idle)
    os.kill(s.processes()["webd"], 15)
    assert read_all(idle) == b""
    assert c.wait_end() == 0
    busy.sendall(b"<EMailAddress>bob@example.test</EMailAddress>")
    out = read_all(busy)
    assert out.startswith(b"HTTP/1.1 200") and b"Connection: close" in out
    wait_for(lambda: get(s, "/")[0] == 200)


def test_the_log_names_no_files(suite):
    get(suite, "/jmap/download/a1/b2/my%20secret.pdf")
    get(suite, "/assets/nothing.js")
    wait_for(lambda: any(r["path"] == "/assets/nothing.js" for r in requests_of(suite)))
    assert any(r["path"] == "/jmap/download/*" for r in requests_of(suite)) and "secret" not in suite.log()


def test_counted(suite):
    get(suite, "/")
    metrics = suite.ctl("status", "--metrics").stdout
    assert re.search(r'gkmail_http_requests_total{status="2xx"} [1-9]', metrics)
    assert re.search(r"gkmail_http_requests_duration_seconds_count [1-9]", metrics)
