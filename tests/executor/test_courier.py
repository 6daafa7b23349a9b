"""The courier's waits, without a server."""

import threading
from types import SimpleNamespace
from typing import Any

from abaco_jupyter.executor.courier import Courier
from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.executor.line import Line


def test_a_cancel_does_not_wait_for_an_answer_that_nobody_will_read() -> None:
    """The last call ends before the server has said what it cancelled: the reader stops then."""
    actor: Any = SimpleNamespace(id="a", transport=None)
    line = Line(actor)
    courier = Courier(line)
    line._way = courier
    line.state.sent["x"] = AbacoFuture(line)
    line.close()
    asking = threading.Thread(target=lambda: courier._ask_to_cancel(["x"], force=False))
    asking.start()
    with line.changed:
        assert line.changed.wait_for(lambda: courier._state.questions, 60)
    line.settled(["x"])
    asking.join(60)
    assert not asking.is_alive()
