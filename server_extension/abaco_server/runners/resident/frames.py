"""What the resident interpreter is told; see `abaco_runtime.resident.job` for the other side."""

import json
import struct
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from abaco_server.model.task import Group, Member

MAX_MEMBERS = 4096
"""Of one group (`abaco_runtime.resident.share.SLOTS`)."""
_HEAD = struct.Struct("<IQ")


def file_name(member: Member) -> str:
    """Where a message lies that is a file already."""
    return f"m-{member.execution_id}"


def run(group: Group, members: Sequence[Member], number: int, grace: timedelta) -> list[bytes]:
    """The frame in pieces."""
    bodies = [_body(member) for member in members]
    head = {
        "do": "run",
        "g": number,
        "env": dict(group.environment),
        "grace": grace.total_seconds(),
        "state": group.keeps_state,
        "members": [
            {
                "env": dict(member.environment),
                "kind": _kind(member),
                "size": len(body),
                "timeout": _seconds(group.limit(member)),
                "name": file_name(member),
            }
            for member, body in zip(members, bodies, strict=True)
        ],
    }
    return _frame(head, bodies)


def halt(number: int, index: int, grace: timedelta) -> list[bytes]:
    return _frame({"do": "halt", "g": number, "i": index, "grace": grace.total_seconds()}, [])


def withdraw(number: int, request: int, indexes: Sequence[int]) -> list[bytes]:
    return _frame({"do": "withdraw", "g": number, "n": request, "ix": list(indexes)}, [])


def _frame(head: object, bodies: list[bytes]) -> list[bytes]:
    text = json.dumps(head).encode()
    return [_HEAD.pack(len(text), sum(map(len, bodies))) + text, *bodies]


def _seconds(limit: timedelta | None) -> float | None:
    return None if limit is None else limit.total_seconds()


def _kind(member: Member) -> str:
    if member.text is not None:
        return "text"
    return "file" if isinstance(member.binary, Path) else "bytes"


def _body(member: Member) -> bytes:
    if member.text is not None:
        return member.text.encode("utf-8", "replace")
    return b"" if member.binary is None or isinstance(member.binary, Path) else member.binary
