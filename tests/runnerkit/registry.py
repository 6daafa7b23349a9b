"""A registry of one image on the loopback, in this process: enough for the engine to pull it."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        facts = tarfile.TarInfo("hello.txt")
        facts.size = 5
        archive.addfile(facts, io.BytesIO(b"hello"))
    return buffer.getvalue()


def _image() -> tuple[bytes, dict[str, bytes]]:
    """Its manifest, and its blobs by digest."""
    layer = _layer()
    packed = gzip.compress(layer, mtime=0)
    config = json.dumps(
        {
            "architecture": MACHINES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": LAYER, "size": len(packed), "digest": _digest(packed)}],
    }
    blobs = {_digest(config): config, _digest(packed): packed}
    return json.dumps(manifest).encode(), blobs


@contextmanager
def registry() -> Iterator[str]:
    """Its address. It has `thing/hello:1`, and nothing else."""
    manifest, blobs = _image()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, _, reference = self.path.rpartition("/")
            if self.path == "/v2/":
                self.answer(200, b"{}", "application/json")
            elif name.endswith("/blobs") and reference in blobs:
                self.answer(200, blobs[reference], "application/octet-stream")
            elif name == "/v2/thing/hello/manifests" and reference in ("1", _digest(manifest)):
                self.answer(200, manifest, MANIFEST)
            else:
                error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
                self.answer(404, json.dumps(error).encode(), "application/json")

        do_HEAD = do_GET

        def answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
