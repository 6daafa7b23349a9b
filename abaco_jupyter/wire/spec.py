"""A BuildSpec: what to build, said by the notebook, done by the server.

The same spec has the same digest, so the same cell is never built twice.
"""

import hashlib
from typing import Any

import msgspec

from abaco_jupyter.wire.errors import InvalidSpec

IMAGE_REPOSITORY = "abaco-jupyter/actor"
"""Images that this project built from a cell or function are `abaco-jupyter/actor:<digest>`."""


class BuildSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides how an actor's image turns out.

    `source` is the text of a Python module. `entry` names the function in it that answers a
    message; `None` runs the module as a script. `files` maps relative paths below the working
    directory to their bytes (base64 in JSON). `python` is a version such as `"3.11"`; it picks
    the default base; with a `base`, the build fails unless that image has this Python.
    """

    source: str
    entry: str | None = None
    base: str | None = None
    python: str | None = None
    apt: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    env: dict[str, str] = {}
    files: dict[str, bytes] = {}

    def digest(self) -> str:
        """64 hexadecimal digits, equal for equal specs."""
        return hashlib.sha256(_canonical.encode(self)).hexdigest()

    def image(self, revision: str = "") -> str:
        """The image's name and tag. `revision` is the server's: the runtime it builds in."""
        text = self.digest() + revision
        return f"{IMAGE_REPOSITORY}:{hashlib.sha256(text.encode()).hexdigest()[:24]}"


_canonical = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(BuildSpec)


def encode(spec: BuildSpec) -> bytes:
    return _canonical.encode(spec)


def decode(body: bytes) -> BuildSpec:
    """Raises InvalidSpec naming the field that does not fit."""
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidSpec(f"Invalid build spec: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"Invalid build spec: the body is not JSON ({error})") from None


def to_builtins(spec: BuildSpec) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    return plain
