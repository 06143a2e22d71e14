"""A real S3 server (moto's) in a process of its own on loopback, and a proxy before it that can misbehave."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import requests
from s3fs import S3FileSystem

Fault = Literal["forbid", "cut", "busy", "refuse"]

_DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
_BUSY = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Proxy(ThreadingHTTPServer):
    """Hands requests on to the server, counts them, and spoils those that `fault` picks.

    Attributes
    ----------
    fault
        What to do to a GET of this key; None hands it on.
    got
        GET requests by key, listings by "".
    away
        While true, connections are closed without an answer.
    """

    daemon_threads = True

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind
        self.reset()

    def reset(self) -> None:
        """No faults, no counts."""
        self.fault: Callable[[str], Fault | None] = lambda _: None
        self.got: Counter[str] = Counter()
        self.away = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: cut connections are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        key = "" if "list-type" in parse_qs(url.query) else unquote(url.path).lstrip("/").partition("/")[2]
        self.server.got[key] += 1
        self._pass_on(self.server.fault(key))

    def do_HEAD(self) -> None:
        self._pass_on(None)

    def do_PUT(self) -> None:
        self._pass_on(None)

    do_POST = do_DELETE = do_PUT  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _pass_on(self, fault: Fault | None) -> None:
        if self.server.away or fault == "refuse":
            self.close_connection = True
            return
        if fault in ("forbid", "busy"):
            self._answer(403 if fault == "forbid" else 503, [("Content-Type", "application/xml")], _DENIED if fault == "forbid" else _BUSY)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        behind = HTTPConnection("127.0.0.1", self.server.behind)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            behind.putheader(name, value)
        behind.endheaders(body)
        answer = behind.getresponse()
        headers, content = answer.getheaders(), answer.read()
        behind.close()
        if self.command == "HEAD":
            self._head(answer.status, headers, answer.headers.get("Content-Length", "0"))
        elif fault == "cut":
            self._head(answer.status, headers, str(len(content)))
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        else:
            self._answer(answer.status, headers, content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self._head(status, headers, str(len(content)))
        self.wfile.write(content)

    def _head(self, status: int, headers: list[tuple[str, str]], length: str) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()


class Store:
    """What a test needs of the server: buckets to fill behind the proxy, and the proxy."""

    def __init__(self, port: int, proxy: Proxy) -> None:
        self.proxy = proxy
        self.client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
        self._made = 0

    def bucket(self) -> str:
        """Name of a new bucket."""
        self._made += 1
        name = f"bucket-{self._made}"
        self.client.create_bucket(Bucket=name)
        return name

    def put(self, url: str, content: bytes) -> None:
        """An object at ``s3://bucket/key``."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        form = self.client.generate_presigned_post(bucket, key)  # keys such as `a/../b` do not survive in the path of a request
        requests.post(form["url"], data=form["fields"], files={"file": content}, timeout=60).raise_for_status()

    def delete(self, url: str) -> None:
        """Remove an object."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        self.client.delete_object(Bucket=bucket, Key=key)

    def upload(self, folder: Path, prefix: str = "") -> str:
        """A new bucket with the files of a folder; its URL."""
        url = "/".join(part for part in (f"s3://{self.bucket()}", prefix) if part)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{url}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return url


@contextmanager
def serving(environment: Path) -> Iterator[Store]:
    """A server; inside, AWS's environment variables lead to its proxy, for processes started there too.

    Parameters
    ----------
    environment
        Empty folder to which AWS's configuration files point, so that a developer's own are not read.
    """
    ours = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(environment / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(environment / "credentials"),
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    before = {name: os.environ.get(name) for name in [*ours, "AWS_ENDPOINT_URL"]}
    os.environ.update(ours)
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    proxy = Proxy(port)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{proxy.server_port}"
    try:
        _wait_for(port)
        yield Store(port, proxy)
    finally:
        S3FileSystem.clear_instance_cache()  # this process's connections, which lead here
        proxy.shutdown()
        proxy.server_close()
        server.terminate()
        server.wait()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("moto's server does not answer")
