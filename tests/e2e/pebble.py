"""The ACME server that the tests of ACME speak with: Debian's pebble, and the DNS that it asks."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import urllib.request

from suite import wait_for
from tls_host import Authority


def free_ports(n):
    """All different: each is held until the last is found. The DNS's is free for UDP too, most likely."""
    with contextlib.ExitStack() as held:
        found = [held.enter_context(socket.socket()) for _ in range(n)]
        for s in found:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in found]


class Pebble:
    """A certificate authority on free ports, which finds every name at 127.0.0.1. inside: the words that run a command where it is to be."""

    def __init__(self, directory, validity=0, nonces=0, reuse=0, binding=None, inside=()):
        self.dir = directory
        self.dir.mkdir()
        self.authority = Authority(self.dir / "ca")
        self.port, self.management, self.dns, self.unused, self.http, self.https = free_ports(6)  # the last two: where it looks
        self.processes, self.inside = [], inside
        self.env = dict(os.environ, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT=str(nonces),
                        PEBBLE_AUTHZREUSE=str(reuse))
        pem = self.authority.issue("localhost")
        self.config = {"listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
                       "certificate": str(pem), "privateKey": str(pem), "httpPort": self.http, "tlsPort": self.https,
                       "externalAccountBindingRequired": binding is not None}
        if binding is not None:
            self.config["externalAccountMACKeys"] = binding
        if validity:
            self.config["certificateValidityPeriod"] = validity
        (self.dir / "config.json").write_text(json.dumps({"pebble": self.config}))

    def settings(self, challenge, more=""):
        """Of a suite that gets its certificate there."""
        return (f"[tls]\ncertificate = ''\nkey = ''\n[web]\nlisten = ['127.0.0.1:{self.https}']\n"
                f"[acme]\nchallenge = '{challenge}'\nterms_agreed = true\ndirectory = 'https://localhost:{self.port}/dir'\n"
                f"ca_file = '{self.authority.file}'\nlisten = ['127.0.0.1:{self.http}']\n{more}")

    def start(self):
        with open(self.dir / "log", "ab") as log:
            for command in (["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "",
                             "-tlsalpn01", "", "-dns01", f"127.0.0.1:{self.dns}", "-management", ""],
                            ["pebble", "-config", self.dir / "config.json", "-dnsserver", f"127.0.0.1:{self.dns}"]):
                self.processes.append(subprocess.Popen([*self.inside, *command], stdout=log, stderr=log, env=self.env))
        try:
            wait_for(self.answers, what="pebble's directory")
        except AssertionError as e:
            raise AssertionError(self.log()) from e
        return self

    def stop(self):
        for p in self.processes:
            p.kill()
            p.wait()
        self.processes = []

    def answers(self):
        if self.inside:
            return subprocess.run([*self.inside, "curl", "-sko", "/dev/null", f"https://127.0.0.1:{self.port}/dir"]).returncode == 0
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def log(self):
        return (self.dir / "log").read_text()

    def roots(self):
        """What its certificates are verified by; another one at each start."""
        c = ssl.create_default_context(cafile=str(self.authority.file))
        with urllib.request.urlopen(f"https://localhost:{self.management}/roots/0", context=c, timeout=30) as r:
            pem = r.read().decode()
        context = ssl.create_default_context(cadata=pem)
        return context
