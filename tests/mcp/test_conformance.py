"""The public conformance suite of MCP against the real gk-webd and gk-mcpd (tests/mcp/fixture.c has the tools that it asks for),
behind a reverse proxy that adds the token: the suite has no way to show one. `make mcp` installs it."""

import http.client
import http.server
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from mcpclient import token_of
from suite import BIN, make

SUITE = Path(__file__).parent / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
FIXTURE = Path(os.environ.get("GKMAIL_TOOLS", BIN.parent / "tools")).resolve() / "mcp/gk-mcpd"
HOPS = ("connection", "keep-alive", "transfer-encoding", "content-length")


@pytest.fixture(scope="module")
def fixture_suite(workdir):
    place = Path(workdir) / "bin-mcp"
    shutil.copytree(BIN, place)
    shutil.copy(FIXTURE, place / "gk-mcpd")
    place.chmod(0o755)
    s = make(workdir, config='[web]\ntrusted_proxies = ["127.0.0.1", "::1"]\n')
    s.bin = place
    yield s.start()
    s.stop()


@pytest.fixture(scope="module")
def url(fixture_suite):
    token, tls = token_of(fixture_suite), fixture_suite.tls()

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def go(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            c = http.client.HTTPSConnection("localhost", fixture_suite.port("https"), context=tls, timeout=60)
            c.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for k, v in self.headers.items():
                if k.lower() not in HOPS[:3]:
                    c.putheader(k, v)
            for k, v in (("Authorization", "Bearer " + token), ("X-Forwarded-Proto", "http"),
                         ("X-Forwarded-For", "192.0.2.7")):
                c.putheader(k, v)
            c.endheaders(body or None)
            r = c.getresponse()
            self.send_response_only(r.status)
            for k, v in r.getheaders():
                if k.lower() not in HOPS:
                    self.send_header(k, v)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                while some := r.read1(65536):
                    self.wfile.write(some)
                    self.wfile.flush()
            except OSError:
                pass
            finally:
                c.close()

        do_POST = do_GET = do_DELETE = go

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}/mcp"
    server.shutdown()


@pytest.mark.parametrize("revision, scored", [("2026-07-28", 37), ("2025-11-25", 30)])
def test_requirements(url, node, tmp_path, revision, scored):
    """What a revision requires; extensions (tasks) and pending scenarios are run and not scored."""
    r = subprocess.run([node, SUITE, "server", "--url", url, "--requirements", revision], cwd=tmp_path,
                       capture_output=True, text=True, timeout=240)
    summary, _, unscored = r.stdout.partition("Not scored for")
    names = {line.split()[1] for line in unscored.splitlines() if line.startswith("  ")}
    lines = [x for x in summary.splitlines() if x[:1] in "✓✗"]
    failed = [x for x in lines if x.startswith("✗") and x.split()[1].rstrip(":") not in names]
    passed = [x for x in lines if x.startswith("✓") and x.split()[1].rstrip(":") not in names]
    assert r.returncode == 0 and not failed, "\n".join(failed) + r.stderr[-2000:]
    assert len(passed) == scored
