"""What an actor's hints say about containers that serve many executions."""

from collections.abc import Sequence

import pytest

from abaco_server.model.task import Isolation
from abaco_server.workers.context import isolation_hint


@pytest.mark.parametrize(
    ("hints", "isolation"),
    [
        ((), Isolation.CONTAINER),
        (("isolation:container",), Isolation.CONTAINER),
        (("isolation:process",), Isolation.PROCESS),
        (("isolation:none",), Isolation.NONE),
        (("reuse",), Isolation.PROCESS),
        (("isolation:none", "reuse"), Isolation.PROCESS),
        (("reuse", "warm:2", "isolation:container"), Isolation.CONTAINER),
        (("isolation:", "isolation:all", "isolation", "REUSE"), Isolation.CONTAINER),
        (("isolation:none", "isolation:all"), Isolation.NONE),
    ],
)
def test_the_last_hint_that_names_an_isolation_decides(
    hints: Sequence[str], isolation: Isolation
) -> None:
    assert isolation_hint(hints) is isolation
