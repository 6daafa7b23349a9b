"""`@actor` against a real server, whose runner needs no engine."""

import linecache
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from abaco_jupyter import ActorFunction, actor
from abaco_jupyter.client.errors import RemoteTraceback
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.functions.checks import InvalidOption
from abaco_jupyter.wire.errors import ActorNotFound, InvalidRequest
from live_server import LiveServer

CELL = '''
import math

FACTOR = 10

def helper(value):
    return value * FACTOR

@actor(name="scaled", hint="mine", abaco=abaco)
def scale(value, times=1, *rest):
    """Multiply.

    More text."""
    if value is None:
        raise KeyError("none")
    return helper(value) * times, rest

@actor(abaco=abaco)
def both(value):
    return scale(value)[0] + math.floor(0.5)

@actor(abaco=abaco)
async def later(value):
    return {value}
'''


@pytest.fixture(scope="module")
def abaco(live: LiveServer) -> Iterator[Abaco]:
    with Abaco(live.url, live.token) as client:
        yield client
        for made in client.actors():
            made.delete()


@pytest.fixture
def cell(abaco: Abaco) -> Iterator[dict[str, Any]]:
    """The names of a notebook after its cell has run."""
    names: dict[str, Any] = {"__name__": "__main__", "actor": actor, "abaco": abaco}
    file = "<cell 1>"
    linecache.cache[file] = (len(CELL), None, CELL.splitlines(keepends=True), file)
    exec(compile(CELL, file, "exec"), names)
    yield names
    for value in names.values():
        if isinstance(value, ActorFunction) and value._actor is not None:
            value._actor.close()


def test_a_function_is_called_there_and_here(cell: dict[str, Any], abaco: Abaco) -> None:
    scale = cell["scale"]
    assert (scale.__name__, scale.__doc__.splitlines()[0]) == ("scale", "Multiply.")
    assert repr(scale) == "<@actor scaled: not made yet>"
    assert abaco.named("scaled") is None, "nothing is asked before the first call"
    assert scale(2) == (20, ())
    assert scale.remote(2, 3, "x") == (60, ("x",)), "a tuple stays one"
    assert scale.local(2) == (20, ())
    record = abaco.actor("scaled").record
    assert record["description"] == "Multiply."
    assert record["hints"] == ["mine", "isolation:process"]
    assert scale.submit(complex(1, 1)).result() == (complex(10, 10), ())


def test_many_calls_at_once(cell: dict[str, Any]) -> None:
    scale = cell["scale"]
    assert [value for value, _ in scale.map(range(4))] == [0, 10, 20, 30]
    assert list(scale.starmap([(1, 2), (3, 4)], chunksize=2)) == [(20, ()), (120, ())]
    assert scale.spawn(5).result(60) == (50, ())
    with pytest.raises(
        TypeError, match=r"^scale\(\) missing 1 required positional argument: 'value'$"
    ):
        scale.spawn()


def test_other_decorated_functions_and_coroutines(cell: dict[str, Any]) -> None:
    assert cell["both"].remote(1) == 10, "a decorated function that it uses runs there too"
    assert cell["later"].remote("a") == {"a"}


def test_what_the_function_raises_is_raised_here_with_its_lines(cell: dict[str, Any]) -> None:
    with pytest.raises(KeyError, match="none") as caught:
        cell["scale"].remote(None)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    told = str(caught.value.__cause__)
    assert 'raise KeyError("none")' in told
    assert [line.split(",")[0] for line in told.splitlines() if "File" in line] == [
        '  File "<scaled>"'
    ]


def test_the_name_finds_it_again_and_options_make_another(
    cell: dict[str, Any], abaco: Abaco
) -> None:
    scale = cell["scale"]
    scale.remote(1)
    again = ActorFunction.from_name("scaled", abaco=abaco)
    assert again.remote(3) == (30, ())
    with pytest.raises(InvalidRequest, match="it runs on the server only"):
        again.local(3)
    with pytest.raises(ActorNotFound, match="nobody"):
        ActorFunction.from_name("nobody", abaco=abaco)
    limited = scale.with_options(timeout="1m")
    assert limited.remote(1) == (10, ())
    assert limited.actor.name.startswith("scaled-")
    assert "timeout:60" in limited.actor.record["hints"]
    assert abaco.actor("scaled").record["hints"] == ["mine", "isolation:process"]
    assert scale.with_options(timeout="1m").actor.id == limited.actor.id


@pytest.mark.parametrize(
    ("decorate", "error", "complaint"),
    [
        (lambda: actor(memory="lots")(_plain), InvalidOption, "memory 'lots' is not a size"),
        (lambda: actor(timeoutt=3)(_plain), TypeError, r"'timeoutt'\. Did you mean timeout\?"),
        (lambda: actor(3), TypeError, "stands before a function, not before 3"),
        (lambda: actor(pip="numpy")(_plain).with_options(cpus=-1), InvalidOption, "cpus is -1"),
    ],
)
def test_a_mistake_is_told_where_it_is_made(
    decorate: Callable[[], object], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        decorate()


def _plain(value: int) -> int:
    return value
