"""What a name that people choose must not be (abaco-api.md, section 9)."""

from collections.abc import Sequence

from abaco_jupyter.wire.errors import InvalidRequest

RESERVED = ["executions", "nonces", "logs", "messages", "adapters", "admin"]


def check(name: str, *, noun: str, reserved: list[str], forbidden: Sequence[str]) -> None:
    """Raises InvalidRequest. `noun` has its article."""
    if name in reserved:
        raise InvalidRequest(
            f"{name} is a reserved word. The following reserved words cannot be used for {noun}: "
            f"{reserved}."
        )
    for character in forbidden:
        if character in name:
            listed = "', '".join(forbidden)
            raise InvalidRequest(
                f"'{character}' is a forbidden character. The following characters cannot be "
                f"used for {noun}: ['{listed}']."
            )
