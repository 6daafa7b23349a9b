"""An actor's own limit of time: the hint `timeout:SECONDS`."""

from datetime import timedelta

import pytest

from abaco_server.workers.context import hinted_limit

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("hints", "limit", "found"),
    [
        ([], None, None),
        ([], MINUTE, MINUTE),
        (["timeout:5"], None, timedelta(seconds=5)),
        (["a", "timeout:2.5", "b"], MINUTE, timedelta(seconds=2.5)),
        (["timeout:600"], MINUTE, MINUTE),
        (["timeout:0"], MINUTE, MINUTE),
        (["timeout:-1"], MINUTE, MINUTE),
        (["timeout:soon"], MINUTE, MINUTE),
        (["timeout:1e9"], MINUTE, MINUTE),
        (["timeout:" + "9" * 5000], MINUTE, MINUTE),
        (["timeout"], None, None),
    ],
)
def test_the_hint_shortens_the_installations_limit(
    hints: list[str], limit: timedelta | None, found: timedelta | None
) -> None:
    assert hinted_limit(hints, limit) == found
