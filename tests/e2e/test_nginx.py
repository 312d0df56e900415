"""Debian's nginx in front, as docs/CONFIGURATION.md tells to set it up: login, JMAP, octets, WebSocket, event source."""

import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from conftest import make, wait_for
from jmapclient import WebSocket, echo
from test_web_http import requests_of

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/CONFIGURATION.md"
CONTAINERS = DOCUMENT.parents[1] / "docker/nginx.conf"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
CLIENT = "127.0.0.9"

pytestmark = [pytest.mark.skipif(not DOCUMENT.is_file(), reason="a copy without documents"),
              pytest.mark.skipif(NGINX is None, reason="no nginx")]

AROUND = """\
pid {dir}/pid;
error_log {dir}/error.log;
daemon off;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    ssl_certificate {dir}/cert.pem;
    ssl_certificate_key {dir}/key.pem;
    {server}
}}
"""


def documented(kind):
    return re.search(rf"\*\*Behind a reverse proxy\*\*.*?```{kind}\n(.*?)```", DOCUMENT.read_text(), re.S)[1]


class Front:
    """What a browser sees: nginx, and behind it the suite."""

    def __init__(self, suite, directory):
        self.suite, self.dir = suite, Path(directory)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        self.dir / "key.pem", "-out", self.dir / "cert.pem", "-days", "3", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.https = s.getsockname()[1]
        server = documented("nginx").replace("listen 443", f"listen 127.0.0.1:{self.https}").replace("mail.example.com", "localhost")
        server, n = re.subn(r"127\.0\.0\.1:8080", f"127.0.0.1:{suite.port('http')}", server)
        assert n == 1
        (self.dir / "nginx.conf").write_text(AROUND.format(dir=self.dir, server=server))
        self.process = subprocess.Popen([NGINX, "-c", self.dir / "nginx.conf", "-e", self.dir / "error.log"])
        wait_for(self.answers)
        self.headers = {}

    def answers(self):
        assert self.process.poll() is None, (self.dir / "error.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.https)):
            return True
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    # For jmapclient, as a suite has them.
    def port(self, _):
        return self.https

    def tls(self):
        return ssl.create_default_context(cafile=self.dir / "cert.pem")

    def ask(self, method, path, body=None, headers=None):
        c = http.client.HTTPSConnection("localhost", self.https, context=self.tls(), timeout=60, source_address=(CLIENT, 0))
        origin = f"https://localhost:{self.https}"
        send = {"Origin": origin, "Sec-Fetch-Site": "same-origin"} | self.headers | (headers or {})
        if isinstance(body, dict):
            body, send = json.dumps(body).encode(), send | {"Content-Type": "application/json"}
        with contextlib.closing(c):
            c.request(method, path, body, send)
            r = c.getresponse()
            return r.status, r.headers, r.read()


@pytest.fixture(scope="module")
def front(workdir):
    suite = make(workdir, config=documented("toml").replace("8080", "0"))
    suite.start()
    directory = Path(workdir) / "nginx"
    directory.mkdir()
    f = Front(suite, directory)
    yield f
    f.stop()
    assert suite.stop() == 0


@pytest.fixture(scope="module")
def alice(front):
    """Logged in: the cookie is all that is needed from now on."""
    u = front.suite.user("alice")
    status, headers, body = front.ask("POST", "/auth/login", {"user": u["address"], "password": u["password"]})
    assert status == 204, body
    cookie = headers["Set-Cookie"]
    assert "Secure" in cookie and "HttpOnly" in cookie
    front.headers = {"Cookie": cookie.split(";")[0]}
    return front


def test_the_page_and_its_session(alice):
    status, headers, _ = alice.ask("GET", "/")
    assert status == 200 and "Strict-Transport-Security" in headers and "Content-Security-Policy" in headers
    status, _, body = alice.ask("GET", "/jmap/session")
    session = json.loads(body)
    # The addresses are those of the front.
    assert status == 200 and session["apiUrl"].startswith(f"https://localhost:{alice.https}/")
    status, _, body = alice.ask("POST", "/jmap/api", echo(x=1))
    assert status == 200 and json.loads(body)["methodResponses"] == [["Core/echo", {"x": 1}, "c"]]
    account = session["primaryAccounts"]["urn:ietf:params:jmap:mail"]
    octets = bytes(range(256)) * 40000
    status, _, body = alice.ask("POST", f"/jmap/upload/{account}/", octets, {"Content-Type": "video/mp4"})
    assert status == 201
    path = f"/jmap/download/{account}/{json.loads(body)['blobId']}/film.mp4"
    assert alice.ask("GET", path)[::2] == (200, octets)
    status, headers, body = alice.ask("GET", path, headers={"Range": "bytes=1000-1999"})
    assert status == 206 and body == octets[1000:2000] and headers["Content-Range"] == f"bytes 1000-1999/{len(octets)}"


def test_another_sites_page_gets_nothing(alice):
    for more in ({"Origin": "https://evil.test", "Sec-Fetch-Site": None}, {"Origin": "http://localhost"}):
        status, _, _ = alice.ask("POST", "/jmap/api", echo(), {k: v for k, v in more.items() if v})
        assert status == 403


class ByFront:
    """What WebSocket takes for a Jmap."""

    def __init__(self, front):
        self.suite = front
        self.headers = {"Origin": f"https://localhost:{front.https}"} | front.headers


def test_a_socket(alice):
    with WebSocket(ByFront(alice)) as w:
        assert w.ask(echo(n=7))["methodResponses"][0][1] == {"n": 7}
        w.push()
        alice.suite.send("bob", ["alice"])
        assert w.until("StateChange")["changed"]
    assert WebSocket(ByFront(alice), headers={"Origin": "https://evil.test"}).status == 403


def test_an_event_source(alice):
    c = http.client.HTTPSConnection("localhost", alice.https, context=alice.tls(), timeout=60)
    with contextlib.closing(c):
        c.request("GET", "/jmap/eventsource?types=*&closeafter=state&ping=0", None, alice.headers)
        r = c.getresponse()
        assert r.status == 200 and r.readline() == b":\n"
        alice.suite.send("bob", ["alice"])
        assert b"event: state" in r.read()


def test_whom_it_speaks_for(alice):
    """The client's address is told by nginx, whatever the client says; to the plain port only nginx is believed."""
    mark = "/robots.txt"
    def last():
        return [r for r in requests_of(alice.suite) if r["path"] == mark]

    alice.ask("GET", mark, headers={"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "http"})
    wait_for(lambda: last() and last()[-1]["peer"] == CLIENT)
    n = len(last())
    with socket.create_connection(("127.0.0.1", alice.suite.port("http")), source_address=(CLIENT, 0)) as s:
        s.sendall(b"GET /robots.txt HTTP/1.1\r\nHost: x.test\r\nX-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\n"
                  b"Connection: close\r\n\r\n")
        head = s.recv(65536)
    assert b"200 OK" in head and b"Strict-Transport-Security" not in head
    wait_for(lambda: len(last()) > n and last()[-1]["peer"] == CLIENT)


@pytest.mark.skipif(not CONTAINERS.is_file(), reason="a copy without docker/")
def test_the_file_of_the_containers(front, tmp_path):
    """docker/nginx.conf, as compose.prod.yml mounts it for its profile `proxy`; other are addresses and paths alone."""
    text = CONTAINERS.read_text()
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    for name in ("cert", "key"):
        shutil.copy(front.dir / f"{name}.pem", tmp_path / {"cert": "tls_certificate", "key": "tls_key"}[name])
    for old, new in (("http://mail:8080", f"http://127.0.0.1:{front.suite.port('http')}"), ("listen 443", f"listen 127.0.0.1:{port}"),
                     ("/run/secrets", str(tmp_path)), ("/run/nginx.pid", f"{tmp_path}/pid"), ("error_log /dev/stderr", f"error_log {tmp_path}/log"),
                     ("access_log /dev/stdout", "".join(f"{x}_temp_path {tmp_path}/{x};\n" for x in (
                         "client_body", "proxy", "fastcgi", "uwsgi", "scgi")) + f"access_log {tmp_path}/access")):
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    (tmp_path / "nginx.conf").write_text(text)
    process = subprocess.Popen([NGINX, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "log", "-g", "daemon off;"])
    suite, u = front.suite, front.suite.user("bob")
    try:
        def ask(method, path, body=None, **headers):
            c = http.client.HTTPSConnection("localhost", port, context=front.tls(), timeout=60, source_address=(CLIENT, 0))
            with contextlib.closing(c):
                c.request(method, path, body, {"Origin": f"https://localhost:{port}", "Sec-Fetch-Site": "same-origin", **headers})
                r = c.getresponse()
                return r.status, r.headers, r.read()

        def up():
            assert process.poll() is None, (tmp_path / "log").read_text()
            with contextlib.suppress(OSError):
                return ask("GET", "/")[0] == 200
        wait_for(up)
        status, headers, body = ask("POST", "/auth/login", json.dumps({"user": u["address"], "password": u["password"]}).encode(),
                                    **{"Content-Type": "application/json"})
        assert status == 204, body
        # Over TLS, as the suite is told, and from the client's own address.
        assert "Secure" in headers["Set-Cookie"]
        wait_for(lambda: f"peer={CLIENT}" in suite.log())
        cookie = headers["Set-Cookie"].split(";")[0]
        assert ask("GET", "/jmap/session", Cookie=cookie)[0] == 200
    finally:
        process.terminate()
        process.wait(20)
