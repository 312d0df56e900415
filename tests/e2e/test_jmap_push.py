"""PushSubscription (RFC 8620 7.2): devices are told by POST, also while the user has no process."""

import contextlib
import http.server
import json
import os
import shutil
import threading

import pytest

from conftest import make, wait_for
from jmapclient import CORE, Jmap
from tls_host import Authority, context
from zones import Zones

pytestmark = pytest.mark.skipif(not (shutil.which("ldns-signzone") and os.path.exists("/usr/sbin/nsd")),
                                reason="needs nsd and ldnsutils (make deps-check)")

WEB = "127.0.9.8"


class PushZones(Zones):
    signed = ("root",)
    plain = ("push.test",)

    def write(self, zone, records):
        return super().write(zone, f"service IN A {WEB}" if zone == "push.test" else "")


class Service:
    """A push service: keeps what is POSTed."""

    def __init__(self, pem):
        self.posts, self.status = [], 201
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.posts.append((self.path, dict(self.headers), body))
                self.send_response(service.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer((WEB, 0), Handler)
        self.server.socket = context(pem).wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://service.push.test:{self.server.server_address[1]}/device?1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def objects(self, kind):
        return [o for o in (json.loads(b) for _, _, b in self.posts) if o["@type"] == kind]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def world(workdir, anywhere):
    path = workdir / f"push-{os.urandom(4).hex()}"
    path.mkdir()
    authority = Authority(path / "authority")
    zones = PushZones(path / "zones")
    service = Service(authority.issue("service.push.test"))
    suite = make(workdir, config=zones.conf() + f'[remote]\nca_file = "{authority.file}"\n[mailbox]\nlinger = "200ms"\n',
                 env={"GKMAIL_TEST_PUSH_ANYWHERE": "1"} if anywhere else {})
    try:
        suite.start()
        yield suite, service
    finally:
        suite.stop()
        service.close()
        zones.stop()


def push(jmap, verb, **arguments):
    a = jmap.api({"using": [CORE], "methodCalls": [[f"PushSubscription/{verb}", arguments, "c"]]})
    assert a.status == 200, a.body
    [[name, result, _]] = a.json()["methodResponses"]
    assert name == f"PushSubscription/{verb}", result
    return result


def subscribe(jmap, service):
    return push(jmap, "set", create={"k": {"deviceClientId": "d", "url": service.url, "types": ["Email"]}})["created"]["k"]["id"]


def test_a_device_is_told(workdir):
    with world(workdir, True) as (suite, service):
        jmap = Jmap(suite)
        name = subscribe(jmap, service)
        wait_for(lambda: service.posts, what="the code")
        path, headers, _ = service.posts[0]
        assert path == "/device?1" and headers["TTL"] == "86400" and headers["Content-Type"] == "application/json"
        [code] = service.objects("PushVerification")
        assert code["pushSubscriptionId"] == name
        assert push(jmap, "set", update={name: {"verificationCode": code["verificationCode"]}})["updated"] == {name: None}
        suite.send(sender="bob", to=("alice",))
        wait_for(lambda: service.objects("StateChange"), what="a change")
        [states] = service.objects("StateChange")[0]["changed"].values()
        assert set(states) == {"Email"}
        # With nobody connected the owner leaves; mail starts another one.
        for n in range(2, 5):
            suite.send(sender="bob", to=("alice",))
            wait_for(lambda: len(service.objects("StateChange")) >= n, what="the next change")
        # The service knows it no more.
        service.status = 410
        before = len(service.posts)
        suite.send(sender="bob", to=("alice",))
        wait_for(lambda: len(service.posts) > before)
        wait_for(lambda: push(jmap, "get", ids=None)["list"] == [])


def test_nothing_of_our_own_network_is_reached(workdir):
    with world(workdir, False) as (suite, service):
        subscribe(Jmap(suite), service)
        wait_for(lambda: 'remote.push host=service.push.test status=0 error="no address that may be reached"' in suite.log())
        assert not service.posts


def test_devices_go_with_the_password(workdir):
    with world(workdir, True) as (suite, service):
        jmap = Jmap(suite)
        name = subscribe(jmap, service)
        wait_for(lambda: service.posts, what="the code")
        push(jmap, "set", update={name: {"verificationCode": service.objects("PushVerification")[0]["verificationCode"]}})
        suite.ctl("user", "passwd", suite.user("alice")["address"], input="another password of hers\n")
        again = Jmap(suite, password="another password of hers")
        wait_for(lambda: push(again, "get", ids=None)["list"] == [])
        suite.send(sender="bob", to=("alice",))
        wait_for(lambda: again.api({"using": [CORE], "methodCalls": []}).status == 200)
        assert not service.objects("StateChange")
