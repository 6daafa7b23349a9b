"""What cannot be is said in our words, with the way out, and not in Abaco's."""

import json

import pytest
from recorder import Recorder, Run

from abaco_jupyter.cli.ends import End

WRONG = {
    "share words ann SUPER": "level 'SUPER' is none of NONE, READ, EXECUTE, UPDATE.",
    "share words  READ": "user '' is not a user's name; ABACO_WORLD stands for everybody.",
    "nonces create words -l SUPER": "level 'SUPER' is none of NONE, READ, EXECUTE, UPDATE.",
    "cron words nonsense": "cron 'nonsense' is neither five fields",
    "schedules create words 61": "cron '61' is neither five fields",
    "update words --mem-limit much": "memory 'much' is not a size such as 512m or 2g.",
    "update words --webhook here": "webhook 'here' is not the URL of a web server",
}
ABSENT = {
    "logs words nothing": "words has no execution 'nothing'. Its newest are listed by",
    "aliases show nothing": "There is no alias 'nothing'. `abaco aliases list` lists",
}


@pytest.mark.parametrize(("line", "told"), WRONG.items(), ids=WRONG)
def test_a_wrong_value_is_refused_before_anything_changes(
    run: Run, server: Recorder, line: str, told: str
) -> None:
    server.add_actor("words")
    ran = run(*line.split(" "))
    assert ran.code == End.USAGE
    assert ran.err.startswith(f"abaco: {told}")
    assert {request.method for request in server.requests} <= {"GET"}


@pytest.mark.parametrize(("line", "told"), ABSENT.items(), ids=ABSENT)
def test_what_is_not_there_is_named_with_where_to_look(
    run: Run, server: Recorder, line: str, told: str
) -> None:
    server.add_actor("words")
    ran = run(*line.split(" "))
    assert (ran.code, ran.err[: len(told) + 7]) == (End.NOT_FOUND, f"abaco: {told}")


@pytest.mark.parametrize(
    "line",
    [
        "configs create c 1 -a nothing",
        "configs update c 1 -a nothing",
        "update words --link nothing",
    ],
)
def test_an_actor_that_is_not_there_is_refused_before_anything_changes(
    run: Run, server: Recorder, line: str
) -> None:
    server.add_actor("words")
    ran = run(*line.split(" "))
    assert (ran.code, ran.err) == (
        End.NOT_FOUND,
        "abaco: No actor is 'nothing'. Actors: words.\n",
    )
    assert {request.method for request in server.requests} == {"GET"}


def test_actors_of_configs_and_links_go_by_name_too(run: Run, server: Recorder) -> None:
    made = server.add_actor("words")
    assert run("configs", "create", "c", "1", "-a", "words").code == End.OK
    assert json.loads(server.seen("POST", "/configs$")[0].content)["actors"] == made["id"]
    assert run("update", "words", "--link", "words").code == End.OK
    assert json.loads(server.seen("PUT", "/actors/v2/")[0].content)["link"] == made["id"]
