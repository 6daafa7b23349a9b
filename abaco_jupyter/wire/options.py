"""What a sender says of its messages beside what is in them (ours): time limit, label, retry.

They stand in the query of a batch, or in a frame of the channel. The time limit is kept with the
message as the variable `_abaco_timeout`, which the container sees too; label and retry are kept
with the execution.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from abaco_jupyter.wire.errors import InvalidRequest

TIMEOUT = "_abaco_timeout"
MAX_LABEL = 200
MAX_TIMEOUT = 10_000_000.0
"""Seconds: about four months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """Of all messages that are sent together. Raises InvalidRequest.

    Attributes
    ----------
    timeout : float, optional
        Seconds that an execution may run; then the server stops it, whoever still listens.
    label : str, optional
        Executions are found by it again. Their results can be read more than once.
    retry_of : str, optional
        The id of the first execution of the same call.
    """

    timeout: float | None = None
    label: str | None = None
    retry_of: str | None = None

    def __post_init__(self) -> None:
        timeout, label, first = self.timeout, self.label, self.retry_of
        if timeout is not None and not 0 < timeout <= MAX_TIMEOUT:
            raise InvalidRequest(
                f"timeout must be more than 0 and at most {MAX_TIMEOUT:.0f} seconds, not {timeout}."
            )
        if label is not None and (not 0 < len(label) <= MAX_LABEL or not label.isprintable()):
            raise InvalidRequest(
                f"A label has 1 to {MAX_LABEL} printable characters; {label[:MAX_LABEL]!r} has "
                f"{len(label)}."
            )
        if first is not None and not _is_like_an_id(first):
            raise InvalidRequest(f"{first[:100]!r} cannot be the id of an execution.")

    @property
    def query(self) -> dict[str, str]:
        given = {"timeout": self.timeout, "label": self.label, "retryOf": self.retry_of}
        return {name: str(value) for name, value in given.items() if value is not None}

    @property
    def environment(self) -> dict[str, str]:
        return {} if self.timeout is None else {TIMEOUT: str(self.timeout)}

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Self:
        text = query.get("timeout")
        try:
            timeout = None if text is None else float(text)
        except ValueError:
            raise InvalidRequest(f"timeout must be a number of seconds, not {text!r}.") from None
        return cls(timeout=timeout, label=query.get("label"), retry_of=query.get("retryOf"))


NO_OPTIONS = CallOptions()


def _is_like_an_id(text: str) -> bool:
    return len(text) == 13 and text.isascii() and text.isalnum()


def limit_of(environment: Mapping[str, object]) -> float | None:
    """The seconds that a message's variables allow; None: they say nothing, or no number."""
    try:
        seconds = float(str(environment.get(TIMEOUT)))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds <= MAX_TIMEOUT else None
