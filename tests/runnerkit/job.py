"""User code of the runners' contract tests: does what the steps in the variable JOB say.

Runs in containers and subprocesses. It speaks the protocol between an execution and its runner
by itself, so that these tests need nothing of abaco_runtime.
"""

import contextlib
import hashlib
import json
import os
import signal
import socket
import sys
import time

SHARED = os.environ["_abaco_dir"]  # noqa: SIM112 - the contract's own spelling


def say(text):
    print(text, flush=True)


def lines(count, length):
    for _ in range(count):
        say("x" * length)


def complain(text):
    print(text, file=sys.stderr, flush=True)


def wait(name):
    while not os.path.exists(f"{SHARED}/{name}"):
        time.sleep(0.01)


def spool(number, size):
    path = f"{SHARED}/out/{number:06d}.result"
    with open(f"{path}.part", "wb") as file:
        file.write(b"r" * size)
    os.rename(f"{path}.part", path)
    poke()


def poke():
    shared = os.open(SHARED, os.O_RDONLY)
    # Nobody listens while the server is away.
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        contextlib.suppress(ConnectionRefusedError),
    ):
        sender.sendto(b"", f"/proc/self/fd/{shared}/poke.sock")


def datagram(text):
    path = "/_abaco_results.sock"
    if not os.path.lexists(path):
        path = f"/proc/self/fd/{os.open(SHARED, os.O_RDONLY)}/results.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(text.encode(), path)


def throw(exception):
    with open(f"{SHARED}/out/exception.json", "w") as file:
        json.dump(exception, file)


def message():
    if "MSG" in os.environ:
        body = os.environ["MSG"].encode()
    elif "_abaco_message_file" in os.environ:
        path = os.environ["_abaco_message_file"]  # noqa: SIM112
        with open(path, "rb") as file:
            body = file.read()
    else:
        plain = "/_abaco_binary_data"
        with open(plain if os.path.exists(plain) else f"{SHARED}/message", "rb") as file:
            body = file.read()
    say(f"{len(body)} {hashlib.sha256(body).hexdigest()}")


def term(action):
    signal.signal(signal.SIGTERM, signal.SIG_IGN if action == "ignore" else leave)


def leave(*_):
    sys.exit(143)


def take(size):
    say(f"took {len(bytearray(size))}")


def variable(name):
    say(os.environ.get(name, "unset"))


def python(source):
    exec(source, {})


def show(path):
    with open(path) as file:
        say(file.read())


def write(path, text):
    try:
        with open(path, "w") as file:
            file.write(text)
        say(f"wrote {path}")
    except OSError as error:
        say(f"{path}: {error.strerror}")


def quiet():
    """Close both streams and go on."""
    for stream in (1, 2):
        os.close(stream)


def leave_behind(seconds):
    """A grandchild in a session of its own that outlives this process; its id is said."""
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(seconds)
        os._exit(0)
    say(str(child))


STEPS = {
    "python": python,
    "show": show,
    "write": write,
    "quiet": quiet,
    "leave_behind": leave_behind,
    "say": say,
    "lines": lines,
    "complain": complain,
    "sleep": time.sleep,
    "wait": wait,
    "spool": spool,
    "datagram": datagram,
    "throw": throw,
    "message": message,
    "term": term,
    "take": take,
    "variable": variable,
    "exit": sys.exit,
}

for step, *arguments in json.loads(os.environ["JOB"]):
    STEPS[step](*arguments)
