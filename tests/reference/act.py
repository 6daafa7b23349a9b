"""The image of these tests: does what the variable DO says, and knows nothing of our runtime."""

import hashlib
import json
import os
import signal
import socket
import sys
import time

SOCKET = "/_abaco_results.sock"
BINARY = "/_abaco_binary_data"


def shown():
    facts = {"env": dict(os.environ), "user": [os.getuid(), os.getgid()]}
    facts["socket"] = oct(os.stat(SOCKET).st_mode & 0o7777) if os.path.exists(SOCKET) else None
    facts["mount"] = os.path.exists("/shared/known")
    try:
        with open("/shared/new", "w"):
            facts["wrote"] = True
    except OSError as error:
        facts["wrote"] = error.strerror
    if os.path.exists(BINARY):
        body = b""
        with open(os.open(BINARY, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            body = file.read()
        facts["binary"] = [len(body), hashlib.sha256(body).hexdigest()]
    return facts


def send(*results):
    to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    to.connect(SOCKET)
    for result in results:
        to.send(result)


order, _, rest = os.environ.get("DO", "show").partition(" ")
if order == "show":
    print(json.dumps(shown()))
elif order == "exit":
    sys.exit(int(rest))
elif order == "bytes":
    print("out", flush=True)
    print("err", file=sys.stderr, flush=True)
    sys.stdout.buffer.write(b"\xff\n")
elif order == "much":
    print("x" * int(rest))
elif order == "results":
    send(b"one", b"two", b"")
elif order == "answer":
    send(b"early")
    time.sleep(float(rest))
elif order == "sleep":
    # The first process of a container gets no signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print("asleep", flush=True)
    time.sleep(float(rest))
