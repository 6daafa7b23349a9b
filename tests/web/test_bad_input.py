"""Whatever comes in, no answer is a 500 and none is a page."""

import asyncio
import json

import pytest

pytestmark = pytest.mark.asyncio

VALUES = [None, True, False, 0, -1, 10**30, 1.5, "", "x", "\0", "é" * 300, [], [[]], {}, {"a": {}}]
BODIES = [
    *(json.dumps(value).encode() for value in VALUES),
    b"",
    b"{",
    b"}",
    b"\xff\xfe",
    b"\x00",
    b'{"a": "\\ud800"}',
    b'{"image": "\\u0000\\ud800", "name": "\\u0000"}',
    b'{"a": 1e999}',
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"a=b&a=c&=&%ff=%ff",
]
KINDS = [
    "application/json",
    "text/plain",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=B",
    'multipart/form-data; boundary="',
    "application/json; charset=nonsense",
    "\xff",
]
FIELDS = [
    "image", "name", "stateless", "type", "link", "token", "webhook", "hints", "description",
    "privileged", "maxWorkers", "memLimit", "maxCpus", "useContainerUid", "defaultEnvironment",
    "status", "statusMessage", "state", "createTime", "owner", "mounts", "revision", "tasdir",
    "uid", "gid", "queue", "id", "logEx", "cronOn", "cronSchedule", "cronNextEx", "tenant",
    "force", "message", "self", "unknown", "__class__", "a.b", "", "_links",
]  # fmt: skip


def is_abacos(answer) -> None:
    assert answer.status in (200, 400, 404), (answer.status, answer.body)
    if answer.headers["Content-Type"] == "application/json":
        assert list(answer.json) == ["message", "result", "status", "version"]
        assert (answer.json["status"] == "success") == (answer.status == 200)
        assert "Unrecognized" not in answer.message


async def test_every_body_on_every_endpoint(place) -> None:
    stateful = await place.actor(stateless=False)
    execution = await place.execution(stateful)
    config = {"name": "key", "value": "v", "isSecret": True, "actors": stateful}
    assert (await place.api("POST", "/actors/v2/configs", config)).status == 200
    for method, path in (
        ("POST", "/actors/v2"),
        ("PUT", f"/actors/v2/{stateful}"),
        ("POST", f"/actors/v2/{stateful}/messages"),
        ("POST", f"/actors/v2/{stateful}/state"),
        ("POST", f"/actors/v2/{stateful}/executions"),
        ("DELETE", f"/actors/v2/{stateful}/executions/{execution}"),
        ("POST", "/actors/v2/configs"),
        ("PUT", "/actors/v2/configs/key"),
        ("POST", "/actors/v2/configs/key/permissions"),
        ("POST", "/abaco/v1/builds"),
    ):
        for kind in KINDS:
            for body in BODIES:
                is_abacos(await place.api(method, path, body, kind=kind))


@pytest.mark.parametrize("field", FIELDS)
async def test_every_value_in_every_field(place, field: str) -> None:
    actor_id = await place.actor()
    for value in VALUES:
        body = {"image": "x", field: value}
        for method, path in (("POST", "/actors/v2"), ("PUT", f"/actors/v2/{actor_id}")):
            answer = await place.api(method, path, body)
            is_abacos(answer)
            if field in ("status", "owner", "uid", "gid", "mounts", "id", "revision", "tenant"):
                assert answer.status == 200
                assert answer.result["owner"] == "ada"
                assert answer.result["status"] == "SUBMITTED"
                assert answer.result["mounts"] == []
                assert not {"uid", "gid", "tasdir"} & answer.result.keys()


@pytest.mark.parametrize(
    "path",
    [
        "/actors/v2/%ff",
        "/actors/v2/%00",
        "/actors/v2/%2e%2e",
        "/actors/v2/..%2f..",
        "/actors/v2/'%20or%201=1",
        "/actors/v2/<script>",
        "/actors/v2/%3Cscript%3E",
        "/actors/v2/" + "x" * 5000,
        "/actors/v2/x/executions/%00/logs",
        "/actors/v2?token=%ff",
        "/actors/v2?%ff=%ff",
        "/actors/v2?limit=x&skip=-1",
    ],
)
async def test_odd_paths(place, path: str) -> None:
    for method in ("GET", "DELETE"):
        answer = await place.api(method, path)
        assert answer.status in (200, 400, 404, 405)
        assert answer.json["version"] == "1.9.1"
        if "%ff" in path:
            bare = await place.api(method, path, token=None)
            assert bare.status in (400, 404)
            assert bare.json["status"] == "error"


@pytest.mark.parametrize("field", ["name", "value", "isSecret", "actors", "user", "level", ""])
async def test_every_value_in_every_field_of_a_config(place, field: str) -> None:
    actor_id = await place.actor()
    config = {"name": "key", "value": "v", "isSecret": True, "actors": actor_id}
    assert (await place.api("POST", "/actors/v2/configs", config)).status == 200
    for n, value in enumerate(VALUES):
        body = config | {"name": f"key{n}", "user": "bob", "level": "READ", field: value}
        is_abacos(await place.api("POST", "/actors/v2/configs", body))
        for method, path in (("PUT", ""), ("POST", "/permissions")):
            is_abacos(await place.api(method, f"/actors/v2/configs/key{path}", body))
    is_abacos(await place.api("GET", "/actors/v2/configs"))


@pytest.mark.parametrize("name", ["%00", "%FF", "a%2Fb", "%20", "..", "%F0%9F%8E%AD", "x" * 5000])
async def test_configs_by_any_name(place, name: str) -> None:
    for path in (f"/actors/v2/configs/{name}", f"/actors/v2/configs/{name}/permissions"):
        for client in (place.api, place.as_user("bob")):
            for method in ("GET", "PUT", "POST", "DELETE"):
                answer = await client(method, path, {})
                assert answer.status in (400, 404, 405), (method, path, answer.body)
                assert list(answer.json) == ["message", "result", "status", "version"]


async def test_a_refusal_waits_for_the_body_that_is_on_its_way(place):
    """It was sent at once, and closing the connection then cost the client the answer."""
    host, port = place.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /a%40b/actors/v2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
    for _ in range(2):  # the connection stays, too
        writer.write(head.encode())
        await writer.drain()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        writer.write(b"{}  ")
        answer = await asyncio.wait_for(reader.readuntil(b"}\n"), 10)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"No JWT or nonce provided."' in answer
    writer.close()
    await writer.wait_closed()
