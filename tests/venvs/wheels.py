"""Wheels of a few bytes, and an index on this machine that has them."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread


def make_wheel(folder: Path, name: str, version: str, *needed: str, code: str = "") -> Path:
    """Return a wheel with one module, which has the package's name."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {each}\n" for each in needed)
    files = {
        f"{name}.py": code or f"version = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},{_hash(text)},{len(text)}\n" for file, text in files.items())
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in (files | {f"{info}/RECORD": record + f"{info}/RECORD,,\n"}).items():
            wheel.writestr(file, text)
    return path


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class Index:
    """A package index on the loopback; `key` is what its requests must bring as a password."""

    url: str
    folder: Path
    key: str | None = None
    requests: list[str] = field(default_factory=list)
    asked: Event = field(default_factory=Event)  # set by the first request
    open: Event = field(default_factory=Event)  # answers wait for it

    @property
    def url_with_key(self) -> str:
        return self.url.replace("//", f"//someone:{self.key}@")


@contextmanager
def serve_index(folder: Path, key: str | None = None) -> Iterator[Index]:
    """Serve the wheels of a folder as an index (PEP 503)."""
    folder.mkdir(parents=True, exist_ok=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.requests.append(self.path)
            index.asked.set()
            index.open.wait(timeout=60)
            expected = "Basic " + base64.b64encode(f"someone:{index.key}".encode()).decode()
            if index.key is not None and self.headers.get("Authorization") != expected:
                self._answer(401, b"")
            elif self.path.startswith("/files/"):
                self._answer(200, (folder / self.path.removeprefix("/files/")).read_bytes())
            else:
                package = self.path.strip("/").rpartition("/")[2].replace("-", "_")
                wheels = [path.name for path in sorted(folder.glob(f"{package}-*.whl"))]
                links = "".join(f'<a href="/files/{name}">{name}</a>' for name in wheels)
                self._answer(200 if wheels else 404, f"<html>{links}</html>".encode())

        do_HEAD = do_GET  # noqa: N815

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index = Index(f"http://127.0.0.1:{server.server_address[1]}/simple", folder, key)
    index.open.set()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield index
    finally:
        index.open.set()
        server.shutdown()
        thread.join()
        server.server_close()
