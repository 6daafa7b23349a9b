"""A load generator that costs little itself: prepared bytes over kept-alive connections."""

import asyncio
import time
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What `connections` clients saw, each sending its next request when the last was answered."""

    connections: int
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


def post(url: str, token: str, body: bytes, *, connections: int, seconds: float) -> Load:
    """POST `body` to `url` again and again. Raises RuntimeError on any answer but 200."""
    return asyncio.run(_post(url, token, body, connections, seconds))


async def _post(url: str, token: str, body: bytes, connections: int, seconds: float) -> Load:
    parts = urlsplit(url)
    assert parts.hostname is not None
    request = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    times: list[float] = []
    begin = time.perf_counter()
    await asyncio.gather(
        *(
            _client(parts.hostname, parts.port or 80, request, begin + seconds, times)
            for _ in range(connections)
        )
    )
    took = time.perf_counter() - begin
    times.sort()
    return Load(
        connections=connections,
        requests=len(times),
        per_second=round(len(times) / took, 1),
        p50_ms=round(median(times) * 1000, 3),
        p99_ms=round(times[int(len(times) * 0.99)] * 1000, 3),
    )


async def _client(host: str, port: int, request: bytes, until: float, times: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while (sent := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"{head[:200]!r} {answer[:500]!r}")
        times.append(time.perf_counter() - sent)
    writer.close()
    await writer.wait_closed()
