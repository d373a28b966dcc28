"""A hub on this machine: the few answers that huggingface_hub needs to list, fetch and read ranges of files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "a" * 40
REPO = "org/model"


@dataclass
class LoopbackHub:
    """What is served, and what was asked."""

    folder: Path
    url: str = ""
    asked: list[tuple[str, str, int]] = field(default_factory=list)

    def sent(self, name: str) -> int:
        """Return the bytes of a file's content that were sent."""
        return sum(size for method, path, size in self.asked if method == "GET" and path.endswith(name))


@contextmanager
def serve(folder: Path) -> Generator[LoopbackHub]:
    hub = LoopbackHub(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{REPO}"):
            self._send(
                path, json.dumps(self._described(path)).encode(), {"Content-Type": "application/json"}, with_body
            )
        elif path.startswith(f"/{REPO}/resolve/") and self._file(path).is_file():
            self._send_file(path, with_body)
        else:
            kind = "EntryNotFound" if path.startswith(f"/{REPO}/") else "RepoNotFound"
            self._send(path, b"", {"X-Error-Code": kind, "X-Repo-Commit": COMMIT}, with_body, status=404)

    def _file(self, path: str) -> Path:
        return self.hub.folder / path.removeprefix(f"/{REPO}/resolve/").partition("/")[2]

    def _described(self, path: str) -> object:
        files = [file for file in sorted(self.hub.folder.rglob("*")) if file.is_file()]
        names = [str(file.relative_to(self.hub.folder)) for file in files]
        if "/tree/" in path:
            sizes = zip(names, files, strict=True)
            return [{"type": "file", "path": n, "size": f.stat().st_size, "oid": "0" * 40} for n, f in sizes]
        return {"id": REPO, "sha": COMMIT, "private": False, "siblings": [{"rfilename": name} for name in names]}

    def _send_file(self, path: str, with_body: bool) -> None:
        content = self._file(path).read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        headers = {"ETag": etag, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        if wanted is None:
            self._send(path, content, headers, with_body)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1 if last else None]
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        self._send(path, part, headers, with_body, status=206)

    def _send(self, path: str, body: bytes, headers: dict[str, str], with_body: bool, status: int = 200) -> None:
        self.hub.asked.append((self.command, path, len(body) if with_body else 0))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)
