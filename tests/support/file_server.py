"""A web server on the loopback that serves files as well, or as badly, as a test wants; and a proxy."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.request import ProxyHandler, build_opener


@dataclass
class Served:
    """What is answered under one path.

    Attributes:
        content: of the file.
        status: of the answer.
        kind: its content type.
        has_ranges: whether the rest of a file can be asked for alone.
        etag: by which a client knows the file again; none where empty.
        cuts: after how many bytes the connection breaks, one number for each of the first requests.
        goes_on: what is waited for behind the first cut, in place of breaking the connection there.
        moved_to: another address.
    """

    content: bytes = b""
    status: int = 200
    kind: str = "application/octet-stream"
    has_ranges: bool = True
    etag: str = ""
    cuts: list[int] = field(default_factory=list)
    goes_on: threading.Event | None = None
    moved_to: str = ""


class Request(NamedTuple):
    """What was asked for: a path, or an address of a proxy; from which byte on, none for the whole."""

    path: str
    first: int | None
    if_range: str | None


class FileServer(ThreadingHTTPServer):
    """Serves ``files`` by their paths; what is none of them answers 404."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.files: dict[str, Served] = {}
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked(self, path: str) -> list[int | None]:
        """From which bytes on a path was asked for, request by request."""
        return [request.first for request in self.requests if request.path == path]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away is none."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FileServer

    def do_GET(self) -> None:
        served = self.server.files.get(self.path, Served(b"<html>no such page", 404, "text/html"))
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first, if_range = int(found[1]) if found else None, self.headers.get("If-Range")
        self.server.requests.append(Request(self.path, first, if_range))
        if served.moved_to:
            self._begin(302, {"Location": served.moved_to, "Content-Length": "0"})
            return
        begin, size, status = 0, len(served.content), served.status
        headers = {"Content-Type": served.kind} | ({"ETag": served.etag} if served.etag else {})
        if first is not None and served.has_ranges and if_range in (None, served.etag) and status == 200:
            begin, status = first, 206 if first < size else 416
            headers["Content-Range"] = f"bytes {first}-{size - 1}/{size}" if first < size else f"bytes */{size}"
        content = served.content[begin:]
        self._begin(status, headers | {"Content-Length": str(len(content))})
        if not served.cuts:
            self.wfile.write(content)
            return
        cut = served.cuts.pop(0)
        self.wfile.write(content[:cut])
        if served.goes_on is None:
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.flush()
        served.goes_on.wait()
        self.wfile.write(content[cut:])

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *of: object) -> None:
        pass


class _Proxy(BaseHTTPRequestHandler):
    """Asks the server behind it for whatever host a client names."""

    server: FileServer
    behind = ""

    def do_GET(self) -> None:
        self.server.requests.append(Request(self.path, None, None))
        path = re.sub(r"^http://[^/]+", "", self.path)
        with build_opener(ProxyHandler({})).open(self.behind + path) as answer:
            content = answer.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *of: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler] = _Handler) -> Iterator[FileServer]:
    """A server, for the length of the block."""
    with FileServer(handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def proxy_before(server: FileServer) -> Iterator[FileServer]:
    """A proxy that brings every address from a server, for the length of the block."""
    with serving(type("Proxy", (_Proxy,), {"behind": server.url})) as proxy:
        yield proxy
