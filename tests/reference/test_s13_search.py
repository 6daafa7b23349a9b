"""Section 13: search."""

from urllib.parse import quote

import pytest
from walking import API, Row, Scene, get

DONE = "Search completed successfully."


@pytest.fixture(scope="module")
def found(scene: Scene) -> dict[str, str]:
    """Ids of three actors by name; what is found is told by these names."""
    made = {}
    for number, name in enumerate(("alpha", "beta", "gamma"), 1):
        fields = {"description": f"sought {name} word", "maxWorkers": number, "hints": [name]}
        made[scene.actor(image="x", name=name, **fields)] = name
    return made


def search(scene: Scene, found: dict[str, str], query: str) -> list[str]:
    """Names of those of the three that are found, in order."""
    page = scene.ada.ok("GET", f"{API}/search/actors?description.like=sought&{query}")
    return [found[one["id"]] for one in page["search"] if one["id"] in found]


OPERATORS = [
    ("name=beta", ["beta"]),
    ("name.eq=beta", ["beta"]),
    ("name.neq=beta", ["alpha", "gamma"]),
    ("maxWorkers.lt=2", ["alpha"]),
    ("maxWorkers.lte=2", ["alpha", "beta"]),
    ("max_workers.gt=2", ["gamma"]),
    ("max_workers.gte=2", ["beta", "gamma"]),
    ('name.in=["alpha", "gamma"]', ["alpha", "gamma"]),
    ("name.in=['alpha', 'gamma']", ["alpha", "gamma"]),
    ('name.nin=["alpha"]', ["beta", "gamma"]),
    ("maxWorkers.between=2,3", ["beta", "gamma"]),
    ("name.like=^.a", ["gamma"]),
    ("name.like=ET", []),
    ("name.nlike=et", ["alpha", "gamma"]),
    ("exactsearch=sought beta", ["beta"]),
    ("memLimit=none", ["alpha", "beta", "gamma"]),
    ("no_such_field=none", ["alpha", "beta", "gamma"]),
    ("no_such_field=1", []),
    ("stateless=true", ["alpha", "beta", "gamma"]),
    ("stateless=FALSE", []),
    ("create_time.gt=2020", ["alpha", "beta", "gamma"]),
    ("createTime.lt=2020-01-01T00:00Z", []),
    ("create_time.between=2020,2099-01", ["alpha", "beta", "gamma"]),
    ("name=5", []),
    ("limit=2", ["alpha", "beta"]),
    ("limit=0", []),
    ("skip=1", ["beta", "gamma"]),
    ("skip=1&limit=1", ["beta"]),
    ("offset=1", []),
    ("limit=1&limit=9", ["alpha"]),
]


@pytest.mark.parametrize(("query", "names"), OPERATORS, ids=[row[0] for row in OPERATORS])
def test_operators(scene: Scene, found: dict[str, str], query: str, names: list[str]) -> None:
    assert search(scene, found, quote(query, safe="=&,.")) == names


def test_words_order_and_do_not_filter(scene: Scene, found: dict[str, str]) -> None:
    assert search(scene, found, "search=gamma") == ["gamma", "alpha", "beta"]


@pytest.mark.parametrize("kind", ["actors", "executions", "workers", "logs", "ACTORS", "Logs"])
def test_types(scene: Scene, kind: str) -> None:
    answer = scene.check(get(kind, f"/search/{kind}", DONE, status=200))
    assert set(answer.result) == {"_metadata", "search"}
    assert answer.result["search"]


@pytest.mark.parametrize("key", ["totalCount", "countReturned", "recordLimit", "recordsSkipped"])
def test_metadata(scene: Scene, found: dict[str, str], key: str) -> None:
    page = scene.ada.ok("GET", f"{API}/search/actors?description.like=sought&limit=2&skip=1")
    expected = {"totalCount": 3, "countReturned": 2, "recordLimit": 2, "recordsSkipped": 1}
    assert page["_metadata"][key] == expected[key]


RECORDS = [
    ("actors", {"executions", "dbId", "apiServer", "tenant", "permissions"}, {"_links", "name"}),
    ("executions", {"apiServer", "tenant"}, {"_links", "finalState", "actorId"}),
    ("workers", {"tenant"}, {"actorId", "status", "lastExecutionTime"}),
    ("logs", {"exp", "actorId", "tenant"}, {"_links", "logs"}),
]


@pytest.mark.parametrize(("kind", "without", "having"), RECORDS, ids=[row[0] for row in RECORDS])
def test_records(scene: Scene, kind: str, without: set[str], having: set[str]) -> None:
    for record in scene.ada.ok("GET", f"{API}/search/{kind}")["search"]:
        assert not without & set(record)
        assert having <= set(record)


def test_a_field_below_a_dot_is_as_stored(scene: Scene) -> None:
    actor = scene.names["actor"]
    query = f"actor_id={actor}&final_state.ExitCode=0&final_state.StartedAt.gt=2020"
    page = scene.ada.ok("GET", f"{API}/search/executions?{query}")
    assert scene.names["execution"] in {one["id"] for one in page["search"]}


def test_only_what_one_has_an_entry_for(scene: Scene, found: dict[str, str]) -> None:
    """Admins see no more; NONE is no entry here, and ABACO_WORLD is one."""
    path = f"{API}/search/actors?description.like=sought"
    for who in (scene.bob, scene.ann):
        assert who.ok("GET", path)["search"] == []
    first, second, _ = found
    scene.ada.ok("POST", f"{API}/{first}/permissions", {"user": "lim", "level": "NONE"})
    scene.ada.ok("POST", f"{API}/{second}/permissions", {"user": "lim", "level": "READ"})
    assert [one["id"] for one in scene.lim.ok("GET", path)["search"]] == [second]


TIME = (
    "Inputted datetime was in an incorrect format. Please refer to docs and follow ISO 8601 "
    "formatting. e.g. '2020-05-01T14:45:41.591Z'"
)
ERRORS = [
    ("limit=x", 'Inputted "limit" paramater must be an int. Received: x'),
    ("skip=-1", 'Inputted "skip" must be positive. Received: -1'),
    (
        "io.between=20",
        "Between must have two variables seperated by a comma. Ex. io.between=20,40",
    ),
    (
        "io.between=a,b",
        "The values given to .between should be either float or ISO 8601 datetime.",
    ),
    ("create_time=yesterday", TIME),
]


@pytest.mark.parametrize(("query", "text"), ERRORS, ids=[row[0] for row in ERRORS])
def test_errors_that_are_500_in_the_reference(scene: Scene, query: str, text: str) -> None:
    scene.check(get(query, f"/search/executions?{query}", text))


def test_an_unknown_type(scene: Scene) -> None:
    start = "Inputted search_type is invalid, must be one of "
    scene.check(get("type", "/search/nonces", start, starts=True))


LISTS = [
    get("actors", "?limit=1", "Actors search completed successfully."),
    get("executions", "/{actor}/executions?limit=1", "Executions search completed successfully."),
    get("workers", "/{actor}/workers?limit=1", "Workers search completed successfully."),
    get(
        "logs",
        "/{actor}/executions/{execution}/logs?limit=1",
        "Log search completed successfully.",
    ),
]


@pytest.mark.parametrize("row", LISTS, ids=str)
def test_lists_that_become_searches(scene: Scene, row: Row) -> None:
    scene.check(Row(**{**vars(row), "status": 200}))
