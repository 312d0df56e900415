"""Debian's nginx as a private instance on loopback: the same files by TLS, HTTP/1.1 and HTTP/2, with its log as Debian has it."""

import os
import shutil
import subprocess
from pathlib import Path

import peers
from measure import anywhere

NGINX = """\
user www-data;
worker_processes auto;
pid {dir}/pid;
error_log {dir}/error.log;
events {{
    worker_connections 4096;
}}
http {{
    include /etc/nginx/mime.types;
    access_log {dir}/access.log;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    sendfile on;
    tcp_nopush on;
    # Not hung up on after a thousand requests: a connection is what is measured.
    keepalive_requests 1000000000;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    server {{
        listen 127.0.0.1:{https} ssl http2;
        root {dir}/root;
    }}
}}
"""


class Nginx:
    name = "nginx"

    def __init__(self, directory):
        self.dir = Path(directory)
        self.ports = {"https": peers.free_port()}

    def start(self, files):
        """files: path to octets."""
        for path, octets in files.items():
            f = self.dir / "root" / (path.lstrip("/") or "index.html")
            f.parent.mkdir(parents=True, exist_ok=True)
            f.write_bytes(octets)
        cert, key = self.dir / "cert.pem", self.dir / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=localhost"], check=True,
                       capture_output=True)
        self.conf = self.dir / "nginx.conf"
        self.conf.write_text(NGINX.format(dir=self.dir, cert=cert, key=key, https=self.ports["https"]))
        with anywhere():
            self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", self.conf, "-e", self.dir / "error.log", "-g", "daemon off;"])
        peers.Peers.wait_port(self.ports["https"])
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def configuration(self):
        return self.conf.read_text()

    def pids(self):
        return peers.descendants({self.process.pid})


def available():
    return os.geteuid() == 0 and shutil.which("nginx", path="/usr/sbin:/usr/bin")
