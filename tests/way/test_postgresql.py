"""The whole service on PostgreSQL: the store of a hub."""

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from live_server import LiveServer

pytestmark = pytest.mark.postgresql

SOURCE = "def double(text):\n    return text * 2\n"


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of a database of its own: the service's claim is on a whole database."""
    url = make_url(os.environ["ABACO_TEST_POSTGRESQL"])
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid.uuid4().hex}"
    with engine.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as conn:
        conn.execute(text(f"DROP DATABASE {name}"))
    engine.dispose()


def test_a_message_survives_a_killed_server(database: str, tmp_path: Path) -> None:
    options = (f"--AbacoApp.store_url={database}", "--AbacoApp.runner=process")
    server = LiveServer(tmp_path, *options).start()
    try:
        actor = server.register(SOURCE, "double", name="double")
        execution = server.send(actor, "ab")
        server.kill()
        server.start()
        server.follow(actor, execution)
        assert server.result(actor, execution) == b'"abab"'
        record = server.api("GET", f"actors/v2/{actor}/executions/{execution}")
        assert (record["status"], record["exitCode"]) == ("COMPLETE", 0)
    finally:
        server.stop()


def test_a_second_service_says_whose_database_it_is(database: str, tmp_path: Path) -> None:
    options = (f"--AbacoApp.store_url={database}", "--AbacoApp.runner=process")
    with LiveServer(tmp_path / "one", *options):
        other = LiveServer(tmp_path / "two", *options)
        other.ready_path = "api"
        with other:
            deadline = time.monotonic() + 60
            while b"is starting" in (answer := other.request("GET", "actors/v2"))[1]:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert answer[0] == 503
            assert b"Another Abaco service uses the database" in answer[1]
