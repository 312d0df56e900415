"""An ACME server that is somebody's enemy, or broken; and files of ours that are."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest
from conftest import wait_for
from tls_host import Authority, Web


@pytest.fixture
def liar(workdir, request):
    authority = Authority(workdir / f"ca-{request.node.name[:40]}")
    web = Web("127.0.0.1", authority.issue("localhost"))
    web.posts = []
    web.server.RequestHandlerClass.do_POST = lambda handler: (web.posts.append(handler.path), handler.do_GET())
    web.authority = authority
    web.settings = ("[tls]\ncertificate = ''\nkey = ''\n[acme]\nchallenge = 'tls-alpn-01'\nterms_agreed = true\n"
                    f"directory = 'https://localhost:{web.port}/dir'\nca_file = '{authority.file}'\n")
    yield web
    web.close()


def status(s):
    return json.loads(s.ctl("--json", "acme", "status", check=False).stdout)


def test_what_was_never_signed_is_not_signed_again(liar, fresh_suite):
    """badNonce for the directory, which is asked for without one."""
    body = json.dumps({"type": "urn:ietf:params:acme:error:badNonce", "detail": "try again"})
    liar.pages["localhost"] = (400, {"Replay-Nonce": "abc", "Content-Length": str(len(body))}, body)
    s = fresh_suite(config=liar.settings)
    wait_for(lambda: status(s)["failures"])
    pid = s.processes()["acme"]
    for _ in range(2):
        r = s.ctl("acme", "renew", check=False)
        assert r.returncode == 1 and "badNonce" in r.stdout, r.stdout
    assert liar.posts == []
    assert s.processes()["acme"] == pid


def test_damaged_keys_stop_no_mail(liar, fresh_suite):
    """gk-sign starts, as all do; what is there is not written over."""
    s = fresh_suite(config=liar.settings)
    wait_for(lambda: status(s)["failures"])
    tls = s.dir / "data/tls"
    for name in ("acme.pem", "acme-account.pem"):
        (tls / name).write_text("-----BEGIN PRIVATE KEY-----\nrubbish\n")
    s.restart()
    assert s.processes()["sign"]
    assert "sign.acme_key" in s.log()
    assert "rubbish" in (tls / "acme-account.pem").read_text()


def test_an_end_in_the_middle_counts(liar, fresh_suite):
    """What ends gk-acme may be the answer: it is not asked for again and again."""
    asked, goes_on = threading.Event(), threading.Event()

    def hang(handler):
        asked.set()
        goes_on.wait(60)

    liar.server.RequestHandlerClass.do_GET = hang
    began = time.time()
    try:
        s = fresh_suite(config=liar.settings)
        assert asked.wait(60)
        before = s.processes()["acme"]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: s.processes()["acme"] not in (0, before) and status(s).get("failures"))
        now = status(s)
        assert now["failures"] == 1 and "under way" in now["error"], now
        assert now["next"] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began + 60)), now
        # An end by our own will is none.
        asked.clear()
        p = subprocess.Popen([str(s.bin / "gkmail"), "--dir", str(s.dir), "acme", "renew"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        assert asked.wait(60)
        s.stop()
        p.wait()
        assert json.loads((s.dir / "data/acme/state").read_text())["failures"] == 1
    finally:
        goes_on.set()
