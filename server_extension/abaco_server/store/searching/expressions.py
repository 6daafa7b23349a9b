"""Regular expressions of users, in a process of their own.

Python's `re` can take for ever over a few characters (`(a+)+$`), holds the interpreter's lock all
the while, and cannot be interrupted. PostgreSQL has an engine of its own with another grammar, so
that the two databases would find different things. So both ask one child process per search,
which is killed at the deadline. It starts in about 15 ms; plain words do without it.
"""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence

from abaco_server.model.search import BadExpression, TooMuchToSearch

_PLAIN = re.compile(r"[\w /:@#%&=,;<>!'\"-]*")

_PROGRAM = """
import json, re, resource, sys, warnings
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
known = {}
for line in sys.stdin.buffer:
    pattern, texts = json.loads(line)
    try:
        if pattern not in known:
            known[pattern] = re.compile(pattern)
        answer = [known[pattern].search(text) is not None for text in texts]
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        answer = str(error) or type(error).__name__
    sys.stdout.write(json.dumps(answer) + "\\n")
    sys.stdout.flush()
"""


class Expressions:
    """The matching of one search. Used by one thread; leave its context to end the process."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Expressions":
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()

    def check(self, pattern: str) -> None:
        """Raises BadExpression, though there may be no text to try it on."""
        self.found(pattern, [])

    def found(self, pattern: str, texts: Sequence[str]) -> list[bool]:
        """Whether the expression is found anywhere in each text. Raises BadExpression, and
        TooMuchToSearch at the deadline."""
        if _PLAIN.fullmatch(pattern):
            return [pattern in text for text in texts]
        answer = json.loads(self._ask(json.dumps([pattern, texts]).encode() + b"\n"))
        if isinstance(answer, str):
            raise BadExpression(answer)
        return list(answer)

    def _ask(self, line: bytes) -> bytes:
        child = self._child = self._child or _start()
        assert child.stdin is not None
        assert child.stdout is not None
        answer = b""
        # Not `select`: it knows no descriptor above 1023, and a busy server has more.
        coming = select.poll()
        coming.register(child.stdout, select.POLLIN)
        try:
            # The child takes a whole line before it begins to match: this does not wait for long.
            child.stdin.write(line)
            child.stdin.flush()
            while not answer.endswith(b"\n"):
                left = max(0.0, self._deadline - time.monotonic())
                ready = coming.poll(left * 1000)
                more = os.read(child.stdout.fileno(), 1 << 20) if ready else b""
                if not more:
                    raise TooMuchToSearch("a regular expression took too long")
                answer += more
        except BrokenPipeError:
            raise TooMuchToSearch("a regular expression took too long") from None
        return answer


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
