from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from abaco_jupyter.client.errors import ServerUnreachable, UnexpectedAnswer
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import envelope
from abaco_jupyter.wire.errors import (
    HEADER,
    AbacoError,
    MessageTooLarge,
    NotAuthorized,
    NotReady,
)

Answer = Callable[[httpx.Request], httpx.Response]


@contextmanager
def transport(answer: Answer, **options: object) -> Iterator[Transport]:
    made = Transport("http://h:1/base/", "tok", http=httpx.MockTransport(answer), **options)
    try:
        yield made
    finally:
        made.close()


def test_the_result_is_unwrapped_and_the_token_sent() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer tok"
        assert request.url == "http://h:1/base/actors/v2"
        return httpx.Response(200, content=envelope.success([1], "fine"))

    with transport(answer) as http:
        assert http.call("GET", "/actors/v2") == [1]


def test_the_code_in_the_header_becomes_the_class() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        body = envelope.failure("9 bytes, at most 5")
        return httpx.Response(400, content=body, headers={HEADER: "message_too_large"})

    with transport(answer) as http, pytest.raises(MessageTooLarge, match=r"^9 bytes, at most 5$"):
        http.call("POST", "/x")


def test_a_code_of_a_later_release_is_a_plain_error() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        body = envelope.failure("new kind of trouble")
        return httpx.Response(400, content=body, headers={HEADER: "from_the_future"})

    with transport(answer) as http, pytest.raises(AbacoError, match="new kind") as caught:
        http.call("GET", "/x")
    assert type(caught.value) is AbacoError


@pytest.mark.parametrize("status", [302, 401, 403])
def test_a_refusal_by_jupyter_names_the_token(status: int) -> None:
    with (
        transport(lambda _: httpx.Response(status, text="<html>")) as http,
        pytest.raises(NotAuthorized, match="refused the token"),
    ):
        http.call("GET", "/x")


def test_a_proxy_that_finds_the_body_too_large() -> None:
    with (
        transport(lambda _: httpx.Response(413, text="<html>")) as http,
        pytest.raises(MessageTooLarge, match="1,000 bytes"),
    ):
        http.call("POST", "/x", content=b"x" * 1000)


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(404, text="<html>"),
        httpx.Response(200, text="welcome"),
        httpx.Response(200, json=["no", "envelope"]),
    ],
)
def test_an_answer_that_is_not_abacos(response: httpx.Response) -> None:
    with transport(lambda _: response) as http, pytest.raises(UnexpectedAnswer) as caught:
        http.call("GET", "/x")
    assert caught.value.status_code == response.status_code


def test_a_query_is_not_shown_in_an_error() -> None:
    with transport(lambda _: httpx.Response(404)) as http, pytest.raises(UnexpectedAnswer) as e:
        http.call("GET", "/x", params={"x-nonce": "SECRET"})
    assert "SECRET" not in str(e.value)


def test_a_server_that_does_not_answer_is_named_with_the_way_out() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    with transport(answer) as http, pytest.raises(ServerUnreachable) as caught:
        http.call("GET", "/x")
    text = str(caught.value)
    assert "http://h:1/base" in text
    assert "Connection refused" in text
    assert "ABACO_URL" in text


def test_a_url_that_is_none() -> None:
    with transport(lambda _: httpx.Response(200)) as http:
        http.url = "http://h:notaport"
        with pytest.raises(ServerUnreachable, match="not a URL"):
            http.call("GET", "/x")


def not_ready(after: str | None = "2") -> httpx.Response:
    headers = {HEADER: "not_ready"} | ({"Retry-After": after} if after else {})
    return httpx.Response(503, content=envelope.failure("it starts"), headers=headers)


def test_503_with_retry_after_is_waited_for() -> None:
    answers = [not_ready(), not_ready(), httpx.Response(200, content=envelope.success(7, ""))]
    waits: list[float] = []
    with transport(lambda _: answers.pop(0), sleep=waits.append) as http:
        assert http.call("GET", "/x") == 7
    assert waits == [2.0, 2.0]


def test_the_wait_for_a_server_is_bounded() -> None:
    waits: list[float] = []
    with (
        transport(lambda _: not_ready(), sleep=waits.append, patience=timedelta(seconds=5)) as http,
        pytest.raises(NotReady, match="it starts"),
    ):
        http.call("GET", "/x")
    assert waits == [2.0, 2.0]


def test_503_without_retry_after_is_an_error_at_once() -> None:
    with transport(lambda _: not_ready(None)) as http, pytest.raises(NotReady):
        http.call("GET", "/x")


def test_an_interrupt_ends_the_wait_for_a_server() -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with (
        transport(lambda _: not_ready(), sleep=interrupted) as http,
        pytest.raises(KeyboardInterrupt),
    ):
        http.call("GET", "/x")


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_whose_server_is_away_is_not_an_answer(status: int) -> None:
    with (
        transport(lambda _: httpx.Response(status, text="<html>")) as http,
        pytest.raises(ServerUnreachable, match="from a proxy"),
    ):
        http.call("GET", "/x")
